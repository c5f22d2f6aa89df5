"""The best path in which a span stands, and the best one in which it does not: exact, in every scheme.

Whether a span stands is seen from neighbouring tags alone: its tokens have its label, a border lies before the first
and behind the last of them, and none between. So a Viterbi pass whose states also say whether all of this has held so
far finds both paths. Illegal paths, which a linear head has, are read as `spans_from_tags` reads them.
"""

# B rows, T tokens, L tags of the model, S states of a token: its tags, then those of known spans over it

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seqtag.inference.held_lattice import HeldLattice
from seqtag.text.schemes import Span, read_tag
from seqtag.text.tagset import TagSet

_STANDS, _FELL = 0, 1  # what a state says of the span


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How the tags of a model are read as spans."""

    labels: tuple[str, ...]  # of each tag; "" outside of spans
    borders_LL: np.ndarray  # bool, [left, right]: whether no span goes on from the left tag to the right one

    def has_label(self, label: str) -> np.ndarray:
        """Say which tags have a label, (L,)."""
        return np.array([other == label for other in self.labels])


@lru_cache(maxsize=16)
def reading_of(tagset: TagSet) -> Reading:
    """Read the tags of a model as `decode` and `spans_from_tags` do together.

    >>> reading = reading_of(TagSet.build(["O", "B-PER", "I-PER"], "IOB2"))
    >>> reading.labels, reading.borders_LL[1].tolist()  # from the model's B-PER to O, B-PER, I-PER, E-PER, S-PER
    (('', 'PER', 'PER', 'PER', 'PER'), [True, True, False, False, True])
    """
    names = [tagset.data_tags[i] for i in tagset.to_data]
    if tagset.data_scheme == "plain":
        return Reading(tuple(names), np.ones((len(names), len(names)), bool))
    read = [read_tag(name) for name in names]
    number = {label: i for i, label in enumerate(dict.fromkeys(label for _, label in read))}
    labels_L = np.array([number[label] for _, label in read])
    opens_L, closes_L = (np.array([letter in letters for letter, _ in read]) for letters in ("BS", "ES"))
    borders_LL = (labels_L[:, None] != labels_L) | opens_L | closes_L[:, None]
    return Reading(tuple(label for _, label in read), borders_LL)


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Rows of as many tokens each, with the best scores on both sides of every state.

    States are the tags, and beside them those of known spans; see `held_lattice`. Known spans are those of all rows.
    """

    first: HeldLattice  # of the first row; the states and the moves between them are the same for all
    reading: Reading
    emissions: list[np.ndarray]  # of each token, (B, S)
    moves: list[np.ndarray]  # into each token, from the one before, (S, S); of the first one, none
    befores: list[np.ndarray]  # best score of a path up to a state, its emission included, (B, S)
    behinds: list[np.ndarray]  # best score of what follows a state, (B, S)

    @classmethod
    def build(cls, rows: Sequence[HeldLattice], tagset: TagSet) -> "Lattice":
        """Run the Viterbi recursion from both ends; all rows have one length, of at least one token."""
        first = rows[0]
        emissions = [np.stack(of_token) for of_token in zip(*(row.emissions(best=True) for row in rows))]
        length, chain = len(emissions), first.potentials
        moves = [np.zeros((0, 0)), *(first.moves(t) for t in range(1, length))]
        befores = [chain.start_L[first.tags[0]] + emissions[0]]
        behinds = [np.tile(chain.end_L[first.tags[-1]], (len(rows), 1))]
        for t in range(1, length):
            befores.append(_reached(befores[-1], moves[t]) + emissions[t])
            behinds.append(_reached(behinds[-1] + emissions[-t], moves[-t].T))
        return cls(first, reading_of(tagset), emissions, moves, befores, behinds[::-1])

    def scores(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Give the score of the best path with the span, and that of the best one without it, (B,) each.

        -inf stands where there is no such path.
        """
        *_, last_B2S = self._walk(span)
        ended_B2S = last_B2S + self.behinds[self._last(span)][:, None]
        with_B, without_B = ended_B2S.max(-1).T
        return with_B, without_B

    def log_odds(self, span: Span) -> np.ndarray:
        """Give the log odds of the best path with the span against the best one without it, (B,).

        inf stands where there is no path without it, and -inf where there is none with it.
        """
        with_B, without_B = self.scores(span)
        is_possible_B = with_B > -np.inf
        return np.where(is_possible_B, np.where(is_possible_B, with_B, 0.0) - without_B, -np.inf)

    def paths(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Give both paths of the first row, as states (T,); they mean nothing where `scores` are -inf."""
        states_N2S = [state_B2S[0] for state_B2S in self._walk(span)]
        with_T, without_T = (self._trace(span, states_N2S, flag) for flag in (_STANDS, _FELL))
        return with_T, without_T

    def tags(self, path_T: np.ndarray) -> np.ndarray:
        """Give the tags of the states of a path, as ids (T,)."""
        return np.array([tags_S[state] for tags_S, state in zip(self.first.tags, path_T)], np.int64)

    def known(self, path_T: np.ndarray) -> set[int]:
        """Give the numbers of the ways of known spans through which a path leads."""
        chosen = zip(self.first.over, (path_T - self.first.num_tags).tolist())
        return {here[state][0] for here, state in chosen if state >= 0}

    def _walk(self, span: Span) -> list[np.ndarray]:
        """Give the best score of each state, (B, 2, S), at the tokens from the first one of the span to `_last`."""
        if span.start == 0:
            first_BS = self.befores[0]
            is_label_S = self._has_label(span, 0)
            states = [np.stack([np.where(is_label_S, first_BS, -np.inf), np.where(is_label_S, -np.inf, first_BS)], 1)]
        else:
            before_BS = self.befores[span.start - 1]
            states = [self._step(np.stack([before_BS, np.full_like(before_BS, -np.inf)], 1), span, span.start)]
        for t in range(span.start + 1, self._last(span) + 1):
            states.append(self._step(states[-1], span, t))
        return states

    def _has_label(self, span: Span, t: int) -> np.ndarray:
        return self.reading.has_label(span.label)[self.first.tags[t]]

    def _last(self, span: Span) -> int:
        """Give the number of the last token that says whether the span stands: the one behind it, if there is one."""
        is_behind_asked = span.end < len(self.emissions) and not self.reading.borders_LL.all()
        return span.end if is_behind_asked else span.end - 1

    def _step(self, state_B2S: np.ndarray, span: Span, t: int) -> np.ndarray:
        stands_SS, falls_SS = self._moves(span, t)
        stood_BS, fell_BS = state_B2S[:, _STANDS], state_B2S[:, _FELL]
        stands_BS = _reached(stood_BS, stands_SS)
        falls_BS = np.maximum(_reached(stood_BS, falls_SS), _reached(fell_BS, self.moves[t]))
        step_B2S: np.ndarray = np.stack([stands_BS, falls_BS], 1) + self.emissions[t][:, None]
        return step_B2S

    def _moves(self, span: Span, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the scores of the moves to a token with which the span still stands, and of those where it falls."""
        borders_SS = self.reading.borders_LL[np.ix_(self.first.tags[t - 1], self.first.tags[t])]
        fits_SS = borders_SS if t in (span.start, span.end) else ~borders_SS
        if t < span.end:
            fits_SS = fits_SS & self._has_label(span, t)
        return np.where(fits_SS, self.moves[t], -np.inf), np.where(fits_SS, -np.inf, self.moves[t])

    def _trace(self, span: Span, states_N2S: list[np.ndarray], flag: int) -> np.ndarray:
        """Go back from the best end with a flag, taking the best state anew at each token, as `runtime.crf` does."""
        last = self._last(span)
        path_T = np.empty(len(self.emissions), np.int64)
        path_T[last] = (states_N2S[-1][flag] + self.behinds[last][0]).argmax()
        for t in range(last + 1, len(path_T)):
            path_T[t] = (self.moves[t][path_T[t - 1]] + self.emissions[t][0] + self.behinds[t][0]).argmax()
        for t in range(last, 0, -1):
            state = path_T[t]
            if t < span.start:
                path_T[t - 1] = (self.befores[t - 1][0] + self.moves[t][:, state]).argmax()
                continue
            stands_SS, falls_SS = self._moves(span, t)
            if t == span.start:  # before the span nothing can have fallen
                into_S = (stands_SS if flag == _STANDS else falls_SS)[:, state]
                path_T[t - 1] = (self.befores[t - 1][0] + into_S).argmax()
                continue
            state_2S = states_N2S[t - 1 - span.start]
            if flag == _STANDS:
                path_T[t - 1] = (state_2S[_STANDS] + stands_SS[:, state]).argmax()
                continue
            into_2S = state_2S + np.stack([falls_SS[:, state], self.moves[t][:, state]])
            flag, path_T[t - 1] = divmod(int(into_2S.argmax()), into_2S.shape[1])
        return path_T


def _reached(state_BS: np.ndarray, moves_SS: np.ndarray) -> np.ndarray:
    """Give the best score with which each state is reached; row by row, so that many tags cost little memory."""
    from_SS = np.ascontiguousarray(moves_SS.T)  # [to, from]
    return np.stack([(state_S + from_SS).max(-1) for state_S in state_BS])
