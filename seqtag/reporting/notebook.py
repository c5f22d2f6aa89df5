"""Lay a document, or a text with its spans, out for a notebook: one piece of HTML without scripts, ids or classes.

All styles stand at their elements, so that nothing else in the notebook changes its look. Needs no package, because the
runtime shows spans too; html.py makes the page that has plots and all examples.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from zlib import crc32

from seqtag.reporting.sections import Block, Example, Examples, Mark, Paragraph, Places, Points, Section, Table, Verdict
from seqtag.reporting.unseen import UNSEEN, code_point

_MOST_EXAMPLES = 3  # of a kind
_HUES = (212, 28, 145, 285, 52, 185, 335, 90, 250, 8)  # of page/style.css
_START = 34  # of the hash by which a label has the same colour everywhere; with it the usual labels have different ones
_LINE = "margin:.3em 0;line-height:2.1;white-space:pre-wrap;overflow-wrap:anywhere"
_TABLE = "border-collapse:collapse;margin:.5em 0"
_CELL = "padding:.15em .7em;text-align:{};border-bottom:1px solid rgba(128,128,128,.35)"


def render_notebook(sections: Sequence[Section], *, heading: str = "") -> str:
    """Give a document as a piece of HTML; text of the data is shown as it is and never read as markup.

    >>> render_notebook([Section("Scores", (Paragraph(("F1 <b>",)),))])
    '<div><h4>Scores</h4><p>F1 &lt;b&gt;</p></div>'
    """
    parts = [f"<h3>{shown(heading)}</h3>"] if heading else []
    for section in sections:
        laid = [piece for block in section.blocks for piece in _lay(block)]
        if laid or not section.blocks:
            parts += [f"<h4>{shown(section.title)}</h4>", *laid]
    return f"<div>{''.join(parts)}</div>"


def marked_text(text: str, marks: Iterable[Mark]) -> str:
    """Show a text with its marks in colour, each with its label behind it; marks that overlap are listed below it.

    >>> "Ada<span" in marked_text("Ada met <b>", [Mark(0, 3, "PER", score=0.98)])
    True
    >>> marked_text("<b>", [])
    '<div dir="auto" style="margin:.3em 0;line-height:2.1;white-space:pre-wrap;overflow-wrap:anywhere">&lt;b&gt;</div>'
    """
    apart: list[Mark] = []
    others: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        fits = mark.start < mark.end <= len(text) and mark.start >= (apart[-1].end if apart else 0)
        (apart if fits else others).append(mark)
    pieces = Example("", (), text).pieces(apart)
    line = "".join(shown(piece) if mark is None else _marked(piece, mark) for piece, mark in pieces)
    below = "".join(f"<div>{_marked(text[mark.start : mark.end], mark)}</div>" for mark in others)
    return f'<div dir="auto" style="{_LINE}">{line}{below}</div>'


def shown(text: str) -> str:
    r"""Escape a text for HTML, and write invisible characters as their code points.

    >>> shown("<i>\u200b")
    '&lt;i&gt;[U+200B]'
    """
    return escape(UNSEEN.sub(lambda found: f"[{code_point(found[0])}]", text))


def _marked(text: str, mark: Mark) -> str:
    hue = _HUES[crc32(mark.label.encode("utf-8", "replace"), _START) % len(_HUES)]
    ground = f"background:hsl({hue},80%,86%);color:#1a1a1a;padding:.25em .35em;border-radius:.35em"
    tag = "font-size:.75em;font-weight:bold;margin-inline-start:.45em"
    hint = "" if mark.score is None else f' title="{mark.score:.3f}"'
    kind = "" if mark.kind == "right" else f" ({shown(mark.kind)})"
    label = f'<span style="{tag}"><bdi>{shown(mark.label)}</bdi>{kind}</span>'
    return f'<mark style="{ground}"{hint}>{shown(text)}{label}</mark>'


def _lay(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{'<br>'.join(map(shown, block.lines))}</p>"
    elif isinstance(block, Verdict):
        yield f"<p><b>{shown(block.name)} {shown(block.figure)}</b> {shown(block.interval)}"
        yield f"<br>{shown(', '.join(block.about))}</p>" if block.about else "</p>"
    elif isinstance(block, Points):
        yield f"<p>{shown(block.caption)}</p>" if block.caption else ""
        yield f"<ul>{''.join(f'<li>{shown(line)}</li>' for line in block.lines)}</ul>"
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Places):
        yield _table(block.as_table())
    elif isinstance(block, Examples):
        yield f"<p>{shown(block.caption)}</p>"
        for kind, _ in block.kinds:
            found = [example for example in block.items if example.kinds[0] == kind][:_MOST_EXAMPLES]
            yield "".join(map(_example, found))


def _table(table: Table) -> str:
    group, header = "", []
    for cell in table.header:
        opened, opens, name = cell.rpartition("\n")
        group = opened if opens else group
        header.append(f"{group} {name}".strip())
    num_rows = len(table.rows) - table.num_totals
    rows = [*table.rows[: min(table.most, num_rows)], *table.rows[num_rows:]]
    caption = table.caption
    if num_rows > table.most:
        caption = f"{caption} ({num_rows - table.most:,} more rows stand in save('report.html'))".strip()
    lines = [_row("th", header, table.text_columns), *(_row("td", row, table.text_columns) for row in rows)]
    title = f'<caption style="text-align:left">{shown(caption)}</caption>' if caption else ""
    return f'<table style="{_TABLE}">{title}{"".join(lines)}</table>'


def _row(element: str, cells: Sequence[str], text_columns: int) -> str:
    written = (
        f'<{element} style="{_CELL.format("left" if number < text_columns else "right")}">{shown(cell)}</{element}>'
        for number, cell in enumerate(cells)
    )
    return f"<tr>{''.join(written)}</tr>"


def _example(example: Example) -> str:
    head = " · ".join(shown(part) for part in (example.place, *example.kinds, example.note) if part)
    sides = "".join(f"<div>{shown(side)}</div>{marked_text(example.text, marks)}" for side, marks in example.sides)
    return f'<div style="margin:.8em 0"><div>{head}</div>{sides or marked_text(example.text, ())}</div>'
