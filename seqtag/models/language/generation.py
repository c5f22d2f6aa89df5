"""Let a language model go on with a text: prompts in, pieces of text out as they come.

Knows neither how the network reads nor how a symbol is chosen: `step` of the network and nn/sampling.py do that.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqtag.errors import UsageError
from seqtag.inference.finite import check_finite
from seqtag.models import options as check
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.recurrent import State
from seqtag.nn.sampling import Sampling, candidate_probs, pick
from seqtag.reporting.figures import listed
from seqtag.text.symbol_vocabulary import LINE_BREAK, UNKNOWN_ID, SymbolVocabulary

logger = logging.getLogger("seqtag")

# A piece of a prompt may have so many log probabilities; of a long prompt only the last ones are needed.
_MOST_LOG_PROBS = 4_000_000
_MOST_NAMED = 10  # unknown symbols that a warning lists


def _are_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and all(isinstance(text, str) for text in value)


# In the order of the arguments.
CHECKS: dict[str, check.Check] = {
    "prompt": check.must_be("a string, or a list of strings", _are_texts),
    "num_tokens": check.whole(0),
    "temperature": check.number(0, 100),
    "top_k": check.optional(check.whole(1)),
    "top_p": check.optional(check.share),
    "stop": check.optional(
        check.must_be(
            "a string that is not empty, or a list of such strings",
            lambda value: _are_texts(value) and all([value] if isinstance(value, str) else value),
        )
    ),
    "seed": check.must_be(
        "a whole number, at least 0 and below 2^63",
        lambda value: check.whole(0).problem(value) is None and value < 2**63,
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be written."""

    prompts: tuple[str, ...]
    num_tokens: int  # characters or words, the most that come after a prompt
    sampling: Sampling
    stops: tuple[str, ...]  # texts that end a text, and are left out of it
    seed: int


def read_request(vocabulary: SymbolVocabulary, direction: str, *arguments: Any) -> Request:
    """Check the arguments of `LanguageModel.generate`, in their order; UsageError names all bad values at once."""
    check.check_options("generate", dict(zip(CHECKS, arguments, strict=True)), CHECKS)
    prompt, num_tokens, temperature, top_k, top_p, stop, seed = map(check.plain, arguments)
    _check_forward("generate", direction)
    asked = Request(
        (prompt,) if isinstance(prompt, str) else tuple(prompt),
        num_tokens,
        Sampling(temperature, top_k, top_p, banned=(UNKNOWN_ID,)),
        () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
        seed,
    )
    _warn_of_unknown(vocabulary, asked.prompts)
    return asked


def next_symbols(
    network: LanguageNetwork, vocabulary: SymbolVocabulary, direction: str, text: Any, k: Any
) -> list[tuple[str, float]]:
    """Give what `LanguageModel.predict_next` says of a text, after a check of its arguments."""
    checks = {"text": check.must_be("a string", lambda value: isinstance(value, str)), "k": check.whole(1)}
    check.check_options("predict_next", {"text": text, "k": k}, checks)
    _check_forward("predict_next", direction)
    _warn_of_unknown(vocabulary, [text])
    _, log_probs_BV, _ = _read_together(network, [vocabulary.encode(LINE_BREAK + text)])
    check_finite(log_probs_BV.isfinite().all(), network=network)
    probs_V = candidate_probs(log_probs_BV, Sampling(banned=(UNKNOWN_ID,)))[0]
    # The unknown symbol, which is never written, comes last even where others are as improbable.
    probs_V[UNKNOWN_ID] = -1
    probs_K, ids_K = probs_V.sort(descending=True, stable=True)
    most = min(int(k), len(vocabulary) - 1)
    return [(vocabulary.symbols[i], p) for i, p in zip(ids_K[:most].tolist(), probs_K[:most].tolist())]


def _check_forward(name: str, direction: str) -> None:
    if direction == "backward":
        raise UsageError(
            f"{name}: this model reads backward, so it can't go on with a text; train one with direction='forward'"
        )


def _warn_of_unknown(vocabulary: SymbolVocabulary, prompts: Sequence[str]) -> None:
    """Say once which characters or words of the prompts were missing in the training text."""
    symbols = dict.fromkeys(symbol for prompt in prompts for symbol in vocabulary.cut(prompt))
    unknown = [symbol for symbol in symbols if vocabulary.find(symbol) == UNKNOWN_ID]
    if unknown:
        named = listed(list(map(repr, unknown)), most=_MOST_NAMED)
        level = vocabulary.level
        logger.warning("the prompt has %ss that the model does not know: %s; they count as unknown", level, named)


def write(network: LanguageNetwork, vocabulary: SymbolVocabulary, asked: Request) -> Iterator[tuple[int, str]]:
    """Give pieces of text, each with the number of the prompt that it goes on with, as they become certain."""
    starts = [vocabulary.encode(LINE_BREAK + prompt) for prompt in asked.prompts]
    is_word = vocabulary.level == "word"
    writers = [
        _Pieces(vocabulary, int(start[-1]), asked.stops, after_space=is_word and prompt[-1:].isspace())
        for start, prompt in zip(starts, asked.prompts)
    ]
    if not starts or not asked.num_tokens:
        return
    for row, symbol in _symbols(network, starts, writers, asked):
        piece = writers[row].add(symbol)
        if piece:
            yield row, piece
    for row, writer in enumerate(writers):
        if rest := writer.close():
            yield row, rest


def _symbols(
    network: LanguageNetwork, starts: Sequence[np.ndarray], writers: "Sequence[_Pieces]", asked: Request
) -> Iterator[tuple[int, int]]:
    """Give the row and the symbol of each choice, step by step.

    The rows begin together and stay in step: while one is still reading its prompt another may be writing already, so
    no state is ever padded, split or joined.
    """
    generators = [torch.Generator().manual_seed(asked.seed) for _ in starts]
    left = [asked.num_tokens] * len(starts)
    state, log_probs_BV, position = _read_together(network, starts)
    while True:
        ids = [int(start[position]) if position < len(start) else UNKNOWN_ID for start in starts]
        writing = [
            row for row, start in enumerate(starts) if position >= len(start) and left[row] and not writers[row].is_done
        ]
        if writing:
            chosen = pick(log_probs_BV[writing], asked.sampling, [generators[row] for row in writing]).tolist()
            for row, symbol in zip(writing, chosen):
                ids[row] = symbol
                left[row] -= 1
                yield row, symbol
        position += 1
        if all(position > len(start) and (not left[row] or writers[row].is_done) for row, start in enumerate(starts)):
            return
        ids_BT = torch.tensor(ids, device=log_probs_BV.device).unsqueeze(-1)
        log_probs_BTV, state = network.step(ids_BT, state)
        log_probs_BV = log_probs_BTV[:, -1]


def _read_together(network: LanguageNetwork, starts: Sequence[np.ndarray]) -> tuple[State, torch.Tensor, int]:
    """Read the prompts as far as the shortest one goes; gives state, last log probabilities and how far that is."""
    device = next(network.parameters()).device
    shortest = min(map(len, starts))
    state = network.start(len(starts))
    read, size = 0, 1  # the first piece tells how many symbols there are
    while read < shortest:
        window = np.stack([start[read : min(read + size, shortest)] for start in starts]).astype(np.int64)
        log_probs_BTV, state = network.step(torch.from_numpy(window).to(device), state)
        read += window.shape[1]
        size = max(1, _MOST_LOG_PROBS // (len(starts) * log_probs_BTV.shape[-1]))
    return state, log_probs_BTV[:, -1], shortest


class _Pieces:
    """Turn the symbols that follow one prompt into pieces of text; what may begin a stop is held back."""

    def __init__(self, vocabulary: SymbolVocabulary, last: int, stops: Sequence[str], *, after_space: bool) -> None:
        self.vocabulary, self.last, self.stops = vocabulary, last, stops
        self.after_space = after_space  # the prompt brings the space that may be due before the first word
        self.held = ""
        self.is_done = False

    def add(self, symbol: int) -> str:
        """Take a symbol and give the text that is certain now, which may be empty."""
        assert not self.is_done
        before = self.vocabulary.decode([self.last])
        piece = self.vocabulary.decode([self.last, symbol])[len(before) :]
        if self.after_space:
            piece, self.after_space = piece.removeprefix(" "), False
        self.last = symbol
        self.held += piece
        found = [place for stop in self.stops if (place := self.held.find(stop)) >= 0]
        self.is_done = bool(found)
        certain = min(found) if found else len(self.held) - self._possible_start()
        piece, self.held = self.held[:certain], "" if found else self.held[certain:]
        return piece

    def close(self) -> str:
        """Give what was held back: no stop has come of it."""
        rest, self.held = self.held, ""
        return rest

    def _possible_start(self) -> int:
        """Say how many of the last characters are the longest beginning of a stop."""
        longest = min(len(self.held), max(map(len, self.stops), default=1) - 1)
        ends = (
            size for size in range(longest, 0, -1) if any(stop.startswith(self.held[-size:]) for stop in self.stops)
        )
        return next(ends, 0)
