"""Score the parts of a corpus that have a property in common, such as a length, and lay these slices out as a table.

tagging/slices.py and classifying/slices.py say what a corpus is cut by. This module knows no span and no text.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from seqtag.reporting.figures import percent, plain
from seqtag.reporting.sections import Table

_CAPTION = "scores of parts of the data"

Case = TypeVar("Case", bound=Hashable)  # all that is known of a span or a text and that a cut may ask for


@dataclass(frozen=True, slots=True)
class Slice:
    """The spans of gold and prediction that have a property in common, and how many are right.

    A token under plain tags, or a text, is in gold and in the prediction alike: there precision, recall and F1 are the
    accuracy. A figure without ground is None.
    """

    group: str  # what the corpus was cut by
    name: str
    num_gold: int
    num_predicted: int
    num_right: int

    @property
    def precision(self) -> float | None:
        """The share of predicted spans that is right."""
        return self.num_right / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """The share of gold spans that was found."""
        return self.num_right / self.num_gold if self.num_gold else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two, defined as soon as there is a span on either side."""
        total = self.num_gold + self.num_predicted
        return 2 * self.num_right / total if total else None

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values: the fields, `precision`, `recall`, `f1`."""
        return {**plain(self), "precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class Cut(Generic[Case]):
    """One way to cut a corpus into slices."""

    group: str
    names: Sequence[str]  # of the slices, in order
    name_of: Callable[[Case], str | None]  # gives the slice of a case; None if the case is in no slice of this group


def count_slices(
    cuts: Iterable[Cut[Case]], gold: Counter[Case], predicted: Counter[Case], right: Counter[Case]
) -> tuple[Slice, ...]:
    """Count the cases of each side in each slice of each cut.

    >>> cut = Cut("parity", ("even", "odd"), lambda number: "odd" if number % 2 else "even")
    >>> [(found.name, found.num_gold) for found in count_slices([cut], Counter([1, 2, 3]), Counter(), Counter())]
    [('even', 1), ('odd', 2)]
    """
    slices = []
    for cut in cuts:
        # Most cases occur often: each is asked for once.
        names = {case: cut.name_of(case) for case in {*gold, *predicted}}
        sums: list[Counter[str | None]] = []
        for side in (gold, predicted, right):
            sums.append(Counter())
            for case, times in side.items():
                sums[-1][names[case]] += times
        slices += [Slice(cut.group, name, *(found[name] for found in sums)) for name in cut.names]
    return tuple(slices)


def slice_table(slices: Sequence[Slice], *, unit: str = "spans") -> Table:
    """Lay slices out, one row for each; slices of tokens or texts have a number and the accuracy.

    >>> slice_table([Slice("tokens of the span", "1", 3, 4, 2)]).rows
    (('tokens of the span', '1', '3', '4', '50.00', '66.67', '57.14'),)
    >>> slice_table([Slice("word in training", "unknown", 8, 8, 6)], unit="tokens").rows
    (('word in training', 'unknown', '8', '75.00'),)
    """
    if unit != "spans":
        rows = ((cut.group, cut.name, f"{cut.num_gold:,}", percent(cut.f1)) for cut in slices)
        return Table(("", "", unit, "accuracy"), tuple(rows), _CAPTION, text_columns=2, explained=2)
    return Table(
        ("", "", "gold", "predicted", "P", "R", "F1"),
        tuple(
            (
                *(cut.group, cut.name, f"{cut.num_gold:,}", f"{cut.num_predicted:,}"),
                *map(percent, (cut.precision, cut.recall, cut.f1)),
            )
            for cut in slices
        ),
        _CAPTION,
        text_columns=2,
        explained=2,
    )


def quartile_names(lengths: Sequence[int]) -> dict[int, str]:
    """Name the quartile of each length by the shortest and the longest length that it holds, in rising order.

    >>> quartile_names([3, 3, 5, 8, 9])
    {3: '3', 5: '5', 8: '8', 9: '9'}
    """
    if not lengths:
        return {}
    distinct = sorted(set(lengths))
    bounds = np.quantile(lengths, [0.25, 0.5, 0.75], method="inverted_cdf")
    quartile_of = dict(zip(distinct, np.searchsorted(bounds, distinct).tolist()))
    names = {}
    for quartile in set(quartile_of.values()):
        held = [length for length in distinct if quartile_of[length] == quartile]
        names[quartile] = str(held[0]) if held[0] == held[-1] else f"{held[0]}-{held[-1]}"
    return {length: names[quartile] for length, quartile in quartile_of.items()}
