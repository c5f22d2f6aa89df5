"""Say whether two systems differ, by exchanging their outputs at random, and by how much, by resampling units.

This module knows counts (counts.py); it knows no report: comparison.py compares those.
"""

# S units (sentences, texts or documents), L labels, R resamples or exchanges
# Arrays of figures end in (2 + L, 3): rows for the micro average, the macro average and each label; P, R and F1

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.errors import DataError
from seqtag.evaluation.statistics.counts import ByFigure, Counts
from seqtag.evaluation.statistics.resampling import Drawn, exchange, figures, resample, tails

NO_DIFFERENCE = "no difference shown"
LEVEL = 0.05
# Differences that are this close count as equal: rounding alone can tell them apart.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two systems, how much more the second has, its interval, and how often chance alone gives as much."""

    a: float
    b: float
    difference: float  # b - a
    low: float
    high: float
    p_value: float

    @property
    def verdict(self) -> str:
        """What may be said: 'no difference shown' where p is 0.05 or more, else which is better.

        The verdict follows the p-value alone; close to 0.05 the interval, which is another estimate, may disagree.
        """
        if self.p_value >= LEVEL:
            return NO_DIFFERENCE
        return "b is better" if self.difference > 0 else "a is better"


def compare_counts(
    a: Counts, b: Counts, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Drawn[Difference]:
    """Compare two systems on the same units: differences, their paired bootstrap intervals, and p-values.

    p is the share of random exchanges of the two systems' outputs, unit by unit, that differ at least as much (paired
    approximate randomisation; Noreen 1989, Computer-Intensive Methods for Testing Hypotheses; Yeh 2000,
    https://aclanthology.org/C00-2137/), where what was observed counts as one of them. Comparing b with a gives the
    mirror image. The p-values of labels are not corrected: see `holm`. Raises DataError unless gold is the same on both
    sides.

    >>> gold, right_a, right_b = (np.repeat([[1], [0]], [n, 40 - n], axis=0) for n in (40, 20, 22))
    >>> found = compare_counts(Counts(("PER",), right_a, gold, gold), Counts(("PER",), right_b, gold, gold))
    >>> round(found.micro.recall.difference, 3), found.micro.recall.verdict
    (0.05, 'no difference shown')
    """
    bounds = tails(confidence, resamples)
    labels = sorted({*a.labels, *b.labels}, key=lambda label: (isinstance(label, str), label))
    (right_a, gold, predicted_a), (right_b, gold_b, predicted_b) = (_columns(counts, labels) for counts in (a, b))
    _check_same_gold(gold, gold_b, labels)
    systems = [np.concatenate(pair, 1) for pair in ((right_a, predicted_a), (right_b, predicted_b))]
    # Which side a system stands on must not change what is drawn.
    turned = systems[0].tobytes() > systems[1].tobytes()
    first, second = systems[::-1] if turned else systems

    columns = np.concatenate([gold, first, second], 1)
    totals = columns.sum(0)
    values = _two_figures(totals)
    drawn_first, drawn_second = _two_figures(resample(columns, resamples=resamples, seed=seed))
    low, high = np.quantile(drawn_second - drawn_first, bounds, axis=0)
    change = second - first
    p_values = _p_values(totals, change[change.any(1)], resamples, seed)

    if turned:
        values, low, high = values[::-1], -high, -low
    table = np.stack([*values, values[1] - values[0], low, high, p_values], -1).tolist()
    micro, macro, *rows = (ByFigure(*(Difference(*figure) for figure in row)) for row in table)
    return Drawn(micro, macro, dict(zip(labels, rows)), float(confidence), int(resamples), int(seed), a.num_units)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p-values of several comparisons so that the chance of any false difference stays below the level.

    Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = largest
    return corrected


def _p_values(totals: np.ndarray, change: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Exchange the outputs of two systems at random; `change` holds what each unit gives to b more than to a."""
    gold, of_a, of_b = np.split(totals.astype(np.float64), [len(totals) // 5, 3 * len(totals) // 5])
    observed = np.abs(np.subtract(*_two_figures(totals)))
    at_least = np.zeros(observed.shape, np.int64)
    for moved in exchange(change, resamples=resamples, seed=seed):
        golds = np.broadcast_to(gold, (len(moved), len(gold)))
        exchanged = np.concatenate([golds, of_a + moved, of_b - moved], 1)
        at_least += (np.abs(np.subtract(*_two_figures(exchanged))) >= observed - _ROUNDING).sum(0)
    return (at_least + 1) / (resamples + 1)


def _two_figures(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the figures of two systems from gold, right and predicted of a, right and predicted of b."""
    gold, *systems = np.split(columns, 5, axis=-1)
    a, b = (figures(right, gold, predicted) for right, predicted in (systems[:2], systems[2:]))
    return a, b


def _columns(counts: Counts, labels: Sequence[str | int]) -> list[np.ndarray]:
    """Give right, gold and predicted with a column for each of `labels`, which are those of `counts` and others."""
    columns = [labels.index(label) for label in counts.labels]
    arrays = []
    for array in (counts.right_SL, counts.gold_SL, counts.predicted_SL):
        arrays.append(np.zeros((counts.num_units, len(labels)), np.int64))
        arrays[-1][:, columns] = array
    return arrays


def _check_same_gold(gold_a: np.ndarray, gold_b: np.ndarray, labels: Sequence[str | int]) -> None:
    if len(gold_a) != len(gold_b):
        raise DataError(
            f"a has {len(gold_a)} units (sentences, texts or documents) and b has {len(gold_b)}; compare systems on "
            "the same data, cut in the same way"
        )
    if (gold_a != gold_b).any():
        row, column = np.argwhere(gold_a != gold_b)[0].tolist()
        raise DataError(
            f"unit {row + 1} (a sentence, text or document) has {gold_a[row, column]} of label {labels[column]!r} in "
            f"a's gold and {gold_b[row, column]} in b's; compare systems on the same data, in the same order"
        )
