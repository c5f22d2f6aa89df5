"""Lay a document out for a terminal of 80 columns: rich's tables, bold headings, no colours in a pipe or a file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from seqtag.reporting.escaping import shorten, shorten_front, show_invisible
from seqtag.reporting.sections import (
    BarRow,
    Bars,
    Block,
    Example,
    Examples,
    Mark,
    Paragraph,
    Place,
    Places,
    Points,
    Section,
    Table,
    Verdict,
)

LINE_WIDTH = 80  # terminal cells
_LEAST_WORDS, _LEAST_FIGURE, _LEAST_OF_MANY = 12, 6, 4  # cells, so that the columns of tables of one kind line up
_MANY = 9  # columns of figures that have to stand closer
_SIDE_WIDTH = 13  # before the text of an example: which side it is
_BAR_NAME, _BAR_WIDTH, _MOST_BARS = 20, 30, 15


def render_text(sections: Sequence[Section], *, heading: str = "") -> str:
    """Give the document as plain text. No line is longer than 80 cells, but for the places of `Places`.

    >>> print(render_text([Section("Scores", (Table(("", "F1"), (("PER", "98.00"),)),))]))
    Scores
                      F1
    PER            98.00
    """
    console = Console(width=LINE_WIDTH, file=StringIO(), color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(sections, heading=heading), crop=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().split("\n"))


def render(sections: Sequence[Section], *, heading: str = "") -> RenderableType:
    """Give the document as rich prints it; the `details` of sections are left out."""
    parts: list[RenderableType] = []
    if heading:
        parts.append(Text(shorten_front(show_invisible(heading), LINE_WIDTH), style="bold"))
    for section in sections:
        laid = [(block, lines) for block in section.blocks if (lines := list(_lay(block)))]
        if section.blocks and not laid:  # pictures, which a terminal does not draw
            continue
        if parts:
            parts.append(Text())
        parts.append(Text(show_invisible(section.title), style="bold cyan"))
        for number, (block, lines) in enumerate(laid):
            # places belong to the paragraph above them
            parts += [Text()] * (number > 0 and not isinstance(block, Places))
            parts += lines
    return Group(*parts)


def table_fits(table: Table) -> bool:
    """Tell whether 80 cells hold all figures of a table and leave room for its words.

    >>> table_fits(Table(("", *"abcd"), (("all", "1", "2", "3", "4"),))), table_fits(Table(("", *"abcd" * 5), ()))
    (True, False)
    """
    return table.text_columns * (_LEAST_WORDS + 1) + sum(width + 1 for width in _figure_widths(table)) <= LINE_WIDTH


def _lay(block: Block) -> Iterator[RenderableType]:
    if isinstance(block, Paragraph):
        yield from (Text(show_invisible(line)) for line in block.lines)
    elif isinstance(block, Verdict):
        figure = f"{block.name} {block.figure}" + (f" ({block.interval})" if block.interval else "")
        yield Text(show_invisible(figure), style="bold")
        yield from (Text(shorten_front(show_invisible(line), LINE_WIDTH)) for line in block.about)
    elif isinstance(block, Points):
        if block.caption:
            yield Text(show_invisible(block.caption))
        for line in block.lines:
            yield from map(Text, wrap(show_invisible(line), LINE_WIDTH, initial_indent="- ", subsequent_indent="  "))
    elif isinstance(block, Bars):
        yield from _bars(block)
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Examples):
        yield from _examples(block)
    elif isinstance(block, Places):
        # A place that is longer than a line of the terminal goes over its edge and stays whole.
        for item in block.items:
            yield from (Text(line, no_wrap=True, overflow="ignore") for line in _place(item, block) if item.in_brief)


def _place(item: Place, block: Places) -> list[str]:
    """Give the lines of a place: on one line with its text where both fit, else the text below."""
    indent = "    "
    where, text = show_invisible(item.where), show_invisible(item.text)
    if block.whole_texts:
        line = f"{where}  {text}" if where else text
        # break_long_words=False: a text may hold a path
        lines = wrap(line, LINE_WIDTH - len(indent) - 2, break_on_hyphens=False, break_long_words=False)
        return [indent + "  " * (number > 0) + line for number, line in enumerate(lines)]
    if not where or cell_len(where) + cell_len(text) + len(indent) + 2 <= LINE_WIDTH:
        return [indent + shorten(f"{where}  {text}" if where else text, LINE_WIDTH - len(indent))]
    return [indent + where, indent + "  " + shorten(text, LINE_WIDTH - len(indent) - 2)]


def _table(table: Table) -> Iterator[RenderableType]:
    if table.caption:
        yield Text(show_invisible(table.caption))
    table, num_left = _with_fitting_columns(table)
    widths = _figure_widths(table)
    words = _word_widths(table, LINE_WIDTH - sum(width + 1 for width in widths))
    laid = RichTable(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="")
    first, *others = [(cell.partition("\n") if "\n" in cell else ("", "", cell)) for cell in table.header]
    has_groups = any(group for group, _, _ in [first, *others])
    for number, (group, _, name) in enumerate([first, *others]):
        header = f"{group}\n{name}" if has_groups else name
        if number < table.text_columns:
            width = words[number]
            laid.add_column(Text(header), no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)
        else:
            width = widths[number - table.text_columns]
            laid.add_column(Text(header, justify="right"), justify="right", no_wrap=True, min_width=width)
    rows = table.rows[: len(table.rows) - table.num_totals]
    for row in rows[: table.most]:
        laid.add_row(*(Text(show_invisible(cell)) for cell in row))
    for row in table.rows[len(rows) :]:
        laid.add_row(*(Text(show_invisible(cell)) for cell in row), style="bold")
    yield laid
    if len(rows) > table.most:
        yield Text(f"the first {table.most} of {len(rows):,} rows; the other forms of the report have all")
    if num_left:
        yield Text(f"without {num_left} columns that find no room here; the other forms of the report have all")


def _bars(bars: Bars) -> Iterator[Text]:
    """Draw bars with characters: a full block for the figure, a line for what its interval has beside it."""
    yield Text(shorten(show_invisible(bars.caption), LINE_WIDTH))
    for row in bars.rows[:_MOST_BARS]:
        name = shorten(show_invisible(row.name), _BAR_NAME)
        text = shorten(show_invisible(", ".join(filter(None, (row.text, row.note)))), LINE_WIDTH - 52)
        yield Text(f"{name}{' ' * (_BAR_NAME - cell_len(name))} {bar_of(row, bars)} {text}".rstrip())
    if len(bars.rows) > _MOST_BARS:
        yield Text(f"the first {_MOST_BARS} of {len(bars.rows):,} rows")


def bar_of(row: BarRow, bars: Bars) -> str:
    """Draw one bar in 30 cells.

    >>> bar_of(BarRow("PER", 0.5, "50", 0.4, 0.6), Bars("F1", ()))
    '███████████████───            '
    """
    cells = []
    zero = min(max(0.0, bars.start), bars.end)
    for number in range(_BAR_WIDTH):
        middle = bars.start + (bars.end - bars.start) * (number + 0.5) / _BAR_WIDTH
        if row.value is not None and min(zero, row.value) < middle < max(zero, row.value):
            cells.append("█")
        elif row.low is not None and row.high is not None and row.low < middle < row.high:
            cells.append("─")
        else:
            cells.append(" ")
    return "".join(cells)


def _with_fitting_columns(table: Table) -> tuple[Table, int]:
    """Leave out the last columns of figures where there are more than a line has room for, and count those."""
    num_columns = len(table.header)
    shown = table
    while not table_fits(shown) and num_columns > table.text_columns + 1:
        num_columns -= 1
        rows = tuple(row[:num_columns] for row in table.rows)
        shown = replace(table, header=table.header[:num_columns], rows=rows)
    return shown, len(table.header) - num_columns


def _figure_widths(table: Table) -> list[int]:
    header = [max(map(cell_len, cell.split("\n"))) for cell in table.header]
    columns = zip(header, *([cell_len(cell) for cell in row] for row in table.rows))
    figures = list(columns)[table.text_columns :]
    return [max(_LEAST_FIGURE if len(figures) < _MANY else _LEAST_OF_MANY, *column) for column in figures]


def _word_widths(table: Table, room: int) -> list[int]:
    """Share the room among the columns of words: each has what it needs, or as much as the widest of them may have."""
    room -= table.text_columns
    columns = list(zip(table.header, *table.rows))[: table.text_columns]
    needs = [max(_LEAST_WORDS, *(cell_len(line) for cell in column for line in cell.split("\n"))) for column in columns]
    while sum(needs) > room and max(needs) > _LEAST_WORDS:
        needs[needs.index(max(needs))] -= 1
    return needs


def _examples(examples: Examples) -> Iterator[RenderableType]:
    """Show one example of each kind, the first that has nothing else, or else the first that has it."""
    yield Text(examples.caption)
    left = list(examples.items)
    for kind, _ in examples.kinds:
        having = [item for item in left if kind in item.kinds]
        if having:
            example = min(having, key=lambda item: len(item.kinds))
            left.remove(example)
            yield Text(shorten(f"{show_invisible(kind)} ({example.place})", LINE_WIDTH))
            yield from _example(example, kind)


def _example(example: Example, kind: str) -> Iterator[Text]:
    width = LINE_WIDTH - _SIDE_WIDTH
    if not example.sides:
        yield Text("  " + shorten(show_invisible(example.text), LINE_WIDTH - 2))
    marks = [mark for _, side_marks in example.sides for mark in side_marks]
    focus = min((mark.start for mark in marks if mark.kind == kind), default=0)
    for side, side_marks in example.sides:
        name = shorten(show_invisible(side), _SIDE_WIDTH - 3)
        name += " " * (_SIDE_WIDTH - 2 - cell_len(name))
        yield Text(f"  {name}{window(example.text, side_marks, focus, width)}")
    if example.note:
        yield Text("  " + shorten(show_invisible(example.note), LINE_WIDTH - 2))


def window(text: str, marks: Sequence[Mark], focus: int, width: int) -> str:
    """Write marks into a text as [words](LABEL) and cut out `width` cells around the character `focus`.

    >>> window("We met Ada Lovelace", [Mark(7, 19, "PER", score=0.9)], 7, 40)
    'We met [Ada Lovelace](PER 0.90)'
    """
    written, place, position = "", 0, 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        if place <= focus < mark.end:
            position = len(written) + len(show_invisible(text[place : min(focus, mark.start)]))
        score = "" if mark.score is None else f" {mark.score:.2f}"
        words = show_invisible(text[mark.start : mark.end])
        written += f"{show_invisible(text[place : mark.start])}[{words}]({show_invisible(mark.label)}{score})"
        place = mark.end
    if place <= focus:
        position = len(written) + len(show_invisible(text[place:focus]))
    written += show_invisible(text[place:])
    start = max(0, position - width // 4) if cell_len(written) > width else 0
    return shorten("…" + written[start + 1 :] if start else written, width)
