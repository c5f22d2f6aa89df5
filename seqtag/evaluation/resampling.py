"""Say how sure scores are, and whether two systems differ, by resampling the units that they were measured on.

Knows counts (counts.py); knows no span and no tag. Leaves out how it is shown.
"""

# S units (sentences, texts or documents), L labels, N columns of counts, R resamples
# C kinds of units that are many, U other units
# Arrays of figures end in (2 + L, 3): rows for the micro average, the macro average and each label; P, R and F1

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.counts import Counts

NO_DIFFERENCE = "no difference shown"
_LEVEL = 0.05
# Differences that are this close count as equal: they are, but for rounding, or nobody would care.
_ROUNDING = 1e-12
# Resamples are drawn in pieces of so many numbers: they stay in the processor's cache, and memory stays bounded.
_MOST_CELLS = 200_000
# Units with equal counts are drawn together where they are at least so many; fewer are drawn faster one by one.
_MANY = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure between 0 and 1 and the interval that resampling gives it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """Precision, recall and F1, each with its interval."""

    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The intervals of all figures of one system, and how they were drawn."""

    micro: Intervals
    macro: Intervals
    labels: Mapping[str | int, Intervals]
    confidence: float
    resamples: int
    seed: int
    num_units: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two systems, what the second has more, its interval, and how often chance alone gives as much."""

    a: float
    b: float
    difference: float  # b - a
    low: float
    high: float
    p_value: float

    @property
    def verdict(self) -> str:
        """What may be said: 'no difference shown' where p is 0.05 or more, else which is better.

        It follows the p-value alone; close to 0.05 the interval, which is another estimate, may disagree about 0.
        """
        if self.p_value >= _LEVEL:
            return NO_DIFFERENCE
        return "b is better" if self.difference > 0 else "a is better"


@dataclass(frozen=True, slots=True)
class Differences:
    """Precision, recall and F1 of two systems."""

    precision: Difference
    recall: Difference
    f1: Difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same units, and how the intervals and p-values were drawn."""

    micro: Differences
    macro: Differences
    confidence: float
    resamples: int
    seed: int
    num_units: int


def bootstrap(counts: Counts, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Bootstrap:
    """Percentile bootstrap intervals (Efron and Tibshirani 1993, ch. 13) of micro, macro and per-label figures.

    Whole units are drawn, because spans of one sentence are right or wrong together. A figure without ground is 0, in a
    resample too: the interval of a label that few sentences have is as wide as that is unsure. The macro average is
    that of the labels which the resample has in gold or predicted.

    >>> right, gold = np.repeat([[1], [0]], [80, 20], axis=0), np.ones((100, 1), int)
    >>> found = bootstrap(Counts(("PER",), right, gold, right))
    >>> found.micro.recall.value, round(found.micro.recall.low, 2), round(found.micro.recall.high, 2)
    (0.8, 0.72, 0.88)
    """
    tails = _tails(confidence, resamples)
    columns_SN = np.concatenate([counts.right_SL, counts.gold_SL, counts.predicted_SL], 1)
    values = _figures(*np.split(columns_SN.sum(0), 3))
    drawn_R = _figures(*np.split(resample(columns_SN, resamples=resamples, seed=seed), 3, axis=1))
    bounds = np.stack([values, *np.quantile(drawn_R, tails, axis=0)], -1)
    rows = [Intervals(*(Interval(*figure) for figure in row)) for row in bounds.tolist()]
    labels = dict(zip(counts.labels, rows[2:]))
    return Bootstrap(rows[0], rows[1], labels, confidence, resamples, seed, counts.num_units)


def compare(a: Counts, b: Counts, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Comparison:
    """Compare two systems on the same units: differences, their paired bootstrap intervals, and p-values.

    p is the share of random exchanges of the two systems' outputs, unit by unit, that differ at least as much (paired
    approximate randomisation; Noreen 1989, Computer-Intensive Methods for Testing Hypotheses; Yeh 2000,
    https://aclanthology.org/C00-2137/), where what was observed counts as one of them. Raises DataError unless gold is
    the same on both sides.

    >>> gold, right_a, right_b = (np.repeat([[1], [0]], [n, 40 - n], axis=0) for n in (40, 20, 22))
    >>> recall = compare(Counts(("PER",), right_a, gold, gold), Counts(("PER",), right_b, gold, gold)).micro.recall
    >>> round(recall.difference, 3), recall.verdict
    (0.05, 'no difference shown')
    """
    tails = _tails(confidence, resamples)
    labels = list(dict.fromkeys([*a.labels, *b.labels]))
    (right_a, gold, predicted_a), (right_b, gold_b, predicted_b) = (_columns(counts, labels) for counts in (a, b))
    _check_same_gold(gold, gold_b, labels)

    systems = np.concatenate([gold, right_a, predicted_a, right_b, predicted_b], 1)
    totals = systems.sum(0)
    values_a, values_b = _two_figures(totals)
    drawn_a, drawn_b = _two_figures(resample(systems, resamples=resamples, seed=seed))
    bounds = np.quantile(drawn_b - drawn_a, tails, axis=0)

    change = np.concatenate([right_b - right_a, predicted_b - predicted_a], 1)
    p_values = _p_values(totals, change[change.any(1)], resamples, seed)
    table = np.stack([values_a, values_b, values_b - values_a, *bounds, p_values], -1).tolist()
    micro, macro = (Differences(*(Difference(*figure) for figure in row)) for row in table)
    return Comparison(micro, macro, confidence, resamples, seed, a.num_units)


def resample(columns_SN: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """Draw S units with replacement, R times over, and give the sums of their columns, (R, N) of whole floats.

    >>> resample(np.array([[1, 2], [1, 2]]), resamples=2, seed=0).tolist()
    [[2.0, 4.0], [2.0, 4.0]]
    """
    random = np.random.default_rng(seed)
    num_units = len(columns_SN)
    # How often each kind of unit falls into a resample is multinomial; the last kind is all that are rare, and which
    # of them falls in is drawn one by one. A large test set has few kinds: most sentences have no span or one.
    kinds, units = np.unique(columns_SN.astype(np.float64), axis=0, return_counts=True)
    many = units >= _MANY
    common_CN, rare_UN = kinds[many], np.repeat(kinds[~many], units[~many], axis=0)
    num_rare = len(rare_UN)
    shares = np.append(units[many], num_rare) / num_units
    piece = max(1, _MOST_CELLS // (len(shares) + num_rare))
    sums = []
    for start in range(0, resamples, piece):
        drawn_RC = random.multinomial(num_units, shares, size=min(piece, resamples - start))
        sums_RN = drawn_RC[:, :-1].astype(np.float64) @ common_CN
        if num_rare:
            # One count over all cells (resample, unit) of the piece: row by row it would take a loop.
            first_cells = np.repeat(np.arange(len(drawn_RC)) * num_rare, drawn_RC[:, -1])
            cells = first_cells + random.integers(num_rare, size=len(first_cells), dtype=np.int32)
            weights_RU = np.bincount(cells, minlength=len(drawn_RC) * num_rare).reshape(len(drawn_RC), num_rare)
            sums_RN += weights_RU.astype(np.float64) @ rare_UN
        sums.append(sums_RN)
    return np.concatenate(sums)


def _p_values(totals: np.ndarray, change: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Exchange the outputs of two systems at random; `change` holds what each unit gives to b more than to a."""
    random = np.random.default_rng(seed)
    gold, of_a, of_b = np.split(totals.astype(np.float64), [len(totals) // 5, 3 * len(totals) // 5])
    observed = np.abs(np.subtract(*_two_figures(totals)))
    at_least = np.zeros(observed.shape, np.int64)
    changes = change.astype(np.float64)
    piece = max(1, _MOST_CELLS // max(len(changes), len(totals), 1))
    for start in range(0, resamples, piece):
        size = min(piece, resamples - start)
        moved = random.integers(2, size=(size, len(changes)), dtype=bool).astype(np.float64) @ changes
        exchanged = np.concatenate([np.broadcast_to(gold, (size, len(gold))), of_a + moved, of_b - moved], 1)
        at_least += (np.abs(np.subtract(*_two_figures(exchanged))) >= observed - _ROUNDING).sum(0)
    return (at_least + 1) / (resamples + 1)


def _figures(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Turn counts (..., L) into figures (..., 2 + L, 3)."""
    right, gold, predicted = (
        np.concatenate([array.sum(-1, keepdims=True), array], -1) for array in (right, gold, predicted)
    )
    ratios = [
        right / np.maximum(predicted, 1),
        right / np.maximum(gold, 1),
        2 * right / np.maximum(gold + predicted, 1),
    ]
    figures = np.stack(ratios, -1)
    micro, by_label = figures[..., :1, :], figures[..., 1:, :]
    # A label that does not occur adds 0 to the sum, so it is enough to leave it out of the number.
    num_labels = ((gold + predicted)[..., 1:] > 0).sum(-1)[..., None, None]
    macro = by_label.sum(-2, keepdims=True) / np.maximum(num_labels, 1)
    return np.concatenate([micro, macro, by_label], -2)


def _two_figures(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the averages of two systems, (..., 2, 3), from gold, right and predicted of a, right and predicted of b."""
    gold, *systems = np.split(columns, 5, axis=-1)
    a, b = (_figures(right, gold, predicted)[..., :2, :] for right, predicted in (systems[:2], systems[2:]))
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


def _tails(confidence: float, resamples: int) -> list[float]:
    """Give the two quantiles of an interval; UsageError where there are none."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence={confidence!r}: an interval needs a share between 0 and 1, such as 0.95")
    if resamples < 1:
        raise UsageError(f"resamples={resamples!r}: pass at least 1, and some thousands for steady intervals")
    return [(1 - confidence) / 2, (1 + confidence) / 2]
