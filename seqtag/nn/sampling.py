"""Choose the next symbol: (B, V) log probabilities -> (B,) ids. Knows no network, no text, and keeps no state."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# B sequences, V symbols


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which symbols may be chosen, and how boldly."""

    temperature: float = 1.0  # 0: always the most probable symbol, of equal ones the first
    top_k: int | None = None  # this many of the most probable symbols; None: all
    top_p: float | None = None  # the smallest set of most probable symbols that has this probability; None: all
    banned: tuple[int, ...] = ()  # symbols that are never chosen


def candidate_probs(log_probs_BV: Tensor, sampling: Sampling) -> Tensor:
    """Give the probabilities, in float64, that symbols are drawn with: zero outside the set that may be chosen.

    In this order: banned symbols leave, the temperature T takes p to p^(1/T), the `top_k` best stay, and of those the
    fewest that have `top_p` together (nucleus sampling, Holtzman et al. 2020, https://arxiv.org/abs/1904.09751); of
    equally probable symbols the first ones stay. What is left is scaled to 1. Gives probs_BV.

    >>> log_probs_BV = torch.tensor([[0.1, 0.5, 0.3, 0.1]]).log()
    >>> candidate_probs(log_probs_BV, Sampling(top_k=2))
    tensor([[0.0000, 0.6250, 0.3750, 0.0000]], dtype=torch.float64)
    >>> candidate_probs(log_probs_BV, Sampling(temperature=0, banned=(1,)))
    tensor([[0., 0., 1., 0.]], dtype=torch.float64)
    """
    num_symbols = log_probs_BV.shape[-1]
    assert len(set(sampling.banned)) < num_symbols, "no symbol is left to choose"
    banned = torch.tensor(sampling.banned, dtype=torch.long, device=log_probs_BV.device)
    # float64: in float32 sums over a large vocabulary miss 1 by more than its rare symbols weigh
    scores_BV = log_probs_BV.double().index_fill(-1, banned, -math.inf)
    # The best stands at 0, so that even the smallest temperature leaves it there.
    scores_BV = scores_BV - scores_BV.max(dim=-1, keepdim=True).values
    if sampling.temperature == 0:
        # Argmax may take any of several; the first one is what the same seed has to give everywhere.
        is_best_BV = scores_BV == 0
        return (is_best_BV & (is_best_BV.cumsum(dim=-1) == 1)).double()
    probs_BV = torch.softmax(scores_BV / sampling.temperature, dim=-1)
    if sampling.top_k is None and sampling.top_p is None:
        return probs_BV
    sorted_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
    if sampling.top_k is not None:
        sorted_BV[:, sampling.top_k :] = 0
        sorted_BV /= sorted_BV.sum(dim=-1, keepdim=True)
    if sampling.top_p is not None and sampling.top_p < 1:  # a sum that rounding takes to 1 early must cost no symbol
        before_BV = functional.pad(sorted_BV.cumsum(dim=-1)[:, :-1], (1, 0))
        sorted_BV[before_BV >= sampling.top_p] = 0
    kept_BV = torch.zeros_like(probs_BV).scatter_(-1, order_BV, sorted_BV)
    return kept_BV / kept_BV.sum(dim=-1, keepdim=True)


def pick(log_probs_BV: Tensor, sampling: Sampling, generators: Sequence[torch.Generator]) -> Tensor:
    """Choose a symbol for each sequence, ids_B, by one number from its own generator, which lives on the CPU.

    So a sequence's symbols depend on its generator and probabilities alone, not on the rows beside it, and a device
    draws what another draws. With temperature 0 no number is taken.

    >>> generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    >>> pick(torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]]), Sampling(), generators)
    tensor([0, 1])
    """
    assert len(generators) == len(log_probs_BV), (len(generators), log_probs_BV.shape)
    probs_BV = candidate_probs(log_probs_BV, sampling)
    if sampling.temperature == 0:
        return probs_BV.argmax(dim=-1)
    drawn_B = torch.cat([torch.rand(1, dtype=torch.float64, generator=generator) for generator in generators])
    sums_BV = probs_BV.cumsum(dim=-1)
    total_B1 = sums_BV[:, -1:].contiguous()
    # The first symbol whose sum is above the draw has a probability; the last one that has any ends the range, where
    # rounding takes the draw to the total.
    ids_B1 = torch.searchsorted(sums_BV, drawn_B.unsqueeze(-1).to(sums_BV.device) * total_B1, right=True)
    return torch.minimum(ids_B1, torch.searchsorted(sums_BV, total_B1)).squeeze(-1)
