"""Tables of texts without labels, CSV or TSV: read for `seqtag predict`, and written with more columns.

An answer keeps all cells of the row that was asked. Whether quotes in a tab-separated file are those of CSV is decided
as for labelled data.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqtag.corpora.column_roles import LABEL_NAMES, TEXT_NAMES, named_column
from seqtag.corpora.formats.conll import Column
from seqtag.corpora.formats.csv_tables import is_quoted, quoted_rows
from seqtag.corpora.lines import line_blocks, open_bytes
from seqtag.errors import DataError, UsageError, near_miss

_SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Table:
    """How a table of texts is laid out."""

    path: str
    delimiter: str
    quoted: bool  # as in CSV; else a quote is a character like any other
    has_header: bool
    keys: tuple[str, ...]  # the names in the header, or the numbers of the columns
    text: int  # the column of the texts, from 0


def open_table(path: str, text: Column | None = None) -> Table:
    """Look at the first rows of a table for its delimiter, its header and the column of the texts.

    That column is the one asked for, else the one with a usual name in the header, else the only one. Raises UsageError
    where it is not clear, and for a file that is not there; DataError for an empty one, and for two columns of a name.
    """
    open_bytes(path).close()  # says what is wrong with the path
    name = path.lower().removesuffix(".gz")
    first_line = next((line for _, lines in line_blocks(path) for line in lines if line.strip()), "")
    # spreadsheets write semicolons and tabs into files called .csv
    delimiter = "\t" if name.endswith(".tsv") else next((mark for mark in ",;\t" if mark in first_line), ",")
    quoted = delimiter != "\t" or is_quoted(Path(path))
    single = delimiter not in first_line
    rows = [cells for _, cells in islice(_rows(path, delimiter, quoted, single), _SAMPLE_ROWS)]
    if not rows:
        raise DataError(f"{path}: not a row in it; a table holds a text a row")
    first = [cell.strip() for cell in rows[0]]
    has_header = isinstance(text, str) or _is_header(first, rows[1:])
    keys = tuple(first if has_header else map(str, range(len(first))))
    if twice := [key for i, key in enumerate(keys) if key in keys[:i]]:
        raise DataError(f"{path}:1: two columns are called {twice[0]!r}; rename one")
    return Table(path, delimiter, quoted, has_header, keys, _text_column(text, keys, has_header, path))


def table_rows(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each row below the header, after the number of the line where it begins.

    Raises DataError, by file and line, for a row that is wider or narrower than the first one.
    """
    width = len(table.keys)
    rows = _rows(table.path, table.delimiter, table.quoted, width == 1)
    for number, cells in islice(rows, int(table.has_header), None):
        if len(cells) != width:
            raise DataError(
                f"{table.path}:{number}: {len(cells)} column{'s' * (len(cells) != 1)}, where line 1 has {width}; "
                + ("put a text with a delimiter or a line break in quotes" if table.quoted else "a text has no tabs")
            )
        yield number, cells


def table_line(cells: Sequence[str], *, delimiter: str = ",", quoted: bool = True) -> str:
    r"""Write a row; where a quote is a character, no cell may hold the delimiter or a line break.

    >>> table_line(["so, so", "a\r"]), table_line(['a "b"', "c"], delimiter="\t", quoted=False)
    ('"so, so","a\r"\n', 'a "b"\tc\n')
    """
    if not quoted:
        return delimiter.join(cells) + "\n"
    line = io.StringIO()
    # With this line end a cell with either of the two characters is put in quotes, in every release of Python.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _rows(path: str, delimiter: str, quoted: bool, single: bool) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each row; blank lines are no rows, but in a file of a `single` column without quotes.

    With quotes an empty cell alone in its row is `""`, as csv and pandas write it.
    """
    lines = (line for _, block in line_blocks(path) for line in block)
    if not quoted:
        yield from ((n, line.split(delimiter)) for n, line in enumerate(lines, 1) if single or line.strip())
        return
    for number, cells in quoted_rows((f"{line}\n" for line in lines), path, delimiter):
        if len(cells) > 1 or (cells and (single or cells[0].strip())):
            yield number, cells


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    known = [i for i, cell in enumerate(first) if cell.lower() in (*TEXT_NAMES, *LABEL_NAMES)]
    return bool(known) and not any(row[i].strip() == first[i] for row in rest for i in known if i < len(row))


def _text_column(asked: Column | None, keys: Sequence[str], has_header: bool, path: str) -> int:
    if isinstance(asked, int):
        if not -len(keys) <= asked < len(keys):
            raise UsageError(f"{path}: no column {asked} for text=; there are {len(keys)}, numbered from 0")
        return asked % len(keys)
    if asked is not None:
        if asked not in keys:
            raise UsageError(f"{path}:1: no column {asked!r} for text= in the header; {near_miss(asked, keys)}")
        return keys.index(asked)
    named = named_column({key: key.lower() for key in keys}, TEXT_NAMES) if has_header else []
    if len(named) == 1:
        return keys.index(named[0])
    if len(keys) == 1:
        return 0
    fitting = named or keys
    raise UsageError(
        f"{path}: which column holds the texts is not clear; {', '.join(map(repr, fitting))} may be it: say which, as "
        f"{path}:text={fitting[-1]}, by number from 0 or by header"
    )
