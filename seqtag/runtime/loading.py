"""Open the exported model in a folder without torch: the predicting half of a `Tagger` or `Classifier`."""

from functools import partial
from pathlib import Path

from seqtag.errors import UsageError
from seqtag.inference.classifying import PredictingClassifier
from seqtag.inference.stored_model import check_stored
from seqtag.inference.tagging import PredictingTagger
from seqtag.model_files import shown
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.runtime.onnx_session import open_export
from seqtag.runtime.tagging_engine import OnnxTagEngine
from seqtag.store import read_unchanged, read_without_weights
from seqtag.text.classes import ClassSet
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary


class RuntimeTagger(PredictingTagger[OnnxTagEngine]):
    """A trained tagger that predicts as `seqtag.Tagger` does: the same tags, spans and probabilities, without torch.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: OnnxTagEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """The least probability with which spans of each label are predicted; None where the best tags are."""
        return None if self.engine.thresholds is None else dict(self.engine.thresholds)

    def _tags(self) -> TagSet:
        return self.engine.tagset

    def _engine(self) -> OnnxTagEngine:
        return self.engine


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


def load(folder: str | Path, *, int8: bool = False, threads: int | None = None) -> RuntimeTagger | RuntimeClassifier:
    """Load a model from a folder with an export of it, without torch: a tagger or a classifier.

    `int8=True` takes model.int8.onnx. `threads` is how many cores one call may use, by default all that the process
    may; a server with many callers, or many processes, does best with 1. The folder needs config.json,
    vocabulary.json and the export. Raises UsageError where there is no model or no export of it, ModelError naming the
    file that is damaged, or an export of other weights.
    """
    return read_unchanged(folder, partial(_load, Path(folder), int8, threads))


def _load(folder: Path, int8: bool, threads: int | None) -> RuntimeTagger | RuntimeClassifier:
    stored = read_without_weights(folder)
    task = stored.config.get("task")
    if task not in ("tag", "classify"):
        raise UsageError(f"{folder}: holds a model for the task {shown(task)}, the runtime needs 'tag' or 'classify'")
    check_stored(folder, stored.config, stored.vocabulary)
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    exported = open_export(path, weights_sha256=stored.weights_sha256, threads=threads, sha256=stored.sha256(path.name))
    context = CharacterLayout.from_store(stored.config, stored.vocabulary)
    language = stored.config["params"]["language"]
    if task == "tag":
        known = Vocabulary.from_dict(stored.vocabulary)
        return RuntimeTagger(OnnxTagEngine.build(exported, stored.config, known, context), language=language)
    vocabulary = Vocabulary.from_dict(stored.vocabulary) if stored.vocabulary else None
    return RuntimeClassifier(OnnxClassEngine.build(exported, stored.config, vocabulary, context), language=language)
