"""What every report is: a headline figure, sections that say the rest, and what a comparison needs.

This is the last station of the flow. tagging/report.py and classifying/report.py say what a report holds, and
reporting/ lays it out. No metric is known here.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from seqtag.evaluation.errors import RIGHT, Errors
from seqtag.evaluation.next_steps import FEW, confident_errors, longer_training, more_labels
from seqtag.evaluation.slices import Slice, slice_table
from seqtag.evaluation.statistics.confidence import Confidence, reliability_plot, sections_of
from seqtag.evaluation.statistics.counts import ByFigure
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.resampling import Bootstrap, Interval
from seqtag.evaluation.training_curve import Epoch, curve_plots
from seqtag.reporting.document import Document
from seqtag.reporting.figures import between, percent, plain
from seqtag.reporting.sections import Block, Example, Examples, Picture, Points, Section, Verdict
from seqtag.reporting.terminal import render_text
from seqtag.version import __version__

FEW_MARK = "*"  # behind an interval that rests on few examples


def _today() -> str:
    return date.today().isoformat()


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
    model: str = field(default="", kw_only=True)  # the name of the model or system, if it is known
    date: str = field(default_factory=_today, kw_only=True, compare=False)  # of the evaluation: 2026-11-28
    # The training, if it is known; two reports with the same figures are equal whatever the training was.
    history: tuple[Epoch, ...] = field(default=(), kw_only=True, repr=False, compare=False)
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
    def _sentences(self) -> Iterator[str]:
        """Say in plain words what was found, what goes wrong, and which labels it concerns."""

    @abstractmethod
    def _steps(self) -> Iterator[str]:
        """Say what to do next, where the figures give it."""

    @abstractmethod
    def _label_pictures(self) -> Iterator[Picture]:
        """Draw the scores of labels, the kinds of error, and what is taken for what."""

    @abstractmethod
    def _num_right(self) -> int:
        """How many spans, tags or texts are right, for the kinds of example."""

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
        """Give what the report says before it has a form: the answer, pictures, then scores, errors and examples."""
        events, units = self.nouns
        examples = self._examples()
        parts = (
            self._glance(),
            Section("Pictures", tuple(self._pictures())),
            self._scores_section(),
            Section("What goes wrong", tuple(self._wrong()), tuple(self._confusions())),
            Section("Where it goes wrong", (slice_table(self.slices, unit=units),) if self.slices else ()),
            Section("Confidence", sections_of(self.confidence, events) if self.confidence else ()),
            Section(self.examples_title, (examples,) if examples else ()),
        )
        return tuple(part for part in parts if part.blocks)

    def _scores_section(self) -> Section:
        return Section("Scores", tuple(self._scores()), tuple(self._more_scores()))

    def _glance(self) -> Section:
        """Answer first: the score with its interval, three sentences, and what to do next."""
        first = self.headlines[0]
        interval = "" if first.low is None or first.high is None else f"95% interval {between(first.low, first.high)}"
        model = [f"model {self.model}"] if self.model else []
        about = (*model, f"{self.date}, seqtag {__version__}")
        blocks: list[Block] = [Verdict(first.name, percent(first.value), interval, about)]
        blocks.append(Points(tuple(self._sentences())))
        # What to label is told of models that seqtag trained: its commands would choose and forecast for no other.
        labels = more_labels(self.slices) if self.history else ()
        late = (*confident_errors(self.errors.confident), *labels, *longer_training(self.history))
        if steps := (*self._steps(), *late):
            blocks.append(Points(steps, "next steps"))
        return Section("In short", tuple(blocks))

    def _pictures(self) -> Iterator[Picture]:
        yield from self._label_pictures()
        if self.confidence and self.confidence.num_events:
            yield reliability_plot(self.confidence, self.nouns[0])
        yield from curve_plots(self.history)

    def _examples(self) -> Examples | None:
        """Show errors in their sentences, and some sentences without an error between them."""
        errors = self.errors
        if not errors.examples and not errors.right_examples:
            return None
        num_right = len(errors.right_examples)
        kinds = (*errors.kinds, *([(RIGHT, self._num_right())] if num_right else []))
        caption = self._examples_caption()
        if num_right:
            caption += f"; {num_right:,} without an error beside them"
        return Examples(caption, kinds, _between(errors.examples, errors.right_examples))

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
            "model": self.model,
            "date": self.date,
            "seqtag_version": __version__,
            "history": plain(self.history),
            "errors": self.errors.to_dict(),
            "intervals": self.intervals and self.intervals.to_dict(),
            "slices": [each.to_dict() for each in self.slices],
            "confidence": plain(self.confidence),
            "measurement": self.measurement.to_dict(),
        }

    def summary(self) -> str:
        """Show the answer and the scores alone."""
        return render_text((self._glance(), self._scores_section()), heading=self.source)


def headline(metric: str, name: str, value: float, interval: Interval | tuple[float, float] | None) -> Headline:
    """Make a headline of a figure and its interval, if there is one."""
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else interval or (None, None)
    return Headline(metric, name, value, low, high)


def score_cells(
    figures: Figures | None, intervals: ByFigure[Interval] | None, *, support: int | None = None
) -> list[str]:
    """Write precision, recall, F1 and the interval of F1; dashes for a label that gold does not have.

    An interval that rests on fewer than ten examples of gold, where `support` says so, is marked.

    >>> score_cells(None, None)
    ['-', '-', '-', '-']
    """
    if support == 0:
        return ["-"] * 4
    bounds = between(intervals.f1.low, intervals.f1.high) if figures and intervals else "-"
    mark = FEW_MARK if bounds != "-" and support is not None and support < FEW else ""
    return [*share_cells(figures), bounds + mark]


def small_print(support: Sequence[int], *, has_intervals: bool) -> Iterator[str]:
    """Explain the marks of a table of scores, where it has any.

    >>> list(small_print([3, 0], has_intervals=True))
    ['* rests on fewer than 10 examples', '-: gold does not have the label, so it is in no macro average']
    """
    if has_intervals and any(0 < number < FEW for number in support):
        yield f"{FEW_MARK} rests on fewer than {FEW} examples"
    if 0 in support:
        yield "-: gold does not have the label, so it is in no macro average"


def _between(errors: Sequence[Example], right: Sequence[Example]) -> tuple[Example, ...]:
    """Put right examples between wrong ones, in equal distances; an error comes first.

    >>> [example.place for example in _between([Example(n, (), "") for n in "abcd"], [Example("x", (), "")])]
    ['a', 'b', 'x', 'c', 'd']
    """
    placed = [((number + 0.5) / len(errors), 0, example) for number, example in enumerate(errors)]
    placed += [((number + 0.5) / len(right), 1, example) for number, example in enumerate(right)]
    return tuple(example for _, _, example in sorted(placed, key=lambda item: item[:2]))


def share_cells(figures: Figures | None) -> list[str]:
    """Write precision, recall and F1 in percent; dashes where there are none."""
    return [percent(figure) for figure in ((figures.precision, figures.recall, figures.f1) if figures else (None,) * 3)]
