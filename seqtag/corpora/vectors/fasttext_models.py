"""Read the `.bin` of a fastText model: words, and hashed n-grams for words that it has not seen. Mapped, not loaded.

The file is what fastText's `FastText::saveModel` writes: a magic number and a version, the arguments, the dictionary,
and the input matrix, whose rows are those of the words and behind them those of the n-grams. The output matrix that
follows is of no use here. A model that fastText has quantised (`.ftz`) has no such matrix and is refused.
"""

import logging
import mmap
import struct
from pathlib import Path

import numpy as np

from seqtag.corpora.vectors.word_vectors import FASTTEXT
from seqtag.errors import DataError
from seqtag.text.word_pieces import FasttextNgrams
from seqtag.text.word_vectors import WordVectors

logger = logging.getLogger(__name__)

_VERSIONS = (11, 12)
_SUPERVISED = 3
_WIDEST = 100_000  # numbers of a vector
_LONGEST_WORD = 1 << 14  # bytes


class _Cursor:
    """Reads a mapped file from the front, and never past its end."""

    def __init__(self, content: mmap.mmap, path: Path) -> None:
        self.content, self.path, self.at = content, path, len(FASTTEXT)

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Read numbers of the types that `struct` names."""
        size = struct.calcsize("<" + layout)
        if self.at + size > len(self.content):
            raise self.damaged("is cut off")
        self.at += size
        return struct.unpack_from("<" + layout, self.content, self.at - size)

    def word(self) -> bytes:
        """Read bytes up to a 0."""
        end = self.content.find(b"\0", self.at, self.at + _LONGEST_WORD)
        if end < 0:
            raise self.damaged(f"has a word that does not end, at byte {self.at:,}")
        raw, self.at = self.content[self.at : end], end + 1
        return raw

    def damaged(self, what: str) -> DataError:
        """Give the error that says what is wrong with the file."""
        return DataError(f"{self.path}: {what}; it is no fastText model, or damaged: download it again")


def read_fasttext(path: Path) -> WordVectors:
    """Read a fastText model of any kind; DataError where the file is cut off, damaged or quantised.

    A word that the model knows has the mean of its own row and those of its n-grams, any other that of its n-grams.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        cursor = _Cursor(content, path)
        (version,) = cursor.numbers("i")
        if version not in _VERSIONS:
            raise cursor.damaged(f"has version {version}, and fastText writes {' or '.join(map(str, _VERSIONS))}")
        (size, *_, model, buckets, minn, maxn, _, _) = cursor.numbers("12id")
        if version == 11 and model == _SUPERVISED:
            maxn = 0  # such old ones have no n-grams of characters
        num_entries, num_words, num_labels, _, num_pruned = cursor.numbers("iiiqq")
        if min(num_words, num_labels, buckets, minn) < 0 or num_entries != num_words + num_labels:
            raise cursor.damaged(f"says that it has {num_words:,} words, {num_labels:,} labels and {buckets:,} n-grams")
        words: dict[str, int] = {}
        num_unreadable = 0
        for row in range(num_entries):
            raw = cursor.word()
            cursor.numbers("qb")
            if row < num_words:
                try:
                    words.setdefault(raw.decode("utf-8"), row)
                except UnicodeDecodeError:
                    num_unreadable += 1
        (is_quantised,) = cursor.numbers("b")
        if is_quantised or num_pruned > 0:
            raise DataError(
                f"{path}: a quantised fastText model (.ftz), which has rounded its vectors; name the .bin that it was "
                "made from"
            )
        num_rows, width = cursor.numbers("qq")
        if width != size or not 0 < size <= _WIDEST or num_rows != num_words + buckets:
            raise cursor.damaged(
                f"has a table of {num_rows:,} x {width:,} for {num_words:,} words and {buckets:,} n-grams of {size:,} "
                "numbers"
            )
        start = cursor.at
        if start + 4 * num_rows * width > len(content):
            raise cursor.damaged("is cut off")
    if num_unreadable:
        logger.warning("%s: left out %d words that are not UTF-8", path, num_unreadable)
    values_ND = np.memmap(path, "<f4", "r", start, (num_rows, width))
    pieces = FasttextNgrams(minn, maxn, buckets, num_words) if maxn > 0 and buckets else None
    return WordVectors(words, values_ND, pieces=pieces)
