"""Exact inference in a linear-chain conditional random field: sums, best paths, n-best paths.

Functions on tensors, without parameters: `heads.CRFHead` owns those. What is left out: how emissions are made, and what
the tags mean. A sentence's score is start[y_1] + sum of emissions + sum of transitions + end[y_T] (Lafferty, McCallum
and Pereira 2001; the notation follows Sutton and McCallum, An Introduction to Conditional Random Fields, 2012, ch. 4).
A forbidden move has the score -inf. Where a sentence is annotated in part, sums over the paths that agree with what is
known take `allowed_BTL`, which says of each tag at each token whether a path may go through it.
"""

# B sentences, T tokens, L tags, K paths, P pairs of tags

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Float64 holds e^-700 to e^700. Sums are taken there, with matrix products, where no score that counts can leave the
# range; else logarithms are taken, which is exact for all scores and slower by a factor of the number of tags.
_RANGE = 600.0
_LEAST = 1e-250  # a sum of probabilities that is smaller may have lost digits, and is computed from logarithms

# With more tags than this, moves are taken apart into those that many tags have in common and those of few.
_MANY_TAGS, _FEW_MOVES = 200, 8


class Scores(NamedTuple):
    """Start, transition and end scores of a chain; -inf forbids."""

    start_L: Tensor
    transitions_LL: Tensor  # [from, to]
    end_L: Tensor


class Sums(NamedTuple):
    """What forward-backward leaves: enough for the log partition, the marginals and the expected transition counts."""

    log_partition_B: Tensor
    log_alphas_BTL: Tensor  # sums over prefixes, emission of t included
    log_betas_BTL: Tensor  # sums over suffixes, emission of t excluded
    is_narrow: bool  # whether no score that counts leaves float64's range; see `_is_narrow`


def real_tokens(lengths_B: Tensor, num_tokens: int) -> Tensor:
    """Tell real tokens from padding: bool (B, T).

    >>> real_tokens(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(num_tokens, device=lengths_B.device) < lengths_B[:, None]


def _reversed_positions(lengths_B: Tensor, num_tokens: int) -> Tensor:
    """Index (B, T) that turns each sentence round within its own length; padding stays where it is."""
    position_T = torch.arange(num_tokens, device=lengths_B.device)
    turned_BT = lengths_B[:, None] - 1 - position_T
    return torch.where(turned_BT >= 0, turned_BT, position_T)


def forward_backward(
    emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores, allowed_BTL: Tensor | None = None
) -> Sums:
    """Run both recursions side by side.

    The backward recursion has the form of the forward one on the reversed sentence with transposed transitions, so one
    loop over T drives both with a product of (2, B, L) by (2, L, L): no tensor of B x T x L x L is ever made.
    Float64 inside, whatever the emissions are. A sentence with no token has the log partition 0, one with no legal path
    -inf. With `allowed_BTL`, bool, only the paths through allowed tags are summed.
    """
    num_sentences, num_tokens, num_tags = emissions_BTL.shape
    if not num_tokens:
        empty = emissions_BTL.new_zeros(num_sentences, 0, num_tags, dtype=torch.float64)
        return Sums(emissions_BTL.new_zeros(num_sentences, dtype=torch.float64), empty, empty, True)
    scores = Scores(*(part.double() for part in scores))
    emissions_BTL = _prepared(emissions_BTL, lengths_B)
    is_narrow = _is_narrow(emissions_BTL, scores)
    if allowed_BTL is not None:
        emissions_BTL = _prepared(emissions_BTL, lengths_B, allowed_BTL)
    turn_BTL = _reversed_positions(lengths_B, num_tokens)[..., None].expand_as(emissions_BTL)
    given = (
        torch.stack([emissions_BTL, emissions_BTL.gather(1, turn_BTL)]).permute(2, 0, 1, 3).contiguous(),
        torch.stack([scores.start_L, scores.end_L]),
        torch.stack([scores.transitions_LL, scores.transitions_LL.T]),
    )
    if is_narrow:
        befores_T2BL, least = _scaled_sums(*given)
        # What is allowed may end the paths that are likely so far, and leave only ones that are too unlikely to count.
        is_narrow = allowed_BTL is None or bool(least > _LEAST)
    if not is_narrow:
        befores_T2BL = _sums_of_logs(*given)
    log_alphas_BTL = befores_T2BL[:, 0].transpose(0, 1) + emissions_BTL
    log_betas_BTL = befores_T2BL[:, 1].transpose(0, 1).gather(1, turn_BTL)
    log_partition_B = (log_alphas_BTL[:, 0] + log_betas_BTL[:, 0]).logsumexp(-1)
    return Sums(torch.where(lengths_B > 0, log_partition_B, 0.0), log_alphas_BTL, log_betas_BTL, is_narrow)


def _prepared(emissions_BTL: Tensor, lengths_B: Tensor, allowed_BTL: Tensor | None = None) -> Tensor:
    """Give emissions in float64: 0 on padding, and -inf for the tags that a token may not have."""
    real_BT1 = real_tokens(lengths_B, emissions_BTL.shape[1])[..., None]
    prepared_BTL = torch.where(real_BT1, emissions_BTL.double(), 0.0)
    return prepared_BTL if allowed_BTL is None else prepared_BTL.masked_fill(real_BT1 & ~allowed_BTL, -torch.inf)


def _scaled_sums(emissions_T2BL: Tensor, ends_2L: Tensor, transitions_2LL: Tensor) -> tuple[Tensor, Tensor]:
    """Log of the sums over what is before each token, (T, 2, B, L), by products in probability space, scaled to 1.

    The second tensor is the smallest sum that was scaled; NaN where there was nothing to scale.
    """
    peaks_T2B1 = emissions_T2BL.amax(-1, keepdim=True)
    potentials_T2BL = (emissions_T2BL - peaks_T2B1).exp()
    ends_peak_2, peak = ends_2L.amax(-1), transitions_2LL.amax()
    product = _products(transitions_2LL - peak)
    before_2BL = (ends_2L - ends_peak_2[:, None]).exp()[:, None, :].expand(potentials_T2BL.shape[1:])
    befores, scales = [], []
    for potentials_2BL in potentials_T2BL.unbind(0):
        befores.append(before_2BL)
        state_2BL = before_2BL * potentials_2BL
        scales.append(state_2BL.sum(-1, keepdim=True))
        before_2BL = product(state_2BL / scales[-1])
    scales_T2B1 = torch.stack(scales)
    factors_T2B1 = (scales_T2B1.log() + peaks_T2B1 + peak).cumsum(0)
    befores_T2BL = torch.stack(befores).log() + ends_peak_2[:, None, None]
    befores_T2BL[1:] += factors_T2B1[:-1]
    return befores_T2BL, scales_T2B1.amin()


def _products(transitions_2LL: Tensor) -> Callable[[Tensor], Tensor]:
    """Give what multiplies states (2, B, L) by the exponentiated scores of both directions."""
    if not _is_taken_apart(transitions_2LL[0]):
        moves_2LL = transitions_2LL.exp()
        return lambda state_2BL: torch.bmm(state_2BL, moves_2LL)
    moves = _Moves.find(transitions_2LL[0]).exp()

    def product(state_2BL: Tensor) -> Tensor:
        after_2BL = torch.zeros_like(state_2BL)
        after_2BL[0, :, moves.to_C] = state_2BL[0][:, moves.from_D] @ moves.block_CD.T
        after_2BL[0].index_add_(1, moves.to_P, state_2BL[0][:, moves.from_P] * moves.scores_P)
        after_2BL[1, :, moves.from_D] = state_2BL[1][:, moves.to_C] @ moves.block_CD
        after_2BL[1].index_add_(1, moves.from_P, state_2BL[1][:, moves.to_P] * moves.scores_P)
        return after_2BL

    return product


def _sums_of_logs(emissions_T2BL: Tensor, ends_2L: Tensor, transitions_2LL: Tensor) -> Tensor:
    """Give what `_scaled_sums` gives, for scores of any size."""
    befores = [ends_2L[:, None, :].expand(emissions_T2BL.shape[1:])]
    for emissions_2BL in emissions_T2BL[:-1].unbind(0):
        moved_2BLL = (befores[-1] + emissions_2BL)[..., None] + transitions_2LL[:, None]
        befores.append(moved_2BLL.logsumexp(-2))
    return torch.stack(befores)


def _is_narrow(emissions_BTL: Tensor, scores: Scores) -> bool:
    """Tell whether all sums that count stay inside float64 when each token's are scaled to 1.

    Between any two tags there is a legal way of n steps, so the sum of no tag falls further behind the largest one than
    n steps can cost. What falls out nevertheless ends at a token or two from there, or is too small to count.
    """
    num_steps = _steps_between(scores.transitions_LL.isfinite().cpu().numpy().tobytes(), len(scores.start_L))
    spread = (emissions_BTL.amax(-1) - emissions_BTL.amin(-1)).amax()
    spread += sum(_spread(part) * share for part, share in zip(scores, (1 / (num_steps + 1), 1, 1 / (num_steps + 1))))
    return bool((num_steps + 1) * spread < _RANGE)  # False for NaN too


def _spread(scores: Tensor) -> Tensor:
    """Give the largest difference between legal scores; inf where none is legal."""
    legal = scores.isfinite()
    return (torch.where(legal, scores, -torch.inf).amax() - torch.where(legal, scores, torch.inf).amin()).abs()


@lru_cache(maxsize=64)
def _steps_between(is_legal: bytes, num_tags: int) -> float:
    """Give the number of steps in which every tag can be reached from every tag; inf where there is none.

    >>> _steps_between(torch.tensor([[True, False], [True, True]]).numpy().tobytes(), 2)  # no way from 0 to 1
    inf
    """
    step_LL = torch.frombuffer(bytearray(is_legal), dtype=torch.bool).view(num_tags, num_tags).float()
    reached_LL = step_LL
    for num_steps in range(1, 9):
        if reached_LL.all():
            return num_steps
        reached_LL = (reached_LL @ step_LL).clamp(max=1)
    return math.inf


def marginals(sums: Sums, lengths_B: Tensor) -> Tensor:
    """Probability of each tag at each token given the sentence, (B, T, L) in float64; 0 on padding.

    0 everywhere in a sentence without a legal path.
    """
    joint_BTL = sums.log_alphas_BTL + sums.log_betas_BTL
    real_BT1 = (
        real_tokens(lengths_B, joint_BTL.shape[1])[..., None] & (sums.log_partition_B > -torch.inf)[:, None, None]
    )
    return torch.where(real_BT1, joint_BTL.softmax(-1), 0.0)


def moves(sums: Sums, emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores, from_P: Tensor, to_P: Tensor) -> Tensor:
    """Probability of the tag `to` at a token, given the sentence and the tag `from` at the token before, (B, T, P).

    Given a sentence the tags are a Markov chain (Sutton and McCallum 2012, section 4.1), so the probability of a
    stretch of tags is that of its first tag times that of each move. 0 at the first token, on padding, and after a tag
    that can't stand there.
    """
    num_sentences, num_tokens, _ = emissions_BTL.shape
    moved_BTP = sums.log_betas_BTL.new_zeros(num_sentences, num_tokens, len(from_P))
    if num_tokens < 2 or not len(from_P):
        return moved_BTP
    after_BTL = (emissions_BTL + sums.log_betas_BTL)[:, 1:]
    # What is behind a tag is the sum over all moves from it.
    behind_BTP = sums.log_betas_BTL[:, :-1, from_P]
    log_moved_BTP = scores.transitions_LL.double()[from_P, to_P] + after_BTL[..., to_P] - behind_BTP
    moved_BTP[:, 1:] = torch.where(behind_BTP > -torch.inf, log_moved_BTP.exp(), 0.0)
    return torch.where(real_tokens(lengths_B, num_tokens)[..., None], moved_BTP, 0.0)


def _expected_moves(sums: Sums, emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores, weight_B: Tensor) -> Tensor:
    """Expected number of uses of each transition, weighted by sentence and summed over the batch: (L, L).

    Takes prepared emissions.
    """
    transitions_LL = scores.transitions_LL.double()
    num_tokens = emissions_BTL.shape[1]
    if num_tokens < 2:
        return torch.zeros_like(transitions_LL)
    here_BTL = sums.log_alphas_BTL[:, :-1]
    next_BTL = (emissions_BTL + sums.log_betas_BTL)[:, 1:]
    # A sentence without a legal path has no expectation: it counts nothing.
    weight_B = torch.where(sums.log_partition_B > -torch.inf, weight_B, 0.0)
    weight_BT = weight_B[:, None] * real_tokens(lengths_B, num_tokens)[:, 1:]
    if sums.is_narrow:
        here_NL, next_NL = ((part - part.amax(-1, keepdim=True)).exp().flatten(0, 1) for part in (here_BTL, next_BTL))
        if _is_taken_apart(transitions_LL):
            moves = _Moves.find(transitions_LL - transitions_LL.amax()).exp()
            return moves.expected(here_NL, next_NL, weight_BT.flatten())
        moves_LL = (transitions_LL - transitions_LL.amax()).exp()
        total_N = (here_NL @ moves_LL * next_NL).sum(-1).clamp(min=1e-300)  # 0 between what stands on padding
        return moves_LL * (here_NL.T @ (next_NL * (weight_BT.flatten() / total_N)[:, None]))
    expected_LL = torch.zeros_like(transitions_LL)
    for here_BL, next_BL, weight_B in zip(here_BTL.unbind(1), next_BTL.unbind(1), weight_BT.unbind(1)):
        joint_BN = (here_BL[:, :, None] + transitions_LL + next_BL[:, None, :]).flatten(1)[weight_B != 0]
        expected_LL += (weight_B[weight_B != 0] @ joint_BN.softmax(-1)).view_as(transitions_LL)
    return expected_LL


class _LogPartition(torch.autograd.Function):
    """Log partition whose gradient is written down: marginals for emissions, expected counts for the rest.

    The derivative of log Z with respect to a score is the expected number of times that it is used (Sutton and McCallum
    2012, eq. 5.8), so nothing of the loop over T has to be kept for automatic differentiation.
    """

    @staticmethod
    def forward(
        ctx: Any,
        emissions_BTL: Tensor,
        lengths_B: Tensor,
        start_L: Tensor,
        transitions_LL: Tensor,
        end_L: Tensor,
        allowed_BTL: Tensor | None,
    ) -> Tensor:
        scores = Scores(start_L, transitions_LL, end_L)
        sums = forward_backward(emissions_BTL, lengths_B, scores, allowed_BTL)
        *tensors, ctx.is_narrow = sums
        ctx.save_for_backward(emissions_BTL, lengths_B, *scores, allowed_BTL, *tensors)
        return sums.log_partition_B.to(emissions_BTL.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_B: Tensor) -> tuple[Tensor | None, ...]:
        emissions_BTL, lengths_B, start_L, transitions_LL, end_L, allowed_BTL, *rest = ctx.saved_tensors
        log_z_B, alphas_BTL, betas_BTL = rest
        sums, weight_B = Sums(log_z_B, alphas_BTL, betas_BTL, ctx.is_narrow), grad_B.double()
        weighted_BTL = marginals(sums, lengths_B) * weight_B[:, None, None]
        if not emissions_BTL.shape[1]:
            return emissions_BTL, None, start_L * 0, transitions_LL * 0, end_L * 0, None
        last_B1L = (lengths_B - 1).clamp(min=0)[:, None, None].expand(-1, 1, weighted_BTL.shape[-1])
        prepared_BTL = _prepared(emissions_BTL, lengths_B, allowed_BTL)
        moves_LL = _expected_moves(sums, prepared_BTL, lengths_B, Scores(start_L, transitions_LL, end_L), weight_B)
        return (
            weighted_BTL.to(emissions_BTL.dtype),
            None,
            weighted_BTL[:, 0].sum(0).to(start_L.dtype),
            moves_LL.to(transitions_LL.dtype),
            weighted_BTL.gather(1, last_B1L)[:, 0].sum(0).to(end_L.dtype),
            None,
        )


def log_partition(
    emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores, *, allowed_BTL: Tensor | None = None
) -> Tensor:
    """Log of the sum over all paths of their exponentiated scores, (B,); differentiable once.

    With `allowed_BTL`, bool, only the paths through allowed tags are summed: the likelihood of a sentence that is
    annotated in part is that sum's share (Bellare and McCallum 2007; Tsuboi et al. 2008).

    >>> flat = Scores(torch.zeros(2), torch.zeros(2, 2), torch.zeros(2))
    >>> log_partition(torch.zeros(1, 3, 2), torch.tensor([3]), flat).exp().round().item()  # 2 tags, 3 tokens
    8.0
    """
    log_partition_B: Tensor = _LogPartition.apply(emissions_BTL, lengths_B, *scores, allowed_BTL)
    return log_partition_B


def path_score(emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor, scores: Scores) -> Tensor:
    """Give the score of one path per sentence, (B,). Ids on padding are ignored."""
    if not emissions_BTL.shape[1]:
        return emissions_BTL.new_zeros(len(emissions_BTL))
    real_BT = real_tokens(lengths_B, tags_BT.shape[1])
    tags_BT = torch.where(real_BT, tags_BT, 0)
    emitted_BT = emissions_BTL.gather(-1, tags_BT[..., None])[..., 0]
    moved_BT = scores.transitions_LL[tags_BT[:, :-1], tags_BT[:, 1:]]
    last_B = tags_BT.gather(1, (lengths_B - 1).clamp(min=0)[:, None])[:, 0]
    ends_B = scores.start_L[tags_BT[:, 0]] + scores.end_L[last_B]
    return (
        torch.where(real_BT, emitted_BT, 0.0).sum(-1)
        + torch.where(real_BT[:, 1:], moved_BT, 0.0).sum(-1)
        + torch.where(lengths_B > 0, ends_B, 0.0)
    )


def best_paths(
    emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores, *, num_paths: int = 1
) -> tuple[Tensor, Tensor]:
    """Find the K best paths of each sentence by the Viterbi recursion: ids (B, K, T) and path scores (B, K).

    K can exceed the number of legal paths: a path that does not exist has the score -inf. Padding has the id 0. Ties go
    to the lower tag id. Scores are summed in float64, so that long sentences lose nothing.
    """
    num_sentences, num_tokens, num_tags = emissions_BTL.shape
    if not num_tokens:
        nothing = emissions_BTL.new_full((num_sentences, num_paths), -torch.inf, dtype=torch.float64)
        nothing[:, 0] = 0.0
        return lengths_B.new_zeros(num_sentences, num_paths, 0), nothing
    if num_paths == 1 and _is_taken_apart(scores.transitions_LL):
        best_BT, best_B = _best_path(emissions_BTL.double(), lengths_B, Scores(*(part.double() for part in scores)))
        return best_BT[:, None], best_B[:, None]
    start_L, transitions_LL, end_L = (part.double() for part in scores)
    emissions_TBL = emissions_BTL.double().transpose(0, 1)
    # state: the K best scores of a path that ends in each tag; rank k of tag l stands at k * L + l
    state_BKL = emissions_BTL.new_full((num_sentences, num_paths, num_tags), -torch.inf, dtype=torch.float64)
    state_BKL[:, 0] = start_L + emissions_TBL[0]
    pointers: list[Tensor] = []
    for t in range(1, num_tokens):
        candidates_BCL = (state_BKL[..., None] + transitions_LL).flatten(1, 2)
        if num_paths == 1:
            best_BKL, pointer_BKL = candidates_BCL.max(1, keepdim=True)
        else:
            best_BKL, pointer_BKL = candidates_BCL.topk(num_paths, 1)
        goes_on_B11 = (t < lengths_B)[:, None, None]
        state_BKL = torch.where(goes_on_B11, best_BKL + emissions_TBL[t][:, None], state_BKL)
        pointers.append(pointer_BKL)
    final_BC = (state_BKL + end_L).flatten(1)
    path_score_BK, place_BK = final_BC.topk(num_paths, 1) if num_paths > 1 else final_BC.max(1, keepdim=True)
    empty_B1 = (lengths_B == 0)[:, None]
    path_score_BK = torch.where(
        empty_B1, torch.where(torch.arange(num_paths) == 0, 0.0, -torch.inf).to(path_score_BK), path_score_BK
    )

    tags_TBK = [place_BK % num_tags]
    for t in range(num_tokens - 1, 0, -1):
        came_BK = pointers[t - 1].flatten(1).gather(1, place_BK)
        place_BK = torch.where((t < lengths_B)[:, None], came_BK, place_BK)
        tags_TBK.append(place_BK % num_tags)
    tags_BKT = torch.stack(tags_TBK[::-1], -1)
    return torch.where(real_tokens(lengths_B, num_tokens)[:, None, :], tags_BKT, 0), path_score_BK


def _is_taken_apart(transitions_LL: Tensor) -> bool:
    # On the CPU alone: sums by index have no fixed order on a GPU, which multiplies whole tables quickly.
    return len(transitions_LL) > _MANY_TAGS and transitions_LL.device.type == "cpu"


class _Moves(NamedTuple):
    """The legal moves of a scheme of many labels: a dense block, and a few pairs of tags outside of it."""

    from_D: Tensor  # the tags that many tags may follow, such as O and the ends of spans
    to_C: Tensor  # the tags that may follow many, such as O and the beginnings of spans
    block_CD: Tensor
    from_P: Tensor  # the moves outside of the block, such as those within a span
    to_P: Tensor
    scores_P: Tensor

    @classmethod
    def find(cls, transitions_LL: Tensor) -> "_Moves":
        legal_LL = transitions_LL > -torch.inf
        is_from_L, is_to_L = (legal_LL.sum(axis) > _FEW_MOVES for axis in (1, 0))
        from_D, to_C = is_from_L.nonzero()[:, 0], is_to_L.nonzero()[:, 0]
        block_CD = transitions_LL[from_D][:, to_C].T.contiguous()
        from_P, to_P = (legal_LL & ~(is_from_L[:, None] & is_to_L)).nonzero().unbind(1)
        return cls(from_D, to_C, block_CD, from_P, to_P, transitions_LL[from_P, to_P])

    def exp(self) -> "_Moves":
        """Give the moves with exponentiated scores."""
        return self._replace(block_CD=self.block_CD.exp(), scores_P=self.scores_P.exp())

    def expected(self, here_NL: Tensor, next_NL: Tensor, weight_N: Tensor) -> Tensor:
        """Give the expected number of uses of each move, (L, L), from the shares of the tags on both sides."""
        here_ND, next_NC = here_NL[:, self.from_D], next_NL[:, self.to_C]
        moved_NP = here_NL[:, self.from_P] * next_NL[:, self.to_P] * self.scores_P
        total_N = ((here_ND @ self.block_CD.T) * next_NC).sum(-1) + moved_NP.sum(-1)
        share_N = weight_N / total_N.clamp(min=1e-300)
        expected_LL = here_NL.new_zeros(here_NL.shape[1], here_NL.shape[1])
        expected_LL[self.from_D[:, None], self.to_C] = self.block_CD.T * (here_ND.T @ (next_NC * share_N[:, None]))
        expected_LL[self.from_P, self.to_P] = share_N @ moved_NP
        return expected_LL

    def best_before(self, state_BL: Tensor) -> Tensor:
        """Give the best score with which each tag can be reached from the states before, (B, L)."""
        reached_BL = torch.full_like(state_BL, -torch.inf)
        if self.block_CD.numel() and len(state_BL):
            # One sentence at a time: the block of its sums stays in the cache.
            best_BC = torch.stack([(self.block_CD + state_D).amax(-1) for state_D in state_BL[:, self.from_D]])
            reached_BL[:, self.to_C] = best_BC
        moved_BP = state_BL[:, self.from_P] + self.scores_P
        return reached_BL.scatter_reduce(1, self.to_P.expand_as(moved_BP), moved_BP, "amax")


def _best_path(emissions_BTL: Tensor, lengths_B: Tensor, scores: Scores) -> tuple[Tensor, Tensor]:
    """Give the best path (B, T) and its score (B,) among many tags: what `best_paths` gives, in less time and memory.

    The way forward keeps scores and no pointers: the way back takes the best tag anew for the one tag that each
    sentence has come to.
    """
    moves = _Moves.find(scores.transitions_LL)
    states = [scores.start_L + emissions_BTL[:, 0]]
    for t in range(1, emissions_BTL.shape[1]):
        going_B = t < lengths_B
        state_BL = states[-1].clone()
        state_BL[going_B] = moves.best_before(state_BL[going_B]) + emissions_BTL[going_B, t]
        states.append(state_BL)
    best_B, tag_B = (states[-1] + scores.end_L).max(-1)
    into_LL = scores.transitions_LL.T.contiguous()
    tags = [tag_B]
    for t in range(len(states) - 1, 0, -1):
        came_B = (states[t - 1] + into_LL[tag_B]).argmax(-1)
        tag_B = torch.where(t < lengths_B, came_B, tag_B)
        tags.append(tag_B)
    real_BT = real_tokens(lengths_B, len(states))
    return torch.where(real_BT, torch.stack(tags[::-1], -1), 0), torch.where(lengths_B > 0, best_B, 0.0)
