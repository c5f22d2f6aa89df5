"""Turn files into lines: gzip, byte order marks and encodings end here. Knows no format.

A line ends at a line feed, at a carriage return, or at the two together, and nowhere else: corpora hold U+0085 and
U+2028 inside tokens, where `str.splitlines` cuts.
"""

import codecs
import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from typing import IO, Any, BinaryIO, TypeAlias, cast

from seqtag.errors import DataError, UsageError

LineBlock: TypeAlias = tuple[int, list[str]]  # the number of the first line, counted from 1, and the lines

_GZIP = b"\x1f\x8b"
_LEAST_BOUND, _MOST_TIMES = 256_000_000, 100  # see max_unpacked
_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {  # the longer ones first, as they begin with the shorter ones
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# How files begin that people take for text.
_BINARY_KINDS = {
    b"PK\x03\x04": "a zip archive, or a file of an office program: unpack it, or save it as CSV or text",
    b"\xd0\xcf\x11\xe0": "a file of an office program: save it as CSV or text",
    b"%PDF": "a PDF: take the text out of it",
    b"BZh": "packed by bzip2: unpack it, or pack it by gzip",
    b"\xfd7zXZ": "packed by xz: unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it, or pack it by gzip",
    b"PAR1": "Parquet, which is not read here: write JSON lines or CSV",
    b"ARROW1": "Arrow, which is not read here: write JSON lines or CSV",
    b"\x80\x04": "a pickle, which can run code when it is read: write JSON lines",
    b"SQLite format": "a database of SQLite: write a table as CSV",
}
_LINE_END = re.compile(b"\r\n|\r|\n")
_ONLY_IN_WINDOWS = re.compile("[\udc80-\udc9f]")  # bytes that are no UTF-8, and control characters in Latin-1


def line_blocks(path: str | os.PathLike[str], *, block_size: int = 1 << 20) -> Iterator[LineBlock]:
    """Read a UTF-8 file, gzipped or not, in blocks of about `block_size` bytes of whole lines.

    Memory stays that of one block. Raises UsageError where there is no such file, DataError for an empty or binary
    file, a gzip file that breaks off, and for bytes that are not UTF-8, by file and line.
    """
    name = os.fspath(path)
    first = 1
    rest = b""  # what stands after the last line end of a block, or that end if a line feed may follow it
    with open_bytes(path) as handle:
        while True:
            try:
                block = rest + handle.read(block_size)
                end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, max(len(block) - 1, 0))) + 1
                if not end:
                    block += handle.readline()
            except DamagedGzipError as error:
                raise DataError(
                    f"{name}: the gzip file is damaged or breaks off after line {first - 1} ({error.__cause__}); copy "
                    "it again"
                ) from error
            except OSError as error:
                raise UsageError(f"{name}: can't be read: {error.strerror}") from error
            if not block:
                break
            end = end or len(block)
            block, rest = block[:end], block[end:]
            if lines := _decode(block, name, first):  # a byte order mark alone is no line
                yield first, lines
            first += len(lines)
    if first == 1:
        raise DataError(f"{name}: the file is empty; write it again, or leave it out")


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Give each line of a file after its number, as `line_blocks` reads it."""
    return (numbered for first, lines in line_blocks(path) for numbered in enumerate(lines, first))


def whole_text(path: str | os.PathLike[str]) -> str:
    """Give all lines of a file as one text, with a line feed between them and none at the end."""
    return "\n".join(line for _, lines in line_blocks(path) for line in lines)


def handle_blocks(handle: IO[str] | IO[bytes], name: str) -> Iterator[LineBlock]:
    """Read an open file or pipe line by line, each line as a block, so that what a user types is answered at once.

    A text handle that has its bytes in `buffer`, as standard input has, is read as UTF-8, whatever the locale is.
    """
    source = cast("IO[bytes]", getattr(handle, "buffer", handle))
    first = 1
    for line in source:
        if isinstance(line, bytes):
            lines = _decode(line, name, first)
        else:
            lines = _cut(line.removeprefix("\ufeff") if first == 1 else line)
        if lines:
            yield first, lines
        first += len(lines)


def raw_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give each line of a UTF-8 file with its line end, which may be part of a text between quotes.

    An empty file has no lines. Raises the same errors as `line_blocks`, by file and line.
    """
    try:
        # with newline="", each of the three ends closes a line and stays in it
        with io.TextIOWrapper(open_bytes(path), encoding="utf-8", newline="") as text:
            for number, line in enumerate(text, 1):
                if "\0" in line:
                    raise _unreadable(path)
                yield line.removeprefix("\ufeff") if number == 1 else line
    except (UnicodeDecodeError, DamagedGzipError, OSError) as error:
        raise _unreadable(path) from error


def _unreadable(path: str | os.PathLike[str]) -> DataError:
    # line_blocks finds the line that is wrong, and raises the error that says so
    for _ in line_blocks(path):
        pass
    return DataError(f"{os.fspath(path)}: the file changed while it was read; read it again")


def open_bytes(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading bytes, gunzipped where its first bytes say gzip; UsageError where that can't be."""
    name = os.fspath(path)
    try:
        handle = open(path, "rb")  # noqa: SIM115 - the caller closes it
        status = os.fstat(handle.fileno())
    except FileNotFoundError:
        raise UsageError(f"{name}: there is no such file; check the path, relative to {os.getcwd()}") from None
    except IsADirectoryError:
        raise UsageError(f"{name}: this is a folder where a file is needed; name one of its files") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise UsageError(f"{name!r}: can't be opened: {getattr(error, 'strerror', error)}") from error
    is_device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    if is_device and not handle.isatty() and not os.path.samestat(status, os.stat(os.devnull)):
        handle.close()
        raise UsageError(f"{name}: this is a device, which may never end; write what it gives to a file, and name that")
    if not handle.peek(2).startswith(_GZIP):  # a pipe can peek, and can't seek
        return handle
    return io.BufferedReader(_Gunzipped(handle, name, max_unpacked(status.st_size)), 1 << 16)


class DamagedGzipError(DataError):
    """A gzip file is damaged or breaks off; the cause is the error that says how."""


class _Gunzipped(io.RawIOBase):
    """The content of a gzip file, for whose size there is a bound; what is wrong with the file is a DataError."""

    def __init__(self, packed: BinaryIO, name: str, most: int) -> None:
        self.packed, self.name, self.most = packed, name, most
        self.content = gzip.GzipFile(fileobj=packed, mode="rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.content.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        try:
            size = self.content.readinto(buffer)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DamagedGzipError(
                f"{self.name}: the gzip file is damaged or cut off ({error}); copy it again"
            ) from error
        if self.content.tell() > self.most:
            raise too_large(self.name, self.most)
        return size

    def close(self) -> None:
        self.content.close()
        self.packed.close()
        super().close()


# What packed files may unpack to, for what this thread reads; None: see `max_unpacked`.
_most_bytes: ContextVar[int | None] = ContextVar("most_bytes", default=None)


def limit_unpacking(max_bytes: int | None) -> None:
    """Set the size that any packed file may unpack to, from now on in this thread; None: see `max_unpacked`."""
    _most_bytes.set(max_bytes)


@contextmanager
def unpacking_limited(max_bytes: int | None) -> Iterator[None]:
    """Limit what packed files may unpack to inside a block; None leaves the limit as it is."""
    if max_bytes is not None and (type(max_bytes) is bool or not isinstance(max_bytes, Integral) or max_bytes < 1):
        raise UsageError(f"max_bytes={max_bytes!r}: give a whole number of bytes, at least 1, or None for the default")
    before = _most_bytes.set(_most_bytes.get() if max_bytes is None else int(max_bytes))
    try:
        yield
    finally:
        _most_bytes.reset(before)


def max_unpacked(packed_size: int) -> int:
    """Say to how many bytes a packed file may unpack: by default a hundred times its size, and 256 MB in any case.

    Text packs to a third or a tenth. More than a hundredth is either a table of one value or an attempt to fill a disk.

    >>> max_unpacked(10_000_000)
    1000000000
    """
    most = _most_bytes.get()
    return max(_LEAST_BOUND, _MOST_TIMES * packed_size) if most is None else most


def too_large(name: str, most: int) -> DataError:
    """Make the error for a packed file that is larger than it may be."""
    return DataError(
        f"{name}: it would unpack to more than {most:,} bytes; if so much is meant, allow it with --max-bytes, or in "
        "Python with load_corpus(..., max_bytes=...)"
    )


def file_ending(path: str | os.PathLike[str]) -> str:
    """Give the ending of a file's name in lower case, that of compression left out.

    >>> file_ending("News.JSONL.gz")
    '.jsonl'
    """
    return os.path.splitext(os.path.basename(path).lower().removesuffix(".gz"))[1]


def _decode(block: bytes, name: str, first: int) -> list[str]:
    if first == 1:
        if wide := _WIDE_MARKS.get(block[:4]) or _WIDE_MARKS.get(block[:2]):
            raise DataError(f"{name}:1: the file is {wide}; write it as UTF-8: iconv -f {wide} -t UTF-8 OLD > NEW")
        block = block.removeprefix(_UTF8_MARK)
        kind = next((kind for start, kind in _BINARY_KINDS.items() if block.startswith(start)), None)
        if kind and not _is_text(block):
            raise DataError(f"{name}: this is {kind}")
    if b"\0" in block:
        number = first + _count_ends(block, block.index(b"\0"))
        raise DataError(f"{name}:{number}: a zero byte, so this is a binary file; give a text file in UTF-8")
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        number = first + _count_ends(block, error.start)
        column = error.start - max(block.rfind(mark, 0, error.start) for mark in (b"\n", b"\r"))
        is_windows = _ONLY_IN_WINDOWS.search(block.decode("utf-8", "surrogateescape"))
        encoding, code = ("Windows-1252", "WINDOWS-1252") if is_windows else ("Latin-1", "LATIN1")
        raise DataError(
            f"{name}:{number}: byte {column} of the line is 0x{block[error.start]:02x}, which is not UTF-8; "
            f"if the file is in {encoding}: iconv -f {code} -t UTF-8 OLD > NEW"
        ) from None
    return _cut(text)


def _is_text(block: bytes) -> bool:
    """Say whether bytes are UTF-8 without zero bytes; a character may be cut off at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return "\0" not in decoder.decode(block)
    except UnicodeDecodeError:
        return False


def _cut(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _count_ends(block: bytes, stop: int) -> int:
    return len(_LINE_END.findall(block, 0, stop))
