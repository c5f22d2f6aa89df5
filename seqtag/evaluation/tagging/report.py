"""The report of a tagger: its contents and their order. evaluation.py fills it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from seqtag.evaluation.glossary import TAGGING
from seqtag.evaluation.next_steps import few_examples, threshold_for_answers, threshold_for_spans
from seqtag.evaluation.pictures import LabelFigure, heat_map, kind_bars, label_bars
from seqtag.evaluation.report import Headline, Report, headline, score_cells, share_cells, small_print
from seqtag.evaluation.statistics.counts import ByFigure
from seqtag.evaluation.statistics.resampling import Interval
from seqtag.evaluation.tagging.errors import MOST_EXAMPLES, TagErrors
from seqtag.evaluation.tagging.metrics import Scores
from seqtag.evaluation.wording import confused_sentence, errors_sentence, found_sentence, out_of, weakest_sentence
from seqtag.reporting.figures import between, percent, printable
from seqtag.reporting.sections import Block, Paragraph, Picture, Table

_MOST_CONFUSIONS = 10  # shown in a terminal
_KINDS = {
    "wrong type": "spans of the wrong type",
    "too long": "spans that are too long",
    "too short": "spans that are too short",
    "shifted": "shifted spans",
    "wrong type and boundary": "spans of the wrong type and boundary",
    "missed": "missed spans",
    "spurious": "spurious spans",
}


@dataclass(frozen=True, slots=True)
class TagReport(Report):
    """How predicted tags compare with gold; all figures lie between 0 and 1, and `print` shows them in percent.

    Under an entity scheme `strict` and `conlleval` are the two readings, micro-averaged over entities; intervals are
    those of the strict one, errors, slices and confidence follow conlleval's, in which no span is lost. Under 'plain'
    both hold the same: tags scored one token at a time, macro-averaged; the micro average of `intervals` is the
    accuracy. A label without gold, which only the prediction has, is in no macro average.
    """

    glossary = TAGGING
    examples_title = "Errors in their sentences"

    scheme: str
    repair: str
    num_sentences: int
    num_documents: int | None  # None if the data have no documents; documents are resampled whole
    num_tokens: int
    num_gold: int  # spans by the conlleval reading; tokens under 'plain'
    num_predicted: int
    num_illegal: tuple[int, int]  # tags of gold and of the prediction that break the scheme
    accuracy: float  # over tokens, O included
    strict: Scores
    conlleval: Scores
    errors: TagErrors = field(kw_only=True)
    num_unknown: int = field(default=0, kw_only=True)  # tokens that nobody annotated, which are in no figure
    num_unjudged: int = field(
        default=0, kw_only=True
    )  # predicted spans in such tokens, or of labels not annotated there
    num_known: int = field(default=0, kw_only=True)  # spans that were known before the prediction

    @property
    def precision(self) -> float:
        """Strict precision; the macro average under 'plain'."""
        return self.strict.precision

    @property
    def recall(self) -> float:
        """Strict recall; the macro average under 'plain'."""
        return self.strict.recall

    @property
    def f1(self) -> float:
        """Strict F1; the macro average under 'plain'."""
        return self.strict.f1

    @property
    def score(self) -> float:
        """The figure to compare models by: strict F1, or token accuracy under 'plain'."""
        return self.accuracy if self.scheme == "plain" else self.strict.f1

    @property
    def headlines(self) -> tuple[Headline, ...]:
        """Token accuracy of plain tags; else strict F1, precision and recall over all spans."""
        drawn: ByFigure[Any] = ByFigure(None, None, None) if self.intervals is None else self.intervals.micro
        if self.scheme == "plain":
            return (headline("accuracy", "token accuracy", self.accuracy, drawn.f1),)
        return (
            headline("f1", "strict F1", self.f1, drawn.f1),
            headline("precision", "strict precision", self.precision, drawn.precision),
            headline("recall", "strict recall", self.recall, drawn.recall),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release.

        - `model`, `date`, `seqtag_version`, and `history`: a list of `epoch`, `loss`, `dev_score` of the training
        - `task` ("tag"), `source`, `scheme`, `repair`, `data_hash`, `num_sentences`, `num_documents` (or null),
          `num_tokens`, `num_gold`, `num_predicted`, `num_illegal` ([gold, predicted] tags against the scheme),
          `num_unknown` (tokens that are not annotated, in no figure), `num_unjudged` (predicted spans that are in
          none), `num_known` (spans that were known before the prediction)
        - `accuracy`, `score`, `precision`, `recall`, `f1`, and `strict` and `conlleval`, each with `precision`,
          `recall`, `f1` and `labels`: a list of `label`, `precision`, `recall`, `f1`, `support`
        - `intervals` (or null): `confidence`, `resamples`, `seed`, `num_units`, and `micro`, `macro` and each of
          `labels` (a list, with `label`) with `precision`, `recall`, `f1`: `value`, `low`, `high`
        - `errors`: `counts` (kind -> number), `num_right`, `num_sentences`, `confusions` (lists of gold, predicted,
          number; null for no span), `partial` (`strict`, `exact`, `partial`, `type`, each with MUC's counts and
          `precision`, `recall`, `f1`; null under 'plain'), `examples` (a list of `place`, `kinds`, `text`, `note` and
          `sides`: gold and predicted -> marks with `start`, `end`, `label`, `kind`, `score`), `right_examples` (without
          sides), `confident` (places of errors with a probability of 0.9 or more)
        - `slices`: a list of `group`, `name`, `num_gold`, `num_predicted`, `num_right`, `precision`, `recall`, `f1`
        - `confidence` (or null), as in `Confidence`
        - `measurement`: what `seqtag compare` reads
        """
        names = ("source", "data_hash", "scheme", "repair", "num_sentences", "num_documents", "num_tokens", "num_gold")
        counts = ("num_predicted", "num_illegal", "num_unknown", "num_unjudged", "num_known")
        figures = ("accuracy", "score", "precision", "recall", "f1", "strict", "conlleval")
        return self._values("tag", (*names, *counts, *figures))

    @property
    def nouns(self) -> tuple[str, str]:
        """Tags, counted by token, or spans."""
        return ("tags", "tokens") if self.scheme == "plain" else ("spans", "spans")

    # -- the answer ---------------------------------------------------------------------------

    def _sentences(self) -> Iterator[str]:
        errors = self.errors
        if self.scheme == "plain":
            if self.num_tokens:
                yield f"{out_of(errors.num_right, self.num_tokens).capitalize()} tokens have the right tag."
            else:
                yield "The sentences have no tokens."
            yield confused_sentence(errors.confusions, "tag")
            yield weakest_sentence(((row.label, row.f1, row.support) for row in self.strict.labels), "tag")
            return
        found = found_sentence(errors.num_right, self.num_gold, self.num_predicted, "spans")
        yield found if len(self._readings()) == 1 else f"{found[:-1]}, as conlleval reads the tags."
        missed = [(gold, n) for gold, predicted, n in errors.confusions if predicted is None]
        spurious = [(predicted, n) for gold, predicted, n in errors.confusions if gold is None]
        yield errors_sentence(errors.counts, _KINDS, {"missed": missed, "spurious": spurious})
        yield confused_sentence(errors.confusions)

    def _steps(self) -> Iterator[str]:
        yield from few_examples((row.label, row.support) for row in self.conlleval.labels)
        if self.scheme == "plain":
            yield from threshold_for_answers(self.confidence, "tags")
        else:
            yield from threshold_for_spans(self.confidence, self.num_gold)

    def _label_pictures(self) -> Iterator[Picture]:
        intervals = {} if self.intervals is None else self.intervals.labels
        rows = [
            LabelFigure(row.label, row.f1, intervals[row.label].f1 if row.label in intervals else None, row.support)
            for row in self.strict.labels
        ]
        reading = "F1 by tag" if self.scheme == "plain" else "strict F1 by label"
        if any(row.support for row in rows):
            yield label_bars(rows, f"{reading}{', with 95% intervals' if intervals else ''} (and support)")
        if self.errors.total:
            yield kind_bars(self.errors.kinds, f"Kinds of the {self.errors.total:,} errors")
        if grid := heat_map(self.errors.confusions, "What is taken for what"):
            yield grid

    def _num_right(self) -> int:
        return self.errors.num_right

    # -- scores -------------------------------------------------------------------------------

    def _scores(self) -> Iterator[Block]:
        yield Paragraph(tuple(self._counts()))
        yield Table(self._header(), tuple(self._rows()), num_totals=1 if self.scheme == "plain" else 2)
        yield Paragraph(tuple(self._notes()))

    def _counts(self) -> Iterator[str]:
        documents = "" if self.num_documents is None else f" of {self.num_documents:,} documents"
        counts = f"{self.num_sentences:,} sentences{documents}, {self.num_tokens:,} tokens"
        if self.scheme == "plain":
            yield counts
        else:
            yield f"{counts}, {self.num_gold:,} spans, {self.num_predicted:,} predicted"
            yield f"scheme {self.scheme}, repair {self.repair}"
        if self.num_unknown or self.num_unjudged:
            found = f" and {self.num_unjudged:,} predicted {self.nouns[0]}"
            yield f"left out, because nobody annotated them: {self.num_unknown:,} tokens{found}"
        if self.num_known:
            yield f"known before the prediction: {self.num_known:,} {self.nouns[0]}"
        yield f"SHA-256 of gold {self.measurement.data_hash[:16]}"

    def _header(self) -> tuple[str, ...]:
        if len(self._readings()) == 1:
            return ("", "P", "R", "F1", "F1 95%", "support")
        return ("", "strict\nP", "R", "F1", "F1 95%", "conlleval\nP", "R", "F1", "\nsupport")

    def _readings(self) -> tuple[Scores, ...]:
        """Give the readings, or the one that stands for both where they agree in every row."""
        return (self.strict,) if self.strict == self.conlleval else (self.strict, self.conlleval)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        """Give a row for each label and the averages: a name, the figures of each reading, the support."""
        by_label = [{row.label: row for row in scores.labels} for scores in self._readings()]
        intervals = {} if self.intervals is None else self.intervals.labels
        for label in sorted({label for scores in by_label for label in scores}):
            found = [scores.get(label) for scores in by_label]
            # conlleval's support: the strict reading loses gold spans where gold breaks its scheme
            support = found[-1].support if found[-1] else 0
            others = [scores if scores and scores.support else None for scores in found[1:]]
            yield (
                printable(label),
                *score_cells(found[0], intervals.get(label), support=found[0].support if found[0] else 0),
                *itertools.chain(*map(share_cells, others)),
                str(support),
            )
        macro, micro = (None, None) if self.intervals is None else (self.intervals.macro, self.intervals.micro)
        if self.scheme == "plain":
            yield "macro average", *score_cells(self.strict, macro), f"{self.num_gold}"
        else:
            for name, strict, conlleval, drawn in (
                ("micro", self.strict, self.conlleval, micro),
                ("macro", _mean(self.strict), _mean(self.conlleval), macro),
            ):
                other = [] if len(self._readings()) == 1 else share_cells(conlleval)
                yield f"{name} average", *score_cells(strict, drawn), *other, f"{self.num_gold}"

    def _notes(self) -> Iterator[str]:
        micro = self.intervals and self.intervals.micro.f1
        interval = f", 95% {between(micro.low, micro.high)}" if micro and self.scheme == "plain" else ""
        yield f"token accuracy {percent(self.accuracy)}{interval}"
        if self.scheme != "plain" and len(self._readings()) == 1:
            yield "strict and conlleval give the same figures in every row"
        support = [row.support for row in self.conlleval.labels]
        yield from small_print(support, has_intervals=self.intervals is not None)
        for side, number in zip(("gold", "predicted"), self.num_illegal):
            if number:
                yield f"{number:,} {side} tags break the scheme: strict passes their spans over, conlleval reads them"
        yield from self.drawn()

    def _more_scores(self) -> Iterator[Block]:
        if self.intervals is None:
            return
        support = {row.label: row.support for row in self.strict.labels}
        rows = [(label, drawn) for label, drawn in self.intervals.labels.items() if support.get(str(label))]
        rows += [("micro average", self.intervals.micro), ("macro average", self.intervals.macro)]
        cells = [(printable(name), *_with_bounds(intervals)) for name, intervals in rows]
        header = ("", "precision\nP", "95%", "recall\nR", "95%", "F1\nF1", "95%")
        caption = "95% intervals" if self.scheme == "plain" else "95% intervals of the strict reading"
        yield Table(header, tuple(cells), caption=caption, num_totals=2)

    # -- errors -------------------------------------------------------------------------------

    def _wrong(self) -> Iterator[Block]:
        errors = self.errors
        if not errors.total:
            yield Paragraph((f"nothing: all {self.nouns[0]} are right",))
            return
        yield Table(
            ("kind of error", "number", "% of errors"),
            tuple((printable(kind), f"{n:,}", percent(n / errors.total)) for kind, n in errors.kinds),
            caption=f"{errors.total:,} errors in {errors.num_wrong:,} sentences; {errors.num_right:,} right",
            explained=0 if self.scheme == "plain" else 1,
        )
        if errors.partial:
            yield self._partial()
        if self.scheme != "plain" and (rows := self._confused()):
            caption = "types that are taken for each other, whatever their borders"
            yield Table(("gold", "predicted", "number"), rows[:_MOST_CONFUSIONS], caption=caption, text_columns=2)

    def _examples_caption(self) -> str:
        shown, num_wrong = len(self.errors.examples), self.errors.num_wrong
        how = "evenly spaced" if self.scheme == "plain" else f"up to {MOST_EXAMPLES} of each kind"
        return f"{shown:,} sentences with errors" + (f" of {num_wrong:,}, {how}" if shown < num_wrong else "")

    def _partial(self) -> Table:
        assert self.errors.partial is not None
        named = {
            "strict": "strict: borders and type",
            "exact": "exact: borders",
            "partial": "partial: borders, half for overlap",
            "type": "type: type, with overlap",
        }
        rows = tuple((words, *share_cells(getattr(self.errors.partial, name))) for name, words in named.items())
        return Table(("", "P", "R", "F1"), rows, caption="with partial credit (SemEval-2013)", explained=1)

    def _confused(self) -> tuple[tuple[str, ...], ...]:
        pairs = self.errors.confusions
        return tuple((printable(a), printable(b), f"{n:,}") for a, b, n in pairs if a and b and a != b)

    def _confusions(self) -> Iterator[Block]:
        rows = tuple((printable(a or "-"), printable(b or "-"), f"{n:,}") for a, b, n in self.errors.confusions)
        caption = "all pairs of gold and predicted; a dash where the other side has nothing"
        yield Table(("gold", "predicted", "number"), rows, caption=caption, text_columns=2)


def _mean(scores: Scores) -> ByFigure[float]:
    """Average over the labels of gold, as scikit-learn's macro average over these: the mean of each figure."""
    rows = [(row.precision, row.recall, row.f1) for row in scores.labels if row.support] or [(0.0, 0.0, 0.0)]
    return ByFigure(*(sum(figures) / len(rows) for figures in zip(*rows)))


def _with_bounds(intervals: ByFigure[Interval]) -> Iterator[str]:
    for figure in (intervals.precision, intervals.recall, intervals.f1):
        yield percent(figure.value)
        yield between(figure.low, figure.high)
