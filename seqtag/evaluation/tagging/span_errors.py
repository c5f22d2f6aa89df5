"""Say what goes wrong: give each gold and each predicted span one kind of error, or call it right.

This module knows spans of tokens or characters. It leaves out partial credit (partial_credit.py) and how errors are
shown.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from seqtag.errors import DataError
from seqtag.evaluation.errors import evenly_spaced
from seqtag.text.schemes import Span

WRONG_BOUNDARY: tuple[str, ...] = ("too long", "too short", "shifted")
KINDS: tuple[str, ...] = ("right", "wrong type", *WRONG_BOUNDARY, "wrong type and boundary", "missed", "spurious")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a gold span, of a predicted span, or of a pair of the two."""

    sentence: int  # its index, from 0
    kind: str  # one of KINDS
    gold: Span | None  # None where the kind is 'spurious'
    predicted: Span | None  # None where it is 'missed'


@dataclass(frozen=True, slots=True)
class SpanErrors:
    """The outcomes of a corpus, from left to right in each sentence; each span of both sides is in exactly one."""

    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many outcomes there are of each kind, in the order of `KINDS`.

        Gold spans are all but the spurious ones, predicted spans all but the missed ones.
        """
        counts = Counter(outcome.kind for outcome in self.outcomes)
        return {kind: counts[kind] for kind in KINDS}

    @property
    def confusions(self) -> dict[tuple[str | None, str | None], int]:
        """How often a gold label met a predicted one in overlapping spans; None for missed and spurious spans.

        Sorted by number, the most frequent first, then by name.
        """
        pairs = Counter((_label(outcome.gold), _label(outcome.predicted)) for outcome in self.outcomes)
        return dict(sorted(pairs.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or "")))

    def examples(self, kind: str, *, most: int) -> list[Outcome]:
        """Give at most `most` outcomes of a kind, evenly spaced over the corpus.

        >>> found = find_errors([[Span(0, 1, "PER")]] * 5, [[]] * 5)
        >>> [outcome.sentence for outcome in found.examples("missed", most=2)]
        [0, 2]
        """
        return evenly_spaced([outcome for outcome in self.outcomes if outcome.kind == kind], most)


def find_errors(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> SpanErrors:
    """Pair the spans of each sentence by `pair_spans` and name what is wrong with each pair and with those left over.

    A predicted span is 'too long' where it holds the gold span and more, 'too short' where it is a part of it,
    'shifted' where each has something that the other lacks. Raises DataError for unequal numbers of sentences and for
    spans of one side that overlap or are empty.

    >>> found = find_errors([[Span(0, 2, "PER"), Span(4, 5, "LOC")]], [[Span(0, 3, "PER")]])
    >>> [(outcome.kind, outcome.predicted) for outcome in found.outcomes]
    [('too long', Span(start=0, end=3, label='PER')), ('missed', None)]
    """
    if len(gold) != len(predicted):
        raise DataError(f"{len(gold)} gold sentences but {len(predicted)} predicted; pair them one to one")
    outcomes: list[Outcome] = []
    for sentence, (expected, found) in enumerate(zip(gold, predicted)):
        if expected or found:
            _check(sentence, "gold", expected)
            _check(sentence, "predicted", found)
            outcomes.extend(_outcomes(sentence, expected, found))
    return SpanErrors(tuple(outcomes))


def pair_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pair overlapping spans of one sentence one to one, so that the pairs have as many tokens in common as they can.

    Among equally good pairings the one with more pairs wins, then the one with more pairs of equal label, then the one
    whose last pair, last but one and so on lies further to the left. Spans with the same borders are always a pair.
    Spans of one side may not overlap each other.

    >>> halves = [Span(0, 2, "LOC"), Span(2, 4, "PER")]
    >>> pair_spans([Span(0, 4, "PER")], halves)
    [(Span(start=0, end=4, label='PER'), Span(start=2, end=4, label='PER'))]
    """

    def worth(left: Span, right: Span) -> tuple[int, ...]:
        common = min(left.end, right.end) - max(left.start, right.start)
        return common, 1, int(left.label == right.label)

    return best_pairing(gold, predicted, worth)


def best_pairing(
    gold: Sequence[Span], predicted: Sequence[Span], worth: Callable[[Span, Span], tuple[int, ...]]
) -> list[tuple[Span, Span]]:
    """Pair overlapping spans of one sentence one to one, so that the sum of what the pairs are worth is the largest.

    Worths are tuples of one length, whose sums are compared from the left. Among equally good pairings the one whose
    last pair, last but one and so on lies further to the left is given. Spans of one side may not overlap each other.
    """
    overlaps = list(_overlaps(sorted(gold, key=_borders), sorted(predicted, key=_borders)))
    # Spans of one side don't overlap, so pairs don't cross: from left to right, the overlaps that share a span with one
    # of them stand right before it or right after it, and a table of the best pairing so far is enough.
    best: list[tuple[int, ...]] = [()]
    before = []  # for each overlap, how many of those before it share no span with it
    for index, (left, right) in enumerate(overlaps):
        free = index
        while free and (overlaps[free - 1][0] is left or overlaps[free - 1][1] is right):
            free -= 1
        before.append(free)
        with_it = tuple(map(sum, zip_longest(best[free], worth(left, right), fillvalue=0)))
        best.append(max(best[index], with_it))
    paired = []
    index = len(overlaps)
    while index:
        if best[index] == best[index - 1]:
            index -= 1
        else:
            paired.append(overlaps[index - 1])
            index = before[index - 1]
    return paired[::-1]


def _overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Give the pairs that overlap, from left to right; both sides are sorted."""
    i = j = 0
    while i < len(gold) and j < len(predicted):
        left, right = gold[i], predicted[j]
        if max(left.start, right.start) < min(left.end, right.end):
            yield left, right
        if left.end <= right.end:
            i += 1
        else:
            j += 1


def _outcomes(sentence: int, gold: Sequence[Span], predicted: Sequence[Span]) -> list[Outcome]:
    pairs = pair_spans(gold, predicted)
    outcomes = [Outcome(sentence, _kind(left, right), left, right) for left, right in pairs]
    taken = {id(span) for pair in pairs for span in pair}
    outcomes += [Outcome(sentence, "missed", span, None) for span in gold if id(span) not in taken]
    outcomes += [Outcome(sentence, "spurious", None, span) for span in predicted if id(span) not in taken]
    return sorted(outcomes, key=_place)


def _kind(gold: Span, predicted: Span) -> str:
    if _borders(gold) == _borders(predicted):
        return "right" if gold.label == predicted.label else "wrong type"
    if gold.label != predicted.label:
        return "wrong type and boundary"
    if predicted.start <= gold.start and gold.end <= predicted.end:
        return "too long"
    return "too short" if gold.start <= predicted.start and predicted.end <= gold.end else "shifted"


def _place(outcome: Outcome) -> tuple[int, bool]:
    """Sort by the first token; what was missed comes before what is spurious."""
    return min(span.start for span in (outcome.gold, outcome.predicted) if span), outcome.gold is None


def _label(span: Span | None) -> str | None:
    return span.label if span else None


def _borders(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _check(sentence: int, side: str, spans: Sequence[Span]) -> None:
    for span in spans:
        if span.start >= span.end:
            raise DataError(
                f"sentence {sentence + 1}: {side} {span} is empty; `end` is exclusive, so it exceeds `start`"
            )
    for left, right in pairwise(sorted(spans, key=_borders)):
        if right.start < left.end:
            raise DataError(
                f"sentence {sentence + 1}: {side} {left} and {right} overlap; errors are named for spans side by side, "
                "as tags hold them: keep one of the two"
            )
