"""What a report says before it has a form: sections of paragraphs, tables, pictures, examples and places.

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
class Points:
    """Sentences that stand one under the other as a list."""

    lines: tuple[str, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer that a document gives first: a figure with its interval, and what it was measured with."""

    name: str
    figure: str  # as people read it
    interval: str = ""  # such as '95% interval 60.4 to 69.8'
    about: tuple[str, ...] = ()  # such as the name of the model and the date


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
    explained: int = 0  # the first columns whose words are the report's own, so that a page may explain them
    data_header: bool = False  # whether the header has names from the data, which a page leaves alone


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, from left to right."""

    name: str
    points: tuple[tuple[float, float], ...]  # both between 0 and 1
    dots: bool = False  # whether each point is drawn too


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot over a stretch of its x axis; `note` is what a reader sees who points at it."""

    low: float
    high: float
    height: float
    note: str = ""
    interval: tuple[float, float] | None = None  # of the height


TENTHS: tuple[tuple[float, str], ...] = tuple((tick / 5, f"{tick / 5:.1f}") for tick in range(6))


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves and bars over one pair of axes; `diagonal` draws the line y = x.

    All places lie between 0 and 1, from one end of an axis to the other; the ticks say what they stand for.
    """

    caption: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...] = ()
    bars: tuple[Bar, ...] = ()
    diagonal: bool = False
    x_ticks: tuple[tuple[float, str], ...] = TENTHS  # where on the axis, and what is written there
    y_ticks: tuple[tuple[float, str], ...] = TENTHS


@dataclass(frozen=True, slots=True)
class BarRow:
    """A named figure with its interval, as a row of `Bars`."""

    name: str
    value: float | None  # None: there is no figure, and `text` says so
    text: str  # the figure, as people read it
    low: float | None = None  # of its interval
    high: float | None = None
    note: str = ""  # what the figure rests on, such as '142 examples'


@dataclass(frozen=True, slots=True)
class Bars:
    """Figures as bars from zero, one below the other; the axis goes from `start` to `end`."""

    caption: str
    rows: tuple[BarRow, ...]
    start: float = 0.0
    end: float = 1.0
    ticks: tuple[tuple[float, str], ...] = TENTHS  # value and what is written there


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Counts as squares of a grid, the darker the larger their share of the row; equal names are what is right."""

    caption: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]  # a row for each of `rows`


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
    choice: str = ""  # JSON that says what a reader who ticks the example on a page has chosen; "" for no tick box

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
    choices: str = ""  # where a page has tick boxes: the key under which the file ticked.json lists what was chosen


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


Picture = Plot | Bars | HeatMap  # a page draws these; other forms show bars at most, and have the figures in tables
Block = Paragraph | Points | Verdict | Table | Picture | Examples | Places


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading; a terminal, where room is short, leaves the `details` out."""

    title: str
    blocks: tuple[Block, ...]
    details: tuple[Block, ...] = ()
