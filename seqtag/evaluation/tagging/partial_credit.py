"""Give partial credit: the four scores of SemEval-2013 task 9.1, made of MUC's counts.

Each score pairs the spans anew, because the pairing that is best for one need not be best for another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from seqtag.evaluation.tagging.span_errors import Outcome, SpanErrors, best_pairing
from seqtag.text.schemes import Span

PARTIAL_READINGS: tuple[str, ...] = ("strict", "exact", "partial", "type")


@dataclass(frozen=True, slots=True)
class PartialScore:
    """MUC's counts, and the figures made of them; a figure without ground is 0."""

    correct: int
    incorrect: int
    partial: int  # counts as half
    missing: int
    spurious: int

    @property
    def possible(self) -> int:
        """How many gold spans there are."""
        return self.correct + self.incorrect + self.partial + self.missing

    @property
    def actual(self) -> int:
        """How many predicted spans there are."""
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def precision(self) -> float:
        """Credit by predicted span."""
        return self._credit / max(self.actual, 1)

    @property
    def recall(self) -> float:
        """Credit by gold span."""
        return self._credit / max(self.possible, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self._credit / max(self.actual + self.possible, 1)

    def to_dict(self) -> dict[str, Any]:
        """Give MUC's counts and the three figures."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall, "f1": self.f1}

    @property
    def _credit(self) -> float:
        return self.correct + self.partial / 2


@dataclass(frozen=True, slots=True)
class PartialScores:
    """Four readings of the same spans."""

    strict: PartialScore  # correct: the borders and the label are equal
    exact: PartialScore  # correct: the borders are equal; the label does not matter
    partial: PartialScore  # correct: equal borders; half: some overlap; the label does not matter
    type: PartialScore  # correct: the label is equal, and there is some overlap


def partial_scores(errors: SpanErrors) -> PartialScores:
    """Score spans the way of SemEval-2013 task 9.1, micro-averaged.

    The definition (Segura-Bedmar et al. 2013, https://aclanthology.org/S13-2056/; MUC's counts: Chinchor and Sundheim
    1993, https://aclanthology.org/M93-1007/) leaves open which spans are a pair where several overlap. Here each score
    takes the pairing one to one that gives it the most credit, and among these one with the most pairs, so that it does
    not depend on any order. No span has two partners, so `possible` and `actual` are always the numbers of gold and
    predicted spans. Programs that go through the spans in order and take the first that overlaps may give other
    figures. Scores by label are left out: a wrong label has two.

    >>> from seqtag.evaluation.tagging.span_errors import find_errors
    >>> from seqtag.text.schemes import Span
    >>> found = partial_scores(find_errors([[Span(0, 2, "PER")]], [[Span(0, 3, "PER")]]))
    >>> found.strict.f1, found.exact.f1, found.partial.f1, found.type.f1
    (0.0, 0.0, 0.5, 1.0)
    """
    # A pair of equal borders overlaps nothing else, so it is a pair in every reading, and most spans are in one.
    settled, open_ones = [], []
    for outcome in errors.outcomes:
        if outcome.gold and outcome.predicted and _same_borders(outcome.gold, outcome.predicted):
            settled.append((outcome.gold, outcome.predicted))
        else:
            open_ones.append(outcome)
    sides = list(_sentences(open_ones))
    return PartialScores(**{name: _score(settled, sides, half_points) for name, half_points in _CREDIT.items()})


def _same_borders(gold: Span, predicted: Span) -> bool:
    return (gold.start, gold.end) == (predicted.start, predicted.end)


# The credit of two spans that overlap, in halves of a point: 2 is correct, 1 is partial, 0 is incorrect.
_CREDIT: Mapping[str, Callable[[Span, Span], int]] = {
    "strict": lambda gold, predicted: 2 * (_same_borders(gold, predicted) and gold.label == predicted.label),
    "exact": lambda gold, predicted: 2 * _same_borders(gold, predicted),
    "partial": lambda gold, predicted: 1 + _same_borders(gold, predicted),
    "type": lambda gold, predicted: 2 * (gold.label == predicted.label),
}


def _sentences(found: Sequence[Outcome]) -> Iterator[tuple[list[Span], list[Span]]]:
    """Give the gold and the predicted spans of each sentence that has any."""
    for _, outcomes in groupby(found, key=lambda outcome: outcome.sentence):
        pairs = [(outcome.gold, outcome.predicted) for outcome in outcomes]
        yield [gold for gold, _ in pairs if gold], [predicted for _, predicted in pairs if predicted]


def _score(
    settled: Sequence[tuple[Span, Span]],
    sides: Sequence[tuple[Sequence[Span], Sequence[Span]]],
    half_points: Callable[[Span, Span], int],
) -> PartialScore:
    """Count the pairs by their credit, those of the best pairing among them, and the spans that it leaves alone."""
    pairs_with = [0, 0, 0]
    for left, right in settled:
        pairs_with[half_points(left, right)] += 1
    missing = spurious = 0
    for gold, predicted in sides:
        pairs = []
        if gold and predicted:
            pairs = best_pairing(gold, predicted, lambda left, right: (half_points(left, right), 1))
        for left, right in pairs:
            pairs_with[half_points(left, right)] += 1
        missing += len(gold) - len(pairs)
        spurious += len(predicted) - len(pairs)
    incorrect, partial, correct = pairs_with
    return PartialScore(correct, incorrect, partial, missing, spurious)
