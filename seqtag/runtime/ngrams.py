"""Score the classes of texts by their n-grams, with numpy: the same sums as in `seqtag.nn.ngrams`, which explains them.

Kinds, keys and weights of n-grams are the same as in that file. The n-grams inside a word are found once for each
distinct word of a text, and are counted as often as the word occurs in it.
"""

# B texts, N tokens of all texts, P pairs of a text and one of its distinct words, U distinct words of all texts,
# C characters, M n-grams, K known n-grams of the distinct words, G kinds of n-grams, L classes

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqtag.runtime.word_table import Looked
from seqtag.text.vocabulary import UNKNOWN

_KIND_BITS = 60
_PAIRS, _CHARACTERS = 1, 2
_WIDTHS = (3, 4, 5)
_CHARACTER_WEIGHT = 0.5


class Occurrences(NamedTuple):
    """The known n-grams of texts, ordered by text and n-gram; each n-gram is listed once per text."""

    text_M: np.ndarray
    place_M: np.ndarray  # among the known n-grams
    count_M: np.ndarray


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
        text_M, place_M, count_M = self.find(looked, lengths_B)
        num_texts = len(lengths_B)
        weight_M = (1 + np.log(count_M)) * self.rarity_N[place_M].astype(np.float64)
        group_M = 2 * text_M + (self.keys_N[place_M] >> _KIND_BITS == _CHARACTERS)
        length_BG = np.bincount(group_M, weight_M**2, minlength=2 * num_texts).reshape(-1, 2)
        share_G = np.array([1.0, _CHARACTER_WEIGHT])
        # The factor of each kind of n-grams, by which all of the kind have their share of a length of 1.
        whole_B1 = np.sqrt(((length_BG > 0) * share_G**2).sum(1, keepdims=True).clip(min=1e-9))
        scale_BG = share_G / (np.sqrt(length_BG).clip(min=1e-9) * whole_B1)
        weight_M = (weight_M * scale_BG.reshape(-1)[group_M]).astype(np.float32)
        scores_BL = np.tile(self.bias_L.astype(np.float64), (num_texts, 1))
        # One text at a time, because the rows of all texts together would need a matrix of n-grams by classes.
        borders = np.searchsorted(text_M, np.arange(num_texts + 1)).tolist()
        for text, (start, end) in enumerate(pairwise(borders)):
            scores_BL[text] += weight_M[start:end] @ self.table_NL[place_M[start:end]]
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
        parts.append(self._characters(looked.characters_UC, text_P, slot_P, times_P))
        text_M, place_M, times_M = (np.concatenate(part) for part in zip(*parts))
        once_M, inverse_M = np.unique(text_M * num_known + place_M, return_inverse=True)
        count_M = np.bincount(inverse_M, times_M, minlength=len(once_M))
        return Occurrences(once_M // num_known, once_M % num_known, count_M)

    def _places(self, text_M: np.ndarray, key_M: np.ndarray, times_M: np.ndarray) -> Sequence[np.ndarray]:
        """Look n-grams up; those that did not occur in training are left out."""
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

    def _characters(
        self, characters_UC: np.ndarray, text_P: np.ndarray, slot_P: np.ndarray, times_P: np.ndarray
    ) -> Sequence[np.ndarray]:
        """Give the known n-grams inside each distinct word of each text, as often as the word occurs in the text."""
        spelling_UM = _spelling(characters_UC, self.folded_C)
        row_K, column_K = np.nonzero(spelling_UM >= 0)
        row_K, place_K, _ = self._places(row_K, spelling_UM[row_K, column_K], row_K)
        num_U = np.bincount(row_K, minlength=len(characters_UC))
        first_U = np.cumsum(num_U) - num_U
        num_P = num_U[slot_P]
        # The n-grams of all texts are listed word by word, so those of one word stand next to each other.
        before_P = np.cumsum(num_P) - num_P
        which_M = np.repeat(first_U[slot_P] - before_P, num_P) + np.arange(int(num_P.sum()))
        return np.repeat(text_P, num_P), place_K[which_M], np.repeat(times_P, num_P)


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
