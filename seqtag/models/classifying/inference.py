"""Run a trained classifying network over rows: probabilities, attention; and score it on dev data between epochs.

Batches hold rows of like length; answers come in the order of the questions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from seqtag.batching import ContextReader, collate, collate_series
from seqtag.evaluation.statistics.resampling import micro_f1_interval
from seqtag.nn.batch import AnyBatch
from seqtag.nn.network import ClassNetwork
from seqtag.nn.series import SeriesEmbedder
from seqtag.text.classes import ClassSet
from seqtag.text.length_batches import sorted_batches
from seqtag.text.vocabulary import Vocabulary

Rows = Sequence[Any]


@dataclass(frozen=True)
class ClassPredictor:
    """A network with what it was trained with; without a vocabulary its rows are series of numbers."""

    network: ClassNetwork
    vocabulary: Vocabulary | None
    classes: ClassSet
    prior_L: np.ndarray  # shares of the classes in training
    max_tokens: int  # padded tokens a batch
    context: ContextReader | None = None  # of a network that has one

    @property
    def pooling(self) -> str:
        """How the states of a row become one vector."""
        return str(self.network.head.pooling.name)

    @property
    def num_features(self) -> int | None:
        """Numbers a step of series; None where rows are texts."""
        embedder = self.network.embedder
        return embedder.output_size if isinstance(embedder, SeriesEmbedder) else None

    def batches(self, rows: Rows) -> Iterator[tuple[np.ndarray, AnyBatch]]:
        """Cut rows into batches of like length: their numbers and the batch. Empty rows are left out."""
        lengths = np.array([len(row) for row in rows], np.int64)
        device = next(self.network.parameters()).device
        if self.context is None:
            numbers = sorted_batches(lengths, max_tokens=self.max_tokens)
        else:
            numbers = self.context.batches(rows, max_tokens=self.max_tokens)
        for indices in numbers:
            own = [rows[i] for i in indices]
            if self.vocabulary is None:
                yield indices, collate_series(own).to(device)
            else:
                yield indices, collate(self.vocabulary, own, context=self.context).to(device)

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Probability of each class, (N, L); of a row without a token, the share of the class in training."""
        probability_NL = np.tile(self.prior_L, (len(rows), 1))
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                probability_NL[indices] = self.network.probabilities(batch).cpu().numpy()
        return probability_NL

    def views(self, rows: Rows) -> tuple[np.ndarray, torch.Tensor]:
        """Score of each class by each view, (V, M, L), for the M rows that have a token: their numbers come first."""
        numbers, scores = [np.zeros(0, np.int64)], [torch.zeros(len(self.network.head.weights_V), 0, len(self.prior_L))]
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                numbers.append(indices)
                scores.append(self.network.views(batch).cpu())
        return np.concatenate(numbers), torch.cat(scores, 1)

    def attention(self, rows: Rows) -> list[np.ndarray]:
        """Weight of each token in the pooled vector, 1 in all: an array (tokens) a row."""
        weights = [np.zeros(0)] * len(rows)
        with torch.inference_mode():
            for indices, batch in self.batches(rows):
                for i, weights_T in zip(indices, self.network.attention(batch).double().cpu().numpy()):
                    weights[i] = weights_T[: len(rows[i])]
        return weights

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes a row is given, (N, L) of truth values: the likeliest, or all above their thresholds."""
        if self.classes.is_multi:
            chosen_NL: np.ndarray = probability_NL >= self.network.head.threshold_L.cpu().numpy()
            return chosen_NL
        return np.arange(probability_NL.shape[1]) == probability_NL.argmax(1)[:, None]


class ClassDevScore:
    """Score a network on dev data: accuracy, or micro F1 where a row may have several labels.

    Also leaves in the head what dev data decide: what each view of a text counts, by the likelihood of dev; and,
    where a row may have several labels, for each the threshold with the best F1, since a probability above one half is
    not where F1 is best (Lipton, Elkan and Narayanaswamy 2014).
    """

    def __init__(
        self, predictor: Callable[[ClassNetwork], ClassPredictor], rows: Rows, gold: Sequence[Any], classes: ClassSet
    ) -> None:
        self.predictor, self.rows, self.classes = predictor, rows, classes
        self.gold_NL = np.zeros((len(gold), len(classes)), bool)
        for row_L, own in zip(self.gold_NL, gold):
            # A label that training lacks has the number -1, and then no class is right.
            row_L[[i for i in map(classes.find, own if classes.is_multi else [own]) if i >= 0]] = True
        self.num_gold_N = np.array([len(own) if classes.is_multi else 1 for own in gold])

    def __call__(self, network: ClassNetwork) -> float:
        """Give the dev score."""
        predictor, head = self.predictor(network), network.head
        numbers, views_VML = predictor.views(self.rows)
        head.weights_V.copy_(best_weights(views_VML.double().numpy(), self.gold_NL[numbers], self.classes.is_multi))
        probability_NL = np.tile(predictor.prior_L, (len(self.rows), 1))
        probability_NL[numbers] = head.mix(views_VML.to(head.weights_V.device)).cpu().numpy()
        if self.classes.is_multi:
            thresholds = [best_threshold(p_N, y_N) for p_N, y_N in zip(probability_NL.T, self.gold_NL.T)]
            head.threshold_L.copy_(torch.tensor(thresholds))
        right, gold, predicted = map(np.sum, self._counts(predictor, probability_NL))
        return float(2 * right / (gold + predicted)) if gold + predicted else 0.0

    def interval(self, network: ClassNetwork) -> tuple[float, float]:
        """Give the 95% bootstrap interval of the dev score, over texts."""
        predictor = self.predictor(network)
        return micro_f1_interval(*self._counts(predictor, predictor.probabilities(self.rows)))

    def _counts(self, predictor: ClassPredictor, probability_NL: np.ndarray) -> tuple[np.ndarray, ...]:
        """Right, gold and predicted labels of each row; with one label each, their F1 is the accuracy."""
        chosen_NL = predictor.choose(probability_NL)
        return (chosen_NL & self.gold_NL).sum(1), self.num_gold_N, chosen_NL.sum(1)


def best_weights(views_VNL: np.ndarray, gold_NL: np.ndarray, is_multi: bool) -> torch.Tensor:
    """Find the weights of the views, (V,), whose sum of scores gives gold the highest likelihood.

    A convex problem. Each lies between 0 and 3, and is held near 1 / V as by one observation, for dev data of few rows.
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

    Halfway between two probabilities that were seen, and of equally good ones the nearest to one half.

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
