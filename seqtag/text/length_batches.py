"""Put rows of unequal length together, and lay them out. This module knows lengths, and not what the rows hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

# B sentences, T tokens, N tokens of all sentences

Item = TypeVar("Item")


def filled(items: Iterable[Item], size_of: Callable[[Item], int], limit: int) -> Iterator[list[Item]]:
    """Collect items into lists; each list is given as soon as the sizes of its items add up to `limit` or more.

    >>> list(filled(["a", "bcd", "e"], len, 4))
    [['a', 'bcd'], ['e']]
    """
    waiting: list[Item] = []
    size = 0
    for item in items:
        waiting.append(item)
        size += size_of(item)
        if size >= limit:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def pad(values_N: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """Lay a flat array out in rows of the given lengths, right-padded with 0; its items may be arrays.

    >>> pad(np.array([5, 6, 7]), np.array([1, 2])).tolist()
    [[5, 0], [6, 7]]
    """
    padded_BT = np.zeros((len(lengths_B), int(lengths_B.max(initial=0)), *values_N.shape[1:]), values_N.dtype)
    padded_BT[np.arange(padded_BT.shape[1]) < lengths_B[:, None]] = values_N
    return padded_BT


def length_batches(
    lengths: np.ndarray, *, batch_size: int, max_tokens: int, order: np.ndarray | None = None, together: int = 1
) -> Iterator[np.ndarray]:
    """Cut sentences, longest first, into batches of at most `batch_size` and `max_tokens` padded tokens.

    Up to `together` long sentences stay together, if they have at most `together` times that many tokens. A sentence
    above all limits is a batch alone. `order` gives the indices to cut; by default all are cut, by length.

    >>> [b.tolist() for b in length_batches(np.array([1, 9, 2, 8]), batch_size=2, max_tokens=16)]
    [[1], [3, 2], [0]]
    """
    order = np.argsort(-lengths, kind="stable") if order is None else order
    start = 0
    while start < len(order):
        # Sorted downwards, so the first sentence is the longest and sets the padded width of the batch.
        longest = max(1, int(lengths[order[start]]))
        fits = max(1, max_tokens // longest, min(together, together * max_tokens // longest))
        yield order[start : start + min(fits, batch_size)]
        start += min(fits, batch_size)


# A step of a recurrent layer takes nearly as long for one sentence as for four.
_TOGETHER = 4


def sorted_batches(lengths: np.ndarray, *, max_tokens: int, batch_size: int = 64) -> Iterator[np.ndarray]:
    """Cut sentences into batches of like length for prediction, longest first; empty ones are in no batch.

    Up to four long sentences go together, with up to four times `max_tokens`.

    >>> [b.tolist() for b in sorted_batches(np.array([2, 0, 3, 11]), max_tokens=3)]
    [[3], [2, 0]]
    """
    full = np.flatnonzero(lengths)
    order = full[np.argsort(-lengths[full], kind="stable")]
    return length_batches(lengths, batch_size=batch_size, max_tokens=max_tokens, order=order, together=_TOGETHER)


class Cutter(Protocol):
    """Something that knows better than the number of tokens which rows are alike."""

    def batches(self, rows: Sequence[Any], /, *, max_tokens: int) -> Iterator[np.ndarray]:
        """Cut rows into batches, by their numbers."""


def row_batches(rows: Sequence[Any], context: Cutter | None, *, max_tokens: int) -> Iterator[np.ndarray]:
    """Cut rows of like length into batches for prediction, by their numbers; empty rows are in no batch.

    With a context, what language models have to read decides which rows are alike.
    """
    if context is not None:
        return context.batches(rows, max_tokens=max_tokens)
    return sorted_batches(np.fromiter(map(len, rows), np.int64, len(rows)), max_tokens=max_tokens)


def bounded_batches(
    lengths: np.ndarray, characters: np.ndarray, *, max_tokens: int, max_characters: int, batch_size: int = 64
) -> Iterator[np.ndarray]:
    """Cut sentences into batches of like numbers of characters for prediction, most first; empty ones are in no batch.

    A batch has at most `max_tokens` padded tokens and `max_characters` padded characters, or is one sentence.

    >>> [b.tolist() for b in bounded_batches(*np.array([[2, 0, 3, 1], [9, 0, 4, 3]]), max_tokens=4, max_characters=16)]
    [[0], [2], [3]]
    """
    full = np.flatnonzero(lengths)
    order = full[np.argsort(-characters[full], kind="stable")]
    start, longest, most = 0, 0, 0
    for end, (length, size) in enumerate(zip(lengths[order].tolist(), characters[order].tolist())):
        longest = max(longest, length)
        if end > start and (end - start == most or (end - start + 1) * longest > max_tokens):
            yield order[start:end]
            start, longest = end, length
        if start == end:  # sorted downwards, so it has the most characters of its batch
            most = max(1, min(batch_size, max_characters // max(1, size)))
    if start < len(order):
        yield order[start:]
