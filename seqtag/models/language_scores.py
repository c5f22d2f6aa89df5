"""Read a text with a trained language model and add up what it says of it, in nats."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from seqtag.batching import TextWindows
from seqtag.nn.language import LanguageNetwork
from seqtag.text.symbols import LINE_BREAK_ID

# Scores over all symbols that are in memory at a time, and the longest window.
_MOST_SCORES = 1 << 24
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class TextFigures:
    """What a language model says of a whole text.

    >>> figures = TextFigures(loss=math.log(8), num_symbols=100, num_unknown=0, num_characters=600)
    >>> round(figures.perplexity, 6), round(figures.bits_per_character, 6)
    (8.0, 0.5)
    """

    loss: float  # mean a symbol, in nats
    num_symbols: int  # characters or words, as the model reads them
    num_unknown: int  # of the symbols
    num_characters: int  # of the text as it stands, line breaks too

    @property
    def perplexity(self) -> float:
        """Among how many symbols, all alike, a choice would be as uncertain."""
        return math.exp(self.loss)

    @property
    def bits_per_character(self) -> float:
        """What the whole text costs, divided by its characters."""
        return self.loss * self.num_symbols / self.num_characters / math.log(2)


def symbol_losses(network: LanguageNetwork, symbols_N: np.ndarray) -> np.ndarray:
    """Give minus the log probability, in nats, of each symbol of a short text, which begins behind a line break."""
    reading_N = np.concatenate([[LINE_BREAK_ID], symbols_N])
    parts = [np.zeros(0)]
    state = network.start(1)
    windows = _windows(network, reading_N, 1)
    for rows in windows.batches(0):
        batch = windows.batch(rows).to(network.bias_V.device)
        losses_BT, state = network.losses(batch.inputs_BT, batch.targets_BT, state)
        parts.append(losses_BT[0].double().cpu().numpy())
    return np.concatenate(parts)


def mean_loss(network: LanguageNetwork, reading_N: np.ndarray, *, num_streams: int = 1) -> float:
    """Give the mean loss a symbol, in nats, over all symbols but the first, which is only read.

    With one stream the state is carried across the whole text, as published tables have it; several are quicker, and
    each but the first begins without what came before it.
    """
    windows = _windows(network, reading_N, num_streams)
    total, state = 0.0, network.start(num_streams)
    with torch.inference_mode():
        for rows in windows.batches(0):
            batch = windows.batch(rows).to(network.bias_V.device)
            losses_BT, state = network.losses(batch.inputs_BT, batch.targets_BT, state)
            total += float(losses_BT.sum(dtype=torch.float64))
    return total / int(windows.lengths.sum())


def _windows(network: LanguageNetwork, reading_N: np.ndarray, num_streams: int) -> TextWindows:
    window = max(1, min(_LONGEST, _MOST_SCORES // (num_streams * network.num_symbols)))
    return TextWindows(reading_N, num_streams=num_streams, window_size=window)
