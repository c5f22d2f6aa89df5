"""Read a text with a trained language model and add up the losses of its symbols, in nats."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from seqtag.batching import TextWindows
from seqtag.evaluation.statistics.resampling import ratio_interval
from seqtag.inference.finite import check_finite
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.language_cache import Cache, CacheMemory
from seqtag.text.symbol_vocabulary import LINE_BREAK_ID

# The scores, of all symbols at all places of a window, that are in memory at a time; and the longest window.
_MOST_SCORES = 1 << 24
_LONGEST = 1024
_MOST_RUNS = 1_000  # of lines, that are drawn together for an interval
# The values that `fit_cache` tries. The states of models differ in length, so the range of flatness is wide.
_FLATNESS = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class TextFigures:
    """The loss of a language model on a whole text, and the size of that text.

    >>> figures = TextFigures(loss=math.log(8), num_symbols=100, num_unknown=0, num_characters=600)
    >>> round(figures.perplexity, 6), round(figures.bits_per_character, 6)
    (8.0, 0.5)
    """

    loss: float  # the mean per symbol, in nats
    num_symbols: int  # characters or words, as the model reads them
    num_unknown: int  # of the symbols
    num_characters: int  # of the text, line breaks included
    interval: tuple[float, float] | None = None  # of the perplexity, 95%, by resampling lines; None for a single line

    @property
    def perplexity(self) -> float:
        """The number of equally probable symbols among which a choice would be as uncertain."""
        return math.exp(self.loss)

    @property
    def bits_per_character(self) -> float:
        """The loss of the whole text in bits, divided by the number of its characters."""
        return self.loss * self.num_symbols / self.num_characters / math.log(2)


def symbol_losses(network: LanguageNetwork, symbols_N: np.ndarray) -> np.ndarray:
    """Give minus the log probability, in nats, of each symbol of a short text, which begins behind a line break."""
    reading_N = np.concatenate([[LINE_BREAK_ID], symbols_N])
    parts = [np.zeros(0)]
    for losses_BT, _, _ in _read(network, reading_N, 1):
        check_finite(losses_BT.isfinite().all(), network=network)
        parts.append(losses_BT[0].double().cpu().numpy())
    return np.concatenate(parts)


class LineLosses:
    """Adds up the losses of each line of a text, which says how far its mean loss is to be trusted."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, np.ndarray, np.ndarray]] = []  # the number of the first line, losses, symbols
        self._line = 0  # in which the next symbol stands

    def add(self, losses_T: np.ndarray, targets_T: np.ndarray) -> None:
        """Add the next symbols of the text."""
        is_end_T = targets_T == LINE_BREAK_ID
        line_T = np.cumsum(is_end_T) - is_end_T
        self._parts.append((self._line, np.bincount(line_T, losses_T), np.bincount(line_T)))
        self._line += int(is_end_T.sum())

    def perplexities(self) -> tuple[float, float] | None:
        """Give the 95% bootstrap interval of the perplexity, over lines or, of many, over 1,000 runs of lines."""
        sums_LN = np.zeros((self._line + 1, 2))
        for first, losses_K, symbols_K in self._parts:
            sums_LN[first : first + len(losses_K)] += np.stack([losses_K, symbols_K], -1)
        sums_LN = sums_LN[sums_LN[:, 1] > 0]
        if len(sums_LN) < 2:
            return None
        runs = np.unique(np.linspace(0, len(sums_LN), _MOST_RUNS, endpoint=False, dtype=np.int64))
        low, high = ratio_interval(*np.add.reduceat(sums_LN, runs).T)
        return math.exp(low), math.exp(high)


def mean_loss(
    network: LanguageNetwork,
    reading_N: np.ndarray,
    *,
    num_streams: int = 1,
    cache: Cache | None = None,
    lines: LineLosses | None = None,
) -> float:
    """Give the mean loss per symbol, in nats, over all symbols but the first, which is only read.

    With one stream the state is carried across the whole text, as in published tables. Several streams are quicker, but
    all except the first begin without the text before them. A cache, and `lines`, which are told the loss of each
    symbol, need a single stream.
    """
    assert (cache is None and lines is None) or num_streams == 1, "a cache remembers one text"
    memory = CacheMemory(0 if cache is None else cache.size, width=network.width)
    total, number = 0.0, 0
    with torch.inference_mode():
        for losses_BT, hidden_BTE, targets_BT in _read(network, reading_N, num_streams):
            if cache is not None:
                cached_FT = memory.losses(hidden_BTE[0], targets_BT[0], losses_BT[0], [cache.flatness])
                losses_BT = cache.mix(losses_BT, cached_FT)
            check_finite(losses_BT.isfinite().all(), network=network)
            total += float(losses_BT.sum(dtype=torch.float64))
            number += losses_BT.numel()
            if lines is not None:
                lines.add(losses_BT[0].double().cpu().numpy(), targets_BT[0].cpu().numpy())
    return total / number


def best_cache(network: LanguageNetwork, reading_N: np.ndarray, *, size: int) -> Cache:
    """Give the cache, among those with the values listed in this file, that lowers the loss of a text most."""
    memory = CacheMemory(size, width=network.width)
    totals_FS = torch.zeros(len(_FLATNESS), len(_SHARES), dtype=torch.float64)
    with torch.inference_mode():
        for losses_BT, hidden_BTE, targets_BT in _read(network, reading_N, 1):
            cached_FT = memory.losses(hidden_BTE[0], targets_BT[0], losses_BT[0], _FLATNESS)
            mixed_SFT = torch.stack([Cache(share=share).mix(losses_BT, cached_FT) for share in _SHARES])
            totals_FS += mixed_SFT.sum(-1, dtype=torch.float64).T.cpu()
    at = int(totals_FS.argmin())
    return Cache(size, _FLATNESS[at // len(_SHARES)], _SHARES[at % len(_SHARES)])


def _read(
    network: LanguageNetwork, reading_N: np.ndarray, num_streams: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Read a text window by window and carry the state on.

    Gives for each window the losses, the vectors that the scores are computed from, and the targets.
    """
    window = max(1, min(_LONGEST, _MOST_SCORES // (num_streams * network.num_symbols)))
    windows = TextWindows(reading_N, num_streams=num_streams, window_size=window)
    state = network.start(num_streams)
    for rows in windows.batches(0):
        batch = windows.batch(rows).to(network.bias_V.device)
        losses_BT, hidden_BTE, state = network.losses(batch.inputs_BT, batch.targets_BT, state)
        yield losses_BT, hidden_BTE, batch.targets_BT
