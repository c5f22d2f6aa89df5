"""The heads of a classifier: they turn pooled states, and n-grams beside them, into scores of the classes and a loss.

Knows class ids; knows no class's name.
"""

# B texts, T tokens, H hidden, L classes, V views

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn.batch import AnyBatch, Batch
from seqtag.nn.heads import Head
from seqtag.nn.ngrams import NgramScores


class ClassHead(Head):
    """What both heads share: the two views of a text, each with a loss of its own, and how they are mixed.

    One view is the encoder's, pooled; the other, `lexical`, is linear in the n-grams of the text. Trained on one sum,
    the quick linear view would leave the encoder nothing to learn; so each is trained for itself, and `weights_V` says
    what each counts in the sum that decides. Dev data set it (stacking, Wolpert 1992), which also makes a view that is
    too sure of itself less so. A head without a pooling has the linear view alone.
    """

    def __init__(
        self,
        hidden_size: int,
        num_classes: int,
        *,
        pooling: nn.Module | None,
        lexical: NgramScores | None = None,
        class_weights_L: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.output = None if pooling is None else nn.Linear(hidden_size, num_classes)
        self.lexical = lexical
        self.label_smoothing = label_smoothing
        weights_L = torch.ones(num_classes) if class_weights_L is None else class_weights_L
        self.class_weights_L = nn.Buffer(weights_L, persistent=False)
        # A text gets a class from this probability on; dev data set it where a text may have several classes.
        self.threshold_L = nn.Buffer(torch.full((num_classes,), 0.5))
        num_views = (pooling is not None) + (lexical is not None)
        self.weights_V = nn.Buffer(torch.full((num_views,), 1 / num_views))

    def views(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Score the classes by each view, (V, B, L), in float32 whatever the encoder computed in."""
        scores = []
        if self.pooling is not None and self.output is not None:
            scores.append(self.output(self.pooling(hidden_BTH, batch.lengths_B)).float())
        if self.lexical is not None:
            assert isinstance(batch, Batch)
            scores.append(self.lexical(batch).float())
        return torch.stack(scores)

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Loss of each text, (B,): the sum over the views."""
        assert batch.labels_BL is not None
        return self.view_losses(self.views(hidden_BTH, batch), batch.labels_BL)

    def view_losses(self, views_VBL: Tensor, labels_BL: Tensor) -> Tensor:
        """Give the loss of each text, (B,), from the scores of the views."""
        return torch.stack([self._losses(scores_BL, labels_BL) for scores_BL in views_VBL]).sum(0)

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        raise AssertionError("a head for classes defines its likelihood")

    def mix(self, views_VBL: Tensor) -> Tensor:
        """Probability of each class by the weighted sum of its scores, (B, L) in float64."""
        return self.normalise(torch.einsum("v,vbl->bl", self.weights_V.double(), views_VBL.double()))

    def normalise(self, scores_BL: Tensor) -> Tensor:
        """Turn scores into probabilities."""
        raise AssertionError("a head for classes defines its probabilities")


class SingleLabelHead(ClassHead):
    """One class per text: softmax, with cross-entropy against smoothed labels (Szegedy et al. 2016, section 7)."""

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        wanted_BL = labels_BL * (1 - self.label_smoothing) + self.label_smoothing / labels_BL.shape[-1]
        weight_B = labels_BL @ self.class_weights_L
        return -(wanted_BL * scores_BL.log_softmax(-1)).sum(-1) * weight_B

    def normalise(self, scores_BL: Tensor) -> Tensor:
        """Give probabilities that sum to 1."""
        return scores_BL.softmax(-1)


class MultiLabelHead(ClassHead):
    """Any number of classes per text: one sigmoid per class, with binary cross-entropy.

    The weight of a class multiplies the loss of the texts that have it.
    """

    def _losses(self, scores_BL: Tensor, labels_BL: Tensor) -> Tensor:
        wanted_BL = labels_BL * (1 - self.label_smoothing) + self.label_smoothing / 2
        return functional.binary_cross_entropy_with_logits(
            scores_BL, wanted_BL, pos_weight=self.class_weights_L, reduction="none"
        ).sum(-1)

    def normalise(self, scores_BL: Tensor) -> Tensor:
        """Give the probability of each class whatever the other classes have."""
        return scores_BL.sigmoid()
