"""Tables of texts without labels, CSV or TSV: read for `seqtag predict`, and written with more columns.

An answer keeps all cells of the row that was asked. Delimiter, quotes and header are
decided by csv_dialect, as for training.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtag.corpora.formats.conll import Column
from seqtag.corpora.formats.csv_dialect import Dialect, file_dialect
from seqtag.corpora.lines import line_blocks, raw_lines
from seqtag.errors import DataError


@dataclass(frozen=True, slots=True)
class Table:
    """How a table of texts is laid out."""

    dialect: Dialect
    keys: tuple[str, ...]  # the names in the header, or the numbers of the columns
    text: int  # the column of the texts, from 0


def open_table(path: str, text: Column | None = None) -> Table:
    """Look at the first rows of a table for its dialect and the column of the texts.

    That column is the one asked for, else the one with a usual name in the header, else the only one. Raises UsageError
    where it is not clear, and for a file that is not there; DataError for an empty one, and for two columns of a name.
    """
    dialect = file_dialect(Path(path), named=isinstance(text, str))
    if dialect is None:
        next(line_blocks(path))  # says so where the file is empty
        raise DataError(f"{path}: not a row in it; a table holds a text a row")
    keys = dialect.first_row if dialect.has_header else tuple(map(str, range(dialect.width)))
    if twice := [key for i, key in enumerate(keys) if key in keys[:i]]:
        raise DataError(f"{path}:{dialect.first_line}: two columns are called {twice[0]!r}; rename one")
    return Table(dialect, keys, dialect.text_column(text))


def table_rows(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each row below the header, after the number of the line where it begins.

    Raises DataError, by file and line, for a row that is wider or narrower than the first one.
    """
    return table.dialect.rows(raw_lines(table.dialect.name))


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


def one_line(text: str) -> str:
    r"""Write line breaks as spaces.

    >>> one_line("two\r\nlines")
    'two lines'
    """
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
