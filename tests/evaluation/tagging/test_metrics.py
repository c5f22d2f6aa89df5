"""Scores against seqeval and scikit-learn called directly, published figures of a shared task, and cases by hand."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import seqeval.metrics
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import BILOU, IOB2, IOBES

from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.metrics import LabelScore, Scores, score_spans, score_tokens, token_accuracy
from seqtag.text.schemes import illegal_positions, spans_from_tags
from seqtag.text.tag_tables import TagTable

LETTERS = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
CLASSES = {"IOB2": IOB2, "BIOES": IOBES, "BILOU": BILOU}
TagLists = list[list[str]]


@st.composite
def two_taggings(draw: st.DrawFn, tags: list[str]) -> tuple[TagLists, TagLists]:
    """Give gold and predicted tags of a few sentences, legal or not, with runs of one tag and empty sentences."""
    piece = st.tuples(st.sampled_from(tags), st.sampled_from(tags), st.integers(1, 3))
    gold, predicted = [], []
    for pieces in draw(st.lists(st.lists(piece, max_size=6), min_size=1, max_size=4)):
        gold.append([left for left, _, size in pieces for _ in range(size)])
        predicted.append([right for _, right, size in pieces for _ in range(size)])
    return gold, predicted


def tag_set(scheme: str) -> list[str]:
    """Give the tags of a scheme, `O` more often than others; one label has a hyphen."""
    return ["O"] * 4 + [f"{letter}-{label}" for letter in LETTERS[scheme] for label in ("PER", "creative-work")]


def assert_equals_seqeval(scores: Scores, gold: TagLists, predicted: TagLists, **mode: Any) -> None:
    for name in ("precision", "recall", "f1"):
        measure = getattr(seqeval.metrics, f"{name}_score")
        assert getattr(scores, name) == pytest.approx(measure(gold, predicted, zero_division=0, **mode))
        rows = measure(gold, predicted, average=None, zero_division=0, **mode)
        assert [getattr(row, name) for row in scores.labels] == pytest.approx(list(rows))
    if not scores.labels:  # seqeval's own report fails where there is no span
        return
    report = seqeval.metrics.classification_report(gold, predicted, output_dict=True, zero_division=0, **mode)
    supports = {name: row["support"] for name, row in report.items() if not name.endswith(" avg")}
    assert {row.label: row.support for row in scores.labels} == supports


@pytest.mark.parametrize("scheme", CLASSES)
@settings(max_examples=60)
@given(st.data())
def test_strict_figures_equal_seqeval(scheme, data):
    gold, predicted = data.draw(two_taggings(tag_set(scheme)))
    strict = evaluate_tags(gold, predicted, scheme=scheme, resamples=0).strict
    assert_equals_seqeval(strict, gold, predicted, mode="strict", scheme=CLASSES[scheme])


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES"])
@given(st.data())
def test_conlleval_figures_equal_seqeval(scheme, data):
    gold, predicted = data.draw(two_taggings(tag_set(scheme)))
    assert_equals_seqeval(evaluate_tags(gold, predicted, scheme=scheme, resamples=0).conlleval, gold, predicted)


@pytest.mark.parametrize("scheme", LETTERS)
@given(st.data())
def test_conlleval_figures_equal_sets_of_spans(scheme, data):
    gold, predicted = data.draw(two_taggings(tag_set(scheme)))
    report = evaluate_tags(gold, predicted, scheme=scheme, resamples=0)
    expected, found = (
        {(number, span) for number, tags in enumerate(corpus) for span in spans_from_tags(tags, scheme)}
        for corpus in (gold, predicted)
    )
    right = len(expected & found)
    assert (report.num_gold, report.num_predicted) == (len(expected), len(found))
    assert report.conlleval.precision == pytest.approx(right / len(found) if found else 0)
    assert report.conlleval.recall == pytest.approx(right / len(expected) if expected else 0)
    assert report.conlleval.f1 == pytest.approx(2 * right / (len(expected) + len(found)) if right else 0)
    if scheme in ("IO", "IOB1") or not any(illegal_positions(tags, scheme) for tags in gold + predicted):
        assert report.strict == report.conlleval


@settings(max_examples=40)
@given(two_taggings(["DET", "NOUN", "O", "B-A"]))
def test_plain_figures_equal_scikit_learn(taggings):
    gold, predicted = taggings
    left, right = list(chain(*gold)), list(chain(*predicted))
    report = evaluate_tags(gold, predicted, scheme="plain", resamples=0)
    if not left:
        assert (report.accuracy, report.f1, report.strict.labels) == (0.0, 0.0, ())
        return
    assert report.accuracy == report.score == pytest.approx(sklearn.metrics.accuracy_score(left, right))
    own = sorted(set(left))  # without `labels` scikit-learn also counts, as 0, a tag that only the prediction has
    macro = sklearn.metrics.f1_score(left, right, labels=own, average="macro", zero_division=0)
    assert report.f1 == pytest.approx(macro)
    rows = sklearn.metrics.classification_report(left, right, output_dict=True, zero_division=0)
    for row in report.strict.labels:
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(list(rows[row.label].values()))


def tables(gold: TagLists, predicted: TagLists) -> list[TagTable]:
    numbers: dict[str, int] = {}
    return [TagTable.of(side, numbers) for side in (gold, predicted)]


def read_tags(path: Path) -> list[str]:
    lines = path.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n")
    return [line.split()[-1] if line.strip() else "" for line in lines]


@pytest.mark.parametrize(
    ("system", "conlleval", "strict"),
    [("arcada", 39.98, 39.98), ("mic-cis", 37.06, 37.30), ("spinningbytes", 40.78, 41.31)],
)
def test_published_figures_of_wnut17(shared_data, system, conlleval, strict):
    folder = shared_data / "wnut17"
    columns = [read_tags(folder / "emerging.test.annotated"), read_tags(folder / "submissions" / system)]
    corpora: list[TagLists] = [[[]], [[]]]
    for pair in zip(*columns):
        for corpus, tag in zip(corpora, pair):
            if tag:
                corpus[-1].append(tag)
            elif corpus[-1]:
                corpus.append([])
    report = evaluate_tags(*corpora, scheme="IOB2", resamples=0)
    assert (report.num_tokens, report.num_gold) == (23394, 1079)
    assert (round(100 * report.conlleval.f1, 2), round(100 * report.strict.f1, 2)) == (conlleval, strict)


def test_an_orphan_counts_leniently_and_not_strictly():
    strict, conlleval, _ = score_spans(
        *tables([["B-PER", "I-PER", "O", "B-LOC"]], [["I-PER", "I-PER", "O", "B-LOC"]]), scheme="IOB2"
    )
    assert (strict.precision, strict.recall, strict.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    assert [row.label for row in strict.labels] == ["LOC", "PER"]
    assert (conlleval.precision, conlleval.recall, conlleval.f1) == (1.0, 1.0, 1.0)


def test_a_span_must_have_its_borders_and_its_label():
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "B-PER"], []]
    predicted = [["B-PER", "O", "O"], ["B-PER", "O", "B-PER"], []]
    strict, conlleval, _ = score_spans(*tables(gold, predicted), scheme="IOB2")
    assert strict == conlleval
    assert (strict.precision, strict.recall) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert strict.labels == (LabelScore("LOC", 0.0, 0.0, 0.0, 1), LabelScore("PER", 1 / 3, 0.5, 0.4, 2))


@given(st.sampled_from(["IOB2", "BIOES"]), st.data())
def test_the_counts_by_sentence_sum_up_to_the_strict_figures(scheme, data):
    gold, predicted = data.draw(two_taggings(tag_set(scheme)))
    strict, _, counts = score_spans(*tables(gold, predicted), scheme=scheme)
    right, in_gold, found = (array.sum(0) for array in (counts.right_SL, counts.gold_SL, counts.predicted_SL))
    assert counts.num_units == len(gold)
    assert [row.label for row in strict.labels] == [*counts.labels]
    assert [row.support for row in strict.labels] == in_gold.tolist()
    assert strict.f1 == pytest.approx(2 * right.sum() / max(in_gold.sum() + found.sum(), 1))
    for row, *figures in zip(strict.labels, right, in_gold, found):
        assert row.f1 == pytest.approx(2 * figures[0] / max(figures[1] + figures[2], 1))


@pytest.mark.parametrize(("inside", "end", "single", "scheme"), [("I", "L", "U", "BILOU"), ("M", "E", "S", "BMES")])
@given(data=st.data())
def test_the_letters_of_a_scheme_do_not_change_its_figures(inside, end, single, scheme, data):
    gold, predicted = data.draw(two_taggings(tag_set("BIOES")))
    letters = {"B": "B", "I": inside, "E": end, "S": single}
    others = [[[letters.get(tag[0], "O") + tag[1:] for tag in tags] for tags in corpus] for corpus in (gold, predicted)]
    assert score_spans(*tables(*others), scheme=scheme)[:2] == score_spans(*tables(gold, predicted), scheme="BIOES")[:2]


def test_labels_with_odd_hyphens_and_underscores_stay_apart():
    gold = [["B-a-", "O", "B--a", "O", "B-a", "O", "B-_"]]
    strict, conlleval, _ = score_spans(*tables(gold, gold), scheme="IOB2")
    assert strict == conlleval
    assert [(row.label, row.f1, row.support) for row in strict.labels] == [
        (label, 1.0, 1) for label in sorted(["a-", "-a", "a", "_"])
    ]


def test_no_span_anywhere_scores_zero():
    nothing = Scores(0.0, 0.0, 0.0, ())
    assert score_spans(*tables([["O", "O"], []], [["O", "O"], []]), scheme="IOB2")[:2] == (nothing, nothing)
    assert score_tokens(*tables([[]], [[]])) == nothing
    assert token_accuracy(*tables([[]], [[]])) == 0.0
