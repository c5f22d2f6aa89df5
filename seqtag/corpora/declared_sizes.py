"""Read what Parquet and Arrow files say that they unpack to, which pyarrow does not tell.

pyarrow takes as much room as the headers of pages and buffers say, before it unpacks them; so these numbers are what a
bound is held against. Parquet writes its headers in Thrift's compact protocol, Arrow in Flatbuffers. Of each, no more
is read than the sizes need. Headers that can't be read raise ValueError. Knows no values.
"""

import struct
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

_MOST_NESTED = 20  # structures within each other; those of Parquet lie half as deep
_TRUE, _FALSE, _BYTE, _LAST_NUMBER, _DOUBLE, _BYTES, _LIST, _SET, _STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 12
_VALUE_SIZE = 4  # bytes that a value takes at least, with its place in a list
# Fields of Parquet, by their number: of the file, a row group, a column chunk, what is said of it, and a page.
_ROW_GROUPS, _CHUNKS, _ABOUT, _PACKED_SIZE, _FIRST_PAGE, _DICTIONARY_PAGE = 4, 1, 3, 7, 9, 11
_PAGE_SIZE, _PACKED_PAGE_SIZE, _PAGE_KINDS, _NUM_VALUES = 2, 3, (5, 7, 8), 1
# Fields of Arrow, by their place in a table: of a message, a batch of a dictionary, and a batch of rows.
_HEADER_TYPE, _HEADER, _DATA, _BUFFERS, _COMPRESSION = 1, 2, 1, 2, 3
_IS_DICTIONARY, _IS_BATCH = 2, 3  # types of headers


def parquet_page_sizes(path: Path) -> Iterator[int]:
    """Give to how many bytes each page of a Parquet file unpacks, and no less than its values take as indices."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            length = int.from_bytes(content[-8:-4], "little")
            about, _ = _structure(content, len(content) - 8 - length)
            for group in about.get(_ROW_GROUPS, ()):
                for chunk in group.get(_CHUNKS, ()):
                    yield from _chunk_sizes(content, chunk[_ABOUT])
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError("the headers of its pages are damaged") from error


def _chunk_sizes(content: mmap, about: dict[int, Any]) -> Iterator[int]:
    first = about[_FIRST_PAGE]
    at = min(first, about.get(_DICTIONARY_PAGE) or first)
    end = at + about[_PACKED_SIZE]
    while 0 <= at < end:
        page, start = _structure(content, at)
        num_values = next((page[kind][_NUM_VALUES] for kind in _PAGE_KINDS if kind in page), 0)
        yield max(page[_PAGE_SIZE], _VALUE_SIZE * num_values)
        at = start + max(0, page[_PACKED_PAGE_SIZE])


def _structure(content: mmap, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read a structure of Thrift by the numbers of its fields, and say where it ends."""
    if depth > _MOST_NESTED or at < 0:
        raise ValueError(at)
    fields: dict[int, Any] = {}
    number = 0
    while head := content[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _number(content, at)
        fields[number], at = _value(content, at, head & 15, depth)
    return fields, at + 1


def _value(content: mmap, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind <= _LAST_NUMBER:
        return (content[at], at + 1) if kind == _BYTE else _number(content, at)
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BYTES:
        size, at = _unsigned(content, at)
        return None, at + size
    if kind == _STRUCT:
        return _structure(content, at, depth + 1)
    if kind not in (_LIST, _SET):
        raise ValueError(kind)  # Parquet has no maps
    head, at = content[at], at + 1
    count, inner = head >> 4, head & 15
    if count == 15:
        count, at = _unsigned(content, at)
    found = []
    for _ in range(count):
        # in a list, a truth takes a byte
        value, at = (None, at + 1) if inner in (_TRUE, _FALSE) else _value(content, at, inner, depth + 1)
        found.append(value)
    return found, at


def _number(content: mmap, at: int) -> tuple[int, int]:
    value, at = _unsigned(content, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(content: mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte, at = content[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
    raise ValueError(at)


def arrow_buffer_size(message: Any) -> int:
    """Say to how many bytes the packed buffers of a message of Arrow unpack; 0 where none is packed.

    Before each packed buffer stands its size, or -1 where it was left as it is.
    """
    try:
        return _buffer_size(message.metadata.to_pybytes(), message.body)
    except struct.error as error:
        raise ValueError("the headers of its buffers are damaged") from error


def _buffer_size(header: bytes, body: Any) -> int:
    def number(form: str, at: int) -> int:
        return int(struct.unpack_from("<" + form, header, at)[0])

    def field(table: int, place: int) -> int:
        """Say where a field of a table begins; 0 where it has its default."""
        fields = table - number("i", table)
        is_there = 4 + 2 * place < number("H", fields)
        offset = number("H", fields + 4 + 2 * place) if is_there else 0
        return offset and table + offset

    def follow(table: int, place: int) -> int:
        at = field(table, place)
        return at and at + number("I", at)

    message = number("I", 0)
    kind = field(message, _HEADER_TYPE)
    kind = kind and number("B", kind)
    batch = follow(message, _HEADER) if kind in (_IS_DICTIONARY, _IS_BATCH) else 0
    if batch and kind == _IS_DICTIONARY:
        batch = follow(batch, _DATA)
    buffers = follow(batch, _BUFFERS) if batch and field(batch, _COMPRESSION) else 0
    if not buffers:
        return 0
    places = [struct.unpack_from("<qq", header, buffers + 4 + 16 * at) for at in range(number("I", buffers))]
    return sum(max(0, struct.unpack_from("<q", body, offset)[0]) for offset, length in places if length >= 8)
