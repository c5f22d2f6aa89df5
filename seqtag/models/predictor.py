"""A trained tagger or classifier to predict with: its export where there is one, without torch, or else torch."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from seqtag.errors import SeqtagError, UsageError
from seqtag.hub import find_model, named
from seqtag.inference.classifying import PredictingClassifier
from seqtag.store import read_task, read_without_weights

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.tagging.tagger import Tagger
    from seqtag.runtime.loading import RuntimeClassifier, RuntimeTagger

Predictor: TypeAlias = "Tagger | Classifier | RuntimeTagger | RuntimeClassifier"

_EXPORTS = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx"}  # by the engine that reads it


def load_predictor(
    model: str | Path,
    *,
    device: str = "auto",
    engine: str | None = None,
    threads: int | None = None,
    revision: str | None = None,
) -> Predictor:
    """Load a model for predictions alone; torch is not imported where the export of the model does the work.

    `model` is a folder, or the name of a model on the Hugging Face hub: OWNER/NAME, or OWNER/NAME@REVISION. `engine` is
    one of "auto", "torch", "onnx" and "onnx-int8", by default the one that was saved with the model; where "onnx" finds
    no export, torch makes the graph in memory. `threads` is how many cores one call of an export may use, by default
    OMP_NUM_THREADS, or all. Raises UsageError where there is no model or not what the engine needs, for an unknown
    engine, a wrong number of threads, for a language model and for a classifier of series; ModelError for a damaged
    model.
    """
    from seqtag.runtime.onnx_session import check_threads

    check_threads(threads)
    folder = find_model(model, revision=revision)
    with named(model, folder):
        threads = _wished_threads() if threads is None else threads
        predictor = _load(folder, device=device, engine=engine, threads=threads)
        if isinstance(predictor, PredictingClassifier) and predictor.reads_series:
            refuse_series(str(folder))
        return predictor


def refuse_series(model: str) -> None:
    """Raise the UsageError for a model that is no use where texts come."""
    raise UsageError(
        f"{model}: this classifier was trained on series of numbers, and only texts come here; name a model of texts, "
        "or give this one its series in Python: Classifier.load(...).predict(series)"
    )


def _load(folder: Path, *, device: str, engine: str | None, threads: int | None) -> Predictor:
    if engine in _EXPORTS and (folder / _EXPORTS[engine]).is_file():
        from seqtag.runtime import load

        return load(folder, int8=engine == "onnx-int8", threads=threads)
    if engine in (None, "auto") and (device == "cpu" or (device == "auto" and not _may_have_gpu())):
        from seqtag.runtime import load

        try:
            chosen = engine or read_without_weights(folder).config["params"].get("engine", "auto")
            if chosen != "torch":
                return load(folder, int8=chosen == "onnx-int8", threads=threads)
        except (SeqtagError, KeyError, TypeError, AttributeError):
            pass  # no export, a damaged one, or no onnxruntime: the other way says so, or does without
    task = read_task(folder)
    if task == "lm":
        raise UsageError(
            f"{folder}: holds a language model, which knows no tags or classes; name a tagger or a classifier"
        )
    try:
        from seqtag import Classifier, Tagger
    except UsageError:  # seqtag-runtime has no estimators: the export predicts on any device, or says why it can't
        if engine == "torch":
            raise
        from seqtag.runtime import load

        return load(folder, int8=engine == "onnx-int8", threads=threads)
    return (Classifier if task == "classify" else Tagger).load(folder, device=device, engine=engine)


def _wished_threads() -> int | None:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdecimal() and int(threads) else None


def _may_have_gpu() -> bool:
    """Say whether torch might find a GPU, without importing torch: only on Linux can it be ruled out."""
    return not sys.platform.startswith("linux") or os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd")
