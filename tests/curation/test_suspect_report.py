"""The report of suspects: its ranking, its JSON, and what a page offers to tick."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import only, read_page

from seqtag import Span
from seqtag.curation.suspect_report import Copy, Surface, Suspect, Suspects, as_choice, suspicion

TOKENS = ("Ms", "Washington", "met", "Bo\u200b\x7f", '"&<')
TEXT = " ".join(TOKENS)
WRONG = Suspect(
    "wrong type",
    "train",
    11,
    (Span(1, 2, "LOC", "Washington", 0.01),),
    (Span(1, 2, "PER", "Washington", 0.98),),
    0.01,
    0.98,
    TOKENS,
    TEXT,
    (Span(3, 4, "PER"),),
    (Copy("dev", 3, ("PER",)),),
)
MISSING = Suspect("missing", "dev", 0, (), (Span(3, 5, "PER", TEXT[18:], 0.3),), 0.6, 0.3, TOKENS, TEXT)
REPORT = Suspects(
    source="news",
    task="tag",
    scheme="IOB2",
    num_rows=40,
    num_labels=60,
    folds=5,
    seed=0,
    least=0.0,
    trust={"LOC": 0.5, "PER": 0.9},
    suspects=(WRONG, MISSING),
    surfaces=(Surface("Washington", (("LOC", 12), ("PER", 3)), 1),),
)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_suspicion_grows_with_the_proposal_and_falls_with_what_the_corpus_has(gold, proposed, other):
    assert suspicion(gold, proposed) == -suspicion(proposed, gold)
    assert (suspicion(gold, proposed) >= suspicion(gold, other)) or proposed < other
    assert abs(suspicion(gold, proposed)) < 9.3


def test_the_score_is_the_log_odds_times_their_weight():
    assert replace(WRONG, weight=0.5).score == pytest.approx(WRONG.score / 2)


def test_json_has_what_a_correction_needs_and_its_keys_stay():
    stored = json.loads(REPORT.to_text(".json"))
    assert list(stored) == [
        *("source", "task", "scheme", "num_rows", "num_labels", "folds", "seed", "least"),
        *("trust", "counts", "surfaces", "suspects"),
    ]
    assert stored["counts"] == {"missing": 1, "wrong type": 1}
    assert stored["surfaces"] == [{"words": "Washington", "labels": {"LOC": 12, "PER": 3}, "num_suspects": 1}]
    first = stored["suspects"][0]
    assert first["gold"] == [{"start": 1, "end": 2, "label": "LOC", "text": "Washington", "score": 0.01}]
    assert first["copies"] == [{"split": "dev", "row": 3, "labels": ["PER"]}]
    assert first["score"] == pytest.approx(4.585, abs=1e-3)


def test_print_shows_suspects_in_their_sentences():
    shown = re.sub(" +", " ", str(REPORT))
    for line in (
        "Washington 12 LOC, 3 PER",
        "corpus Ms [Washington](LOC 0.01) met",
        "proposed Ms [Washington](PER 0.98) met",
        "wrong type (train, sentence 12)",
        "Washington: 12 LOC, 3 PER; near copies: dev,",
    ):
        assert line in shown, line


def test_the_page_offers_each_suspect_to_be_ticked_with_what_a_correction_needs():
    page = read_page(REPORT.to_html())
    examples = only(page.all("div", "examples"))
    assert examples.attributes["data-choices"] == "suspects"
    choices = [json.loads(item.attributes["data-choice"] or "") for item in examples.all("li", "example")]
    assert choices == [WRONG.change(), MISSING.change()]
    sides = [line.text(without="tag") for line in examples.all("li", "example")[0].all("p", "line")]
    assert sides[0] == sides[1]
    marks = [mark.text(without="tag") for mark in examples.all("mark")]
    assert marks[:2] == ["Washington", "BoU+200BU+007F"]


@given(st.text())
def test_a_choice_is_json_of_letters_that_pages_leave_alone(text):
    written = as_choice({"text": text})
    assert json.loads(written) == {"text": text}
    assert written.isascii()
    assert written.isprintable()


def test_a_long_text_is_cut_for_the_page_and_its_class_is_in_the_note():
    text = "dull " * 400
    suspect = Suspect("wrong class", "train", 0, (Span(0, 2000, "good", text[:60], 0.1),), (), 0.1, 0.9, (), text)
    report = Suspects("reviews", "classify", None, 9, 9, 5, 0, 0.0, {}, (suspect,), ())
    page = only(read_page(report.to_html()).all("li", "example")).text()
    assert "good 0.100, proposed: nothing 0.900" in page
    assert "the first 1,000 of 2,000 characters" in page
    assert "train, text 1" in page


def test_without_suspects_the_report_says_so():
    report = Suspects("news", "tag", "IOB2", 9, 9, 5, 0, 0.0, {}, (), ())
    assert "Suspects 0" in str(report)
    assert len(report.sections()) == 1
