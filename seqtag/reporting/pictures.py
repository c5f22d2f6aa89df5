"""Place the parts of a picture in its SVG: plots, bars with intervals, heat maps. The templates of page/ write them.

All places are in units of a viewBox that is `WIDTH` wide, with y downwards, so that text stays readable on a screen of
400 pixels. This module knows no metric.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len

from seqtag.reporting.escaping import shorten
from seqtag.reporting.sections import BarRow, Bars, Curve, HeatMap

WIDTH = 400
# The corners of a plot
LEFT, RIGHT, TOP, BOTTOM = 48.0, 388.0, 10.0, 250.0
# The columns of bars: names, the bars themselves, figures. Long names stand above their bars.
_NAME_CELLS, _LONG_NAME_CELLS, _BARS_LEFT, _BARS_RIGHT, _FIGURES = 16, 50, 128.0, 284.0, 292.0
_ROW_HEIGHT, _ABOVE = 22, 16
_SIDE, _LARGEST_HEAD, _LARGEST_CELL = 128.0, 108.0, 44.0  # of a heat map: names of rows, names of columns, a cell
_CELL_WIDTH = 7.5  # of a character
_MOST_INK = 0.5  # how dark a cell may be, so that its number can be read in every theme


def x_of(value: float) -> str:
    """Place a value between 0 and 1 on the x axis of a plot.

    >>> x_of(0), x_of(1)
    ('48', '388')
    """
    return _short(LEFT + (RIGHT - LEFT) * value)


def y_of(value: float) -> str:
    """Place a value between 0 and 1 on the y axis of a plot, which counts downwards.

    >>> y_of(0), y_of(1)
    ('250', '10')
    """
    return _short(BOTTOM - (BOTTOM - TOP) * value)


def points_of(curve: Curve) -> str:
    """Place the points of a curve, as an SVG polyline wants them."""
    return " ".join(f"{x_of(x)},{y_of(y)}" for x, y in curve.points)


@dataclass(frozen=True, slots=True)
class PlacedBar:
    """A row of bars with its places."""

    row: BarRow
    name: str  # cut to the room that it has
    name_x: str
    name_y: float
    y: float  # the middle of the bar
    left: str  # of the bar
    width: str
    interval: tuple[str, str] | None  # its ends


def placed_bars(bars: Bars) -> Iterator[PlacedBar]:
    """Place the rows of bars from top to bottom.

    >>> [(bar.left, bar.width) for bar in placed_bars(Bars("", (BarRow("a", 0.5, "50"), BarRow("b", None, "-"))))]
    [('128', '78'), ('128', '0')]
    """
    zero = min(max(0.0, bars.start), bars.end)
    above = names_above(bars)
    for number, row in enumerate(bars.rows):
        value = zero if row.value is None else min(max(row.value, bars.start), bars.end)
        left, right = sorted((_bar_x(zero, bars), _bar_x(value, bars)))
        ends = None
        if row.low is not None and row.high is not None:
            ends = (_short(_bar_x(row.low, bars)), _short(_bar_x(row.high, bars)))
        name = shorten(row.name, _LONG_NAME_CELLS if above else _NAME_CELLS)
        y = (_ROW_HEIGHT + above) * number + above + _ROW_HEIGHT / 2
        place = ("2", y - above) if above else (_short(_BARS_LEFT - 6), y)
        yield PlacedBar(row, name, *place, y, _short(left), _short(right - left), ends)


def names_above(bars: Bars) -> int:
    """Say how much room the names take above the bars; none where all of them fit beside the bars."""
    return _ABOVE if any(cell_len(row.name) > _NAME_CELLS for row in bars.rows) else 0


def bar_ticks(bars: Bars) -> list[tuple[str, str]]:
    """Place the ticks below bars: x and what is written there."""
    return [(_short(_bar_x(value, bars)), text) for value, text in bars.ticks]


def bars_height(bars: Bars) -> int:
    """Give the height of the rows of bars, to which the ticks below them add 22."""
    return (_ROW_HEIGHT + names_above(bars)) * len(bars.rows)


@dataclass(frozen=True, slots=True)
class PlacedCell:
    """A square of a heat map with its place."""

    x: str
    y: str
    count: int
    is_right: bool
    ink: str  # how dark it is, from 0 to 0.5
    note: str  # what a reader sees who points at it


@dataclass(frozen=True, slots=True)
class PlacedGrid:
    """A heat map with the places of all its parts."""

    size: float  # of a cell
    head: float  # the height of the names of columns
    height: str
    rows: tuple[tuple[str, str], ...]  # names, and where they stand
    columns: tuple[tuple[str, str], ...]
    cells: tuple[PlacedCell, ...]


def placed_grid(grid: HeatMap) -> PlacedGrid:
    """Place the squares of a heat map; how dark one is says its share of its row.

    >>> grid = placed_grid(HeatMap("", "gold", "predicted", ("a", "b"), ("a", "b"), ((3, 1), (0, 0))))
    >>> [(cell.count, cell.ink) for cell in grid.cells]
    [(3, '0.38'), (1, '0.12'), (0, '0'), (0, '0')]
    """
    size = round(min(_LARGEST_CELL, (WIDTH - _SIDE) / max(len(grid.columns), 1)), 1)
    longest = max((cell_len(name) for name in grid.columns), default=0)
    head = min(_LARGEST_HEAD, max(30.0, 14 + _CELL_WIDTH * longest))
    cells = []
    for i, (name, counts) in enumerate(zip(grid.rows, grid.counts)):
        total = sum(counts)
        for j, (column, count) in enumerate(zip(grid.columns, counts)):
            ink = f"{_MOST_INK * count / total:.2f}" if count else "0"
            note = f"{grid.row_label} {name}, {grid.column_label} {column}: {count:,}"
            place = (_short(_SIDE + size * j), _short(head + size * i))
            cells.append(PlacedCell(*place, count, name == column, ink, note))
    middles = [size * (number + 0.5) for number in range(max(len(grid.rows), len(grid.columns)))]
    return PlacedGrid(
        size=size,
        head=head,
        height=_short(head + size * len(grid.rows) + 6),
        rows=tuple((shorten(name, _NAME_CELLS), _short(head + y)) for name, y in zip(grid.rows, middles)),
        columns=tuple((shorten(name, _NAME_CELLS - 2), _short(_SIDE + x)) for name, x in zip(grid.columns, middles)),
        cells=tuple(cells),
    )


def brief(count: int) -> str:
    """Write a count into a small square.

    >>> brief(999), brief(12_345)
    ('999', '12k')
    """
    return str(count) if count < 1000 else f"{count / 1000:.0f}k"


def _bar_x(value: float, bars: Bars) -> float:
    share = (value - bars.start) / (bars.end - bars.start)
    first = 10.0 if names_above(bars) else _BARS_LEFT
    return first + (_BARS_RIGHT - first) * min(max(share, 0.0), 1.0)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


FRAME = {
    "width": WIDTH,
    "left": LEFT,
    "right": RIGHT,
    "top": TOP,
    "bottom": BOTTOM,
    "figures": _FIGURES,
    "side": _SIDE - 6,
}
