"""Turn the ids of a batch into one vector per token: words, characters, spelling, and a context or lists if given.

What depends on the spelling alone is computed once for each distinct word of the batch and picked by token. What a
context is made of is left to nn/context.py.
"""

# B sentences, T tokens, U distinct words, C characters, P places, W columns of a kernel, F features, E embedding,
# D any width, N rows of a table

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import chance
from seqtag.nn.batch import UNKNOWN, Batch
from seqtag.nn.recurrent import RecurrentEncoder


class LockedDropout(nn.Module):
    """Drop the same units at every token of a sentence (Gal and Ghahramani 2016, variational dropout)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """Multiply by one mask per sentence in training, else give back what came in."""
        if not self.training or not self.probability:
            return hidden_BTD
        return hidden_BTD * chance.mask(hidden_BTD[:, :1], 1 - self.probability)


class CharacterCNN(nn.Module):
    """A convolution over the characters of a word and the maximum over its places (Ma and Hovy 2016).

    There are few characters and many places, so the product of each character's vector with each column of the kernel
    is taken once per batch; the convolution is then a sum of `width` looked-up rows, without products. Only the
    places that see a character are visited: beside one long word the many short ones cost no more.
    """

    def __init__(self, num_characters: int, *, embedding_size: int, output_size: int, width: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_characters, embedding_size, padding_idx=0)
        self.convolution = nn.Conv1d(embedding_size, output_size, width, padding=width - 1)

    def forward(self, characters_UC: Tensor) -> Tensor:
        """Give one vector per word, (U, D); places that see padding alone never win."""
        width = self.convolution.kernel_size[0]
        # Row 0 is padding: it adds nothing, and nothing is learned from it.
        known_VE = functional.pad(self.embedding.weight[1:], (0, 0, 1, 0))
        products_ND = torch.einsum("ve,dew->wvd", known_VE, self.convolution.weight).flatten(0, 1)
        # A word of n characters is seen by n + width - 1 places, P in all; column w of the kernel sees the character w
        # places after the one at which the kernel begins, and has its own rows in the table of products.
        seen_U = (characters_UC > 0).sum(-1) + width - 1
        windows_UCW = functional.pad(characters_UC, (width - 1, width - 1)).unfold(1, width, 1)
        is_seen_UC = torch.arange(windows_UCW.shape[1], device=seen_U.device) < seen_U[:, None]
        columns_W = torch.arange(width, device=seen_U.device) * len(known_VE)
        convolved_PD = functional.embedding_bag(windows_UCW[is_seen_UC] + columns_W, products_ND, mode="sum")
        first_U = seen_U.cumsum(0) - seen_U
        places_P = torch.arange(len(convolved_PD), device=seen_U.device)
        bias_D = self.convolution.bias
        assert bias_D is not None
        return functional.embedding_bag(places_P, convolved_PD, first_U, mode="max") + bias_D


class CharacterRNN(nn.Module):
    """The two last states of a bidirectional LSTM or GRU over the characters of a word (Lample et al. 2016)."""

    def __init__(self, num_characters: int, *, embedding_size: int, output_size: int, cell: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_characters, embedding_size, padding_idx=0)
        self.encoder = RecurrentEncoder(embedding_size, encoder=cell, hidden_size=output_size // 2)

    def forward(self, characters_UC: Tensor) -> Tensor:
        """Give one vector per word, (U, D)."""
        lengths_U = (characters_UC > 0).sum(-1)
        forward_UCD, backward_UCD = self.encoder(self.embedding(characters_UC), lengths_U).chunk(2, -1)
        last_U11 = (lengths_U - 1).clamp(min=0)[:, None, None].expand(-1, 1, forward_UCD.shape[-1])
        return torch.cat([forward_UCD.gather(1, last_U11)[:, 0], backward_UCD[:, 0]], -1)


class Embedder(nn.Module):
    """Concatenate the vectors of a token: word, characters, and each spelling feature that has a width.

    `feature_sizes` gives the number of ids of each column of `Batch.features_UF`; its first column is the word. In
    training a word is read as unknown with probability a / (a + count), so rare words teach the unknown vector most
    (Kiperwasser and Goldberg 2016). `context` is a module with an `output_size` that gives the tokens of a batch
    vectors of their own, and so is `gazetteers`.
    """

    def __init__(
        self,
        feature_sizes: Sequence[int],
        *,
        word_size: int = 100,
        feature_widths: Mapping[int, int] | None = None,
        characters: str | None = "cnn",
        num_characters: int = 0,
        character_size: int = 50,
        word_counts: Sequence[int] = (),
        word_dropout: float = 0.0,
        dropout: float = 0.0,
        pretrained_VE: Tensor | None = None,
        freeze: bool = False,
        context: nn.Module | None = None,
        gazetteers: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.word = nn.Embedding(feature_sizes[0], word_size, padding_idx=0, sparse=True)
        nn.init.normal_(self.word.weight, std=word_size**-0.5)
        self.word.weight.data[0] = 0
        if pretrained_VE is not None:
            self.word.weight.data.copy_(pretrained_VE)
        self.word.weight.requires_grad_(not freeze)
        self.columns = dict(feature_widths or {})
        self.features = nn.ModuleDict(
            {
                str(column): nn.Embedding(feature_sizes[column], width, padding_idx=0)
                for column, width in self.columns.items()
            }
        )
        self.characters: nn.Module | None = None
        if characters == "cnn":
            self.characters = CharacterCNN(num_characters, embedding_size=25, output_size=character_size)
        elif characters is not None:
            self.characters = CharacterRNN(
                num_characters, embedding_size=25, output_size=character_size, cell=characters
            )
        self.context, self.gazetteers = context, gazetteers
        added: int = sum(module.output_size for module in (context, gazetteers) if module is not None)  # type: ignore[misc]
        self.output_size = word_size + sum(self.columns.values()) + (character_size if characters else 0) + added
        counts_V = torch.tensor(word_counts or [0] * feature_sizes[0], dtype=torch.float32)
        # Words that only the pretrained vectors know are never dropped, nor is the unknown word itself.
        drop_V = torch.where(counts_V > 0, word_dropout / (word_dropout + counts_V).clamp(min=1e-9), 0.0)
        self.drop_V = nn.Buffer(drop_V, persistent=False)
        self._drops_words = bool(drop_V.any())  # asked once here, not at every step
        self.dropout = LockedDropout(dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Embed a batch: (B, T, E)."""
        word_U = batch.features_UF[:, 0]
        if batch.unseen_UE is not None:  # a word with such a vector takes the row of padding, which is 0
            word_U = word_U.masked_fill(batch.unseen_UE.any(-1), 0)
        words_BT = word_U[batch.slots_BT]
        if self.training and self._drops_words:
            dropped_BT = torch.rand(words_BT.shape, device=words_BT.device) < self.drop_V[words_BT]
            words_BT = words_BT.masked_fill(dropped_BT, UNKNOWN)
        spelling = [self.features[str(column)](batch.features_UF[:, column]) for column in self.columns]
        if self.characters is not None:
            spelling.append(self.characters(batch.characters_UC))
        embedded = [self.word(words_BT)]
        if batch.unseen_UE is not None:
            embedded[0] = embedded[0] + functional.embedding(batch.slots_BT, batch.unseen_UE)
        if spelling:
            embedded.append(functional.embedding(batch.slots_BT, torch.cat(spelling, -1)))
        if self.context is not None:
            embedded.append(self.context(batch))
        if self.gazetteers is not None:
            embedded.append(self.gazetteers(batch))
        embedded_BTE: Tensor = self.dropout(torch.cat(embedded, -1))
        return embedded_BTE
