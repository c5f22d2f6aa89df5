"""Exact inference in a linear-chain CRF with numpy: best paths, sums, marginals, moves.

The same functions as nn/crf.py, which says where the recursions come from and has the gradient and n-best paths; here
they need no torch. Batched over sentences, with a loop over tokens; all sums are in float64. A forbidden move has the
score -inf.
"""

# B sentences, T tokens, L tags, P pairs of tags

from typing import NamedTuple

import numpy as np

# Scores further below the best tag of a token count as this far below it, so that a chain of them stays in float64.
_FLOOR = -300.0
_TINY = 1e-300


class Scores(NamedTuple):
    """Start, transition and end scores of a chain, in float64; -inf forbids."""

    start_L: np.ndarray
    transitions_LL: np.ndarray  # [from, to]
    end_L: np.ndarray


class Sums(NamedTuple):
    """What forward-backward leaves."""

    log_partition_B: np.ndarray
    alphas_BTL: np.ndarray  # sums over prefixes, emission of t included, scaled to 1 for each t
    betas_BTL: np.ndarray  # sums over suffixes, emission of t excluded, scaled


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
    num_sentences, num_tokens, num_tags = emissions_BTL.shape
    if (lengths_B[1:] > lengths_B[:-1]).any():
        order_B = np.argsort(-lengths_B, kind="stable")
        paths_BT = np.empty((num_sentences, num_tokens), np.int64)
        paths_BT[order_B] = best_paths(emissions_BTL[order_B], lengths_B[order_B], scores)
        return paths_BT
    paths_TB = np.zeros((num_tokens, num_sentences), np.int64)
    if not num_sentences or not num_tokens:
        return paths_TB.T
    emissions_TBL = emissions_BTL.transpose(1, 0, 2).astype(np.float64)
    states_TBL = np.empty(emissions_TBL.shape)
    np.add(scores.start_L, emissions_TBL[0], out=states_TBL[0])
    # The tag that comes from stands first: a maximum over the first axis goes through memory in order.
    moved_LBL = np.empty((num_tags, num_sentences, num_tags))
    transitions_L1L = scores.transitions_LL[:, None, :]
    # The longest come first, so the sentences with a token at t are the first ones.
    going_T = (lengths_B[None, :] > np.arange(num_tokens)[:, None]).sum(1).tolist()
    for t in range(1, num_tokens):
        going = going_T[t]
        moved = moved_LBL[:, :going]
        np.add(states_TBL[t - 1, :going].T[:, :, None], transitions_L1L, out=moved)
        np.maximum.reduce(moved, axis=0, out=states_TBL[t, :going])
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
    return paths_TB.T


def _potentials(emissions_BTL: np.ndarray, real_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponentiate the emissions, scaled by the best tag of each token; padding gets 1 and a scale of 0."""
    emissions_BTL = np.where(real_BT[..., None], emissions_BTL, 0.0).astype(np.float64, copy=False)
    peak_BT = emissions_BTL.max(-1)
    return np.exp((emissions_BTL - peak_BT[..., None]).clip(min=_FLOOR)), peak_BT


def forward_backward(emissions_BTL: np.ndarray, lengths_B: np.ndarray, scores: Scores) -> Sums:
    """Run both recursions side by side, in probability space with a scale a token; see `nn.crf.forward_backward`.

    A sentence with no token has the log partition 0.
    """
    num_sentences, num_tokens, num_tags = emissions_BTL.shape
    start_L, transitions_LL, end_L = scores
    if not num_tokens:
        empty = np.zeros((num_sentences, 0, num_tags))
        return Sums(np.zeros(num_sentences), empty, empty)
    real_BT = real_tokens(lengths_B, num_tokens)
    potentials_BTL, peak_BT = _potentials(emissions_BTL, real_BT)
    peak = transitions_LL.max()
    moves_LL = np.exp(transitions_LL - peak)
    moves_2LL = np.stack([moves_LL, moves_LL.T])

    rows_B1, turn_BT = np.arange(num_sentences)[:, None], _turned(lengths_B, num_tokens)
    potentials_T2BL = np.stack([potentials_BTL, potentials_BTL[rows_B1, turn_BT]]).transpose(2, 0, 1, 3)
    ends_2L = np.stack([start_L, end_L])
    ends_peak_2 = ends_2L.max(-1)
    befores_T2BL = np.empty((num_tokens, 2, num_sentences, num_tags))
    states_T2BL = np.empty(befores_T2BL.shape)
    scales_T2B1 = np.empty((num_tokens, 2, num_sentences, 1))
    befores_T2BL[0] = np.exp(ends_2L - ends_peak_2[:, None])[:, None, :]
    for t in range(num_tokens):
        state_2BL = states_T2BL[t]
        np.multiply(befores_T2BL[t], potentials_T2BL[t], out=state_2BL)
        np.maximum(state_2BL.sum(-1, keepdims=True), _TINY, out=scales_T2B1[t])
        state_2BL /= scales_T2B1[t]
        if t + 1 < num_tokens:
            np.matmul(state_2BL, moves_2LL, out=befores_T2BL[t + 1])

    alphas_BTL = states_T2BL[:, 0].transpose(1, 0, 2)
    betas_BTL = befores_T2BL[:, 1].transpose(1, 0, 2)[rows_B1, turn_BT]
    last_B = (lengths_B - 1).clip(min=0)
    final_B = (alphas_BTL[rows_B1[:, 0], last_B] * np.exp(end_L - ends_peak_2[1])).sum(-1)
    scales_BT = scales_T2B1[:, 0, :, 0].T
    log_partition_B = (
        np.where(real_BT, np.log(scales_BT) + peak_BT, 0.0).sum(-1)
        + peak * last_B
        + np.where(lengths_B > 0, np.log(np.maximum(final_B, _TINY)) + ends_peak_2.sum(), 0.0)
    )
    return Sums(log_partition_B, alphas_BTL, betas_BTL)


def _turned(lengths_B: np.ndarray, num_tokens: int) -> np.ndarray:
    """Index (B, T) that turns each sentence round within its own length; padding stays where it is."""
    position_T = np.arange(num_tokens)
    turned_BT = lengths_B[:, None] - 1 - position_T
    return np.where(turned_BT >= 0, turned_BT, position_T)


def marginals(sums: Sums, lengths_B: np.ndarray) -> np.ndarray:
    """Probability of each tag at each token given the sentence, (B, T, L); 0 on padding."""
    joint_BTL = sums.alphas_BTL * sums.betas_BTL
    total_BT1 = np.maximum(joint_BTL.sum(-1, keepdims=True), _TINY)
    return np.where(real_tokens(lengths_B, joint_BTL.shape[1])[..., None], joint_BTL / total_BT1, 0.0)


def moves(
    sums: Sums,
    emissions_BTL: np.ndarray,
    lengths_B: np.ndarray,
    scores: Scores,
    from_P: np.ndarray,
    to_P: np.ndarray,
) -> np.ndarray:
    """Probability of the tag `to` at a token, given the sentence and the tag `from` at the token before, (B, T, P).

    0 at the first token, on padding, and after a tag that can't stand there.
    """
    num_sentences, num_tokens, _ = emissions_BTL.shape
    moved_BTP = np.zeros((num_sentences, num_tokens, len(from_P)))
    if num_tokens < 2 or not len(from_P):
        return moved_BTP
    real_BT = real_tokens(lengths_B, num_tokens)
    moves_LL = np.exp(scores.transitions_LL - scores.transitions_LL.max())
    potentials_BTL, _ = _potentials(emissions_BTL, real_BT)
    after_BTL = (potentials_BTL * sums.betas_BTL)[:, 1:]
    total_BTL = np.maximum(after_BTL @ moves_LL.T, _TINY)
    moved_BTP[:, 1:] = moves_LL[from_P, to_P] * after_BTL[..., to_P] / total_BTL[..., from_P]
    return np.where(real_BT[..., None], moved_BTP, 0.0)
