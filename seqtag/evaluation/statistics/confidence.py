"""How far probabilities can be trusted: reliability, coverage against precision, precision against recall.

This module knows events with a probability that were right or not: predicted spans, tags, texts. It leaves out how
they are made; models/tagging/tuning.py holds what is done about an unreliable model (a temperature, thresholds).
"""

# N events, M candidates

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve

from seqtag.errors import DataError
from seqtag.reporting.sections import Bar, Block, Curve, Paragraph, Plot, Table

_NUM_BINS = 10
_NUM_SHARES = 20  # points of the coverage: 5%, 10%, ..., 100%
_MOST_POINTS = 200  # of a curve; more can't be seen


@dataclass(frozen=True, slots=True)
class Bin:
    """The events with a probability above `low` and up to `high`; 0 lies in the first bin.

    The figures of a bin without events are None.
    """

    low: float
    high: float
    count: int
    confidence: float | None  # mean probability
    right: float | None  # share of right ones
    right_low: float | None  # 95% interval of that share
    right_high: float | None


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """What is left of the events where only those with a probability of at least `threshold` are kept."""

    share: float  # of the events
    threshold: float
    precision: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Precision and recall of the candidates with a probability of at least `threshold`."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far the probabilities of some events can be trusted; a figure without ground is None, a curve empty."""

    num_events: int
    num_bins: int
    ece: float | None  # expected calibration error over the bins
    brier: float | None  # mean squared distance of the probabilities from what came true
    bins: tuple[Bin, ...]
    coverage: tuple[CoveragePoint, ...]  # from the surest events to all of them
    curve: tuple[CurvePoint, ...]  # from the lowest threshold to the highest, at most 200 points
    average_precision: float | None  # area under the curve, before it is thinned


def measure_confidence(
    score_N: Sequence[float] | np.ndarray,
    right_N: Sequence[bool] | np.ndarray,
    *,
    num_gold: int | None = None,
    candidates: tuple[Sequence[float] | np.ndarray, Sequence[bool] | np.ndarray] | None = None,
) -> Confidence:
    """Compare the probabilities of events with how many of them were right.

    The expected calibration error is the mean distance of probability and share of right ones over ten bins of equal
    width, weighted by their events (Guo et al. 2017, On Calibration of Modern Neural Networks,
    https://arxiv.org/abs/1706.04599); it depends on the number of bins. Intervals are Wilson's (1927). Coverage keeps
    events of one probability together, so each of its shares can be had by a threshold.

    The curve needs `num_gold`, the number of events that should be found; `candidates` (probabilities, right or not)
    may hold events that were not chosen too. Raises DataError for lists of unequal length and for numbers that are no
    probabilities.

    >>> confidence = measure_confidence([0.95, 0.95, 0.65, 0.65], [True, True, True, False])
    >>> round(confidence.ece, 3), round(confidence.brier, 3), confidence.coverage[-1].precision
    (0.1, 0.138, 0.75)
    """
    score_N, right_N = _checked(score_N, right_N)
    bins = _bins(score_N, right_N)
    known = [(part.count, part.confidence, part.right) for part in bins]
    distances = [count * abs(sure - right) for count, sure, right in known if sure is not None and right is not None]
    curve, area = _curve(*((score_N, right_N) if candidates is None else _checked(*candidates)), num_gold)
    return Confidence(
        num_events=len(score_N),
        num_bins=len(bins),
        ece=sum(distances) / len(score_N) if len(score_N) else None,
        brier=float(np.mean((score_N - right_N) ** 2)) if len(score_N) else None,
        bins=bins,
        coverage=_coverage(score_N, right_N),
        curve=curve,
        average_precision=area,
    )


def sections_of(confidence: Confidence, noun: str = "spans") -> tuple[Block, ...]:
    """Give what a report shows of it: sentences, two plots, the reliability table; `noun` names the events.

    >>> blocks = sections_of(measure_confidence([0.9], [True]), "texts")
    >>> blocks[0].lines[0]
    'texts: expected calibration error 10.0 points over 10 bins, Brier score 0.010'
    """
    if confidence.ece is None or confidence.brier is None:
        return (Paragraph((f"no {noun} were predicted, so nothing can be said of how sure the model is",)),)
    lines = [
        f"{noun}: expected calibration error {100 * confidence.ece:.1f} points over {confidence.num_bins} bins, "
        f"Brier score {confidence.brier:.3f}",
        _coverage_sentence(confidence.coverage, noun),
    ]
    if confidence.average_precision is not None:
        lines.append(f"average precision over all thresholds {100 * confidence.average_precision:.1f}")
    return (Paragraph(tuple(lines)), *_plots(confidence, noun), _reliability_table(confidence, noun))


def reliability_plot(confidence: Confidence, noun: str = "spans") -> Plot:
    """Draw the share of right ones by probability, with intervals."""
    bars = tuple(
        Bar(part.low, part.high, part.right, f"{part.count:,} {noun}, {100 * part.right:.1f}% right", interval)
        for part in confidence.bins
        if part.right is not None and (interval := _bounds(part))
    )
    return Plot(f"Reliability of {noun}", "probability", "share that is right", bars=bars, diagonal=True)


def _checked(
    score_N: Sequence[float] | np.ndarray, right_N: Sequence[bool] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scores, right = np.asarray(score_N, np.float64), np.asarray(right_N, bool)
    if scores.shape != right.shape or scores.ndim != 1:
        raise DataError(f"{scores.size} probabilities but {right.size} answers to whether they were right; pair them")
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if len(outside):
        raise DataError(f"{float(outside[0])!r} is no probability; give numbers between 0 and 1")
    return scores, right


def _bins(score_N: np.ndarray, right_N: np.ndarray) -> tuple[Bin, ...]:
    edges = np.linspace(0.0, 1.0, _NUM_BINS + 1)
    place_N = np.searchsorted(edges[1:-1], score_N)  # an edge belongs to the bin below it, as in Guo et al.
    counts = np.bincount(place_N, minlength=_NUM_BINS).tolist()
    num_right = np.bincount(place_N[right_N], minlength=_NUM_BINS).tolist()
    sums = np.bincount(place_N, score_N, minlength=_NUM_BINS).tolist()
    bins = []
    for i, (count, right, total) in enumerate(zip(counts, num_right, sums)):
        low, high = float(edges[i]), float(edges[i + 1])
        if count:
            # Wilson's interval holds for few events and for shares of 0 and 1 too.
            interval = binomtest(right, count).proportion_ci(0.95, method="wilson")
            bins.append(Bin(low, high, count, total / count, right / count, *map(float, interval)))
        else:
            bins.append(Bin(low, high, 0, None, None, None, None))
    return tuple(bins)


def _coverage(score_N: np.ndarray, right_N: np.ndarray) -> tuple[CoveragePoint, ...]:
    if not len(score_N):
        return ()
    order = np.argsort(-score_N, kind="stable")
    sorted_N, right_so_far_N = score_N[order], np.cumsum(right_N[order])
    wanted = np.ceil(len(score_N) * np.arange(1, _NUM_SHARES + 1) / _NUM_SHARES).astype(np.int64)
    kept = np.unique(np.searchsorted(-sorted_N, -sorted_N[wanted - 1], side="right"))
    return tuple(
        CoveragePoint(k / len(score_N), float(sorted_N[k - 1]), float(right_so_far_N[k - 1]) / k) for k in kept.tolist()
    )


def _curve(
    score_M: np.ndarray, right_M: np.ndarray, num_gold: int | None
) -> tuple[tuple[CurvePoint, ...], float | None]:
    """Points of the curve, and the average precision: the sum of the precisions, each by the recall that it adds."""
    if not num_gold:
        return (), None
    if not right_M.any():
        return (), 0.0
    precision, recall, thresholds = precision_recall_curve(right_M, score_M)
    recall = recall * (right_M.sum() / num_gold)
    area = -float(np.sum(np.diff(recall) * precision[:-1]))
    places = np.unique(np.linspace(0, len(thresholds) - 1, min(len(thresholds), _MOST_POINTS)).round().astype(int))
    points = zip(thresholds[places].tolist(), precision[places].tolist(), recall[places].tolist())
    return tuple(CurvePoint(*point) for point in points), area


def _coverage_sentence(coverage: Sequence[CoveragePoint], noun: str) -> str:
    point = min(coverage, key=lambda point: (abs(point.share - 0.8), -point.share))
    if len(coverage) == 1:
        return f"all {noun} have the probability {point.threshold:.2f}: precision {100 * point.precision:.1f}"
    return (
        f"the surest {100 * point.share:.0f}% of {noun} (probability {point.threshold:.2f} or more): "
        f"precision {100 * point.precision:.1f}; all of them: {100 * coverage[-1].precision:.1f}"
    )


def _reliability_table(confidence: Confidence, noun: str) -> Table:
    rows = []
    for part in confidence.bins:
        if part.confidence is None or part.right is None or part.right_low is None or part.right_high is None:
            continue
        figures = (f"{100 * part.confidence:.1f}", f"{100 * part.right:.1f}")
        interval = f"{100 * part.right_low:.1f} to {100 * part.right_high:.1f}"
        rows.append((f"{part.low:.1f} to {part.high:.1f}", f"{part.count:,}", *figures, interval))
    return Table(
        header=("probability", noun, "mean", "right", "95% interval"),
        rows=tuple(rows),
        caption=f"Reliability: of the {noun} with a mean probability of 70%, 70% should be right",
    )


def _bounds(part: Bin) -> tuple[float, float] | None:
    return None if part.right_low is None or part.right_high is None else (part.right_low, part.right_high)


def _plots(confidence: Confidence, noun: str) -> list[Plot]:
    kept = tuple((point.share, point.precision) for point in confidence.coverage)
    plots = [
        Plot(f"Precision of the surest {noun}", f"share of {noun} kept", "precision", (Curve("precision", kept),)),
    ]
    if confidence.curve:
        points = tuple((point.recall, point.precision) for point in reversed(confidence.curve))
        plots.append(Plot(f"Precision and recall of {noun}", "recall", "precision", (Curve("precision", points),)))
    return plots
