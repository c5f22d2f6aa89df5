"""Open the exported model in a folder, whatever its task, without torch."""

from pathlib import Path

from seqtag.errors import UsageError
from seqtag.runtime.classifier import RuntimeClassifier, open_classifier
from seqtag.runtime.tagger import RuntimeTagger, open_tagger
from seqtag.store import read_without_weights


def load(folder: str | Path, *, int8: bool = False, threads: int | None = None) -> RuntimeTagger | RuntimeClassifier:
    """Load a model from a folder that `seqtag export` has been at, without torch: a tagger or a classifier.

    `int8=True` takes model.int8.onnx. `threads` is how many cores one call may use, by default all that the process
    may; a server with many callers, or many processes, does best with 1. The folder needs config.json,
    vocabulary.json and the export. Raises UsageError where there is no model or no export of it, ModelError naming the
    file that is damaged, or an export of other weights.
    """
    folder = Path(folder)
    stored = read_without_weights(folder)
    task = stored.config.get("task")
    if task == "tag":
        return open_tagger(folder, stored, int8=int8, threads=threads)
    if task == "classify":
        return open_classifier(folder, stored, int8=int8, threads=threads)
    raise UsageError(f"{folder}: holds a model for the task {task!r}, the runtime needs 'tag' or 'classify'")
