"""Split the emissions of a sentence into what the encoder, each feature of the words and the bias add.

It needs the network: an export is one graph, which gives the sums alone.
"""

# B sentences (one), T tokens, H hidden, L tags, F features

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from seqtag.inference.explaining.explanation import Share
from seqtag.nn.batch import Batch
from seqtag.nn.network import TagNetwork
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.vocabulary import FEATURES, Vocabulary

_NEIGHBOURS = (-1, 0, 1)  # the word before, the word itself and the word after
_PARTS = ("begin", "inside", "end", "single")  # of a match, as nn/gazetteers.py has them


@dataclass(frozen=True, slots=True, eq=False)
class EmissionShares:
    """The summands of the emissions of one sentence, all divided by the temperature, in float64."""

    encoder_TL: np.ndarray | None  # the output layer without its bias; None without an encoder
    bias_L: np.ndarray
    shift_L: np.ndarray  # what dev data added to balance the tags
    columns_T3FL: np.ndarray | None  # of the lexical scores; None without them
    features_TF: np.ndarray  # ids
    vocabulary: Vocabulary
    lists: tuple[str, ...] = ()  # their names; each has a column for each of `_PARTS`

    @classmethod
    @torch.no_grad()
    def build(
        cls, network: TagNetwork, vocabulary: Vocabulary, batch: Batch, gazetteers: Gazetteers | None = None
    ) -> "EmissionShares":
        """Run the network on a batch of one sentence."""
        head = network.head

        def cooled(part: torch.Tensor) -> np.ndarray:
            array: np.ndarray = (part.double() / head.temperature).cpu().numpy()
            return array

        encoder_TL, columns_T3FL = None, None
        if isinstance(head.output, torch.nn.Linear):
            hidden_BTH = network.hidden(batch).double()
            encoder_TL = cooled((hidden_BTH @ head.output.weight.double().T)[0])
        if head.lexical is not None:
            columns_T3FL = cooled(head.lexical.by_column(batch)[0])
        features_TF = batch.features_UF[batch.slots_BT[0]].cpu().numpy()
        lists = () if gazetteers is None else gazetteers.names
        of_tags = cooled(head.output.bias), cooled(head.shift_L)
        return cls(encoder_TL, *of_tags, columns_T3FL, features_TF, vocabulary, lists)

    def __call__(self, token: int, chosen: int, instead: int) -> tuple[Share, ...]:
        """Give what adds to the difference between the emissions of two tags at a token; zeros are left out."""
        shares = (
            [] if self.encoder_TL is None else [Share("encoder", _difference(self.encoder_TL[token], chosen, instead))]
        )
        shares.append(Share("bias", _difference(self.bias_L, chosen, instead)))
        shares.append(Share("shift", _difference(self.shift_L, chosen, instead)))
        if self.columns_T3FL is not None:
            for step, columns_FL in zip(_NEIGHBOURS, self.columns_T3FL[token]):
                for column, score_L in enumerate(columns_FL):
                    score = _difference(score_L, chosen, instead)
                    if score:
                        shares.append(self._share(column, token + step, score))
        return tuple(share for share in shares if share.score)

    def _share(self, column: int, token: int, score: float) -> Share:
        """Name a column, and say what a token has in it."""
        if column >= len(FEATURES):
            number, part = divmod(column - len(FEATURES), len(_PARTS))
            return Share(f"list {self.lists[number]}", score, token, _PARTS[part])
        # The id of a known value is its place in the index, behind padding and unknown.
        index = self.vocabulary.indices[FEATURES[column]]
        value = next(islice(index, int(self.features_TF[token, column]) - 2, None))
        return Share(FEATURES[column], score, token, value)


def _difference(score_L: np.ndarray, chosen: int, instead: int) -> float:
    return float(score_L[chosen]) - float(score_L[instead])
