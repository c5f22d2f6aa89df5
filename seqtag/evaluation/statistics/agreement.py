"""Agreement of annotators beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha, with bootstrap intervals.

This module knows numbers: of categories by annotator and item, and of spans on a line. It knows no tag and no text.
"""

# A annotators, N items (tokens or texts), C categories, S units that are drawn (sentences, texts or documents),
# K spans of all annotators, R resamples. A category of -1 is missing: the annotator said nothing of the item.

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lcm

import numpy as np

from seqtag.evaluation.statistics.resampling import Interval, resample, tails

_MOST_ORDERED = 500  # resamples in which the order of the units counts, and each of them takes a loop


@dataclass(frozen=True, slots=True, eq=False)
class Coefficient:
    """A figure that is computed from sums over units, so that sums over drawn units give it too."""

    columns_SN: np.ndarray  # whole numbers
    formula: Callable[[np.ndarray], np.ndarray]  # sums (..., N) -> figures (...); nan where there is no ground for one


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The value of a figure, and what it is in each resample; nan where there is no ground for it."""

    value: float
    drawn_R: np.ndarray

    def interval(self, confidence: float = 0.95) -> Interval | None:
        """Give the value with its percentile interval; None for a figure without ground.

        Resamples without ground for the figure, such as those without a label, are left out.
        """
        known = self.drawn_R[~np.isnan(self.drawn_R)]
        if np.isnan(self.value) or not len(known):
            return None
        low, high = np.quantile(known, tails(confidence, len(self.drawn_R))).tolist()
        return Interval(self.value, low, high)


def draw(coefficients: Sequence[Coefficient], *, resamples: int, seed: int) -> list[Draws]:
    """Compute figures on all units and on units drawn with replacement, the same ones for all figures.

    >>> ratings = np.array([[0, 1, 0, 1], [0, 1, 1, 1]])
    >>> [kappa] = draw([cohen_kappa(*ratings, np.arange(4), 4)], resamples=10, seed=0)
    >>> kappa.value
    0.5
    """
    if not coefficients:
        return []
    widths = np.cumsum([each.columns_SN.shape[1] for each in coefficients])[:-1]
    columns_SN = np.concatenate([each.columns_SN for each in coefficients], 1)
    sums, drawn = columns_SN.sum(0).astype(np.float64), resample(columns_SN, resamples=resamples, seed=seed)
    found = []
    for each, whole, drawn_RN in zip(coefficients, np.split(sums, widths), np.split(drawn, widths, axis=1)):
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(Draws(float(each.formula(whole)), each.formula(drawn_RN)))
    return found


def mean_of(draws: Sequence[Draws]) -> Draws:
    """Average figures, such as those of all pairs of annotators; those without ground are left out.

    >>> mean_of([Draws(0.5, np.array([0.5, np.nan])), Draws(np.nan, np.array([1.0, np.nan]))]).drawn_R.tolist()
    [0.75, nan]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is nan, as it should be
        value = np.nanmean([each.value for each in draws]) if draws else np.nan
        drawn_R = np.nanmean([each.drawn_R for each in draws], axis=0) if draws else np.full(1, np.nan)
    return Draws(float(value), drawn_R)


def f1_of_two(right_SL: np.ndarray, first_SL: np.ndarray, second_SL: np.ndarray) -> Coefficient:
    """Give the micro F1 of two annotators from what both have and what each has; which one is gold makes no difference.

    >>> [f1] = draw([f1_of_two(*np.array([[[1]], [[2]], [[1]]]))], resamples=1, seed=0)
    >>> round(f1.value, 3)
    0.667
    """
    columns_SN = np.stack([2 * right_SL.sum(1), first_SL.sum(1) + second_SL.sum(1)], 1)
    return Coefficient(columns_SN, lambda sums: sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan))


def cohen_kappa(first_N: np.ndarray, second_N: np.ndarray, unit_N: np.ndarray, num_units: int) -> Coefficient:
    """Give the kappa of two annotators over the items that both know; without ground where both have one category only.

    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.
    `unit_N` says which unit each item belongs to.
    """
    known_N = (first_N >= 0) & (second_N >= 0)
    first_N, second_N, unit_N = first_N[known_N], second_N[known_N], unit_N[known_N]
    num_categories = _num_categories(first_N, second_N)
    equal_S = np.bincount(unit_N[first_N == second_N], minlength=num_units)
    counts = [_by_category(codes_N, unit_N, num_units, num_categories) for codes_N in (first_N, second_N)]

    def kappa(sums: np.ndarray) -> np.ndarray:
        first, second = sums[..., 1 : 1 + num_categories], sums[..., 1 + num_categories :]
        number = first.sum(-1)
        return _beyond_chance(sums[..., 0] / number, (first * second).sum(-1) / number**2)

    return Coefficient(np.concatenate([equal_S[:, None], *counts], 1), kappa)


def fleiss_kappa(codes_AN: np.ndarray, unit_N: np.ndarray, num_units: int) -> Coefficient:
    """Give the kappa of any number of annotators over the items that all of them know.

    Fleiss (1971), Measuring nominal scale agreement among many raters, Psychological Bulletin 76.
    """
    known_N = (codes_AN >= 0).all(0)
    codes_AN, unit_N = codes_AN[:, known_N], unit_N[known_N]
    num_annotators = len(codes_AN)
    equal_S = np.bincount(unit_N, _equal_pairs(codes_AN), minlength=num_units).astype(np.int64)
    counts = _counts_of_all(codes_AN, unit_N, num_units)

    def kappa(sums: np.ndarray) -> np.ndarray:
        counts = sums[..., 1:]
        number = counts.sum(-1)
        observed = 2 * sums[..., 0] / (number * (num_annotators - 1))
        return _beyond_chance(observed, (counts**2).sum(-1) / number**2)

    return Coefficient(np.concatenate([equal_S[:, None], counts], 1), kappa)


def krippendorff_alpha(codes_AN: np.ndarray, unit_N: np.ndarray, num_units: int) -> Coefficient:
    """Give the nominal alpha over the items that two annotators or more know; the others may be missing.

    Krippendorff (2011), Computing Krippendorff's alpha-reliability, https://repository.upenn.edu/asc_papers/43
    """
    num_known_N = (codes_AN >= 0).sum(0)
    paired_N = num_known_N >= 2
    codes_AN, unit_N, num_known_N = codes_AN[:, paired_N], unit_N[paired_N], num_known_N[paired_N]
    unequal_N = num_known_N * (num_known_N - 1) // 2 - _equal_pairs(codes_AN)
    # Each item weighs 1 / (its annotators - 1); a common multiple keeps the columns whole.
    scale = lcm(*range(1, max(2, len(codes_AN))))
    weighted_S = np.bincount(unit_N, 2 * unequal_N * (scale // np.maximum(num_known_N - 1, 1)), minlength=num_units)
    counts = _counts_of_all(codes_AN, unit_N, num_units)

    def alpha(sums: np.ndarray) -> np.ndarray:
        counts = sums[..., 1:]
        number = counts.sum(-1)
        expected = (number**2 - (counts**2).sum(-1)) / (number - 1)
        found: np.ndarray = 1 - sums[..., 0] / scale / np.where(expected > 0, expected, np.nan)
        return found

    return Coefficient(np.concatenate([weighted_S.astype(np.int64)[:, None], counts], 1), alpha)


def _beyond_chance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    # Sums of shares are rounded: what is 1 but for the last digits leaves no ground either.
    kappa: np.ndarray = (observed - expected) / np.where(expected < 1 - 1e-12, 1 - expected, np.nan)
    return kappa


def _equal_pairs(codes_AN: np.ndarray) -> np.ndarray:
    """Count for each item the pairs of annotators who say the same of it."""
    equal_N = np.zeros(codes_AN.shape[1], np.int64)
    for first_N, second_N in combinations(codes_AN, 2):
        equal_N += (first_N == second_N) & (first_N >= 0)
    return equal_N


def _num_categories(*codes: np.ndarray) -> int:
    return 1 + max((int(each.max(initial=0)) for each in codes), default=0)


def _by_category(codes_N: np.ndarray, unit_N: np.ndarray, num_units: int, num_categories: int) -> np.ndarray:
    cells = unit_N * num_categories + codes_N
    return np.bincount(cells, minlength=num_units * num_categories).reshape(num_units, num_categories)


def _counts_of_all(codes_AN: np.ndarray, unit_N: np.ndarray, num_units: int) -> np.ndarray:
    num_categories = _num_categories(*codes_AN)
    counts = np.zeros((num_units, num_categories), np.int64)
    for codes_N in codes_AN:
        known_N = codes_N >= 0
        counts += _by_category(codes_N[known_N], unit_N[known_N], num_units, num_categories)
    return counts


# -- spans on a line ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Unitised:
    """What annotators marked with one label, in units (sentences or documents) that are laid end to end."""

    length_S: np.ndarray  # of each unit, in tokens
    annotators: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]  # for each: unit, start and end of its K spans
    observed_S: np.ndarray  # squared distances of each unit, summed over ordered pairs of annotators

    @classmethod
    def of(cls, length_S: np.ndarray, spans: Iterable[Sequence[tuple[int, int, int]]]) -> "Unitised":
        """Take the spans of each annotator as (unit, start, end), ends exclusive; they are in order and don't overlap.

        >>> Unitised.of(np.array([9]), [[(0, 0, 2)], [(0, 1, 4)]]).observed_S.tolist()
        [10.0]
        """
        annotators = tuple(tuple(np.array(rows, np.int64).reshape(-1, 3).T) for rows in spans)
        observed_S = np.zeros(len(length_S))
        for first, second in combinations(annotators, 2):
            for unit, distance in _distances(first, second):
                observed_S[unit] += 2 * distance
        return cls(length_S, annotators, observed_S)


def _distances(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> Iterable[tuple[np.ndarray | int, np.ndarray | float]]:
    """Give the squared distances of the spans of two annotators, each with its unit.

    Spans that overlap differ by their starts and their ends, a span that overlaps no other by all of its length.
    """
    rows: dict[int, list[tuple[int, int]]] = {}
    for unit, start, end in zip(*(column.tolist() for column in second)):
        rows.setdefault(unit, []).append((start, end))
    met: set[tuple[int, int]] = set()
    for unit, start, end in zip(*(column.tolist() for column in first)):
        found = [other for other in rows.get(unit, ()) if max(start, other[0]) < min(end, other[1])]
        met.update((unit, other[0]) for other in found)
        yield unit, sum((start - a) ** 2 + (end - b) ** 2 for a, b in found) if found else (end - start) ** 2
    for unit, others in rows.items():
        yield from ((unit, (end - start) ** 2) for start, end in others if (unit, start) not in met)


def unitised_alpha(labels: Sequence[Unitised], *, resamples: int, seed: int) -> tuple[Draws, list[Draws]]:
    """Give Krippendorff's alpha of unitising over all labels together, and of each: do the same stretches get marked?

    Distances count: a border that is off by one token costs little, a span that only one annotator has costs its
    length squared. All units are one line, in the order in which they stand or are drawn; at most 500 resamples are.
    Krippendorff (2004), Measuring the reliability of qualitative text analysis data, Quality and Quantity 38.

    >>> first, second = [(0, 75, 145), (0, 220, 250)], [(0, 70, 150), (0, 205, 225), (0, 250, 270)]
    >>> round(unitised_alpha([Unitised.of(np.array([300]), [first, second])], resamples=1, seed=0)[0].value, 3)
    0.729
    """
    num_units = len(labels[0].length_S) if labels else 0
    random = np.random.default_rng(seed)
    orders = [np.arange(num_units)]
    orders += [random.integers(num_units, size=num_units) for _ in range(min(resamples, _MOST_ORDERED))]
    table = np.array([[_disagreement(each, order) for each in labels] for order in orders]).reshape(len(orders), -1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = 1 - table[..., 0] / np.where(table[..., 1] > 0, table[..., 1], np.nan)
        sums = table.sum(1)
        whole = 1 - sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
    by_label = [Draws(float(column[0]), column[1:]) for column in figures.T]
    return Draws(float(whole[0]), whole[1:]), by_label


def _disagreement(spans: Unitised, order: np.ndarray) -> tuple[float, float]:
    """Give the observed and the expected disagreement where the units stand in some order."""
    num_annotators = len(spans.annotators)
    length_S = spans.length_S[order]
    begin_S = np.cumsum(length_S) - length_S
    total = int(length_S.sum())
    lengths, gaps = [], []
    for unit_K, start_K, end_K in spans.annotators:
        first, past = np.searchsorted(unit_K, order), np.searchsorted(unit_K, order, side="right")
        number = past - first
        # the spans of the first unit in the order, then those of the next, ...
        place = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)
        shift = np.repeat(begin_S, number)
        starts, ends = start_K[place] + shift, end_K[place] + shift
        lengths.append(ends - starts)
        gap = np.append(starts, total) - np.concatenate(([0], ends))
        gaps.append(gap[gap > 0])
    length_K, gap_G = np.concatenate(lengths), np.concatenate(gaps)
    if not len(length_K) or not total:
        return 0.0, 0.0
    observed = spans.observed_S[order].sum() / (num_annotators * (num_annotators - 1) * total**2)
    size, count = np.unique(length_K, return_counts=True)
    size = size.astype(np.float64)
    among_units = (len(length_K) - 1) / 3 * (2 * size**3 - 3 * size**2 + size)
    in_gaps = size**2 * np.maximum(gap_G[None, :] - size[:, None] + 1, 0).sum(1)
    line = float(num_annotators * total)
    expected = 2 / total * (count * (among_units + in_gaps)).sum()
    return float(observed), float(expected / (line * (line - 1) - (count * size * (size - 1)).sum()))
