"""Cut plain text into symbols, characters or words, number them, and put text together from numbers again.

This module knows the symbols and where spaces stand between words, and no model.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqtag.text.characters import check_characters
from seqtag.text.tokenizer import Tokenizer

UNKNOWN, LINE_BREAK = "<unk>", "\n"  # ids 0 and 1 in every vocabulary
UNKNOWN_ID, LINE_BREAK_ID = 0, 1

# What stands before a word: nothing, because it begins a line; the previous word without a space; or white space.
LINE_START, GLUED, SPACED = 0, 1, 2

_BREAKS = re.compile("(\n)")
# Texts of published tables have `<unk>` in the place of rare words; spaCy would cut it into three words.
_BREAKS_AND_UNKNOWN = re.compile(f"(\n|{UNKNOWN})")
_WORD = re.compile(r"\S+")


def code_points(text: str) -> np.ndarray:
    """Give the characters of a text as numbers, uint32; DataError for half a character.

    >>> code_points("né").tolist()
    [110, 233]
    """
    check_characters(text, "the text")
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def words_with_gaps(pieces: Iterable[str], language: str | None) -> Iterator[tuple[str, int]]:
    """Cut pieces of text, each of whole lines, into words, each with what stands before it; line breaks are words too.

    Words are the tokens of spaCy's rules for `language`; None means text with white space between all tokens.

    >>> list(words_with_gaps(["Stay in."], "en"))
    [('Stay', 0), ('in', 2), ('.', 1)]
    """
    gap_after: deque[tuple[str, str]] = deque()  # texts that the tokenizer has not given back yet, and what ends each

    def texts() -> Iterator[str]:
        for piece in pieces:
            parts = [*(_BREAKS if language is None else _BREAKS_AND_UNKNOWN).split(piece), ""]
            for text, end in zip(parts[::2], parts[1::2]):
                gap_after.append((text, end))
                yield text

    gap = LINE_START
    for bounds in _cut(texts(), language):
        text, end = gap_after.popleft()
        before = 0
        for word, start, stop in bounds:
            yield word, gap if gap == LINE_START else SPACED if start > before else GLUED
            gap, before = GLUED, stop
        if end == LINE_BREAK:
            yield end, LINE_START
            gap = LINE_START
        elif end:
            yield end, gap if gap == LINE_START else SPACED if len(text) > before else GLUED
            gap = GLUED


def _cut(texts: Iterable[str], language: str | None) -> Iterator[list[tuple[str, int, int]]]:
    if language is None:
        for text in texts:
            yield [(found[0], found.start(), found.end()) for found in _WORD.finditer(text)]
    else:
        for tokens in Tokenizer(language).token_stream(texts):
            yield [(token.text, token.start, token.end) for token in tokens]


class SymbolVocabulary:
    """The symbols of a language model and their ids: 0 is `<unk>`, 1 the line break, then the others.

    >>> vocabulary = SymbolVocabulary("character", None, ["a", "b"])
    >>> vocabulary.encode("abc\\n").tolist(), vocabulary.decode([2, 1, 3])
    ([2, 3, 0, 1], 'a\\nb')
    """

    def __init__(
        self,
        level: str,
        language: str | None,
        symbols: Sequence[str],
        *,
        glued_before: Iterable[str] = (),
        glued_after: Iterable[str] = (),
    ) -> None:
        assert level in ("character", "word"), level
        self.level, self.language = level, language
        self.symbols = [UNKNOWN, LINE_BREAK, *(s for s in symbols if s not in (UNKNOWN, LINE_BREAK))]
        # Words that mostly have no space before them, such as a full stop, or after them, such as an opening bracket.
        self.glued_before, self.glued_after = frozenset(glued_before), frozenset(glued_after)
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        # The last row stands for all characters that come after those of the vocabulary.
        self._table: np.ndarray = np.zeros(0, np.int64)
        if level == "character":
            points = np.array([ord(symbol) for symbol in self.symbols[1:]])
            self._table = np.zeros(points.max() + 2, np.int64)
            self._table[points] = np.arange(1, len(self.symbols))

    def __len__(self) -> int:
        return len(self.symbols)

    def find(self, symbol: str) -> int:
        """Give the id of a symbol, or 0 if it is unknown."""
        return self._ids.get(symbol, UNKNOWN_ID)

    def cut(self, text: str) -> list[str]:
        """Cut a text into its symbols, known or not, as they stand in it."""
        if self.level == "character":
            return list(text)
        check_characters(text, "the text")
        return [word for word, _ in words_with_gaps([text], self.language)]

    def encode(self, text: str) -> np.ndarray:
        """Give the ids of a text's symbols, int64."""
        return next(self.encode_stream([text]), np.zeros(0, np.int64))

    def encode_points(self, points: np.ndarray) -> np.ndarray:
        """Give the ids of characters that come as numbers (see `code_points`), int64; for the level of characters."""
        assert self.level == "character", self.level
        ids_N: np.ndarray = self._table[np.minimum(points, len(self._table) - 1)]
        return ids_N

    def encode_stream(self, pieces: Iterable[str], *, block: int = 1 << 18) -> Iterator[np.ndarray]:
        """Give the ids of pieces of text, each of whole lines, in arrays of any length."""
        if self.level == "character":
            for piece in pieces:
                yield self.encode_points(code_points(piece))
            return
        ids: list[int] = []
        for word, _ in words_with_gaps(_checked(pieces), self.language):
            ids.append(self._ids.get(word, UNKNOWN_ID))
            if len(ids) >= block:
                yield np.array(ids, np.int64)
                ids = []
        if ids:
            yield np.array(ids, np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """Put a text together, with a space between two words unless one of them mostly has none on that side.

        The text of the first ids is the beginning of the text of all ids.
        """
        symbols = [self.symbols[int(i)] for i in ids]
        if self.level == "character":
            return "".join(symbols)
        text: list[str] = []
        before = LINE_BREAK
        for symbol in symbols:
            glued = LINE_BREAK in (before, symbol) or before in self.glued_after or symbol in self.glued_before
            text += [symbol] if glued else [" ", symbol]
            before = symbol
        return "".join(text)

    def to_dict(self) -> dict[str, Any]:
        """Give JSON values that `from_dict` reads."""
        return {
            "level": self.level,
            "language": self.language,
            "symbols": self.symbols[2:],
            "glued_before": sorted(self.glued_before),
            "glued_after": sorted(self.glued_after),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SymbolVocabulary":
        """Read what `to_dict` gave."""
        return cls(**stored)


def _checked(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        check_characters(piece, "the text")
        yield piece
