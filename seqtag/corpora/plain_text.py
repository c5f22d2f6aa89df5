"""Read plain text piece by piece from files, folders, columns of tables and datasets, or lists.

A piece is a run of whole lines, so that nothing is cut in two. Lines of files end in one line feed each, the last one
too; between two texts of a table, dataset or list stands a line break. Knows no symbols.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from datasets import Dataset

from seqtag.corpora.column_roles import TEXT_NAMES, named_column
from seqtag.corpora.formats.arrow_tables import JSON_ENDINGS, is_saved, saved_tables, table_file
from seqtag.corpora.formats.csv_dialect import file_dialect
from seqtag.corpora.lines import file_ending, line_blocks, raw_lines
from seqtag.corpora.splits import group_by_split, labelled_entries
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.characters import check_characters

logger = logging.getLogger("seqtag")

TextSource: TypeAlias = str | os.PathLike[str] | Dataset | Iterable[str]

_TABLES = (".parquet", ".arrow", *JSON_ENDINGS)
_DELIMITED = (".csv", ".tsv")
_PLAIN = (".txt", ".text", "")
_WIDEST = 60  # characters of a string that an error shows


def read_text(source: TextSource) -> Iterator[str]:
    """Give the text of a source in pieces, each of whole lines, in memory that does not grow with it.

    A source is a path (a text file, gzipped or not, a folder of them, `table.csv:column`), a dataset with a column of
    strings, or an iterable of texts; a single string is always a path. Raises UsageError for an invalid source,
    DataError for a source without text or with bytes that are not UTF-8, by file and line.

    >>> "".join(read_text(["Ada met Alan.", "It rained."]))
    'Ada met Alan.\\nIt rained.'
    """
    pieces = _pieces(source)
    first = next((piece for piece in pieces if piece), None)
    if first is None:
        raise DataError(f"{source_name(source)}: there is no text in it; give at least a few lines")
    yield first
    yield from (piece for piece in pieces if piece)


def source_name(source: Any) -> str:
    """Name a source in a message: a path, or what the object is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return "the dataset" if isinstance(source, Dataset) else "the text"


def _pieces(source: Any) -> Iterator[str]:
    if isinstance(source, (str, os.PathLike)):
        return _from_path(os.fspath(source))
    if isinstance(source, Mapping):
        raise UsageError(f'several splits are given: {", ".join(source)}; give one, such as corpus["train"]')
    if isinstance(source, Dataset):
        return _joined(_dataset_texts(source, None, "the dataset"), "the dataset, row")
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise UsageError(f"a text is a path, a dataset or a list of strings, not {type(source).__name__}: [text]")
    return _joined(source, "text number")


def _from_path(given: str) -> Iterator[str]:
    path: Path | None = None
    column: str | None = None
    if "\n" not in given:  # what has one is a text
        path = Path(given).expanduser()
        if not os.path.exists(path) and ":" in given:
            head, _, column = given.rpartition(":")
            path = Path(head).expanduser()
    if path is None or not given or not os.path.exists(path):  # which is also False for a text that is no path at all
        shown = given if len(given) <= _WIDEST else given[:_WIDEST] + "..."
        raise UsageError(
            f"{shown!r}: there is no such file or folder; check the path, relative to {os.getcwd()}; to give a text "
            "itself, put it in a list: [text]"
        )
    if path.is_dir():
        yield from _folder(path, column)
        return
    if not path.is_file():
        raise UsageError(f"{given}: this is a pipe or a device, and a text is read more than once; write it to a file")
    ending = file_ending(path)
    name = column.removeprefix("text=") if column is not None else None
    if ending in _DELIMITED:
        yield from _joined(_cells(path, name), f"{path}, row")
    elif ending in _TABLES:
        yield from _joined(_dataset_texts(table_file(path, ending), name, str(path)), f"{path}, row")
    elif column is not None:
        raise UsageError(f"{given}: {path} is a plain text, which has no columns; leave out :{column}")
    else:
        for _, lines in line_blocks(path):
            yield "\n".join(lines) + "\n"


def _folder(folder: Path, column: str | None) -> Iterator[str]:
    if is_saved(folder):
        tables = saved_tables(folder)
        if len(tables) > 1:
            raise UsageError(f"{folder}: holds several splits: {', '.join(tables)}; load one and give the dataset")
        yield from _joined(_dataset_texts(next(iter(tables.values())), column, str(folder)), f"{folder}, row")
        return
    files, folders = labelled_entries(folder)
    texts = [path for path in files if file_ending(path) in _PLAIN]
    if len(splits := group_by_split(texts)) > 1:
        # Who trains on a folder must not train on its test file without knowing.
        names = ", ".join(path.name for paths in splits.values() for path in paths)
        example = next(iter(splits.values()))[0]
        raise UsageError(f"{folder}: its files are splits ({names}); give one, such as {example}")
    if not texts:
        raise DataError(f"{folder}: no text file (.txt or .txt.gz) is in it; give the file itself")
    left = [path.name for path in (*files, *folders) if path not in texts]
    logger.info(
        "%s: %d text files, in the order of their names%s",
        folder,
        len(texts),
        f"; left out: {', '.join(left)}" if left else "",
    )
    for path in texts:
        if path.stat().st_size:
            yield from _from_path(str(path))


def _joined(texts: Iterable[Any], where: str) -> Iterator[str]:
    """Put a line break between texts, where the first of two does not end in one."""
    ended = True
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            found = "missing" if text is None else f"{type(text).__name__}, no string"
            raise DataError(f"{where} {number}: the text is {found}; leave it out or mend it")
        check_characters(text, f"{where} {number}")
        yield text if ended else "\n" + text
        ended = text.endswith("\n")


def _dataset_texts(dataset: Dataset, column: str | None, source: str) -> Iterator[str | None]:
    names = [name for name, f in dataset.features.items() if getattr(f, "dtype", "") in ("string", "large_string")]
    column = _choose(names, column, source)
    for rows in dataset.select_columns([column]).with_format(None).iter(1_000):
        yield from rows[column]


def _choose(names: list[str], column: str | None, source: str) -> str:
    if column is not None:
        if column not in names:
            raise UsageError(f"{source}: no column {column!r} of strings; {near_miss(column, names)}")
        return column
    fitting = named_column({name: name.lower() for name in names}, TEXT_NAMES) or names
    if not fitting:
        raise DataError(f"{source}: no column of it holds strings; a text is needed in each row")
    if len(fitting) > 1:
        raise UsageError(
            f"{source}: ambiguous text column ({', '.join(fitting)}): choose one with select_columns([{fitting[0]!r}]) "
            f"or name it after the path, as in texts.csv:{fitting[0]}"
        )
    return fitting[0]


def _cells(path: Path, column: str | None) -> Iterator[str]:
    """Give the texts of one column of a CSV or TSV file; `column` is a header or a number from 0."""
    is_number = column is not None and column.removeprefix("-").isdecimal()
    dialect = file_dialect(path, named=column is not None and not is_number)
    if dialect is None:
        return
    place = dialect.text_column(int(column) if column is not None and is_number else column)
    for _, cells in dialect.rows(raw_lines(path)):
        yield cells[place].replace("\r\n", "\n").replace("\r", "\n")
