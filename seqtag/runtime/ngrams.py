"""Score the classes of texts by their n-grams, with numpy: the same sums as in `seqtag.nn.ngrams`, which explains them.

Kinds, keys and weights of n-grams are the same as in that file. The n-grams inside a word are found once and kept with
the word (see `runtime/word_table.py`); they are counted as often as the word occurs in a text.
"""

# B texts, N tokens of all texts, P pairs of a text and one of its distinct words, U distinct words of all texts,
# C characters, M n-grams, O n-grams of which each is there once per text, K n-grams of the distinct words,
# N also known n-grams, G kinds of n-grams, L classes

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqtag.runtime.word_table import Looked, Pieces, side_by_side
from seqtag.text.vocabulary import UNKNOWN

_KIND_BITS = 60
_PAIRS, _CHARACTERS = 1, 2
_WIDTHS = (3, 4, 5)
_CHARACTER_WEIGHT = 0.5
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing: 2**64 over the golden ratio, and odd


class Occurrences(NamedTuple):
    """The known n-grams of texts, ordered by text; each n-gram is listed once per text."""

    text_O: np.ndarray
    place_O: np.ndarray  # among the known n-grams
    count_O: np.ndarray


class NgramTable(NamedTuple):
    """The n-grams that a model knows, with the scores that each gives to the classes."""

    keys_N: np.ndarray  # int64, ascending
    rarity_N: np.ndarray
    table_NL: np.ndarray
    bias_L: np.ndarray
    folded_C: np.ndarray  # for each character id the id that it counts as: that of its lower case
    num_words: int  # the number of word ids

    def scores(self, looked: Looked, lengths_B: np.ndarray) -> np.ndarray:
        """Score the classes of some texts, none of them empty, (B, L) in float64."""
        text_O, place_O, count_O = self.find(looked, lengths_B)
        num_texts = len(lengths_B)
        weight_O = self.rarity_N.take(place_O)
        several = np.flatnonzero(count_O > 1)
        weight_O[several] *= 1 + np.log(count_O[several])
        first_spelling = np.searchsorted(self.keys_N, _CHARACTERS << _KIND_BITS)
        group_O = 2 * text_O + (place_O >= first_spelling)
        length_BG = np.bincount(group_O, weight_O**2, minlength=2 * num_texts).reshape(-1, 2)
        share_G = np.array([1.0, _CHARACTER_WEIGHT])
        # The factor of each kind of n-grams, by which all of the kind have their share of a length of 1.
        whole_B1 = np.sqrt(((length_BG > 0) * share_G**2).sum(1, keepdims=True).clip(min=1e-9))
        scale_BG = share_G / (np.sqrt(length_BG).clip(min=1e-9) * whole_B1)
        weight_O = (weight_O * scale_BG.reshape(-1)[group_O]).astype(np.float32)
        scores_BL = np.tile(self.bias_L.astype(np.float64), (num_texts, 1))
        # One text at a time, because the rows of all texts together would need a matrix of n-grams by classes.
        borders = np.searchsorted(text_O, np.arange(num_texts + 1)).tolist()
        for text, (start, end) in enumerate(pairwise(borders)):
            # In float64, as the order of the n-grams depends on the other texts.
            scores_BL[text] += weight_O[start:end] @ self.table_NL.take(place_O[start:end], 0).astype(np.float64)
        return scores_BL

    def find(self, looked: Looked, lengths_B: np.ndarray) -> Occurrences:
        """Find the known n-grams of some texts, none of them empty, and count them."""
        num_texts, num_known = len(lengths_B), len(self.keys_N)
        if not num_known:
            return Occurrences(*np.zeros((3, 0), np.int64))
        text_N = np.repeat(np.arange(num_texts), lengths_B)
        word_U = looked.features_UF[:, 0]
        num_rows = len(word_U)
        own_P, times_P = np.unique(text_N * num_rows + looked.slots_N, return_counts=True)
        text_P, slot_P = own_P // num_rows, own_P % num_rows
        is_known_P = word_U[slot_P] > UNKNOWN
        parts = [self._places(text_P[is_known_P], word_U[slot_P[is_known_P]], times_P[is_known_P])]
        pair_text_M, pair_M = self._pairs(word_U[looked.slots_N], text_N)
        parts.append(self._places(pair_text_M, pair_M, np.ones_like(pair_M)))
        assert looked.pieces is not None
        num_U, pieces_M = looked.pieces
        num_P = num_U[slot_P]
        which_M = side_by_side((num_U.cumsum() - num_U)[slot_P], num_P)
        parts.append((np.repeat(text_P, num_P), pieces_M[which_M], np.repeat(times_P, num_P)))
        text_M, place_M, times_M = (np.concatenate(part) for part in zip(*parts))
        first_O, count_O = _sums(text_M * num_known + place_M, times_M)
        order_O = text_M[first_O].argsort(kind="stable")
        first_O = first_O[order_O]
        return Occurrences(text_M[first_O], place_M[first_O], count_O[order_O])

    def pieces(self, characters_UC: np.ndarray) -> Pieces:
        """Find the known n-grams inside words."""
        spelling_UM = _spelling(characters_UC, self.folded_C)
        row_K, column_K = np.nonzero(spelling_UM >= 0)
        row_K, place_K, _ = self._places(row_K, spelling_UM[row_K, column_K], row_K)
        return Pieces(np.bincount(row_K, minlength=len(characters_UC)), place_K)

    def _places(self, text_M: np.ndarray, key_M: np.ndarray, times_M: np.ndarray) -> Sequence[np.ndarray]:
        """Look n-grams up; those that did not occur in training are left out."""
        if not len(self.keys_N):
            return text_M[:0], key_M[:0], times_M[:0]
        place_M = np.searchsorted(self.keys_N, key_M).clip(max=len(self.keys_N) - 1)
        known_M = self.keys_N[place_M] == key_M
        return text_M[known_M], place_M[known_M], times_M[known_M]

    def _pairs(self, word_N: np.ndarray, text_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number the pairs of neighbours in which one word is known and none is unknown.

        The border of a text counts as a neighbour of its first and last word.
        """
        places_N = np.arange(len(word_N)) + text_N + 1
        word_S = np.zeros(len(word_N) + int(text_N[-1]) + 2, np.int64)  # 0 before each text and behind the last one
        word_S[places_N] = word_N
        text_S = np.cumsum(word_S == 0) - 1
        open_S, known_S = word_S != UNKNOWN, word_S > UNKNOWN
        is_pair_S = open_S[:-1] & open_S[1:] & (known_S[:-1] | known_S[1:])
        key_S = word_S[:-1] * self.num_words + word_S[1:] + (_PAIRS << _KIND_BITS)
        return text_S[:-1][is_pair_S], key_S[is_pair_S]


def _sums(key_M: np.ndarray, times_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add up the times of equal keys: give the number of one of each, and their sum; in no order.

    Keys are brought together in a table of hashes, which takes a fifth of the time that sorting them takes.
    """
    numbers_M = np.arange(len(key_M), dtype=np.int32)
    bits = (4 * len(key_M)).bit_length()
    hash_M = (key_M.view(np.uint64) * _MULTIPLIER >> np.uint64(64 - bits)).view(np.int64)
    owners = np.empty(1 << bits, np.int32)
    owners[hash_M] = numbers_M
    owner_M = owners[hash_M]  # one of those with this hash, the same one for all of them
    is_owner_M = owner_M == numbers_M
    others = np.flatnonzero(~is_owner_M)
    is_equal = key_M[owner_M[others]] == key_M[others]
    equal, apart = others[is_equal], others[~is_equal]
    sum_M = times_M.astype(np.float64)
    sum_M += np.bincount(owner_M[equal], times_M[equal], minlength=len(key_M))
    # Different keys that have one hash, which are few.
    _, rare, inverse = np.unique(key_M[apart], return_index=True, return_inverse=True)
    owning = np.flatnonzero(is_owner_M)
    sums = [sum_M[owning], np.bincount(inverse, times_M[apart], minlength=len(rare))]
    return np.concatenate([owning, apart[rare]]), np.concatenate(sums)


def _spelling(characters_UC: np.ndarray, folded_C: np.ndarray) -> np.ndarray:
    """Number the n-grams that are parts of each word with its borders, (U, M); -1 where there is none."""
    border = len(folded_C)
    length_U1 = (characters_UC > 0).sum(1, keepdims=True)
    spelled_UC = np.pad(folded_C[characters_UC], ((0, 0), (1, 1)))
    place_C = np.arange(spelled_UC.shape[1])
    spelled_UC = np.where((place_C == 0) | (place_C == length_U1 + 1), border, spelled_UC)
    keys = []
    for width in _WIDTHS:
        num_places = spelled_UC.shape[1] - width + 1
        if num_places < 2:
            break
        key_UM = spelled_UC[:, :num_places]
        for i in range(1, width):
            key_UM = (key_UM * (border + 1) + spelled_UC[:, i : num_places + i]) & ((1 << _KIND_BITS - 3) - 1)
        key_UM = key_UM + (_CHARACTERS << _KIND_BITS) + (width << _KIND_BITS - 3)
        inside_UM = (place_C[:num_places] + width <= length_U1 + 2) & (width < length_U1 + 2) & (length_U1 > 0)
        keys.append(np.where(inside_UM, key_UM, -1))
    return np.concatenate(keys, 1) if keys else np.full((len(characters_UC), 0), -1)
