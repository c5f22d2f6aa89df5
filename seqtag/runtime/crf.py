"""Exact inference in a linear-chain CRF with numpy: best paths, sums, marginals, moves.

The same functions as nn/crf.py, which says where the recursions come from and has the gradient and n-best paths; here
they need no torch. Batched over sentences, with a loop over tokens; all sums are in float64. A forbidden move has the
score -inf.
"""

# B sentences, T tokens, L tags, P pairs of tags

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_RANGE = 600.0  # see nn/crf.py: where scores may lie further apart than float64 reaches, logarithms are taken
_MANY_TAGS, _FEW_MOVES = 200, 8  # see nn/crf.py: the moves of many tags are taken apart


class Scores(NamedTuple):
    """Start, transition and end scores of a chain, in float64; -inf forbids."""

    start_L: np.ndarray
    transitions_LL: np.ndarray  # [from, to]
    end_L: np.ndarray


class Sums(NamedTuple):
    """What forward-backward leaves."""

    log_partition_B: np.ndarray
    log_alphas_BTL: np.ndarray  # sums over prefixes, emission of t included
    log_betas_BTL: np.ndarray  # sums over suffixes, emission of t excluded


def real_tokens(lengths_B: np.ndarray, num_tokens: int) -> np.ndarray:
    """Tell real tokens from padding: bool (B, T).

    >>> real_tokens(np.array([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    real_BT: np.ndarray = np.arange(num_tokens) < lengths_B[:, None]
    return real_BT


def best_paths(emissions_BTL: np.ndarray, lengths_B: np.ndarray, scores: Scores) -> np.ndarray:
    """Find the best path of each sentence by the Viterbi recursion: ids (B, T), 0 on padding.

    Ties go to the lower tag id. The way forward keeps scores and no pointers: the way back takes the best tag anew
    for the one tag that each sentence has come to, which costs a part of L.

    >>> scores = Scores(np.zeros(2), np.array([[0.0, -np.inf], [0.0, 0.0]]), np.zeros(2))  # 1 can't follow 0
    >>> best_paths(np.array([[[1.0, 0.0], [0.0, 3.0]]]), np.array([2]), scores).tolist()
    [[1, 1]]
    """
    num_sentences, num_tokens, _ = emissions_BTL.shape
    if (lengths_B[1:] > lengths_B[:-1]).any():
        order_B = np.argsort(-lengths_B, kind="stable")
        unsorted_BT = np.empty((num_sentences, num_tokens), np.int64)
        unsorted_BT[order_B] = best_paths(emissions_BTL[order_B], lengths_B[order_B], scores)
        return unsorted_BT
    paths_BT: np.ndarray = np.zeros((num_tokens, num_sentences), np.int64).T
    paths_TB = paths_BT.T  # the same numbers, with time first
    if not num_sentences or not num_tokens:
        return paths_BT
    emissions_TBL = emissions_BTL.transpose(1, 0, 2).astype(np.float64)
    states_TBL = np.empty(emissions_TBL.shape)
    np.add(scores.start_L, emissions_TBL[0], out=states_TBL[0])
    reach = _reach(scores.transitions_LL, num_sentences)
    # The longest come first, so the sentences with a token at t are the first ones.
    going_T = (lengths_B[None, :] > np.arange(num_tokens)[:, None]).sum(1).tolist()
    for t in range(1, num_tokens):
        going = going_T[t]
        reach(states_TBL[t - 1, :going], states_TBL[t, :going])
        states_TBL[t, :going] += emissions_TBL[t, :going]
    into_LL = np.ascontiguousarray(scores.transitions_LL.T)
    after = 0  # sentences that the way back has entered: those with a token behind t
    for t in range(num_tokens - 1, -1, -1):
        going = going_T[t]
        if after:
            paths_TB[t, :after] = (states_TBL[t, :after] + into_LL[paths_TB[t + 1, :after]]).argmax(-1)
        if going > after:
            paths_TB[t, after:going] = (states_TBL[t, after:going] + scores.end_L).argmax(-1)
        after = going
    return paths_BT


def _reach(transitions_LL: np.ndarray, num_sentences: int) -> Callable[[np.ndarray, np.ndarray], None]:
    """Give what writes, for states (B, L), the best score with which each tag is reached into a second array."""
    num_tags = len(transitions_LL)
    if num_tags <= _MANY_TAGS:
        # The tag that comes from stands first: a maximum over the first axis goes through memory in order.
        moved_LBL = np.empty((num_tags, num_sentences, num_tags))
        transitions_L1L = transitions_LL[:, None, :]

        def from_all(state_BL: np.ndarray, out_BL: np.ndarray) -> None:
            moved = moved_LBL[:, : len(state_BL)]
            np.add(state_BL.T[:, :, None], transitions_L1L, out=moved)
            np.maximum.reduce(moved, axis=0, out=out_BL)

        return from_all
    # As in nn/crf.py: a dense block of moves, and a few pairs of tags outside of it.
    legal_LL = transitions_LL > -np.inf
    is_from_L, is_to_L = ((legal_LL.sum(axis) > _FEW_MOVES) for axis in (1, 0))
    block_DC = transitions_LL[np.ix_(is_from_L, is_to_L)]
    from_P, to_P = np.nonzero(legal_LL & ~(is_from_L[:, None] & is_to_L))
    scores_P = transitions_LL[from_P, to_P]
    moved_DC = np.empty(block_DC.shape)

    def from_some(state_BL: np.ndarray, out_BL: np.ndarray) -> None:
        out_BL[:] = -np.inf
        for state_L, out_L in zip(state_BL, out_BL):
            if moved_DC.size:
                np.add(state_L[is_from_L][:, None], block_DC, out=moved_DC)
                out_L[is_to_L] = moved_DC.max(0)
            np.maximum.at(out_L, to_P, state_L[from_P] + scores_P)

    return from_some


def forward_backward(emissions_BTL: np.ndarray, lengths_B: np.ndarray, scores: Scores) -> Sums:
    """Run both recursions side by side; see `nn.crf.forward_backward`.

    A sentence with no token has the log partition 0, one with no legal path -inf.
    """
    num_sentences, num_tokens, num_tags = emissions_BTL.shape
    if not num_tokens:
        empty = np.zeros((num_sentences, 0, num_tags))
        return Sums(np.zeros(num_sentences), empty, empty)
    real_BT1 = real_tokens(lengths_B, num_tokens)[..., None]
    emissions_BTL = np.where(real_BT1, emissions_BTL, 0.0).astype(np.float64, copy=False)
    rows_B1, turn_BT = np.arange(num_sentences)[:, None], _turned(lengths_B, num_tokens)
    run = _scaled_sums if _is_narrow(emissions_BTL, scores) else _sums_of_logs
    befores_T2BL = run(
        np.stack([emissions_BTL, emissions_BTL[rows_B1, turn_BT]]).transpose(2, 0, 1, 3),
        np.stack([scores.start_L, scores.end_L]),
        np.stack([scores.transitions_LL, scores.transitions_LL.T]),
    )
    log_alphas_BTL = befores_T2BL[:, 0].transpose(1, 0, 2) + emissions_BTL
    log_betas_BTL = befores_T2BL[:, 1].transpose(1, 0, 2)[rows_B1, turn_BT]
    log_partition_B = _log_sum(log_alphas_BTL[:, 0] + log_betas_BTL[:, 0])
    return Sums(np.where(lengths_B > 0, log_partition_B, 0.0), log_alphas_BTL, log_betas_BTL)


def _scaled_sums(emissions_T2BL: np.ndarray, ends_2L: np.ndarray, transitions_2LL: np.ndarray) -> np.ndarray:
    """Log of the sums over what is before each token, (T, 2, B, L), by products in probability space, scaled to 1."""
    peaks_T2B1 = emissions_T2BL.max(-1, keepdims=True)
    potentials_T2BL = np.exp(emissions_T2BL - peaks_T2B1)
    ends_peak_2, peak = ends_2L.max(-1), transitions_2LL.max()
    moves_2LL = np.exp(transitions_2LL - peak)
    befores_T2BL: np.ndarray = np.empty(potentials_T2BL.shape)
    scales_T2B1 = np.empty(peaks_T2B1.shape)
    befores_T2BL[0] = np.exp(ends_2L - ends_peak_2[:, None])[:, None, :]
    for t in range(len(potentials_T2BL)):
        state_2BL = befores_T2BL[t] * potentials_T2BL[t]
        state_2BL.sum(-1, keepdims=True, out=scales_T2B1[t])
        if t + 1 < len(potentials_T2BL):
            state_2BL /= scales_T2B1[t]
            np.matmul(state_2BL, moves_2LL, out=befores_T2BL[t + 1])
    befores_T2BL = _log(befores_T2BL) + ends_peak_2[:, None, None]
    befores_T2BL[1:] += (_log(scales_T2B1) + peaks_T2B1 + peak).cumsum(0)[:-1]
    return befores_T2BL


def _sums_of_logs(emissions_T2BL: np.ndarray, ends_2L: np.ndarray, transitions_2LL: np.ndarray) -> np.ndarray:
    """What `_scaled_sums` gives, for scores of any size."""
    befores_T2BL = np.empty(emissions_T2BL.shape)
    befores_T2BL[0] = ends_2L[:, None, :]
    into_2LL = transitions_2LL.transpose(0, 2, 1)  # [to, from]
    for t in range(1, len(emissions_T2BL)):
        state_2B1L = (befores_T2BL[t - 1] + emissions_T2BL[t - 1])[:, :, None, :]
        befores_T2BL[t] = _log_sum(state_2B1L + into_2LL[:, None])
    return befores_T2BL


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # the logarithm of 0 is -inf, as it should be
        logs: np.ndarray = np.log(values)
    return logs


def _log_sum(logs: np.ndarray) -> np.ndarray:
    """Log of the sum of what has these logarithms, over the last axis; -inf where all are."""
    peak = logs.max(-1, keepdims=True)
    peak = np.where(peak > -np.inf, peak, 0.0)
    summed: np.ndarray = _log(np.exp(logs - peak).sum(-1)) + peak[..., 0]
    return summed


def _is_narrow(emissions_BTL: np.ndarray, scores: Scores) -> bool:
    """Tell whether all sums that count stay inside float64 when each token's are scaled to 1; see nn/crf.py."""
    num_steps = _steps_between(np.isfinite(scores.transitions_LL).tobytes(), len(scores.start_L))
    start, moved, end = (np.ptp(part[np.isfinite(part)]) if np.isfinite(part).any() else np.inf for part in scores)
    spread = (emissions_BTL.max(-1) - emissions_BTL.min(-1)).max() + moved
    return bool((num_steps + 1) * spread + start + end < _RANGE)  # False for NaN too


@lru_cache(maxsize=64)
def _steps_between(is_legal: bytes, num_tags: int) -> float:
    """Give the number of steps in which every tag can be reached from every tag; inf where there is none.

    >>> _steps_between(np.array([[True, False], [True, True]]).tobytes(), 2)  # no way from 0 to 1
    inf
    """
    # In float32, whose products are quick.
    step_LL = np.frombuffer(is_legal, bool).reshape(num_tags, num_tags).astype(np.float32)
    reached_LL = step_LL
    for num_steps in range(1, 9):
        if reached_LL.all():
            return num_steps
        reached_LL = np.minimum(reached_LL @ step_LL, 1)
    return math.inf


def _turned(lengths_B: np.ndarray, num_tokens: int) -> np.ndarray:
    """Index (B, T) that turns each sentence round within its own length; padding stays where it is."""
    position_T = np.arange(num_tokens)
    turned_BT = lengths_B[:, None] - 1 - position_T
    return np.where(turned_BT >= 0, turned_BT, position_T)


def marginals(sums: Sums, lengths_B: np.ndarray) -> np.ndarray:
    """Probability of each tag at each token given the sentence, (B, T, L); 0 on padding, and without a legal path."""
    joint_BTL = sums.log_alphas_BTL + sums.log_betas_BTL
    legal_BT1 = (real_tokens(lengths_B, joint_BTL.shape[1]) & (sums.log_partition_B > -np.inf)[:, None])[..., None]
    joint_BTL = np.where(legal_BT1, joint_BTL, 0.0)
    shares_BTL = np.exp(joint_BTL - joint_BTL.max(-1, keepdims=True))
    return np.where(legal_BT1, shares_BTL / shares_BTL.sum(-1, keepdims=True), 0.0)


def moves(
    sums: Sums, emissions_BTL: np.ndarray, lengths_B: np.ndarray, scores: Scores, from_P: np.ndarray, to_P: np.ndarray
) -> np.ndarray:
    """Probability of the tag `to` at a token, given the sentence and the tag `from` at the token before, (B, T, P).

    0 at the first token, on padding, and after a tag that can't stand there.
    """
    num_sentences, num_tokens, _ = emissions_BTL.shape
    moved_BTP = np.zeros((num_sentences, num_tokens, len(from_P)))
    if num_tokens < 2 or not len(from_P):
        return moved_BTP
    real_BT1 = real_tokens(lengths_B, num_tokens)[..., None]
    # What is behind a tag is the sum over all moves from it.
    behind_BTP = sums.log_betas_BTL[:, :-1, from_P]
    stands_BTP = real_BT1[:, 1:] & (behind_BTP > -np.inf)
    after_BTP = np.where(real_BT1[:, 1:], emissions_BTL[:, 1:, to_P] + sums.log_betas_BTL[:, 1:, to_P], 0.0)
    log_moved_BTP = scores.transitions_LL[from_P, to_P] + after_BTP - np.where(stands_BTP, behind_BTP, 0.0)
    moved_BTP[:, 1:] = np.exp(np.where(stands_BTP, log_moved_BTP, -np.inf))
    return moved_BTP
