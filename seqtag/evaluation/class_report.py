"""Evaluate predicted labels against gold: the report of a classifier.

Labels become numbers in class_coding.py, the counting is done in class_metrics.py, the laying of tables in report.py.
Curves, calibration and kinds of error are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from seqtag.evaluation import class_metrics
from seqtag.evaluation.class_coding import CodedLabels, Label, check_probabilities, code_labels
from seqtag.evaluation.class_metrics import Average, ClassScore
from seqtag.evaluation.report import (
    Report,
    escape,
    fold,
    lay_table,
    markdown_table,
    percent,
    printable,
    shorten,
    table_fits,
)

_MOST_ROWS, _WORST_ROWS = 30, 15  # classes that the terminal shows all of; else so many, those with the lowest F1
_MOST_IN_MATRIX, _MOST_CONFUSIONS = 10, 10
_CONFUSION_WIDTH = 5
_MOST_LISTED = 5
_HEADER = ("P", "R", "F1", "support", "predicted")


@dataclass(frozen=True, slots=True)
class ClassReport(Report):
    """How predicted labels compare with gold; shares lie between 0 and 1, and `print` shows them in percent.

    Each text has one label, or any number of them (`multi_label`); then a text is right when all its labels are. A
    label of gold that the model does not know counts as wrong and has a row. `macro` is the mean over the classes that
    occur in gold or prediction. `log_loss` (nats) and `roc_auc` are None where `undefined` says why.
    """

    multi_label: bool
    num_texts: int
    classes: tuple[ClassScore, ...]  # in the order of the model's probabilities, then `unknown`
    unknown: tuple[Label, ...]  # labels of gold that the model does not know
    accuracy: float
    accuracy_interval: tuple[float, float]  # 95%, by resampling texts
    macro: Average
    weighted: Average  # by the texts of gold
    micro: Average | None  # of several labels a text; of one label each it would be the accuracy
    micro_interval: tuple[float, float] | None  # 95% of micro F1, by resampling texts
    confusion: tuple[tuple[int, ...], ...] | None  # of one label a text: rows gold, columns predicted, as `classes`
    log_loss: float | None  # a text; under `multi_label` a label of a text
    roc_auc: float | None  # of two classes, else the macro mean of each against the rest
    undefined: dict[str, str]  # "log_loss" and "roc_auc" -> why it is None

    @property
    def score(self) -> float:
        """The figure to compare models by: accuracy, or micro F1 where texts have several labels."""
        return self.micro.f1 if self.micro else self.accuracy

    @property
    def majority_share(self) -> float | None:
        """The accuracy of always saying the most frequent class; None where texts have several labels."""
        return None if self.multi_label else max(row.support for row in self.classes) / self.num_texts

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release.

        `source`, `multi_label`, `num_texts`, `num_classes`, `majority_share`, `score`, `accuracy`, `accuracy_interval`
        ([low, high]), `macro`, `weighted` and `micro` (each `precision`, `recall`, `f1`), `micro_interval`, `log_loss`,
        `roc_auc`, `undefined` (name -> reason), `unknown` (labels), `classes` (a list of `label`, `precision`,
        `recall`, `f1`, `support`, `num_predicted`) and `confusion` (rows of counts). What there is none of is null.
        """
        averages = {"macro": self.macro, "weighted": self.weighted, "micro": self.micro}
        return {
            "source": self.source,
            "multi_label": self.multi_label,
            "num_texts": self.num_texts,
            "num_classes": len(self.classes),
            "majority_share": self.majority_share,
            "score": self.score,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            **{name: figures and asdict(figures) for name, figures in averages.items()},
            "micro_interval": self.micro_interval and list(self.micro_interval),
            "log_loss": self.log_loss,
            "roc_auc": self.roc_auc,
            "undefined": dict(self.undefined),
            "unknown": list(self.unknown),
            "classes": [asdict(row) for row in self.classes],
            "confusion": self.confusion and [list(row) for row in self.confusion],
        }

    def __str__(self) -> str:
        """Show tables that fit 80 columns; of more than 30 classes the 15 with the lowest F1."""
        shown, note = self.classes, []
        if len(self.classes) > _MOST_ROWS:
            shown = tuple(sorted(self._occurring(), key=lambda row: (row.f1, -row.support))[:_WORST_ROWS])
            note = [f"{len(shown)} of {len(self.classes)} classes, those with the lowest F1; JSON has all:"]
        scores = [*note, *lay_table(["", *_HEADER], [*map(_row, shown), *self._averages()])]
        title, header, rows = self._confusion_table()
        confused = [*fold(title), *(lay_table(header, rows, least=_CONFUSION_WIDTH) if rows else [])]
        figures = chain.from_iterable(map(fold, self._figures()))
        return self._text(fold(self._counts()), scores, figures, confused if title else [])

    def to_markdown(self) -> str:
        """Give what `print` shows as Markdown, with all classes."""
        scores = markdown_table(["label", *_HEADER], [*map(_row, self.classes), *self._averages()])
        title, header, rows = self._confusion_table()
        confused = markdown_table(header, rows) if rows else []
        figures = [f"- {escape(line)}" for line in self._figures()]
        return self._markdown(self._counts(), scores, figures, [title] if title else [], confused)

    def _occurring(self) -> list[ClassScore]:
        return [row for row in self.classes if row.support or row.num_predicted]

    def _counts(self) -> str:
        texts, num_classes = f"{self.num_texts:,} texts", len(self.classes)
        if self.multi_label:
            gold, predicted = (sum(getattr(row, name) for row in self.classes) for name in ("support", "num_predicted"))
            each = f"{gold / self.num_texts:.2f} a text in gold, {predicted / self.num_texts:.2f} predicted"
            return f"{texts}, {num_classes} labels, {each}"
        majority = max(self.classes, key=lambda row: row.support)
        share = f"majority share {percent(self.majority_share)} ({printable(majority.label)})"
        return f"{texts}, {num_classes} classes, {share}"

    def _averages(self) -> list[list[str]]:
        averages = {"micro average": self.micro, "macro average": self.macro, "weighted average": self.weighted}
        totals = [str(sum(getattr(row, name) for row in self.classes)) for name in ("support", "num_predicted")]
        return [[name, *_shares(figures), *totals] for name, figures in averages.items() if figures]

    def _figures(self) -> Iterator[str]:
        """Give a line for each figure that is no column of the table."""
        accuracy = "subset accuracy (all labels of a text right)" if self.multi_label else "accuracy"
        yield f"{accuracy} {percent(self.accuracy)}, {_interval(self.accuracy_interval)}"
        if self.micro and self.micro_interval:
            yield f"micro F1 {percent(self.micro.f1)}, {_interval(self.micro_interval)}"
        if self.log_loss is not None:
            yield f"log loss {self.log_loss:.4f} nats{' a label' if self.multi_label else ''}"
        if self.roc_auc is not None:
            binary = len(self.classes) == (1 if self.multi_label else 2)
            yield f"ROC AUC {percent(self.roc_auc)}{'' if binary else ', macro average over classes'}"
        if len(set(self.undefined.values())) == 1 < len(self.undefined):
            yield f"log loss and ROC AUC are not defined: {self.undefined['log_loss']}"
        else:
            names = {"log_loss": "log loss", "roc_auc": "ROC AUC"}
            yield from (f"{names[key]} is not defined: {reason}" for key, reason in self.undefined.items())
        yield f"macro average: over the {len(self._occurring())} classes that occur in gold or prediction"
        if self.unknown:
            support = {row.label: row.support for row in self.classes}
            unknown = [f"{printable(label)} ({support[label]:,} texts)" for label in self.unknown]
            yield f"not known to the model, so counted as wrong: {_listed(unknown)}"

    def _confusion_table(self) -> tuple[str, list[str], list[list[str]]]:
        """Give a title, a header and rows: the matrix, or of many classes the most frequent mistakes."""
        if self.confusion is None:
            return "", [], []
        names = [printable(row.label) for row in self.classes]
        if len(names) <= _MOST_IN_MATRIX:
            numbers = [str(number) for number in range(1, len(names) + 1)]
            counts = [list(map(str, row)) for row in self.confusion]
            for heads, labels in ((names, names), (numbers, [f"{n} {name}" for n, name in zip(numbers, names)])):
                header, rows = ["", *heads], [[label, *row] for label, row in zip(labels, counts)]
                if table_fits(header, rows, least=_CONFUSION_WIDTH):
                    return "confusion matrix: gold in rows, predicted in columns", header, rows
        cells = [
            (count, f"{shorten(names[gold], 33)} -> {shorten(names[predicted], 33)}")
            for gold, row in enumerate(self.confusion)
            for predicted, count in enumerate(row)
            if count and gold != predicted
        ]
        if not cells:
            return "no confusions", [], []
        most = sorted(cells, key=lambda cell: -cell[0])[:_MOST_CONFUSIONS]
        title = f"{len(most)} of {len(cells):,} kinds of confusion, the most frequent"
        return title, ["gold -> predicted", "texts"], [[pair, str(count)] for count, pair in most]


def evaluate_labels(
    gold: Sequence[Any],
    predicted: Sequence[Any],
    *,
    labels: Sequence[Label],
    probabilities: Any = None,
    source: str = "",
) -> ClassReport:
    """Compare predicted labels with gold, text by text; lists of labels in place of labels mean several a text.

    `labels` are the classes that the model knows, strings, integers or booleans, in the order of the columns of
    `probabilities` (N, L), of which each row sums to 1, or where texts have several labels each column stands alone.
    `source` names the data in messages and in the heading. Raises DataError, with the text's number from 1, for unequal
    lengths and impossible probabilities, UsageError for labels of another kind and for a wrong shape.

    >>> report = evaluate_labels(["pos", "neg", "pos", "odd"], ["pos", "pos", "pos", "neg"], labels=["neg", "pos"])
    >>> report.accuracy, report.unknown, report.undefined["roc_auc"]
    (0.5, ('odd',), 'no probabilities were given')
    """
    where = f"{source}: " if source else ""
    coded = code_labels(gold, predicted, labels, where=where)
    given = None if probabilities is None else check_probabilities(probabilities, coded, where=where)
    undefined = _undefined(coded, given is not None)
    accuracy, accuracy_interval = class_metrics.accuracy(coded)
    return ClassReport(
        source=source,
        multi_label=coded.multi_label,
        num_texts=len(coded.gold),
        classes=class_metrics.class_scores(coded),
        unknown=coded.unknown,
        accuracy=accuracy,
        accuracy_interval=accuracy_interval,
        macro=class_metrics.average(coded, "macro"),
        weighted=class_metrics.average(coded, "weighted"),
        micro=class_metrics.average(coded, "micro") if coded.multi_label else None,
        micro_interval=class_metrics.micro_interval(coded) if coded.multi_label else None,
        confusion=None if coded.multi_label else class_metrics.confusions(coded),
        log_loss=None if given is None or "log_loss" in undefined else class_metrics.log_loss(coded, given),
        roc_auc=None if given is None or "roc_auc" in undefined else class_metrics.roc_auc(coded, given),
        undefined=undefined,
    )


def _undefined(coded: CodedLabels, has_probabilities: bool) -> dict[str, str]:
    """Say why log loss and ROC AUC can't be had, where that is so."""
    if not has_probabilities:
        return dict.fromkeys(("log_loss", "roc_auc"), "no probabilities were given")
    if coded.unknown:
        reason = f"gold has labels that the model does not know: {_listed(list(map(repr, coded.unknown)))}"
        return dict.fromkeys(("log_loss", "roc_auc"), reason)
    if not coded.multi_label and len(coded.classes) == 1:
        return dict.fromkeys(("log_loss", "roc_auc"), "there is only one class")
    num_texts = len(coded.gold)
    for number, said in ((0, "no text"), (num_texts, "every text")):
        same = [repr(label) for label, count in zip(coded.classes, coded.counts(coded.gold)) if count == number]
        if same:
            return {"roc_auc": f"in gold {said} has {_listed(same)}"}
    return {}


def _row(row: ClassScore) -> list[str]:
    shares = _shares(row if row.support or row.num_predicted else None)
    return [printable(row.label), *shares, str(row.support), str(row.num_predicted)]


def _shares(figures: Average | ClassScore | None) -> list[str]:
    """Give precision, recall and F1 in percent; dashes for a class that occurs nowhere."""
    return [percent(x) for x in ((figures.precision, figures.recall, figures.f1) if figures else (None,) * 3)]


def _interval(interval: tuple[float, float]) -> str:
    return f"95% interval {percent(interval[0])} to {percent(interval[1])}"


def _listed(names: list[str]) -> str:
    """List the first names and count the rest.

    >>> _listed(["a", "b"]), _listed(["a", "b", "c", "d", "e", "f", "g"])
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
