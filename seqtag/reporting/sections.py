"""What a report says before it has a form: sections of paragraphs, tables, plots and examples.

Reports make these; terminal.py, markdown.py and html.py lay them out. All text stands here as it is, data and all:
whoever lays it out escapes it. Knows no metric.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of text, or several that belong together."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text, as people read them.

    The first `text_columns` columns are words, the others figures. In a header the line before a line break names the
    group that the column opens, as in 'strict\\nP'.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    text_columns: int = 1
    num_totals: int = 0  # rows at the end that sum the others up
    most: int = 30  # rows above the totals that a terminal shows; a page shows all


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, from left to right."""

    name: str
    points: tuple[tuple[float, float], ...]  # both between 0 and 1


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot over a stretch of its x axis; `note` is what a reader sees who points at it."""

    low: float
    high: float
    height: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves and bars over one pair of axes, both from 0 to 1; `diagonal` draws the line y = x."""

    caption: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...] = ()
    bars: tuple[Bar, ...] = ()
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled stretch of a text; offsets in its characters, `end` exclusive."""

    start: int
    end: int
    label: str
    kind: str = "right"  # right, or the kind of error that it is a part of
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what is wrong in it."""

    place: str  # where it stands in the data, such as 'sentence 12'
    kinds: tuple[str, ...]  # the kinds of error in it, each once
    text: str
    sides: tuple[tuple[str, tuple[Mark, ...]], ...] = ()  # 'gold' and 'predicted' with their marks, in order
    note: str = ""


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that show what goes wrong; where there are too many, a sample, and `caption` says so."""

    caption: str
    kinds: tuple[tuple[str, int], ...]  # each kind of error with how many there are in all
    items: tuple[Example, ...]


Block = Paragraph | Table | Plot | Examples


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading; `details` are left out where room is short: a terminal."""

    title: str
    blocks: tuple[Block, ...]
    details: tuple[Block, ...] = ()
