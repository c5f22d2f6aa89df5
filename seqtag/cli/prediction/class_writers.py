"""What `seqtag predict` writes for a classifier: one answer per request, as lines of text, JSON lines or a table."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtag.cli.prediction.answer_writer import AnswerWriter, json_line
from seqtag.cli.prediction.requests import Input, Request
from seqtag.cli.prediction.tables import bare_cell, table_line
from seqtag.corpora.column_roles import free_name
from seqtag.corpora.formats.writers.documents import DIGITS, one_line
from seqtag.errors import UsageError

if TYPE_CHECKING:
    from seqtag.inference.classifying import TokenWeight
    from seqtag.models.classifying.classifier import Classifier

logger = logging.getLogger("seqtag")

_MOST_NAMED = 5  # blank texts
_MOST_WORDS = 3  # of a text, by their attention


@dataclass(frozen=True, slots=True)
class ClassAnswer:
    """The classes that the model gives to one text."""

    labels: list[Any]  # one, or any number of them if the model is multi-label
    probabilities: list[float]  # one per label
    scores: Mapping[str, float]  # the probability of every class
    weights: Sequence["TokenWeight"] = ()  # of the words, if attention was asked for


class ClassWriter(AnswerWriter):
    """Writes the answers of a classifier.

    The probabilities of a blank text are the shares of the classes in training; `close` reports such texts.
    """

    FORMS: ClassVar[tuple[str, ...]] = ("text", "jsonl", "csv")

    def __init__(self, model: "Classifier", form: str, given: Input, *, attention: bool) -> None:
        if form == "csv" and given.kind == "jsonl":
            raise UsageError(
                "--format csv: objects in JSON lines may differ in their keys, the rows of a table may not; choose "
                "jsonl or text"
            )
        if attention and not model.has_attention:
            has = "no encoder" if model.pooling in (None, "attention") else f"pooling={model.pooling}"
            raise UsageError(
                f"--attention: this model has {has}, so its words have no weights; train one with an encoder and "
                "--set pooling=attention"
            )
        super().__init__(model, form, given, attention=attention)
        self.is_multi = model.class_set_.is_multi
        self.num_blank = 0
        self.blank_places: list[str] = []  # the first ones
        self.write: Callable[[Request, ClassAnswer], str] = {
            "text": self._text_line,
            "jsonl": self._json_line,
            "csv": self._table_line,
        }[form]

    def head(self) -> str:
        """Give the header of a table."""
        table = self.given.table
        if self.form != "csv" or (table and not table.dialect.has_header):
            return ""
        columns = list(table.keys) if table else ["text"]
        for name in self._columns():
            columns.append(free_name(name, columns))
        return self._row(columns)

    def observe(self, requests: Sequence[Request]) -> None:
        """Count the blank texts, and keep the places of the first ones."""
        super().observe(requests)
        for request in requests:
            if request.is_blank:
                self.num_blank += 1
                self.blank_places += [request.place][: _MOST_NAMED - len(self.blank_places)]

    def lines(self, requests: Sequence[Request]) -> Iterator[str]:
        """Write one line per request, or more if the cells of a table have line breaks."""
        for request, answer in zip(requests, classify(self.model, requests, attention=self.attention)):
            yield self.write(request, answer)

    def unheld(self, request: Request) -> Iterable[str]:
        """Name the fields of a record where neither JSON nor its own table holds them, and columns beside tokens."""
        is_kept = self.form == "jsonl" or (self.form == "csv" and self.given.table is not None)
        names = [] if is_kept else list(request.beside(self.given.text_key))
        return [*names, *request.other_rows()]

    def close(self) -> None:
        """Log which texts were blank."""
        super().close()
        if self.num_blank:
            named = ", ".join(self.blank_places) + ", ..." * (self.num_blank > len(self.blank_places))
            texts = "1 text is blank and gets" if self.num_blank == 1 else f"{self.num_blank} texts are blank and get"
            logger.warning("%s the shares of the classes in training: %s", texts, named)

    def _text_line(self, request: Request, answer: ClassAnswer) -> str:
        return "\t".join([*map(bare_cell, self._cells(answer)), one_line(_text_of(request))]) + "\n"

    def _json_line(self, request: Request, answer: ClassAnswer) -> str:
        scores = {name: round(probability, DIGITS) for name, probability in answer.scores.items()}
        added: dict[str, Any] = {"labels": answer.labels, "scores": scores}
        if not self.is_multi:
            added = {"label": answer.labels[0], "score": round(answer.probabilities[0], DIGITS), "scores": scores}
        if self.attention:
            added["attention"] = [[word.text, round(word.weight, DIGITS)] for word in answer.weights]
        record = dict(request.record)
        if self.given.kind != "jsonl" and self.given.table is None:
            record = {"text": request.text} if request.text is not None else {"tokens": request.tokens, **record}
        for name, value in added.items():
            record[free_name(name, record)] = value
        return json_line(record)

    def _table_line(self, request: Request, answer: ClassAnswer) -> str:
        table, added = self.given.table, self._cells(answer)
        if table is None:
            return self._row([_text_of(request), *added])
        return self._row([*request.record.values(), *(added if table.dialect.quoted else map(bare_cell, added))])

    def _columns(self) -> list[str]:
        columns = ["labels", "scores"] if self.is_multi else ["label", "score"]
        return [*columns, "attention"] if self.attention else columns

    def _cells(self, answer: ClassAnswer) -> list[str]:
        """Give the cells of `_columns`, as strings."""
        labels = ",".join(map(str, answer.labels))
        scores = ",".join(f"{probability:.{DIGITS}f}" for probability in answer.probabilities)
        return [labels, scores, top_words(answer.weights)] if self.attention else [labels, scores]

    def _row(self, cells: Sequence[str]) -> str:
        return table_line(cells) if self.given.table is None else self.given.table.line(cells)


def _text_of(request: Request) -> str:
    return " ".join(request.tokens) if request.text is None else request.text


def classify(
    classifier: "Classifier", requests: Sequence[Request], *, attention: bool = False
) -> Iterator[ClassAnswer]:
    """Classify each request; the probabilities of a blank one are the shares of the classes in training."""
    rows = [request.content for request in requests]
    probability_NL = np.tile(classifier.prior_, (len(rows), 1))
    # The classifier gives blank texts the same, but its warning would number them within this handful of texts.
    if full := [i for i, request in enumerate(requests) if not request.is_blank]:
        probability_NL[full] = classifier.predict_proba([rows[i] for i in full])
    weights = classifier.predict_attention(rows) if attention else [[] for _ in rows]
    names = list(map(str, classifier.classes_.tolist()))
    for chosen, probability_L, word_weights in zip(classifier.choose(probability_NL), probability_NL.tolist(), weights):
        scores = dict(zip(names, probability_L))
        labels = chosen if classifier.class_set_.is_multi else [chosen]
        yield ClassAnswer(labels, [scores[str(label)] for label in labels], scores, word_weights)


def top_words(weights: Sequence["TokenWeight"]) -> str:
    """Show the words of a text that have the most weight, for people to read."""
    most = nlargest(_MOST_WORDS, weights, key=lambda word: word.weight)
    return " ".join(f"{word.text}({word.weight:.2f})" for word in most)
