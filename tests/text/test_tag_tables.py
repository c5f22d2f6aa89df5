"""Tables against the same code for one sentence, for legal tags and broken ones, and against seqeval's entities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, IOBES, Entities

from seqtag.errors import DataError
from seqtag.text.schemes import Span, illegal_positions, spans_from_tags, tag_bigrams
from seqtag.text.tag_tables import SpanTable, TagTable, count_bigrams, read_spans

LETTERS = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "plain": "BI"}
SPANS = st.lists(
    st.builds(Span, st.integers(0, 2), st.integers(3, 5), st.sampled_from("AB"), score=st.floats(0, 1)), max_size=4
)


@st.composite
def sentences(draw, scheme):
    """Give sentences of any tags of a scheme, some of them empty, with long runs outside."""
    tags = ["O"] * 3 + [f"{letter}-{label}" for letter in LETTERS[scheme] for label in ("PER", "art-work")]
    return draw(st.lists(st.lists(st.sampled_from(tags), max_size=7), max_size=5))


@pytest.mark.parametrize("scheme", LETTERS)
@given(st.data())
def test_spans_and_illegal_tags_are_those_of_each_sentence(scheme, data):
    corpus = data.draw(sentences(scheme))
    table = TagTable.of(corpus)
    spans = table.spans(scheme)
    assert spans.lists() == [spans_from_tags(tags, scheme) for tags in corpus]
    assert [spans.of_sentence(number) for number in range(len(corpus))] == spans.lists()
    assert dict(table.illegal(scheme)) == {
        number: places for number, tags in enumerate(corpus) if (places := illegal_positions(tags, scheme))
    }


@pytest.mark.parametrize(("scheme", "rules"), [("IOB2", IOB2), ("BIOES", IOBES)])
@given(st.data())
def test_strict_spans_are_seqeval_s_entities(scheme, rules, data):
    corpus = data.draw(sentences(scheme))
    found = TagTable.of(corpus).spans(scheme, strictly=True)
    wanted = [[(e.start, e.end, e.tag) for e in entities] for entities in Entities(corpus, rules).entities]
    assert list(found.places()) == wanted


def test_any_inside_tag_begins_a_strict_span_where_no_other_can():
    for scheme in ("IO", "IOB1"):
        assert len(TagTable.of([["I-PER", "O", "I-LOC"]]).spans(scheme, strictly=True)) == 2


def test_missing_tags_stand_outside():
    assert list(read_spans(np.array([0, -1, 0]), np.array([0, 3]), [("I", "PER")]).places()) == [
        [(0, 1, "PER"), (2, 3, "PER")]
    ]


@given(st.lists(SPANS, max_size=4))
def test_a_table_keeps_spans_that_overlap_and_their_scores(spans):
    table = SpanTable.of(spans, [5] * len(spans))
    assert table.lists() == spans
    assert table.sentences.tolist() == [number for number, found in enumerate(spans) for _ in found]


@given(st.lists(st.tuples(SPANS, SPANS), max_size=4))
def test_spans_are_in_another_table_where_borders_and_label_are(pairs):
    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    found = SpanTable.of(left, [5] * len(pairs)).are_in(SpanTable.of(right, [5] * len(pairs)))
    known = [{(span.start, span.end, span.label) for span in spans} for spans in right]
    assert found.tolist() == [(s.start, s.end, s.label) in those for spans, those in zip(left, known) for s in spans]


def test_spans_outside_their_sentence_are_refused():
    with pytest.raises(DataError, match=r"sentence 2: Span.* does not lie in a sentence of 1 tokens"):
        SpanTable.of([[], [Span(0, 2, "PER")]], [1, 1])
    with pytest.raises(DataError, match="2 sentences but 1 lists of spans"):
        SpanTable.of([[]], [1, 1])


@given(sentences("IOB2"))
def test_bigrams_in_bulk_equal_bigrams_of_strings(corpus):
    table = TagTable.of(corpus)
    assert count_bigrams(table.tags_N, table.offsets, table.names) == tag_bigrams(corpus)
