"""Decide how a CSV or TSV file is written: its delimiter, its quotes and its header.

Training, plain text and `seqtag predict` all ask here, so one file reads the same everywhere. Lines are given as a
function that yields them anew, because a decision may need several looks: at a whole file, or at the first block of a
stream, whose rows are then read one at a time. Leaves out which columns hold labels: that is csv_tables' business.

Quotes in a file separated by commas or semicolons follow the rules of Python's csv module, strictly: text after a
closing quote, or a quote that is never closed, is an error. In a tab-separated file quotes are often plain characters.
They count as quotes where each line by itself is well quoted; otherwise each line is a row, if that gives all rows one
width; otherwise they count where the whole file is well quoted.

Excel's first line `sep=;` names the delimiter and is no row.
"""

import csv
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from seqtag.corpora.column_roles import LABEL_NAMES, TEXT_NAMES, named_column
from seqtag.corpora.lines import file_ending, raw_lines
from seqtag.errors import DataError, UsageError, near_miss

logger = logging.getLogger("seqtag")

Lines: TypeAlias = Callable[[], Iterable[str]]  # yields all lines from the first, each with its line end

_SAMPLE_ROWS = 1_000
_OPENING_LINES = 100  # the most lines over which the first row may go when the delimiter is looked for
_LONGEST_CELL = 10_000_000  # characters; the csv module's own limit cuts off books, no limit would let a file in
_QUOTED = re.compile('"[^"]*"')
_DELIMITERS = ",;\t|"
_OPEN_QUOTE = re.compile(f'(^|[{_DELIMITERS}])"')
_NAMED_DELIMITER = re.compile(r'\ufeff?"?sep=(.)"?[\r\n]*', re.I)
_WELL_QUOTED = re.compile(r'(?:"(?:[^"]|"")*"|(?!")[^\t]*)(?:\t(?:"(?:[^"]|"")*"|(?!")[^\t]*))*')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one file is written."""

    name: str  # of the file, for messages
    delimiter: str
    quoted: bool  # quotes are those of CSV; otherwise a quote is a character like any other
    has_header: bool
    first_row: tuple[str, ...]  # its cells without the white space around them; the names of the columns in a header
    first_line: int  # the number of the line where the first row begins

    @property
    def width(self) -> int:
        """The number of columns of each row."""
        return len(self.first_row)

    def rows(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Give the cells of each row below the header, after the number of the line where the row begins.

        Blank lines are no rows. In a file of one column, an empty text is written as `""`, and without quotes as a
        blank line. Raises DataError, by file and line, for a row that is wider or narrower than the first one.
        """
        for number, cells in _all_rows(lines, self.name, self.delimiter, self.quoted):
            if self.has_header and number <= self.first_line:
                continue
            if number == 1 < self.first_line and _NAMED_DELIMITER.fullmatch(self.delimiter.join(cells)):
                continue
            if _is_blank(cells) and (self.width > 1 or not cells):
                continue
            if len(cells) != self.width:
                raise DataError(
                    f"{self.name}:{number}: {len(cells)} column{'s' * (len(cells) != 1)}, where line {self.first_line} "
                    f"has {self.width}; "
                    + ("put a text with a delimiter or a line break in quotes" if self.quoted else "a text has no tabs")
                )
            yield number, cells

    def find_column(self, asked: int | str, role: str) -> int:
        """Give the place of a column that the user named, by header or by number; UsageError where there is none."""
        if isinstance(asked, str):
            places = [i for i, name in enumerate(self.first_row) if name == asked]
            if len(places) > 1:
                raise UsageError(
                    f"{self.name}:{self.first_line}: {len(places)} columns are called {asked!r}, with the numbers "
                    f"{', '.join(map(str, places))}; give the number of one, as in {role}={places[0]}"
                )
            if not places:
                raise UsageError(
                    f"{self.name}:{self.first_line}: no column {asked!r} for {role}= in the header; "
                    f"{near_miss(asked, self.first_row)}"
                )
            return self.first_row.index(asked)
        if not -self.width <= asked < self.width:
            raise UsageError(f"{self.name}: no column {asked} for {role}=; there are {self.width}, numbered from 0")
        return asked % self.width

    def text_column(self, asked: int | str | None = None) -> int:
        """Give the column of the texts: the one that was asked for, the one with a usual name, or the only one.

        Raises UsageError where the column is not clear.
        """
        if asked is not None:
            return self.find_column(asked, "text")
        keys = self.first_row if self.has_header else tuple(map(str, range(self.width)))
        places = {str(i): key.lower() for i, key in enumerate(keys)}
        fitting = [int(i) for i in named_column(places, TEXT_NAMES)] or list(range(self.width))
        if len(fitting) == 1:
            return fitting[0]
        shown = [keys[i] for i in fitting]
        raise UsageError(
            f"{self.name}: ambiguous text column ({', '.join(shown)}): name one by header or by number from 0, "
            f"as in {self.name}:text={shown[-1]}"
        )


def file_dialect(path: Path, *, named: bool = False) -> Dialect | None:
    """Decide the dialect of a file, for which it is read once or twice; None for a file without a row.

    Files that end in .csv may be separated by commas, semicolons, tabs or vertical bars; all others are separated by
    tabs. `named` says that the caller will name a column by its header, so there is one.
    """
    return find_dialect(lambda: raw_lines(path), str(path), by_tabs=file_ending(path) != ".csv", named=named)


def find_dialect(lines: Lines, name: str, *, by_tabs: bool = False, named: bool = False) -> Dialect | None:
    r"""Decide the dialect of lines, which may be the first block of a stream; None where no row is in them.

    The first row is a header where `named` says so, or where a cell in it is a usual name for a text or label column
    that does not come again in the first thousand rows. A row that the block cuts off is left for `Dialect.rows`.

    >>> dialect = find_dialect(lambda: ['"Great, thanks";good\n', "Never again;bad\n"], "reviews.csv")
    >>> dialect.delimiter, dialect.has_header, [cells for _, cells in dialect.rows(['"Great, thanks";good\n'])]
    (';', False, [['Great, thanks', 'good']])
    """
    if csv.field_size_limit() < _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)  # one for the whole process; putting it back would break other threads
    mark = None if by_tabs else _NAMED_DELIMITER.fullmatch(next(iter(lines()), ""))
    lines = _without_first(lines) if mark else lines
    delimiter = mark[1] if mark else "\t" if by_tabs else _delimiter(lines, name)
    quoted = delimiter != "\t" or _is_quoted(lines, name)
    sample = _sample(lines, name, delimiter, quoted)
    if not sample:
        return None
    (first_line, first_row), below = sample[0], [cells for _, cells in sample[1:]]
    first = tuple(cell.strip() for cell in first_row)
    return Dialect(name, delimiter, quoted, named or _is_header(first, below), first, first_line)


def sample_rows(dialect: Dialect, lines: Lines) -> list[list[str]]:
    """Give the first rows, the header included, that are as wide as the first one."""
    sample = _sample(lines, dialect.name, dialect.delimiter, dialect.quoted)
    return [cells for number, cells in sample if number >= dialect.first_line and len(cells) == dialect.width]


def _without_first(lines: Lines) -> Lines:
    """Put a blank line, which is no row, in the place of the first line, so that the others keep their numbers."""
    return lambda: chain(["\n"], islice(lines(), 1, None))


def _sample(lines: Lines, name: str, delimiter: str, quoted: bool) -> list[tuple[int, list[str]]]:
    sample: list[tuple[int, list[str]]] = []
    try:
        for number, cells in _all_rows(lines(), name, delimiter, quoted):
            if not _is_blank(cells):
                sample.append((number, cells))
            if len(sample) == _SAMPLE_ROWS:
                break
    except DataError:
        # later rows are errors when it is their turn: a block of a stream may end within one
        if not sample:
            raise
    return sample


def _all_rows(lines: Iterable[str], name: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    if not quoted:
        for number, line in enumerate(lines, 1):
            yield number, line.removesuffix("\n").removesuffix("\r").split(delimiter)
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{name}:{number}: the row that begins here is not well quoted ({error}); a quote inside quotes is "
                "doubled, and text may not follow a closing quote"
            ) from error
        yield number, cells


def _is_blank(cells: Sequence[str]) -> bool:
    return len(cells) < 2 and not any(cell.strip() for cell in cells)


def _delimiter(lines: Lines, name: str) -> str:
    """Give the delimiter that stands outside of quotes in the first row; of several, the one that makes a table.

    Some delimiter may stand in the texts. The right one gives a header with usual names, else most rows the width of
    the first one, else the fewest cells that begin with a blank, as prose goes on after a comma, else a column whose
    values repeat most often, as labels do, else it is the first of _DELIMITERS.
    """
    first_row = outside = ""
    for line in islice(lines(), _OPENING_LINES):
        first_row += line
        outside = _QUOTED.sub("", first_row)
        if first_row.strip() and not _OPEN_QUOTE.search(outside):
            break
    marks = [mark for mark in _DELIMITERS if mark in outside]
    if len(marks) > 1:
        return max(marks, key=lambda mark: _fitness(lines, name, mark))
    return marks[0] if marks else ","


def _fitness(lines: Lines, name: str, delimiter: str) -> tuple[bool, float, float, float]:
    try:
        first, *below = [cells for _, cells in _sample(lines, name, delimiter, True)]
    except DataError:
        return False, 0.0, 0.0, 0.0
    rows = [first, *(cells for cells in below if len(cells) == len(first))]
    fewest = min(len({cell.strip() for cell in column}) for column in zip(*rows))
    spaced = sum(cell.startswith(" ") for cells in rows for cell in cells[1:])
    return (
        _is_header([cell.strip() for cell in first], below),
        len(rows) / (len(below) + 1),
        -spaced / len(rows),
        -fewest / len(rows),
    )


def _is_header(first: Sequence[str], below: Iterable[Sequence[str]]) -> bool:
    known = [i for i, cell in enumerate(first) if cell.lower() in (*TEXT_NAMES, *LABEL_NAMES)]
    return bool(known) and not any(i < len(row) and row[i].strip() == first[i] for row in below for i in known)


def _is_quoted(lines: Lines, name: str) -> bool:
    """Say whether quotes between tabs are those of CSV; see the top of this file."""
    widths: set[int] = set()
    odd: int | None = None
    has_quotes = False
    for number, line in enumerate(lines(), 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if not line.strip():
            continue
        widths.add(line.count("\t") + 1)
        if line.startswith('"') or '\t"' in line:
            has_quotes = True
            if odd is None and not _WELL_QUOTED.fullmatch(line):
                odd = number
    if odd is None:
        return has_quotes
    quoted = len(widths) > 1 and _all_one_width(lines, name)
    if not quoted:
        logger.info("%s: quotes are read as characters, as line %d is not quoted as in CSV", name, odd)
    return quoted


def _all_one_width(lines: Lines, name: str) -> bool:
    try:
        return len({len(cells) for _, cells in _all_rows(lines(), name, "\t", True) if not _is_blank(cells)}) == 1
    except DataError:
        return False


def table_line(cells: Sequence[str], *, delimiter: str = ",", quoted: bool = True) -> str:
    r"""Write a row; if a quote is a character like any other, no cell may hold a tab or a line break.

    >>> table_line(["so, so", "a\r"]), table_line(['a "b"', "c"], delimiter="\t", quoted=False)
    ('"so, so","a\r"\n', 'a "b"\tc\n')
    """
    if not quoted:
        return delimiter.join(cells) + "\n"
    line = io.StringIO()
    # With this line end a cell with either of its two characters is put in quotes, in every release of Python.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"
