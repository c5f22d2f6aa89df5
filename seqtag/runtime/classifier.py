"""The classifier of the runtime: the predicting half of `seqtag.Classifier`, on numpy and onnxruntime."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqtag.errors import UsageError
from seqtag.runtime.class_engine import ClassEngine
from seqtag.runtime.engine import open_export
from seqtag.store import StoredExport
from seqtag.text.given_rows import check_list, rows_for, text_rows, warn_of_blanks
from seqtag.text.layout import CharacterLayout
from seqtag.text.token_weights import TokenWeight, placed_tokens, weigh_tokens
from seqtag.text.vocabulary import Vocabulary

# Texts of a prediction that are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048


def open_classifier(folder: Path, stored: StoredExport, *, int8: bool, threads: int | None) -> "RuntimeClassifier":
    """Open the classifier in a model folder; see `seqtag.runtime.load`."""
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    exported = open_export(path, weights_sha256=stored.weights_sha256, threads=threads, sha256=stored.sha256(path.name))
    vocabulary = Vocabulary.from_dict(stored.vocabulary) if stored.vocabulary else None
    context = CharacterLayout.from_store(stored.config, stored.vocabulary)
    engine = ClassEngine.build(exported, stored.config, vocabulary, context)
    return RuntimeClassifier(engine, language=stored.config["params"]["language"])


class RuntimeClassifier:
    """A trained classifier that predicts as `seqtag.Classifier` does: the same classes, the same probabilities.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: ClassEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of `predict_proba`'s columns."""
        return np.array(self.engine.classes.labels)

    def predict(self, X: Iterable[Any]) -> list[Any]:
        """Give each text its class, or, where a text may have several, the list of its classes.

        A text without a word gets the class that was most frequent in training, and a warning. Texts are cut into
        tokens with spaCy's rules for the model's language; for token lists, and for series, spaCy is not imported.
        """
        return list(self.predict_stream(text_rows(X, "predict")))

    def predict_stream(self, X: Iterable[Any]) -> Iterator[Any]:
        """Classify texts one after the other, in order, in memory that does not grow with their number."""
        for probability_NL in self._chunks(X, "predict"):
            yield from self.choose(probability_NL)

    def predict_proba(self, X: Iterable[Any]) -> np.ndarray:
        """Give the probability of each class, (texts, classes), columns as in `classes_`.

        Each row sums to 1, but where a text may have several classes: there each column is a probability for itself.
        """
        chunks = list(self._chunks(text_rows(X, "predict_proba"), "predict_proba"))
        return np.concatenate(chunks) if chunks else np.zeros((0, len(self.engine.classes)))

    def choose(self, probability_NL: np.ndarray) -> list[Any]:
        """Turn probabilities, as `predict_proba` gives them, into what `predict` gives."""
        return self.engine.classes.decode(self.engine.choose(probability_NL))

    def predict_attention(self, X: Iterable[Any]) -> list[list[TokenWeight]]:
        """Show which words the encoder's view of a text was made of: its tokens with their weights, 1 in all.

        Needs pooling="attention". The n-grams of the other view (`lexical`) have no part in these weights.
        """
        if self.engine.pooling != "attention":
            raise UsageError(f"predict_attention needs pooling='attention'; this model has {self.engine.pooling!r}")
        given = text_rows(X, "predict_attention")
        rows = self._rows(given, "predict_attention", first=1)
        return weigh_tokens(placed_tokens(given, rows, language=self.language), self.engine.attention(rows))

    def _chunks(self, X: Iterable[Any], verb: str) -> Iterator[np.ndarray]:
        check_list(X, verb)
        source, done = iter(X), 0
        while chunk := text_rows(islice(source, _CHUNK), verb, first=done + 1):
            rows = self._rows(chunk, verb, first=done + 1)
            if blank := [done + number for number, row in enumerate(rows, 1) if not len(row)]:
                warn_of_blanks(blank, verb)
            done += len(rows)
            yield self.engine.probabilities(rows)

    def _rows(self, rows: list[Any], verb: str, *, first: int) -> list[Any]:
        """Turn checked rows into what the network reads: token lists, or series."""
        return rows_for(rows, verb, language=self.language, num_features=self.engine.num_features, first=first)
