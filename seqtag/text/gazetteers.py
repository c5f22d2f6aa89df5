"""Find the phrases of lists in sentences, token by token. A phrase is stored as hashes, so a list is never read back.

All lists stand in one table, a trie without its words: for each beginning of a phrase the hash of its tokens, in which
lists it is a whole phrase, and whether longer ones begin like it. A sentence is read from those tokens on with which a
phrase begins, as far as one goes on: what that costs depends on the text, and hardly on the length of the lists.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np

# P beginnings of phrases, N tokens of all sentences, B sentences, C candidates, M matches, K lists, U words,
# R phrases that are read together, S tokens of matches

PARTS = 4  # of a match: its begin, inside and end, or a single token
MOST_LISTS = 63  # a mark has a bit for each

_MOST_CACHED, _LONGEST_CACHED = 200_000, 64  # words, and characters of one
_PHRASES = 20_000  # that are read together
_STEPS = 4  # words by which candidates are made longer together
_AHEAD_S1 = np.arange(_STEPS)[:, None]
_PARTS_22 = np.array([[1, 2], [0, 3]])  # by whether a token is the first one of a match, and the last one
_MOST_ALIKE = 64  # keys with the same highest bits; of hashes, some ten are
_FEW_TOKENS = 128  # up to so many, a loop takes less time than numpy's calls
_MOST_KEY = 2**64 - 1
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of a key when it grows longer; odd, so that no bit of a key is lost
_GOES_ON = np.uint64(1)  # the lowest bit of a mark: longer phrases begin like this one; the next ones are the lists


@dataclass(frozen=True, slots=True, eq=False)
class Gazetteers:
    """Lists of phrases. Of the matches of a list those count that lie in no longer match of it; they may overlap.

    What is said of hashes in `training_surfaces` holds here: they hide a list from a reader, but not from a guess.

    >>> lists = Gazetteers.build({"CITY": [["New", "York"], ["York"]]})
    >>> lists.find(["in", "New", "York"], np.arange(3), np.array([3])).tolist()
    [[0, 1, 3, 0]]
    """

    names: tuple[str, ...]
    ignores_case: bool
    num_phrases: tuple[int, ...]  # different ones of each list
    keys_P: np.ndarray  # uint64, rising; the last one is the highest number, and has no mark
    marks_P: np.ndarray  # as wide as the lists need: see _GOES_ON
    index_Q: np.ndarray  # int32: how many keys are less than each value that the highest bits can have
    _known: dict[str, bytes] = field(default_factory=dict, repr=False)  # by word: see _look_up

    @classmethod
    def build(cls, lists: Mapping[str, Iterable[Sequence[str]]], *, ignores_case: bool = False) -> "Gazetteers":
        """Read the phrases of each list, which are tokens, and at least one; phrases may repeat."""
        assert 0 < len(lists) <= MOST_LISTS
        hashed = partial(_hashes, ignores_case=ignores_case, known={})
        pieces = [
            _beginnings(hashed, phrases, np.uint64(2 << number))
            for number, source in enumerate(lists.values())
            for phrases in _in_parts(source)
        ]
        keys_P, marks_P = _merged(*(np.concatenate(column) for column in zip(*pieces)))
        counts = (int(np.count_nonzero(marks_P & np.uint64(2 << number))) for number in range(len(lists)))
        return cls(tuple(lists), ignores_case, tuple(counts), *_table(keys_P, marks_P.astype(_width(len(lists)))))

    def find(self, words_U: Sequence[str], slots_N: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Find the matches in some sentences, (M, 4): the sentence, the first token, the end, exclusive, and the list.

        `slots_N` has the place of each token among the words, sentence after sentence.
        """
        known_N2 = self._look_up(words_U)[slots_N]
        if len(known_N2) <= _FEW_TOKENS:
            few = sorted(self._in_few(known_N2, lengths_B.tolist()))
            return np.array([(*match, number) for number, *match in few], np.int64).reshape(-1, 4)
        hashes_N, marks_N = known_N2[:, 0], known_N2[:, 1]
        ends_B = lengths_B.cumsum()
        at_C = np.flatnonzero(marks_N)  # here a phrase may begin
        marks_C = marks_N[at_C]
        alone_C = at_C[marks_C > _GOES_ON]
        found = [(alone_C, alone_C + 1, marks_N[alone_C])]
        at_C = at_C[marks_C & _GOES_ON > 0]
        keys_C, stops_C = hashes_N[at_C], np.repeat(ends_B, lengths_B)[at_C]
        hashes_N = np.concatenate([hashes_N, np.zeros(_STEPS, np.uint64)])
        size = 1
        while len(at_C):
            # Some lengths at a time, because short texts have few candidates, and each call of numpy takes its time.
            keys = []
            for step in range(_STEPS):
                keys_C = _longer(keys_C, hashes_N[at_C + (size + step)])
                keys.append(keys_C)
            marks_SC = self._marks(np.concatenate(keys)).reshape(_STEPS, -1)
            marks_SC *= at_C + _AHEAD_S1 <= stops_C - (size + 1)
            step_M, which_M = (marks_SC > _GOES_ON).nonzero()
            found.append((at_C[which_M], at_C[which_M] + step_M + (size + 1), marks_SC[step_M, which_M]))
            size += _STEPS
            on_C = (marks_SC[-1] & _GOES_ON > 0) & (at_C + size < stops_C)
            at_C, stops_C, keys_C = at_C[on_C], stops_C[on_C], keys_C[on_C]
        start_M, end_M, marks_M = map(np.concatenate, zip(*found))
        if not len(start_M):
            return np.zeros((0, 4), np.int64)
        bits_K = np.arange(1, 1 + len(self.names), dtype=np.uint64)
        which_M, list_M = (marks_M[:, None] >> bits_K & np.uint64(1)).nonzero()
        start_M, end_M, list_M = _longest(start_M[which_M], end_M[which_M], list_M)
        row_M = ends_B.searchsorted(start_M, side="right")
        first_M = (ends_B - lengths_B)[row_M]
        return np.stack([row_M, start_M - first_M, end_M - first_M, list_M], 1)

    def _in_few(self, known_N2: np.ndarray, lengths: Sequence[int]) -> list[tuple[int, int, int, int]]:
        """Find the same matches one after the other, in any order: the list, the sentence, the first token, the end.

        Of few tokens, the calls of numpy take more time than this loop.
        """
        keys, marks, index = self.keys_P.data, self.marks_P.data, self.index_Q.data
        shift, factor = self._shift, int(_FACTOR)
        hashes, firsts = known_N2.T.tolist()
        found = []
        stop = 0
        for row, length in enumerate(lengths):
            first, stop = stop, stop + length
            reach = [0] * len(self.names)  # of the matches so far: one that ends no later lies in one of them
            for start, mark in enumerate(firsts[first:stop], first):
                key, end, ends = hashes[start], start + 1, []
                while mark:
                    if mark > 1:
                        ends.append((end, mark))
                    if not mark & 1 or end == stop:
                        break
                    key = (key * factor + hashes[end]) & _MOST_KEY
                    end += 1
                    place = index[key >> shift]
                    near = keys[place]
                    while near < key:
                        place += 1
                        near = keys[place]
                    mark = marks[place] if near == key else 0
                while ends:  # the longest one first
                    end, mark = ends.pop()
                    for number, last in enumerate(reach):
                        if end > last and mark >> number & 2:
                            reach[number] = end
                            found.append((number, row, start - first, end - first))
        return found

    def _look_up(self, words: Sequence[str]) -> np.ndarray:
        """Give the hash of each word, and the mark of the beginning of phrases that it is, (U, 2)."""
        known = list(map(self._known.get, words))
        if not all(known):
            new = list(dict.fromkeys(word for word, record in zip(words, known) if record is None))
            hashes_U = _hashes(new, ignores_case=self.ignores_case, known={})
            marks_U = self._marks(hashes_U)
            fresh = dict(zip(new, map(np.ndarray.tobytes, np.stack([hashes_U, marks_U], 1))))
            if len(self._known) + len(fresh) > _MOST_CACHED:
                self._known.clear()
            self._known.update((word, record) for word, record in fresh.items() if len(word) <= _LONGEST_CACHED)
            known = [record or fresh[word] for word, record in zip(words, known)]
        # Joined bytes make an array at once, where a list of numbers would make it one by one.
        return np.frombuffer(b"".join(filter(None, known)), np.uint64).reshape(-1, 2)

    def _marks(self, keys_C: np.ndarray) -> np.ndarray:
        """Give the marks of some beginnings of phrases, 0 where there is no such one."""
        # Keys are spread evenly, so that few have the same highest bits: fewer steps than halving a sorted list takes.
        place_C = self.index_Q[keys_C >> np.uint64(self._shift)]
        found_C = self.keys_P[place_C]
        while (less_C := found_C < keys_C).any():
            place_C = place_C + less_C
            found_C = self.keys_P[place_C]
        marks_C: np.ndarray = (self.marks_P[place_C] * (found_C == keys_C)).astype(np.uint64)
        return marks_C

    @property
    def _shift(self) -> int:
        """How many bits of a key are not among the highest ones, by which it is looked up."""
        return 65 - len(self.index_Q).bit_length()

    def cells(self, words_U: Sequence[str], slots_N: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Give the tokens of the matches that `find` finds, (S, 4): see `match_cells`."""
        return match_cells(self.find(words_U, slots_N, lengths_B))

    def codes(self, sentences: Sequence[Sequence[str]], lengths_B: np.ndarray) -> np.ndarray:
        """Give 1 for each part of a match of each list that a token is, (B, T, 4 K) float32, as an export reads it."""
        words = list(chain.from_iterable(sentences))
        codes_BTG = np.zeros((len(sentences), int(lengths_B.max(initial=0)), self.num_columns), np.float32)
        if len(words) > _FEW_TOKENS:
            rows_S, tokens_S, columns_S, _ = self.cells(words, np.arange(len(words)), lengths_B).T
            codes_BTG[rows_S, tokens_S, columns_S] = 1.0
            return codes_BTG
        cells, (_, num_tokens, width) = codes_BTG.reshape(-1), codes_BTG.shape
        for number, row, start, end in self._in_few(self._look_up(words), lengths_B.tolist()):
            first = (row * num_tokens + start) * width + PARTS * number
            last = first + (end - start - 1) * width
            if first == last:
                cells[first + 3] = 1.0
                continue
            cells[first] = cells[last + 2] = 1.0
            for inside in range(first + width + 1, last, width):
                cells[inside] = 1.0
        return codes_BTG

    @property
    def num_columns(self) -> int:
        """How many numbers say of a token what it is in matches."""
        return PARTS * len(self.names)

    @property
    def content(self) -> bytes:
        """The table as a file holds it: all keys, then all marks, little-endian."""
        columns = self.keys_P[:-1], self.marks_P[:-1]
        return b"".join(column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns)

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON holds beside the file."""
        return {"names": list(self.names), "ignores_case": self.ignores_case, "num_phrases": list(self.num_phrases)}

    @classmethod
    def from_store(cls, about: Mapping[str, Any] | None, content: bytes | None) -> "Gazetteers | None":
        """Read what `to_dict` and `content` gave, None where a model has none; ValueError where the two do not fit.

        >>> lists = Gazetteers.build({"CITY": [["Turin"]]})
        >>> Gazetteers.from_store(lists.to_dict(), lists.content).num_phrases
        (1,)
        """
        if about is None:
            return None
        names = tuple(about["names"])
        if content is None:
            raise ValueError(
                f"config.json has the lists {', '.join(names)}, and there is no gazetteers.bin to look them up in"
            )
        width = _width(len(names))
        num_keys, left = divmod(len(content), 8 + width.itemsize)
        if left or not num_keys:
            raise ValueError(f"gazetteers.bin does not hold the {len(names)} lists of config.json")
        keys_P = np.frombuffer(content, "<u8", num_keys).astype(np.uint64, copy=False)
        marks_P = np.frombuffer(content, width.newbyteorder("<"), num_keys, 8 * num_keys).astype(width, copy=False)
        if (keys_P[1:] <= keys_P[:-1]).any() or int(marks_P.max()) >> (len(names) + 1):
            raise ValueError(
                "gazetteers.bin is damaged: its hashes do not rise, or are of more lists than config.json has"
            )
        table = _table(keys_P, marks_P)
        if np.diff(table[-1]).max() > _MOST_ALIKE:
            raise ValueError("gazetteers.bin is damaged: what it holds are no hashes")
        return cls(names, about["ignores_case"], tuple(about["num_phrases"]), *table)

    def describe(self) -> str:
        """Name the lists and say how long they are, for people."""
        sizes = ", ".join(f"{name} ({count:,} phrases)" for name, count in zip(self.names, self.num_phrases))
        return f"{sizes}; case {'is ignored' if self.ignores_case else 'counts'}"


def match_cells(matches_M4: np.ndarray) -> np.ndarray:
    """Give the tokens of matches, (S, 4): sentence, token, list and part as one number, and the number of the match.

    >>> match_cells(np.array([[0, 1, 3, 1], [2, 0, 1, 0]])).tolist()
    [[0, 1, 4, 0], [0, 2, 6, 0], [2, 0, 3, 1]]
    """
    row_M, start_M, end_M, list_M = matches_M4.T
    size_M = end_M - start_M
    match_S = np.repeat(np.arange(len(matches_M4)), size_M)
    within_S = np.arange(len(match_S)) - (size_M.cumsum() - size_M)[match_S]
    is_last_S = within_S == size_M[match_S] - 1
    part_S = _PARTS_22[(within_S == 0).astype(np.int64), is_last_S.astype(np.int64)]
    return np.stack([row_M[match_S], start_M[match_S] + within_S, PARTS * list_M[match_S] + part_S, match_S], 1)


def _longest(start_M: np.ndarray, end_M: np.ndarray, list_M: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leave out the matches that lie in another one of their list; the others come by list and start."""
    order_M = np.lexsort((-end_M, start_M, list_M))
    start_M, end_M, list_M = start_M[order_M], end_M[order_M], list_M[order_M]
    # One that starts later and ends no later lies in the one that reaches furthest so far, of the lists one by one.
    reach_M = end_M + list_M * (int(end_M.max(initial=0)) + 1)
    is_new_M = np.diff(np.maximum.accumulate(reach_M), prepend=-1) > 0
    return start_M[is_new_M], end_M[is_new_M], list_M[is_new_M]


def _in_parts(phrases: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    source = iter(phrases)
    while part := list(islice(source, _PHRASES)):
        yield part


def _beginnings(hashed: Any, phrases: Sequence[Sequence[str]], mark: np.uint64) -> tuple[np.ndarray, np.ndarray]:
    """Give the keys of all beginnings of some phrases, each once and rising, with their marks."""
    lengths_R = np.fromiter(map(len, phrases), np.int64, len(phrases))
    assert lengths_R.all(), "a phrase has a token"
    hashes_N = hashed(list(chain.from_iterable(phrases)))
    at_R, keys_R, left_R = lengths_R.cumsum() - lengths_R, np.zeros(len(phrases), np.uint64), lengths_R
    keys, marks = [], []
    while len(at_R):
        keys_R = _longer(keys_R, hashes_N[at_R])  # of the first word it is the hash itself
        keys.append(keys_R)
        marks.append(np.where(left_R == 1, mark, _GOES_ON))
        on_R = left_R > 1
        at_R, keys_R, left_R = at_R[on_R] + 1, keys_R[on_R], left_R[on_R] - 1
    return _merged(np.concatenate(keys), np.concatenate(marks))


def _merged(keys_P: np.ndarray, marks_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring keys into rising order, each once, with what all of their marks say."""
    order_P = np.argsort(keys_P)
    keys_P = keys_P[order_P]
    first_P = np.flatnonzero(np.concatenate([[True], keys_P[1:] != keys_P[:-1]]))
    return keys_P[first_P], np.bitwise_or.reduceat(marks_P[order_P], first_P)


def _longer(keys_C: np.ndarray, hashes_C: np.ndarray) -> np.ndarray:
    """Give the keys of phrases that are one word longer: a polynomial with the hashes of the words as coefficients."""
    longer_C: np.ndarray = keys_C * _FACTOR + hashes_C
    return longer_C


def _hashes(words: Sequence[str], *, ignores_case: bool, known: dict[str, int]) -> np.ndarray:
    """Hash words, and remember some of them."""
    if len(known) > _MOST_CACHED:
        known.clear()
    for word in set(words) - known.keys():
        known[word] = word_hash(word, ignores_case=ignores_case)
    return np.array([known[word] for word in words], np.uint64)


def word_hash(word: str, *, ignores_case: bool = False) -> int:
    """Give the BLAKE2b (RFC 7693) of a word, 8 bytes of it."""
    # Token lists of a user may hold half characters, which are no reason to stop here.
    content = (word.lower() if ignores_case else word).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _table(keys_P: np.ndarray, marks_P: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the keys and marks with an end, and how many keys are less than each value of their highest bits.

    There are one to two times as many of these values as keys.
    """
    num_bits = len(keys_P).bit_length()
    borders_Q = np.arange(1 << num_bits, dtype=np.uint64) << np.uint64(64 - num_bits)
    index_Q = np.append(np.searchsorted(keys_P, borders_Q), len(keys_P)).astype(np.int32)
    return np.append(keys_P, np.uint64(_MOST_KEY)), np.append(marks_P, marks_P.dtype.type(0)), index_Q


def _width(num_lists: int) -> "np.dtype[Any]":
    """Give the narrowest type that holds the marks of so many lists."""
    return np.min_scalar_type((2 << num_lists) - 1)
