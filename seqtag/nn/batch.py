"""The record that every part of the network reads: one batch of sentences as ids. Made by `seqtag.batching.collate`."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

# B sentences, T tokens, U distinct words of the batch, F features, C characters

# Ids that mean the same in every column of features, and for characters.
PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: sentences as places in a table of its distinct words. Row 0 of that table is padding."""

    slots_BT: Tensor  # int64: row of the token's word in features_UF and characters_UC; 0 on padding
    features_UF: Tensor  # int64: feature ids of each distinct word
    characters_UC: Tensor  # int64: character ids of each distinct word
    lengths_B: Tensor  # int64: real tokens of each sentence
    tags_BT: Tensor | None = None  # int64: gold tag ids; 0 on padding
    weights_B: Tensor | None = None  # float: share of each sentence in the loss; None: all alike

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor to a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: t.to(device, non_blocking=True) for name, t in moved.items() if t is not None})

    def __len__(self) -> int:
        return len(self.lengths_B)
