"""What a tagger's network can run on.

Whatever computes the emissions, the head is the tagger's as it stands now: one tuned after its export answers tuned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seqtag.inference.tagging import Sentences
from seqtag.models.engine import Engines, State
from seqtag.models.tagging.inference import HeadedAnswers
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import graph_weights
from seqtag.runtime import crf, heads
from seqtag.runtime.onnx_session import Session
from seqtag.runtime.tagging_engine import MAX_TOKENS, Exported, RuntimeEngine, tagging_session
from seqtag.runtime.word_table import WordTable

if TYPE_CHECKING:
    import onnx

    from seqtag.models.tagging.tagger import Tagger


@dataclass(frozen=True, eq=False)
class OnnxPredictor(RuntimeEngine, HeadedAnswers):
    """A network on onnxruntime, with the head of the torch network beside it for what needs torch."""

    network: TagNetwork = field(kw_only=True)

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """The numbers, emissions and lengths of sentences, batch by batch."""
        device = self.network.head.shift_L.device
        for indices, batch in self.scored(sentences):
            assert isinstance(batch, heads.ScoredBatch)
            emissions_BTL = torch.from_numpy(batch.emissions_BTL).to(device)
            yield indices, emissions_BTL, torch.from_numpy(batch.lengths_B).to(device)


class TagEngines(Engines):
    """What the network of one trained tagger can run on."""

    network: TagNetwork

    NOT_EXPORTED = frozenset({"head.temperature"})  # every engine takes the head as it is

    def __init__(self, tagger: "Tagger") -> None:
        super().__init__(tagger)
        self._tagset, self._words = tagger.tagset_, WordTable(tagger.vocabulary_)
        self._head: tuple[tuple[State, float], heads.Head] | None = None

    def _graph(self, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        return build_graph(graph_weights(self.network), self.spec, metadata=metadata)

    def _taken(self, exported: Exported) -> Session:
        return tagging_session(exported, has_context=bool(self.spec.context))

    def _with(self, opened: Session, estimator: "Tagger", state: State) -> OnnxPredictor:
        return OnnxPredictor(
            opened,
            self._current_head(state),
            self._words,
            self._tagset,
            min(estimator.max_tokens, MAX_TOKENS),
            estimator.thresholds_,
            estimator._context_reader,
            network=self.network,
        )

    def _current_head(self, state: State) -> heads.Head:
        key = state, float(self.network.head.temperature)
        if self._head is None or self._head[0] != key:
            self._head = key, runtime_head(self.network.head)
        return self._head[1]


@torch.no_grad()
def runtime_head(head: LinearHead | CRFHead) -> heads.Head:
    """Give the head of a network as the runtime has it, at its temperature."""
    temperature = float(head.temperature)
    if isinstance(head, LinearHead):
        return heads.LinearHead(temperature)
    parts = [part.double().cpu().numpy() for part in head.scores()]
    return heads.CRFHead(crf.Scores(*parts), crf.Scores(*(part / temperature for part in parts)), temperature)
