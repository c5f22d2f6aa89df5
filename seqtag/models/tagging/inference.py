"""The engine of a tagger that runs its network on torch, in batches of like length; and n-best sequences.

How thresholds are chosen is the business of tuning.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqtag.batching import ContextReader, collate
from seqtag.inference.explaining.occlusion import OF_EVERY_MODEL, WITH_LISTS, Occluded
from seqtag.inference.explaining.tagging import SharesOf
from seqtag.inference.finite import check_finite
from seqtag.inference.held_batch import HeldBatch
from seqtag.inference.known_spans import KnownSpans
from seqtag.inference.scored import Potentials, Scored
from seqtag.inference.tag_engine import Sentences, TagEngine, Tokens
from seqtag.models.tagging.emission_shares import EmissionShares
from seqtag.nn.batch import Batch
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.length_batches import row_batches
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary


class NbestTagEngine(TagEngine):
    """An engine beside which the torch network stands: n-best sequences, and tuning, need its head."""

    network: TagNetwork
    max_tokens: int  # padded tokens per batch

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """Give the numbers, emissions and lengths of sentences, batch by batch, on the device of the head."""
        raise AssertionError("a subclass scores sentences")

    def nbest(
        self, sentences: Sentences, n: int, known: KnownSpans | None = None
    ) -> list[list[tuple[list[str], float]]]:
        """Give the n best tag sequences of each sentence, with their probabilities; each sequence once."""
        found: list[list[tuple[list[str], float]]] = [[([], 1.0)] if not sentence else [] for sentence in sentences]
        with torch.inference_mode():
            for indices, emissions_BTL, lengths_B in self.emissions(sentences):
                paths_BKT, log_probability_BK = self.network.head.nbest(emissions_BTL, lengths_B, n)
                paths = [list(zip(*best)) for best in zip(paths_BKT.cpu().numpy(), log_probability_BK.tolist())]
                batch = self._holding(_ScoredByTorch(self.network.head, emissions_BTL, lengths_B), indices, known)
                if isinstance(batch, HeldBatch):
                    paths = [batch.nbest(row, n) if row in batch.held else best for row, best in enumerate(paths)]
                for i, best in zip(indices, paths):
                    seen: dict[tuple[str, ...], float] = {}
                    for path_T, score in best:
                        if score > -np.inf:
                            # A linear head has illegal paths too, and several may be read as the same legal tags.
                            seen.setdefault(
                                tuple(self.tagset.decode(path_T[: len(sentences[i])])), float(np.exp(score))
                            )
                    found[i] = [(list(tags), probability) for tags, probability in seen.items()]
        return found


@dataclass(frozen=True)
class TorchTagEngine(NbestTagEngine):
    """A network with the indices that it was trained with."""

    network: TagNetwork
    vocabulary: Vocabulary
    tagset: TagSet
    max_tokens: int  # padded tokens per batch
    thresholds: Mapping[str, float] | None = None  # by label: the least probability of a span; None: the best tags
    context: ContextReader | None = None  # of a network that has one
    gazetteers: Gazetteers | None = None  # of a network that has some

    def batches(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Batch]]:
        """Cut sentences into batches of like length: give their numbers and the batch. Empty ones are left out."""
        device = next(self.network.parameters()).device
        for indices in row_batches(sentences, self.context, max_tokens=self.max_tokens):
            together = [sentences[i] for i in indices]
            batch = collate(self.vocabulary, together, context=self.context, gazetteers=self.gazetteers)
            yield indices, batch.to(device)

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """Give the numbers, emissions and lengths of sentences, batch by batch."""
        for indices, batch in self.batches(sentences):
            with torch.inference_mode():
                emissions_BTL = self.network.emissions(batch)
            check_finite(emissions_BTL.isfinite().all(), network=self.network)
            yield indices, emissions_BTL, batch.lengths_B

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences batch by batch: give their numbers and the batch. Empty sentences are in no batch."""
        for indices, emissions_BTL, lengths_B in self.emissions(sentences):
            yield indices, _ScoredByTorch(self.network.head, emissions_BTL, lengths_B)

    def hides(self) -> Sequence[str]:
        """Name what can be hidden; a word that is hidden from lists alone would be hidden from language models too."""
        return WITH_LISTS if self.gazetteers is not None and self.context is None else OF_EVERY_MODEL

    def reading(self, occluded: Occluded) -> "TorchTagEngine":
        """Give the same engine for sentences in which something is hidden."""
        lists = None if self.gazetteers is None else occluded.gazetteers(self.gazetteers)
        return replace(self, vocabulary=occluded.vocabulary(self.vocabulary), gazetteers=lists)

    def shares(self, tokens: Tokens) -> SharesOf:
        """Give what splits the emissions of a sentence."""
        [(_, batch)] = self.batches([tokens])
        return EmissionShares.build(self.network, self.vocabulary, batch, self.gazetteers)


@dataclass(frozen=True, slots=True)
class _ScoredByTorch:
    """A batch with its emissions, on which the head of the network decides."""

    head: LinearHead | CRFHead
    emissions_BTL: Tensor
    lengths_B: Tensor

    @torch.inference_mode()
    def best(self) -> np.ndarray:
        best_BT: np.ndarray = self.head.best(self.emissions_BTL, self.lengths_B).cpu().numpy()
        return best_BT

    @torch.inference_mode()
    def marginals(self) -> np.ndarray:
        marginals_BTL: np.ndarray = self.head.marginals(self.emissions_BTL, self.lengths_B).cpu().numpy()
        return marginals_BTL

    @torch.inference_mode()
    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        device = self.emissions_BTL.device
        rows, from_ids, to_ids = (torch.from_numpy(ids).to(device) for ids in (rows_R, from_P, to_P))
        marginals, moved = self.head.chain(self.emissions_BTL[rows], self.lengths_B[rows], from_ids, to_ids)
        return marginals.cpu().numpy(), moved.cpu().numpy()

    @torch.inference_mode()
    def potentials(self, rows_R: np.ndarray) -> list[Potentials]:
        temperature = self.head.temperature
        parts = [(part.double() / temperature).cpu().numpy() for part in self.head.scores()]
        return [
            Potentials((self.emissions_BTL[row, : self.lengths_B[row]].double() / temperature).cpu().numpy(), *parts)
            for row in rows_R
        ]
