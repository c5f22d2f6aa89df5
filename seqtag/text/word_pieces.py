"""Cut words into pieces that have vectors: n-grams of characters as fastText or floret hash them, or a tokenizer's.

Each kind gives the rows of a word's pieces in the table of vectors that it belongs to. Knows no vector.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from seqtag.errors import UsageError, one_line

_MOST_CHARACTERS = 256  # of a word that are cut into n-grams, so that a damaged text costs no time
_32_BITS, _64_BITS = (1 << 32) - 1, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class FasttextNgrams:
    """The hashed n-grams of fastText (Bojanowski et al. 2017), in the rows behind those of the words.

    >>> len(FasttextNgrams(minn=3, maxn=4, num_buckets=100, first_row=7).rows("sea"))
    5
    """

    kind: ClassVar[str] = "fasttext"
    minn: int
    maxn: int
    num_buckets: int
    first_row: int

    def rows(self, word: str) -> list[int]:
        """Give the rows of the n-grams of `<word>`; its end of line, `</s>`, has none."""
        if word == "</s>":
            return []
        characters = [one.encode("utf-8", "surrogatepass") for one in f"<{word[:_MOST_CHARACTERS]}>"]
        last = len(characters) - 1
        rows = []
        for start in range(len(characters)):
            value = 2166136261  # FNV-1a
            for end in range(start, min(start + self.maxn, len(characters))):
                for byte in characters[end]:
                    # fastText widens a byte with its sign, so that all upper bits of those from 128 on are set.
                    value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & _32_BITS
                size = end - start + 1
                if size >= self.minn and not (size == 1 and (start == 0 or end == last)):
                    rows.append(self.first_row + value % self.num_buckets)
        return rows

    def last_row(self) -> int:
        """Give the highest row that a word can have."""
        return self.first_row + self.num_buckets - 1

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, slots=True)
class FloretNgrams:
    """The whole word and its n-grams, each in up to four rows, as spaCy reads a table of floret."""

    kind: ClassVar[str] = "floret"
    minn: int
    maxn: int
    bow: str
    eow: str
    hash_count: int
    hash_seed: int
    num_rows: int

    def rows(self, word: str) -> list[int]:
        """Give the rows of a word; the sizes of n-grams count characters, with the marks of its ends."""
        whole = self.bow + word[:_MOST_CHARACTERS] + self.eow
        ngrams = [whole]
        for size in range(self.minn, min(self.maxn, len(whole)) + 1):
            ngrams += [whole[start : start + size] for start in range(len(whole) - size + 1)]
        rows = []
        for ngram in ngrams:
            first, second = murmur3(ngram.encode("utf-8", "surrogatepass"), self.hash_seed)
            values = (first & _32_BITS, first >> 32, second & _32_BITS, second >> 32)
            rows += [value % self.num_rows for value in values[: self.hash_count]]
        return rows

    def last_row(self) -> int:
        """Give the highest row that a word can have."""
        return self.num_rows - 1

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return {"kind": self.kind, **asdict(self)}


class TokenizerPieces:
    """The pieces of a `tokenizer.json`, cut by the library that wrote it; what it calls unknown has no row.

    A reader of our own would have to know all of its normalisers and models, and cut as it does to the last character.
    """

    kind: ClassVar[str] = "tokenizer"

    def __init__(self, content: bytes) -> None:
        """Raise UsageError where tokenizers is not installed, ValueError where the content is no tokenizer."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise UsageError(
                "vectors of the pieces of words need tokenizers, which is not installed; run: pip install tokenizers"
            ) from None
        self.content = content
        try:
            self._tokenizer = Tokenizer.from_buffer(content)
            model = json.loads(content)["model"]
        except Exception as error:  # tokenizers raises this very class
            raise ValueError(f"its tokenizer can't be read ({one_line(error)})") from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        token = model.get("unk_token")
        self._unknown = model.get("unk_id") if token is None else self._tokenizer.token_to_id(token)
        self._last_row = max(self._tokenizer.get_vocab().values(), default=-1)

    def rows(self, word: str) -> list[int]:
        """Give the rows of the pieces of a word."""
        text = word[:_MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [number for number in ids if number != self._unknown]

    def last_row(self) -> int:
        """Give the highest row that a word can have."""
        return self._last_row

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold; the tokenizer itself stands in a file."""
        return {"kind": self.kind}


Pieces: TypeAlias = FasttextNgrams | FloretNgrams | TokenizerPieces


def pieces_from_dict(stored: Mapping[str, Any] | None, content: bytes) -> Pieces | None:
    """Read what `to_dict` gave; `content` is the tokenizer, where there is one. Raises as TokenizerPieces does."""
    if stored is None:
        return None
    values = {name: value for name, value in stored.items() if name != "kind"}
    if stored["kind"] == TokenizerPieces.kind:
        return TokenizerPieces(content)
    return {one.kind: one for one in (FasttextNgrams, FloretNgrams)}[stored["kind"]](**values)


def murmur3(data: bytes, seed: int) -> tuple[int, int]:
    """Give the two halves of MurmurHash3_x64_128 (Appleby 2011, in the public domain).

    >>> murmur3(b"", 0)
    (0, 0)
    """
    first = second = seed
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        first ^= _mixed(int.from_bytes(data[at : at + 8], "little"), *_FIRST)
        first = (_rotated(first, 27) + second) * 5 + 0x52DCE729 & _64_BITS
        second ^= _mixed(int.from_bytes(data[at + 8 : at + 16], "little"), *_SECOND)
        second = (_rotated(second, 31) + first) * 5 + 0x38495AB5 & _64_BITS
    second ^= _mixed(int.from_bytes(data[whole + 8 :], "little"), *_SECOND)
    first ^= _mixed(int.from_bytes(data[whole : whole + 8], "little"), *_FIRST)
    first, second = first ^ len(data), second ^ len(data)
    first = first + second & _64_BITS
    first, second = _final(first), _final(second + first & _64_BITS)
    first = first + second & _64_BITS
    return first, second + first & _64_BITS


_ONE, _OTHER = 0x87C37B91114253D5, 0x4CF5AD432745937F
_FIRST, _SECOND = (_ONE, 31, _OTHER), (_OTHER, 33, _ONE)


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _64_BITS


def _mixed(value: int, before: int, by: int, after: int) -> int:
    return _rotated(value * before & _64_BITS, by) * after & _64_BITS


def _final(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & _64_BITS
    return value ^ value >> 33
