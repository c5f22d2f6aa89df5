"""Slices against slow code that asks each span by itself, sums that make the whole, and cases by hand."""

from collections import Counter
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import DataError
from seqtag.evaluation.slices import Slice, entity_surfaces, score_slices
from seqtag.text.schemes import Span, spans_from_tags

TAGS = ["O", "O", "B-PER", "I-PER", "I-PER", "B-LOC"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[str]], list[list[Span]], list[list[Span]]]:
    """Give tokens, gold and predicted spans of a few sentences of a small vocabulary."""
    rows = st.lists(st.tuples(st.sampled_from(["Ada", "Bo", "York"]), *[st.sampled_from(TAGS)] * 2), max_size=9)
    sentences = draw(st.lists(rows, max_size=7))
    tokens = [[word for word, _, _ in sentence] for sentence in sentences]
    sides = [[spans_from_tags([row[side] for row in rows], "IOB2") for rows in sentences] for side in (1, 2)]
    return tokens, sides[0], sides[1]


def by_name(slices):
    return {(s.group, s.name): s for s in slices}


SURFACES = {"Ada": {"PER": 3}, "Bo": {"PER": 1, "LOC": 2}, "Ada Bo": {"PER": 2, "LOC": 0}}
VOCABULARY = {"Ada", "York"}


@given(corpora())
def test_each_slice_holds_just_the_spans_that_it_names(corpus):
    tokens, gold, predicted = corpus

    def wanted(group, name, words, span):
        surface = " ".join(words[span.start : span.end])
        labels = [label for label, count in SURFACES.get(surface, {}).items() if count]
        if group == "surface in training":
            return bool(labels) == (name == "seen")
        if group == "labels of the surface in training":
            return len(labels) == 1 if name == "one" else len(labels) > 1
        if group == "words of the span":
            return ("Bo" in words[span.start : span.end]) == (name == "some unknown")
        if group == "tokens of the span":
            return span.end - span.start >= 4 if name == "4+" else span.end - span.start == int(name)
        assert group == "tokens of the sentence"
        low, _, high = name.partition("-")
        return int(low) <= len(words) <= int(high or low)

    for found in score_slices(tokens, gold, predicted, surfaces=SURFACES, vocabulary=VOCABULARY):
        sides = [
            {
                (number, span)
                for number, spans in enumerate(side)
                for span in spans
                if wanted(found.group, found.name, tokens[number], span)
            }
            for side in (gold, predicted)
        ]
        assert (found.num_gold, found.num_predicted) == tuple(map(len, sides))
        assert found.num_right == len(sides[0] & sides[1])
        assert found.precision == (found.num_right / len(sides[1]) if sides[1] else None)
        assert found.recall == (found.num_right / len(sides[0]) if sides[0] else None)
        if found.precision and found.recall:
            assert found.f1 == pytest.approx(2 / (1 / found.precision + 1 / found.recall))
        else:
            assert found.f1 == (0 if sides[0] or sides[1] else None)


@given(corpora())
def test_slices_of_a_group_make_the_whole(corpus):
    tokens, gold, predicted = corpus
    whole = [sum(map(len, gold)), sum(map(len, predicted))]
    groups = {
        group: list(slices)
        for group, slices in groupby(
            score_slices(tokens, gold, predicted, surfaces=SURFACES, vocabulary=VOCABULARY), lambda s: s.group
        )
    }
    seen = next(s for s in groups["surface in training"] if s.name == "seen")
    for group, slices in groups.items():
        sums = [sum(s.num_gold for s in slices), sum(s.num_predicted for s in slices)]
        inside = group == "labels of the surface in training"
        assert sums == ([seen.num_gold, seen.num_predicted] if inside else whole)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_quartiles_hold_whole_lengths_and_split_the_sentences_evenly(lengths):
    tokens = [["x"] * length for length in lengths]
    spans = [[Span(0, 1, "PER")] for _ in lengths]
    slices = [s for s in score_slices(tokens, spans, spans) if s.group == "tokens of the sentence"]
    assert len(slices) <= 4
    ranges = [list(map(int, s.name.split("-"))) for s in slices]
    assert ranges == sorted(ranges)
    assert all(left[-1] < right[0] for left, right in pairwise(ranges))
    ordered = sorted(lengths)
    bounds = [ordered[-(-len(lengths) * quarter // 4) - 1] for quarter in (1, 2, 3)]  # of the last in each quarter
    quarters = Counter(sum(bound < length for bound in bounds) for length in lengths)
    assert [s.num_gold for s in slices] == [quarters[quarter] for quarter in sorted(quarters)]


def test_a_case_by_hand():
    training_tokens = [["Ada", "met", "Jordan"], ["Jordan", "is", "a", "country"], ["Ada", "!"]]
    training_spans = [[Span(0, 1, "PER"), Span(2, 3, "PER")], [Span(0, 1, "LOC")], [Span(0, 1, "PER")]]
    surfaces = entity_surfaces(training_tokens, training_spans)
    assert surfaces == {"Ada": {"PER": 2}, "Jordan": {"PER": 1, "LOC": 1}}
    tokens = [["Ada", "met", "Ann", "Lee"], ["In", "Jordan"]]
    gold = [[Span(0, 1, "PER"), Span(2, 4, "PER")], [Span(1, 2, "LOC")]]
    predicted = [[Span(0, 1, "PER"), Span(2, 3, "PER")], [Span(1, 2, "PER")]]
    slices = by_name(
        score_slices(tokens, gold, predicted, surfaces=surfaces, vocabulary={w for s in training_tokens for w in s})
    )
    assert slices == by_name(
        [
            Slice("surface in training", "seen", 2, 2, 1),
            Slice("surface in training", "unseen", 1, 1, 0),
            Slice("labels of the surface in training", "one", 1, 1, 1),
            Slice("labels of the surface in training", "several", 1, 1, 0),
            Slice("words of the span", "all known", 2, 2, 1),
            Slice("words of the span", "some unknown", 1, 1, 0),
            Slice("tokens of the span", "1", 2, 3, 1),
            Slice("tokens of the span", "2", 1, 0, 0),
            Slice("tokens of the span", "3", 0, 0, 0),
            Slice("tokens of the span", "4+", 0, 0, 0),
            Slice("tokens of the sentence", "2", 1, 1, 0),
            Slice("tokens of the sentence", "4", 2, 2, 1),
        ]
    )
    two = slices["tokens of the span", "2"]
    assert (two.precision, two.recall, two.f1) == (None, 0, 0)


def test_what_is_not_given_is_left_out():
    slices = score_slices([["Ada"], []], [[Span(0, 1, "PER")], []], [[], []])
    assert [(s.group, s.name) for s in slices] == [
        *(("tokens of the span", name) for name in ("1", "2", "3", "4+")),
        ("tokens of the sentence", "1"),
    ]


def test_spans_outside_their_sentence_are_refused():
    with pytest.raises(DataError, match=r"sentence 2, predicted spans: Span.* does not lie in a sentence of 1 tokens"):
        score_slices([["a"], ["b"]], [[], []], [[], [Span(0, 2, "PER")]])
    with pytest.raises(DataError, match="2 sentences of tokens but 1 lists of gold spans"):
        score_slices([["a"], ["b"]], [[]], [[], []])
    with pytest.raises(DataError, match="sentence 1, spans"):
        entity_surfaces([["a"]], [[Span(0, 2, "PER")]])
