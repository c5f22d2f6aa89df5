"""The heads of the runtime, which decide on emissions: a linear head, or a CRF. See `inference.scored`."""

# B sentences, T tokens, L tags, R rows of a batch, P pairs of tags

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from seqtag.inference.scored import Potentials
from seqtag.runtime import crf

# An export writes -1e30 for -inf, which JSON has no number for; no score that was learned comes near this.
_FORBIDDEN = -1e29


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Each token decides for itself; probabilities are a softmax at a temperature."""

    temperature: float

    def best(self, emissions_BTL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Give the likeliest tag of each token, (B, T); 0 on padding."""
        return np.where(crf.real_tokens(lengths_B, emissions_BTL.shape[1]), emissions_BTL.argmax(-1), 0)

    def marginals(self, emissions_BTL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L) in float64; 0 on padding."""
        real_BT1 = crf.real_tokens(lengths_B, emissions_BTL.shape[1])[..., None]
        cooled_BTL = np.where(real_BT1, emissions_BTL, 0.0).astype(np.float64) / self.temperature
        raised_BTL = np.exp(cooled_BTL - cooled_BTL.max(-1, keepdims=True))
        return np.where(real_BT1, raised_BTL / raised_BTL.sum(-1, keepdims=True), 0.0)

    def chain(
        self, emissions_BTL: np.ndarray, lengths_B: np.ndarray, from_P: np.ndarray, to_P: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals (B, T, L) and the probability of each move (B, T, P), which is that of its second tag."""
        marginals_BTL = self.marginals(emissions_BTL, lengths_B)
        moved_BTP = marginals_BTL[..., to_P]
        moved_BTP[:, :1] = 0.0
        return marginals_BTL, moved_BTP

    def potentials(self, emissions_TL: np.ndarray) -> Potentials:
        """Give the scores of one sentence at the temperature."""
        free_L = np.zeros(emissions_TL.shape[1])
        free_LL = np.zeros((len(free_L), len(free_L)))
        return Potentials(emissions_TL.astype(np.float64) / self.temperature, free_L, free_LL, free_L)


@dataclass(frozen=True, slots=True, eq=False)
class CRFHead:
    """A linear chain over the tags; its best paths don't depend on the temperature, its probabilities do."""

    scores: crf.Scores
    cooled: crf.Scores  # at the temperature
    temperature: float

    def best(self, emissions_BTL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Give the likeliest legal sequence of each sentence, (B, T); 0 on padding."""
        return crf.best_paths(emissions_BTL, lengths_B, self.scores)

    def marginals(self, emissions_BTL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Give the probability of each tag at each token given the whole sentence, (B, T, L); 0 on padding."""
        cooled_BTL = emissions_BTL.astype(np.float64) / self.temperature
        return crf.marginals(crf.forward_backward(cooled_BTL, lengths_B, self.cooled), lengths_B)

    def chain(
        self, emissions_BTL: np.ndarray, lengths_B: np.ndarray, from_P: np.ndarray, to_P: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals (B, T, L) and the probability of each move (B, T, P); see `crf.moves`."""
        cooled_BTL = emissions_BTL.astype(np.float64) / self.temperature
        sums = crf.forward_backward(cooled_BTL, lengths_B, self.cooled)
        moved_BTP = crf.moves(sums, cooled_BTL, lengths_B, self.cooled, from_P, to_P)
        return crf.marginals(sums, lengths_B), moved_BTP

    def potentials(self, emissions_TL: np.ndarray) -> Potentials:
        """Give the scores of one sentence at the temperature."""
        return Potentials(emissions_TL.astype(np.float64) / self.temperature, *self.cooled)


Head: TypeAlias = LinearHead | CRFHead


def read_head(stored: Mapping[str, Any], num_tags: int) -> Head:
    """Build the head that the metadata of an export describe; ValueError, TypeError or KeyError where they don't.

    >>> read_head({"head": "linear", "temperature": 2.0}, 3).temperature
    2.0
    """
    temperature = float(stored["temperature"])
    if not 1e-6 < temperature < 1e6:
        raise ValueError(f"temperature {temperature}")
    if stored["head"] == "linear":
        return LinearHead(temperature)
    if stored["head"] != "crf":
        raise ValueError(f"head {stored['head']!r}")
    parts = []
    for name, shape in (("start", (num_tags,)), ("transitions", (num_tags, num_tags)), ("end", (num_tags,))):
        part = np.array(stored[name], np.float64)
        if part.shape != shape or not np.isfinite(part).all():
            raise ValueError(f"{name} scores of the shape {part.shape}, for {num_tags} tags")
        part[part <= _FORBIDDEN] = -np.inf
        parts.append(part)
    return CRFHead(crf.Scores(*parts), crf.Scores(*(part / temperature for part in parts)), temperature)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredBatch:
    """A batch with its emissions; see `inference.scored.Scored`."""

    head: Head
    emissions_BTL: np.ndarray  # float32
    lengths_B: np.ndarray

    def best(self) -> np.ndarray:
        """Give the best tag ids, (B, T)."""
        return self.head.best(self.emissions_BTL, self.lengths_B)

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L)."""
        return self.head.marginals(self.emissions_BTL, self.lengths_B)

    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals of some rows, (R, T, L), and the probability of each move, (R, T, P)."""
        return self.head.chain(self.emissions_BTL[rows_R], self.lengths_B[rows_R], from_P, to_P)

    def potentials(self, rows_R: np.ndarray) -> list[Potentials]:
        """Give the scores of some rows, each without its padding."""
        return [self.head.potentials(self.emissions_BTL[row, : self.lengths_B[row]]) for row in rows_R]
