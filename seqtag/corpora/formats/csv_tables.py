"""Read CSV and TSV files with a text and a label in each row.

CSV follows the rules of Python's csv module, strictly: text after a closing quote, or a quote that is never closed, is
an error. Tab-separated files often have quotes that are only characters. There quotes count as CSV's where each line
by itself is well quoted; else each line is a row and a quote a character, where that gives all rows one width; else
quotes count where the whole file is well quoted. Lines end at a line feed only, so U+0085 and U+2028 stay in a text.
"""

import csv
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqtag.corpora.formats.conll import Column
from seqtag.corpora.formats.csv_columns import CellColumns, cell_columns
from seqtag.corpora.labelled_drafts import LabelledPart, LabelledRow, gather_texts
from seqtag.corpora.lines import file_ending, line_blocks, open_bytes
from seqtag.errors import DataError

logger = logging.getLogger("seqtag")

_SAMPLE_ROWS = 1_000
_LONGEST_CELL = 10_000_000  # characters; the csv module's own limit cuts off books, no limit would let a file in
_WELL_QUOTED = re.compile(r'(?:"(?:[^"]|"")*"|(?!")[^\t]*)(?:\t(?:"(?:[^"]|"")*"|(?!")[^\t]*))*')


@dataclass(frozen=True, slots=True)
class Layout:
    """How a delimited file is laid out."""

    delimiter: str
    quoted: bool
    width: int  # the columns of each row
    columns: CellColumns


def is_delimited(path: Path) -> bool:
    """Say whether a file is CSV or TSV: by its ending, else by a tab in most of its first lines."""
    if file_ending(path) in (".csv", ".tsv"):
        return True
    lines = [line for _, line in islice(_raw_lines(path), 100) if line.strip()]
    return 2 * sum("\t" in line for line in lines) > len(lines)


def delimited_layout(
    path: Path, *, text: Column | None = None, label: Column | None = None, like: Layout | None = None
) -> Layout:
    """Find out how a file is laid out, from its first rows; where it has no header, as `like`, its sister file.

    Raises UsageError where the columns are not clear or those asked for not there, DataError for an empty file.
    """
    delimiter = _delimiter(path)
    quoted = delimiter != "\t" or is_quoted(path)
    sample = [cells for _, cells in islice(_records(path, delimiter, quoted), _SAMPLE_ROWS)]
    if not sample:
        raise DataError(f"{path}: the file is empty; it should hold a text and its label a row")
    width = len(sample[0])
    rows = [cells for cells in sample if len(cells) == width]  # the others are errors when it is their turn
    known = like.columns if like and like.width == width else None
    return Layout(delimiter, quoted, width, cell_columns(rows, text=text, label=label, like=known, source=str(path)))


def delimited_parts(paths: Iterable[Path], *, text: Column | None, label: Column | None) -> Iterator[LabelledPart]:
    """Make a part of each file; those without a header have their columns where the first such file has them."""
    like: Layout | None = None
    for path in paths:
        layout = delimited_layout(path, text=text, label=label, like=like)
        like = like or (None if layout.columns.header else layout)
        yield LabelledPart(str(path), gather_texts(_rows(path, layout)))


def _rows(path: Path, layout: Layout) -> Iterator[LabelledRow]:
    columns = layout.columns
    records = _records(path, layout.delimiter, layout.quoted)
    for index, (number, cells) in enumerate(records):
        if len(cells) != layout.width:
            raise DataError(
                f"{path}:{number}: {len(cells)} column{'s' * (len(cells) != 1)}, where line 1 has {layout.width}; "
                + ("put a text with a delimiter or a line break in quotes" if layout.quoted else "a text has no tabs")
            )
        if index or not columns.header:
            yield cells[columns.text], cells[columns.label], f"{path}:{number}"


def _records(path: Path, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each row after the number of the line where it begins; blank lines are passed over."""
    if not quoted:
        for number, line in _raw_lines(path):
            if line.strip():
                yield number, line.removesuffix("\n").removesuffix("\r").split(delimiter)
        return
    for number, cells in quoted_rows((line for _, line in _raw_lines(path)), str(path), delimiter):
        if len(cells) > 1 or any(cell.strip() for cell in cells):
            yield number, cells


def quoted_rows(lines: Iterable[str], name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Read lines, each with its line feed, by the rules of CSV: the first line and the cells of each row, empty or not.

    Raises DataError, by file and line, for a row that is not well quoted.
    """
    if csv.field_size_limit() < _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)  # one for the whole process; putting it back would break other threads
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


def _delimiter(path: Path) -> str:
    if file_ending(path) == ".tsv":
        return "\t"
    first = next((line for _, line in _raw_lines(path) if line.strip()), "")
    if file_ending(path) != ".csv":
        if first and "\t" not in first:
            raise DataError(
                f"{path}:1: no tab in the line; give label and text separated by a tab, a .csv file, or a folder "
                "with a file for each class"
            )
        return "\t"
    # spreadsheets write semicolons and tabs into files called .csv
    plain = re.sub('"[^"]*"', "", first)
    return next((delimiter for delimiter in ",;\t" if delimiter in plain), ",")


def is_quoted(path: Path) -> bool:
    """Say whether quotes in a tab-separated file are those of CSV; see the top of this file."""
    widths: set[int] = set()
    odd: int | None = None
    has_quotes = False
    for number, line in _raw_lines(path):
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
    quoted = len(widths) > 1 and _all_one_width(path)
    if not quoted:
        logger.info("%s: quotes are read as characters, as line %d is not quoted as in CSV", path, odd)
    return quoted


def _all_one_width(path: Path) -> bool:
    try:
        return len({len(cells) for _, cells in _records(path, "\t", quoted=True)}) == 1
    except DataError:
        return False


def _raw_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the number and the text of each line, with its end, which is part of a text between quotes."""
    if path.stat().st_size == 0:
        return
    try:
        with open_bytes(path) as handle:
            for number, raw in enumerate(handle, 1):
                line = raw.decode("utf-8")
                if "\0" in line:
                    raise _unreadable(path)
                yield number, line.removeprefix("\ufeff") if number == 1 else line
    except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> DataError:
    # line_blocks says of each such file what is wrong with it, by line
    for _ in line_blocks(path):
        pass
    return DataError(f"{path}: the file changed while it was read; read it again")
