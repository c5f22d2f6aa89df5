"""Likely spans and the probabilities of given ones, against the sum over all sequences of a short sentence."""

import pytest

from seqtag import DataError, Span, Tagger, UsageError
from seqtag.text.schemes import spans_from_tags

SENTENCES = [["Ada", "left", "Oslo"], ["Marie", "Curie"], ["New"]]
SPANS = [Span(start, end, label) for start in range(3) for end in range(start + 1, 4) for label in ("PER", "LOC", "")]


@pytest.fixture(scope="module")
def tagger(saved_tagger) -> Tagger:
    return Tagger.load(saved_tagger, device="cpu")


@pytest.fixture(scope="module")
def sequences(tagger):
    """All sequences that are legal, with their probabilities."""
    found = tagger.predict_nbest(SENTENCES, n=2500)
    assert [sum(p for _, p in several) for several in found] == pytest.approx([1, 1, 1])
    return found


def summed(sequences, span: Span) -> float:
    def holds(tags) -> bool:
        if not span.label:
            return set(tags[span.start : span.end]) == {"O"}
        return span in spans_from_tags(tags, "IOB2")

    return sum(probability for tags, probability in sequences if holds(tags))


def test_the_probability_of_any_span_and_of_none_is_the_sum_over_all_sequences(tagger, sequences):
    asked = [[span for span in SPANS if span.end <= len(tokens)] for tokens in SENTENCES]
    found = tagger.span_probabilities([*SENTENCES, []], [*asked, []])
    assert found[-1] == []
    for several, spans, scores in zip(sequences, asked, found, strict=False):
        assert scores == pytest.approx([summed(several, span) for span in spans], abs=1e-5)


def test_candidates_are_all_spans_that_reach_the_floor(tagger, sequences):
    for several, tokens, found in zip(sequences, SENTENCES, tagger.predict_candidates(SENTENCES, floor=0.02)):
        known = {span for tags, _ in several for span in spans_from_tags(tags, "IOB2")}
        likely = {span: p for span in known if (p := summed(several, span)) >= 0.02}
        assert {Span(span.start, span.end, span.label) for span in found} == set(likely)
        assert [span.score for span in found] == pytest.approx(
            [likely[Span(span.start, span.end, span.label)] for span in found], abs=1e-5
        )
        assert found == sorted(found, key=lambda span: (span.start, span.end, span.label))
        assert all(span.end <= len(tokens) for span in found)


def test_a_label_that_the_model_lacks_has_probability_zero(tagger):
    assert tagger.span_probabilities([["Ada"]], [[Span(0, 1, "GOD")]]) == [[0.0]]


def test_wrong_calls_are_told_what_is_wrong(tagger):
    with pytest.raises(UsageError, match="floor=0: is the least probability"):
        tagger.predict_candidates(SENTENCES, floor=0)
    with pytest.raises(DataError, match="3 sentences but 1 lists of spans"):
        tagger.span_probabilities(SENTENCES, [[]])
    with pytest.raises(DataError, match=r"sentence 1: .* does not lie in its 1 tokens"):
        tagger.span_probabilities([["Ada"]], [[Span(0, 2, "PER")]])
