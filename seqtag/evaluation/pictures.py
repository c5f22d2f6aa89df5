"""The pictures of a report: F1 by label, kinds of error, what is taken for what. reporting/ draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqtag.evaluation.statistics.resampling import Interval
from seqtag.reporting.figures import printable
from seqtag.reporting.sections import BarRow, Bars, HeatMap

_MOST_BARS = 25
_MOST_NAMES = 10  # of a heat map
_PERCENT = tuple((tick / 4, str(25 * tick)) for tick in range(5))
_NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class LabelFigure:
    """The F1 of a label, as a bar shows it."""

    label: object
    f1: float
    interval: Interval | None
    support: int


def label_bars(rows: Sequence[LabelFigure], caption: str) -> Bars:
    """Draw the F1 of labels with intervals and support; labels without gold have none and are left out."""
    having = [row for row in rows if row.support]
    shown = sorted(having, key=lambda row: -row.support)[:_MOST_BARS] if len(having) > _MOST_BARS else having
    if len(shown) < len(having):
        caption += f"; the {_MOST_BARS} most frequent of {len(having):,} labels"
    return Bars(
        caption,
        tuple(
            BarRow(
                printable(row.label),
                row.f1,
                f"{100 * row.f1:.1f}",
                None if row.interval is None else row.interval.low,
                None if row.interval is None else row.interval.high,
                f"({row.support:,})",
            )
            for row in shown
        ),
        ticks=_PERCENT,
    )


def kind_bars(kinds: Sequence[tuple[str, int]], caption: str) -> Bars:
    """Draw how often each kind of error occurs.

    >>> [(row.name, row.value) for row in kind_bars([("missed", 3), ("spurious", 1)], "").rows]
    [('missed', 0.75), ('spurious', 0.25)]
    """
    total = sum(count for _, count in kinds)
    rows = (
        BarRow(printable(kind), n / total, f"{n:,}", note=f"{100 * n / total:.0f}%" if 200 * n >= total else "<1%")
        for kind, n in kinds
    )
    return Bars(caption, tuple(rows), ticks=_PERCENT)


def heat_map(confusions: Sequence[tuple[object, object, int]], caption: str) -> HeatMap | None:
    """Draw which label of gold met which predicted one, for up to ten labels; None stands for nothing on that side.

    >>> grid = heat_map([("LOC", "PER", 2), ("LOC", None, 1)], "")
    >>> grid.rows, grid.columns, grid.counts
    (('LOC', 'PER'), ('LOC', 'PER', '(nothing)'), ((0, 2, 1), (0, 0, 0)))
    """
    confused: dict[object, int] = {}  # how often the label was taken for another, or another for it
    for gold, predicted, count in confusions:
        for label in {gold, predicted} - {None}:
            wrong = count if predicted is not None and gold is not None and gold != predicted else 0
            confused[label] = confused.get(label, 0) + wrong
    names = sorted(sorted(confused, key=lambda label: (-confused[label], str(label)))[:_MOST_NAMES], key=str)
    if not names:
        return None
    if len(names) < len(confused):
        caption += f"; the {len(names)} most confused of {len(confused):,} labels"
    cells = {(gold, predicted): count for gold, predicted, count in confusions}
    has_spurious, has_missed = (any(pair[side] is None for pair in cells) for side in (0, 1))
    rows: list[object] = [*names, *([None] if has_spurious else [])]
    columns: list[object] = [*names, *([None] if has_missed else [])]
    return HeatMap(
        caption,
        "gold",
        "predicted",
        tuple(map(_name, rows)),
        tuple(map(_name, columns)),
        tuple(tuple(cells.get((a, b), 0) for b in columns) for a in rows),
    )


def _name(label: object) -> str:
    return _NOTHING if label is None else printable(label)
