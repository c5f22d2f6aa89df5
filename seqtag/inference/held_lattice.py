"""The lattice of a sentence of which spans are known: exact sums and the best path under these constraints.

A known span with a strength s makes each sequence of tags that holds it exp(s) times as probable against the others; a
certain span leaves nothing but the sequences that hold it. A bonus on the emissions can't say that, since other spans
share the tags of this one. So each token of a known span gets a state of its own beside the tags: these states are
entered at the first token, followed to the last one, and bordered as the scheme wants it, so that exactly the sequences
with this span lead through them.

A sequence with the span also leads through the usual states. Sums therefore weigh the way through the own states with
exp(s) - 1, which makes exp(s) with the other one; the best path weighs it with exp(s). Under a certain span the usual
states are closed. Knows ids of tags; which tags spell a span is the business of held_batch.py.
"""

# T tokens, L tags, S states of a token: its tags, then one state for each way of a known span over it; P pairs of tags

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import count

import numpy as np

from seqtag.inference.scored import Potentials


@dataclass(frozen=True, slots=True)
class KnownWay:
    """A way to spell a known span: the tags of its tokens, and those that may not stand beside it."""

    start: int
    tags: tuple[int, ...]
    not_before: tuple[int, ...]
    not_after: tuple[int, ...]
    strength: float | None  # log odds, above 0; None: the span is certain

    @property
    def end(self) -> int:
        """The place behind the last token."""
        return self.start + len(self.tags)


class HeldLattice:
    """The states of a sentence, and what is summed and maximised over the paths through them.

    Ways of certain spans don't overlap, but for several ways of one span. One with a strength that overlaps a certain
    span is on no path.
    """

    def __init__(self, potentials: Potentials, ways: Sequence[KnownWay]) -> None:
        self.potentials, self.ways = potentials, ways
        num_tokens, self.num_tags = potentials.emissions_TL.shape
        self.closed_T = np.zeros(num_tokens, bool)  # where a certain span leaves the usual states no path
        for way in ways:
            if way.strength is None:
                self.closed_T[way.start : way.end] = True
        # The ways over each token, by number, and which of their tokens it is: in the order of their states.
        self.over: list[list[tuple[int, int]]] = [[] for _ in range(num_tokens)]
        for number, way in enumerate(ways):
            if way.strength is None or not self.closed_T[way.start : way.end].any():
                for place in range(len(way.tags)):
                    self.over[way.start + place].append((number, place))
        usual_L = np.arange(self.num_tags)
        self.tags = [
            np.concatenate([usual_L, [ways[number].tags[place] for number, place in here]]) if here else usual_L
            for here in self.over
        ]  # of the states of each token

    @property
    def is_possible(self) -> bool:
        """Whether there is a path at all."""
        return bool(self._log_partition > -np.inf)

    def best(self) -> np.ndarray:
        """Find the tags of the best path, (T,); what they are is undefined where no path is possible."""
        emissions = self.emissions(best=True)
        state_S = self.potentials.start_L[self.tags[0]] + emissions[0]
        pointers = []
        for t in range(1, len(emissions)):
            reached_SS = state_S[:, None] + self.moves(t)
            pointers.append(reached_SS.argmax(0))
            state_S = reached_SS.max(0) + emissions[t]
        states = [int((state_S + self.potentials.end_L[self.tags[-1]]).argmax())]
        for pointer_S in reversed(pointers):
            states.append(int(pointer_S[states[-1]]))
        return np.array([tags_S[state] for tags_S, state in zip(self.tags, reversed(states))], np.int64)

    def nbest(self, n: int) -> list[tuple[np.ndarray, float]]:
        """Find the n most probable sequences of tags, each once, with log probabilities; fewer if there are fewer.

        Beginnings of sequences are gone on with, the one that can become the most probable sequence first. How probable
        that is, is known exactly, so hardly any is begun in vain. One that leads through the states of known spans and
        the usual ones is one sequence, as probable as the better way, which is that with all of its known spans.
        """
        emissions, length = self.emissions(best=True), len(self.tags)
        moves = [self.moves(t) for t in range(1, length)]
        ahead = [self.potentials.end_L[self.tags[-1]]]  # the best score behind each token, by its states
        for moves_SS, emissions_S in zip(reversed(moves), reversed(emissions[1:])):
            ahead.append((moves_SS + emissions_S + ahead[-1]).max(1))
        ahead.reverse()
        number = count()  # of equally good beginnings the first one is gone on with
        first_S = self.potentials.start_L[self.tags[0]] + emissions[0]
        # What it can become, negative; its tags; the best score of each state of the next token behind them.
        waiting: list[tuple[float, int, tuple[int, ...], np.ndarray]] = [(0.0, next(number), (), first_S)]
        found: list[tuple[np.ndarray, float]] = []
        while waiting and len(found) < n:
            score, _, tags, states_S = heappop(waiting)
            t = len(tags)
            if t == length:
                found.append((np.array(tags, np.int64), -score - self._log_partition))
                continue
            best_S = states_S + ahead[t]
            for tag in np.unique(self.tags[t][best_S > -np.inf]).tolist():
                here = np.flatnonzero(self.tags[t] == tag)
                next_S = states_S
                if t + 1 < length:
                    next_S = (states_S[here, None] + moves[t][here]).max(0) + emissions[t + 1]
                heappush(waiting, (-float(best_S[here].max()), next(number), (*tags, tag), next_S))
        return found

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (T, L)."""
        marginals_TL = self.usual_marginals()
        for t, shares_S in enumerate(self._shares):
            np.add.at(marginals_TL[t], self.tags[t][self.num_tags :], shares_S[self.num_tags :])
        return marginals_TL

    def usual_marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, without the paths that are in states of known spans there."""
        return np.stack([shares_S[: self.num_tags] for shares_S in self._shares])

    def usual_moves(self, from_P: np.ndarray, to_P: np.ndarray) -> np.ndarray:
        """Give the probability of a tag at a token, given a tag at the token before, (T, P), both in usual states.

        0 at the first token, and after a tag that can't stand there. With the usual marginals this gives the
        probability of each span that is on no path in states of its own, as `nn.crf.moves` does without known spans.
        """
        emissions_TL = np.stack([emissions_S[: self.num_tags] for emissions_S in self.emissions(best=False)])
        betas_TL = np.stack([betas_S[: self.num_tags] for betas_S in self._betas])
        behind_TP = betas_TL[:-1, from_P]
        stands_TP = behind_TP > -np.inf
        after_TP = (emissions_TL + betas_TL)[1:, to_P]
        moved_TP = np.zeros((len(betas_TL), len(from_P)))
        log_moved_TP = self.potentials.transitions_LL[from_P, to_P] + after_TP - np.where(stands_TP, behind_TP, 0.0)
        moved_TP[1:] = np.exp(np.where(stands_TP, log_moved_TP, -np.inf))
        return moved_TP

    def of_way(self, number: int) -> float:
        """Give the probability of the paths through the states of a way."""
        way = self.ways[number]
        last = (number, len(way.tags) - 1)
        here = self.over[way.end - 1]
        return float(self._shares[way.end - 1][self.num_tags + here.index(last)]) if last in here else 0.0

    def emissions(self, *, best: bool) -> list[np.ndarray]:
        """Give the score of each state of each token, (S,), with what the first state of a way adds."""
        emissions = []
        for t, here in enumerate(self.over):
            if not here:
                emissions.append(self.potentials.emissions_TL[t])
                continue
            emissions_S = self.potentials.emissions_TL[t, self.tags[t]]
            if self.closed_T[t]:
                emissions_S[: self.num_tags] = -np.inf
            for state, (number, place) in enumerate(here, self.num_tags):
                strength = self.ways[number].strength
                if strength is not None and not place:
                    emissions_S[state] += strength if best else strength + np.log1p(-np.exp(-strength))
            emissions.append(emissions_S)
        return emissions

    def moves(self, t: int) -> np.ndarray:
        """Give the scores of the moves from the states of the token before `t` to those of `t`, (S, S)."""
        before, here = self.over[t - 1], self.over[t]
        if not before and not here:
            return self.potentials.transitions_LL
        from_S, to_S = self.tags[t - 1], self.tags[t]
        moves_SS: np.ndarray = self.potentials.transitions_LL[np.ix_(from_S, to_S)]
        columns = {(number, place): column for column, (number, place) in enumerate(here, self.num_tags)}
        for (number, place), column in columns.items():
            # What goes on is entered below, from its own state alone.
            moves_SS[np.isin(from_S, self.ways[number].not_before) if not place else slice(None), column] = -np.inf
        for row, (number, place) in enumerate(before, self.num_tags):
            way = self.ways[number]
            if place + 1 == len(way.tags):
                moves_SS[row, np.isin(to_S, way.not_after)] = -np.inf
                continue
            moves_SS[row] = -np.inf
            step = way.tags[place], way.tags[place + 1]
            moves_SS[row, columns[number, place + 1]] = self.potentials.transitions_LL[step]
        return moves_SS

    @cached_property
    def _alphas(self) -> list[np.ndarray]:
        """Log of the sums over what is before each token, with the token, by its states."""
        emissions = self.emissions(best=False)
        alphas = [self.potentials.start_L[self.tags[0]] + emissions[0]]
        with np.errstate(divide="ignore"):  # the logarithm of 0 is -inf, as it should be
            for t in range(1, len(emissions)):
                alphas.append(_log_sum(alphas[-1][:, None] + self.moves(t), axis=0) + emissions[t])
        return alphas

    @cached_property
    def _betas(self) -> list[np.ndarray]:
        """Log of the sums over what is behind each token, by its states."""
        emissions = self.emissions(best=False)
        betas = [self.potentials.end_L[self.tags[-1]]]
        with np.errstate(divide="ignore"):
            for t in range(len(emissions) - 1, 0, -1):
                betas.append(_log_sum(self.moves(t) + emissions[t] + betas[-1], axis=1))
        return betas[::-1]

    @cached_property
    def _log_partition(self) -> float:
        with np.errstate(divide="ignore"):
            return float(_log_sum(self._alphas[-1] + self.potentials.end_L[self.tags[-1]], axis=0))

    @cached_property
    def _shares(self) -> list[np.ndarray]:
        """The probability of each state of each token; 0 everywhere where no path is possible."""
        if not self.is_possible:
            return [np.zeros(len(tags_S)) for tags_S in self.tags]
        shares = [
            np.exp(alphas_S + betas_S - self._log_partition) for alphas_S, betas_S in zip(self._alphas, self._betas)
        ]
        return [shares_S / shares_S.sum() for shares_S in shares]  # 1 but for rounding


def _log_sum(logs: np.ndarray, *, axis: int) -> np.ndarray:
    """Log of the sum of what has these logarithms; -inf where all are."""
    peak = logs.max(axis, keepdims=True)
    peak = np.where(peak > -np.inf, peak, 0.0)
    summed: np.ndarray = np.log(np.exp(logs - peak).sum(axis)) + np.squeeze(peak, axis)
    return summed
