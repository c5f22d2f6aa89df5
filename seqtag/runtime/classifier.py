"""The classifier of the runtime: the predicting half of `seqtag.Classifier`, on numpy and onnxruntime."""

from seqtag.inference.classifying import PredictingClassifier
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.text.classes import ClassSet


class RuntimeClassifier(PredictingClassifier):
    """A trained classifier that predicts as `seqtag.Classifier` does: the same classes, the same probabilities.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: OnnxClassEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    def _classes(self) -> ClassSet:
        return self.engine.classes

    def _engine(self) -> OnnxClassEngine:
        return self.engine
