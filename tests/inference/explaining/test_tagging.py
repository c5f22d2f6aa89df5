"""`explain` of taggers: against n-best lists, unknown words and hidden ids, the same without torch, and refusals."""

from dataclasses import replace
from functools import partial
from math import exp, inf, log
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import Patterns, Span, Tagger, UsageError
from seqtag.batching import collate
from seqtag.inference.explaining.explanation import WITHOUT_TORCH, Explanation
from seqtag.models.tagging.temperature import span_chain
from seqtag.runtime import load
from seqtag.text.schemes import spans_from_tags

SENTENCE = UNSEEN[4]
PLAIN = [["X" if token.istitle() else "Y" for token in tokens] for tokens in TOKENS]


@pytest.fixture(scope="module")
def tagger(exported_tagger: Path) -> Tagger:
    return Tagger.load(exported_tagger, device="cpu")


@pytest.fixture(scope="module")
def taggers(tagger: Tagger) -> dict[str, Tagger]:
    return {
        "crf": tagger,
        "linear": fitted_tagger(head="linear", calibrate=True, epochs=4),
        "plain": tiny_tagger(epochs=3, calibrate=True).fit(TOKENS, PLAIN, dev=(TOKENS, PLAIN)),
        "no encoder": Tagger(encoder=None, epochs=3, batch_size=4, device="cpu").fit(TOKENS, TAGS, dev=(TOKENS, TAGS)),
        "no lexical": fitted_tagger(lexical=False, epochs=3),
    }


def assert_adds_up(one: Explanation) -> None:
    assert sum(part.score for part in one.parts) == pytest.approx(one.log_odds, abs=1e-9)
    for part in one.parts:
        if part.shares:
            assert sum(share.score for share in part.shares) == pytest.approx(part.score, abs=1e-5)


@pytest.mark.parametrize("kind", ["crf", "linear", "plain", "no encoder", "no lexical"])
def test_the_parts_add_up_and_the_probability_is_that_of_the_prediction(taggers: dict[str, Tagger], kind: str):
    tagger, found = taggers[kind], 0
    for tokens in [*UNSEEN, *TOKENS[:5]]:
        spans, explained = tagger.predict_token_spans([tokens])[0], tagger.explain(tokens)
        assert [(one.span.start, one.span.end, one.span.label) for one in explained] == [
            (span.start, span.end, span.label) for span in spans
        ]
        assert [one.probability for one in explained] == pytest.approx([span.score for span in spans])
        found += len(explained)
        for one in explained:
            assert one.log_odds >= 0
            assert one.instead is not None
            assert all(part.shares for part in one.parts if part.kind == "emission")
            assert not one.note
            assert_adds_up(one)
    assert found


@pytest.mark.parametrize("kind", ["crf", "linear"])
def test_the_next_best_reading_is_the_first_of_the_n_best_without_the_span(taggers: dict[str, Tagger], kind: str):
    tagger, tokens = taggers[kind], SENTENCE[:6]
    paths = tagger.predict_nbest([tokens], n=300)[0]
    readings = [(spans_from_tags(tags, tagger.scheme_), score) for tags, score in paths]
    spans = {span for reading, _ in readings[:20] for span in reading}
    assert len(spans) > 3
    for span in spans:
        [one] = tagger.explain(tokens, span)
        with_span = next(score for reading, score in readings if span in reading)
        other, without = next((reading, score) for reading, score in readings if span not in reading)
        assert one.log_odds == pytest.approx(log(with_span / without), abs=1e-6)
        there = [other for other in other if other.start < span.end and other.end > span.start]
        assert one.instead is not None
        assert [(it.start, it.end, it.label) for it in one.instead] == [(it.start, it.end, it.label) for it in there]


@pytest.mark.parametrize("kind", ["crf", "linear"])
def test_what_is_known_is_known_in_every_reading(taggers: dict[str, Tagger], kind: str):
    """The n best given what is known, and the log odds of the same sentence where nothing is known, are the oracles."""
    tagger, tokens = taggers[kind], SENTENCE[:6]
    known = [(0, 1, "LOC"), (2, 4, "ORG", 2.0), (3, 4, "PER", 0.5)]
    readings = [
        (spans_from_tags(tags, tagger.scheme_), score)
        for tags, score in tagger.predict_nbest([tokens], n=300, known=[known])[0]
    ]
    spans = {span for reading, _ in readings[:20] for span in reading}
    assert Span(0, 1, "LOC") in spans
    proba = tagger._engine().candidates([tokens], 1e-9, tagger._known([known], None, [tokens])).lists()[0]
    scores = {(span.start, span.end, span.label): span.score for span in proba}
    hows = {(2, 4, "ORG"): "with a strength of 2", (3, 4, "PER"): "with a strength of 0.5"}
    for span in spans:
        [one] = tagger.explain(tokens, span, known=known)
        assert one.probability == pytest.approx(scores[span.start, span.end, span.label], rel=1e-5)
        if span == Span(0, 1, "LOC"):
            assert (one.log_odds, one.instead, one.known) == (inf, None, "for certain")
            assert "It was known before the prediction, for certain. No other reading is possible." in str(one)
            continue
        assert one.known == hows.get((span.start, span.end, span.label), "")
        with_span = next(score for reading, score in readings if span in reading)
        without = next(score for reading, score in readings if span not in reading)
        assert one.log_odds == pytest.approx(log(with_span / without), abs=1e-6)
        assert_adds_up(one)


def test_a_strength_is_a_part_of_the_log_odds_wherever_a_word_is_hidden(tagger: Tagger):
    [one] = tagger.explain(SENTENCE, Span(2, 4, "ORG"), known=[(2, 4, "ORG", 2.0)])
    [free] = tagger.explain(SENTENCE, Span(2, 4, "ORG"))
    assert one.log_odds == pytest.approx(free.log_odds + 2.0)
    assert [(each.token, each.hidden) for each in one.occlusions] == [(it.token, it.hidden) for it in free.occlusions]
    for ours, theirs in zip(one.occlusions, free.occlusions):
        assert ours.log_odds == pytest.approx(theirs.log_odds + 2.0)
        odds = theirs.probability / (1 - theirs.probability) * exp(2.0)
        assert ours.probability == pytest.approx(odds / (1 + odds), rel=1e-4)
    assert "Known spans +2.00: B-ORG at " in str(one)


def test_patterns_and_places_of_a_text_are_known_too(tagger: Tagger):
    text = "It rained. Ada Lovelace lived in New Porto."
    found = tagger.explain_text(text, known=[(33, 42, "ORG")])
    [one] = [one for one in found if one.known]
    assert (one.span.text, one.span.label, one.probability) == ("New Porto", "ORG", 1.0)
    patterns = Patterns([{"label": "ORG", "pattern": "New Porto"}])
    assert [it.to_dict() for it in tagger.explain_text(text, known=patterns)] == [it.to_dict() for it in found]
    with pytest.raises(UsageError, match=r"LOC at 37-42: no sequence .* beside what is known"):
        tagger.explain_text(text, Span(37, 42, "LOC"), known=patterns)


def test_a_hidden_word_is_the_unknown_word(tagger: Tagger):
    [one] = tagger.explain(SENTENCE, Span(1, 4, "ORG"))
    assert {occlusion.token for occlusion in one.occlusions} == set(range(len(SENTENCE)))
    for occlusion in one.occlusions:
        if occlusion.hidden == "word":  # a letter that training never saw
            changed = [*SENTENCE[: occlusion.token], "\u0b83", *SENTENCE[occlusion.token + 1 :]]
            [there] = tagger.explain(changed, Span(1, 4, "ORG"))
            assert (occlusion.log_odds, occlusion.probability) == pytest.approx((there.log_odds, there.probability))


def test_a_hidden_spelling_leaves_the_id_of_the_word_alone(tagger: Tagger):
    [one] = tagger.explain(SENTENCE, Span(1, 4, "ORG"))
    network, tagset = tagger.network_, tagger.tagset_
    for occlusion in one.occlusions:
        if occlusion.hidden == "spelling" and SENTENCE.count(SENTENCE[occlusion.token]) == 1:
            batch = collate(tagger.vocabulary_, [SENTENCE])
            row = int(batch.slots_BT[0, occlusion.token])
            batch.features_UF[row, 1:], batch.characters_UC[row] = (
                1,
                torch.tensor([1] + [0] * 99)[: batch.characters_UC.shape[1]],
            )
            chain = span_chain(network.head, tagset, network.emissions(batch), batch.lengths_B)
            label = np.array([chain.labels.index("ORG")])
            probability = chain.probabilities(np.array([0]), np.array([1]), np.array([4]), label)
            assert occlusion.probability == pytest.approx(float(probability[0]), abs=1e-6)


def test_without_torch_all_but_the_shares_is_the_same(exported_tagger: Path, tagger: Tagger):
    alone = load(exported_tagger)
    for tokens in [SENTENCE, TOKENS[0]]:
        for ours, theirs in zip(alone.explain(tokens), tagger.explain(tokens), strict=True):
            assert ours.note == WITHOUT_TORCH
            assert ours.note in str(ours)
            assert ours.instead == theirs.instead
            assert [(part.kind, part.token, part.chosen, part.instead) for part in ours.parts] == [
                (part.kind, part.token, part.chosen, part.instead) for part in theirs.parts
            ]
            scores = [[part.score for part in one.parts] for one in (ours, theirs)]
            np.testing.assert_allclose(*scores, atol=1e-4)
            hidden = [[(it.log_odds, it.probability) for it in one.occlusions] for one in (ours, theirs)]
            np.testing.assert_allclose(*hidden, atol=1e-4)
            assert_adds_up(ours)
    assert alone.predict(TOKENS) == tagger.predict(TOKENS)


def test_thresholds_explain_what_they_let_through():
    tagger = fitted_tagger(epochs=3).tune(TOKENS, TAGS, recall=1.0)
    explained = [one for tokens in TOKENS for one in tagger.explain(tokens)]
    spans = [span for spans in tagger.predict_token_spans(TOKENS) for span in spans]
    assert [one.probability for one in explained] == pytest.approx([span.score for span in spans])
    unlikely = [one for one in explained if one.log_odds < 0]
    assert unlikely
    assert "more probable" in str(unlikely[0])
    for one in explained:
        assert_adds_up(one)


def test_places_of_a_text_are_its_characters(tagger: Tagger):
    text = "Grace  Hopper left. Ada Lovelace lived in London."
    explained = tagger.explain_text(text)
    assert [replace(one.span, score=None) for one in explained] == [
        replace(span, score=None) for span in tagger.predict_spans([text])[0]
    ]
    assert all(text[one.span.start : one.span.end] == one.span.text for one in explained)
    assert all(text[token.start : token.end] == token.text for one in explained for token in one.tokens)
    last = explained[-1]
    [again] = tagger.explain_text(text, Span(last.span.start, last.span.end, last.span.label))
    assert (again.log_odds, again.parts) == (last.log_odds, last.parts)


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span(0, 1, "LOCO"), "no label 'LOCO'; choose from .*; did you mean 'LOC'"),
        (Span(5, 99, "LOC"), "tokens 0 to 13"),
        (Span(3, 3, "LOC"), "tokens 0 to 13"),
    ],
)
def test_a_span_that_can_not_be_is_refused(tagger: Tagger, span: Span, message: str):
    with pytest.raises(UsageError, match=message):
        tagger.explain(SENTENCE, span)


def test_wrong_calls_are_told(taggers: dict[str, Tagger]):
    with pytest.raises(UsageError, match="explain takes token lists, but sentence 1 is the string"):
        taggers["crf"].explain("Ada lives in Turin.")  # type: ignore[arg-type]
    for explain in (lambda span: taggers["crf"].explain(["Ada"], span), partial(taggers["crf"].explain_text, "Ada")):
        with pytest.raises(UsageError, match=r"explain takes a span as Span\(start, end, label\)"):
            explain((0, 1, "PER"))
    with pytest.raises(UsageError, match="the tokens there are: 'Ada' 0 to 3, 'met' 4 to 7"):
        taggers["crf"].explain_text("Ada met Bo.", Span(1, 5, "PER"))
    with pytest.raises(UsageError, match="gives each token a tag"):
        taggers["plain"].explain(["Ada", "met"], Span(0, 2, "X"))
    assert list(taggers["crf"].explain([])) == []
    assert str(taggers["crf"].explain_text("")) == "Nothing was found, so there is nothing to explain."


def test_of_a_long_sentence_the_nearest_words_are_hidden(tagger: Tagger):
    tokens = TOKENS[0] * 60
    [one] = tagger.explain(tokens, Span(100, 101, "LOC"))
    hidden = sorted({occlusion.token for occlusion in one.occlusions})
    assert hidden == list(range(hidden[0], hidden[-1] + 1))
    assert 100 in hidden
    assert 2 * len(hidden) * len(tokens) <= 50_000
