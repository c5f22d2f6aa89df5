"""Predict the next symbol of a text, character or word: the network of the language model. Never sees a string.

Embedding, encoder in one direction, and scores over all symbols. The state goes on from window to window of a text.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import chance
from seqtag.nn.batch import Rows
from seqtag.nn.embedder import LockedDropout
from seqtag.nn.recurrent import RecurrentEncoder, State

# B streams, T symbols of a window, E embedding, H hidden, V symbols, N layers, or N = B * T places

# Symbols of a vocabulary that are scored together where no gradient is wanted
_PIECE = 1024


@dataclass(frozen=True, slots=True)
class WindowBatch(Rows):
    """One window of several streams of text: all go on where the window before ended, unless they are fresh."""

    inputs_BT: Tensor  # int64: ids of the symbols that are read
    targets_BT: Tensor  # int64: ids of the symbols that come next
    lengths_B: Tensor  # int64: T for each
    fresh_B: Tensor  # bool: the stream begins here, from a state of zeros
    weights_B: Tensor | None = None  # float: share of each stream in the loss; None: all alike


class LanguageNetwork(nn.Module):
    """Score what comes next. Symbol 0 is unknown, and there is no padding: all windows of a batch have one length.

    `dropout` is locked (one mask per window) and acts before the encoder, between its layers and after it;
    `embedding_dropout` drops whole symbols wherever they stand in the batch; `weight_drop` recurrent weights (Merity,
    Keskar and Socher 2018, https://arxiv.org/abs/1708.02182). `tied` scores with the embedding's own vectors (Press and
    Wolf 2017, Inan et al. 2017); where it and the encoder differ in width, a projection stands between them. With
    `softmax_samples` a step of training scores the symbols of its window and about this many others.

    >>> network = LanguageNetwork(5, embedding_size=3, hidden_size=4).eval()
    >>> log_probs_BTV, state = network.step(torch.tensor([[1, 4]]), network.start(1))
    >>> log_probs_BTV.shape, log_probs_BTV.exp().sum(-1).allclose(torch.ones(1, 2)), len(state)
    (torch.Size([1, 2, 5]), True, 2)
    """

    def __init__(
        self,
        num_symbols: int,
        *,
        encoder: str = "lstm",
        embedding_size: int = 128,
        hidden_size: int = 512,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        weight_drop: float = 0.0,
        tied: bool = True,
        softmax_samples: int | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_symbols, embedding_size)
        # Small vectors for the scores, the same ones of unit size for the encoder (Vaswani et al. 2017, section 3.4):
        # after an epoch of 125 steps on 200,000 characters 3.1 bits per character instead of 3.7 without the factor.
        self.scale = embedding_size**0.5
        nn.init.normal_(self.embedding.weight, std=1 / self.scale)
        self.encoder = RecurrentEncoder(
            embedding_size, encoder=encoder, hidden_size=hidden_size, num_layers=num_layers, bidirectional=False
        )
        self.dropout = LockedDropout(dropout)
        self.projection: nn.Module = nn.Identity()
        if tied and hidden_size != embedding_size:
            self.projection = nn.Linear(hidden_size, embedding_size)
        # Tied scores have no matrix of their own, so the weights of a model hold each number once.
        self.output = None if tied else nn.Linear(hidden_size, num_symbols, bias=False)
        self.bias_V = nn.Parameter(torch.zeros(num_symbols))
        self.embedding_dropout, self.weight_drop = embedding_dropout, weight_drop
        shares_V = None if softmax_samples is None else sampling_shares(num_symbols, softmax_samples)
        self.register_buffer("shares_V", shares_V, persistent=False)
        # Where the streams of training stand. This is no part of a model, so it is not in state_dict; the loop keeps
        # buffers with such names in its checkpoints.
        for number, part_NBH in enumerate(self.start(0)):
            self.register_buffer(f"carried_{number}", part_NBH, persistent=False)

    @property
    def num_symbols(self) -> int:
        """Give the number of symbols, the unknown one among them."""
        return len(self.bias_V)

    @property
    def width(self) -> int:
        """Give the number of values that a place is scored from: E if the scores are tied, else H."""
        return self.embedding.embedding_dim if self.output is None else self.output.in_features

    def forward(self, batch: WindowBatch) -> Tensor:
        """Give the mean loss per symbol, in nats; the next call goes on from the state of the streams."""
        state = self._carried(batch)
        hidden_BTE, after = self._read(batch.inputs_BT, state)
        for number, part_NBH in enumerate(after):
            setattr(self, f"carried_{number}", part_NBH.detach())
        if self.training and self.shares_V is not None:
            losses_BT = self._sampled_losses(hidden_BTE, batch.targets_BT)
        else:
            losses_BT = _losses(self._scores(hidden_BTE), batch.targets_BT)
        loss_B = losses_BT.mean(-1)
        return loss_B.mean() if batch.weights_B is None else loss_B @ batch.weights_B

    def start(self, batch_size: int) -> State:
        """Give the state before any symbol."""
        return self.encoder.start(batch_size)

    @torch.no_grad()
    def step(self, ids_BT: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols from a state on; give log probabilities of what follows each, (B, T, V), and the last state."""
        hidden_BTE, state = self.hidden(ids_BT, state)
        return functional.log_softmax(self._scores(hidden_BTE).float(), -1), state

    @torch.no_grad()
    def losses(self, ids_BT: Tensor, targets_BT: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Give minus the log probability of each target, (B, T), in nats, what `hidden` gives, and the state after."""
        hidden_BTE, state = self.hidden(ids_BT, state)
        return self._exact_losses(hidden_BTE, targets_BT), hidden_BTE, state

    def hidden(self, ids_BT: Tensor, state: State) -> tuple[Tensor, State]:
        """Give the encoder's output after each symbol, in the width of the scores; the network must be in eval mode."""
        assert not self.training, "call eval() first: dropout would change the scores"
        return self._read(ids_BT, state)

    def _carried(self, batch: WindowBatch) -> State:
        carried = tuple(self.get_buffer(f"carried_{number}") for number in range(len(self.start(0))))
        if carried[0].shape[1] != len(batch):
            assert bool(batch.fresh_B.all()), "a run begins with fresh streams"
            return self.start(len(batch))
        return tuple(part_NBH.masked_fill(batch.fresh_B[:, None], 0.0) for part_NBH in carried)

    def _read(self, ids_BT: Tensor, state: State) -> tuple[Tensor, State]:
        embedded_BTE = self.embedding(ids_BT) * self.scale
        if self.training and self.embedding_dropout:
            mask_V = chance.mask(self.bias_V, 1 - self.embedding_dropout)
            embedded_BTE = embedded_BTE * mask_V[ids_BT].unsqueeze(-1)
        between = self.dropout if self.dropout.probability and self.encoder.rnn.num_layers > 1 else None
        hidden_BTH, state = self.encoder.carry(
            self.dropout(embedded_BTE), state, weight_drop=self.weight_drop, between=between
        )
        return self.projection(self.dropout(hidden_BTH)), state

    def _sampled_losses(self, hidden_BTE: Tensor, targets_BT: Tensor) -> Tensor:
        """Estimate the losses from the targets of all places and a sample of the other symbols.

        Each other symbol is drawn with a chance of its own and counts by one over that chance, so the sum of
        exponentials that the softmax divides by is right on average (Horvitz and Thompson 1952; a sampled softmax as
        that of Jean et al. 2015, https://aclanthology.org/P15-1001/). Its logarithm, the loss, comes out a little low.
        """
        assert isinstance(self.shares_V, Tensor)
        is_target_V = torch.zeros_like(self.shares_V, dtype=torch.bool).index_fill_(0, targets_BT.flatten(), True)
        drawn_V = torch.empty_like(self.shares_V).uniform_(generator=chance.generator())
        is_kept_V = is_target_V | (drawn_V < self.shares_V)
        kept_K = is_kept_V.nonzero()[:, 0]
        counts_K = torch.where(is_target_V, 0.0, -self.shares_V.log())[kept_K]
        weight_VE = self.embedding.weight if self.output is None else self.output.weight
        scores_BTK = functional.linear(hidden_BTE, weight_VE.index_select(0, kept_K), self.bias_V[kept_K])
        places_V = is_kept_V.cumsum(0) - 1
        return _losses(scores_BTK + counts_K, places_V[targets_BT])

    def _exact_losses(self, hidden_BTE: Tensor, targets_BT: Tensor) -> Tensor:
        """Compute the losses over all symbols, a piece of a large vocabulary at a time.

        The scores of a piece stay in the processor's cache: with 19,000 words this takes 0.4 of the time of all scores
        at once.
        """
        if self.num_symbols <= 2 * _PIECE:
            return _losses(self._scores(hidden_BTE), targets_BT)
        weight_VE = self.embedding.weight if self.output is None else self.output.weight
        hidden_NE, targets_N = hidden_BTE.flatten(0, 1), targets_BT.flatten()
        pieces = zip(weight_VE.split(_PIECE), self.bias_V.split(_PIECE))
        sums = [functional.linear(hidden_NE, *piece).float().logsumexp(-1) for piece in pieces]
        scores_N = (hidden_NE * weight_VE[targets_N]).float().sum(-1) + self.bias_V[targets_N]
        # Rounding may leave a symbol that is all but certain a little below no loss.
        return (torch.stack(sums).logsumexp(0) - scores_N).clamp(min=0.0).view_as(targets_BT)

    def _scores(self, hidden_BTE: Tensor) -> Tensor:
        weight_VE = self.embedding.weight if self.output is None else self.output.weight
        return functional.linear(hidden_BTE, weight_VE, self.bias_V)


def sampling_shares(num_symbols: int, num_samples: int) -> Tensor:
    """Give the chance of each symbol to be drawn, `num_samples` on average, falling with its rank by count, (V,).

    The chance goes with rank^-0.75, up to 1: what is frequent is mostly there.

    >>> sampling_shares(1000, 100).sum().round().item(), sampling_shares(5, 9).tolist()
    (100.0, [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    falling_V = torch.arange(1, num_symbols + 1, dtype=torch.float64) ** -0.75
    low, high = 0.0, 2.0 * num_symbols  # beyond it all symbols are drawn
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if (middle * falling_V).clamp(max=1.0).sum() < num_samples else (low, middle)
    return (high * falling_V).clamp(max=1.0).float()


def _losses(scores_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    # In float32 under autocast too: the rounding of a sum over a large vocabulary would show in its logarithm.
    scores_NV = scores_BTV.flatten(0, 1).float()
    return functional.cross_entropy(scores_NV, targets_BT.flatten(), reduction="none").view_as(targets_BT)
