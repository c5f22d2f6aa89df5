"""Map words, characters and word features to ids. This module knows strings and counts, and no tensor.

A word is described by the columns of `FEATURES`: its normalised form and cheap facts about its spelling. Each column
has its own index, which is built from the training data; id 0 is padding, and id 1 stands for all that was not seen.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seqtag.text.characters import shortened
from seqtag.text.word_vectors import WordVectors

UNKNOWN = 1  # the id of what the vocabulary lacks; 0 is padding
# Characters of a very long token (a URL) come from both of its ends: the middle says little and costs as much.
MOST_CHARACTERS = 32
_MOST_CACHED_WORDS = 200_000

_MOST_SHAPED = 1000  # characters of a word that its shape is read from, so that a damaged file costs no memory
_DIGITS = str.maketrans("123456789", "000000000")


def normalise(word: str, *, lowercase: bool = True, merge_digits: bool = True) -> str:
    """Lower-case a word and write 0 for each of its digits, as asked for.

    >>> normalise("Boeing-747"), normalise("Boeing-747", lowercase=False)
    ('boeing-000', 'Boeing-000')
    """
    word = word.lower() if lowercase else word
    return word.translate(_DIGITS) if merge_digits else word


def shape(word: str) -> str:
    """Spell a word's casing: X upper, x lower, d digit, c another letter; a run of four or more is cut to three.

    >>> shape("McDonald's"), shape("B-52"), shape("WASHINGTON")
    ("XxXxxx'x", 'X-dd', 'XXX')
    """
    kinds = [
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else "c" if c.isalpha() else c
        for c in word[:_MOST_SHAPED]
    ]
    return re.sub(r"(.)\1{3,}", r"\1\1\1", "".join(kinds))[:12]


# The column "word" comes first and has its own settings; these follow it.
_SPELLING = {
    "shape": shape,
    "prefix2": lambda word: word[:2].lower(),
    "prefix3": lambda word: word[:3].lower(),
    "prefix4": lambda word: word[:4].lower(),
    "suffix1": lambda word: word[-1:].lower(),
    "suffix2": lambda word: word[-2:].lower(),
    "suffix3": lambda word: word[-3:].lower(),
    "suffix4": lambda word: word[-4:].lower(),
}
FEATURES = ("word", *_SPELLING)
_RECORD_SIZE = len(FEATURES) + MOST_CHARACTERS


class WordIds(NamedTuple):
    """Ids of distinct words, with one row per word."""

    features_UF: np.ndarray  # int64, columns in the order of FEATURES
    characters_UC: np.ndarray  # int64, right-padded with 0


def _united(index: Mapping[str, int], newer: Mapping[str, int]) -> dict[str, int]:
    return {value: i for i, value in enumerate(dict.fromkeys([*index, *newer]), 2)}


@dataclass(eq=False)
class Vocabulary:
    """The indices of a model. `Vocabulary.build` makes one, and its ids never change after that."""

    indices: dict[str, dict[str, int]]  # feature name -> value -> id, from 2 on
    characters: dict[str, int]
    word_counts: list[int]  # how often each word id was seen in training; 0 for padding and unknown
    lowercase: bool = True  # of the column "word"
    merge_digits: bool = True
    unseen: WordVectors | None = None  # for words without an id; stored beside, and never changed by training
    _cache: dict[str, bytes] = field(default_factory=dict, repr=False)  # by word: what `_record` gave

    @classmethod
    def build(
        cls,
        counts: Mapping[str, int],
        *,
        min_freq: int = 1,
        lowercase: bool = True,
        merge_digits: bool = True,
        extra_words: Iterable[str] = (),
    ) -> "Vocabulary":
        """Index the words of `counts` (token -> times seen) that occur `min_freq` times, counted after normalising.

        `extra_words`, such as those of pretrained vectors, are normalised already; they get an id without being seen.

        >>> v = Vocabulary.build({"Ada": 2, "ada": 1, "met": 1})
        >>> v.indices["word"], v.word_counts
        ({'ada': 2, 'met': 3}, [0, 0, 3, 1])
        """
        indices = {}
        for name in FEATURES:
            seen: Counter[str] = Counter()
            for token, count in counts.items():
                value = (
                    _SPELLING[name](token)
                    if name != "word"
                    else normalise(token, lowercase=lowercase, merge_digits=merge_digits)
                )
                seen[value] += count
            # A spelling seen once can't be told from an unseen one by its weight; words keep their own threshold.
            least = min_freq if name == "word" else 2
            # The order is by value, not by first sight, so that ids don't depend on the order of the corpus.
            indices[name] = {value: i for i, value in enumerate(sorted(v for v, n in seen.items() if n >= least), 2)}
            if name == "word":
                for word in extra_words:
                    indices[name].setdefault(word, len(indices[name]) + 2)
                word_counts = [0, 0, *(seen[word] for word in indices[name])]
        characters = sorted({c for token in counts for c in token})
        return cls(indices, {c: i for i, c in enumerate(characters, 2)}, word_counts, lowercase, merge_digits)

    def grown(self, newer: "Vocabulary") -> "Vocabulary":
        """Give a vocabulary with the values of both, where those of this one keep their ids, and all counts.

        >>> Vocabulary.build({"Ada": 2}).grown(Vocabulary.build({"met": 1, "Ada": 1})).indices["word"]
        {'ada': 2, 'met': 3}
        """
        indices = {name: _united(index, newer.indices[name]) for name, index in self.indices.items()}
        word_counts = [0, 0]
        for word in indices["word"]:
            places = ((each.word_counts, each.indices["word"].get(word, 0)) for each in (self, newer))
            word_counts.append(sum(counts[place] for counts, place in places))
        characters = _united(self.characters, newer.characters)
        unseen = self.unseen if newer.unseen is None else newer.unseen
        return Vocabulary(indices, characters, word_counts, newer.lowercase, newer.merge_digits, unseen)

    def normalise(self, word: str) -> str:
        """Give the form of a word that the column "word" is looked up by."""
        return normalise(word, lowercase=self.lowercase, merge_digits=self.merge_digits)

    def __contains__(self, word: object) -> bool:
        """Say whether a normalised word was seen in training and has an id; a pretrained vector is not enough.

        >>> vocabulary = Vocabulary.build({"Ada": 1}, extra_words=["turin"])
        >>> "ADA" in vocabulary, "Turin" in vocabulary, "Oslo" in vocabulary
        (True, False, False)
        """
        return isinstance(word, str) and self.word_counts[self.indices["word"].get(self.normalise(word), UNKNOWN)] > 0

    @property
    def feature_sizes(self) -> dict[str, int]:
        """The number of ids of each feature column, including padding and unknown."""
        return {name: len(index) + 2 for name, index in self.indices.items()}

    @property
    def num_characters(self) -> int:
        """The number of character ids, including padding and unknown."""
        return len(self.characters) + 2

    def folded_characters(self) -> list[int]:
        """Give for each character id that of its lower case; it stays the same without `lowercase` or a lower case."""
        folded = [self.characters.get(c.lower(), i) if self.lowercase else i for c, i in self.characters.items()]
        return [0, 1, *folded]

    def encode(self, words: Sequence[str]) -> WordIds:
        """Look up the features and characters of distinct words, through a cache of bounded size."""
        if len(self._cache) > _MOST_CACHED_WORDS:
            self._cache.clear()
        records = [self._cache.get(word) or self._record(word) for word in words]
        table = np.frombuffer(b"".join(records), np.int32).reshape(len(words), _RECORD_SIZE)
        characters_UC = table[:, len(FEATURES) :]
        widest = max(1, np.count_nonzero(characters_UC.any(0)))  # ids of characters are not 0, and padding is
        return WordIds(table[:, : len(FEATURES)].astype(np.int64), characters_UC[:, :widest].astype(np.int64))

    def unseen_vectors(self, words: Sequence[str], ids_U: np.ndarray) -> np.ndarray | None:
        """Give the vectors of words that have no id, (U, E), and 0 for all others; None where no such vectors are."""
        if self.unseen is None:
            return None
        vectors_UE = np.zeros((len(words), self.unseen.size), np.float32)
        places_K = np.flatnonzero(ids_U == UNKNOWN).tolist()
        vectors_UE[places_K] = self.unseen.look_up([self._form(words[place]) for place in places_K])
        return vectors_UE

    def _form(self, word: str) -> str:
        """Give the form by which the vector of a word is looked up; the empty one has no vector."""
        return self.normalise(word)

    def _record(self, word: str) -> bytes:
        """Give the features and the padded characters of a word as bytes: many records make an array at once."""
        features, characters = self.describe(word)
        padding = [0] * (MOST_CHARACTERS - len(characters))
        record = np.array([*features, *characters, *padding], np.int32).tobytes()
        if len(word) <= MOST_CHARACTERS:  # longer ones rarely come again, and a few of them could fill the memory
            self._cache[word] = record
        return record

    def describe(self, word: str) -> tuple[list[int], list[int]]:
        """Look up one word without the cache: its features in the order of FEATURES, and its characters."""
        return (
            [
                self.indices["word"].get(self.normalise(word), UNKNOWN),
                *(self.indices[name].get(feature(word), UNKNOWN) for name, feature in _SPELLING.items()),
            ],
            [self.characters.get(c, UNKNOWN) for c in shortened(word, MOST_CHARACTERS)],
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": {}}

    def to_dict(self) -> dict[str, Any]:
        """Give JSON values that `from_dict` reads; values stand in the order of their ids."""
        return {
            "features": {name: list(index) for name, index in self.indices.items()},
            "characters": list(self.characters),
            "word_counts": self.word_counts[2:],
            "lowercase": self.lowercase,
            "merge_digits": self.merge_digits,
        }

    @classmethod
    def from_store(
        cls, config: Mapping[str, Any], stored: Mapping[str, Any], vectors: bytes | None
    ) -> "Vocabulary | None":
        """Read what a model folder holds, None where it is of series; ValueError where vectors don't fit the rest."""
        if not stored:
            return None
        vocabulary = cls.from_dict(stored)
        vocabulary.unseen = WordVectors.from_store(config.get("unseen_vectors"), vectors)
        return vocabulary

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Vocabulary":
        """Read what `to_dict` gave.

        >>> v = Vocabulary.build({"Ada": 2})
        >>> Vocabulary.from_dict(v.to_dict()).indices == v.indices
        True
        """
        return cls(
            {name: {value: i for i, value in enumerate(stored["features"][name], 2)} for name in FEATURES},
            {c: i for i, c in enumerate(stored["characters"], 2)},
            [0, 0, *stored["word_counts"]],
            stored["lowercase"],
            stored["merge_digits"],
        )
