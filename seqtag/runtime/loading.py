"""Open the exported model in a folder without torch: the predicting half of a `Tagger` or `Classifier`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqtag.errors import ModelError, SeqtagError, UsageError
from seqtag.hub import find_model, named
from seqtag.inference.classifying import PredictingClassifier
from seqtag.inference.stored_model import check_stored
from seqtag.inference.tagging import PredictingTagger
from seqtag.model_files import shown
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.runtime.onnx_session import open_export
from seqtag.runtime.tagging_engine import OnnxTagEngine
from seqtag.store import (
    GAZETTEERS,
    VECTORS,
    StoredExport,
    model_identity,
    read_unchanged,
    read_without_weights,
    unpacked,
)
from seqtag.text.classes import ClassSet
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.language_rules import Cutter
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Source:
    """What a model was loaded from: a folder, or the files that a pickle held."""

    folder: Path
    export: str  # the name of its file
    threads: int | None
    stored: StoredExport
    files: Mapping[str, bytes] | None = None

    def contents(self) -> Mapping[str, bytes]:
        """Give the files of the model by name; ModelError where its folder holds them no longer."""
        if self.files is not None:
            return self.files
        try:
            now = read_without_weights(self.folder)
            if model_identity(now.config) == model_identity(self.stored.config):
                names = "config.json", "vocabulary.json", self.export, *now.beside
                return {name: (self.folder / name).read_bytes() for name in names}
        except (SeqtagError, OSError):
            pass
        raise ModelError(f"{self.folder}: the model that was loaded from it is no longer there, so it can't be pickled")


class Portable:
    """Lets a model be pickled, copied and sent to workers, as the files that it needs."""

    source: Source

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return load_files, (self.source.contents(), self.source.export, self.source.threads)


class RuntimeTagger(Portable, PredictingTagger[OnnxTagEngine]):
    """A trained tagger that predicts as `seqtag.Tagger` does: the same tags, spans and probabilities, without torch.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: OnnxTagEngine, *, language: str, cutter: Cutter | None, source: Source) -> None:
        self.engine, self.language, self.cutter, self.source = engine, language, cutter, source

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """The least probability with which spans of each label are predicted; None where the best tags are."""
        return None if self.engine.thresholds is None else dict(self.engine.thresholds)

    @property
    def tagset_(self) -> TagSet:
        """The tags of the data and of the model."""
        return self.engine.tagset

    def _tags(self) -> TagSet:
        return self.engine.tagset

    def _engine(self) -> OnnxTagEngine:
        return self.engine

    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self.language, cutter=self.cutter)


class RuntimeClassifier(Portable, PredictingClassifier):
    """A trained classifier that predicts as `seqtag.Classifier` does: the same classes, the same probabilities.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: OnnxClassEngine, *, language: str, cutter: Cutter | None, source: Source) -> None:
        self.engine, self.language, self.cutter, self.source = engine, language, cutter, source

    @property
    def class_set_(self) -> ClassSet:
        """The classes, in the order of the probabilities, and whether a text may have several."""
        return self.engine.classes

    @property
    def prior_(self) -> np.ndarray:
        """The share of each class in training, (L,)."""
        return self.engine.prior_L

    @property
    def pooling(self) -> str | None:
        """How the states of a row become one vector; None where no encoder gives any."""
        return self.engine.pooling

    def _classes(self) -> ClassSet:
        return self.engine.classes

    def _engine(self) -> OnnxClassEngine:
        return self.engine

    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self.language, cutter=self.cutter)


def load(
    model: str | Path,
    *,
    int8: bool = False,
    threads: int | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> RuntimeTagger | RuntimeClassifier:
    """Load a model with an export of it, without torch: a tagger or a classifier.

    `model` is a folder, or the name of a model on the Hugging Face hub: OWNER/NAME, or OWNER/NAME@REVISION. `int8=True`
    takes model.int8.onnx. `threads` is how many cores one call may use, by default all that the process may; a server
    with many callers, or many processes, does best with 1. Only config.json, vocabulary.json, the export and, where
    there are some, gazetteers.bin and vectors.bin are read and downloaded; `revision`, `token`, `cache_dir` and
    `local_files_only` are as in `Tagger.from_pretrained`. Raises UsageError where there is no model or no export of
    it, ModelError naming the file that is damaged, or an export of other weights.
    """
    export = "model.int8.onnx" if int8 else "model.onnx"
    folder = find_model(
        model,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        files=("vocabulary.json", export),
    )
    with named(model, folder):
        return read_unchanged(folder, partial(_open, folder, export, threads))


def load_files(files: Mapping[str, bytes], export: str, threads: int | None) -> RuntimeTagger | RuntimeClassifier:
    """Open a model that came as files by name, as a pickle holds it."""
    with unpacked(files) as folder:
        return _open(folder, export, threads, files)


def _open(
    folder: Path, export: str, threads: int | None, files: Mapping[str, bytes] | None = None
) -> RuntimeTagger | RuntimeClassifier:
    stored = read_without_weights(folder)
    task = stored.config.get("task")
    if task not in ("tag", "classify"):
        raise UsageError(f"{folder}: holds a model for the task {shown(task)}, the runtime needs 'tag' or 'classify'")
    check_stored(folder, stored.config, stored.vocabulary)
    sha256 = stored.sha256(export)
    exported = open_export(folder / export, weights_sha256=stored.weights_sha256, threads=threads, sha256=sha256)
    source = Source(folder, export, threads, stored, files)
    context = CharacterLayout.from_store(stored.config, stored.vocabulary)
    language = stored.config["params"]["language"]
    try:
        vocabulary = Vocabulary.from_store(stored.config, stored.vocabulary, stored.beside.get(VECTORS))
        lists = Gazetteers.from_store(stored.config.get("gazetteers"), stored.beside.get(GAZETTEERS))
    except UsageError:  # what is needed is not installed
        raise
    except ValueError as error:
        raise ModelError(f"{folder}: {error}; save the model again") from None
    if task == "tag":
        assert vocabulary is not None
        tag_engine = OnnxTagEngine.build(exported, stored.config, vocabulary, context, lists)
        return RuntimeTagger(tag_engine, language=language, cutter=exported.cutter(), source=source)
    engine = OnnxClassEngine.build(exported, stored.config, vocabulary, context)
    return RuntimeClassifier(engine, language=language, cutter=exported.cutter(), source=source)
