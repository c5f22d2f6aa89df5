"""A model as the service knows it: loaded, warm, under a name, and answering rows as what JSON can hold."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from seqtag.errors import SeqtagError, UsageError
from seqtag.hub import find_model, named
from seqtag.inference.classifying import PredictingClassifier, TokenWeight
from seqtag.inference.held_batch import KnownSpan
from seqtag.inference.tag_engine import TaggedSentence
from seqtag.inference.tagging import PredictingTagger, text_spans
from seqtag.models.predictor import load_predictor
from seqtag.store import read_task
from seqtag.text.schemes import Span, tags_from_spans

logger = logging.getLogger("seqtag")


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A text or the tokens of a sentence, with what is known of its spans."""

    row: str | list[str]
    known: Sequence[KnownSpan]  # in characters of the text, or in tokens


Row = str | list[str] | KnownRow  # a text, or the tokens of a sentence

_NAME = re.compile(r"[\w-][\w.-]{0,99}")
MOST_SYMBOLS = 100  # that a language model tells of what may follow a text
_WARM_UP = ["Ada Lovelace wrote to Charles Babbage in London on 5 July 1843.", "It rained.", ""]


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tagger found in a row: its spans; for a text also its sentences, as tokens, tags and spans of tokens."""

    row: str | list[str]
    spans: list[Span]
    sentences: list[TaggedSentence]


@dataclass(frozen=True, slots=True)
class Classified:
    """The probability of each class, and the class or classes that were chosen."""

    probabilities: dict[str, float]
    chosen: list[str]


@dataclass(frozen=True, slots=True)
class Continued:
    """The symbols that a language model expects after a text, the most probable first, each with its probability."""

    symbols: list[tuple[str, float]]


Answer: TypeAlias = Tagged | Classified | Continued


def model_names(models: Sequence[str]) -> dict[str, str]:
    """Give each model of the command line its name: what stands before an equals sign, or the last part of its path.

    Raises UsageError for a name that can't stand in an address, and for one that is given twice.

    >>> model_names(["models/ner", "mood=models/2024/final"])
    {'ner': 'models/ner', 'mood': 'models/2024/final'}
    """
    named: dict[str, str] = {}
    for model in models:
        name, equals, place = model.partition("=")
        if not equals or "/" in name:
            name, place = Path(model).absolute().name, model
        if not _NAME.fullmatch(name):
            raise UsageError(f"{model}: {name!r} can't stand in an address; name the model: my-name={place}")
        if name in named:
            raise UsageError(f"{model}: two models are called {name!r}; name one: other-name={place}")
        named[name] = place
    return named


class ServedModel:
    """A trained tagger, classifier or language model; only one thread at a time may use it."""

    def __init__(self, name: str, place: str, *, engine: str | None = None, threads: int | None = None) -> None:
        """Load a model and answer a few texts with it, so that the first request costs what others do."""
        began = time.monotonic()
        self.name = name
        self.predictor = _load(place, engine=engine, threads=threads)
        self.is_tagger = isinstance(self.predictor, PredictingTagger)
        is_classifier = isinstance(self.predictor, PredictingClassifier)
        self.task = "tag" if self.is_tagger else "classify" if is_classifier else "lm"
        self.tokens = 0  # that a tagger has read since the start
        try:
            self.answer(_WARM_UP)
            if self.task != "lm":
                self.answer([["Ada", "wrote", "."]])
        except SeqtagError as error:
            raise type(error)(f"{place}: {error}") from None
        logger.info("%s: %s, ready after %.1f s", name, self.kind, time.monotonic() - began)

    @property
    def kind(self) -> str:
        """What the model is: a tagger of spans or of tokens, a classifier, or a language model."""
        if self.task == "lm":
            return f"language model of {self.predictor.level}s"
        if not self.is_tagger:
            return "classifier"
        return "tagger of tokens" if self.predictor.scheme_ == "plain" else "tagger of spans"

    @property
    def labels(self) -> list[str]:
        """The labels of spans, the tags, or the classes; a language model has none."""
        if self.task == "lm":
            return []
        return list(map(str, self.predictor.labels_ if self.is_tagger else self.predictor.class_set_.labels))

    @property
    def has_several(self) -> bool:
        """Whether a text may have several classes, or none."""
        return self.task == "classify" and bool(self.predictor.class_set_.is_multi)

    @property
    def why_no_threshold(self) -> str | None:
        """Why a request can't choose by probability; None where it can."""
        if self.kind == "tagger of tokens":
            return "this model gives each token a tag, so none can be left out"
        if self.kind == "classifier" and not self.has_several:
            return "this model chooses one class for each text, always the most probable one"
        return None

    def described(self) -> dict[str, Any]:
        """Say what GET /models tells of the model."""
        thresholds = getattr(self.predictor, "thresholds_", None) if self.is_tagger else None
        return {
            "name": self.name,
            "task": self.task,
            "kind": self.kind,
            "language": self.predictor.language or "xx",
            "labels": self.labels,
            "several_labels": self.has_several,
            "thresholds": thresholds,
        }

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer texts and token lists, in order; a language model takes texts alone."""
        if self.task == "lm":
            return [Continued(self.predictor.predict_next(row, k=MOST_SYMBOLS)) for row in rows]
        return self._tagged(rows) if self.is_tagger else self._classified(rows)

    def _tagged(self, rows: Sequence[Row]) -> list[Answer]:
        tagger: PredictingTagger[Any] = self.predictor
        given = [row if isinstance(row, KnownRow) else KnownRow(row, ()) for row in rows]
        texts = tagger.tag_texts(**_asked([each for each in given if isinstance(each.row, str)]))
        of_lists = iter(tagger.predict_token_spans(**_asked([each for each in given if isinstance(each.row, list)])))
        answers: list[Answer] = []
        for row in (each.row for each in given):
            if isinstance(row, str):
                _, sentences = next(texts)
                self.tokens += sum(len(tokens) for tokens, _, _ in sentences)
                answers.append(Tagged(row, text_spans(row, sentences), sentences))
            else:
                self.tokens += len(row)
                answers.append(Tagged(row, next(of_lists), []))
        return answers

    def _classified(self, rows: Sequence[Row]) -> list[Answer]:
        classifier: PredictingClassifier = self.predictor
        probability_NL = classifier.predict_proba(rows)
        return [
            Classified(dict(zip(self.labels, probability_L)), list(map(str, one)) if self.has_several else [str(one)])
            for one, probability_L in zip(classifier.choose(probability_NL), probability_NL.tolist())
        ]

    def explain(self, row: Row, asked: Span | str | None = None) -> list[dict[str, Any]]:
        """Explain what the model found in a row, or the span or class that is asked for."""
        rules = {"known": row.known} if isinstance(row, KnownRow) else {}
        of_row = row.row if isinstance(row, KnownRow) else row
        if self.is_tagger and isinstance(of_row, str):
            found = self.predictor.explain_text(of_row, asked, **rules)
        else:
            found = self.predictor.explain(of_row, asked, **rules)
        return [one.to_dict() for one in found]

    def tags(self, answer: Tagged, spans: Sequence[Span]) -> list[str]:
        """Write spans of a token list as its tags, in the scheme and spelling of the training data."""
        written: list[str] = self.predictor.tagset_.written(
            tags_from_spans(spans, len(answer.row), self.predictor.scheme_)
        )
        return written

    def weights(self, text: str) -> list[TokenWeight] | None:
        """Give the weight of each word in the decision about a text; None where the model has none."""
        if self.task != "classify" or not self.predictor.has_attention:
            return None
        weights: list[TokenWeight] = self.predictor.predict_attention([text])[0]
        return weights


def _asked(rows: Sequence[KnownRow]) -> dict[str, Any]:
    """Give the arguments for rows of one kind; those of which nothing is known go the usual way."""
    known = [each.known for each in rows]
    return {"X": [each.row for each in rows], "known": known if any(known) else None}


def _load(place: str, *, engine: str | None, threads: int | None) -> Any:
    folder = find_model(place)
    with named(place, folder):
        if read_task(folder) != "lm":
            return load_predictor(folder, device="cpu", engine=engine, threads=threads)
        from seqtag import LanguageModel

        return LanguageModel.load(folder, device="cpu")


def load_models(
    models: Mapping[str, str], *, engine: str | None = None, threads: int | None = None
) -> dict[str, ServedModel]:
    """Load all models, each under its name."""
    return {name: ServedModel(name, place, engine=engine, threads=threads) for name, place in models.items()}
