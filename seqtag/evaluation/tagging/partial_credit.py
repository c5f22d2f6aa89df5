"""Give partial credit: the four scores of SemEval-2013 task 9.1, made of MUC's counts.

span_errors.py pairs the spans and names the kinds of error that these counts sum up.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from seqtag.evaluation.tagging.span_errors import KINDS, WRONG_BOUNDARY, SpanErrors

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
    """Four readings of the same pairs of spans."""

    strict: PartialScore  # correct: the borders and the label are equal
    exact: PartialScore  # correct: the borders are equal; the label does not matter
    partial: PartialScore  # correct: equal borders; half: some overlap; the label does not matter
    type: PartialScore  # correct: the label is equal, and there is some overlap


def partial_scores(errors: SpanErrors) -> PartialScores:
    """Score spans the way of SemEval-2013 task 9.1, micro-averaged.

    The definition (Segura-Bedmar et al. 2013, https://aclanthology.org/S13-2056/; MUC's counts: Chinchor and Sundheim
    1993, https://aclanthology.org/M93-1007/) leaves open which spans are a pair where several overlap. Here no span has
    two partners, so `possible` and `actual` are always the numbers of gold and predicted spans; programs that let a
    span have several give other figures there. Scores by label are left out: a wrong label has two.

    >>> from seqtag.evaluation.tagging.span_errors import find_errors
    >>> from seqtag.text.schemes import Span
    >>> found = partial_scores(find_errors([[Span(0, 2, "PER")]], [[Span(0, 3, "PER")]]))
    >>> found.strict.f1, found.exact.f1, found.partial.f1, found.type.f1
    (0.0, 0.0, 0.5, 1.0)
    """
    counts = errors.counts
    return PartialScores(
        strict=_score(counts, correct=("right",)),
        exact=_score(counts, correct=("right", "wrong type")),
        partial=_score(counts, correct=("right", "wrong type"), partial=(*WRONG_BOUNDARY, "wrong type and boundary")),
        type=_score(counts, correct=("right", *WRONG_BOUNDARY)),
    )


def _score(counts: Mapping[str, int], *, correct: tuple[str, ...], partial: tuple[str, ...] = ()) -> PartialScore:
    """Sum up the kinds of error; pairs that are neither correct nor partial are incorrect."""
    incorrect = set(KINDS).difference(correct, partial, ("missed", "spurious"))
    correct_, incorrect_, partial_ = (sum(counts[kind] for kind in kinds) for kinds in (correct, incorrect, partial))
    return PartialScore(correct_, incorrect_, partial_, counts["missed"], counts["spurious"])
