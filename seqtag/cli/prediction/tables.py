"""Tables of texts without labels, CSV or TSV: `seqtag predict` reads them and writes them with more columns.

An answer keeps all cells of its row. Delimiter, quotes and header are decided by csv_dialect, as for training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtag.corpora.formats.conll import Column
from seqtag.corpora.formats.csv_dialect import Dialect, file_dialect, table_line
from seqtag.corpora.formats.writers.documents import one_line
from seqtag.corpora.lines import line_blocks, raw_lines
from seqtag.errors import DataError


@dataclass(frozen=True, slots=True)
class Table:
    """How a table of texts is laid out."""

    dialect: Dialect
    keys: tuple[str, ...]  # the names in the header; the numbers of columns that have none
    text: int  # the column of the texts, from 0

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Give the cells of each row below the header, after the number of the line where the row begins.

        Raises DataError, by file and line, for a row that is wider or narrower than the first one.
        """
        return self.dialect.rows(raw_lines(self.dialect.name))

    def line(self, cells: Sequence[str]) -> str:
        """Write a row as the table writes its own."""
        return table_line(cells, delimiter=self.dialect.delimiter, quoted=self.dialect.quoted)


def open_table(path: str, text: Column | None = None) -> Table:
    """Look at the first rows of a table for its dialect and the column of the texts.

    That is the column `text`, or else the one with a usual name in the header, or else the only one. Raises UsageError
    if the column is ambiguous or the file does not exist; DataError for an empty file, and for two columns of one name.
    """
    dialect = file_dialect(Path(path), named=isinstance(text, str))
    if dialect is None:
        next(line_blocks(path))  # raises the error of a file that is empty
        raise DataError(f"{path}: the file has no rows; a table holds one text per row")
    names = dialect.first_row if dialect.has_header else ("",) * dialect.width
    keys = tuple(str(i) if not name and names.count(name) > 1 else name for i, name in enumerate(names))
    if repeated := [key for i, key in enumerate(keys) if key in keys[:i]]:
        raise DataError(f"{path}:{dialect.first_line}: two columns are called {repeated[0]!r}; rename one")
    return Table(dialect, keys, dialect.text_column(text))


def bare_cell(cell: str) -> str:
    """Replace the characters that would end a cell without quotes."""
    return one_line(cell).replace("\t", " ")
