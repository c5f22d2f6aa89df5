"""The records that the network reads: one batch of sentences as ids, or of series of numbers.

Made by `seqtag.batching`; this file says what is in them.
"""

from dataclasses import dataclass, fields, replace
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

# B rows (sentences, texts or series), T tokens or steps, U distinct words of the batch, F features, C characters,
# E embedding, L labels, D numbers of a step, M language models, S their states side by side, or tokens in matches of
# lists

UNKNOWN = 1  # in every column of features and among the characters; 0 is padding

Self = TypeVar("Self", bound="Rows")


class Rows:
    """What all kinds of batches share."""

    __slots__ = ()
    lengths_B: Tensor

    def to(self: Self, device: torch.device) -> Self:
        """Move every tensor to a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return replace(self, **{name: t.to(device, non_blocking=True) for name, t in moved.items() if t is not None})  # type: ignore[type-var]

    def __len__(self) -> int:
        return len(self.lengths_B)


@dataclass(frozen=True, slots=True)
class Batch(Rows):
    """One batch: sentences as places in a table of its distinct words. Row 0 of that table is padding.

    For a network with a context it also holds what its language models read, or their states if those are known.
    """

    slots_BT: Tensor  # int64: row of the token's word in features_UF and characters_UC; 0 on padding
    features_UF: Tensor  # int64: feature ids of each distinct word
    characters_UC: Tensor  # int64: character ids of each distinct word
    lengths_B: Tensor  # int64: real tokens of each sentence
    tags_BT: Tensor | None = None  # int64: gold tag ids; 0 on padding
    labels_BL: Tensor | None = None  # float: 1 where the text has the label
    weights_B: Tensor | None = None  # float: share of each sentence in the loss; None where all count alike
    symbols_MBC: Tensor | None = None  # int64: a line break and the characters of each sentence, as each model reads it
    picks_MBT: Tensor | None = None  # int64: the character at which a token's state is taken; 0 on padding
    states_BTS: Tensor | None = None  # float: the states themselves, known from an earlier reading; 0 on padding
    allowed_BTL: Tensor | None = None  # bool: the tags that a token may have; None where every token's tag is known
    unseen_UE: Tensor | None = None  # float: vectors of words that have no row in the network's table, else 0
    matches_S4: Tensor | None = None  # int64: row and place of a token in a match of a list, list and part, match


@dataclass(frozen=True, slots=True)
class SeriesBatch(Rows):
    """One batch of series of numbers."""

    values_BTD: Tensor  # float; 0 on padding
    lengths_B: Tensor  # int64: real steps of each series
    labels_BL: Tensor | None = None  # float: 1 where the series has the label
    weights_B: Tensor | None = None  # float: share of each series in the loss; None where all count alike


AnyBatch: TypeAlias = Batch | SeriesBatch
