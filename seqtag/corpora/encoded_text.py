"""Turn a text of any length into numbers on disk, read once: drafts while the vocabulary is open, ids at the end.

Memory holds the distinct symbols and one piece of the text. A draft numbers symbols in order of appearance; which of
them are known is decided when all are counted, and then the draft is numbered anew.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqtag.corpora.arrow_files import arrow_batches, arrow_writer
from seqtag.corpora.plain_text import TextSource, read_text, source_name
from seqtag.corpora.workspace import room_in, workspace
from seqtag.errors import DataError
from seqtag.text.length_batches import filled
from seqtag.text.symbol_vocabulary import (
    GLUED,
    LINE_BREAK_ID,
    SPACED,
    UNKNOWN_ID,
    SymbolVocabulary,
    code_points,
    words_with_gaps,
)

_BLOCK = 1 << 20  # numbers that are in memory at a time
_DRAFT = pa.schema([("symbol", pa.uint32())])
_OPENING = ("Ps", "Pi")  # Unicode's opening brackets and quotation marks
_GAPS = 4  # a draft number of a word is its number times this, plus what stands before it


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as ids, between two line breaks that are no part of it: a reading begins behind one, from either end."""

    ids_N: np.ndarray  # uint16 or uint32, mapped from disk; line break, the symbols of the text, line break
    num_characters: int
    num_unknown: int  # symbols of the text that the vocabulary has not

    def __len__(self) -> int:
        return len(self.ids_N) - 2

    def reading(self, direction: str) -> np.ndarray:
        """Give the line break to begin with and all symbols, in the order of a direction: forward or backward."""
        return self.ids_N[:-1] if direction == "forward" else self.ids_N[:0:-1]

    def part(self, start: int, stop: int) -> "EncodedText":
        """Give the symbols from `start` to `stop`, exclusive, as a text of its own, on disk; its characters uncounted.

        Raises DataError where the disk is full.
        """
        own = (self.ids_N[at : min(at + _BLOCK, stop + 1)] for at in range(start + 1, stop + 1, _BLOCK))
        return _written(own, self.ids_N.dtype, int)

    def discard(self) -> None:
        """Remove the file, where the system lets a file go that is mapped; else it goes with the process."""
        if isinstance(self.ids_N, np.memmap) and self.ids_N.filename is not None:
            with suppress(OSError):
                Path(str(self.ids_N.filename)).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text whose symbols have draft numbers: code points of characters, numbers of words with what is before each."""

    path: Path  # an Arrow file of uint32
    level: str
    language: str | None
    words: list[str]  # by number; empty for characters
    num_symbols: int
    num_characters: int
    sha256: str  # of the text, in UTF-8

    def blocks(self, stop: int | None = None) -> Iterator[np.ndarray]:
        """Give the numbers, or the first of them, a block at a time."""
        left = self.num_symbols if stop is None else stop
        for batch in arrow_batches(self.path):
            if left <= 0:
                return
            numbers_N = batch.column(0).to_numpy()[:left]
            left -= len(numbers_N)
            yield numbers_N

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def write_draft(source: TextSource, *, level: str, language: str | None) -> Draft:
    """Read a text once and number its symbols, `character` or `word`, on disk.

    Raises DataError for a text without content and where the disk is full, UsageError for an invalid source.
    """
    meter = _Meter(read_text(source))
    numbers: dict[str, int] = {}
    blocks: Iterable[np.ndarray]
    if level == "character":
        # pieces may be short, such as the texts of a list
        runs = filled(map(code_points, meter), len, _BLOCK)
        blocks = map(np.concatenate, runs)
    else:
        blocks = _word_blocks(meter, language, numbers)
    path = workspace() / "draft"
    num_symbols = 0
    with arrow_writer(path, _DRAFT) as write:
        for numbers_N in blocks:
            write([pa.array(numbers_N, pa.uint32())])
            num_symbols += len(numbers_N)
    if not num_symbols:
        raise DataError(f"{source_name(source)}: there is nothing but white space in it")
    return Draft(path, level, language, list(numbers), num_symbols, meter.num_characters, meter.digest.hexdigest())


def build_vocabulary(draft: Draft, *, stop: int, min_freq: int) -> SymbolVocabulary:
    """Index what occurs `min_freq` times in the first `stop` symbols: characters in order, words by falling count."""
    num_kinds = 0x110000 if draft.level == "character" else len(draft.words) * _GAPS
    counts_S = sum(
        (np.bincount(numbers_N, minlength=num_kinds) for numbers_N in draft.blocks(stop)), np.zeros(num_kinds, np.int64)
    )
    if draft.level == "character":
        return SymbolVocabulary("character", None, [chr(point) for point in np.flatnonzero(counts_S >= min_freq)])
    counts_VG = counts_S.reshape(-1, _GAPS)
    # A rare word that stood at the end of a sentence is not what held the full stop close, nor is a word in brackets
    # what held the bracket: pairs whose other word is glued by itself say nothing of a word.
    glued_before_V = _is_glued(counts_VG)
    # Opening brackets are what they are, even where each word in them stands nowhere else.
    opens_V = np.array([unicodedata.category(word[-1]) in _OPENING for word in draft.words])
    glued_after_V = _is_glued(_count_gaps(draft, stop, before=False, but_for_V=glued_before_V))
    glued_after_V |= opens_V & _is_glued(_count_gaps(draft, stop, before=False, but_for_V=np.zeros_like(opens_V)))
    glued_before_V = _is_glued(_count_gaps(draft, stop, before=True, but_for_V=glued_after_V))
    counts_V = counts_VG.sum(-1)
    known = sorted(np.flatnonzero(counts_V >= min_freq).tolist(), key=lambda i: (-counts_V[i], draft.words[i]))
    words = [draft.words[i] for i in known]
    glued_before, glued_after = (
        [draft.words[i] for i in known if is_glued_V[i]] for is_glued_V in (glued_before_V, glued_after_V)
    )
    return SymbolVocabulary("word", draft.language, words, glued_before=glued_before, glued_after=glued_after)


def _is_glued(gaps_VG: np.ndarray) -> np.ndarray:
    return gaps_VG[:, GLUED] > gaps_VG[:, SPACED]


def _count_gaps(draft: Draft, stop: int, *, before: bool, but_for_V: np.ndarray) -> np.ndarray:
    """Count what stands before each word, or after it, where the word on that side is none of `but_for_V`."""
    gaps_VG = np.zeros((len(draft.words), _GAPS), np.int64)
    last = np.zeros(0, np.uint32)
    for numbers_N in draft.blocks(stop):
        numbers_N = np.concatenate([last, numbers_N])
        last, words_N = numbers_N[-1:], numbers_N // _GAPS
        own_N, other_N = (words_N[1:], words_N[:-1]) if before else (words_N[:-1], words_N[1:])
        kinds_N = (own_N * _GAPS + numbers_N[1:] % _GAPS)[~but_for_V[other_N]]
        gaps_VG += np.bincount(kinds_N.astype(np.int64), minlength=gaps_VG.size).reshape(gaps_VG.shape)
    return gaps_VG


def encode_draft(draft: Draft, vocabulary: SymbolVocabulary) -> EncodedText:
    """Number a draft anew, by the ids of a vocabulary, and remove it."""
    if draft.level == "character":
        table_S = np.zeros(0x110000, np.int64)
        table_S[[ord(symbol) for symbol in vocabulary.symbols[1:]]] = np.arange(1, len(vocabulary))
        blocks = (table_S[numbers_N] for numbers_N in draft.blocks())
    else:
        table_S = np.array([vocabulary.find(word) for word in draft.words], np.int64)
        blocks = (table_S[numbers_N // _GAPS] for numbers_N in draft.blocks())
    encoded = _written(blocks, _type_for(vocabulary), lambda: draft.num_characters)
    draft.discard()
    return encoded


def encode_text(source: TextSource, vocabulary: SymbolVocabulary) -> EncodedText:
    """Read a text once and write the ids of its symbols to disk.

    Raises DataError for a text without content, or of which the vocabulary knows no symbol but line breaks.
    """
    meter = _Meter(read_text(source))
    encoded = _written(vocabulary.encode_stream(meter), _type_for(vocabulary), lambda: meter.num_characters)
    if not len(encoded):
        raise DataError(f"{source_name(source)}: there is nothing but white space in it")
    if encoded.num_unknown and not _knows_any(encoded):
        raise DataError(
            f"{source_name(source)}: none of its {encoded.num_unknown:,} {vocabulary.level}s was in the training "
            "data, so the model has nothing to say about it; is it in the language that the model was trained on?"
        )
    return encoded


def _knows_any(encoded: EncodedText) -> bool:
    ids_N = encoded.ids_N[1:-1]
    return any((ids_N[at : at + _BLOCK] > LINE_BREAK_ID).any() for at in range(0, len(ids_N), _BLOCK))


class _Meter:
    """Pass pieces of text on, and remember their length and hash."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces, self.num_characters, self.digest = pieces, 0, hashlib.sha256()

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            self.num_characters += len(piece)
            self.digest.update(piece.encode())
            yield piece


def _word_blocks(pieces: Iterable[str], language: str | None, numbers: dict[str, int]) -> Iterator[np.ndarray]:
    block: list[int] = []
    for word, gap in words_with_gaps(pieces, language):
        block.append(numbers.setdefault(word, len(numbers)) * _GAPS + gap)
        if len(block) >= _BLOCK:
            yield np.array(block, np.uint32)
            block = []
    yield np.array(block, np.uint32)


def _type_for(vocabulary: SymbolVocabulary) -> Any:
    return np.dtype(np.uint16 if len(vocabulary) <= 1 << 16 else np.uint32)


def _written(blocks: Iterable[np.ndarray], dtype: Any, num_characters: Any) -> EncodedText:
    path = workspace() / "ids"
    edge = np.array([LINE_BREAK_ID])
    unknown = 0
    with room_in(path.parent):
        file = path.open("wb")
    with file:
        for ids_N in chain([edge], blocks, [edge]):
            unknown += int((ids_N == UNKNOWN_ID).sum())
            with room_in(path.parent):
                file.write(ids_N.astype(dtype).tobytes())
    return EncodedText(np.memmap(path, dtype, "r"), num_characters(), unknown)
