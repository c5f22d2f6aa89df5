"""Score the classes of a text by its n-grams, linearly: words, pairs of words, and 3 to 5 characters inside words.

Knows n-grams as numbers that it makes from the ids of a batch; knows no string. The weights begin as those of naive
Bayes, which Wang and Manning (2012, Baselines and bigrams) found hard to beat on short texts, and are trained from
there.
"""

# B texts, T tokens, K tokens of all texts, U distinct words of the batch, P pairs of a text and one of its distinct
# words, C characters of a word, S n-grams inside the distinct words, M n-grams of the texts, N known n-grams,
# G kinds of n-grams, L classes

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn.batch import UNKNOWN, Batch

# An n-gram is a number: its kind in the highest bits, then its parts as digits. Kinds: words, pairs, characters.
_KIND_BITS = 60
_WORDS, _PAIRS, _CHARACTERS = range(3)
_WIDTHS = (3, 4, 5)
# Where n-grams, or n-grams times classes, are many, and how many numbers the table may have at most: 24 MB.
_MANY, _MANY_CELLS, _MOST_CELLS = 200_000, 4_000_000, 6_000_000
_CHARACTER_WEIGHT = 0.5
# The deviation that the scores of training texts may have at the start; chosen on dev splits, where 1 to 2 do as well.
_CALM_SPREAD = 1.5
_BATCHES_TO_CALM = 8
_FEW = 32_768  # n-grams that may wait to be counted


class Ngrams(NamedTuple):
    """The n-grams that training texts hold, and what naive Bayes says of them."""

    keys_N: Tensor  # int64, ascending
    rarity_N: Tensor  # inverse document frequency, 1 + log((1 + texts) / (1 + texts with the n-gram))
    scores_NL: Tensor  # log of how much more often the n-gram stands in texts of a class than by chance
    prior_L: Tensor  # log of the share of each class


class NgramScores(nn.Module):
    """A linear model of the n-grams of a text, weighted by log frequency and rarity.

    Words and pairs together weigh twice what the characters inside words do. The weights of a text have a norm of 1, so
    its length says nothing.
    `folded_C` gives for each character id the id that it counts as: that of its lower case.
    """

    PARAMETER_GROUPS: ClassVar[dict[str, str]] = {"table": "lexical"}

    def __init__(self, ngrams: Ngrams, folded_C: Tensor, *, num_words: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_words, self.dropout = num_words, dropout
        self.keys_N = nn.Buffer(ngrams.keys_N)
        self.rarity_N = nn.Buffer(ngrams.rarity_N)
        self.folded_C = nn.Buffer(folded_C, persistent=False)
        self.table = nn.Embedding.from_pretrained(ngrams.scores_NL.clone(), freeze=False, sparse=True)
        self.bias_L = nn.Parameter(ngrams.prior_L.clone())

    def forward(self, batch: Batch) -> Tensor:
        """Give the scores (B, L)."""
        text_M, place_M, count_M = self._find(batch)
        weight_M = (1 + count_M.log()) * self.rarity_N[place_M]
        is_spelling_M = self.keys_N[place_M] >> _KIND_BITS == _CHARACTERS
        length_BG = weight_M.new_zeros(len(batch), 2)
        length_BG.view(-1).index_add_(0, 2 * text_M + is_spelling_M, weight_M.square())
        share_G = weight_M.new_tensor([1.0, _CHARACTER_WEIGHT])
        # The factor of each kind of n-grams, by which all of the kind have their share of a length of 1.
        has_BG = length_BG > 0
        whole_B1 = (has_BG * share_G.square()).sum(1, keepdim=True).clamp(min=1e-9).sqrt()
        scale_BG = share_G / (length_BG.sqrt().clamp(min=1e-9) * whole_B1)
        weight_M = weight_M * scale_BG.view(-1)[2 * text_M + is_spelling_M]
        if self.training and self.dropout:
            weight_M = functional.dropout(weight_M, self.dropout)
        start_B = torch.searchsorted(text_M, torch.arange(len(batch), device=text_M.device))
        scores_BL: Tensor = functional.embedding_bag(
            place_M, self.table.weight, start_B, mode="sum", sparse=True, per_sample_weights=weight_M
        )
        return scores_BL + self.bias_L

    def _find(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Give each known n-gram of each text once: the text, its place among the known ones, and its count."""
        num_known = len(self.keys_N)

        def place(key_M: Tensor) -> Tensor:
            if not num_known:
                return torch.full_like(key_M, -1)
            place_M = torch.searchsorted(self.keys_N, key_M).clamp(max=num_known - 1)
            return torch.where(self.keys_N[place_M] == key_M, place_M, -1)

        text_M, place_M, times_M = occurrences(batch, self.folded_C, num_words=self.num_words, number=place)
        once_M, which_M = (text_M * num_known + place_M).unique(return_inverse=True)
        count_M = torch.zeros_like(once_M).index_add_(0, which_M, times_M)
        return once_M // max(1, num_known), once_M % max(1, num_known), count_M


class Occurrences(NamedTuple):
    """The n-grams of a batch of texts, in no order; an n-gram may be listed several times for a text."""

    text_M: Tensor
    number_M: Tensor
    times_M: Tensor


def occurrences(
    batch: Batch, folded_C: Tensor, *, num_words: int, number: Callable[[Tensor], Tensor] = lambda key_M: key_M
) -> Occurrences:
    """Find every n-gram of a batch of texts, and say in which text it stands, and how often.

    `number` gives another number for each of some n-grams, or -1 to leave it out. It is asked for words, pairs and
    characters, in this order; the n-grams inside a word are asked for once, however often the batch has the word.
    """
    words_BT = functional.pad(batch.features_UF[:, 0][batch.slots_BT], (1, 1))  # 0 before and after each text
    real_BT = functional.pad(batch.slots_BT > 0, (1, 1))
    known_BT = words_BT > UNKNOWN
    # The padding beside a word stands for the border of the text: how it begins and ends is telling too.
    open_BT = known_BT | ~real_BT
    pairs_BT = words_BT[:, :-1] * num_words + words_BT[:, 1:]
    is_pair_BT = open_BT[:, :-1] & open_BT[:, 1:] & (known_BT[:, :-1] | known_BT[:, 1:])

    text_K, place_K = batch.slots_BT.nonzero().unbind(1)
    num_rows = len(batch.features_UF)
    row_P, times_P = (text_K * num_rows + batch.slots_BT[text_K, place_K]).unique(return_counts=True)
    text_P, slot_P = row_P // num_rows, row_P % num_rows
    word_P = batch.features_UF[:, 0][slot_P]
    known_P = word_P > UNKNOWN

    texts = [text_P[known_P], is_pair_BT.nonzero()[:, 0]]
    numbers = [number(word_P[known_P]), number(pairs_BT[is_pair_BT] + (_PAIRS << _KIND_BITS))]
    times = [times_P[known_P], torch.ones_like(texts[1])]

    spelling_UM = _spelling(batch.characters_UC, folded_C)
    inside_UM = spelling_UM >= 0
    inside_S = number(spelling_UM[inside_UM])
    num_U = inside_UM.nonzero()[:, 0][inside_S >= 0].bincount(minlength=num_rows)
    inside_S = inside_S[inside_S >= 0]
    # They are listed word by word, and those of a word are taken for each text that has it.
    num_P = num_U[slot_P]
    skipped_P = (num_U.cumsum(0) - num_U)[slot_P] - (num_P.cumsum(0) - num_P)
    which_M = skipped_P.repeat_interleave(num_P)
    which_M += torch.arange(len(which_M), device=which_M.device)

    kept = [number_M >= 0 for number_M in numbers]
    return Occurrences(
        torch.cat([*(text_M[kept_M] for text_M, kept_M in zip(texts, kept)), text_P.repeat_interleave(num_P)]),
        torch.cat([*(number_M[kept_M] for number_M, kept_M in zip(numbers, kept)), inside_S[which_M]]),
        torch.cat([*(times_M[kept_M] for times_M, kept_M in zip(times, kept)), times_P.repeat_interleave(num_P)]),
    )


def _spelling(characters_UC: Tensor, folded_C: Tensor) -> Tensor:
    """Number the n-grams that are parts of each word with its borders, (U, M); -1 where there is none."""
    border = len(folded_C)
    length_U1 = (characters_UC > 0).sum(1, keepdim=True)
    spelled_UC = functional.pad(folded_C[characters_UC], (1, 1))
    place_C = torch.arange(spelled_UC.shape[1], device=characters_UC.device)
    spelled_UC = spelled_UC.masked_fill((place_C == 0) | (place_C == length_U1 + 1), border)
    keys = []
    for width in _WIDTHS:
        if spelled_UC.shape[1] <= width:
            break
        windows = [spelled_UC[:, i : spelled_UC.shape[1] - width + 1 + i] for i in range(width)]
        key_UM = windows[0]
        for window in windows[1:]:
            # Five of 2,600 different characters fit into 57 bits; of more, two may become one number, as with hashes.
            key_UM = (key_UM * (border + 1) + window) & ((1 << _KIND_BITS - 3) - 1)
        key_UM = key_UM + (_CHARACTERS << _KIND_BITS) + (width << _KIND_BITS - 3)
        inside_UM = (place_C[: key_UM.shape[1]] + width <= length_U1 + 2) & (width < length_U1 + 2) & (length_U1 > 0)
        keys.append(torch.where(inside_UM, key_UM, -1))
    return torch.cat(keys, 1) if keys else characters_UC.new_full((len(characters_UC), 0), -1)


class _Tally:
    """Counts by n-gram. New ones wait until there are as many of them as of the known ones, so sorting stays rare."""

    def __init__(self) -> None:
        self.keys_N = self.counts_N = np.zeros(0, np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add(self, keys_M: np.ndarray, counts_M: np.ndarray) -> None:
        """Add counts of different n-grams."""
        self._waiting.append((keys_M, counts_M))
        self._num_waiting += len(keys_M)
        if self._num_waiting > max(_FEW, len(self.keys_N)):
            self.settle()

    def settle(self) -> None:
        """Bring `keys_N`, which ascend, and `counts_N` up to date."""
        keys_M, counts_M = map(np.concatenate, zip((self.keys_N, self.counts_N), *self._waiting))
        self.keys_N, place_M = np.unique(keys_M, return_inverse=True)
        self.counts_N = np.bincount(place_M, counts_M, minlength=len(self.keys_N)).astype(np.int64)
        self._waiting, self._num_waiting = [], 0


def count_ngrams(
    batches: Callable[[int], Iterable[Batch]],
    folded_C: Tensor,
    *,
    num_words: int,
    least: tuple[int, int, int] = (1, 1, 2),
) -> Ngrams:
    """Count the n-grams of training texts, in one pass over their batches; `batches(n)` gives every n-th of them.

    `least` is the number of texts that a word, a pair, characters must stand in to be kept. Where that leaves many,
    pairs of a single text go; where it still leaves too many, the most frequent ones stay.
    """
    num_texts, num_batches, labels_L = 0, 0, torch.zeros(0)
    every, by_label = _Tally(), defaultdict[int, _Tally](_Tally)
    for batch in batches(1):
        assert batch.labels_BL is not None
        labels_L = batch.labels_BL.sum(0, dtype=torch.float64) + (labels_L if num_texts else 0)
        num_texts += len(batch)
        num_batches += 1
        text_M, place_M, found_N = _once(batch, folded_C, num_words)
        every.add(found_N, np.bincount(place_M, minlength=len(found_N)))
        has_BL = batch.labels_BL.numpy() > 0
        for label in np.flatnonzero(has_BL.any(0)).tolist():
            counts_N = np.bincount(place_M[has_BL[text_M, label]], minlength=len(found_N))
            by_label[label].add(found_N[counts_N > 0], counts_N[counts_N > 0])
    every.settle()
    keys_N, texts_N = torch.from_numpy(every.keys_N), torch.from_numpy(every.counts_N)
    enough_N = texts_N >= torch.tensor(least)[keys_N >> _KIND_BITS]
    if int(enough_N.sum()) > min(_MANY, _MANY_CELLS // len(labels_L)):
        enough_N &= (texts_N > 1) | (keys_N >> _KIND_BITS != _PAIRS)
    keys_N, texts_N = keys_N[enough_N], texts_N[enough_N]
    most = max(1, _MOST_CELLS // len(labels_L))
    if len(keys_N) > most:
        kept = texts_N.argsort(descending=True, stable=True)[:most].sort().values
        keys_N, texts_N = keys_N[kept], texts_N[kept]

    counts_NL = torch.zeros(len(keys_N), len(labels_L))
    for label, tally in by_label.items():
        tally.settle()
        _, kept_M, from_M = np.intersect1d(keys_N.numpy(), tally.keys_N, assume_unique=True, return_indices=True)
        counts_NL[kept_M, label] = torch.from_numpy(tally.counts_N[from_M]).float()
    share_L = labels_L / num_texts
    by_chance_NL = texts_N[:, None] * share_L
    scores_NL = ((counts_NL + 1) / (by_chance_NL + 1)).log()
    ngrams = Ngrams(
        keys_N,
        (1 + ((1 + num_texts) / (1 + texts_N)).log()).float(),
        (scores_NL - scores_NL.mean(1, keepdim=True)).float(),
        (share_L + 1e-3).log().float(),
    )
    calm = _calm(ngrams, batches(max(1, num_batches // _BATCHES_TO_CALM)), folded_C, num_words)
    return ngrams._replace(scores_NL=ngrams.scores_NL * calm)


@torch.no_grad()
def _calm(ngrams: Ngrams, batches: Iterable[Batch], folded_C: Tensor, num_words: int) -> float:
    """Say what to multiply naive Bayes's scores with, so that it is not too sure of long texts to learn any more.

    Naive Bayes takes n-grams for independent witnesses, which they are not; the more there are, the surer it is.
    """
    scores = NgramScores(ngrams, folded_C, num_words=num_words).eval()
    spread = torch.cat([scores(batch) - scores.bias_L for batch in batches]).std(correction=0).item()
    return min(1.0, _CALM_SPREAD / spread) if spread > 0 else 1.0


def _once(batch: Batch, folded_C: Tensor, num_words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each n-gram of each text once, as its text and its place, and the n-grams of the batch, which ascend."""
    keys: list[np.ndarray] = []

    def rank(key_M: Tensor) -> Tensor:
        key_N, place_M = np.unique(key_M.numpy(), return_inverse=True)  # it sorts several times as fast as torch
        keys.append(key_N)
        return torch.from_numpy(place_M + sum(map(len, keys[:-1])))

    text_M, place_M, _ = occurrences(batch, folded_C, num_words=num_words, number=rank)
    keys_N = np.concatenate(keys)
    # Sorting in place takes a fifth of the time that `np.unique` takes with its hashes.
    every_M = (text_M * len(keys_N) + place_M).numpy()
    every_M.sort()
    once_M = every_M[np.diff(every_M, prepend=-1) > 0]
    return once_M // max(1, len(keys_N)), once_M % max(1, len(keys_N)), keys_N
