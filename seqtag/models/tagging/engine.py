"""The engine of a tagger that runs on onnxruntime, with the head of the torch network beside it.

Whatever computes the emissions, the head is the tagger's as it stands now: one tuned after its export predicts tuned.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seqtag.inference.tagging import Sentences
from seqtag.models.engine import State
from seqtag.models.tagging.inference import NbestTagEngine, TorchTagEngine
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import graph_format, graph_spec, graph_weights
from seqtag.runtime import crf, heads
from seqtag.runtime.onnx_session import MAX_TOKENS, Exported, Session
from seqtag.runtime.tagging_engine import OnnxTagEngine, tagging_session
from seqtag.runtime.word_table import WordTable

if TYPE_CHECKING:
    import onnx


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
    """Makes the graph of one trained tagger, and engines of graphs that were opened; see `models.engine.Exports`."""

    def __init__(self, on_torch: TorchTagEngine) -> None:
        self._network, self._tagset, self._context = on_torch.network, on_torch.tagset, on_torch.context
        self._words = WordTable(on_torch.vocabulary)
        self._spec = graph_spec(on_torch.network, on_torch.vocabulary)
        self.format = graph_format(self._spec)
        self._head: tuple[tuple[State, float], heads.Head] | None = None

    def graph(self, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        """Make the graph of the weights as they are now."""
        return build_graph(graph_weights(self._network), self._spec, metadata=metadata)

    def take(self, exported: Exported) -> Callable[[NbestTagEngine, State], OnnxNbestEngine]:
        """Check the borders of an opened graph; gives what makes an engine of it, from the engine on torch."""
        return partial(self._engine, tagging_session(exported, has_context=self._context is not None))

    def _engine(self, session: Session, on_torch: NbestTagEngine, state: State) -> OnnxNbestEngine:
        return OnnxNbestEngine(
            session,
            self._current_head(state),
            self._words,
            self._tagset,
            min(on_torch.max_tokens, MAX_TOKENS),
            on_torch.thresholds,
            self._context,
            network=self._network,
        )

    def _current_head(self, state: State) -> heads.Head:
        key = state, float(self._network.head.temperature)
        if self._head is None or self._head[0] != key:
            self._head = key, runtime_head(self._network.head)
        return self._head[1]


@torch.no_grad()
def runtime_head(head: LinearHead | CRFHead) -> heads.Head:
    """Give the head of a network as the runtime has it, at its temperature."""
    temperature = float(head.temperature)
    if isinstance(head, LinearHead):
        return heads.LinearHead(temperature)
    parts = [part.double().cpu().numpy() for part in head.scores()]
    return heads.CRFHead(crf.Scores(*parts), crf.Scores(*(part / temperature for part in parts)), temperature)
