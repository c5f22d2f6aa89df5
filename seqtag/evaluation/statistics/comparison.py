"""Compare two reports on the same data: differences, how sure they are, and what may be said.

randomisation.py draws, ranking.py puts more than two reports in order, and the command line reads report files.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from seqtag.errors import DataError
from seqtag.evaluation.statistics.counts import ByFigure
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.randomisation import (
    LEVEL,
    NO_DIFFERENCE,
    Difference,
    compare_counts,
    holm,
)
from seqtag.evaluation.statistics.resampling import Drawn
from seqtag.evaluation.wording import quoted
from seqtag.reporting.document import Document
from seqtag.reporting.figures import nice_ticks, percent, printable
from seqtag.reporting.sections import BarRow, Bars, Paragraph, Points, Section, Table, Verdict
from seqtag.version import __version__

_MANY_LABELS = 30  # of more labels, those that differ most come first
_MOST_BARS = 40


class Measured(Protocol):
    """What a comparison needs of a report."""

    @property
    def source(self) -> str:
        """What was evaluated, for a heading."""

    @property
    def score(self) -> float:
        """The figure to compare models by."""

    @property
    def measurement(self) -> Measurement:
        """What was right, unit by unit, and on which data."""


@dataclass(frozen=True, slots=True)
class LabelDifference:
    """How two systems differ on one label."""

    label: str | int
    support: int  # how often gold has the label
    differences: ByFigure[Difference]
    p_corrected: float  # of the F1, by Holm's method over all labels

    @property
    def verdict(self) -> str:
        """What may be said of the label's F1, its corrected p-value considered."""
        return NO_DIFFERENCE if self.p_corrected >= LEVEL else self.differences.f1.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SameData(Document):
    """Systems on the same data; `print` shows figures in percent and differences in points."""

    page_title = "Systems compared"

    task: str
    unit: str
    num_units: int
    confidence: float
    resamples: int
    seed: int

    def _setting(self) -> dict[str, Any]:
        """Give what was compared and how it was drawn, as plain JSON values."""
        names = ("task", "unit", "num_units", "confidence", "resamples", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def _percentage(self) -> str:
        """The confidence of the intervals, such as '95%'."""
        return f"{100 * self.confidence:g}%"

    @property
    def _draws(self) -> str:
        """How the intervals and p-values were drawn."""
        return f"{self.resamples:,} draws each, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(SameData):
    """Two systems on the same data."""

    names: tuple[str, str]
    figures: Mapping[str, Difference]  # micro_precision, ..., or accuracy in place of the micro figures
    labels: tuple[LabelDifference, ...]

    @property
    def difference(self) -> Difference:
        """The figure to decide by: accuracy, or micro F1."""
        return self.figures.get("accuracy") or self.figures["micro_f1"]

    @property
    def verdict(self) -> str:
        """What may be said: 'no difference shown' where p is 0.05 or more, else 'a is better' or 'b is better'."""
        return self.difference.verdict

    def to_dict(self) -> dict[str, Any]:
        """Give the comparison as plain JSON values; keys stay as they are from release to release.

        `names` (of a and b), `task`, `unit`, `num_units`, `confidence`, `resamples`, `seed`, `verdict`; `figures`, each
        with `a`, `b`, `difference` (b - a), `low`, `high`, `p_value`, `verdict`; `labels`, a list of `label`,
        `support`, `precision`, `recall` and `f1` (as figures, p-values not corrected), `p_corrected`, `verdict`.
        """
        return {
            "names": list(self.names),
            **self._setting(),
            "verdict": self.verdict,
            "figures": {name: asdict(each) | {"verdict": each.verdict} for name, each in self.figures.items()},
            "labels": [
                {"label": row.label, "support": row.support, **asdict(row.differences)}
                | {"p_corrected": row.p_corrected, "verdict": row.verdict}
                for row in self.labels
            ],
        }

    def sections(self) -> tuple[Section, ...]:
        """Give what is shown, before it has a form."""
        figure = self._figure
        said = f"{figure}: {self.verdict} (p {self.difference.p_value:.4f})"
        names = tuple(f"{side}: {name}" for side, name in zip("ab", self.names))
        rows = tuple((_figure_name(name), *difference_cells(each), each.verdict) for name, each in self.figures.items())
        header = ("", "a", "b", "b - a", "from", "to", "p", "verdict")
        caption = f"in percent; b - a in points, with its {self._percentage} interval"
        how = Paragraph(
            (
                f"intervals by the paired bootstrap over {self.num_units:,} {self.unit}; p by paired approximate "
                f"randomisation: {self._draws}",
            )
        )
        sections = [self._glance(), Section("Pictures", tuple(self._pictures()))]
        sections += [Section("Two systems", (Paragraph((*names, said)), Table(header, rows, caption), how))]
        if len(self.labels) > 1:
            sections.append(Section("F1 by label", (self._label_table(),)))
        return tuple(sections)

    @property
    def _figure(self) -> str:
        return "accuracy" if "accuracy" in self.figures else "micro F1"

    def _glance(self) -> Section:
        """Answer first: the difference with its interval, and whether chance alone would give as much."""
        found = self.difference
        about = (*(f"{side}: {name}" for side, name in zip("ab", self.names)), f"seqtag {__version__}")
        interval = f"{self._percentage} interval {_points(found.low)} to {_points(found.high)}"
        answer = Verdict(f"{self._figure}, b - a", f"{_points(found.difference)} points", interval, about)
        return Section("In short", (answer, Points(tuple(self._sentences()))))

    def _sentences(self) -> Iterator[str]:
        found, figure = self.difference, self._figure
        both = f"{percent(found.a)} (a) and {percent(found.b)} (b)"
        if self.verdict == NO_DIFFERENCE:
            yield f"No difference is shown between a and b in {figure}: {both}, p {found.p_value:.4f}."
        else:
            yield f"In {figure}, {self.verdict}: {both}, p {found.p_value:.4f}."
        having = [row for row in self.labels if row.support]
        for verdict in ("a is better", "b is better"):
            if better := [row.label for row in having if row.verdict == verdict]:
                yield f"By label, {verdict} for {quoted(better)}."
        if len(having) > 1 and all(row.verdict == NO_DIFFERENCE for row in having):
            yield f"For none of the {len(having)} labels a difference is shown."

    def _pictures(self) -> Iterator[Bars]:
        what = f"b - a in points, with {self._percentage} intervals"
        named = [(_figure_name(name), each, each.p_value) for name, each in self.figures.items()]
        yield difference_bars(named, f"Figures: {what}")
        rows = [(row.label, row.differences.f1, row.p_corrected) for row in self.labels if row.support]
        if len(rows) > 1:
            shown = (
                sorted(rows, key=lambda row: -abs(row[1].difference))[:_MOST_BARS] if len(rows) > _MOST_BARS else rows
            )
            most = f"; the {_MOST_BARS} that differ most" if len(shown) < len(rows) else ""
            yield difference_bars(shown, f"F1 by label: {what}{most}")

    def _label_table(self) -> Table:
        labels = list(self.labels)
        order = ""
        if len(labels) > _MANY_LABELS:
            labels.sort(key=lambda row: (row.p_corrected, -abs(row.differences.f1.difference)))
            order = "; those that differ most come first"
        rows = tuple(
            (
                printable(row.label),
                f"{row.support:,}",
                *(difference_cells(row.differences.f1, row.p_corrected) if row.support else ["-"] * 6),
            )
            for row in labels
        )
        header = ("", "support", "a", "b", "b - a", "from", "to", "p")
        return Table(header, rows, f"p is corrected for the {len(labels)} labels (Holm 1979){order}")


def compare(
    a: Measured, b: Measured, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Compare two reports on the same data: differences (b - a), their intervals and p-values.

    Intervals are those of a paired bootstrap, p-values those of paired approximate randomisation, over the sentences,
    texts or documents that the reports were counted by. The p-values of labels are corrected by Holm's method. Raises
    DataError for reports on different data, or counted in different ways.
    """
    names = distinct_names([a.source, b.source])
    one, other = a.measurement, b.measurement
    check_comparable(names, [one, other])
    found = compare_counts(one.counts, other.counts, confidence=confidence, resamples=resamples, seed=seed)
    support = gold_support([one, other])
    corrected = holm([differences.f1.p_value for differences in found.labels.values()])
    labels = tuple(
        LabelDifference(label, support[label], differences, p_value)
        for (label, differences), p_value in zip(found.labels.items(), corrected)
    )
    return Comparison(
        names=(names[0], names[1]),
        figures=_named_figures(found, is_accuracy([one, other])),
        labels=labels,
        **setting_of(one, found),
    )


def setting_of(measurement: Measurement, drawn: Drawn[Any]) -> dict[str, Any]:
    """Give the fields of `SameData`: what was measured, and how intervals and p-values were drawn."""
    names = ("num_units", "confidence", "resamples", "seed")
    return {"task": measurement.task, "unit": measurement.unit, **{name: getattr(drawn, name) for name in names}}


def distinct_names(*choices: Sequence[str]) -> list[str]:
    """Give the first names that tell all reports apart, none of them empty; numbered names where there are none.

    >>> distinct_names(["news", "news"], ["a.json", "b.json"]), distinct_names(["", "news"])
    (['a.json', 'b.json'], ['report 1', 'report 2'])
    """
    for names in choices:
        if all(names) and len(set(names)) == len(names):
            return list(names)
    return [f"report {number}" for number in range(1, len(choices[0]) + 1)]


def check_comparable(names: Sequence[str], measurements: Sequence[Measurement]) -> None:
    """Raise DataError, with what each report has, unless all count the same, by the same unit, on the same data."""
    data = [f"{each.data_hash[:12]}..., {each.counts.num_units:,} {each.unit}" for each in measurements]
    hashes = [each.data_hash for each in measurements]
    tasks, units = ([getattr(each, name) for each in measurements] for name in ("task", "unit"))
    for values, difference, found, remedy in (
        (tasks, "they count different things", tasks, "give reports of one task"),
        (hashes, "they measure different data", data, "evaluate all systems on the same gold data"),
        (units, "they count by different units", units, "evaluate all systems on the same file"),
    ):
        if len(set(values)) > 1:
            listed = "; ".join(f"{name}: {value}" for name, value in zip(names, found))
            raise DataError(f"the reports can't be compared, {difference} ({listed}); {remedy}")


def is_accuracy(measurements: Sequence[Measurement]) -> bool:
    """Say whether micro F1 is accuracy: each token has a tag, or each text one label, in gold and predicted."""
    if measurements[0].task == "spans":
        return False
    sides = [(each.counts.gold_SL.sum(1), each.counts.predicted_SL.sum(1)) for each in measurements]
    is_single = measurements[0].task == "tags" or all((gold_S == 1).all() for gold_S, _ in sides)
    return is_single and all((gold_S == predicted_S).all() for gold_S, predicted_S in sides)


def _named_figures(found: Drawn[Difference], is_accuracy: bool) -> dict[str, Difference]:
    figures = {"accuracy": found.micro.f1} if is_accuracy else {}
    for average, differences in (("micro", found.micro), ("macro", found.macro)):
        if average == "macro" or not is_accuracy:
            figures |= {f"{average}_{name}": getattr(differences, name) for name in ("precision", "recall", "f1")}
    return figures


def gold_support(measurements: Sequence[Measurement]) -> dict[str | int, int]:
    """Count the labels of gold, those that only a prediction has with 0, sorted."""
    support = {label: 0 for each in measurements for label in each.counts.labels}
    for each in measurements:
        support |= dict(zip(each.counts.labels, each.counts.gold_SL.sum(0).tolist()))
    return dict(sorted(support.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def difference_cells(found: Difference, p_value: float | None = None) -> list[str]:
    """Write a, b, the difference, its interval and p, in percent and points; `p_value` stands in for its own."""
    points = [_points(figure) for figure in (found.difference, found.low, found.high)]
    return [percent(found.a), percent(found.b), *points, f"{found.p_value if p_value is None else p_value:.4f}"]


def difference_bars(rows: Iterable[tuple[object, Difference, float]], caption: str) -> Bars:
    """Draw differences in points with their intervals, to both sides of zero; each row has a name and a p-value.

    >>> bars = difference_bars([("F1", Difference(0.5, 0.52, 0.02, -0.01, 0.05, 0.2), 0.2)], "b - a")
    >>> (bars.start, bars.end), [(row.value, row.low, row.high, row.text, row.note) for row in bars.rows]
    ((-6.0, 6.0), [(2.0, -1.0, 5.0, '+2.00', 'p 0.200')])
    """
    drawn = [
        BarRow(
            printable(name),
            100 * found.difference,
            _points(found.difference),
            100 * found.low,
            100 * found.high,
            f"p {p_value:.3f}",
        )
        for name, found, p_value in rows
    ]
    reach = max((abs(value) for row in drawn for value in (row.value, row.low, row.high) if value), default=1.0)
    ticks = nice_ticks(-reach, reach)
    return Bars(caption, tuple(drawn), ticks[0], ticks[-1], tuple((tick, f"{tick:g}") for tick in ticks))


def _figure_name(name: str) -> str:
    """Write the key of a figure for people.

    >>> _figure_name("macro_f1")
    'macro F1'
    """
    return name.replace("_f1", "_F1").replace("_", " ")


def _points(figure: float) -> str:
    points = f"{100 * figure:+.2f}"
    return "0.00" if points in ("+0.00", "-0.00") else points
