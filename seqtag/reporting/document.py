"""What reports, comparisons and findings have in common: sections, and the forms that these take.

A document says in sections what somebody else measured or found; terminal.py, markdown.py and html.py lay them out.
This module knows no metric.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.console import RenderableType

from seqtag.errors import UsageError
from seqtag.reporting.figures import write_json
from seqtag.reporting.markdown import render_markdown
from seqtag.reporting.sections import Section
from seqtag.reporting.terminal import render, render_text

_FORMS = (".json", ".md", ".html")


class Document(ABC):
    """Something that is shown in sections: printed, as Markdown, as an HTML page, or as JSON."""

    __slots__ = ()

    page_title: ClassVar[str]  # the title of the page where there is no heading
    glossary: ClassVar[Mapping[str, str]] = {}  # words of the document's own that a page explains

    @property
    def heading(self) -> str:
        """The line above all sections, such as the name of the data; empty for none."""
        return ""

    @abstractmethod
    def sections(self) -> tuple[Section, ...]:
        """Give what the document says before it has a form."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give the document as plain JSON values; keys stay as they are from release to release."""

    def __str__(self) -> str:
        """Show tables that fit 80 columns; a notebook or a page shows more: `save("report.html")`."""
        return render_text(self.sections(), heading=self.heading)

    def __rich__(self) -> RenderableType:
        return render(self.sections(), heading=self.heading)

    def _repr_html_(self) -> str:
        """Show tables and a few examples in a notebook; `save("report.html")` has the plots and the rest."""
        from seqtag.reporting.notebook import render_notebook

        return render_notebook(self.sections(), heading=self.heading)

    def to_markdown(self) -> str:
        """Give all tables as Markdown, with a few examples."""
        return render_markdown(self.sections(), heading=self.heading)

    def to_html(self) -> str:
        """Give an HTML page that needs no other file: pictures, tables to sort, each example in its text."""
        from seqtag.reporting.html import render_html

        return render_html(self.heading or self.page_title, self.sections(), glossary=self.glossary)

    def to_text(self, form: str) -> str:
        """Give the form that an ending names: .json, .md or .html. Raises UsageError for any other ending."""
        if form == ".json":
            return write_json(self.to_dict()) + "\n"
        if form == ".md":
            return self.to_markdown()
        if form == ".html":
            return self.to_html()
        raise UsageError(f"a report has no form {form!r}; name a file that ends in {', '.join(_FORMS)}")

    def save(self, path: str | Path) -> None:
        """Write the form that the ending of the path names: .json, .md or .html. Raises UsageError for any other."""
        path = Path(path)
        try:
            text = self.to_text(path.suffix)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path}: can't be written ({error.strerror or error}); name a file in an existing folder"
            ) from error
