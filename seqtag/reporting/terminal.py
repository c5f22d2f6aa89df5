"""Lay a report out for a terminal of 80 columns: rich's tables, bold headings, and no colours in a pipe or a file."""

from collections.abc import Iterator, Sequence
from io import StringIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from seqtag.reporting.escaping import printable as show_invisible
from seqtag.reporting.sections import Block, Example, Examples, Mark, Paragraph, Section, Table

LINE_WIDTH = 80  # terminal cells
_LEAST_WORDS, _LEAST_FIGURE, _LEAST_OF_MANY = 12, 6, 4  # cells: tables of one kind stand under each other
_MANY = 9  # columns of figures that have to stand closer
_SIDE_WIDTH = 13  # before the text of an example: which side it is


def render_text(sections: Sequence[Section], *, heading: str = "") -> str:
    """Give the report as plain text, no line longer than 80 cells.

    >>> print(render_text([Section("Scores", (Table(("", "F1"), (("PER", "98.00"),)),))]))
    Scores
                      F1
    PER            98.00
    """
    console = Console(width=LINE_WIDTH, file=StringIO(), color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(sections, heading=heading))
    return "\n".join(line.rstrip() for line in capture.get().rstrip().split("\n"))


def render(sections: Sequence[Section], *, heading: str = "") -> RenderableType:
    """Give the report as rich prints it; `details` of sections are left out."""
    parts: list[RenderableType] = []
    if heading:
        parts.append(Text(shorten_front(show_invisible(heading), LINE_WIDTH), style="bold"))
    for section in sections:
        if parts:
            parts.append(Text())
        parts.append(Text(section.title, style="bold cyan"))
        laid = [own for block in section.blocks if (own := list(_lay(block)))]
        for number, own in enumerate(laid):
            parts += [Text()] * (number > 0)
            parts += own
    return Group(*parts)


def table_fits(table: Table) -> bool:
    """Tell whether 80 cells hold all figures of a table and leave room for its words.

    >>> table_fits(Table(("", *"abcd"), (("all", "1", "2", "3", "4"),))), table_fits(Table(("", *"abcd" * 5), ()))
    (True, False)
    """
    return table.text_columns * (_LEAST_WORDS + 1) + sum(width + 1 for width in _figure_widths(table)) <= LINE_WIDTH


def shorten(text: str, width: int) -> str:
    """Cut the end of a text that takes more than `width` terminal cells.

    >>> shorten("sentiment", 5), shorten("地名", 3)
    ('sent…', '地…')
    """
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def shorten_front(text: str, width: int) -> str:
    """Cut the front of a text that takes more than `width` cells: of a long path the end says most.

    >>> shorten_front("corpora/news/test.conll", 11)
    '…test.conll'
    """
    if cell_len(text) <= width:
        return text
    text = text[-(width - 1) :]
    while cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text


def _lay(block: Block) -> Iterator[RenderableType]:
    if isinstance(block, Paragraph):
        yield from map(Text, block.lines)
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Examples):
        yield from _examples(block)


def _table(table: Table) -> Iterator[RenderableType]:
    if table.caption:
        yield Text(table.caption)
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
        laid.add_row(*map(Text, row))
    for row in table.rows[len(rows) :]:
        laid.add_row(*map(Text, row), style="bold")
    yield laid
    if len(rows) > table.most:
        yield Text(f"the first {table.most} of {len(rows):,} rows; the other forms of the report have all")


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
    marks = [mark for _, own in example.sides for mark in own]
    focus = min((mark.start for mark in marks if mark.kind == kind), default=0)
    for side, own in example.sides:
        yield Text(f"  {side:<{_SIDE_WIDTH - 2}}" + window(example.text, own, focus, width))
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
