"""What the build of the documentation adds: tables of options made from the code, and a look for outside addresses.

A page asks for a table by a line such as `<!-- options: Tagger and Classifier -->` (the options that both have with one
default and sentence), `<!-- options: Tagger without Classifier -->` (the rest of Tagger's) or
`<!-- options: LanguageModel -->` (all of them).
"""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

import seqtag
from seqtag.models.options import Option, option_table

_WANTED = re.compile(r"^<!-- options: (\w+)(?: (and|without) (\w+))? -->$", flags=re.MULTILINE)
# What makes a browser fetch something by itself; a plain link, <a href>, doesn't.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\ssrc=["']?((?:https?:)?//[^\s"'>]+)"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|prev|next))[^>]*?\shref=["']?((?:https?:)?//[^\s"'>]+)"""
    r"""|(?:@import\s+["']|url\(\s*["']?)((?:https?:)?//[^\s"')]+)""",
    flags=re.IGNORECASE,
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables that a page asks for in their places."""
    return _WANTED.sub(lambda found: "\n".join(_table(*found.groups())), markdown)


def _table(name: str, relation: str | None, other: str | None) -> Sequence[str]:
    options = [(option.topic, _row(option)) for option in option_table(getattr(seqtag, name))]
    others = {_row(option) for option in option_table(getattr(seqtag, other))} if other else set()
    if relation:
        options = [(topic, row) for topic, row in options if (row in others) == (relation == "and")]
    lines = []
    for topic, found in groupby(options, key=lambda option: option[0]):
        rows = [row for _, row in found]
        heading = f"**{topic[0].upper()}{topic[1:]}**"
        lines += [heading, "", "| option | default | what it takes | what it is |", "|---|---|---|---|", *rows, ""]
    return lines


def _row(option: Option) -> str:
    allowed, doc = (text.replace("|", "\\|") for text in (option.allowed, option.doc))
    return f"| `{option.name}` | `{option.default!r}` | {allowed} | {doc} |"


def on_post_build(config: Any) -> None:
    """Raise PluginError where a page of the site would fetch something from outside."""
    site = Path(config.site_dir)
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for found in _FETCHED.finditer(path.read_text(encoding="utf-8")):
                address = next(filter(None, found.groups()))
                raise PluginError(
                    f"{path.relative_to(site)} fetches {address}, and the site must work without a network; keep a "
                    "copy in docs/assets, or leave it out"
                )
