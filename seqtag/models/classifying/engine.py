"""The exports of a classifier. All that decides stands in an export, the thresholds of the classes too."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from seqtag.inference.classifying import ClassEngine
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.models.engine import State
from seqtag.nn.segments import SegmentedEncoder
from seqtag.onnx_export.classifying import build_graph
from seqtag.onnx_export.weights import graph_format, graph_spec, graph_weights
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.runtime.onnx_session import MAX_TOKENS, Exported

if TYPE_CHECKING:
    import onnx


class ClassExports:
    """Makes the graph of one trained classifier, and engines of opened graphs; see `models.engine.Exports`."""

    def __init__(self, on_torch: TorchClassEngine) -> None:
        self._on_torch = on_torch
        self._spec = graph_spec(on_torch.network, on_torch.vocabulary)
        self.format = graph_format(self._spec)

    def graph(self, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        """Make the graph of the weights as they are now."""
        network = self._on_torch.network
        return build_graph(graph_weights(network), self._spec, pooling=self._on_torch.pooling, metadata=metadata)

    def take(self, exported: Exported) -> Callable[[ClassEngine, State], OnnxClassEngine]:
        """Check the borders of an opened graph; gives what makes an engine of it, from the engine on torch."""
        return partial(_engine, onnx_engine(exported, self._on_torch))


def onnx_engine(exported: Exported, on_torch: TorchClassEngine) -> OnnxClassEngine:
    """Make an engine of an opened graph, with what the engine on torch has beside its network."""
    encoder = on_torch.network.encoder
    assert isinstance(encoder, SegmentedEncoder)
    config: dict[str, Any] = {  # as config.json has it
        "params": {
            "pooling": on_torch.pooling,
            "segment_size": encoder.segment_size,
            "max_tokens": on_torch.max_tokens,
        },
        "classes": on_torch.classes.to_dict(),
        "prior": on_torch.prior_L.tolist(),
    }
    return OnnxClassEngine.build(exported, config, on_torch.vocabulary, on_torch.context)


def _engine(opened: OnnxClassEngine, on_torch: ClassEngine, _: State) -> OnnxClassEngine:
    return replace(opened, max_tokens=min(on_torch.max_tokens, MAX_TOKENS))
