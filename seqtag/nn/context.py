"""Lend the states of language models to the tokens of a sentence: characters -> (B, T, D). Never sees a string.

Contextual string embeddings (Akbik, Blythe and Vollgraf 2018, https://aclanthology.org/C18-1139/): the models read a
sentence character by character, and a token gets the states at its edge. seqtag.batching says where that is.
"""

# B sentences, T tokens, C characters, M language models, E embedding, H hidden of a layer, S the states of all layers
# of all models side by side, D any width

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn.batch import Batch
from seqtag.nn.embedder import LockedDropout
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.recurrent import State

# This many characters of a batch, padding included, are read together. Of all others only the state is held, and what
# the gradient needs where language models learn.
_MOST_CHARACTERS = 1 << 15


class ContextEmbedder(nn.Module):
    """Give each token the states of language models, projected to `size` numbers.

    The language models drop nothing and compute in float32. With `tunes` their embedding and encoder learn, and never
    what scores the next symbol; otherwise nothing in them learns. Of a model with several layers a learned mix is taken
    (Peters et al. 2018). Each model's state is brought to mean 0 and deviation 1 first, since models differ in how far
    their states spread. Where the batch brings the states along, no model runs.

    >>> embedder = ContextEmbedder([LanguageNetwork(9, embedding_size=4, hidden_size=6)], size=3)
    >>> states_BTS = embedder.states(torch.tensor([[[1, 5, 7, 2]]]), torch.tensor([[[1, 3]]]))
    >>> states_BTS.shape, embedder.project(states_BTS).shape, embedder.output_size
    (torch.Size([1, 2, 6]), torch.Size([1, 2, 3]), 3)
    """

    PARAMETER_GROUPS: ClassVar[dict[str, str]] = {"networks": "context"}

    def __init__(
        self, networks: Sequence[LanguageNetwork], *, size: int, dropout: float = 0.0, tunes: bool = False
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks).requires_grad_(False).eval()
        self.tunes = tunes
        for network in networks:
            network.embedding.requires_grad_(tunes)
            network.encoder.requires_grad_(tunes)
        self.widths = [[network.encoder.rnn.hidden_size] * network.encoder.rnn.num_layers for network in networks]
        # A model with a single layer has nothing to mix. At first all layers count alike.
        self.mixes = nn.ParameterList([nn.Parameter(torch.zeros(len(widths))) for widths in self.widths if widths[1:]])
        self.dropout = LockedDropout(dropout)
        self.linear = nn.Linear(sum(widths[0] for widths in self.widths), size)
        self.output_size = size

    def train(self, mode: bool = True) -> "ContextEmbedder":
        """Switch all to training but the language models, even if they learn: dropout would blur their states."""
        super().train(mode)
        self.networks.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Give (B, T, D); arbitrary at padding."""
        if batch.states_BTS is not None:
            return self.project(batch.states_BTS)
        assert batch.symbols_MBC is not None, "the batch was made without the characters of its sentences"
        assert batch.picks_MBT is not None
        return self.project(self.states(batch.symbols_MBC, batch.picks_MBT))

    def states(self, symbols_MBC: Tensor, picks_MBT: Tensor) -> Tensor:
        """Read sentences and give each token the state of every layer at the character that is picked, (B, T, S).

        `symbols_MBC` holds what each model reads, a line break first, padded on the right with anything. Where
        language models learn, the gradient goes back through all that was read, to the line break.
        """
        learns = self.tunes and torch.is_grad_enabled()
        with torch.set_grad_enabled(learns), torch.autocast(symbols_MBC.device.type, enabled=False):
            parts = []
            for network, symbols_BC, picks_BT in zip(self.networks, symbols_MBC, picks_MBT):
                assert isinstance(network, LanguageNetwork)
                parts.append(_picked_states(network, symbols_BC, picks_BT))
            return torch.cat(parts, -1)

    def project(self, states_BTS: Tensor) -> Tensor:
        """Mix the layers of each model and narrow the states of all of them together."""
        mixes, mixed = iter(self.mixes), []
        for widths, part_BTS in zip(self.widths, states_BTS.split([sum(widths) for widths in self.widths], -1)):
            layers = [
                functional.layer_norm(layer_BTH, layer_BTH.shape[-1:]) for layer_BTH in part_BTS.split(widths, -1)
            ]
            if len(layers) > 1:
                shares_N = next(mixes).softmax(0)
                mixed.append(sum(share * layer_BTH for share, layer_BTH in zip(shares_N, layers)))
            else:
                mixed += layers
        projected_BTD: Tensor = self.linear(self.dropout(torch.cat(mixed, -1)))
        return projected_BTD


def _picked_states(network: LanguageNetwork, symbols_BC: Tensor, picks_BT: Tensor) -> Tensor:
    """Read in windows, the state carried on, so that memory holds the states of one window and those picked so far.

    Layer by layer, because torch's module over all of them would give the states of the top layer alone.
    """
    encoder = network.encoder
    window = max(1, _MOST_CHARACTERS // max(1, len(symbols_BC)))
    rows_B1 = torch.arange(len(symbols_BC), device=symbols_BC.device)[:, None]
    start_NBH = encoder.start(len(symbols_BC))
    states: list[State] = [tuple(part[layer : layer + 1] for part in start_NBH) for layer in range(len(start_NBH[0]))]
    picked = [start_NBH[0].new_zeros(*picks_BT.shape, encoder.rnn.hidden_size) for _ in states]
    for start in range(0, symbols_BC.shape[1], window):
        hidden_BCE = network.embedding(symbols_BC[:, start : start + window]) * network.scale
        size = hidden_BCE.shape[1]
        place_BT = (picks_BT - start).clamp(0, size - 1)
        is_here_BT1 = ((picks_BT >= start) & (picks_BT < start + size))[..., None]
        for layer in range(len(states)):
            hidden_BCE, states[layer] = encoder.read_layer(layer, hidden_BCE, states[layer])
            picked[layer] = torch.where(is_here_BT1, hidden_BCE[rows_B1, place_BT], picked[layer])
    return torch.cat(picked, -1)
