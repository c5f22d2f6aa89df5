"""Turn the records of a JSON or JSONL file into a table on disk, block by block, with one type for each key.

The types are those of the values as they stand: a string stays a string, even if it looks like a date. pyarrow has a
JSON reader of its own, which ends the whole process on some damaged files.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset

from seqtag.corpora.arrow_files import arrow_writer, new_file, open_dataset
from seqtag.corpora.json_text import json_records
from seqtag.corpora.workspace import room_in, workspace
from seqtag.errors import DataError

_RECORDS = 1_000  # that are looked at together


def json_table(path: Path) -> Dataset:
    """Read the records of a file as rows, with a column for each key; a key that a record lacks is None in its row.

    Raises DataError, by file and line, for what is no object, and for values of one key that have no common type.
    """
    folder = workspace()
    draft = new_file(folder, ".draft")
    schema = pa.schema([])
    with room_in(folder), pa.OSFile(str(draft), "wb") as sink:
        for records in _blocks(json_records(path)):
            table = _table(records, path)
            schema = _merged(schema, table.schema, f"{path}:{records[0][0]}")
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
    if not schema.names:
        raise DataError(f"{path}: no record in the file has a key; each must be an object with a text")
    final = new_file(folder, ".arrow")
    with arrow_writer(final, schema) as write, pa.OSFile(str(draft), "rb") as source:
        while source.tell() < source.size():
            table = pa.ipc.open_stream(source).read_all()
            whole = pa.concat_tables([schema.empty_table(), table], promote_options="permissive")
            for batch in whole.combine_chunks().to_batches():
                write(batch.columns)
    draft.unlink()
    return open_dataset(final)


def _blocks(records: Iterator[tuple[int, Mapping[str, Any]]]) -> Iterator[list[tuple[int, Mapping[str, Any]]]]:
    while block := list(islice(records, _RECORDS)):
        yield block


def _table(records: Sequence[tuple[int, Mapping[str, Any]]], path: Path) -> Any:
    names = dict.fromkeys(chain.from_iterable(record for _, record in records))
    return pa.table({name: _column(name, records, path) for name in names})


def _column(name: str, records: Sequence[tuple[int, Mapping[str, Any]]], path: Path) -> Any:
    values = [record.get(name) for _, record in records]
    if (whole := _array(values)) is not None:
        return whole
    # The first value that does not go with those before it, by halving: with it no array can be made.
    fits, fails = 0, len(values)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (fits, middle) if _array(values[:middle]) is None else (middle, fails)
    alone = _array(values[fits : fits + 1]) is None
    raise DataError(
        f"{path}:{records[fits][0]}: the value of {name!r} is {repr(values[fits])[:60]}, which "
        + ("no table can hold" if alone else "is of another kind than those before it")
        + "; numbers go up to 64 bits, and all values of a key are of one kind: write them as strings"
    )


def _array(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return None


def _merged(known: Any, new: Any, place: str) -> Any:
    try:
        return pa.unify_schemas([known, new], promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"{place}: from here on, values are of another kind than before ({error}); all values of a key must be of "
            "one kind"
        ) from error
