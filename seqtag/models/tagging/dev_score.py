"""Score a network on dev data between epochs, and set the balance of its tags there."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from seqtag.evaluation.statistics.resampling import micro_f1_interval
from seqtag.evaluation.tagging.known import Annotated, Known
from seqtag.inference.tag_engine import Sentences
from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.nn.heads import TagHead
from seqtag.nn.network import TagNetwork
from seqtag.text.length_batches import pad
from seqtag.text.schemes import UNKNOWN_TAG, Span, spans_from_tags
from seqtag.text.tagset import TagSet
from seqtag.training.watchers import DevFigures

# The steps in which the score of 'O' is shifted, and how far it may go, in nats.
_STEP, _FARTHEST = 0.5, 4.0


class DevScore:
    """Score a network on dev data: strict micro F1 of spans, or accuracy for plain tags.

    For spans it also finds the shift of the score of 'O' with the best F1 and leaves it in the head. A likelihood
    weighs each token alike, so where entities are rare and new the model says 'O' too often; one number, chosen on dev,
    gives precision and recall their balance back (for thresholds and F1 see Lipton, Elkan and Narayanaswamy 2014).
    The loss is that of the scores before they are shifted, as in training.
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
        self._gold_ids: list[np.ndarray | None] | None = None
        self._known: tuple[Known, Sequence[Sequence[str]]] | None = None  # with the gold tags that are judged

    def __call__(self, network: TagNetwork) -> DevFigures:
        """Give the dev score and the dev loss."""
        engine = self.engine_of(network)
        tagset, head = engine.tagset, network.head
        losses = _Losses(head, self._ids(tagset))
        if tagset.data_scheme == "plain" or not self.balance or "O" not in tagset.names:
            tags: list[list[str]] = [[] for _ in self.sentences]
            for indices, emissions_BTL, lengths_B in engine.emissions(self.sentences):
                losses.add(indices, emissions_BTL, lengths_B)
                best_BT = head.best(emissions_BTL, lengths_B).cpu().numpy()
                for i, found in zip(indices, tagset.decode_rows(best_BT, lengths_B.cpu().numpy())):
                    tags[i] = found
            return DevFigures(_f1(*self._counts(tags, tagset.data_scheme)), losses.mean())

        outside = tagset.names.index("O")
        shift = float(head.shift_L[outside])
        head.shift_L[outside] = 0.0
        batches = list(engine.emissions(self.sentences))  # the network runs once; each shift only decodes again
        for batch in batches:
            losses.add(*batch)
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
        return DevFigures(scores[shift], losses.mean())

    def interval(self, network: TagNetwork) -> tuple[float, float]:
        """Give the 95% bootstrap interval of the dev score, over sentences."""
        engine = self.engine_of(network)
        return micro_f1_interval(*self._counts(engine.tags(self.sentences), engine.tagset.data_scheme))

    def _counts(self, predicted: Sentences, scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count right, gold and predicted spans of each sentence; of plain tags tokens, whose F1 is the accuracy.

        What nobody annotated does not count.
        """
        if self._known is None:
            known = Known(self.gold, scheme, self.annotated)
            self._known = known, self.gold if known.is_all else known.tags(self.gold)
        known, gold = self._known
        pairs = zip(gold, predicted if known.is_all else known.tags(predicted))
        if scheme == "plain":
            tags = ([both for both in zip(*pair) if UNKNOWN_TAG not in both] for pair in pairs)
            rows = [(sum(a == b for a, b in each), len(each), len(each)) for each in tags]
        else:
            rows = [_overlap(spans_from_tags(x, scheme), spans_from_tags(y, scheme)) for x, y in pairs]
        right_S, gold_S, predicted_S = np.array(rows, np.int64).reshape(-1, 3).T
        return right_S, gold_S, predicted_S

    def _ids(self, tagset: TagSet) -> list[np.ndarray | None]:
        """Give the model's ids of the gold tags of each sentence; None where one is unknown, or the model lacks it."""
        if self._gold_ids is None:
            lengths_S = np.array(list(map(len, self.gold)), np.int64)
            seen = {tag: number for number, tag in enumerate(dict.fromkeys(chain.from_iterable(self.gold)))}
            gold_N = np.array([seen[tag] for tag in chain.from_iterable(self.gold)], np.int64)
            ids_N = tagset.encode(gold_N, lengths_S, tagset.encoder(list(seen)))
            read_as_L = np.array([seen.get(tagset.data_tags[i], -1) for i in tagset.to_data])
            borders = np.cumsum(lengths_S)[:-1]
            sides = (np.split(values_N, borders) for values_N in (ids_N, read_as_L[ids_N] == gold_N))
            annotated = self.annotated or [None] * len(self.gold)
            self._gold_ids = [
                ids_T if is_known_T.all() and labels is None else None
                for ids_T, is_known_T, labels in zip(*sides, annotated)
            ]
        return self._gold_ids


class _Losses:
    """Adds up the losses of sentences whose gold tags the model knows, batch by batch."""

    def __init__(self, head: TagHead, ids: Sequence[np.ndarray | None]) -> None:
        self.head, self.ids = head, ids
        self._sum, self._number = 0.0, 0

    @torch.inference_mode()
    def add(self, indices: np.ndarray, emissions_BTL: Tensor, lengths_B: Tensor) -> None:
        """Add a batch, which the head scores."""
        kept = [(row, ids_T) for row, i in enumerate(indices) if (ids_T := self.ids[i]) is not None]
        if not kept:
            return
        device = emissions_BTL.device
        rows_R = torch.tensor([row for row, _ in kept], device=device)
        tags_N, rows_lengths = np.concatenate([ids_T for _, ids_T in kept]), np.array([len(ids_T) for _, ids_T in kept])
        tags_RT = torch.from_numpy(pad(tags_N, rows_lengths)).to(device)
        emissions_RTL = emissions_BTL if len(kept) == len(indices) else emissions_BTL[rows_R]
        losses_R = self.head.path_losses(emissions_RTL[:, : tags_RT.shape[1]], tags_RT, lengths_B[rows_R])
        is_possible_R = losses_R.isfinite()  # not, where gold breaks a rule of its scheme
        self._sum += float(losses_R[is_possible_R].sum(dtype=torch.float64))
        self._number += int(is_possible_R.sum())

    def mean(self) -> float | None:
        """Give the mean of all; None where there is none."""
        return self._sum / self._number if self._number else None


def _overlap(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[int, int, int]:
    return len(set(gold).intersection(predicted)), len(gold), len(predicted)


def _f1(right_S: np.ndarray, gold_S: np.ndarray, predicted_S: np.ndarray) -> float:
    """Give the micro F1; for legal tags it is the same as seqeval's strict figure."""
    total = gold_S.sum() + predicted_S.sum()
    return float(2 * right_S.sum() / total) if total else 0.0
