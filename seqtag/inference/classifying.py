"""From rows of texts or series to what users are given: classes, probabilities, the weights of tokens.

This is the predicting half of `Classifier` and of the runtime's classifier. It knows classes and what users hand in;
how a network comes to probabilities is the business of an engine.
"""

# N texts or series, L classes

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from seqtag.errors import UsageError
from seqtag.inference.explaining.classifying import explain_text
from seqtag.inference.explaining.explanation import Explanations
from seqtag.inference.explaining.occlusion import Occluded
from seqtag.inference.pipeline_calls import THE_BEST, class_records, listed
from seqtag.inference.series_input import SeriesLayout
from seqtag.inference.user_input import check_list, rows_for, text_rows, warn_of_blanks
from seqtag.text.classes import ClassSet
from seqtag.text.tokenizer import Token, Tokenizer

Rows = Sequence[Any]

# So many texts of a prediction are sorted by length together; the rest waits, so memory stays flat.
MOST_TOGETHER = 2048


class ClassEngine(Protocol):
    """What runs the network of a classifier; its rows are token lists, or series of numbers."""

    @property
    def classes(self) -> ClassSet:
        """The classes that the network tells apart."""

    @property
    def pooling(self) -> str | None:
        """How the states of a row become one vector; None where no encoder gives any."""

    @property
    def series(self) -> SeriesLayout | None:
        """How series of numbers are read; None where rows are texts."""

    @property
    def max_tokens(self) -> int:
        """The padded tokens that a batch may have."""

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Give the probability of each class, (N, L); for a row without a token, the share of the class in training."""

    def attention(self, rows: Rows) -> list[np.ndarray]:
        """Give the weight of each token in the pooled vector: one array (tokens) per row, which sums to 1."""

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes each row gets, as truth values (N, L): the likeliest, or all that reach their threshold."""

    def view_scores(self, rows: Rows) -> dict[str, np.ndarray]:
        """Give what each view, encoder and lexical, adds to the scores of rows with a token, (N, L) in float64."""

    def view_biases(self) -> dict[str, np.ndarray]:
        """Give the part of it that is the same for every row, (L,)."""

    def reading(self, occluded: Occluded) -> "ClassEngine":
        """Give the same engine for texts in which something is hidden."""


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """A token of a text and its share of the attention."""

    text: str
    start: int  # characters from the beginning of the text; tokens where the text came as tokens
    end: int
    weight: float  # between 0 and 1; the weights of a text sum to 1


class PredictingClassifier:
    """The methods with which a classifier predicts, whatever engine runs its network."""

    language: str  # whose rules cut texts into tokens

    def _classes(self) -> ClassSet:
        """Give the classes, which are known before an engine is opened."""
        raise AssertionError("a subclass gives the classes")

    def _engine(self) -> ClassEngine:
        """Give the engine that predicts."""
        raise AssertionError("a subclass gives the engine")

    def _tokenizer(self) -> Tokenizer:
        """Give what cuts texts into tokens."""
        return Tokenizer(self.language)

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of `predict_proba`'s columns."""
        return np.array(self._classes().labels)

    def __call__(self, inputs: str | Iterable[Any], *, top_k: int | str | None = THE_BEST) -> list[Any]:
        """Classify a text, or each of several, in the manner of the pipelines of transformers.

        Each text gives a dictionary with the likeliest `label` and its `score`; a single text gives a list with its
        one. With `top_k` a text gives a list of that many, or of all with None, the likeliest first. Labels are
        strings, and all values are JSON-able.
        """
        probability_NL = self.predict_proba(listed(inputs))
        records = class_records(probability_NL, self._classes().names, top_k=top_k)
        if isinstance(inputs, str):
            return records[0]
        return [best for [best] in records] if top_k == THE_BEST else records

    def predict(self, X: Iterable[Any]) -> list[Any] | np.ndarray:
        """Give each text its class, or, where a text may have several, the list of its classes.

        A model that was trained on an array of indicators gives such an array, with columns as in `classes_`.
        A text without a word gets the class that was most frequent in training, and a warning. Texts are cut into
        tokens with spaCy's rules for the model's language; token lists and series need no spaCy.
        """
        classes, rows = self._classes(), text_rows(X, "predict")
        engine = self._engine()
        chunks = self._chunks(engine, rows, "predict", are_checked=True)
        return classes.given_back([given for chunk_NL in chunks for given in classes.decode(engine.choose(chunk_NL))])

    def predict_stream(self, X: Iterable[Any]) -> Iterator[Any]:
        """Give each text its class, or the list of its classes, in order, in memory that does not grow with X."""
        engine = self._engine()
        for probability_NL in self._chunks(engine, X, "predict"):
            yield from engine.classes.decode(engine.choose(probability_NL))

    def predict_proba(self, X: Iterable[Any]) -> np.ndarray:
        """Give the probability of each class, (texts, classes), columns as in `classes_`.

        Each row sums to 1, except where a text may have several classes: there each column is a probability by itself.
        """
        engine = self._engine()
        rows = text_rows(X, "predict_proba")
        chunks = list(self._chunks(engine, rows, "predict_proba", are_checked=True))
        return np.concatenate(chunks) if chunks else np.zeros((0, len(engine.classes)))

    def choose(self, probability_NL: np.ndarray) -> list[Any]:
        """Turn probabilities, as `predict_proba` gives them, into classes, as `predict_stream` gives."""
        engine = self._engine()
        return engine.classes.decode(engine.choose(probability_NL))

    def predict_attention(self, X: Iterable[Any]) -> list[list[TokenWeight]]:
        """Show which words the encoder's view of a text was made of: its tokens with their weights, 1 in all.

        Needs pooling="attention". The n-grams of the other view (`lexical`) have no part in these weights.
        """
        engine = self._engine()
        if engine.pooling != "attention":
            has = "no encoder" if engine.pooling is None else repr(engine.pooling)
            raise UsageError(f"predict_attention needs pooling='attention'; this model has {has}")
        given = text_rows(X, "predict_attention")
        rows = self._rows(engine, given, "predict_attention")
        return weigh_tokens(placed_tokens(given, rows, self._tokenizer), engine.attention(rows))

    def explain(self, text: str | Sequence[str], label: Any = None) -> Explanations:
        """Say why a text, or a list of tokens, has each class that it gets, or the class `label` or not.

        Each explanation has the probability of the class and its log odds against the likeliest other class, or,
        where a text may have several, against its absence. These are split into what the encoder and the n-grams
        (`lexical`) add; `occlusions` say what becomes of them where a word is replaced by the unknown word, or its
        spelling is hidden; `weights` are those of `predict_attention`. Raises UsageError for a class that the model
        lacks and for a model of series.
        """
        engine, [given] = self._engine(), text_rows([text], "explain")
        if engine.series is not None:
            raise UsageError("explain hides words, and this model reads series of numbers, which have none")
        [tokens] = placed_tokens([given], self._rows(engine, [given], "explain"), self._tokenizer)
        return Explanations(explain_text(engine, list(tokens), label))

    @property
    def has_attention(self) -> bool:
        """Whether there are weights for `predict_attention`: with an encoder and pooling="attention"."""
        return self._engine().pooling == "attention"

    @property
    def reads_series(self) -> bool:
        """Whether rows are series of numbers, and not texts."""
        return self._engine().series is not None

    def _chunks(
        self, engine: ClassEngine, X: Iterable[Any], verb: str, *, are_checked: bool = False
    ) -> Iterator[np.ndarray]:
        """Give the probabilities of rows, a few thousand rows at a time; checks them, unless `text_rows` did."""
        check_list(X, verb)
        source, done = iter(X), 0
        while some := list(islice(source, MOST_TOGETHER)):
            chunk = some if are_checked else text_rows(some, verb, first=done + 1)
            rows = self._rows(engine, chunk, verb, first=done + 1)
            if blank := [done + number for number, row in enumerate(rows, 1) if not len(row)]:
                warn_of_blanks(blank, verb)
            done += len(rows)
            yield engine.probabilities(rows)

    def _rows(self, engine: ClassEngine, rows: list[Any], verb: str, *, first: int = 1) -> list[Any]:
        """Turn checked rows into what the network reads: token lists, or series."""
        return rows_for(rows, verb, tokenizer=self._tokenizer, series=engine.series, first=first)


def placed_tokens(
    given: Sequence[Any], rows: Sequence[Any], tokenizer: Callable[[], Tokenizer]
) -> list[Sequence[Token]]:
    """Say where the tokens of each text stand: in its characters, or by number where the row came as tokens or steps.

    `given` are the rows as they came, `rows` are what the network reads.

    >>> placed_tokens([["Ada", "met"]], [["Ada", "met"]], Tokenizer)
    [[Token(text='Ada', start=0, end=1), Token(text='met', start=1, end=2)]]
    """
    texts = [text for text in given if isinstance(text, str)]
    cut = tokenizer().token_stream(texts) if texts else iter(())  # making one may import spaCy
    return [
        next(cut)
        if isinstance(came, str)
        else [Token(part if isinstance(part, str) else "", i, i + 1) for i, part in enumerate(row)]
        for came, row in zip(given, rows)
    ]


def weigh_tokens(cut: Sequence[Sequence[Token]], weights: Sequence[np.ndarray]) -> list[list[TokenWeight]]:
    """Bring the tokens of each text and their weights together."""
    return [
        [TokenWeight(token.text, token.start, token.end, float(weight)) for token, weight in zip(tokens, weights_T)]
        for tokens, weights_T in zip(cut, weights)
    ]
