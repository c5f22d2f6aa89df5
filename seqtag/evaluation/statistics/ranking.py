"""Put any number of reports on the same data in order, and say which of them the best is better than.

Intervals and p-values come from resampling.py and randomisation.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seqtag.errors import UsageError
from seqtag.evaluation.statistics.comparison import (
    Measured,
    SameData,
    check_comparable,
    difference_bars,
    difference_cells,
    distinct_names,
    gold_support,
    is_accuracy,
    setting_of,
)
from seqtag.evaluation.statistics.randomisation import LEVEL, NO_DIFFERENCE, Difference, compare_counts, holm
from seqtag.evaluation.statistics.resampling import Interval, bootstrap
from seqtag.reporting.figures import percent, printable
from seqtag.reporting.sections import BarRow, Bars, Block, Paragraph, Section, Table

_MOST_SYSTEMS = 8  # columns of figures that a terminal has room for
_LONG_NAME = 21  # characters of a name that a terminal has room for beside the figures
_SAME_SCORE = 5e-5  # what two decimals of a percentage can't show


@dataclass(frozen=True, slots=True)
class Ranked:
    """A system among others."""

    name: str
    reported: float  # the score of its report
    score: Interval  # counted from the measurement
    macro_f1: Interval
    difference: Difference | None  # a is the best system, b this one; None for the best
    p_corrected: float | None  # by Holm's method over all systems but the best
    labels: Mapping[str | int, float]  # F1

    @property
    def verdict(self) -> str:
        """What may be said of the difference to the best, the corrected p-value considered; empty for the best."""
        if self.difference is None or self.p_corrected is None:
            return ""
        return NO_DIFFERENCE if self.p_corrected >= LEVEL else "the best is better"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(SameData):
    """Any number of systems on the same data, best first."""

    figure: str  # what the score is: accuracy or micro F1
    systems: tuple[Ranked, ...]
    support: Mapping[str | int, int]  # how often gold has each label

    def to_dict(self) -> dict[str, Any]:
        """Give the ranking as plain JSON values; keys stay as they are from release to release.

        `figure`, `task`, `unit`, `num_units`, `confidence`, `resamples`, `seed`; `systems`, a list, best first, of
        `name`, `reported`, `score` and `macro_f1` (each `value`, `low`, `high`), `difference` to the best (as in
        Comparison, without a verdict; null for the best), `p_corrected`, `verdict`; `labels`, a list of `label`,
        `support` and `f1`, a list in the order of the systems.
        """
        return {
            "figure": self.figure,
            **self._setting(),
            "systems": [
                {name: value for name, value in asdict(system).items() if name != "labels"}
                | {"verdict": system.verdict}
                for system in self.systems
            ],
            "labels": [
                {"label": label, "support": support, "f1": [system.labels.get(label, 0.0) for system in self.systems]}
                for label, support in self.support.items()
            ],
        }

    def sections(self) -> tuple[Section, ...]:
        """Give what is shown, before it has a form."""
        rows = tuple(
            (
                f"{number} {system.name}",
                *map(percent, (system.score.value, system.score.low, system.score.high)),
                *(
                    ["-"] * 4
                    if system.difference is None
                    else difference_cells(system.difference, system.p_corrected)[2:]
                ),
            )
            for number, system in enumerate(self.systems, 1)
        )
        header = ("", f"{self.figure}\nscore", "from", "to", "to the best\ndifference", "from", "to", "p")
        caption = f"in percent, differences in points; with {self._percentage} intervals"
        blocks: list[Block] = [Table(header, rows, caption), Paragraph(tuple(self._notes()))]
        if any(len(system.name) > _LONG_NAME for system in self.systems):
            blocks.insert(0, Paragraph(tuple(f"{n}: {system.name}" for n, system in enumerate(self.systems, 1))))
        ranked = Section("Systems, best first", tuple(blocks))
        drawn = Section("Scores and differences", tuple(self._pictures()))
        if len(self.support) < 2:
            return ranked, drawn
        details = (self._label_table(len(self.systems)),) if len(self.systems) > _MOST_SYSTEMS else ()
        return ranked, drawn, Section("F1 by label, side by side", (self._label_table(_MOST_SYSTEMS),), details)

    def _pictures(self) -> Iterator[Bars]:
        rows = (
            BarRow(f"{number} {system.name}", score.value, f"{100 * score.value:.1f}", score.low, score.high)
            for number, system in enumerate(self.systems, 1)
            for score in (system.score,)
        )
        ticks = tuple((tick / 4, str(25 * tick)) for tick in range(5))
        yield Bars(f"{self.figure}, with {self._percentage} intervals", tuple(rows), ticks=ticks)
        caption = f"Difference to the best in points, with {self._percentage} intervals"
        differences = [
            (f"{number} {system.name}", system.difference, system.p_corrected)
            for number, system in enumerate(self.systems, 1)
            if system.difference is not None and system.p_corrected is not None
        ]
        yield difference_bars(differences, caption)

    def _notes(self) -> list[str]:
        equal = [str(number) for number, system in enumerate(self.systems, 1) if system.verdict == NO_DIFFERENCE]
        notes = [f"{NO_DIFFERENCE} between 1 and {', '.join(equal)}"] if equal else []
        several = len(self.systems) - 1
        correction = f", corrected for {several} comparisons (Holm 1979)" if several > 1 else ""
        notes.append(
            f"intervals by the bootstrap over {self.num_units:,} {self.unit}; p by paired approximate randomisation"
            f"{correction}: {self._draws}"
        )
        for number, system in enumerate(self.systems, 1):
            if abs(system.reported - system.score.value) > _SAME_SCORE:
                notes.append(f"{number}: its own report says {percent(system.reported)}, by another reading than this")
        return notes

    def _label_table(self, most: int) -> Table:
        systems = self.systems[:most]
        rows = tuple(
            (
                printable(label),
                f"{support:,}",
                *(percent(system.labels.get(label, 0.0) if support else None) for system in systems),
            )
            for label, support in self.support.items()
        )
        macro = ("macro average", f"{sum(self.support.values()):,}", *(percent(one.macro_f1.value) for one in systems))
        left_out = f"; the first {most} of {len(self.systems)} systems" if most < len(self.systems) else ""
        header = ("", "support", *(str(number) for number in range(1, len(systems) + 1)))
        return Table(header, (*rows, macro), f"systems by their number above{left_out}", num_totals=1)


def rank(reports: Sequence[Measured], *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Ranking:
    """Sort any number of reports on the same data, best first, each with its difference to the best.

    The score is counted from what is compared: accuracy, or micro F1. p-values are corrected by Holm's method. They
    don't allow for the best having been chosen by its score, so take a p-value near 0.05 with care. Raises UsageError
    for fewer than two reports, DataError for reports on different data, or counted in different ways.
    """
    if len(reports) < 2:
        raise UsageError(f"{len(reports)} report to compare; give two or more")
    names = distinct_names([report.source for report in reports])
    measurements = [report.measurement for report in reports]
    check_comparable(names, measurements)
    options: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "seed": seed}
    drawn = [bootstrap(each.counts, **options) for each in measurements]
    best, *others = sorted(range(len(reports)), key=lambda number: -drawn[number].micro.f1.value)
    differences = [compare_counts(measurements[best].counts, measurements[n].counts, **options) for n in others]
    corrected = holm([each.micro.f1.p_value for each in differences])

    def ranked(number: int, difference: Difference | None, p_value: float | None) -> Ranked:
        found = drawn[number]
        labels = {label: intervals.f1.value for label, intervals in found.labels.items()}
        score = reports[number].score
        return Ranked(names[number], score, found.micro.f1, found.macro.f1, difference, p_value, labels)

    pairs = zip(others, differences, corrected)
    systems = (ranked(best, None, None), *(ranked(n, found.micro.f1, p_value) for n, found, p_value in pairs))
    return Ranking(
        figure="accuracy" if is_accuracy(measurements) else "micro F1",
        systems=systems,
        support=gold_support(measurements),
        **setting_of(measurements[best], drawn[best]),
    )
