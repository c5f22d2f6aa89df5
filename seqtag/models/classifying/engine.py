"""What a classifier's network can run on. All that decides stands in its export, the thresholds of the classes too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqtag.models.engine import Engines, State
from seqtag.onnx_export.classifying import build_class_graph
from seqtag.onnx_export.weights import graph_weights
from seqtag.runtime.classifying_engine import ClassEngine
from seqtag.runtime.tagging_engine import MAX_TOKENS, Exported

if TYPE_CHECKING:
    import onnx

    from seqtag.models.classifying.classifier import Classifier


class ClassEngines(Engines):
    """What the network of one trained classifier can run on."""

    def __init__(self, classifier: "Classifier") -> None:
        super().__init__(classifier)
        self._vocabulary, self._context = classifier.vocabulary_, classifier._context_reader
        self._config: dict[str, Any] = {  # as config.json has it
            "params": {name: getattr(classifier, name) for name in ("pooling", "segment_size", "max_tokens")},
            "classes": classifier.class_set_.to_dict(),
            "prior": classifier.prior_.tolist(),
        }

    def _graph(self, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        pooling = self._config["params"]["pooling"]
        return build_class_graph(graph_weights(self.network), self.spec, pooling=pooling, metadata=metadata)

    def _taken(self, exported: Exported) -> ClassEngine:
        return ClassEngine.build(exported, self._config, self._vocabulary, self._context)

    def _with(self, opened: ClassEngine, estimator: "Classifier", state: State) -> ClassEngine:
        return replace(opened, max_tokens=min(estimator.max_tokens, MAX_TOKENS))
