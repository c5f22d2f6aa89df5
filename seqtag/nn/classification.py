"""The head of a classifier: pooled states, and n-grams beside them, to scores of the classes, their loss and decoding.

Knows class ids; knows no class's name.
"""

# B texts, T tokens, H hidden, L classes

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn.batch import AnyBatch, Batch
from seqtag.nn.heads import Head
from seqtag.nn.ngrams import NgramScores


class ClassHead(Head):
    """What both heads share: the two views of a text, each with a loss of its own, and how they are mixed.

    One view is the encoder's, pooled; the other, `lexical`, is linear in the n-grams of the text. Trained on one sum,
    the quick linear view would leave the encoder nothing to learn; so each is trained for itself, and their
    probabilities are mixed. `share` is the weight of the encoder's.
    """

    def __init__(
        self,
        hidden_size: int,
        num_classes: int,
        *,
        pooling: nn.Module,
        lexical: NgramScores | None = None,
        class_weights_L: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.output = nn.Linear(hidden_size, num_classes)
        self.lexical = lexical
        self.label_smoothing = label_smoothing
        weights_L = torch.ones(num_classes) if class_weights_L is None else class_weights_L
        self.register_buffer("class_weights_L", weights_L, persistent=False)
        self.class_weights_L: Tensor
        # From which probability on a text is given a class; set on dev data where a text may have several.
        self.register_buffer("threshold_L", torch.full((num_classes,), 0.5))
        self.threshold_L: Tensor
        self.register_buffer("share", torch.tensor(1.0 if lexical is None else 0.5))
        self.share: Tensor

    def views(self, hidden_BTH: Tensor, batch: AnyBatch) -> list[Tensor]:
        """Score the classes by each view, (B, L), in float32 whatever the encoder computed in."""
        scores = [self.output(self.pooling(hidden_BTH, batch.lengths_B)).float()]
        if self.lexical is not None:
            assert isinstance(batch, Batch)
            scores.append(self.lexical(batch).float())
        return scores

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Loss of each text, (B,): the sum over the views."""
        assert batch.labels_BL is not None
        losses = [self._losses(scores_BL, batch.labels_BL) for scores_BL in self.views(hidden_BTH, batch)]
        return torch.stack(losses).sum(0)

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        raise AssertionError("a head for classes defines its likelihood")

    def probabilities(self, hidden_BTH: Tensor, batch: AnyBatch) -> list[Tensor]:
        """Probability of each class by each view, (B, L)."""
        return [self._normalise(scores_BL.double()) for scores_BL in self.views(hidden_BTH, batch)]

    def mix(self, views: Sequence[Tensor]) -> Tensor:
        """Mix the probabilities of the views, (B, L)."""
        return views[0] if len(views) == 1 else self.share * views[0] + (1 - self.share) * views[1]

    def _normalise(self, scores_BL: Tensor) -> Tensor:
        raise AssertionError("a head for classes defines its probabilities")


class SingleLabelHead(ClassHead):
    """One class a text: softmax, with cross-entropy against smoothed labels (Szegedy et al. 2016, section 7)."""

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        wanted_BL = labels_BL * (1 - self.label_smoothing) + self.label_smoothing / labels_BL.shape[-1]
        weight_B = labels_BL @ self.class_weights_L
        return -(wanted_BL * scores_BL.log_softmax(-1)).sum(-1) * weight_B

    def _normalise(self, scores_BL: Tensor) -> Tensor:
        return scores_BL.softmax(-1)


class MultiLabelHead(ClassHead):
    """Any number of classes a text: a sigmoid each, with binary cross-entropy; a class weight is that of its texts."""

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        wanted_BL = labels_BL * (1 - self.label_smoothing) + self.label_smoothing / 2
        return functional.binary_cross_entropy_with_logits(
            scores_BL, wanted_BL, pos_weight=self.class_weights_L, reduction="none"
        ).sum(-1)

    def _normalise(self, scores_BL: Tensor) -> Tensor:
        return scores_BL.sigmoid()
