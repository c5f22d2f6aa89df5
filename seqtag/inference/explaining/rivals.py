"""The best path in which a span stands, and the best one in which it does not: exact, in every scheme.

Whether a span stands is seen from neighbouring tags alone: its tokens have its label, a border lies before the first
and behind the last of them, and none between. So a Viterbi pass whose states also say whether all of this has held so
far finds both paths. Illegal paths, which a linear head has, are read as `spans_from_tags` reads them.
"""

# B rows, T tokens, L tags of the model

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seqtag.inference.scored import Potentials
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
    """Rows of as many tokens each, with the best scores on both sides of every tag."""

    emissions_BTL: np.ndarray
    chain: Potentials  # those of the first row; the moves between tags are the same for all
    reading: Reading
    befores_BTL: np.ndarray  # best score of a path up to a tag, its emission included
    behinds_BTL: np.ndarray  # best score of what follows a tag

    @classmethod
    def build(cls, potentials: Sequence[Potentials], tagset: TagSet) -> "Lattice":
        """Run the Viterbi recursion from both ends; all rows have one length, of at least one token."""
        emissions_BTL, (_, start_L, transitions_LL, end_L) = (
            np.stack([row.emissions_TL for row in potentials]),
            potentials[0],
        )
        befores_BTL, behinds_BTL = np.empty_like(emissions_BTL), np.empty_like(emissions_BTL)
        befores_BTL[:, 0] = start_L + emissions_BTL[:, 0]
        behinds_BTL[:, -1] = end_L
        for t in range(1, emissions_BTL.shape[1]):
            befores_BTL[:, t] = _reached(befores_BTL[:, t - 1], transitions_LL) + emissions_BTL[:, t]
            behinds_BTL[:, -t - 1] = _reached(behinds_BTL[:, -t] + emissions_BTL[:, -t], transitions_LL.T)
        return cls(emissions_BTL, potentials[0], reading_of(tagset), befores_BTL, behinds_BTL)

    def scores(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Give the score of the best path with the span, and that of the best one without it, (B,) each.

        -inf stands where there is no such path.
        """
        *_, last_B2L = self._walk(span)
        ended_B2L = last_B2L + self.behinds_BTL[:, None, self._last(span)]
        with_B, without_B = ended_B2L.max(-1).T
        return with_B, without_B

    def log_odds(self, span: Span) -> np.ndarray:
        """Give the log odds of the best path with the span against the best one without it, (B,).

        inf stands where there is no path without it, and -inf where there is none with it.
        """
        with_B, without_B = self.scores(span)
        is_possible_B = with_B > -np.inf
        return np.where(is_possible_B, np.where(is_possible_B, with_B, 0.0) - without_B, -np.inf)

    def paths(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Give both paths of the first row, as ids (T,); they mean nothing where `scores` are -inf."""
        states_N2L = [state_B2L[0] for state_B2L in self._walk(span)]
        with_T, without_T = (self._trace(span, states_N2L, flag) for flag in (_STANDS, _FELL))
        return with_T, without_T

    def _walk(self, span: Span) -> list[np.ndarray]:
        """Give the best score of each state, (B, 2, L), at the tokens from the first one of the span to `_last`."""
        if span.start == 0:
            first_BL = self.chain.start_L + self.emissions_BTL[:, 0]
            is_label_L = self.reading.has_label(span.label)
            states = [np.stack([np.where(is_label_L, first_BL, -np.inf), np.where(is_label_L, -np.inf, first_BL)], 1)]
        else:
            before_BL = self.befores_BTL[:, span.start - 1]
            states = [self._step(np.stack([before_BL, np.full_like(before_BL, -np.inf)], 1), span, span.start)]
        for t in range(span.start + 1, self._last(span) + 1):
            states.append(self._step(states[-1], span, t))
        return states

    def _last(self, span: Span) -> int:
        """Give the number of the last token that says whether the span stands: the one behind it, if there is one."""
        num_tokens = self.emissions_BTL.shape[1]
        is_behind_asked = span.end < num_tokens and not self.reading.borders_LL.all()
        return span.end if is_behind_asked else span.end - 1

    def _step(self, state_B2L: np.ndarray, span: Span, t: int) -> np.ndarray:
        stands_LL, falls_LL = self._moves(span, t)
        stood_BL, fell_BL = state_B2L[:, _STANDS], state_B2L[:, _FELL]
        stands_BL = _reached(stood_BL, stands_LL)
        falls_BL = np.maximum(_reached(stood_BL, falls_LL), _reached(fell_BL, self.chain.transitions_LL))
        step_B2L: np.ndarray = np.stack([stands_BL, falls_BL], 1) + self.emissions_BTL[:, None, t]
        return step_B2L

    def _moves(self, span: Span, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the scores of the moves to a token with which the span still stands, and of those where it falls."""
        fits_LL = self.reading.borders_LL if t in (span.start, span.end) else ~self.reading.borders_LL
        if t < span.end:
            fits_LL = fits_LL & self.reading.has_label(span.label)
        transitions_LL = self.chain.transitions_LL
        return np.where(fits_LL, transitions_LL, -np.inf), np.where(fits_LL, -np.inf, transitions_LL)

    def _trace(self, span: Span, states_N2L: list[np.ndarray], flag: int) -> np.ndarray:
        """Go back from the best end with a flag, taking the best tag anew at each token, as `runtime.crf` does."""
        emissions_TL, transitions_LL = self.emissions_BTL[0], self.chain.transitions_LL
        befores_TL, behinds_TL = self.befores_BTL[0], self.behinds_BTL[0]
        last, num_tags = self._last(span), len(transitions_LL)
        path_T = np.empty(len(emissions_TL), np.int64)
        path_T[last] = (states_N2L[-1][flag] + behinds_TL[last]).argmax()
        for t in range(last + 1, len(path_T)):
            path_T[t] = (transitions_LL[path_T[t - 1]] + emissions_TL[t] + behinds_TL[t]).argmax()
        for t in range(last, 0, -1):
            tag = path_T[t]
            if t < span.start:
                path_T[t - 1] = (befores_TL[t - 1] + transitions_LL[:, tag]).argmax()
                continue
            stands_LL, falls_LL = self._moves(span, t)
            if t == span.start:  # before the span nothing can have fallen
                into_L = (stands_LL if flag == _STANDS else falls_LL)[:, tag]
                path_T[t - 1] = (befores_TL[t - 1] + into_L).argmax()
                continue
            state_2L = states_N2L[t - 1 - span.start]
            if flag == _STANDS:
                path_T[t - 1] = (state_2L[_STANDS] + stands_LL[:, tag]).argmax()
                continue
            into_2L = state_2L + np.stack([falls_LL[:, tag], transitions_LL[:, tag]])
            flag, path_T[t - 1] = divmod(int(into_2L.argmax()), num_tags)
        return path_T


def _reached(state_BL: np.ndarray, moves_LL: np.ndarray) -> np.ndarray:
    """Give the best score with which each tag is reached; row by row, so that many tags cost little memory."""
    from_LL = np.ascontiguousarray(moves_LL.T)  # [to, from]
    return np.stack([(state_L + from_LL).max(-1) for state_L in state_BL])
