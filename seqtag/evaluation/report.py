"""What every report is: a headline figure, sections that say the rest, and the forms that these take.

The last station of the flow. What stands in a report, tag_report.py and class_report.py say; how it is laid out,
terminal.py, markdown.py and html.py. No metric is known here.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from seqtag.errors import UsageError
from seqtag.evaluation.slices import Slice, slice_table
from seqtag.evaluation.statistics.confidence import Confidence, sections_of
from seqtag.evaluation.statistics.measurement import Measurement, write_json
from seqtag.evaluation.statistics.resampling import Bootstrap
from seqtag.reporting.figures import plain
from seqtag.reporting.markdown import render_markdown
from seqtag.reporting.sections import Section
from seqtag.reporting.terminal import render, render_text

_FORMS = (".json", ".md", ".html")


@dataclass(frozen=True, slots=True)
class Report(ABC):
    """How predictions compare with gold; figures lie between 0 and 1, and `print` shows them in percent."""

    source: str = field(default="", kw_only=True)  # what was evaluated, for a heading
    measurement: Measurement = field(kw_only=True, repr=False, compare=False)  # what a comparison needs
    intervals: Bootstrap | None = field(kw_only=True)  # of each figure, by resampling
    slices: tuple[Slice, ...] = field(kw_only=True)  # scores by what training knew, and by length
    confidence: Confidence | None = field(kw_only=True)  # where probabilities are known

    @property
    @abstractmethod
    def score(self) -> float:
        """The figure to compare models by."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release."""

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

    def __str__(self) -> str:
        """Show tables that fit 80 columns; a notebook or a page shows more: `save("report.html")`."""
        return render_text(self.sections(), heading=self.source)

    def __rich__(self) -> RenderableType:
        return render(self.sections(), heading=self.source)

    def summary(self) -> str:
        """Show the scores alone."""
        return render_text((self.scores(),), heading=self.source)

    def to_markdown(self) -> str:
        """Give the tables as Markdown, with a few examples."""
        return render_markdown(self.sections(), heading=self.source)

    def to_html(self) -> str:
        """Give a page that needs nothing else: plots, tables to sort, each error in its text."""
        from seqtag.reporting.html import render_html

        return render_html(self.source or "Evaluation", self.sections())

    def to_text(self, form: str) -> str:
        """Give the form that an ending names: .json, .md or .html; UsageError for another."""
        if form == ".json":
            return write_json(self.to_dict()) + "\n"
        if form == ".md":
            return self.to_markdown()
        if form == ".html":
            return self.to_html()
        raise UsageError(f"a report has no form {form!r}; name a file that ends in {', '.join(_FORMS)}")

    def save(self, path: str | Path) -> None:
        """Write the report in the form that the file's ending names: .json, .md or .html; UsageError for another."""
        path = Path(path)
        try:
            text = self.to_text(path.suffix)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path}: can't be written ({error.strerror or error}); name a file in a folder that is there"
            ) from error
