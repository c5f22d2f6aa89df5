"""What every report has, and how its tables are laid: a headline figure, terminal, JSON, Markdown, a file.

The last station of the flow. What stands in a report, tag_report.py and class_report.py say; no metric is known here,
and charts are left out.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from seqtag.errors import UsageError

LINE_WIDTH = 80  # terminal cells
_LABEL_WIDTH, _FIGURE_WIDTH = 16, 8  # the least, so that reports of one kind stand under each other
# What Markdown would read as more than a character: an underscore only where it does not stand inside a word.
_MARKUP = re.compile(r"[\\|`*<&~\[\]]|(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True, slots=True)
class Report(ABC):
    """How predictions compare with gold; figures lie between 0 and 1, and `print` shows them in percent."""

    source: str = field(default="", kw_only=True)  # what was evaluated, for a heading

    @property
    @abstractmethod
    def score(self) -> float:
        """The figure to compare models by."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release."""

    @abstractmethod
    def to_markdown(self) -> str:
        """Give what `print` shows as Markdown."""

    @abstractmethod
    def __str__(self) -> str:
        """Show a table that fits 80 columns."""

    def to_text(self, form: str) -> str:
        """Give the form that an ending names."""
        return self.to_markdown() if form == ".md" else json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the report in the form that the file's ending names: .json or .md; UsageError for another."""
        path = Path(path)
        if path.suffix == ".json":
            text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        elif path.suffix == ".md":
            text = self.to_markdown()
        else:
            raise UsageError(f"{path}: a report has no form {path.suffix!r}; name a file that ends in .json or .md")
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path}: can't be written ({error.strerror or error}); name a file in a folder that is there"
            ) from error

    def _text(self, *blocks: Iterable[str]) -> str:
        """Join blocks of lines for the terminal, a blank line between them, under the source."""
        source = [shorten_front(printable(self.source), LINE_WIDTH)] if self.source else []
        return "\n".join([*source, "\n\n".join("\n".join(lines) for block in blocks if (lines := list(block)))])

    def _markdown(self, counts: str, *blocks: Iterable[str]) -> str:
        """Join blocks of lines as Markdown paragraphs under a line with the source and the counts."""
        heading = f"{printable(self.source)}: {counts}" if self.source else counts
        paragraphs = ["\n".join(lines) for block in blocks if (lines := list(block))]
        return "\n\n".join([escape(heading), *paragraphs]) + "\n"


def lay_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, titles: Sequence[str] = (), least: int = _FIGURE_WIDTH
) -> list[str]:
    """Lay a table whose first column is text and takes what 80 cells leave; the others stand flush right.

    `titles` share the columns of figures evenly, above the header, but for the last column; `least` is the width of a
    figure.

    >>> for line in lay_table(["", "F1"], [["PER", "98.00"], ["a-label-that-is-long", "7.50"]]): print(line)
                              F1
    PER                    98.00
    a-label-that-is-long    7.50
    """
    widths = _figure_widths(header, rows, least)
    longest = max(cell_len(row[0]) for row in [header, *rows])
    text_width = min(max(longest, _LABEL_WIDTH), LINE_WIDTH - sum(widths))
    lines = []
    for text, *figures in [header, *rows]:
        aligned = "".join(" " * (width - cell_len(figure)) + figure for figure, width in zip(figures, widths))
        lines.append(set_cell_size(shorten(text, text_width), text_width) + aligned)
    if titles:
        share = sum(widths[:-1]) // len(titles)
        lines.insert(0, (" " * text_width + "".join(title.center(share) for title in titles)).rstrip())
    return lines


def table_fits(header: Sequence[str], rows: Sequence[Sequence[str]], *, least: int = _FIGURE_WIDTH) -> bool:
    """Tell whether `lay_table` can show all figures within 80 cells and leave 16 for the text column.

    >>> table_fits(["", *"abcd"], [["all", "1", "2", "3", "4"]]), table_fits(["", *"abcd" * 5], [])
    (True, False)
    """
    return _LABEL_WIDTH + sum(_figure_widths(header, rows, least)) <= LINE_WIDTH


def _figure_widths(header: Sequence[str], rows: Sequence[Sequence[str]], least: int) -> list[int]:
    columns = list(zip(header, *rows))[1:]
    return [max(least, 1 + max(map(cell_len, column))) for column in columns]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Give a Markdown table: text in the first column, figures in the others.

    >>> markdown_table(["label", "F1"], [["a|b", "98.00"]])
    ['| label | F1 |', '| --- | ---: |', '| a\\\\|b | 98.00 |']
    """
    ruler = ["---", *["---:"] * (len(header) - 1)]
    cells = [list(map(escape, header)), ruler, *(list(map(escape, row)) for row in rows)]
    return ["| " + " | ".join(row) + " |" for row in cells]


def escape(text: str) -> str:
    r"""Write text so that Markdown shows it as it stands.

    >>> print(escape("a|b, no_impact, *c*"))
    a\|b, no_impact, \*c\*
    """
    return _MARKUP.sub(r"\\\g<0>", text)


def printable(name: object) -> str:
    """Write a name on one line: as it stands, or as Python would where it is blank or holds a line break or the like.

    >>> printable("sports"), printable(True), printable("two" + chr(10) + "lines"), printable("")
    ('sports', 'True', "'two\\\\nlines'", "''")
    """
    text = str(name)
    return text if text.isprintable() and text == text.strip() != "" else repr(text)


def shorten(text: str, width: int) -> str:
    """Cut the end of a text that takes more than `width` terminal cells.

    >>> shorten("sentiment", 5), shorten("地名", 3)
    ('sent…', '地…')
    """
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def shorten_front(text: str, width: int) -> str:
    """Cut the front of a text that takes more than `width` cells: of a long path the end says most.

    >>> shorten_front("corpora/news/test.conll", 11)
    '…test.conll'
    """
    if cell_len(text) <= width:
        return text
    text = text[-(width - 1) :]
    while cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text


def fold(line: str) -> list[str]:
    """Break a line at blanks into lines of at most 80 cells, a word that is longer wherever it must.

    >>> [len(line) for line in fold("word " * 20)]
    [79, 19]
    """
    return [part.plain.rstrip() for part in Text(line).wrap(Console(), LINE_WIDTH)]


def percent(figure: float | None) -> str:
    """Show a share in percent, and a dash where there is none.

    >>> percent(0.5), percent(None)
    ('50.00', '-')
    """
    return "-" if figure is None else f"{100 * figure:.2f}"
