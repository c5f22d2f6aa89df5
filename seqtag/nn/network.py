"""Embedder, encoder and head in a row. `forward` is the loss, so that a data-parallel wrapper sees every parameter."""

import torch
from torch import Tensor, nn

from seqtag.nn.batch import Batch
from seqtag.nn.embedder import Embedder, LockedDropout
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.recurrent import RecurrentEncoder


class Network(nn.Module):
    """A whole model on ids."""

    def __init__(
        self, embedder: Embedder, encoder: RecurrentEncoder, head: LinearHead | CRFHead, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedder = embedder
        self.encoder = encoder
        self.dropout = LockedDropout(dropout)
        self.head = head

    def hidden(self, batch: Batch) -> Tensor:
        """Encode a batch: (B, T, H)."""
        hidden_BTH: Tensor = self.dropout(self.encoder(self.embedder(batch), batch.lengths_B))
        return hidden_BTH

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of a batch."""
        return self.head.loss(self.hidden(batch), batch)

    @torch.no_grad()
    def decode(self, batch: Batch) -> Tensor:
        """Give the best tag ids, (B, T)."""
        return self.head.decode(self.hidden(batch), batch)

    @torch.no_grad()
    def emissions(self, batch: Batch) -> Tensor:
        """Give the score of each tag at each token, (B, T, L)."""
        return self.head.emissions(self.hidden(batch), batch)
