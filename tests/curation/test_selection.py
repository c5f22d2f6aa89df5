"""Choosing what to label next: figures against their definitions, near copies once, the same choice every time."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
from tiny import SEVERAL, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier

from seqtag import Classifier, Tagger
from seqtag.curation.selection import Seconds, select
from seqtag.errors import UsageError
from seqtag.runtime import load
from seqtag.text.tokenizer import Tokenizer

PER_TEXT = Seconds(text=60, token=0, correction=0)  # the gain is what a text has to give
ROWS = [*TOKENS, *filter(None, UNSEEN), *UNSEEN_TEXTS]


@pytest.fixture(scope="module")
def tagger(saved_tagger: Path) -> Tagger:
    return Tagger.load(saved_tagger, device="cpu")


@pytest.fixture(scope="module")
def classifier(saved_classifier: Path) -> Classifier:
    return Classifier.load(saved_classifier, device="cpu")


def test_entropy_and_errors_are_those_of_all_sequences(tagger: Tagger):
    for tokens in TOKENS[:3]:
        [paths] = tagger.predict_nbest([tokens[:3]], n=2000)
        assert sum(probability for _, probability in paths) == pytest.approx(1, abs=1e-6)
        [doubt] = tagger.predict_uncertainty([tokens[:3]])
        assert doubt.entropy == pytest.approx(-sum(p * log(p) for _, p in paths if p > 0), abs=1e-4)
        [best] = tagger.predict_token_spans([tokens[:3]])
        predicted = {(span.start, span.end, span.label) for span in best}
        expected = sum(p * len(predicted ^ spans_of(tags)) for tags, p in paths)
        assert doubt.errors == pytest.approx(expected, abs=1e-4)


def spans_of(tags: list[str]) -> set[tuple[int, int, str]]:
    starts = [i for i, tag in enumerate(tags) if tag.startswith("B-")]
    ends = [next((j for j in range(i + 1, len(tags)) if not tags[j].startswith("I-")), len(tags)) for i in starts]
    return {(start, end, tags[start][2:]) for start, end in zip(starts, ends, strict=True)}


def test_the_runtime_is_as_unsure_as_torch(exported_tagger: Path):
    on_torch = Tagger.load(exported_tagger, device="cpu", engine="torch").predict_uncertainty([*TOKENS, []])
    for ours, theirs in zip(load(exported_tagger).predict_uncertainty([*TOKENS, []]), on_torch, strict=True):
        assert ours.entropy == pytest.approx(theirs.entropy, abs=1e-4)
        assert ours.errors == pytest.approx(theirs.errors, abs=1e-4)
    assert (on_torch[-1].entropy, on_torch[-1].errors) == (0.0, 0.0)


def test_thresholds_change_what_is_predicted_and_so_the_errors(saved_tagger: Path):
    tagger = Tagger.load(saved_tagger, device="cpu")
    before = tagger.predict_uncertainty(UNSEEN)
    candidates = tagger.predict_proba(UNSEEN)
    tagger.tune(TOKENS, [[*tags] for tags in tagger.predict(TOKENS)], recall=1.0)
    after = tagger.predict_uncertainty(UNSEEN)
    assert [doubt.entropy for doubt in after] == [doubt.entropy for doubt in before]
    spans = tagger.predict_token_spans(UNSEEN)
    for doubt, found, proba in zip(after, spans, candidates, strict=True):
        wrong = sum(1 - span.score for span in found)
        assert doubt.errors >= wrong - 1e-9
        if not found:  # then the errors are all the spans that may be there
            begins = [column for column, tag in enumerate(tagger.tags_) if tag.startswith("B-")]
            assert doubt.errors == pytest.approx(proba[:, begins].sum(), abs=1e-4)


def test_texts_come_by_their_gain_per_minute(tagger: Tagger):
    seconds = Seconds(text=2, token=1, correction=4)
    found = select(tagger, ROWS, n=len(ROWS), seconds=seconds)
    assert found.taken.num_texts == found.pool.num_texts - found.num_copies
    gains = [each.gain for each in found.chosen]
    assert gains == sorted(gains, reverse=True)
    tokenizer = Tokenizer(tagger.language)
    for each in found.chosen:
        row = ROWS[each.row]
        sentences = [[*row]] if isinstance(row, list) else [cut.words for cut in tokenizer.sentences(row)]
        doubts = tagger.predict_uncertainty(sentences)
        assert each.num_tokens == sum(map(len, sentences))
        assert each.entropy == pytest.approx(sum(doubt.entropy for doubt in doubts), abs=1e-4)
        assert each.errors == pytest.approx(sum(doubt.errors for doubt in doubts), abs=1e-4)
        assert each.seconds == pytest.approx(2 + each.num_tokens + 4 * each.errors)
        assert each.gain == pytest.approx(60 * each.errors / each.seconds)
        assert each.labels == tuple(mark.label for mark in each.marks)
        if isinstance(row, str):
            assert each.text == row
            assert each.marks == tuple(
                type(mark)(span.start, span.end, span.label, score=pytest.approx(span.score, abs=1e-4))
                for mark, span in zip(each.marks, tagger.predict_spans([row])[0], strict=True)
            )
        else:
            assert each.text == " ".join(row)


def test_of_near_copies_one_is_chosen_and_none_of_labelled_ones(tagger: Tagger):
    words = [f"word{i}" for i in range(12)]
    copies = [words, [*words, words[0]], [word.upper() for word in words], words[::-1]]
    other = ["Ada", "met", "Grace", "in", "Porto"]
    found = select(tagger, [*copies, other, other, []], n=9, spread=False)
    assert sorted(min(each.row, 4) // 4 for each in found.chosen) == [0, 1]  # one of the copies, and the other
    assert found.num_copies == 4
    again = select(tagger, [*copies, other], n=9, labelled=[words])
    assert [each.row for each in again.chosen] == [4]
    assert select(tagger, [words], labelled=[words]).chosen == ()


def test_clusters_keep_the_chosen_apart(tagger: Tagger):
    frames = [["Ada", "lived", "in", "Oslo", ","], ["Shares", "of", "Nokia", "fell", "by"]]
    rows = [[*frames[i % 2], *(f"{'xy'[i % 2]}{number}" for number in range(i, i + 3))] for i in range(0, 40)]
    found = select(tagger, rows, n=2, by="entropy", seconds=PER_TEXT)
    best = select(tagger, rows, n=40, by="entropy", seconds=PER_TEXT, spread=False).chosen[0]
    assert best.row in [each.row for each in found.chosen]
    assert len(found.chosen) == 2
    assert select(tagger, rows, n=2, by="entropy", seconds=PER_TEXT) == found
    chosen = select(tagger, rows, n=7).chosen
    assert len({each.row for each in chosen}) == 7


def test_without_an_encoder_words_keep_the_chosen_apart():
    linear = Tagger(encoder=None, epochs=2, device="cpu").fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert linear.embed(TOKENS).shape == (len(TOKENS), 0)
    assert len(select(linear, TOKENS, n=3).chosen) == 3


def test_models_of_the_runtime_choose_too(exported_tagger: Path, exported_classifier: Path):
    for folder, rows, kind in ((exported_tagger, TOKENS, Tagger), (exported_classifier, TEXTS, Classifier)):
        ours = select(load(folder), rows, n=5, spread=False)
        theirs = select(kind.load(folder, device="cpu", engine="torch"), rows, n=5, spread=False)
        assert [each.row for each in ours.chosen] == [each.row for each in theirs.chosen]
        assert len({each.row for each in select(load(folder), rows, n=5).chosen}) == 5  # by their words


def test_means_of_states_are_those_of_each_sentence_alone(tagger: Tagger, classifier: Classifier):
    together = tagger.embed([*TOKENS, []])
    assert together.shape[1] > 0
    assert not together[-1].any()
    alone = np.concatenate([tagger.embed([tokens]) for tokens in TOKENS])
    np.testing.assert_allclose(together[:-1], alone, atol=1e-5)
    of_texts = classifier.embed(TEXTS)
    np.testing.assert_allclose(of_texts[3], classifier.embed(TEXTS[3:4])[0], atol=1e-5)


def test_figures_of_classes(classifier: Classifier):
    proba = classifier.predict_proba(TEXTS)
    for by in ("errors", "entropy", "margin"):
        found = select(classifier, TEXTS, n=100, by=by, seconds=PER_TEXT)
        assert found.taken.num_texts + found.num_copies == len(TEXTS)
        for each in found.chosen:
            p = proba[each.row]
            second, first = np.sort(p)[-2:]
            given = {"errors": 1 - first, "entropy": -(p * np.log(p)).sum(), "margin": 1 - (first - second)}
            assert each.gain == pytest.approx(given[by], abs=1e-4)
            assert each.errors == pytest.approx(1 - first, abs=1e-4)
            assert each.labels == (str(classifier.predict([TEXTS[each.row]])[0]),)


def test_figures_of_several_classes_per_text():
    model = tiny_classifier(epochs=3).fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL))
    proba = model.predict_proba(TEXTS)
    chosen = model.predict(TEXTS)
    for each in select(model, [*TEXTS, " "], n=100, by="margin", seconds=PER_TEXT).chosen:
        p = proba[each.row]
        errors = sum(1 - q if name in chosen[each.row] else q for name, q in zip(model.classes_, p, strict=True))
        assert each.errors == pytest.approx(errors, abs=1e-4)
        assert each.entropy == pytest.approx(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(), abs=1e-4)
        assert each.gain == pytest.approx(1 - np.abs(2 * p - 1).min(), abs=1e-4)
        assert each.labels == tuple(map(str, chosen[each.row]))


def test_a_blank_text_is_never_chosen_and_an_empty_pool_gives_nothing(tagger: Tagger, classifier: Classifier):
    assert [each.row for each in select(tagger, ["", " ", "Ada left.", []]).chosen] == [2]
    assert [each.row for each in select(classifier, ["", "\n", "What a day!"]).chosen] == [2]
    assert select(tagger, []).chosen == ()
    assert str(select(classifier, [])).startswith("What to label next")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "at least 1"),
        ({"n": True}, "at least 1"),
        ({"by": "entropie"}, "did you mean 'entropy'"),
        ({"by": "margin"}, "choose errors or entropy"),
        ({"seconds": 3}, r"give Seconds\(text=3"),
        ({"labelled": "Ada left Oslo."}, "labelled are a list of texts, not str"),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(options, message: str, tagger: Tagger):
    with pytest.raises(UsageError, match=message):
        select(tagger, TOKENS, **options)


@pytest.mark.parametrize("rows", ["Ada left Oslo.", None, [7], [["Ada", 7]], [b"Ada"]], ids=str)
def test_rows_are_texts_or_token_lists(rows, tagger: Tagger):
    with pytest.raises(UsageError, match="select: rows are"):
        select(tagger, rows)


def test_times_must_be_times():
    for wrong in ({"token": -1}, {"text": float("nan")}, {"text": 0, "token": 0}):
        with pytest.raises(UsageError, match="second"):
            Seconds(**wrong)


def test_other_models_are_refused():
    with pytest.raises(UsageError, match="not for dict"):
        select({}, TOKENS)


def test_the_document_has_every_form(tagger: Tagger, tmp_path: Path):
    found = select(tagger, ROWS, n=3)
    record = json.loads(found.to_text(".json"))
    assert [each["row"] for each in record["chosen"]] == [each.row for each in found.chosen]
    assert record["taken"]["num_texts"] == 3
    assert record["chosen"][0]["spans"] == [
        {"start": mark.start, "end": mark.end, "label": mark.label, "score": mark.score}
        for mark in found.chosen[0].marks
    ]
    page = found.to_html()
    for each in found.chosen:
        assert f"row {each.row + 1}" in page
    assert "The most to gain first" in str(found)
    assert max(map(len, str(found).splitlines())) <= 80
