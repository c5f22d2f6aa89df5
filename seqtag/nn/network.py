"""Embedder, encoder and head in a row. `forward` is the loss, so that a data-parallel wrapper sees every parameter.

A network without an encoder has states of no numbers, and its head decides by linear scores alone.
"""

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from seqtag.nn.batch import AnyBatch, Batch
from seqtag.nn.classification import ClassHead
from seqtag.nn.embedder import LockedDropout
from seqtag.nn.gazetteers import without_some_matches
from seqtag.nn.heads import CRFHead, Head, LinearHead
from seqtag.nn.pooling import AttentionPooling

AnyHead = TypeVar("AnyHead", bound=Head)


class NoStates(nn.Module):
    """Stands in the place of an embedder in a network without an encoder: states of no numbers, (B, T, 0)."""

    output_size = 0

    def forward(self, batch: Batch) -> Tensor:
        """Give each token a vector without an entry."""
        return torch.zeros(*batch.slots_BT.shape, 0, device=batch.slots_BT.device)


class Network(nn.Module, Generic[AnyHead]):
    """A whole model, from ids to a loss."""

    head: AnyHead

    def __init__(self, embedder: nn.Module, encoder: nn.Module | None, head: AnyHead, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedder = embedder
        self.encoder = encoder
        self.dropout = LockedDropout(dropout)
        self.head = head

    def hidden(self, batch: AnyBatch) -> Tensor:
        """Encode a batch: (B, T, H)."""
        embedded_BTE: Tensor = self.embedder(batch)
        if self.encoder is None:
            return embedded_BTE
        hidden_BTH: Tensor = self.dropout(self.encoder(embedded_BTE, batch.lengths_B))
        return hidden_BTH

    def forward(self, batch: AnyBatch) -> Tensor:
        """Give the loss of a batch."""
        return self.head.loss(self.hidden(batch), batch)


class TagNetwork(Network[LinearHead | CRFHead]):
    """A network that gives each token a tag; training leaves out some of the matches of its lists."""

    def __init__(
        self,
        embedder: nn.Module,
        encoder: nn.Module | None,
        head: LinearHead | CRFHead,
        *,
        dropout: float = 0.0,
        match_dropout: float = 0.0,
    ) -> None:
        super().__init__(embedder, encoder, head, dropout=dropout)
        self.match_dropout = match_dropout

    def forward(self, batch: AnyBatch) -> Tensor:
        """Give the loss of a batch."""
        if self.training and self.match_dropout and isinstance(batch, Batch) and batch.matches_S4 is not None:
            batch = without_some_matches(batch, self.match_dropout)  # here, for embedder and head to miss the same ones
        return super().forward(batch)

    @torch.no_grad()
    def emissions(self, batch: Batch) -> Tensor:
        """Give the score of each tag at each token, (B, T, L)."""
        return self.head.emissions(self.hidden(batch), batch)


class ClassNetwork(Network[ClassHead]):
    """A network that gives each text, or series, one class or several."""

    @torch.no_grad()
    def probabilities(self, batch: AnyBatch) -> Tensor:
        """Give the probability of each class, (B, L)."""
        return self.head.mix(self.views(batch))

    @torch.no_grad()
    def views(self, batch: AnyBatch) -> Tensor:
        """Give the score of each class by each view of a text, (V, B, L)."""
        return self.head.views(self.hidden(batch), batch)

    @torch.no_grad()
    def attention(self, batch: AnyBatch) -> Tensor:
        """Give the weight of each token, (B, T); the pooling must be one with weights."""
        assert isinstance(self.head.pooling, AttentionPooling)
        return self.head.pooling.weights(self.hidden(batch), batch.lengths_B)
