"""Choose, label by label, from which probability on an event counts, so that a wanted precision or recall is reached.

This module knows events with a label and a probability that were right or not; it does not know which spans overlap.
"""

# N events, D distinct probabilities

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss

# The threshold of a label without events: an event counts if it is likelier to be right than wrong.
_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Threshold:
    """The probability from which on events of a label count, and its figures on the events that it was chosen on."""

    value: float
    precision: float | None  # None: nothing is left
    recall: float | None  # None: there is nothing to find
    reached: bool  # False: no threshold reaches the wanted figure, and this one comes nearest


def choose_thresholds(
    labels_N: Sequence[str],
    score_N: Sequence[float] | np.ndarray,
    right_N: Sequence[bool] | np.ndarray,
    num_gold: Mapping[str, int],
    *,
    precision: Mapping[str, float] | None = None,
    recall: Mapping[str, float] | None = None,
) -> dict[str, Threshold]:
    """For each label of `num_gold` choose the threshold with the best recall among those of the wanted precision.

    Where a recall is wanted, the threshold with the best precision is chosen among those that reach it; a label without
    either gets the threshold with the best F1. A threshold lies half-way between the probabilities that it parts, so
    that small changes of these move nothing. Where no threshold reaches the wanted figure, the nearest one is chosen;
    see `Threshold.reached`. A label without gold or without events gets 0.5.
    Raises UsageError for a label that is not in `num_gold`, DataError for unequal lengths.

    >>> chosen = choose_thresholds(["PER"] * 3, [0.9, 0.6, 0.2], [True, False, True], {"PER": 2}, recall={"PER": 0.5})
    >>> chosen["PER"]
    Threshold(value=0.75, precision=1.0, recall=0.5, reached=True)
    """
    labels, scores, right = np.asarray(labels_N, object), np.asarray(score_N, np.float64), np.asarray(right_N, bool)
    if not len(labels) == len(scores) == len(right):
        raise DataError(f"{len(labels)} labels, {len(scores)} probabilities and {len(right)} answers; pair them")
    for label in {*(precision or {}), *(recall or {}), *labels.tolist()} - set(num_gold):
        raise UsageError(f"unknown label {label!r}; {near_miss(str(label), num_gold)}")
    chosen = {}
    for label, gold in num_gold.items():
        of_label_N = labels == label
        wanted = ((precision or {}).get(label), (recall or {}).get(label))
        chosen[label] = _choose(scores[of_label_N], right[of_label_N], gold, *wanted)
    return chosen


def cuts(score_N: np.ndarray) -> np.ndarray:
    """Give falling thresholds that part distinct probabilities: half-way below each, a little below the last, (D,).

    >>> cuts(np.array([0.2, 0.8, 0.8, 0.4])).round(4).tolist()
    [0.6, 0.3, 0.1998]
    """
    distinct_D = np.unique(score_N)[::-1]
    return np.append((distinct_D[:-1] + distinct_D[1:]) / 2, 0.999 * distinct_D[-1:])


def _choose(
    score_N: np.ndarray, right_N: np.ndarray, num_gold: int, wanted_precision: float | None, wanted_recall: float | None
) -> Threshold:
    asked = wanted_precision is not None or wanted_recall is not None
    if not len(score_N) or not num_gold:
        precision = float(np.mean(right_N[score_N >= _EVEN])) if (score_N >= _EVEN).any() else None
        return Threshold(_EVEN, precision, 0.0 if num_gold else None, reached=not asked)
    cut_D = cuts(score_N)
    rising_N = np.argsort(score_N)
    right_above_N = np.append(np.cumsum(right_N[rising_N][::-1])[::-1], 0)
    first_D = np.searchsorted(score_N[rising_N], cut_D)  # of the events that stay
    num_right_D, kept_D = right_above_N[first_D], len(score_N) - first_D
    precision_D, recall_D = num_right_D / kept_D, num_right_D / num_gold
    if wanted_precision is not None:
        figure_D, other_D, wanted = precision_D, recall_D, wanted_precision
    elif wanted_recall is not None:
        figure_D, other_D, wanted = recall_D, precision_D, wanted_recall
    else:
        figure_D, other_D, wanted = 2 * num_right_D / (kept_D + num_gold), recall_D, 2.0
    reached_D = figure_D >= wanted
    # Among equally good thresholds, the highest lets the fewest wrong events through on other data.
    ranks = (other_D, reached_D) if reached_D.any() else (other_D, figure_D)
    best = int(np.lexsort((-np.arange(len(cut_D)), *ranks))[-1])
    reached = bool(reached_D[best]) or not asked
    return Threshold(float(cut_D[best]), float(precision_D[best]), float(recall_D[best]), reached)
