"""A vector for each sentence, text or series: the mean of the states that the encoder has at its tokens."""

# N rows, B of them in a batch, H hidden

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from seqtag.nn.batch import AnyBatch
from seqtag.nn.network import Network
from seqtag.nn.pooling import MeanPooling


class OnTorch(Protocol):
    """An engine that runs a network on torch."""

    @property
    def network(self) -> Network[Any]:
        """The network."""

    def batches(self, rows: Sequence[Any]) -> Iterator[tuple[np.ndarray, AnyBatch]]:
        """Cut rows into batches of like length: give their numbers and the batch. Empty rows are left out."""


def mean_states(engine: OnTorch, rows: Sequence[Any]) -> np.ndarray:
    """Give the mean state of each row, (N, H): zeros for an empty row, and no columns where there is no encoder."""
    pool, found = MeanPooling(), [(np.zeros(0, np.int64), np.zeros((0, 0), np.float32))]
    with torch.inference_mode():
        for indices, batch in engine.batches(rows):
            hidden_BTH = engine.network.hidden(batch)
            found.append((indices, pool(hidden_BTH.float(), batch.lengths_B).cpu().numpy()))
    means_NH = np.zeros((len(rows), found[-1][1].shape[1]), np.float32)
    for indices, means_BH in found:
        means_NH[indices, : means_BH.shape[1]] = means_BH
    return means_NH
