"""Say how sure scores are, by resampling the units that they were measured on.

This module knows counts (counts.py); it knows no span and no tag. randomisation.py compares two systems with what is
drawn here.
"""

# S units (sentences, texts or documents), L labels, N columns of counts, R resamples
# C kinds of units that are many, U other units
# Arrays of figures end in (2 + L, 3): rows for the micro average, the macro average and each label; P, R and F1

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from seqtag.errors import UsageError
from seqtag.evaluation.statistics.counts import ByFigure, Counts
from seqtag.reporting.figures import plain

T = TypeVar("T")

# Resamples are drawn in pieces of at most this many numbers, so that memory stays bounded.
_MOST_CELLS = 1_000_000
# Units with equal counts are drawn together if there are at least this many; fewer are drawn faster one by one.
_MANY = 8
# Whole numbers up to this one are exact as 32-bit floats, which are multiplied in half the time.
_LARGEST_FLOAT32 = 1 << 24


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure between 0 and 1 and the interval that resampling gives it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Drawn(Generic[T]):
    """What was drawn for each figure of one system, or of two on the same units, and how it was drawn."""

    micro: ByFigure[T]
    macro: ByFigure[T]
    labels: Mapping[str | int, ByFigure[T]]
    confidence: float
    resamples: int
    seed: int
    num_units: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field; `labels` is a list, since a label may be a number."""
        return {**plain(self), "labels": [{"label": label, **plain(found)} for label, found in self.labels.items()]}


Bootstrap = Drawn[Interval]


def bootstrap(counts: Counts, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Bootstrap:
    """Give percentile bootstrap intervals (Efron and Tibshirani 1993, ch. 13) of micro, macro and per-label figures.

    Whole units are drawn, because spans of one sentence are right or wrong together. A figure without ground is 0, in a
    resample too, so the interval of a label that few sentences have is wide. The macro average is taken over the labels
    that the resample has in gold.

    >>> right, gold = np.repeat([[1], [0]], [80, 20], axis=0), np.ones((100, 1), int)
    >>> found = bootstrap(Counts(("PER",), right, gold, right))
    >>> found.micro.recall.value, round(found.micro.recall.low, 2), round(found.micro.recall.high, 2)
    (0.8, 0.72, 0.88)
    """
    bounds = tails(confidence, resamples)
    columns_SN = np.concatenate([counts.right_SL, counts.gold_SL, counts.predicted_SL], 1)
    values = figures(*np.split(columns_SN.sum(0), 3))
    drawn_R = figures(*np.split(resample(columns_SN, resamples=resamples, seed=seed), 3, axis=1))
    table = np.stack([values, *np.quantile(drawn_R, bounds, axis=0)], -1)
    micro, macro, *rows = (ByFigure(*(Interval(*figure) for figure in row)) for row in table.tolist())
    drawn = float(confidence), int(resamples), int(seed)  # numpy's numbers would not fit into JSON
    return Drawn(micro, macro, dict(zip(counts.labels, rows)), *drawn, counts.num_units)


def ratio_interval(
    part_S: np.ndarray, whole_S: np.ndarray, *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Give the 95% percentile bootstrap interval of sum(part) / sum(whole), from counts per unit; no units give 0 to 0.

    A resample whose whole is 0 counts as 0. Where all units have the same ratio, such as when all are right, the
    interval has no width, because every draw of units then gives the same figure.

    >>> low, high = ratio_interval(np.array([1, 1, 1, 0] * 25), np.ones(100, int))
    >>> round(low, 2), round(high, 2)
    (0.66, 0.83)
    """
    bounds = tails(0.95, resamples)
    if not len(part_S):
        return 0.0, 0.0
    part_R, whole_R = resample(np.stack([part_S, whole_S], -1), resamples=resamples, seed=seed).T
    low, high = np.quantile(part_R / np.maximum(whole_R, 1), bounds)
    return float(low), float(high)


def micro_f1_interval(right_S: np.ndarray, gold_S: np.ndarray, predicted_S: np.ndarray) -> tuple[float, float]:
    """Give the 95% bootstrap interval of micro F1 alone, from the counts of right, gold and predicted in each unit.

    >>> micro_f1_interval(np.array([1, 1]), np.array([1, 1]), np.array([1, 1]))
    (1.0, 1.0)
    """
    return ratio_interval(2 * right_S, gold_S + predicted_S)


def resample(columns_SN: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """Draw S units with replacement, R times over, and give the sums of their columns, (R, N) of whole floats.

    >>> resample(np.array([[1, 2], [1, 2]]), resamples=2, seed=0).tolist()
    [[2.0, 4.0], [2.0, 4.0]]
    """
    random = np.random.default_rng(seed)
    num_units = len(columns_SN)
    # How often each kind of unit falls into a resample is multinomial. The last kind holds all rare units, and which of
    # them falls in is drawn one by one. A large test set has few kinds: most sentences have no span or one.
    kinds, units = np.unique(columns_SN, axis=0, return_counts=True)
    many = units >= _MANY
    kinds = _as_floats(kinds, num_units * np.abs(kinds).max(initial=0))
    common_CN, rare_UN = kinds[many], np.repeat(kinds[~many], units[~many], axis=0)
    num_rare = len(rare_UN)
    shares = np.append(units[many], num_rare) / num_units
    piece = max(1, _MOST_CELLS // (len(shares) + num_rare))
    sums = []
    for start in range(0, resamples, piece):
        drawn_RC = random.multinomial(num_units, shares, size=min(piece, resamples - start))
        sums_RN = drawn_RC[:, :-1].astype(kinds.dtype) @ common_CN
        if num_rare:
            # One count over all cells (resample, unit) of the piece: row by row it would take a loop.
            cells = np.repeat(np.arange(len(drawn_RC)) * num_rare, drawn_RC[:, -1])
            cells += random.integers(num_rare, size=len(cells), dtype=np.int32)
            weights_RU = np.bincount(cells, minlength=len(drawn_RC) * num_rare).reshape(len(drawn_RC), num_rare)
            sums_RN += weights_RU.astype(kinds.dtype) @ rare_UN
        sums.append(sums_RN.astype(np.float64))
    return np.concatenate(sums)


def exchange(change_SN: np.ndarray, *, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Take each of S units or leave it, as a coin says, R times over, and give sums of columns in pieces (r, N).

    >>> sum(len(sums) for sums in exchange(np.array([[1, 2]]), resamples=5, seed=0))
    5
    """
    random = np.random.default_rng(seed)
    change_SN = _as_floats(change_SN, np.abs(change_SN).sum(0).max(initial=0))
    piece = max(1, _MOST_CELLS // max(*change_SN.shape, 1))
    for start in range(0, resamples, piece):
        taken_RS = random.integers(2, size=(min(piece, resamples - start), len(change_SN)), dtype=bool)
        yield (taken_RS.astype(change_SN.dtype) @ change_SN).astype(np.float64)


def figures(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Turn counts (..., L) into figures (..., 2 + L, 3).

    >>> figures(np.array([1, 0]), np.array([1, 1]), np.array([2, 0])).tolist()
    [[0.5, 0.5, 0.5], [0.25, 0.5, 0.3333333333333333], [0.5, 1.0, 0.6666666666666666], [0.0, 0.0, 0.0]]
    """
    right, gold, predicted = (
        np.concatenate([array.sum(-1, keepdims=True), array], -1) for array in (right, gold, predicted)
    )
    ratios = [
        right / np.maximum(predicted, 1),
        right / np.maximum(gold, 1),
        2 * right / np.maximum(gold + predicted, 1),
    ]
    found = np.stack(ratios, -1)
    micro, by_label = found[..., :1, :], found[..., 1:, :]
    # A label without gold adds 0 to the sum, so it is enough to leave it out of the number.
    num_labels = (gold[..., 1:] > 0).sum(-1)[..., None, None]
    macro = by_label.sum(-2, keepdims=True) / np.maximum(num_labels, 1)
    return np.concatenate([micro, macro, by_label], -2)


def tails(confidence: float, resamples: int) -> list[float]:
    """Give the two quantiles of an interval. Raises UsageError for an impossible share or number of resamples.

    >>> tails(0.5, 100)
    [0.25, 0.75]
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence={confidence!r}: an interval needs a share between 0 and 1, such as 0.95")
    if resamples < 1:
        raise UsageError(f"resamples={resamples!r}: pass at least 1, and some thousands for steady intervals")
    return [(1 - confidence) / 2, (1 + confidence) / 2]


def _as_floats(counts: np.ndarray, largest_sum: int) -> np.ndarray:
    """Give whole numbers as floats in which no sum of them is rounded."""
    return counts.astype(np.float32 if largest_sum < _LARGEST_FLOAT32 else np.float64)
