"""What every report is: a headline figure, sections that say the rest, and what a comparison needs.

This is the last station of the flow. tagging/report.py and classifying/report.py say what a report holds, and
reporting/ lays it out. No metric is known here.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from seqtag.evaluation.errors import Errors
from seqtag.evaluation.slices import Slice, slice_table
from seqtag.evaluation.statistics.confidence import Confidence, sections_of
from seqtag.evaluation.statistics.counts import ByFigure
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.resampling import Bootstrap, Interval
from seqtag.reporting.document import Document
from seqtag.reporting.figures import between, percent, plain
from seqtag.reporting.sections import Block, Examples, Section
from seqtag.reporting.terminal import render_text


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure by which others judge a model, as a model card names it."""

    metric: str  # the hub's name of the metric
    name: str
    value: float
    low: float | None  # of its 95% interval; None if no intervals were wanted
    high: float | None
    is_share: bool = True  # between 0 and 1, shown in percent


class Figures(Protocol):
    """The score of a label, or an average."""

    @property
    def precision(self) -> float:
        """The share of what was predicted that is right."""

    @property
    def recall(self) -> float:
        """The share of gold that was found."""

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""


@dataclass(frozen=True, slots=True)
class Report(Document):
    """How predictions compare with gold; figures lie between 0 and 1, and `print` shows them in percent."""

    page_title = "Evaluation"
    examples_title = "Errors"  # above the examples

    source: str = field(default="", kw_only=True)  # what was evaluated, for a heading
    measurement: Measurement = field(kw_only=True, repr=False, compare=False)  # what a comparison needs
    intervals: Bootstrap | None = field(kw_only=True)  # of each figure, by resampling; None if they were not wanted
    slices: tuple[Slice, ...] = field(kw_only=True)  # scores by what training knew, and by length
    confidence: Confidence | None = field(kw_only=True)  # None if there are no probabilities
    errors: Errors = field(kw_only=True)

    @property
    def heading(self) -> str:
        """The name of what was evaluated."""
        return self.source

    @property
    @abstractmethod
    def score(self) -> float:
        """The figure to compare models by."""

    @property
    @abstractmethod
    def headlines(self) -> tuple[Headline, ...]:
        """The score, and what else a model card says."""

    @property
    @abstractmethod
    def nouns(self) -> tuple[str, str]:
        """What is predicted with a probability, and what slices count."""

    @abstractmethod
    def _scores(self) -> Iterator[Block]:
        """Give what was counted, precision, recall and F1 of each label, and the averages."""

    def _more_scores(self) -> Iterator[Block]:
        """Give the scores that a page has room for and a terminal has not."""
        yield from ()

    @abstractmethod
    def _wrong(self) -> Iterator[Block]:
        """Give what goes wrong, in figures."""

    @abstractmethod
    def _confusions(self) -> Iterator[Block]:
        """Give all that was taken for something else, for a page."""

    @abstractmethod
    def _examples_caption(self) -> str:
        """Say how many of the errors the examples are, and which."""

    def sections(self) -> tuple[Section, ...]:
        """Give what the report says before it has a form: scores, what goes wrong and where, confidence, examples."""
        events, units = self.nouns
        errors = self.errors
        examples = (Examples(self._examples_caption(), errors.kinds, errors.examples),) if errors.examples else ()
        parts = (
            self._scores_section(),
            Section("What goes wrong", tuple(self._wrong()), tuple(self._confusions())),
            Section("Where it goes wrong", (slice_table(self.slices, unit=units),) if self.slices else ()),
            Section("Confidence", sections_of(self.confidence, events) if self.confidence else ()),
            Section(self.examples_title, examples),
        )
        return tuple(part for part in parts if part.blocks)

    def _scores_section(self) -> Section:
        return Section("Scores", tuple(self._scores()), tuple(self._more_scores()))

    def drawn(self) -> Iterator[str]:
        """Say how the intervals were drawn, where there are any."""
        if self.intervals:
            yield (
                f"intervals: bootstrap over {self.intervals.num_units:,} {self.measurement.unit}, "
                f"{self.intervals.resamples:,} resamples, seed {self.intervals.seed}"
            )

    @property
    def data_hash(self) -> str:
        """The SHA-256 of the gold data."""
        return self.measurement.data_hash

    def _values(self, task: str, names: Sequence[str]) -> dict[str, Any]:
        """Give the task, the members of these names, and what both kinds of report end with, as plain JSON values."""
        return {
            "task": task,
            **{name: plain(getattr(self, name)) for name in names},
            "errors": self.errors.to_dict(),
            "intervals": self.intervals and self.intervals.to_dict(),
            "slices": [each.to_dict() for each in self.slices],
            "confidence": plain(self.confidence),
            "measurement": self.measurement.to_dict(),
        }

    def summary(self) -> str:
        """Show the scores alone."""
        return render_text((self._scores_section(),), heading=self.source)


def headline(metric: str, name: str, value: float, interval: Interval | tuple[float, float] | None) -> Headline:
    """Make a headline of a figure and its interval, if there is one."""
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else interval or (None, None)
    return Headline(metric, name, value, low, high)


def score_cells(figures: Figures | None, intervals: ByFigure[Interval] | None) -> list[str]:
    """Write precision, recall, F1 and the interval of F1; dashes for a label that occurs nowhere.

    >>> score_cells(None, None)
    ['-', '-', '-', '-']
    """
    bounds = between(intervals.f1.low, intervals.f1.high) if figures and intervals else "-"
    return [*share_cells(figures), bounds]


def share_cells(figures: Figures | None) -> list[str]:
    """Write precision, recall and F1 in percent; dashes where there are none."""
    return [percent(figure) for figure in ((figures.precision, figures.recall, figures.f1) if figures else (None,) * 3)]
