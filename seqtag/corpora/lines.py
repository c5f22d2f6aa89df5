"""Turn files into lines: gzip, byte order marks and encodings end here. Knows no format.

Lines end at a line feed, with or without a carriage return before it, and nowhere else: corpora hold U+0085 and U+2028
inside tokens, where `str.splitlines` cuts.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, TypeAlias, cast

from seqtag.errors import DataError, UsageError

LineBlock: TypeAlias = tuple[int, list[str]]  # the number of the first line, counted from 1, and the lines

_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def line_blocks(path: str | os.PathLike[str], *, block_size: int = 1 << 20) -> Iterator[LineBlock]:
    """Read a UTF-8 file, gzipped or not, in blocks of about `block_size` bytes of whole lines.

    Memory stays that of one block. Raises UsageError where there is no such file, DataError for an empty or binary
    file, a gzip file that breaks off, and for bytes that are not UTF-8, by file and line.
    """
    name = os.fspath(path)
    first = 1
    with open_bytes(path) as handle:
        while True:
            try:
                block = handle.read(block_size) + handle.readline()
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DataError(
                    f"{name}: the gzip file is damaged or breaks off after line {first - 1} ({error}); copy it again"
                ) from error
            except OSError as error:
                raise UsageError(f"{name}: can't be read: {error.strerror}") from error
            if not block:
                break
            lines = _decode(block, name, first)
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
    for number, line in enumerate(source, 1):
        if isinstance(line, bytes):
            yield number, _decode(line, name, number)
        else:
            yield number, [(line.removeprefix("\ufeff") if number == 1 else line).removesuffix("\n").removesuffix("\r")]


def raw_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give each line of a UTF-8 file with its line end, which may be part of a text between quotes.

    An empty file has no lines. Raises the same errors as `line_blocks`, by file and line.
    """
    try:
        with open_bytes(path) as handle:
            for number, raw in enumerate(handle, 1):
                line = raw.decode("utf-8")
                if "\0" in line:
                    raise _unreadable(path)
                yield line.removeprefix("\ufeff") if number == 1 else line
    except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
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
    except FileNotFoundError:
        raise UsageError(f"{name}: there is no such file; check the path, relative to {os.getcwd()}") from None
    except IsADirectoryError:
        raise UsageError(f"{name}: this is a folder where a file is needed; name one of its files") from None
    except OSError as error:
        raise UsageError(f"{name}: can't be opened: {error.strerror}") from error
    if not handle.peek(2).startswith(_GZIP):  # a pipe can peek, and can't seek
        return handle
    handle.close()
    return cast("BinaryIO", gzip.open(path, "rb"))


def file_ending(path: str | os.PathLike[str]) -> str:
    """Give the ending of a file's name in lower case, that of compression left out.

    >>> file_ending("News.JSONL.gz")
    '.jsonl'
    """
    return os.path.splitext(os.path.basename(path).lower().removesuffix(".gz"))[1]


def _decode(block: bytes, name: str, first: int) -> list[str]:
    if first == 1:
        if block.startswith(_UTF16_MARKS):
            raise DataError(f"{name}:1: the file is UTF-16; write it as UTF-8: iconv -f UTF-16 -t UTF-8 OLD > NEW")
        block = block.removeprefix(_UTF8_MARK)
    if b"\0" in block:
        number = first + block.count(b"\n", 0, block.index(b"\0"))
        raise DataError(f"{name}:{number}: a zero byte, so this is a binary file; give a text file in UTF-8")
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        number = first + block.count(b"\n", 0, error.start)
        column = error.start - (block.rfind(b"\n", 0, error.start) + 1) + 1
        raise DataError(
            f"{name}:{number}: byte {column} of the line is 0x{block[error.start]:02x}, which is not UTF-8; "
            "if the file is in Latin-1: iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from None
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    else:
        lines[-1] = lines[-1].removesuffix("\r")
    return lines
