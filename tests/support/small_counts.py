"""Counts of a few units, what can be drawn from them, and their figures in plain Python."""

import numpy as np
from hypothesis import strategies as st

from seqtag.evaluation.statistics import resampling
from seqtag.evaluation.statistics.counts import Counts

FIGURES = ("precision", "recall", "f1")
CHANCE = 1e-9  # of a false alarm, in one of the thousand comparisons that a run makes

# How units are drawn: from how many of a kind on together, and how many cells at a time; the last one mixes both ways
WAYS = {"together": (1, 200_000), "one by one": (10**9, 200_000), "in small pieces": (2, 1000)}

# Three units with two labels: (right, gold, predicted) of each
ROWS = [[(1, 2, 1), (0, 1, 0)], [(0, 1, 2), (0, 0, 0)], [(3, 3, 4), (1, 1, 2)]]
LABEL_COUNTS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)).map(
    lambda t: (t[0], t[0] + t[1], t[0] + t[2])
)


def ratio(part, whole):
    return part / whole if whole else 0.0


def slow_figures(rows):
    """Micro, macro and each label of rows [(right, gold, predicted) for each label], in plain Python."""
    totals = [[sum(row[label][kind] for row in rows) for kind in range(3)] for label in range(len(rows[0]))]

    def figures(right, gold, predicted):
        return ratio(right, predicted), ratio(right, gold), ratio(2 * right, gold + predicted)

    by_label = [figures(*total) for total in totals]
    in_gold = [row for row, (_, gold, _) in zip(by_label, totals) if gold]
    macro = tuple(ratio(sum(row[kind] for row in in_gold), len(in_gold)) for kind in range(3))
    return [figures(*map(sum, zip(*totals))), macro, *by_label]


def counts_of(rows):
    array = np.array(rows)
    return Counts(tuple("ABCDEFGH"[: array.shape[1]]), array[..., 0], array[..., 1], array[..., 2])


def draw(way, monkeypatch):
    """Make all that is drawn from here on be drawn in one of the ways."""
    most_alone, cells = WAYS[way]
    monkeypatch.setattr(resampling, "_MANY", most_alone)
    monkeypatch.setattr(resampling, "_MOST_CELLS", cells)
