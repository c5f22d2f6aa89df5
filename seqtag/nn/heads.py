"""What stands on the encoder: emissions a tag, their loss, and their decoding. One pair of verbs, `loss` and `decode`.

Knows tag ids and which moves between them are legal; knows no tag's name.
"""

# B sentences, T tokens, U distinct words, H hidden, L tags, F features, N spans, K paths

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import crf
from seqtag.nn.batch import AnyBatch, Batch


class LexicalScores(nn.Module):
    """Score tags by the spelling of a word and of its two neighbours, linearly: what a feature CRF is made of.

    A table holds 3 x L scores for each value of each feature column: for the word itself, for the word before and for
    the word after. It learns from few sentences what an encoder needs many for. Scores start at zero.
    """

    def __init__(self, feature_sizes: Sequence[int], num_tags: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        offsets_F = torch.tensor([0, *feature_sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets_F", offsets_F, persistent=False)
        self.offsets_F: Tensor
        self.num_tags = num_tags
        self.dropout = dropout
        self.table = nn.Embedding(sum(feature_sizes), 3 * num_tags, sparse=True)
        nn.init.zeros_(self.table.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Give the scores (B, T, L) that spelling alone speaks for."""
        ids_UF = batch.features_UF + self.offsets_F
        known_UF = (batch.features_UF > 1).to(self.table.weight.dtype)
        if self.training and self.dropout:
            known_UF = functional.dropout(known_UF, self.dropout)
        scored_UD = functional.embedding_bag(
            ids_UF, self.table.weight, mode="sum", sparse=True, per_sample_weights=known_UF
        )
        scored_BTD = functional.embedding(batch.slots_BT, scored_UD)
        here, before, after = scored_BTD.split(self.num_tags, -1)
        # Row 0 of the batch's words is padding and scores 0, so the borders of a sentence need no mask.
        return here + functional.pad(before, (0, 0, 1, 0))[:, :-1] + functional.pad(after, (0, 0, 0, 1))[:, 1:]


class Head(nn.Module):
    """What every head shares: how the losses of a batch are weighted."""

    def loss(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Mean loss over the rows of the batch."""
        loss_B = self.losses(hidden_BTH, batch)
        return loss_B.mean() if batch.weights_B is None else (loss_B * batch.weights_B).sum()

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Loss of each row, (B,)."""
        raise AssertionError("a head defines its loss")


class TagHead(Head):
    """What the heads for tags share: emissions from hidden states, and negative log-likelihood of the gold tags."""

    def __init__(
        self,
        hidden_size: int,
        num_tags: int,
        *,
        lexical: LexicalScores | None = None,
        class_weights_L: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.output = nn.Linear(hidden_size, num_tags)
        self.lexical = lexical
        weights_L = torch.ones(num_tags) if class_weights_L is None else class_weights_L
        self.register_buffer("class_weights_L", weights_L, persistent=False)
        self.class_weights_L: Tensor
        # Added to the emissions outside training: what dev data say about the balance of the tags.
        self.register_buffer("shift_L", torch.zeros(num_tags))
        self.shift_L: Tensor

    def emissions(self, hidden_BTH: Tensor, batch: Batch) -> Tensor:
        """Score each tag at each token, (B, T, L), in float32 whatever the encoder computed in."""
        emissions_BTL: Tensor = self.output(hidden_BTH).float()
        if self.lexical is not None:
            emissions_BTL = emissions_BTL + self.lexical(batch).float()
        return emissions_BTL if self.training else emissions_BTL + self.shift_L

    def decode(self, hidden_BTH: Tensor, batch: Batch) -> Tensor:
        """Give the best tags of each sentence, (B, T); 0 on padding."""
        return self.best(self.emissions(hidden_BTH, batch), batch.lengths_B)

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the best tags by their emissions, (B, T); 0 on padding."""
        raise AssertionError("a head for tags defines its decoding")

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Negative log-likelihood of the gold tags of each sentence, (B,)."""
        assert isinstance(batch, Batch)
        assert batch.tags_BT is not None
        return self._losses(self.emissions(hidden_BTH, batch), batch.tags_BT, batch.lengths_B)

    def _losses(self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        raise AssertionError("a head for tags defines its likelihood")


class LinearHead(TagHead):
    """Each token decides for itself: softmax over the tags. Fast, and blind to illegal sequences.

    Class weights multiply the loss of the tokens whose gold tag they name.
    """

    def _losses(self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        real_BT = crf.real_tokens(lengths_B, tags_BT.shape[1])
        gold_BT = emissions_BTL.log_softmax(-1).gather(-1, tags_BT[..., None])[..., 0]
        return -torch.where(real_BT, gold_BT * self.class_weights_L[tags_BT], 0.0).sum(-1)

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """The likeliest tag of each token, (B, T); 0 on padding."""
        best_BT = emissions_BTL.argmax(-1)
        return torch.where(crf.real_tokens(lengths_B, best_BT.shape[1]), best_BT, 0)

    def nbest(self, emissions_BTL: Tensor, lengths_B: Tensor, num_paths: int) -> tuple[Tensor, Tensor]:
        """The K likeliest sequences (B, K, T) and their log probabilities (B, K)."""
        paths_BKT, score_BK = crf.best_paths(
            emissions_BTL.log_softmax(-1), lengths_B, self._free(), num_paths=num_paths
        )
        return paths_BKT, score_BK

    def marginals(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Probability of each tag at each token, (B, T, L); 0 on padding."""
        real_BT = crf.real_tokens(lengths_B, emissions_BTL.shape[1])
        return torch.where(real_BT[..., None], emissions_BTL.double().softmax(-1), 0.0)

    def masked_log_probability(self, emissions_NTL: Tensor, lengths_N: Tensor, masks_NTL: Tensor) -> Tensor:
        """Log of the probability that every token's tag is one that the mask allows, (N,)."""
        inside_NT = emissions_NTL.double().log_softmax(-1).masked_fill(~masks_NTL, -torch.inf).logsumexp(-1)
        return torch.where(crf.real_tokens(lengths_N, inside_NT.shape[1]), inside_NT, 0.0).sum(-1)

    def _free(self) -> crf.Scores:
        zero = torch.zeros((), device=self.output.weight.device)
        num_tags = self.output.out_features
        return crf.Scores(zero.expand(num_tags), zero.expand(num_tags, num_tags), zero.expand(num_tags))


class CRFHead(TagHead):
    """A linear chain over the tags: start, transition and end scores, and moves that the scheme forbids held out.

    Class weights make it a softmax-margin loss (Gimpel and Smith 2010): a wrong tag costs log(weight of the gold tag)
    at its token, so errors on a heavy class weigh more; with weights of 1 it is the plain log-likelihood.
    """

    def __init__(
        self,
        hidden_size: int,
        num_tags: int,
        *,
        lexical: LexicalScores | None = None,
        class_weights_L: Tensor | None = None,
        legal: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__(hidden_size, num_tags, lexical=lexical, class_weights_L=class_weights_L)
        self.start_L = nn.Parameter(torch.zeros(num_tags))
        self.transitions_LL = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))
        self.end_L = nn.Parameter(torch.zeros(num_tags))
        legal = legal or (self.start_L > -1, self.transitions_LL > -1, self.end_L > -1)
        for name, allowed in zip(("legal_start_L", "legal_transitions_LL", "legal_end_L"), legal, strict=True):
            self.register_buffer(name, allowed.detach(), persistent=False)

    legal_start_L: Tensor
    legal_transitions_LL: Tensor
    legal_end_L: Tensor

    def scores(self) -> crf.Scores:
        """The chain's scores with -inf on every move that the scheme forbids."""
        return crf.Scores(
            self.start_L.masked_fill(~self.legal_start_L, -torch.inf),
            self.transitions_LL.masked_fill(~self.legal_transitions_LL, -torch.inf),
            self.end_L.masked_fill(~self.legal_end_L, -torch.inf),
        )

    def _losses(self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        scores = self.scores()
        margin_BT = self.class_weights_L.log()[tags_BT]
        gold_BTL = functional.one_hot(tags_BT, emissions_BTL.shape[-1])
        costed_BTL = emissions_BTL + margin_BT[..., None] * (1 - gold_BTL)
        log_z_B = crf.log_partition(costed_BTL, lengths_B, scores)
        return log_z_B - crf.path_score(emissions_BTL, tags_BT, lengths_B, scores)

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """The likeliest legal sequence of each sentence, (B, T); 0 on padding."""
        return crf.best_paths(emissions_BTL, lengths_B, self.scores())[0][:, 0]

    def nbest(self, emissions_BTL: Tensor, lengths_B: Tensor, num_paths: int) -> tuple[Tensor, Tensor]:
        """The K likeliest legal sequences (B, K, T) and their log probabilities (B, K); -inf where there are fewer."""
        paths_BKT, score_BK = crf.best_paths(emissions_BTL, lengths_B, self.scores(), num_paths=num_paths)
        log_z_B = crf.forward_backward(emissions_BTL, lengths_B, self.scores()).log_partition_B
        return paths_BKT, score_BK - log_z_B[:, None]

    def marginals(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Probability of each tag at each token given the whole sentence, (B, T, L) in float64; 0 on padding."""
        return crf.marginals(crf.forward_backward(emissions_BTL, lengths_B, self.scores()), lengths_B)

    def masked_log_probability(self, emissions_NTL: Tensor, lengths_N: Tensor, masks_NTL: Tensor) -> Tensor:
        """Log of the probability that every token's tag is one that the mask allows: a constrained forward pass, (N,).

        Culotta and McCallum, Confidence estimation for information extraction, 2004.
        """
        scores = self.scores()
        held_NTL = emissions_NTL.double().masked_fill(~masks_NTL, -torch.inf)
        # Only the emissions are constrained, so both passes share one scale and the difference is exact.
        inside_N = crf.forward_backward(held_NTL, lengths_N, scores).log_partition_B
        return inside_N - crf.forward_backward(emissions_NTL, lengths_N, scores).log_partition_B
