"""Turn the states of a text's tokens into one vector: (B, T, H) -> (B, H). Padding never counts.

A text without a token pools to zero.
"""

# B texts, T tokens, H hidden (of both directions), A attention

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqtag.nn.crf import real_tokens


class LastPooling(nn.Module):
    """The forward direction's state after the last token, and the backward direction's state after the first.

    Of a text that the encoder read in segments (see `nn.segments`), the mean of these over its segments.
    """

    name = "last"

    def __init__(self, hidden_size: int, *, bidirectional: bool = True, segment_size: int = 0) -> None:
        super().__init__()
        self.forward_size = hidden_size // 2 if bidirectional else hidden_size
        self.segment_size = segment_size

    def forward(self, hidden_BTH: Tensor, lengths_B: Tensor) -> Tensor:
        """Pool, (B, H)."""
        position_T = torch.arange(hidden_BTH.shape[1], device=hidden_BTH.device)
        size_B1 = even_size(lengths_B, self.segment_size).to(hidden_BTH.device)[:, None]
        length_B1 = lengths_B.to(hidden_BTH.device)[:, None]
        real_BT = position_T < length_B1
        first_BT = real_BT & (position_T % size_B1 == 0)
        last_BT = real_BT & (((position_T + 1) % size_B1 == 0) | (position_T + 1 == length_B1))
        ahead_BTH, back_BTH = hidden_BTH.split([self.forward_size, hidden_BTH.shape[-1] - self.forward_size], -1)
        return torch.cat([_mean(ahead_BTH, last_BT), _mean(back_BTH, first_BT)], -1)


class MeanPooling(nn.Module):
    """The mean of all states."""

    name = "mean"

    def forward(self, hidden_BTH: Tensor, lengths_B: Tensor) -> Tensor:
        """Pool, (B, H)."""
        return _mean(hidden_BTH, real_tokens(lengths_B.to(hidden_BTH.device), hidden_BTH.shape[1]))


class MaxPooling(nn.Module):
    """The largest value of each unit."""

    name = "max"

    def forward(self, hidden_BTH: Tensor, lengths_B: Tensor) -> Tensor:
        """Pool, (B, H)."""
        real_BT = real_tokens(lengths_B.to(hidden_BTH.device), hidden_BTH.shape[1])
        if not hidden_BTH.shape[1]:
            return hidden_BTH.sum(1)
        largest_BH = hidden_BTH.masked_fill(~real_BT[..., None], -torch.inf).amax(1)
        return torch.where(real_BT.any(1, keepdim=True), largest_BH, 0.0)


class AttentionPooling(nn.Module):
    """A mean of the states with weights that are learned: softmax over the tokens of v . tanh(W h + b).

    Yang et al. 2016, Hierarchical attention networks for document classification, eq. 5 to 7.
    """

    name = "attention"

    def __init__(self, hidden_size: int, *, attention_size: int = 64) -> None:
        super().__init__()
        self.key = nn.Linear(hidden_size, attention_size)
        self.query = nn.Linear(attention_size, 1, bias=False)

    def weights(self, hidden_BTH: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the weight of each token, (B, T): 1 in all for each text that has a token, 0 on padding."""
        real_BT = real_tokens(lengths_B.to(hidden_BTH.device), hidden_BTH.shape[1])
        score_BT = self.query(torch.tanh(self.key(hidden_BTH)))[..., 0].float()
        # A text without tokens would be all -inf, whose softmax is nan: its first place is let in, then set to 0.
        open_BT = real_BT | ((lengths_B == 0).to(real_BT.device)[:, None])
        return torch.where(real_BT, score_BT.masked_fill(~open_BT, -torch.inf).softmax(-1), 0.0)

    def forward(self, hidden_BTH: Tensor, lengths_B: Tensor) -> Tensor:
        """Pool, (B, H)."""
        weights_BT = self.weights(hidden_BTH, lengths_B).to(hidden_BTH.dtype)
        return torch.einsum("bt,bth->bh", weights_BT, hidden_BTH)


POOLINGS: dict[str, Callable[..., nn.Module]] = {
    "last": LastPooling,
    "mean": lambda hidden_size, **_: MeanPooling(),
    "max": lambda hidden_size, **_: MaxPooling(),
    "attention": lambda hidden_size, **_: AttentionPooling(hidden_size),
}


def even_size(lengths_B: Tensor, most: int) -> Tensor:
    """Length of the segments that a text of some length is cut into: as few as can be, all but the last alike.

    >>> even_size(torch.tensor([0, 5, 10, 11, 25]), 10).tolist()
    [1, 5, 10, 6, 9]
    """
    lengths_B = lengths_B.clamp(min=1)
    num_B = -(-lengths_B // most) if most else torch.ones_like(lengths_B)
    return -(-lengths_B // num_B)


def _mean(hidden_BTH: Tensor, chosen_BT: Tensor) -> Tensor:
    weight_BT = chosen_BT.to(hidden_BTH.dtype)
    weight_BT = weight_BT / weight_BT.sum(1, keepdim=True).clamp(min=1.0)
    return torch.einsum("bt,bth->bh", weight_BT, hidden_BTH)
