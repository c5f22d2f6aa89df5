"""The engine of a tagger that runs on onnxruntime, with the head of the torch network beside it.

Whatever computes the emissions, the head is the tagger's as it stands now: one tuned after its export predicts tuned.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqtag.inference.tag_engine import Sentences
from seqtag.models.tagging.inference import NbestTagEngine, TorchTagEngine
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import export_metadata, graph_spec, graph_weights
from seqtag.runtime import crf, heads
from seqtag.runtime.onnx_session import MAX_TOKENS, Exported
from seqtag.runtime.tagging_engine import OnnxTagEngine, tagging_session
from seqtag.runtime.word_table import WordTable

_NEVER = -1e30  # the score of a move that the scheme forbids: JSON has no infinity


@dataclass(frozen=True, eq=False)
class OnnxNbestEngine(OnnxTagEngine, NbestTagEngine):
    """A network on onnxruntime, with the head of the torch network beside it for what needs torch."""

    network: TagNetwork = field(kw_only=True)

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """Give the numbers, emissions and lengths of sentences, batch by batch."""
        device = self.network.head.shift_L.device
        for indices, batch in self.scored(sentences):
            assert isinstance(batch, heads.ScoredBatch)
            emissions_BTL = torch.from_numpy(batch.emissions_BTL).to(device)
            yield indices, emissions_BTL, torch.from_numpy(batch.lengths_B).to(device)


class TagExports:
    """Makes exports of one trained tagger, and engines of those that were opened; see `models.engine.Exports`."""

    def __init__(self, on_torch: TorchTagEngine) -> None:
        self._network, self._tagset, self._context = on_torch.network, on_torch.tagset, on_torch.context
        self._gazetteers = on_torch.gazetteers
        self._words = WordTable(on_torch.vocabulary)
        self._spec = graph_spec(on_torch.network, on_torch.vocabulary)

    def content(self, weights_sha256: str, *, int8: bool = False) -> bytes:
        """Make the file of an export from the weights as they are now; it holds the hash that their folder has."""
        metadata = export_metadata(self._spec, weights_sha256, **stored_head(self._network.head))
        model = build_graph(graph_weights(self._network), self._spec, int8=int8, metadata=metadata)
        content: bytes = model.SerializeToString()
        return content

    def take(self, exported: Exported) -> Callable[[NbestTagEngine], OnnxNbestEngine]:
        """Check the borders of an opened graph; gives what makes an engine of it, from the engine on torch."""
        num_tags, reads = len(self._tagset.names), (self._context, self._gazetteers)
        session = tagging_session(exported, self._words.vocabulary, num_tags, *reads)

        @lru_cache(maxsize=1)
        def head_at(temperature: float) -> heads.Head:  # the rest of the head is as it was when the graph was opened
            return runtime_head(self._network.head)

        def engine(on_torch: NbestTagEngine) -> OnnxNbestEngine:
            return OnnxNbestEngine(
                session,
                head_at(float(self._network.head.temperature)),
                self._words,
                self._tagset,
                min(on_torch.max_tokens, MAX_TOKENS),
                on_torch.thresholds,
                *reads,
                network=self._network,
            )

        return engine


@torch.no_grad()
def stored_head(head: LinearHead | CRFHead) -> dict[str, Any]:
    """Lay out for the metadata what the head adds to the emissions: its kind, its chain, its temperature."""
    about: dict[str, Any] = {"head": "linear", "temperature": head.temperature.item()}
    if isinstance(head, CRFHead):
        parts = (part.clamp(min=_NEVER).tolist() for part in head.scores())
        about |= {"head": "crf"} | dict(zip(("start", "transitions", "end"), parts))
    return about


@torch.no_grad()
def runtime_head(head: LinearHead | CRFHead) -> heads.Head:
    """Give the head of a network as the runtime has it, at its temperature."""
    temperature = float(head.temperature)
    if isinstance(head, LinearHead):
        return heads.LinearHead(temperature)
    parts = [part.double().cpu().numpy() for part in head.scores()]
    return heads.CRFHead(crf.Scores(*parts), crf.Scores(*(part / temperature for part in parts)), temperature)
