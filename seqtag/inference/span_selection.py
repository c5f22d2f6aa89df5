"""Choose among candidate spans that overlap those that can stand side by side, as one sequence of tags holds them."""

from collections import defaultdict
from collections.abc import Sequence, Set
from itertools import pairwise
from typing import Any

from seqtag.text.schemes import Span, entity_labels
from seqtag.text.tagset import TagSet

# A sum of probabilities and the spans that it is of: the last one, and the same of those before it.
Choice = tuple[float, Any]


def side_by_side(spans: Sequence[Span], apart: Set[str] = frozenset()) -> list[Span]:
    """Choose the spans without overlap whose probabilities have the largest sum, in order.

    The sum is the expected number of right spans among them. The choice is exact: weighted interval scheduling, by
    dynamic programming over the borders (Kleinberg and Tardos, Algorithm Design, 2006, section 6.1). Two spans of a
    label in `apart` may not touch, since their scheme would write them as one.

    >>> spans = [Span(0, 2, "PER", score=0.5), Span(0, 1, "PER", score=0.3), Span(1, 2, "LOC", score=0.3)]
    >>> [(span.start, span.end, span.label) for span in side_by_side(spans)]
    [(0, 1, 'PER'), (1, 2, 'LOC')]
    """
    ordered = sorted(spans, key=_order)
    if all(left.end < right.start for left, right in pairwise(ordered)):
        return ordered
    best: dict[int, Choice] = {}  # over the tokens before a border
    inside: dict[int, Choice] = {}  # the same without what ends at the border
    closing: dict[int, dict[str, Choice]] = defaultdict(dict)  # whose last span ends at the border, by its label
    place, here = 0, _NOTHING
    for border in sorted({border for span in ordered for border in (span.start, span.end)}):
        inside[border] = here
        while place < len(ordered) and ordered[place].end == border:
            span = ordered[place]
            place += 1
            total, before = best[span.start]
            if span.label in apart:
                others = [choice for label, choice in closing[span.start].items() if label != span.label]
                total, before = max([inside[span.start], *others], key=_sum)
            choice = (total + score_of(span), (span, before))
            if apart and choice[0] > closing[border].get(span.label, _NOTHING)[0]:
                closing[border][span.label] = choice
            if choice[0] > here[0]:
                here = choice
        best[border] = here
    chosen = []
    rest = here[1]
    while rest is not None:
        span, rest = rest
        chosen.append(span)
    return chosen[::-1]


_NOTHING: Choice = (0.0, None)


def _order(span: Span) -> tuple[int, int, str]:
    return span.end, span.start, span.label


def _sum(choice: Choice) -> float:
    return choice[0]


def score_of(span: Span) -> float:
    """Give the probability of a span, which it must have."""
    assert span.score is not None
    return span.score


def labels_apart(tagset: TagSet) -> frozenset[str]:
    """Labels whose spans can't touch one another in the data's scheme, for want of a tag to begin the second with."""
    if tagset.data_scheme not in ("IO", "IOB1"):
        return frozenset()
    return frozenset(label for label in entity_labels(tagset.data_tags) if f"B-{label}" not in tagset.data_tags)
