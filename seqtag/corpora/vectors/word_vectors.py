"""Read pretrained word vectors: GloVe text, word2vec text and binary, fastText `.vec`, each also gzipped.

The vocabulary asks for the rows that it needs, and decides how a missing word may still be found, such as in lower
case. The formats are told apart by the content of a file, never by its name.
"""

import codecs
import logging
import struct
from array import array
from collections.abc import Container, Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seqtag.corpora.lines import open_bytes
from seqtag.errors import DataError, UsageError

logger = logging.getLogger(__name__)

FASTTEXT = struct.pack("<i", 793712314)  # the first bytes of a fastText model
_CHUNK = 1 << 20
_HEAD = 1 << 16
_WIDEST = 100_000  # numbers of a vector
_MOST_DIGITS = 15  # of a number in a header
_LONGEST_WORD = 1 << 14  # bytes; a longer "word" means that the place in a binary file is lost
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
_AGAIN = "mend or delete the line, or download the file again"


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The words and vectors that were kept, in the order of the file."""

    words: list[str]  # N, all different
    matrix: np.ndarray  # (N, D) float32, finite


def read_vectors(path: str | Path, *, words: Container[str] | None = None, limit: int | None = None) -> Vectors:
    """Read all word vectors of a file, or those of `words`; memory grows with the rows that are kept, not the file.

    `limit` is the number of rows that are read, from the top, where the frequent words are. If several rows have the
    same word, the first is kept; words may hold spaces. Only the width of the other rows is checked. Raises DataError,
    with file and line, for a malformed row, a number that is not finite, and a file that is empty or cut off.

    >>> path = getfixture("tmp_path") / "two.txt"
    >>> _ = path.write_text("sea 0.5 1\\nsky 2 3\\n")
    >>> read_vectors(path, words={"sky"}).matrix
    array([[2., 3.]], dtype=float32)
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file; name a file of word vectors (GloVe, word2vec or fastText .vec)")
    if limit is not None and limit < 1:
        raise UsageError(f"limit={limit} leaves nothing of {path}; give a number of rows, 1 or more, or None for all")
    if isinstance(words, str):
        raise UsageError(f"words={words!r} is one string, which holds its own pieces; pass a set: words={{{words!r}}}")
    rows = _Rows(words)
    try:
        with open_bytes(path) as stream:
            size = _read_into(rows, stream, path, limit)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from error
    if rows.num_undecodable == rows.num_read:
        raise DataError(f"{path}: none of {rows.num_read} words is UTF-8; convert the file to UTF-8 first")
    if rows.num_duplicates or rows.num_undecodable:
        left_out = (path, rows.num_duplicates, rows.num_undecodable)
        logger.warning("%s: left out %d rows with a word seen before and %d with a word that is not UTF-8", *left_out)
    logger.info("%s: kept %d of %d rows, width %d", path, len(rows.words), rows.num_read, size)
    # The array's own memory becomes the matrix: no second copy of a large file.
    matrix = np.frombuffer(rows.values, np.float32) if rows.values else np.empty(0, np.float32)
    return Vectors(list(rows.words), matrix.reshape(len(rows.words), size))


class _Rows:
    """The wanted rows of one file, and counts of those that were left out."""

    def __init__(self, wanted: Container[str] | None) -> None:
        self.wanted = wanted
        self.words: dict[str, None] = {}  # in the order of the file
        self.values = array("f")
        self.num_read = self.num_duplicates = self.num_undecodable = 0

    def wants(self, raw: bytes) -> str | None:
        """Count a row and give its word, or None if the row has to be left out."""
        self.num_read += 1
        try:
            word = raw.decode("utf-8")
        except UnicodeDecodeError:
            self.num_undecodable += 1
            return None
        if self.wanted is not None and word not in self.wanted:
            return None
        if word in self.words:
            self.num_duplicates += 1
            return None
        return word

    def add(self, word: str, values: "array[float]") -> bool:
        """Keep a row, and say whether all of its values are finite."""
        # A sum of float32 values can't overflow a double, so it is finite exactly where each of them is.
        if not isfinite(sum(values)):
            return False
        self.words[word] = None
        self.values.extend(values)
        return True


def _read_into(rows: _Rows, stream: BinaryIO, path: Path, limit: int | None) -> int:
    """Recognise the format by the head of the stream, read the rows and give their width."""
    head = stream.read(_HEAD)
    if head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: is a zip archive; unpack it and name the file of vectors inside")
    if head.startswith(FASTTEXT):
        raise DataError(f"{path}: is a fastText model in a zipped file; unpack it and name the .bin inside")
    if not head.strip():
        raise DataError(f"{path}: is empty; expected word vectors (GloVe, word2vec or fastText .vec)")
    stream.seek(0)
    first, _, rest = head.removeprefix(codecs.BOM_UTF8).partition(b"\n")
    fields = first.split()
    is_header = len(fields) == 2 and all(field.isdigit() for field in fields)
    if is_header and (len(fields[0]) > _MOST_DIGITS or len(fields[1]) > _MOST_DIGITS or int(fields[1]) > _WIDEST):
        raise DataError(
            f"{path}:1: the header promises {_clipped(fields[0])} words of {_clipped(fields[1])} numbers each, and no "
            f"vectors are wider than {_WIDEST}; download the file again"
        )
    promised = int(fields[0]) if is_header else None
    size = int(fields[1]) if promised is not None else _count_numbers(first)
    if size == 0 or promised == 0:
        raise DataError(
            f"{path}:1: starts with {first[:40]!r}, which is neither a header (number of words, width) nor a word and "
            "its numbers; expected GloVe text, word2vec text or binary, or fastText .vec"
        )
    if promised is not None and not _is_text(rest, size):
        stream.readline()
        _read_binary(rows, stream, path, promised, size, limit)
        return size
    _read_text(rows, stream, path, promised, size, limit)
    if limit is not None and rows.num_read == limit:
        return size
    if promised is not None and rows.num_read != promised:
        raise DataError(
            f"{path}: the header promises {promised} words, found {rows.num_read}; download the file again, or write "
            "the true number into line 1"
        )
    return size


def _read_text(rows: _Rows, stream: BinaryIO, path: Path, promised: int | None, size: int, limit: int | None) -> None:
    for number, line in enumerate(stream, 1):
        if rows.num_read == limit:
            return
        if number == 1:
            if promised is not None:
                continue
            line = line.removeprefix(codecs.BOM_UTF8)
        # The line is cut from the right, at ASCII white space: words may hold spaces (GloVe 840B), U+00A0 or U+0085.
        fields = line.rsplit(None, size)
        if not fields:
            continue
        # A row that is too wide looks like a word of several pieces that ends in a number.
        if len(fields) <= size or not _is_number(fields[1]) or (b" " in fields[0] and _ends_in_number(fields[0])):
            raise _row_error(path, number, line, size)
        word = rows.wants(fields[0])
        if word is None:
            continue
        try:
            values = array("f", map(float, fields[1:]))
        except ValueError as error:
            raise _row_error(path, number, line, size) from error
        if not rows.add(word, values):
            raise _row_error(path, number, line, size)


def _read_binary(rows: _Rows, stream: BinaryIO, path: Path, promised: int, size: int, limit: int | None) -> None:
    for number, raw_word, raw_values in _binary_rows(stream, path, promised, size):
        if rows.num_read == limit:
            return
        word = rows.wants(raw_word)
        if word is not None and not rows.add(word, array("f", np.frombuffer(raw_values, "<f4").tobytes())):
            raise DataError(
                f"{path}: word {number} of {promised}, {word!r}, has a value that is not finite; download it again"
            )


def _binary_rows(stream: BinaryIO, path: Path, promised: int, size: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Give number, word and values of each row, whose bytes are a word, a space and float32, perhaps with a newline."""
    width = 4 * size
    buffer, position = b"", 0
    for number in range(1, promised + 1):
        while True:
            space = buffer.find(b" ", position)
            if (space if space >= 0 else len(buffer)) - position > _LONGEST_WORD:
                raise DataError(
                    f"{path}: word {number} of {promised} does not end; the file is damaged, or its values are not the "
                    f"{size} float32 that the header promises; download it again"
                )
            if 0 <= space <= len(buffer) - width - 1:
                break
            chunk = stream.read(_CHUNK + width)
            if not chunk:
                raise DataError(
                    f"{path}: ends inside word {number} of the {promised} that its header promises; download it again"
                )
            buffer, position = buffer[position:] + chunk, 0
        # The original tool ends each row with a newline; other tools do not.
        yield number, buffer[position:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + width]
        position = space + 1 + width
    if (buffer[position:] + stream.read(_CHUNK)).strip():
        raise DataError(f"{path}: goes on after the {promised} words that its header promises; download it again")


def _is_text(rest: bytes, size: int) -> bool:
    """Say whether text follows the header: a proper row, or otherwise bytes that only text has."""
    row = rest.split(b"\n", 1)[0].rsplit(None, size)
    if len(row) > size and all(map(_is_number, row[1:])):
        return True
    if len(rest.translate(None, _CONTROLS)) < len(rest):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)
    except UnicodeDecodeError:
        return False
    return True


def _count_numbers(line: bytes) -> int:
    """Count the numbers at the end of a line, whose first field is the word, even if it looks like a number."""
    fields = line.split()[1:]
    words = [index for index, field in enumerate(fields, 1) if not _is_number(field)]
    return len(fields) - (words[-1] if words else 0)


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _ends_in_number(word: bytes) -> bool:
    last = word.rsplit(None, 1)[-1]
    return not last.isalpha() and _is_number(last)  # "to infinity" is a word


def _clipped(field: bytes) -> str:
    return field[:40].decode("ascii", "replace")


def _row_error(path: Path, number: int, line: bytes, size: int) -> DataError:
    fields = line.split()
    shown = fields[0].decode("utf-8", "replace")
    found = f"{shown[:40]!r} and {len(fields) - 1} fields"
    odd = next((f for f in fields[1:] if not _is_number(f) or not isfinite(array("f", [float(f)])[0])), None)
    if odd is not None:
        found += f", of which {odd[:40].decode('utf-8', 'replace')!r} is not a finite number"
    return DataError(
        f"{path}:{number}: expected a word and {size} numbers, as above in the file, found {found}; {_AGAIN}"
    )
