"""Vectors of words that come from elsewhere: of a list, of the pieces of a word, or the mean of both.

Readers of files make one to train with. What a model keeps of it stands beside the network, for words that training
has not seen: a file that training never changes, and that torch and the runtime read alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

import numpy as np

from seqtag.errors import DataError
from seqtag.text.gazetteers import word_hash
from seqtag.text.word_pieces import Pieces, TokenizerPieces, pieces_from_dict

# W words of a list, N rows of the table, D numbers of a vector, U words that are looked up, M rows of all of them

_TOGETHER = 1000  # words whose rows are in memory at once
_ROWS = 1 << 16  # that are rounded at once
_MOST_KNOWN, _LONGEST_KNOWN = 10_000, 64  # words whose vectors are kept, and characters of one


class Rows(Protocol):
    """Says which row of a table a word has."""

    def get(self, word: str, /) -> int | None:
        """Give the row, or None where the word has none."""


@dataclass(frozen=True, slots=True, eq=False)
class HashedRows:
    """Rows by the hash of a word: 12 bytes for each, whatever its length."""

    keys_W: np.ndarray  # uint64, rising
    rows_W: np.ndarray  # uint32

    @classmethod
    def build(cls, words: Mapping[str, int]) -> "HashedRows":
        """Hash the words."""
        keys_W = np.fromiter(map(word_hash, words), np.uint64, len(words))
        keys_W, first_W = np.unique(keys_W, return_index=True)
        return cls(keys_W, np.fromiter(words.values(), np.uint32, len(words))[first_W])

    def get(self, word: str, /) -> int | None:
        """Give the row, or None where the word has none."""
        key = np.uint64(word_hash(word))
        place = int(self.keys_W.searchsorted(key))
        return int(self.rows_W[place]) if place < len(self.keys_W) and self.keys_W[place] == key else None


@dataclass(frozen=True, slots=True, eq=False)
class WordVectors:
    """A table of vectors, and which of its rows a word is the mean of: its own, those of its pieces, or both.

    >>> vectors = WordVectors({"sea": 0, "sky": 1}, np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    >>> vectors.find(["sky", "sand"])[0].tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """

    words: Rows  # a dict, where all words are known
    values_ND: np.ndarray  # numbers of any width, or int8 with a scale for each row; perhaps mapped from a file
    scales_N: np.ndarray | None = None
    pieces: Pieces | None = None
    is_unit: bool = False  # the mean is brought to the length 1
    _known: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        return int(self.values_ND.shape[1])

    def find(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the vectors of words, (U, D) float32, 0 where there is none, and for each word whether it has one.

        Raises DataError for a vector that is not finite.
        """
        found_UD, is_known_U = np.zeros((len(words), self.size), np.float32), np.zeros(len(words), bool)
        for start in range(0, len(words), _TOGETHER):
            rows = [self._rows(word) for word in words[start : start + _TOGETHER]]
            num_U = np.fromiter(map(len, rows), np.int64, len(rows))
            known_U = np.flatnonzero(num_U)
            if not len(known_U):
                continue
            rows_M = np.fromiter(chain.from_iterable(rows), np.int64, int(num_U.sum()))
            picked_MD = np.asarray(self.values_ND[rows_M]).astype(np.float32)
            if self.scales_N is not None:
                picked_MD *= self.scales_N[rows_M, None]
            mean_UD = np.add.reduceat(picked_MD, (num_U.cumsum() - num_U)[known_U]) / num_U[known_U, None]
            found_UD[start + known_U], is_known_U[start + known_U] = mean_UD, True
        if self.is_unit:
            found_UD /= np.linalg.norm(found_UD, axis=1, keepdims=True) + 1e-32
        if not np.isfinite(found_UD).all():
            word = words[int(np.flatnonzero(~np.isfinite(found_UD).all(1))[0])]
            raise DataError(f"the vector of {word[:40]!r} has a value that is not finite; get the vectors anew")
        return found_UD, is_known_U

    def look_up(self, words: Sequence[str]) -> np.ndarray:
        """Give what `find` gives, and keep it, with a bound, for the next time. Many threads may ask at once."""
        known = list(map(self._known.get, words))
        if None in known:
            new = list(dict.fromkeys(word for word, vector in zip(words, known) if vector is None))
            fresh = dict(zip(new, map(np.ndarray.tobytes, self.find(new)[0])))
            if len(self._known) + len(fresh) > _MOST_KNOWN:
                self._known.clear()
            self._known.update((word, vector) for word, vector in fresh.items() if len(word) <= _LONGEST_KNOWN)
            known = [vector or fresh[word] for word, vector in zip(words, known)]
        return np.frombuffer(b"".join(filter(None, known)), np.float32).reshape(len(words), self.size)

    def _rows(self, word: str) -> list[int]:
        own = self.words.get(word)
        rows = [] if own is None else [own]
        return rows + self.pieces.rows(word) if self.pieces is not None and word else rows

    # -- what a model keeps -------------------------------------------------------------------

    def kept(self, words: Mapping[str, int], *, precision: str) -> "WordVectors":
        """Give the table as a model keeps it, for these words of the list: in "float32", or rounded to "int8".

        Raises DataError for a value that is not finite.
        """
        num_rows, is_int8 = len(self.values_ND), precision == "int8"
        values_ND = np.empty(self.values_ND.shape, np.int8 if is_int8 else np.float32)
        scales_N = np.ones(num_rows, np.float32)
        for start in range(0, num_rows, _ROWS):
            part_ND = np.asarray(self.values_ND[start : start + _ROWS]).astype(np.float32)
            if not np.isfinite(part_ND).all():
                raise DataError("the vectors have a value that is not finite; get them anew")
            if is_int8:
                part_ND, scales_N1 = quantised(part_ND, 1)
                scales_N[start : start + _ROWS] = scales_N1[:, 0]
            values_ND[start : start + _ROWS] = part_ND
        rows = HashedRows.build(words)
        return WordVectors(rows, values_ND, scales_N if is_int8 else None, self.pieces, self.is_unit)

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON holds beside the file."""
        assert isinstance(self.words, HashedRows)
        return {
            "size": self.size,
            "num_words": len(self.words.keys_W),
            "num_rows": len(self.values_ND),
            "precision": "float32" if self.scales_N is None else "int8",
            "is_unit": self.is_unit,
            "pieces": None if self.pieces is None else self.pieces.to_dict(),
        }

    @property
    def content(self) -> bytes:
        """The hashes of the words, their rows, the scales, the table and the tokenizer, little-endian."""
        assert isinstance(self.words, HashedRows)
        scales = [] if self.scales_N is None else [self.scales_N]
        columns = self.words.keys_W, self.words.rows_W, *scales, self.values_ND
        tokenizer = self.pieces.content if isinstance(self.pieces, TokenizerPieces) else b""
        return b"".join([*(column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns), tokenizer])

    @classmethod
    def from_store(cls, about: Mapping[str, Any] | None, content: bytes | None) -> "WordVectors | None":
        """Read what `to_dict` and `content` gave, None where a model has none; ValueError where the two do not fit.

        >>> kept = WordVectors({"sea": 0}, np.array([[1.0, -0.5]])).kept({"sea": 0}, precision="int8")
        >>> WordVectors.from_store(kept.to_dict(), kept.content).find(["sea"])[0].round(2).tolist()
        [[1.0, -0.5]]
        """
        if about is None:
            return None
        if content is None:
            raise ValueError("config.json has vectors of words, and there is no vectors.bin to look them up in")
        num_words, num_rows, size = about["num_words"], about["num_rows"], about["size"]
        is_int8, has_tokenizer = about["precision"] == "int8", (about["pieces"] or {}).get("kind") == "tokenizer"
        widths = [("<u8", num_words), ("<u4", num_words), *([("<f4", num_rows)] if is_int8 else [])]
        widths.append(("<i1" if is_int8 else "<f4", num_rows * size))
        left = len(content) - sum(np.dtype(kind).itemsize * number for kind, number in widths)
        if left < 0 or (left > 0) != has_tokenizer:
            raise ValueError("vectors.bin does not hold the vectors that config.json tells of")
        columns, at = [], 0
        for kind, number in widths:
            columns.append(np.frombuffer(content, kind, number, at))
            at += columns[-1].nbytes
        keys_W, rows_W, *scales, values = columns
        pieces = pieces_from_dict(about["pieces"], content[at:])
        last_row = max(int(rows_W.max(initial=0)), -1 if pieces is None else pieces.last_row())
        if (
            (keys_W[1:] <= keys_W[:-1]).any()
            or (last_row >= num_rows and (num_words or pieces is not None))
            or not all(np.isfinite(column).all() for column in (*scales, values) if column.dtype.kind == "f")
        ):
            raise ValueError("vectors.bin is damaged: it has rows that can't be, or numbers that are none")
        values_ND = values.reshape(num_rows, size)
        return cls(HashedRows(keys_W, rows_W), values_ND, scales[0] if scales else None, pieces, about["is_unit"])

    def describe(self) -> str:
        """Say for people how many there are."""
        pieces = "" if self.pieces is None else f", those of {self.pieces.kind} pieces among them,"
        return f"{len(self.values_ND):,} vectors{pieces} of {self.size} numbers"


def quantised(values: np.ndarray, axis: int, *, largest: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """Round to int8 with one scale for all numbers along an axis, zero staying zero: the integers and the scales.

    >>> integers, scales = quantised(np.array([[1.0, -2.0], [0.0, 0.5]]), 1)
    >>> integers.tolist(), [round(float(scale), 4) for scale in scales.ravel()]
    ([[64, -127], [0, 127]], [0.0157, 0.0039])
    """
    highest = np.abs(values).max(axis, keepdims=True, initial=0)
    scales = np.where(highest > 0, highest / largest, 1.0).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales
