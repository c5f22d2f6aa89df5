"""The choice among overlapping spans against all sets of them."""

from itertools import chain, combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.inference.span_selection import labels_apart, side_by_side
from seqtag.text.schemes import SCHEMES, Span, convert_tags, spans_from_tags, tags_from_spans
from seqtag.text.tagset import TagSet

LENGTH = 6
spans = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 3), st.sampled_from("AB"), st.floats(0.01, 1)).map(
    lambda drawn: Span(drawn[0], min(LENGTH, drawn[0] + drawn[1]), drawn[2], score=drawn[3])
)
candidates = st.lists(spans, max_size=9, unique_by=lambda span: (span.start, span.end, span.label))


def fits(chosen, apart):
    ordered = sorted(chosen)
    return all(
        a.end < b.start or (a.end == b.start and not (a.label == b.label and a.label in apart))
        for a, b in pairwise(ordered)
    )


@given(candidates, st.sampled_from([frozenset(), frozenset("A"), frozenset("AB")]))
def test_no_set_without_overlap_has_a_larger_sum(found, apart):
    chosen = side_by_side(found, apart)
    assert fits(chosen, apart)
    assert chosen == sorted(chosen)
    assert set(chosen) <= set(found)
    every = chain.from_iterable(combinations(found, size) for size in range(len(found) + 1))
    most = max(sum(span.score for span in subset) for subset in every if fits(subset, apart))
    assert sum(span.score for span in chosen) == pytest.approx(most)


@given(candidates, st.sampled_from(SCHEMES[1:]))
def test_what_is_chosen_can_be_written_and_read_in_the_scheme(found, scheme):
    """Whatever tags the scheme has: in IO, and in IOB1 for a label without B-, neighbours would become one."""
    every = [Span(0, 3, "A"), Span(3, 4, "A"), Span(5, 8, "B"), Span(9, 10, "B")]
    tags = {*tags_from_spans(every, 11, scheme), *convert_tags(["B-B", "O"], "IOB2", scheme)}
    tagset = TagSet.build(sorted(tags), scheme)
    apart = labels_apart(tagset)
    assert apart == {"IO": {"A", "B"}, "IOB1": {"B"}}.get(scheme, set())
    chosen = side_by_side(found, apart)
    written = tags_from_spans(chosen, LENGTH, scheme)
    if scheme in ("IO", "IOB1", "IOB2"):  # the others have tags for longer spans that are not among these
        assert set(written) <= {*tags, "O"}
    assert spans_from_tags(written, scheme) == [Span(span.start, span.end, span.label) for span in chosen]


def test_a_choice_depends_on_no_order():
    found = [Span(0, 2, "A", score=0.5), Span(1, 3, "A", score=0.5), Span(0, 2, "B", score=0.5)]
    assert side_by_side(found) == side_by_side(found[::-1]) == [Span(0, 2, "A", score=0.5)]
