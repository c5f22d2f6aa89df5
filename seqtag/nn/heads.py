"""The heads of a tagger: they turn hidden states into one score per tag, the emissions, and those into losses and tags.

Knows tag ids and which moves between them are legal; knows no tag's name.
"""

# B sentences, T tokens, U distinct words, H hidden, L tags, F features, K paths, P pairs of tags

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import crf
from seqtag.nn.batch import AnyBatch, Batch
from seqtag.nn.entity_share import expected_count, share_penalty
from seqtag.nn.gazetteers import MatchScores


class LexicalScores(nn.Module):
    """Score tags by the spelling of a word and of its two neighbours, linearly: what a feature CRF is made of.

    A table holds 3 x L scores for each value of each feature column: for the word itself, for the word before and for
    the word after. It learns from few sentences what an encoder needs many for. So does a matrix for what tokens are in
    the matches of lists. Scores start at zero.
    """

    PARAMETER_GROUPS: ClassVar[dict[str, str]] = {"table": "lexical"}  # see `training.optimizers.parameter_groups`

    def __init__(
        self, feature_sizes: Sequence[int], num_tags: int, *, dropout: float = 0.0, num_lists: int = 0
    ) -> None:
        super().__init__()
        offsets_F = torch.tensor([0, *feature_sizes[:-1]]).cumsum(0)
        self.offsets_F = nn.Buffer(offsets_F, persistent=False)
        self.num_tags = num_tags
        self.dropout = dropout
        self.table = nn.Embedding(sum(feature_sizes), 3 * num_tags, sparse=True)
        nn.init.zeros_(self.table.weight)
        self.gazetteers = MatchScores(num_lists, 3 * num_tags) if num_lists else None

    def forward(self, batch: Batch) -> Tensor:
        """Give the scores that spelling and lists alone give the tags, (B, T, L)."""
        ids_UF = batch.features_UF + self.offsets_F
        known_UF = (batch.features_UF > 1).to(self.table.weight.dtype)
        if self.training and self.dropout:
            known_UF = functional.dropout(known_UF, self.dropout)
        scored_UD = functional.embedding_bag(
            ids_UF, self.table.weight, mode="sum", sparse=True, per_sample_weights=known_UF
        )
        scored_BTD = functional.embedding(batch.slots_BT, scored_UD)
        if self.gazetteers is not None:
            scored_BTD = scored_BTD + self.gazetteers(batch)
        here, before, after = scored_BTD.split(self.num_tags, -1)
        # Row 0 of the batch's words is padding and scores 0, and so does a token in no match: borders need no mask.
        scores_BTL: Tensor = (
            here + functional.pad(before, (0, 0, 1, 0))[:, :-1] + functional.pad(after, (0, 0, 0, 1))[:, 1:]
        )
        return scores_BTL

    @torch.no_grad()
    def by_column(self, batch: Batch) -> Tensor:
        """Give the scores before they are added up, (B, T, 3, F, L): of the word before, the word, the one after.

        Behind the columns of features are those of the lists, a column for each part of their matches.
        """
        ids_UF, known_UF1 = batch.features_UF + self.offsets_F, (batch.features_UF > 1)[..., None]
        scored_UFD = self.table(ids_UF) * known_UF1
        scored_BTFD = scored_UFD[batch.slots_BT]
        if self.gazetteers is not None:
            scored_BTFD = torch.cat([scored_BTFD, self.gazetteers.by_column(batch)], 2)
        here, before, after = scored_BTFD.split(self.num_tags, -1)
        # as in forward
        before, after = (
            functional.pad(before, (0, 0, 0, 0, 1, 0))[:, :-1],
            functional.pad(after, (0, 0, 0, 0, 0, 1))[:, 1:],
        )
        return torch.stack([before, here, after], 2)


class Prior(nn.Module):
    """One score per tag that is the same at every token: what a linear layer is above states of no numbers."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_tags))

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        """Give the scores of the tags at each token, (B, T, L)."""
        return self.bias.expand(*hidden_BTH.shape[:-1], -1)


class Head(nn.Module):
    """What every head shares: how the losses of a batch are weighted."""

    def loss(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Give the mean loss over the rows of the batch."""
        loss_B = self.losses(hidden_BTH, batch)
        return loss_B.mean() if batch.weights_B is None else (loss_B * batch.weights_B).sum()

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Give the loss of each row, (B,)."""
        raise AssertionError("a head defines its loss")


class TagHead(Head):
    """What the heads for tags share: emissions from hidden states, and negative log-likelihood of the gold tags.

    Where tags are unknown, it is the likelihood of all sequences that agree with what is known. With `entity_share`
    the expected share of tokens that have a tag of an entity is kept near that number, see entity_share.py.
    """

    entity_share: float | None = None

    def __init__(
        self,
        hidden_size: int,
        num_tags: int,
        *,
        lexical: LexicalScores | None = None,
        class_weights_L: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.output = nn.Linear(hidden_size, num_tags) if hidden_size else Prior(num_tags)
        self.lexical = lexical
        weights_L = torch.ones(num_tags) if class_weights_L is None else class_weights_L
        self.class_weights_L = nn.Buffer(weights_L, persistent=False)
        self._is_weighted = bool((weights_L != 1).any())
        self.entity_L = nn.Buffer(torch.zeros(num_tags), persistent=False)  # 1 for the tags of entities
        # Added to the emissions outside training: dev data set it to balance the tags.
        self.shift_L = nn.Buffer(torch.zeros(num_tags))
        # All scores are divided by it before they become probabilities; dev data set it, and no best path changes.
        self.temperature = nn.Buffer(torch.ones((), dtype=torch.float64))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A model that was saved before heads had a temperature has that of 1.
        state_dict.setdefault(f"{prefix}temperature", torch.ones((), dtype=torch.float64))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def emissions(self, hidden_BTH: Tensor, batch: Batch) -> Tensor:
        """Score each tag at each token, (B, T, L), in float32 whatever the encoder computed in."""
        emissions_BTL: Tensor = self.output(hidden_BTH).float()
        if self.lexical is not None:
            emissions_BTL = emissions_BTL + self.lexical(batch).float()
        return emissions_BTL if self.training else emissions_BTL + self.shift_L

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the best tags by their emissions, (B, T); 0 on padding."""
        raise AssertionError("a head for tags defines its decoding")

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Give the negative log-likelihood of the gold tags of each sentence, (B,)."""
        assert isinstance(batch, Batch)
        assert batch.tags_BT is not None
        emissions_BTL = self.emissions(hidden_BTH, batch)
        loss_B = self._losses(emissions_BTL, batch.tags_BT, batch.lengths_B, batch.allowed_BTL)
        if self.entity_share is None:
            return loss_B
        expected_B = self.expected_entities(emissions_BTL, batch.lengths_B)
        return loss_B + share_penalty(expected_B, batch.lengths_B, self.entity_share).to(loss_B.dtype)

    def keep_entity_share(self, share: float, entity_L: Tensor) -> None:
        """Keep the expected share of tokens with one of some tags, 1 in `entity_L`, near a number in training."""
        self.entity_share = share
        self.entity_L.copy_(entity_L)

    def expected_entities(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the expected number of tokens of each sentence with a tag of `entity_L`, (B,); differentiable."""
        raise AssertionError("a head for tags defines its expectations")

    def path_losses(self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the loss of one sequence of tags per sentence, (B,), from emissions that are there already."""
        return self._losses(emissions_BTL, tags_BT, lengths_B)

    def _losses(
        self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor, allowed_BTL: Tensor | None = None
    ) -> Tensor:
        raise AssertionError("a head for tags defines its likelihood")

    def _weights(self, tags_BT: Tensor, allowed_BTL: Tensor | None) -> Tensor:
        """Give the weight of each token's tag, (B, T), which is 1 where the tag is not known."""
        weights_BT = self.class_weights_L[tags_BT]
        return weights_BT if allowed_BTL is None else torch.where(allowed_BTL.sum(-1) == 1, weights_BT, 1.0)


class LinearHead(TagHead):
    """Each token decides for itself: softmax over the tags. It is fast, and may give illegal sequences.

    Class weights multiply the loss of the tokens whose gold tag they name.
    """

    def _losses(
        self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor, allowed_BTL: Tensor | None = None
    ) -> Tensor:
        real_BT = crf.real_tokens(lengths_B, tags_BT.shape[1])
        likely_BTL = emissions_BTL.log_softmax(-1)
        if allowed_BTL is None:
            gold_BT = likely_BTL.gather(-1, tags_BT[..., None])[..., 0]
        else:
            gold_BT = likely_BTL.masked_fill(~allowed_BTL, -torch.inf).logsumexp(-1)
        return -torch.where(real_BT, gold_BT * self._weights(tags_BT, allowed_BTL), 0.0).sum(-1)

    def expected_entities(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the expected number of tokens of each sentence with a tag of `entity_L`, (B,); differentiable."""
        likely_BT = emissions_BTL.softmax(-1) @ self.entity_L.to(emissions_BTL.dtype)
        return torch.where(crf.real_tokens(lengths_B, likely_BT.shape[1]), likely_BT, 0.0).sum(-1)

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the likeliest tag of each token, (B, T); 0 on padding."""
        best_BT = emissions_BTL.argmax(-1)
        return torch.where(crf.real_tokens(lengths_B, best_BT.shape[1]), best_BT, 0)

    def nbest(self, emissions_BTL: Tensor, lengths_B: Tensor, num_paths: int) -> tuple[Tensor, Tensor]:
        """Give the K likeliest sequences (B, K, T) and their log probabilities (B, K)."""
        likely_BTL = (emissions_BTL / self.temperature).log_softmax(-1)
        return crf.best_paths(likely_BTL, lengths_B, self.scores(), num_paths=num_paths)

    def marginals(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the probability of each tag at each token, (B, T, L); 0 on padding."""
        real_BT = crf.real_tokens(lengths_B, emissions_BTL.shape[1])
        return torch.where(real_BT[..., None], (emissions_BTL.double() / self.temperature).softmax(-1), 0.0)

    def chain(self, emissions_BTL: Tensor, lengths_B: Tensor, from_P: Tensor, to_P: Tensor) -> tuple[Tensor, Tensor]:
        """Give the marginals (B, T, L) and the probability of each move (B, T, P), which is that of its second tag."""
        marginals_BTL = self.marginals(emissions_BTL, lengths_B)
        moved_BTP = marginals_BTL[..., to_P]
        moved_BTP[:, :1] = 0.0
        return marginals_BTL, moved_BTP

    def scores(self) -> crf.Scores:
        """Give the scores of a chain on which all moves are alike."""
        zero, num_tags = self.shift_L.new_zeros(()), len(self.shift_L)
        return crf.Scores(zero.expand(num_tags), zero.expand(num_tags, num_tags), zero.expand(num_tags))


class CRFHead(TagHead):
    """A linear chain over the tags: start, transition and end scores, without the moves that the scheme forbids.

    Class weights make it a softmax-margin loss (Gimpel and Smith 2010): a wrong tag costs log(weight of the gold tag)
    at its token, so errors on a heavy class weigh more; with weights of 1 it is the plain log-likelihood.
    """

    PARAMETER_GROUPS: ClassVar[dict[str, str]] = {"transitions_LL": "undecayed"}

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
        start_L, transitions_LL, end_L = legal or (self.start_L > -1, self.transitions_LL > -1, self.end_L > -1)
        self.legal_start_L = nn.Buffer(start_L, persistent=False)
        self.legal_transitions_LL = nn.Buffer(transitions_LL, persistent=False)
        self.legal_end_L = nn.Buffer(end_L, persistent=False)

    def scores(self) -> crf.Scores:
        """Give the chain's scores, with -inf on every move that the scheme forbids."""
        return crf.Scores(
            self.start_L.masked_fill(~self.legal_start_L, -torch.inf),
            self.transitions_LL.masked_fill(~self.legal_transitions_LL, -torch.inf),
            self.end_L.masked_fill(~self.legal_end_L, -torch.inf),
        )

    def _losses(
        self, emissions_BTL: Tensor, tags_BT: Tensor, lengths_B: Tensor, allowed_BTL: Tensor | None = None
    ) -> Tensor:
        scores = self.scores()
        costed_BTL = emissions_BTL
        if self._is_weighted:
            margin_BT = self._weights(tags_BT, allowed_BTL).log()
            gold_BTL = functional.one_hot(tags_BT, emissions_BTL.shape[-1])
            costed_BTL = emissions_BTL + margin_BT[..., None] * (1 - gold_BTL)
        log_z_B = crf.log_partition(costed_BTL, lengths_B, scores)
        if allowed_BTL is None:
            return log_z_B - crf.path_score(emissions_BTL, tags_BT, lengths_B, scores)
        return log_z_B - crf.log_partition(emissions_BTL, lengths_B, scores, allowed_BTL=allowed_BTL)

    def expected_entities(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the expected number of tokens of each sentence with a tag of `entity_L`, (B,); differentiable."""
        return expected_count(emissions_BTL, lengths_B, self.scores(), self.entity_L)

    def best(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the likeliest legal sequence of each sentence, (B, T); 0 on padding."""
        return crf.best_paths(emissions_BTL, lengths_B, self.scores())[0][:, 0]

    def nbest(self, emissions_BTL: Tensor, lengths_B: Tensor, num_paths: int) -> tuple[Tensor, Tensor]:
        """Give the K likeliest legal sequences (B, K, T) and log probabilities (B, K); -inf where there are fewer."""
        paths_BKT, score_BK = crf.best_paths(emissions_BTL, lengths_B, self.scores(), num_paths=num_paths)
        log_z_B = self._sums(emissions_BTL, lengths_B)[0].log_partition_B
        return paths_BKT, score_BK / self.temperature - log_z_B[:, None]

    def marginals(self, emissions_BTL: Tensor, lengths_B: Tensor) -> Tensor:
        """Give the probability of each tag at each token in its sentence, (B, T, L) in float64; 0 on padding."""
        return crf.marginals(self._sums(emissions_BTL, lengths_B)[0], lengths_B)

    def chain(self, emissions_BTL: Tensor, lengths_B: Tensor, from_P: Tensor, to_P: Tensor) -> tuple[Tensor, Tensor]:
        """Give the marginals (B, T, L) and the probability of each move (B, T, P) in float64; see `crf.moves`."""
        sums, cooled_BTL, scores = self._sums(emissions_BTL, lengths_B)
        return crf.marginals(sums, lengths_B), crf.moves(sums, cooled_BTL, lengths_B, scores, from_P, to_P)

    def _sums(self, emissions_BTL: Tensor, lengths_B: Tensor) -> tuple[crf.Sums, Tensor, crf.Scores]:
        """Run forward-backward at the temperature of the head; give also the emissions and scores that it ran on."""
        cooled_BTL = emissions_BTL.double() / self.temperature
        scores = crf.Scores(*(part.double() / self.temperature for part in self.scores()))
        return crf.forward_backward(cooled_BTL, lengths_B, scores), cooled_BTL, scores
