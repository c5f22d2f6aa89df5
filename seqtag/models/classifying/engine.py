"""The exports of a classifier. All that decides stands in an export, the thresholds of the classes too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seqtag.inference.classifying import ClassEngine
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.nn.segments import SegmentedEncoder
from seqtag.onnx_export.classifying import build_graph
from seqtag.onnx_export.weights import export_metadata, graph_spec, graph_weights
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.runtime.onnx_session import CONSTANTS_FORMAT, EXPORT_FORMAT, MAX_TOKENS, Exported


class ClassExports:
    """Makes exports of one trained classifier, and engines of those that were opened; see `models.engine.Exports`."""

    def __init__(self, on_torch: TorchClassEngine) -> None:
        self._on_torch = on_torch

    def content(self, weights_sha256: str, *, int8: bool = False) -> bytes:
        """Make the file of an export from the weights as they are now; it holds the hash that their folder has."""
        network, pooling = self._on_torch.network, self._on_torch.pooling
        spec = graph_spec(network, self._on_torch.vocabulary)
        version = CONSTANTS_FORMAT if spec.encoder is None else EXPORT_FORMAT
        metadata = export_metadata(spec, weights_sha256, version=version)
        model = build_graph(graph_weights(network), spec, pooling=pooling, int8=int8, metadata=metadata)
        content: bytes = model.SerializeToString()
        return content

    def take(self, exported: Exported) -> Callable[[ClassEngine], OnnxClassEngine]:
        """Check the borders of an opened graph; gives what makes an engine of it, from the engine on torch."""
        made_of = self._on_torch
        encoder = made_of.network.encoder
        # Without an encoder nothing is read in segments, and any size will do.
        segment_size = encoder.segment_size if isinstance(encoder, SegmentedEncoder) else MAX_TOKENS
        config: dict[str, Any] = {  # as config.json has it
            "params": {
                "pooling": made_of.pooling,
                "segment_size": segment_size,
                "max_tokens": made_of.max_tokens,
            },
            "classes": made_of.classes.to_dict(),
            "prior": made_of.prior_L.tolist(),
            **({} if made_of.series is None else {"series": made_of.series.to_dict()}),
        }
        opened = OnnxClassEngine.build(exported, config, made_of.vocabulary, made_of.context)
        return lambda on_torch: replace(opened, max_tokens=min(on_torch.max_tokens, MAX_TOKENS))
