"""What an engine gives of a batch that its network has scored: answers, and the scores that these are made of."""

# B sentences, T tokens, L tags of the model, R some rows of a batch, P pairs of tags

from typing import NamedTuple, Protocol

import numpy as np


class Potentials(NamedTuple):
    """The scores of one sentence at the temperature of its head, in float64: a linear head has moves that cost 0."""

    emissions_TL: np.ndarray
    start_L: np.ndarray
    transitions_LL: np.ndarray  # [from, to]; -inf forbids, here as in the two others
    end_L: np.ndarray


class Scored(Protocol):
    """A batch of sentences, none of them empty, that an engine has scored."""

    def best(self) -> np.ndarray:
        """Give the best tag ids, (B, T)."""

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L)."""

    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals of some rows, (R, T, L), and the probability of each move, (R, T, P); see `nn.crf`."""

    def potentials(self, rows_R: np.ndarray) -> list[Potentials]:
        """Give the scores of some rows, each without its padding."""
