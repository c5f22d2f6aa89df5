"""The engine of a classifier that runs its network on torch; and the score on dev data between epochs.

Batches hold rows of like length; predictions come in the order of the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from seqtag.batching import ContextReader, collate, collate_series
from seqtag.evaluation.statistics.resampling import micro_f1_interval
from seqtag.inference.explaining.occlusion import Occluded
from seqtag.inference.finite import check_finite
from seqtag.inference.series_input import SeriesLayout
from seqtag.nn.batch import AnyBatch
from seqtag.nn.classification import ClassHead
from seqtag.nn.network import ClassNetwork
from seqtag.text.classes import ClassSet
from seqtag.text.length_batches import row_batches
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.watchers import DevFigures

Rows = Sequence[Any]


@dataclass(frozen=True)
class TorchClassEngine:
    """A network with the indices that it was trained with; without a vocabulary its rows are series of numbers."""

    network: ClassNetwork
    vocabulary: Vocabulary | None
    classes: ClassSet
    prior_L: np.ndarray  # shares of the classes in training
    max_tokens: int  # padded tokens per batch
    context: ContextReader | None = None  # of a network that has one
    series: SeriesLayout | None = None  # how the rows are read where they are series

    @property
    def pooling(self) -> str | None:
        """How the states of a row become one vector; None where no encoder gives any."""
        pooling = self.network.head.pooling
        return None if pooling is None else str(pooling.name)

    def batches(self, rows: Rows) -> Iterator[tuple[np.ndarray, AnyBatch]]:
        """Cut rows into batches of like length: give their numbers and the batch. Empty rows are left out."""
        device = next(self.network.parameters()).device
        for indices in row_batches(rows, self.context, max_tokens=self.max_tokens):
            together = [rows[i] for i in indices]
            if self.vocabulary is None:
                yield indices, collate_series(together).to(device)
            else:
                yield indices, collate(self.vocabulary, together, context=self.context).to(device)

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Give the probability of each class, (N, L); for a row without a token, the share of the class in training."""
        probability_NL = np.tile(self.prior_L, (len(rows), 1))
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                probability_NL[indices] = self.network.probabilities(batch).cpu().numpy()
        self._check(np.isfinite(probability_NL).all(), rows)
        return probability_NL

    def views(self, rows: Rows) -> tuple[np.ndarray, torch.Tensor]:
        """Give the numbers of the M rows that have a token, and the score of each class by each view, (V, M, L)."""
        numbers, scores = [np.zeros(0, np.int64)], [torch.zeros(len(self.network.head.weights_V), 0, len(self.prior_L))]
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                numbers.append(indices)
                scores.append(self.network.views(batch).cpu())
        self._check(all(views.isfinite().all() for views in scores), rows)
        return np.concatenate(numbers), torch.cat(scores, 1)

    def view_scores(self, rows: Rows) -> dict[str, np.ndarray]:
        """Give what each view, encoder and lexical, adds to the scores of rows with a token, (N, L) in float64."""
        numbers, views_VML = self.views(rows)
        scores_VML = (self.network.head.weights_V.cpu().double()[:, None, None] * views_VML.double()).numpy()
        return dict(zip(self._view_names(), scores_VML[:, numbers.argsort()]))

    def view_biases(self) -> dict[str, np.ndarray]:
        """Give the part of it that is the same for every row, (L,)."""
        head = self.network.head
        biases = [] if head.output is None else [head.output.bias]
        biases += [] if head.lexical is None else [head.lexical.bias_L]
        weighted = (weight * bias_L.detach().cpu().double() for weight, bias_L in zip(head.weights_V.tolist(), biases))
        return {name: bias_L.numpy() for name, bias_L in zip(self._view_names(), weighted)}

    def reading(self, occluded: Occluded) -> "TorchClassEngine":
        """Give the same engine for texts in which something is hidden."""
        assert self.vocabulary is not None
        return replace(self, vocabulary=occluded.vocabulary(self.vocabulary))

    def _view_names(self) -> list[str]:
        head = self.network.head
        return [name for name, part in (("encoder", head.pooling), ("lexical", head.lexical)) if part is not None]

    def _check(self, is_finite: object, rows: Rows) -> None:
        check_finite(is_finite, network=self.network, given=() if self.series is None else rows)

    def attention(self, rows: Rows) -> list[np.ndarray]:
        """Give the weight of each token in the pooled vector: one array (tokens) per row, which sums to 1."""
        weights = [np.zeros(0)] * len(rows)
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                for i, weights_T in zip(indices, self.network.attention(batch).double().cpu().numpy()):
                    weights[i] = weights_T[: len(rows[i])]
        return weights

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes each row gets, as truth values (N, L): the likeliest, or all that reach their threshold."""
        return self.classes.choose(probability_NL, self.network.head.threshold_L.cpu().numpy())


class ClassDevScore:
    """Score a network on dev data: accuracy, or micro F1 where a row may have several labels.

    The score also leaves in the head what dev data decide: the weight of each view of a text, by the likelihood of dev;
    and, where a row may have several labels, the threshold of each label with the best F1, since F1 is not best at a
    probability of one half (Lipton, Elkan and Narayanaswamy 2014).
    """

    def __init__(
        self, engine_of: Callable[[ClassNetwork], TorchClassEngine], rows: Rows, gold: Sequence[Any], classes: ClassSet
    ) -> None:
        self.engine_of, self.rows, self.classes = engine_of, rows, classes
        self.gold_NL = np.zeros((len(gold), len(classes)), bool)
        label_lists = gold if classes.is_multi else [[label] for label in gold]
        for row_L, labels in zip(self.gold_NL, label_lists):
            # A label that training lacks has the number -1, and then no class is right.
            row_L[[i for i in map(classes.find, labels) if i >= 0]] = True
        self.num_gold_N = np.array([len(labels) for labels in label_lists])

    def __call__(self, network: ClassNetwork) -> DevFigures:
        """Give the dev score, and the loss as training measures it."""
        engine, head = self.engine_of(network), network.head
        numbers, views_VML = engine.views(self.rows)
        head.weights_V.copy_(best_weights(views_VML.double().numpy(), self.gold_NL[numbers], self.classes.is_multi))
        probability_NL = np.tile(engine.prior_L, (len(self.rows), 1))
        probability_NL[numbers] = head.mix(views_VML.to(head.weights_V.device)).cpu().numpy()
        if self.classes.is_multi:
            thresholds = [best_threshold(p_N, y_N) for p_N, y_N in zip(probability_NL.T, self.gold_NL.T)]
            head.threshold_L.copy_(torch.tensor(thresholds))
        right, gold, predicted = map(np.sum, self._counts(engine, probability_NL))
        score = float(2 * right / (gold + predicted)) if gold + predicted else 0.0
        return DevFigures(score, self._loss(head, numbers, views_VML))

    def _loss(self, head: ClassHead, numbers: np.ndarray, views_VML: torch.Tensor) -> float | None:
        """Give the mean loss of the rows with a token; a label that training lacks has no likelihood."""
        gold_ML = self.gold_NL[numbers]
        known_M = np.full(len(gold_ML), True) if self.classes.is_multi else gold_ML.any(1)
        labels_KL = torch.from_numpy(gold_ML[known_M]).to(head.weights_V)
        losses_K = head.view_losses(views_VML[:, torch.from_numpy(known_M)].to(head.weights_V.device), labels_KL)
        return float(losses_K.mean(dtype=torch.float64)) if len(losses_K) and losses_K.isfinite().all() else None

    def interval(self, network: ClassNetwork) -> tuple[float, float]:
        """Give the 95% bootstrap interval of the dev score, over texts."""
        engine = self.engine_of(network)
        return micro_f1_interval(*self._counts(engine, engine.probabilities(self.rows)))

    def _counts(self, engine: TorchClassEngine, probability_NL: np.ndarray) -> tuple[np.ndarray, ...]:
        """Count right, gold and predicted labels of each row; with one label per row their F1 is the accuracy."""
        chosen_NL = engine.choose(probability_NL)
        return (chosen_NL & self.gold_NL).sum(1), self.num_gold_N, chosen_NL.sum(1)


def best_weights(views_VNL: np.ndarray, gold_NL: np.ndarray, is_multi: bool) -> torch.Tensor:
    """Find the weights of the views, (V,), whose sum of scores gives gold the highest likelihood.

    The problem is convex. Each weight lies between 0 and 3, and is held near 1 / V as if by one observation more, for
    the sake of dev data with few rows.
    """
    if not is_multi:  # a label that the model does not know has no likelihood
        known_N = gold_NL.any(1)
        views_VNL, gold_NL = views_VNL[:, known_N], gold_NL[known_N]
    start_V = np.full(len(views_VNL), 1 / len(views_VNL))

    def loss(weights_V: np.ndarray) -> tuple[float, np.ndarray]:
        scores_NL = np.einsum("v,vnl->nl", weights_V, views_VNL)
        log_p_NL = -np.logaddexp(0, -scores_NL) if is_multi else log_softmax(scores_NL, axis=1)
        log_not_NL = log_p_NL - scores_NL if is_multi else np.zeros_like(scores_NL)
        slope_NL = np.exp(log_p_NL) - gold_NL
        off_V = weights_V - start_V
        value = -np.where(gold_NL, log_p_NL, log_not_NL).sum() + (off_V**2).sum()
        return float(value), np.einsum("nl,vnl->v", slope_NL, views_VNL) + 2 * off_V

    found = minimize(loss, start_V, jac=True, bounds=[(0.0, 3.0)] * len(start_V), method="L-BFGS-B")
    return torch.from_numpy(found.x).float()


def best_threshold(probability_N: np.ndarray, gold_N: np.ndarray) -> float:
    """Find the probability from which on saying yes has the best F1; one half where there is nothing to find.

    It lies halfway between two probabilities that were seen; of equally good ones it is the nearest to one half.

    >>> best_threshold(np.array([0.1, 0.2, 0.4]), np.array([False, True, True]))
    0.15
    """
    if not gold_N.any():
        return 0.5
    order = np.argsort(-probability_N, kind="stable")
    sorted_N = probability_N[order]
    f1_N = 2 * gold_N[order].cumsum() / (np.arange(1, len(order) + 1) + gold_N.sum())
    below_N = np.append(sorted_N[1:], 0.0)
    half_N = (sorted_N + below_N) / 2
    round_N = np.round(half_N, 12)
    cuts_N = np.where((sorted_N >= round_N) & (round_N > below_N), round_N, half_N)
    # All rows with the same probability are taken or none.
    is_cut_N = (sorted_N >= cuts_N) & (cuts_N > below_N)
    if not is_cut_N.any():
        return 0.5
    open_N = cuts_N[is_cut_N & (f1_N >= f1_N[is_cut_N].max())]
    return float(open_N[np.abs(open_N - 0.5).argmin()])
