"""Bound what a table unpacks to, before `datasets` unpacks it: Parquet, compressed Arrow, and files packed as a whole.

What a file says of itself is looked at first, and then what its values take, some rows at a time, with each string of
a dictionary held once, however often it stands in the table. Knows no columns.
"""

import bz2
import lzma
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqtag.corpora.declared_sizes import arrow_buffer_size, parquet_page_sizes
from seqtag.corpora.lines import max_unpacked, open_bytes, too_large
from seqtag.errors import DataError

# The first bytes by which `datasets` knows a packed file, with what reads it here, if anything does.
_PACKED: dict[bytes, tuple[str, Callable[[Path], Any] | None]] = {
    b"\x1f\x8b": ("packed by gzip", open_bytes),
    b"BZh": ("packed by bzip2", bz2.open),
    b"\xfd7zXZ\x00": ("packed by xz", lzma.open),
    b"PK\x03\x04": ("a zip archive", None),
    b"\x28\xb5\x2f\xfd": ("packed by zstandard", None),
    b"\x04\x22\x4d\x18": ("packed by lz4", None),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", None),
    b"Rar!\x1a\x07": ("a rar archive", None),
}
_ROWS = 1_000  # of a Parquet file that are looked at together


def packed_kind(path: Path) -> str | None:
    """Say in words how a file is packed as a whole, whatever its name says; None where it is not."""
    return next((kind for mark, (kind, _) in _PACKED.items() if _head(path).startswith(mark)), None)


def check_unpacked(path: Path, *, ending: str) -> None:
    """Raise DataError for a table that takes more bytes unpacked than `max_unpacked` allows.

    Errors of pyarrow and of Python's own readers, which mean a damaged file, pass through.
    """
    most = max_unpacked(path.stat().st_size)
    if ending == ".parquet":
        measures = _parquet_sizes(path)
    elif ending == ".arrow":
        measures = _arrow_sizes(path)
        most = max(most, path.stat().st_size)  # most files of Arrow are not packed
    else:
        measures = _packed_sizes(path)
    for size in measures:
        if size > most:
            raise too_large(str(path), most)


def check_values(table: Any, path: Path) -> None:
    """Raise DataError for a table or batch of Arrow that is damaged.

    What Arrow reads later it does not check: a wrong offset ends the process.
    """
    try:
        table.validate(full=True)
    except pa.ArrowException as error:
        raise DataError(f"{path}: damaged ({error}); write it again") from error


def _parquet_sizes(path: Path) -> Iterator[int]:
    """Give lower bounds of the size that grow, so that the caller can stop at any of them."""
    total = 0
    for size in parquet_page_sizes(path):
        total += size
        yield total
    with pq.ParquetFile(path) as file:
        leaves = [file.schema.column(column) for column in range(file.metadata.num_columns)]
    strings = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(path, read_dictionary=strings) as file:
        total = 0
        for batch in file.iter_batches(batch_size=_ROWS):
            total += sum(map(_size, batch.columns))
            yield total


def _arrow_sizes(path: Path) -> Iterator[int]:
    """Give what the buffers of all messages unpack to, and then what their values take."""
    total = 0
    with pa.memory_map(str(path)) as source:
        for message in pa.ipc.MessageReader.open_stream(source):
            total += arrow_buffer_size(message)
            yield total
    total = 0
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            check_values(batch, path)
            total += sum(map(_size, batch.columns))
            yield total


def _packed_sizes(path: Path) -> Iterator[int]:
    """Give what comes out of a file that is packed as a whole."""
    head = _head(path)
    kind, opened = next((how for mark, how in _PACKED.items() if head.startswith(mark)), (None, None))
    if kind == "a zip archive":
        with zipfile.ZipFile(path) as archive:
            yield sum(member.file_size for member in archive.infolist())
    elif opened is not None:
        total = 0
        with opened(path) as file:
            while block := file.read(1 << 20):
                total += len(block)
                yield total
    elif kind is not None:
        raise DataError(f"{path}: the file is {kind}, so what it unpacks to can't be bounded; unpack it first")


def _size(array: Any) -> int:
    """Say how many bytes the values of an array take once they stand one by one, without a dictionary."""
    if isinstance(array, pa.ExtensionArray):
        return _size(array.storage)
    if isinstance(array, pa.StructArray):
        return sum(map(_size, array.flatten()))
    if isinstance(array, pa.MapArray):
        return _size(array.keys) + _size(array.items)
    if isinstance(array, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        return _size(array.flatten()) + 4 * len(array)
    if isinstance(array, pa.DictionaryArray):
        if _is_bytes(array.dictionary.type):
            return _total(pc.binary_length(array.dictionary).take(array.indices)) + 4 * len(array)
        return _size(array.dictionary) // max(1, len(array.dictionary)) * len(array)
    return _total(pc.binary_length(array)) + 4 * len(array) if _is_bytes(array.type) else array.nbytes


def _total(lengths: Any) -> int:
    return pc.sum(lengths).as_py() or 0


def _is_bytes(kind: Any) -> bool:
    return any(
        is_such(kind)
        for is_such in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
        )
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(6)
