"""Batches of ids drawn at random, as `collate` lays them out, and the same sentences alone: for the tests of nn/."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from seqtag.nn.batch import Batch

# B sentences, T tokens, U distinct words of the batch, F features, C characters

# Nothing here is large enough for two threads, and on a busy machine they only wait for each other.
torch.set_num_threads(1)


def random_words(
    num_words: int, *, feature_sizes: Sequence[int], num_characters: int, longest: int = 7, seed: int = 0
) -> tuple[Tensor, list[list[int]]]:
    """Features (U, F) and characters of each word, among them unknown ones (id 1) and a word without characters."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high: int, *shape: int) -> Tensor:
        return torch.randint(1, high, shape, generator=generator)

    features_UF = torch.stack([draw(size, num_words) for size in feature_sizes], 1)
    lengths = torch.randint(1, longest + 1, (num_words,), generator=generator).tolist()
    return features_UF, [draw(num_characters, length).tolist() for length in [*lengths[:-1], 0]]


def make_batch(
    sentences: Sequence[Sequence[int]],
    features_UF: Tensor,
    characters: Sequence[Sequence[int]],
    tags: Sequence[Sequence[int]] | None = None,
) -> Batch:
    """Lay out sentences of word numbers; the batch holds its own words only, so padding depends on the neighbours."""
    used = sorted({word for sentence in sentences for word in sentence})
    place = {word: row for row, word in enumerate(used, 1)}
    longest = max(map(len, sentences))
    widest = max([len(characters[word]) for word in used], default=0)

    def padded(rows: Sequence[Sequence[int]], width: int) -> Tensor:
        return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.int64)

    return Batch(
        padded([[place[word] for word in sentence] for sentence in sentences], longest),
        torch.cat([torch.zeros(1, features_UF.shape[1], dtype=torch.int64), features_UF[used]]),
        padded([[], *(characters[word] for word in used)], max(widest, 1)),
        torch.tensor([len(sentence) for sentence in sentences]),
        None if tags is None else padded(tags, longest),
    )


def segments_of(length: int, most: int) -> list[tuple[int, int]]:
    """Where the segments of a text begin and end: as few as can be, all but the last of one length."""
    if not length:
        return []
    size = math.ceil(length / math.ceil(length / most)) if most else length
    return [(start, min(start + size, length)) for start in range(0, length, size)]
