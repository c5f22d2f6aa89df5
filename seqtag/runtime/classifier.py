"""The classifier of the runtime: the predicting half of `seqtag.Classifier`, on numpy and onnxruntime."""

from pathlib import Path

from seqtag.inference.classifying import ClassAnswers
from seqtag.runtime.classifying_engine import ClassEngine
from seqtag.runtime.tagging_engine import open_export
from seqtag.store import StoredExport
from seqtag.text.classes import ClassSet
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.vocabulary import Vocabulary


def open_classifier(folder: Path, stored: StoredExport, *, int8: bool, threads: int | None) -> "RuntimeClassifier":
    """Open the classifier in a model folder; see `seqtag.runtime.load`."""
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    exported = open_export(path, weights_sha256=stored.weights_sha256, threads=threads, sha256=stored.sha256(path.name))
    vocabulary = Vocabulary.from_dict(stored.vocabulary) if stored.vocabulary else None
    context = CharacterLayout.from_store(stored.config, stored.vocabulary)
    engine = ClassEngine.build(exported, stored.config, vocabulary, context)
    return RuntimeClassifier(engine, language=stored.config["params"]["language"])


class RuntimeClassifier(ClassAnswers):
    """A trained classifier that predicts as `seqtag.Classifier` does: the same classes, the same probabilities.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: ClassEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    def _classes(self) -> ClassSet:
        return self.engine.classes

    def _answering(self) -> ClassEngine:
        return self.engine
