"""Slices against slow code that asks each span by itself, sums that make the whole, and cases by hand."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import DataError
from seqtag.evaluation.slices import Slice
from seqtag.evaluation.tagging.slices import TrainingKnowledge, score_slices
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tag_tables import SpanTable
from seqtag.text.training_surfaces import Surfaces
from seqtag.text.vocabulary import Vocabulary

TAGS = ["O", "O", "B-PER", "I-PER", "I-PER", "B-LOC"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[str]], list[list[Span]], list[list[Span]]]:
    """Give tokens, gold and predicted spans of a few sentences of a small vocabulary."""
    rows = st.lists(st.tuples(st.sampled_from(["Ada", "Bo", "York"]), *[st.sampled_from(TAGS)] * 2), max_size=9)
    sentences = draw(st.lists(rows, max_size=7))
    tokens = [[word for word, _, _ in sentence] for sentence in sentences]
    sides = [[spans_from_tags([row[side] for row in rows], "IOB2") for rows in sentences] for side in (1, 2)]
    return tokens, sides[0], sides[1]


def slices_of(tokens, gold, predicted, **options):
    sides = (SpanTable.of(spans, list(map(len, tokens))) for spans in (gold, predicted))
    return score_slices(tokens, *sides, **options)


def by_name(slices):
    return {(s.group, s.name): s for s in slices}


LABELS = {"Ada": ["PER"], "Bo": ["LOC", "PER"], "Ada Bo": ["PER"]}
SURFACES = Surfaces.of([(surface, label) for surface, labels in LABELS.items() for label in labels])
VOCABULARY = {"Ada", "York"}


@given(corpora())
def test_each_slice_holds_just_the_spans_that_it_names(corpus):
    tokens, gold, predicted = corpus

    def wanted(group, name, words, span):
        labels = LABELS.get(" ".join(words[span.start : span.end]), [])
        if group == "surface in training":
            return bool(labels) == (name == "seen")
        if group == "labels in training":
            return len(labels) == 1 if name == "one" else len(labels) > 1
        if group == "words of the span":
            return ("Bo" in words[span.start : span.end]) == (name == "some unknown")
        if group == "tokens of the span":
            return span.end - span.start >= 4 if name == "4+" else span.end - span.start == int(name)
        assert group == "tokens of the sentence"
        low, _, high = name.partition("-")
        return int(low) <= len(words) <= int(high or low)

    for found in slices_of(tokens, gold, predicted, training=TrainingKnowledge(SURFACES, VOCABULARY)):
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
            slices_of(tokens, gold, predicted, training=TrainingKnowledge(SURFACES, VOCABULARY)), lambda s: s.group
        )
    }
    seen = next(s for s in groups["surface in training"] if s.name == "seen")
    for group, slices in groups.items():
        sums = [sum(s.num_gold for s in slices), sum(s.num_predicted for s in slices)]
        inside = group == "labels in training"
        assert sums == ([seen.num_gold, seen.num_predicted] if inside else whole)


def test_a_case_by_hand():
    training_tokens = [["Ada", "met", "Jordan"], ["Jordan", "is", "a", "country"], ["Ada", "!"]]
    surfaces = Surfaces.of([("Ada", "PER"), ("Jordan", "PER"), ("Jordan", "LOC")])
    tokens = [["Ada", "met", "Ann", "Lee"], ["In", "Jordan"]]
    gold = [[Span(0, 1, "PER"), Span(2, 4, "PER")], [Span(1, 2, "LOC")]]
    predicted = [[Span(0, 1, "PER"), Span(2, 3, "PER")], [Span(1, 2, "PER")]]
    slices = by_name(
        slices_of(
            tokens, gold, predicted, training=TrainingKnowledge(surfaces, {w for s in training_tokens for w in s})
        )
    )
    assert slices == by_name(
        [
            Slice("surface in training", "seen", 2, 2, 1),
            Slice("surface in training", "unseen", 1, 1, 0),
            Slice("labels in training", "one", 1, 1, 1),
            Slice("labels in training", "several", 1, 1, 0),
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
    slices = slices_of([["Ada"], []], [[Span(0, 1, "PER")], []], [[], []])
    assert [(s.group, s.name) for s in slices] == [
        *(("tokens of the span", name) for name in ("1", "2", "3", "4+")),
        ("tokens of the sentence", "1"),
    ]


def test_spans_of_other_sentences_are_refused():
    tables = [SpanTable.of([[] for _ in lengths], lengths) for lengths in ([1, 1], [1], [1, 2])]
    with pytest.raises(DataError, match="the predicted spans are of other sentences than the 2 with tokens"):
        score_slices([["a"], ["b"]], tables[0], tables[1])
    with pytest.raises(DataError, match="the gold spans are of other sentences"):
        score_slices([["a"], ["b"]], tables[2], tables[0])


# -- plain tags -------------------------------------------------------------------------------

WORD_TAGS = {"run": ["NOUN", "VERB"], "Runs": ["VERB"], "the": ["DET"]}
WORD_SURFACES = Surfaces.of([(word, tag) for word, tags in WORD_TAGS.items() for tag in tags])
WORDS = Vocabulary.build(dict.fromkeys(WORD_TAGS, 1), extra_words=["walk"])
tagged_words = st.tuples(
    st.sampled_from(["run", "Run", "runs", "the", "The", "walk", "jump"]),
    *[st.sampled_from(["NOUN", "VERB", "DET"])] * 2,
)


@given(st.lists(st.lists(tagged_words, max_size=6), max_size=7))
def test_plain_tags_are_cut_by_word_and_their_figures_are_the_accuracy(sentences):
    tokens = [[word for word, _, _ in rows] for rows in sentences]
    gold, predicted = ([spans_from_tags([row[side] for row in rows], "plain") for rows in sentences] for side in (1, 2))
    slices = slices_of(tokens, gold, predicted, training=TrainingKnowledge(WORD_SURFACES, WORDS), is_plain=True)
    lower = {word.lower() for word in WORD_TAGS}
    members = {
        ("word in training", "known"): lambda word, _: word.lower() in lower,
        ("word in training", "unknown"): lambda word, _: word.lower() not in lower,
        ("tags in training", "one"): lambda word, _: len(WORD_TAGS.get(word, [])) == 1,
        ("tags in training", "several"): lambda word, _: len(WORD_TAGS.get(word, [])) > 1,
    }
    for name in {s.name for s in slices if s.group == "tokens of the sentence"}:
        low, _, high = name.partition("-")
        members["tokens of the sentence", name] = lambda _, n, low=low, high=high: int(low) <= n <= int(high or low)
    assert by_name(slices).keys() == members.keys()
    for key, found in by_name(slices).items():
        held = [
            gold_tag == theirs for rows in sentences for word, gold_tag, theirs in rows if members[key](word, len(rows))
        ]
        assert (found.num_gold, found.num_predicted, found.num_right) == (len(held), len(held), sum(held))
        accuracy = sum(held) / len(held) if held else None
        assert [found.precision, found.recall, found.f1] == pytest.approx([accuracy] * 3)


def test_plain_slices_leave_out_what_is_not_known_of_training():
    spans = [[Span(0, 1, "DET")]]
    nothing = TrainingKnowledge()
    slices = slices_of([["the"]], spans, spans, training=nothing, is_plain=True)
    assert slices == (Slice("tokens of the sentence", "1", 1, 1, 1),)
