"""The report of a classifier: its contents and their order. evaluation.py fills it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from seqtag.evaluation.classifying.coding import Label
from seqtag.evaluation.classifying.errors import MISSED, SPURIOUS, ClassErrors
from seqtag.evaluation.classifying.metrics import ClassScore
from seqtag.evaluation.glossary import CLASSIFYING
from seqtag.evaluation.next_steps import few_examples, threshold_for_answers, threshold_for_spans
from seqtag.evaluation.pictures import LabelFigure, heat_map, kind_bars, label_bars
from seqtag.evaluation.report import Headline, Report, headline, score_cells, small_print
from seqtag.evaluation.statistics.counts import ByFigure
from seqtag.evaluation.wording import (
    confused_sentence,
    errors_sentence,
    found_sentence,
    out_of,
    quoted,
    weakest_sentence,
)
from seqtag.reporting.escaping import shorten
from seqtag.reporting.figures import listed, percent, printable
from seqtag.reporting.sections import Block, Paragraph, Picture, Table
from seqtag.reporting.terminal import table_fits

_MOST_ROWS, _WORST_ROWS = 30, 15  # a terminal shows all of up to 30 classes, else the 15 with the lowest F1
_MOST_IN_MATRIX, _MOST_CONFUSIONS = 10, 10
_HEADER = ("", "P", "R", "F1", "F1 95%", "support", "predicted")


@dataclass(frozen=True, slots=True)
class ClassReport(Report):
    """How predicted labels compare with gold; shares lie between 0 and 1, and `print` shows them in percent.

    Each text has one label, or any number of them (`multi_label`); then a text is right when all its labels are. A
    label of gold that the model does not know counts as wrong and has a row. `macro` is the mean over the classes that
    occur in gold. `log_loss` (nats) and `roc_auc` are None where `undefined` says why.
    """

    glossary = CLASSIFYING
    examples_title = "Mistakes"

    multi_label: bool
    num_texts: int
    classes: tuple[ClassScore, ...]  # in the order of the model's probabilities, then `unknown`
    unknown: tuple[Label, ...]  # labels of gold that the model does not know
    accuracy: float
    accuracy_interval: tuple[float, float] | None  # 95%, by resampling texts
    macro: ByFigure[float]
    weighted: ByFigure[float]  # by the texts of gold
    micro: ByFigure[float] | None  # of several labels per text; with one label each it would be the accuracy
    micro_interval: tuple[float, float] | None  # 95% of micro F1, by resampling texts
    confusion: tuple[tuple[int, ...], ...] | None  # of one label per text: rows gold, columns predicted, as `classes`
    log_loss: float | None  # per text; under `multi_label` per label of a text
    roc_auc: float | None  # of two classes, else the macro mean of each against the rest
    undefined: dict[str, str]  # "log_loss" and "roc_auc" -> why it is None
    errors: ClassErrors = field(kw_only=True)

    @property
    def score(self) -> float:
        """The figure to compare models by: accuracy, or micro F1 where texts have several labels."""
        return self.micro.f1 if self.micro else self.accuracy

    @property
    def headlines(self) -> tuple[Headline, ...]:
        """Accuracy, or micro F1 where texts have several labels; and macro F1."""
        drawn = None if self.intervals is None else self.intervals.macro.f1
        macro = headline("f1", "macro F1", self.macro.f1, drawn)
        if self.micro is None:
            return headline("accuracy", "accuracy", self.accuracy, self.accuracy_interval), macro
        return headline("f1", "micro F1", self.micro.f1, self.micro_interval), macro

    @property
    def num_classes(self) -> int:
        """How many classes the model and gold have together."""
        return len(self.classes)

    @property
    def majority_share(self) -> float | None:
        """The accuracy of always saying the most frequent class; None where texts have several labels."""
        return None if self.multi_label else max(row.support for row in self.classes) / self.num_texts

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release.

        - `model`, `date`, `seqtag_version`, `history` as in a tagger's report
        - `task` ("classify"), `source`, `data_hash`, `multi_label`, `num_texts`, `num_classes`, `majority_share`
        - `score`, `accuracy`, `accuracy_interval` ([low, high]), `macro`, `weighted` and `micro` (each `precision`,
          `recall`, `f1`), `micro_interval`, `log_loss`, `roc_auc`, `undefined` (name -> reason), `unknown` (labels)
        - `classes` (a list of `label`, `precision`, `recall`, `f1`, `support`, `num_predicted`) and `confusion` (rows
          of counts)
        - `intervals`, `slices`, `confidence` and `measurement` as in a tagger's report
        - `errors`: `counts` (kind -> number), `pairs` (lists of gold, predicted, number), `num_wrong` (texts) and
          `examples` (a list of `place`, `kinds`, `text`, `note`), `right_examples` alike, `confident` (places of
          errors with a probability of 0.9 or more)

        A value that does not exist is null.
        """
        names = (
            "source",
            "data_hash",
            "multi_label",
            "num_texts",
            "num_classes",
            "majority_share",
            "score",
            "accuracy",
        )
        figures = ("accuracy_interval", "macro", "weighted", "micro", "micro_interval", "log_loss", "roc_auc")
        return self._values("classify", (*names, *figures, "undefined", "unknown", "classes", "confusion"))

    @property
    def nouns(self) -> tuple[str, str]:
        """Texts, or labels where texts have several."""
        return "labels" if self.multi_label else "texts", "texts"

    # -- the answer ---------------------------------------------------------------------------

    def _sentences(self) -> Iterator[str]:
        errors, rows = self.errors, [(row.label, row.f1, row.support) for row in self.classes]
        if self.multi_label:
            gold, predicted = (sum(getattr(row, name) for row in self.classes) for name in ("support", "num_predicted"))
            missed = errors.counts.get(MISSED, 0)
            yield found_sentence(gold - missed, gold, predicted, "labels")
            yield errors_sentence(errors.counts, {MISSED: "missed labels", SPURIOUS: "spurious labels"}, {})
        else:
            right = self.num_texts - errors.num_wrong
            most = max(self.classes, key=lambda row: row.support)
            always = f"always saying {quoted([most.label])} would give {out_of(most.support, self.num_texts)}"
            yield f"{out_of(right, self.num_texts).capitalize()} texts get the right class; {always}."
            yield confused_sentence(errors.confusions, "class")
        yield weakest_sentence(rows, "label" if self.multi_label else "class")

    def _steps(self) -> Iterator[str]:
        yield from few_examples((row.label, row.support) for row in self.classes)
        if self.multi_label:
            yield from threshold_for_spans(self.confidence, sum(row.support for row in self.classes))
        else:
            yield from threshold_for_answers(self.confidence, "texts")

    def _label_pictures(self) -> Iterator[Picture]:
        drawn = {} if self.intervals is None else self.intervals.labels
        rows = [
            LabelFigure(row.label, row.f1, drawn[row.label].f1 if row.label in drawn else None, row.support)
            for row in self.classes
        ]
        noun = "label" if self.multi_label else "class"
        if any(row.support for row in rows):
            yield label_bars(rows, f"F1 by {noun}{', with 95% intervals' if drawn else ''} (and support)")
        if self.errors.total and (self.multi_label or len(self.errors.kinds) > 1):
            yield kind_bars(self.errors.kinds, f"Kinds of the {self.errors.total:,} errors")
        if self.confusion is not None:
            names = [row.label for row in self.classes]
            pairs = [(names[i], names[j], n) for i, row in enumerate(self.confusion) for j, n in enumerate(row) if n]
            if grid := heat_map(pairs, "What is taken for what"):
                yield grid

    def _num_right(self) -> int:
        return self.num_texts - self.errors.num_wrong

    # -- scores -------------------------------------------------------------------------------

    def _scores(self) -> Iterator[Block]:
        yield Paragraph((self._counts(), f"SHA-256 of gold {self.measurement.data_hash[:16]}"))
        rows, caption, most = [*self.classes], "", _MOST_ROWS
        if len(rows) > _MOST_ROWS:
            absent = [row for row in rows if not row.support]
            rows = [*sorted(self._in_gold(), key=lambda row: (row.f1, -row.support)), *absent]
            caption, most = "the classes with the lowest F1 come first", _WORST_ROWS
        averages = self._averages()
        cells = (*map(self._row, rows), *averages)
        yield Table(_HEADER, cells, caption=caption, num_totals=len(averages), most=most)
        yield Paragraph(tuple(self._figures()))

    def _in_gold(self) -> list[ClassScore]:
        return [row for row in self.classes if row.support]

    def _counts(self) -> str:
        texts, num_classes = f"{self.num_texts:,} texts", len(self.classes)
        if self.multi_label:
            gold, predicted = (sum(getattr(row, name) for row in self.classes) for name in ("support", "num_predicted"))
            each = f"{gold / self.num_texts:.2f} per text in gold, {predicted / self.num_texts:.2f} predicted"
            return f"{texts}, {num_classes} labels, {each}"
        majority = max(self.classes, key=lambda row: row.support)
        share = f"majority share {percent(self.majority_share)} ({printable(majority.label)})"
        return f"{texts}, {num_classes} classes, {share}"

    def _row(self, row: ClassScore) -> tuple[str, ...]:
        intervals = self.intervals.labels.get(row.label) if self.intervals else None
        return (
            printable(row.label),
            *score_cells(row, intervals, support=row.support),
            str(row.support),
            str(row.num_predicted),
        )

    def _averages(self) -> list[tuple[str, ...]]:
        drawn = {} if self.intervals is None else {"micro": self.intervals.micro, "macro": self.intervals.macro}
        averages = {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}
        totals = [str(sum(getattr(row, name) for row in self.classes)) for name in ("support", "num_predicted")]
        return [
            (f"{name} average", *score_cells(figures, drawn.get(name)), *totals)
            for name, figures in averages.items()
            if figures
        ]

    def _figures(self) -> Iterator[str]:
        """Give a line for each figure that is no column of the table."""
        accuracy = "subset accuracy (all labels of a text right)" if self.multi_label else "accuracy"
        yield f"{accuracy} {percent(self.accuracy)}{_interval(self.accuracy_interval)}"
        if self.micro:
            yield f"micro F1 {percent(self.micro.f1)}{_interval(self.micro_interval)}"
        if self.log_loss is not None:
            yield f"log loss {self.log_loss:.4f} nats{' per label' if self.multi_label else ''}"
        if self.roc_auc is not None:
            binary = len(self.classes) == (1 if self.multi_label else 2)
            yield f"ROC AUC {percent(self.roc_auc)}{'' if binary else ', macro average over classes'}"
        if len(set(self.undefined.values())) == 1 < len(self.undefined):
            yield f"log loss and ROC AUC are not defined: {self.undefined['log_loss']}"
        else:
            names = {"log_loss": "log loss", "roc_auc": "ROC AUC"}
            yield from (f"{names[key]} is not defined: {reason}" for key, reason in self.undefined.items())
        yield f"macro average: over the {len(self._in_gold())} classes that occur in gold"
        yield from small_print([row.support for row in self.classes], has_intervals=self.intervals is not None)
        if self.unknown:
            support = {row.label: row.support for row in self.classes}
            unknown = [f"{printable(label)} ({support[label]:,} texts)" for label in self.unknown]
            yield f"not known to the model, so counted as wrong: {listed(unknown)}"
        yield from self.drawn()

    # -- errors -------------------------------------------------------------------------------

    def _wrong(self) -> Iterator[Block]:
        errors = self.errors
        if not errors.num_wrong:
            yield Paragraph(("nothing: all texts are right",))
            return
        if self.multi_label:
            rows = tuple((kind, f"{number:,}") for kind, number in errors.counts.items())
            yield Table(("", "number"), rows, caption=f"{errors.num_wrong:,} texts with errors", explained=1)
        else:
            yield self._matrix() or self._pairs()

    def _examples_caption(self) -> str:
        shown, num_wrong = len(self.errors.examples), self.errors.num_wrong
        surest = ", the most confident" if self.confidence else ""
        if shown < num_wrong:
            return f"{shown:,} of {num_wrong:,} mistakes{surest}"
        return f"all {num_wrong:,} mistakes{surest and surest + ' first'}"

    def _matrix(self) -> Table | None:
        """Give the confusion matrix, if it is small enough to be read."""
        if self.confusion is None or len(self.classes) > _MOST_IN_MATRIX:
            return None
        names = [printable(row.label) for row in self.classes]
        numbers = [str(number) for number in range(1, len(names) + 1)]
        counts = [list(map(str, row)) for row in self.confusion]
        for heads, labels in ((names, names), (numbers, [f"{n} {name}" for n, name in zip(numbers, names)])):
            rows = tuple((label, *row) for label, row in zip(labels, counts))
            caption = "confusion matrix: gold in rows, predicted in columns"
            table = Table(("", *heads), rows, caption=caption, data_header=True)
            if table_fits(table):
                return table
        return None

    def _pairs(self) -> Table:
        pairs = self.errors.confusions
        rows = tuple((shorten(printable(a), 33), shorten(printable(b), 33), f"{n:,}") for a, b, n in pairs)
        caption = f"classes taken for each other, {len(rows):,} pairs"
        return Table(("gold", "predicted", "texts"), rows, caption=caption, text_columns=2, most=_MOST_CONFUSIONS)

    def _confusions(self) -> Iterator[Block]:
        if self.errors.confusions and self._matrix():
            yield self._pairs()


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f", 95% interval {percent(interval[0])} to {percent(interval[1])}"
