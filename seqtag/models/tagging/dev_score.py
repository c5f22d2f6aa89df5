"""Score a network on dev data between epochs, and set the balance of its tags there."""

from collections.abc import Callable, Sequence

import numpy as np

from seqtag.evaluation.statistics.resampling import micro_f1_interval
from seqtag.evaluation.tagging.known import Annotated, Known
from seqtag.inference.tagging import Sentences
from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.nn.network import TagNetwork
from seqtag.text.schemes import UNKNOWN_TAG, Span, spans_from_tags

# The steps in which the score of 'O' is shifted, and how far it may go, in nats.
_STEP, _FARTHEST = 0.5, 4.0


class DevScore:
    """Score a network on dev data: strict micro F1 of spans, or accuracy for plain tags.

    For spans it also finds the shift of the score of 'O' with the best F1 and leaves it in the head. A likelihood
    weighs each token alike, so where entities are rare and new the model says 'O' too often; one number, chosen on dev,
    gives precision and recall their balance back (for thresholds and F1 see Lipton, Elkan and Narayanaswamy 2014).
    """

    def __init__(
        self,
        engine_of: Callable[[TagNetwork], TorchTagEngine],
        sentences: Sentences,
        gold: Sentences,
        *,
        balance: bool,
        annotated: Annotated | None = None,
    ) -> None:
        self.engine_of, self.sentences, self.gold, self.annotated = engine_of, sentences, gold, annotated
        self.balance = balance

    def __call__(self, network: TagNetwork) -> float:
        """Give the dev score."""
        engine = self.engine_of(network)
        tagset, head = engine.tagset, network.head
        if tagset.data_scheme == "plain" or not self.balance or "O" not in tagset.names:
            return _f1(*self._counts(engine.tags(self.sentences), tagset.data_scheme))

        outside = tagset.names.index("O")
        shift = float(head.shift_L[outside])
        head.shift_L[outside] = 0.0
        batches = list(engine.emissions(self.sentences))  # the network runs once; each shift only decodes again
        scores: dict[float, float] = {}

        def score(shift: float) -> float:
            if shift not in scores and abs(shift) <= _FARTHEST:
                predicted: list[list[str]] = [[] for _ in self.sentences]
                for indices, emissions_BTL, lengths_B in batches:
                    moved_BTL = emissions_BTL.clone()
                    moved_BTL[..., outside] += shift
                    for i, ids_T in zip(indices, head.best(moved_BTL, lengths_B).cpu().numpy()):
                        predicted[i] = tagset.decode(ids_T[: len(self.sentences[i])])
                scores[shift] = _f1(*self._counts(predicted, tagset.data_scheme))
            return scores.get(shift, -1.0)

        # Climb from where the last epoch stood; F1 has one hill in the shift, but for noise.
        while (better := max(shift - _STEP, shift, shift + _STEP, key=lambda s: (score(s), -abs(s)))) != shift:
            shift = better
        head.shift_L[outside] = shift
        return scores[shift]

    def interval(self, network: TagNetwork) -> tuple[float, float]:
        """Give the 95% bootstrap interval of the dev score, over sentences."""
        engine = self.engine_of(network)
        return micro_f1_interval(*self._counts(engine.tags(self.sentences), engine.tagset.data_scheme))

    def _counts(self, predicted: Sentences, scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count right, gold and predicted spans of each sentence; of plain tags tokens, whose F1 is the accuracy.

        What nobody annotated does not count.
        """
        known = Known(self.gold, scheme, self.annotated)
        pairs = zip(self.gold, predicted) if known.is_all else zip(known.tags(self.gold), known.tags(predicted))
        if scheme == "plain":
            tags = ([both for both in zip(*pair) if UNKNOWN_TAG not in both] for pair in pairs)
            rows = [(sum(a == b for a, b in each), len(each), len(each)) for each in tags]
        else:
            rows = [_overlap(spans_from_tags(x, scheme), spans_from_tags(y, scheme)) for x, y in pairs]
        right_S, gold_S, predicted_S = np.array(rows, np.int64).reshape(-1, 3).T
        return right_S, gold_S, predicted_S


def _overlap(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[int, int, int]:
    return len(set(gold).intersection(predicted)), len(gold), len(predicted)


def _f1(right_S: np.ndarray, gold_S: np.ndarray, predicted_S: np.ndarray) -> float:
    """Give the micro F1; for legal tags it is the same as seqeval's strict figure."""
    total = gold_S.sum() + predicted_S.sum()
    return float(2 * right_S.sum() / total) if total else 0.0
