"""What a report says before it has a form: sections of paragraphs, tables, plots, examples and places.

Documents (document.py) make these; terminal.py, markdown.py and html.py lay them out. All text is kept here unchanged,
text from the data included: whoever lays it out escapes it. This module knows no metric.
"""

from collections.abc import Iterable
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
    num_totals: int = 0  # rows at the end that sum up the rows above them
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

    def pieces(self, marks: Iterable[Mark]) -> list[tuple[str, Mark | None]]:
        """Cut the text at the marks of one side, which are in order and don't overlap; None stands between the marks.

        >>> [piece for piece, _ in Example("", (), "Ada met Bo").pieces([Mark(0, 3, "PER"), Mark(8, 10, "PER")])]
        ['Ada', ' met ', 'Bo']
        """
        pieces: list[tuple[str, Mark | None]] = []
        position = 0
        for mark in marks:
            assert position <= mark.start < mark.end <= len(self.text), f"{self.place}: {mark} out of order or place"
            pieces += [(self.text[position : mark.start], None), (self.text[mark.start : mark.end], mark)]
            position = mark.end
        return [(text, mark) for text, mark in [*pieces, (self.text[position:], None)] if text]


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that show what goes wrong; where there are too many, a sample, and `caption` says so."""

    caption: str
    kinds: tuple[tuple[str, int], ...]  # each kind of error with how many there are in all
    items: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the data, with the text that was found there."""

    where: str  # such as 'train.conll:12'; empty where the text belongs to no single place
    text: str
    in_brief: bool = True  # a terminal shows it too


@dataclass(frozen=True, slots=True)
class Places:
    """Places to look up. A terminal cuts long texts but never a place, so that each place can be copied."""

    items: tuple[Place, ...]
    whole_texts: bool = False  # a terminal does not cut the texts either: they say what to do

    def as_table(self) -> Table:
        """Lay all the places out as a table, for pages, which have room for them.

        >>> Places((Place("a.conll:3", "'Ada'"),)).as_table().rows
        (('a.conll:3', "'Ada'"),)
        """
        if any(item.where for item in self.items):
            return Table(("place", "found"), tuple((item.where, item.text) for item in self.items), text_columns=2)
        return Table(("found",), tuple((item.text,) for item in self.items))


Block = Paragraph | Table | Plot | Examples | Places


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading; a terminal, where room is short, leaves the `details` out."""

    title: str
    blocks: tuple[Block, ...]
    details: tuple[Block, ...] = ()
