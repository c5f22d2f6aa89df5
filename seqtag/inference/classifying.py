"""From rows of texts or series to what users are given: classes, probabilities, the weights of tokens.

The same for every engine. Knows classes and what users hand in; how a network comes to probabilities, the engine says.
"""

# N texts or series, L classes

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np

from seqtag.errors import UsageError
from seqtag.inference.attention import TokenWeight, placed_tokens, weigh_tokens
from seqtag.inference.user_input import check_list, rows_for, text_rows, warn_of_blanks
from seqtag.text.classes import ClassSet

Rows = Sequence[Any]

# Texts of a prediction that are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048


class Answering(Protocol):
    """A trained network on an engine; its rows are token lists, or series of numbers."""

    @property
    def classes(self) -> ClassSet:
        """What it tells apart."""

    @property
    def pooling(self) -> str:
        """How the states of a row become one vector."""

    @property
    def num_features(self) -> int | None:
        """Numbers a step of series; None where rows are texts."""

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Probability of each class, (N, L); of a row without a token, the share of the class in training."""

    def attention(self, rows: Rows) -> list[np.ndarray]:
        """Weight of each token in the pooled vector, 1 in all: an array (tokens) a row."""

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes a row is given, (N, L) of truth values: the likeliest, or all above their thresholds."""


class ClassAnswers:
    """What a classifier can be asked, whatever runs its network."""

    language: str  # whose rules cut texts into tokens

    def _classes(self) -> ClassSet:
        """Give the classes, which are known before anything is opened that answers."""
        raise AssertionError("a classifier says what it tells apart")

    def _answering(self) -> Answering:
        raise AssertionError("a classifier says what answers")

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of `predict_proba`'s columns."""
        return np.array(self._classes().labels)

    def predict(self, X: Iterable[Any]) -> list[Any]:
        """Give each text its class, or, where a text may have several, the list of its classes.

        A text without a word gets the class that was most frequent in training, and a warning. Texts are cut into
        tokens with spaCy's rules for the model's language; token lists and series need no spaCy.
        """
        return list(self.predict_stream(text_rows(X, "predict")))

    def predict_stream(self, X: Iterable[Any]) -> Iterator[Any]:
        """Classify texts one after the other, in order, in memory that does not grow with their number."""
        answering = self._answering()
        for probability_NL in self._chunks(answering, X, "predict"):
            yield from answering.classes.decode(answering.choose(probability_NL))

    def predict_proba(self, X: Iterable[Any]) -> np.ndarray:
        """Give the probability of each class, (texts, classes), columns as in `classes_`.

        Each row sums to 1, but where a text may have several classes: there each column is a probability for itself.
        """
        answering = self._answering()
        chunks = list(self._chunks(answering, text_rows(X, "predict_proba"), "predict_proba"))
        return np.concatenate(chunks) if chunks else np.zeros((0, len(answering.classes)))

    def choose(self, probability_NL: np.ndarray) -> list[Any]:
        """Turn probabilities, as `predict_proba` gives them, into what `predict` gives."""
        answering = self._answering()
        return answering.classes.decode(answering.choose(probability_NL))

    def predict_attention(self, X: Iterable[Any]) -> list[list[TokenWeight]]:
        """Show which words the encoder's view of a text was made of: its tokens with their weights, 1 in all.

        Needs pooling="attention". The n-grams of the other view (`lexical`) have no part in these weights.
        """
        answering = self._answering()
        if answering.pooling != "attention":
            raise UsageError(f"predict_attention needs pooling='attention'; this model has {answering.pooling!r}")
        given = text_rows(X, "predict_attention")
        rows = self._rows(answering, given, "predict_attention")
        return weigh_tokens(placed_tokens(given, rows, language=self.language), answering.attention(rows))

    def _chunks(self, answering: Answering, X: Iterable[Any], verb: str) -> Iterator[np.ndarray]:
        """Give the probabilities of rows, some thousand at a time."""
        check_list(X, verb)
        source, done = iter(X), 0
        while chunk := text_rows(islice(source, _CHUNK), verb, first=done + 1):
            rows = self._rows(answering, chunk, verb, first=done + 1)
            if blank := [done + number for number, row in enumerate(rows, 1) if not len(row)]:
                warn_of_blanks(blank, verb)
            done += len(rows)
            yield answering.probabilities(rows)

    def _rows(self, answering: Answering, rows: list[Any], verb: str, *, first: int = 1) -> list[Any]:
        """Turn checked rows into what the network reads: token lists, or series."""
        return rows_for(rows, verb, language=self.language, num_features=answering.num_features, first=first)
