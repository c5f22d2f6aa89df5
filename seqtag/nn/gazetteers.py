"""Say of each token what it is in the phrases of lists that a sentence holds, as numbers that are 0 or 1.

For each list there are four: the token begins a phrase, stands inside, ends it, or is all of it (the lexicon features
of Chiu and Nichols 2016, https://aclanthology.org/Q16-1026/). Knows matches; finding them is not the business of nn/.
"""

# B sentences, T tokens, K lists, G = 4 K lists and parts, S tokens of matches, M matches, E embedding, D any width

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import chance
from seqtag.nn.batch import Batch

PARTS = 4  # begin, inside, end, single


def match_codes(batch: Batch, num_lists: int) -> Tensor:
    """Give 1 for each part of a match of each list that a token is, (B, T, G), and 0 elsewhere."""
    assert batch.matches_S4 is not None, "a network with lists is given matches"
    rows_S, tokens_S, columns_S, _ = batch.matches_S4.unbind(1)
    codes_BTG = torch.zeros(*batch.slots_BT.shape, PARTS * num_lists, device=batch.slots_BT.device)
    codes_BTG[rows_S, tokens_S, columns_S] = 1.0
    return codes_BTG


def without_some_matches(batch: Batch, probability: float) -> Batch:
    """Leave matches out of a batch, each with some probability and as a whole: training on what no list has.

    Without that a network would trust lists that know the entities of the training text and few of any other text.
    """
    assert batch.matches_S4 is not None
    match_S = batch.matches_S4[:, 3]
    num_matches = int(match_S[-1]) + 1 if len(match_S) else 0
    is_kept_M = chance.mask(torch.empty(num_matches, device=match_S.device), 1 - probability) > 0
    return replace(batch, matches_S4=batch.matches_S4[is_kept_M[match_S]])


class MatchScores(nn.Module):
    """Score tags by the matches that a token stands in, linearly; scores start at zero."""

    PARAMETER_GROUPS: ClassVar[dict[str, str]] = {"weight": "lexical"}

    def __init__(self, num_lists: int, num_scores: int) -> None:
        super().__init__()
        self.num_lists = num_lists
        self.weight = nn.Parameter(torch.zeros(num_scores, PARTS * num_lists))

    def forward(self, batch: Batch) -> Tensor:
        """Give the scores of the tokens, (B, T, D); 0 outside of matches."""
        return functional.linear(match_codes(batch, self.num_lists), self.weight)

    def by_column(self, batch: Batch) -> Tensor:
        """Give the scores before they are added up, (B, T, G, D)."""
        return match_codes(batch, self.num_lists)[..., None] * self.weight.T


class MatchEmbedder(nn.Module):
    """Give each token a vector that says in which matches it stands: a row for each list and part, added up."""

    def __init__(self, num_lists: int, output_size: int) -> None:
        super().__init__()
        self.num_lists, self.output_size = num_lists, output_size
        self.projection = nn.Linear(PARTS * num_lists, output_size, bias=False)
        nn.init.normal_(self.projection.weight)  # as the vectors of spelling features begin

    def forward(self, batch: Batch) -> Tensor:
        """Give the vectors of the tokens, (B, T, E); 0 outside of matches."""
        embedded_BTE: Tensor = self.projection(match_codes(batch, self.num_lists))
        return embedded_BTE
