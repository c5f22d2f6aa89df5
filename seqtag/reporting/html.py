"""Lay the sections of a document out as one HTML file that needs no network, and that is read without scripts too.

The templates, style and script of the page are in page/. This module does what a template can't: it groups the
blocks, explains words, and hashes the style and script that the page may use; pictures.py places the parts of pictures.
It knows no metric.

spaCy's displaCy draws the marks of one side only and puts labels into the page unescaped, so that a label from the data
can bring markup along; errors need gold and predicted side by side. Its look is kept, but its code is not used.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from seqtag.reporting import pictures
from seqtag.reporting.sections import (
    Bars,
    Block,
    Example,
    Examples,
    HeatMap,
    Paragraph,
    Picture,
    Places,
    Plot,
    Points,
    Section,
    Table,
    Verdict,
)
from seqtag.reporting.unseen import UNSEEN, code_point

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

NUM_HUES = 10  # colours of labels in style.css
LONG = 15  # rows from which on a table is folded


def render_html(title: str, sections: Sequence[Section], *, glossary: Mapping[str, str] | None = None) -> str:
    r"""Give the page of a document; a reader finds all text as it is in `sections`, never as markup.

    `glossary` explains words of the document's own, which a reader sees who points at them; it leaves the words of the
    data alone.

    Characters that show nothing are written as their code point, U+200B, so that the page holds no lone surrogate
    and can be written as UTF-8. The same sections give the same page, byte for byte.

    >>> page = render_html("News", [Section("Summary", (Paragraph(("F1 72.3 <of 100>",)),))])
    >>> "F1 72.3 &lt;of 100&gt;" in page, "http" in page.replace("http-equiv", "")
    (True, False)
    """
    style, script = _read("style.css"), _read("script.js")
    return _template().render(
        title=title,
        sections=sections,
        # The template leaves style and script unescaped: they are our own, and hashed.
        style=style,
        script=script,
        style_hash=_hash_for_policy(style),
        script_hash=_hash_for_policy(script),
        hues=label_hues(sections),
        glossary=glossary or {},
    )


def runs_of(section: Section) -> Iterator[Block | tuple[Block, ...]]:
    """Give the blocks of a section, details last; tables that follow each other are one tuple, and so are pictures.

    Where there is room, the page shows the tables or pictures of a tuple side by side.

    >>> [len(run) for run in runs_of(Section("", (Table((), ()), Table((), ())), (Plot("", "", ""),)))]
    [2, 1]
    """
    blocks = (each.as_table() if isinstance(each, Places) else each for each in (*section.blocks, *section.details))
    for kind, run in groupby(blocks, lambda block: Picture if isinstance(block, Picture) else type(block)):
        if kind in (Table, Picture):
            yield tuple(run)
        else:
            yield from run


def header_groups(header: Sequence[str]) -> tuple[list[tuple[str, int]], list[str]]:
    r"""Part a header into its groups, each with its number of columns, and the names of the columns.

    Columns before the first group form a group without a name; a header without groups gives no groups.

    >>> header_groups(("label", "strict\nP", "R", "conlleval\nP", "R", "\nsupport"))
    ([('', 1), ('strict', 2), ('conlleval', 2), ('', 1)], ['label', 'P', 'R', 'P', 'R', 'support'])
    >>> header_groups(("label", "F1"))
    ([], ['label', 'F1'])
    """
    groups: list[tuple[str, int]] = []
    names = []
    for cell in header:
        group, opens, name = cell.rpartition("\n")
        if opens or not groups:
            groups.append((group, 1))
        else:
            groups[-1] = (groups[-1][0], groups[-1][1] + 1)
        names.append(name)
    return (groups if any(group for group, _ in groups) else []), names


def kind_numbers(example: Example, examples: Examples) -> str:
    """Name the kinds of an example by their places in the list above all examples, for the script's filter.

    >>> kind_numbers(Example("sentence 1", ("missed",), "a"), Examples("", (("spurious", 2), ("missed", 1)), ()))
    '1'
    """
    return " ".join(str(number) for number, (kind, _) in enumerate(examples.kinds) if kind in example.kinds)


def label_hues(sections: Sequence[Section]) -> dict[str, int]:
    """Give each label of the marks a colour, 0 to 9 and over again, by its name and not by where it comes first."""
    blocks = (block for section in sections for block in (*section.blocks, *section.details))
    examples = (example for block in blocks if isinstance(block, Examples) for example in block.items)
    labels = {mark.label for example in examples for _, marks in example.sides for mark in marks}
    return {label: number % NUM_HUES for number, label in enumerate(sorted(labels))}


@cache
def _template() -> "Template":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_unseen,
        loader=FunctionLoader(_read),
    )
    environment.tests.update(
        {
            "paragraph": lambda block: isinstance(block, Paragraph),
            "points": lambda block: isinstance(block, Points),
            "verdict": lambda block: isinstance(block, Verdict),
            "tables": lambda block: isinstance(block, tuple) and isinstance(block[0], Table),
            "pictures": lambda block: isinstance(block, tuple) and isinstance(block[0], Picture),
            "plot": lambda block: isinstance(block, Plot),
            "bars": lambda block: isinstance(block, Bars),
            "heat_map": lambda block: isinstance(block, HeatMap),
        }
    )
    filters: tuple[Callable[..., object], ...] = (
        pictures.points_of,
        pictures.x_of,
        pictures.y_of,
        pictures.brief,
        pictures.bars_height,
        pictures.names_above,
        pictures.bar_ticks,
        pictures.placed_bars,
        pictures.placed_grid,
        runs_of,
        header_groups,
        kind_numbers,
        explained,
    )
    environment.filters.update({function.__name__: function for function in filters})
    environment.filters["shown"] = _shown
    environment.globals.update(frame=pictures.FRAME, LONG=LONG)
    return environment.get_template("report.html.jinja")


def _read(name: str) -> str:
    return files("seqtag.reporting").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def _shown(text: str) -> "Markup":
    """Write invisible characters as code points, set off from the text around them."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in UNSEEN.split(text)]
    unseen = [Markup('<span class="unseen">{}</span>').format(code_point(found)) for found in UNSEEN.findall(text)]
    return Markup("").join(part for pair in zip(parts, [*unseen, Markup("")]) for part in pair)


def explained(text: str, glossary: Mapping[str, str]) -> "Markup":
    """Show a text of the report's own, with the words that the glossary has explained to who points at them.

    >>> str(explained("2 spans are shifted", {"shifted": "moved"}))
    '2 spans are <abbr title="moved" tabindex="0">shifted</abbr>'
    """
    from markupsafe import Markup

    if not glossary:
        return _shown(text)
    words = "|".join(re.escape(word) for word in sorted(glossary, key=len, reverse=True))
    parts = re.split(rf"(?<![\w“-])({words})(?![\w”-])", text)
    abbreviation = Markup('<abbr title="{}" tabindex="0">{}</abbr>')
    pieces = (
        abbreviation.format(glossary[part], part) if number % 2 else _shown(part) for number, part in enumerate(parts)
    )
    return Markup("").join(pieces)


def _without_unseen(value: object) -> object:
    """Write code points for invisible characters in any text that the template puts out, unless `_shown` did."""
    if type(value) is str and UNSEEN.search(value):
        return UNSEEN.sub(lambda found: f"[{code_point(found[0])}]", value)
    return value


def _hash_for_policy(text: str) -> str:
    """Hash the content of an element as a Content-Security-Policy names it (W3C, CSP level 3)."""
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"
