"""Look words up for the exported network: each word once, and a batch as places in a table of its distinct words."""

import os
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from seqtag.text.vocabulary import FEATURES, MOST_CHARACTERS, Vocabulary

# N tokens of a batch, U distinct words and a row of padding, F features, C characters, M pieces of words

# What is kept of the words seen so far: some 20 MB at most, whatever the words are.
_MOST_WORDS = 50_000
_MOST_LETTERS = 2_000_000

# One for all tables: a look-up is a small part of a batch, and what it does holds Python's own lock as well. A process
# forks only while no thread is in a look-up. Otherwise the child would wait for a thread that it does not have, and its
# tables would be half written.
_LOCK = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class Pieces(NamedTuple):
    """Numbers that belong to words, such as the n-grams inside them: how many each word has, and those of all words."""

    num_U: np.ndarray
    numbers_M: np.ndarray


class Looked(NamedTuple):
    """The words of a batch; row 0 of the tables is padding."""

    slots_N: np.ndarray  # int64: row of each token's word
    features_UF: np.ndarray  # int64
    characters_UC: np.ndarray  # int64, right-padded with 0
    pieces: Pieces | None = None  # of a table that keeps them
    unseen_UE: np.ndarray | None = None  # float32: vectors of words that have no id, of a model that has such

    def inputs(self) -> dict[str, np.ndarray]:
        """Give what a graph reads of the words, by the names of its inputs."""
        read = {"features_UF": self.features_UF, "characters_UC": self.characters_UC}
        return read if self.unseen_UE is None else read | {"unseen_UE": self.unseen_UE}


def last_ids(vocabulary: Vocabulary) -> Looked:
    """Give the tables of a batch with one word that has the highest id in each column, and any vector."""
    last_F = [size - 1 for size in vocabulary.feature_sizes.values()]
    features_UF = np.array([[0] * len(last_F), last_F], np.int64)
    characters_UC = np.array([[0], [vocabulary.num_characters - 1]], np.int64)
    unseen_UE = None if vocabulary.unseen is None else np.ones((2, vocabulary.unseen.size), np.float32)
    return Looked(np.ones(1, np.int64), features_UF, characters_UC, unseen_UE=unseen_UE)


class WordTable:
    """What a vocabulary says of words, kept by word, with a bound. Any number of threads may look up at once.

    `pieces` is asked for the pieces of words by their characters (U, C), once for each word that is kept.

    >>> table = WordTable(Vocabulary.build({"Ada": 2, "met": 1}))
    >>> table.look_up(["Ada", "met", "Ada"]).slots_N.tolist()
    [1, 2, 1]
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        pieces: Callable[[np.ndarray], Pieces] | None = None,
        most_words: int = _MOST_WORDS,
        most_letters: int = _MOST_LETTERS,
    ) -> None:
        self.vocabulary = vocabulary
        self._pieces_of = pieces
        self.most_words, self.most_letters = most_words, most_letters
        self._forget()

    def __len__(self) -> int:
        return len(self._places)

    def look_up(self, words: Sequence[str]) -> Looked:
        """Find the rows of the distinct words of a batch, and the row of each of its tokens."""
        # One thread at a time: this is a small part of a batch, and the table may start anew in between.
        with _LOCK:
            places = list(map(self._places.get, words))
            if None in places:
                self._add(dict.fromkeys(word for word, place in zip(words, places) if place is None), words)
                places = list(map(self._places.get, words))
            distinct_U, first_U, slots_N = np.unique(np.array(places, np.int64), return_index=True, return_inverse=True)
            rows_U = np.concatenate([[0], distinct_U])
            widest = max(1, int(self._widths[rows_U].max()))
            features_UF = self._features[rows_U].astype(np.int64)
            characters_UC = self._characters[rows_U, :widest].astype(np.int64)
            pieces = None
            if self._pieces_of is not None:
                starts_U, num_U = self._starts[rows_U], self._starts[rows_U + 1] - self._starts[rows_U]
                pieces = Pieces(num_U, self._pieces[side_by_side(starts_U, num_U)])
        unseen_UE = self.vocabulary.unseen_vectors([words[place] for place in first_U], features_UF[1:, 0])
        if unseen_UE is not None:
            unseen_UE = np.pad(unseen_UE, ((1, 0), (0, 0)))
        return Looked(slots_N.reshape(-1) + 1, features_UF, characters_UC, pieces, unseen_UE)

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._num_letters = 0
        self._pieces = np.zeros(1024, np.int32)
        self._make_room(1024)

    def _make_room(self, size: int) -> None:
        self._features = np.zeros((size, len(FEATURES)), np.int32)
        self._characters = np.zeros((size, MOST_CHARACTERS), np.int32)
        self._widths = np.zeros(size, np.int32)
        self._starts = np.zeros(size + 1, np.int64)  # where the pieces of each row begin, and those of the next one

    def _tables(self) -> tuple[np.ndarray, ...]:
        return self._features, self._characters, self._widths, self._starts

    def _add(self, new: Iterable[str], batch: Sequence[str]) -> None:
        """Add words; where that would be too many, all others are forgotten but those of the batch."""
        new = list(new)
        if len(self._places) + len(new) > self.most_words or self._num_letters + sum(map(len, new)) > self.most_letters:
            self._forget()
            new = list(dict.fromkeys(batch))
        first = len(self._places) + 1  # row 0 is padding
        if first + len(new) > len(self._widths):
            old = self._tables()
            self._make_room(max(2 * len(self._widths), first + len(new)))
            for kept, table in zip(old, self._tables()):
                table[: len(kept)] = kept
        for row, word in enumerate(new, first):
            features, characters = self.vocabulary.describe(word)
            self._features[row] = features
            self._characters[row, : len(characters)] = characters
            self._widths[row] = len(characters)
            self._places[word] = row
        self._num_letters += sum(map(len, new))
        if self._pieces_of is not None:
            self._add_pieces(self._pieces_of(self._characters[first : first + len(new)].astype(np.int64)), first)

    def _add_pieces(self, found: Pieces, first: int) -> None:
        """Keep the pieces of new words, whose rows begin with `first`, behind those that are there."""
        start = int(self._starts[first])
        ends_U = start + found.num_U.cumsum()
        self._starts[first + 1 : first + 1 + len(ends_U)] = ends_U
        if (end := start + len(found.numbers_M)) > len(self._pieces):
            self._pieces = np.concatenate([self._pieces, np.zeros(end, np.int32)])
        self._pieces[start:end] = found.numbers_M


def side_by_side(starts_K: np.ndarray, num_K: np.ndarray) -> np.ndarray:
    """Give the places of runs, each by its start and length, one run behind the other.

    >>> side_by_side(np.array([7, 2]), np.array([3, 1])).tolist()
    [7, 8, 9, 2]
    """
    ends_K = num_K.cumsum()
    places: np.ndarray = np.repeat(starts_K - (ends_K - num_K), num_K) + np.arange(int(num_K.sum()))
    return places
