"""Write and read Arrow files batch by batch, so that memory does not grow with the corpus."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, NamedSplit

from seqtag.corpora.workspace import room_in

_SPLIT_NAME = re.compile(r"\w+(\.\w+)*")  # what `datasets` accepts as the name of a split


def new_file(folder: Path, ending: str) -> Path:
    """Make an empty file with a name of its own; raises SeqtagError where the disk is full."""
    with room_in(folder):
        handle, name = tempfile.mkstemp(suffix=ending, dir=folder)
        os.close(handle)
    return Path(name)


@contextmanager
def arrow_writer(path: Path, schema: Any) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Open a file for writing batches, each given as its columns; raises SeqtagError where the disk is full.

    >>> path = getfixture("tmp_path") / "numbers.arrow"
    >>> with arrow_writer(path, pa.schema([("number", pa.int32())])) as write:
    ...     write([pa.array([1, 2], pa.int32())])
    >>> [batch.column(0).to_pylist() for batch in arrow_batches(path)]
    [[1, 2]]
    """

    def write(columns: Sequence[Any]) -> None:
        with room_in(path.parent):
            writer.write_batch(pa.record_batch(list(columns), schema=schema))

    with room_in(path.parent):
        sink = pa.OSFile(str(path), "wb")
        writer = pa.ipc.new_stream(sink, schema)
    try:
        yield write
    finally:
        with room_in(path.parent):
            writer.close()
            sink.close()


def arrow_batches(path: Path) -> Iterator[Any]:
    """Give the batches of a file in their order, with one of them in memory at a time."""
    # not mapped: the pages of a large file would count as memory of the process
    with pa.OSFile(str(path), "rb") as source:
        yield from pa.ipc.open_stream(source)


def open_dataset(path: Path, split: str | None = None) -> Dataset:
    """Open a file as a dataset, memory-mapped."""
    is_name = split is not None and _SPLIT_NAME.fullmatch(split)
    return Dataset.from_file(str(path), split=NamedSplit(split) if is_name else None)


def one_array(column: Any) -> Any:
    """Give a column as a single array."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # in older releases of pyarrow
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    return array


def distinct(values: Any) -> tuple[list[Any], np.ndarray]:
    """Give the different values of a list or an Arrow array, and for each item the position of its value among them.

    A missing item has the position behind the last value.

    >>> distinct(["b", "a", None, "b"])
    (['b', 'a'], array([0, 1, 2, 0], dtype=int32))
    """
    array = pa.array(values) if isinstance(values, list) else values
    coded = array if isinstance(array, pa.DictionaryArray) else array.dictionary_encode()
    found = coded.dictionary.to_pylist()
    indices = pc.fill_null(coded.indices.cast(pa.int32()), len(found))
    return found, indices.to_numpy(zero_copy_only=False)


def renumbering(numbers: Mapping[str, int], names: Sequence[str]) -> np.ndarray:
    """Give for each draft number of a name, from 0 on, its position in `names`; 0 for a name that is not there."""
    final = {name: number for number, name in enumerate(names)}
    return np.array([final.get(name, 0) for name in numbers], np.int64)


def offsets_of(lengths: Any) -> np.ndarray:
    """Say where each of S lists begins in their items laid end to end, and where the last one ends: int32 (S + 1,).

    >>> offsets_of([2, 0, 1]).tolist()
    [0, 2, 2, 3]
    """
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int32)


def lists_of(lengths: Any, items: Any) -> Any:
    """Cut items into lists of the given lengths."""
    return pa.ListArray.from_arrays(offsets_of(lengths), items)
