"""What every report is: a headline figure, sections that say the rest, and what a comparison needs.

This is the last station of the flow. tagging/report.py and classifying/report.py say what a report holds, and
reporting/ lays it out. No metric is known here.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

from seqtag.evaluation.slices import Slice, slice_table
from seqtag.evaluation.statistics.confidence import Confidence, sections_of
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.resampling import Bootstrap
from seqtag.reporting.document import Document
from seqtag.reporting.figures import plain
from seqtag.reporting.sections import Section
from seqtag.reporting.terminal import render_text


@dataclass(frozen=True, slots=True)
class Report(Document):
    """How predictions compare with gold; figures lie between 0 and 1, and `print` shows them in percent."""

    page_title = "Evaluation"

    source: str = field(default="", kw_only=True)  # what was evaluated, for a heading
    measurement: Measurement = field(kw_only=True, repr=False, compare=False)  # what a comparison needs
    intervals: Bootstrap | None = field(kw_only=True)  # of each figure, by resampling
    slices: tuple[Slice, ...] = field(kw_only=True)  # scores by what training knew, and by length
    confidence: Confidence | None = field(kw_only=True)  # where probabilities are known

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
    def nouns(self) -> tuple[str, str]:
        """What is predicted with a probability, and what slices count."""

    @abstractmethod
    def scores(self) -> Section:
        """Give the scores."""

    @abstractmethod
    def wrong(self) -> Section:
        """Give what goes wrong, in figures."""

    @abstractmethod
    def examples(self) -> Section:
        """Give what goes wrong, in its text."""

    def sections(self) -> tuple[Section, ...]:
        """Give what the report says before it has a form: scores, what goes wrong and where, confidence, examples."""
        events, units = self.nouns
        where = (slice_table(self.slices, unit=units),) if self.slices else ()
        confidence = sections_of(self.confidence, events) if self.confidence else ()
        parts = (
            self.scores(),
            self.wrong(),
            Section("Where it goes wrong", where),
            Section("Confidence", confidence),
            self.examples(),
        )
        return tuple(part for part in parts if part.blocks)

    def _shared_values(self) -> dict[str, Any]:
        """Give what both kinds of report end with, as plain JSON values."""
        return {
            "intervals": self.intervals and self.intervals.to_dict(),
            "slices": [each.to_dict() for each in self.slices],
            "confidence": plain(self.confidence),
            "measurement": self.measurement.to_dict(),
        }

    def summary(self) -> str:
        """Show the scores alone."""
        return render_text((self.scores(),), heading=self.source)
