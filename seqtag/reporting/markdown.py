"""Lay a document out as Markdown, for a README or a pull request: all tables whole, a few examples, no pictures."""

import re
from collections.abc import Iterator, Sequence

from seqtag.reporting.escaping import show_invisible
from seqtag.reporting.sections import Block, Example, Examples, Paragraph, Places, Points, Section, Table, Verdict

# What Markdown would read as more than a character: an underscore only where it does not stand inside a word.
_MARKUP = re.compile(r"[\\|`*<&~\[\]#]|(?<![^\W_])_|_(?![^\W_])")
_MOST_EXAMPLES = 3  # of a kind


def render_markdown(sections: Sequence[Section], *, heading: str = "") -> str:
    """Give the document as Markdown, which shows the text of the data unchanged.

    >>> print(render_markdown([Section("Scores", (Table(("", "F1"), (("A|B", "98.00"),)),))]), end="")
    ## Scores
    <BLANKLINE>
    |  | F1 |
    | --- | ---: |
    | A\\|B | 98.00 |
    """
    parts = [f"# {escape(heading)}"] if heading else []
    for section in sections:
        laid = ["\n".join(lines) for block in section.blocks for lines in _lay(block) if lines]
        if laid or not section.blocks:
            parts += [f"## {escape(section.title)}", *laid]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    r"""Write text so that Markdown shows it as it stands, with control and invisible characters written out.

    >>> print(escape("a|b, no_impact, *c*"))
    a\|b, no_impact, \*c\*
    """
    return _MARKUP.sub(r"\\\g<0>", show_invisible(text))


def _lay(block: Block) -> Iterator[list[str]]:
    """Give the paragraphs of a block, each as lines."""
    if isinstance(block, Paragraph):
        yield [f"- {escape(line)}" for line in block.lines] if len(block.lines) > 1 else [escape(block.lines[0])]
    elif isinstance(block, Verdict):
        yield [f"**{escape(block.name)} {escape(block.figure)}**" + (block.interval and f" ({escape(block.interval)})")]
        yield [escape(", ".join(block.about))] if block.about else []
    elif isinstance(block, Points):
        yield [escape(f"{block.caption}:")] if block.caption else []
        yield [f"- {escape(line)}" for line in block.lines]
    elif isinstance(block, Table):
        yield [escape(block.caption)] if block.caption else []
        yield list(_table(block))
    elif isinstance(block, Places):
        yield list(_table(block.as_table()))
    elif isinstance(block, Examples):
        yield [escape(block.caption)]
        for kind, _ in block.kinds:
            found = [example for example in block.items if example.kinds[0] == kind][:_MOST_EXAMPLES]
            if found:
                yield [escape(f"{kind}:")]
                yield [line for example in found for line in _example(example)]


def _table(table: Table) -> Iterator[str]:
    group, header = "", []
    for cell in table.header:
        opened, opens, name = cell.rpartition("\n")
        group = opened if opens else group
        header.append(f"{group} {name}".strip())
    ruler = ["---"] * table.text_columns + ["---:"] * (len(header) - table.text_columns)
    for row in (header, None, *table.rows):
        yield "| " + " | ".join(ruler if row is None else map(escape, row)) + " |"


def _example(example: Example) -> Iterator[str]:
    note = f": {example.note}" if example.note else ""
    yield f"- {escape(example.place + note)}"
    for side, marks in example.sides:
        written = ""
        for text, mark in example.pieces(marks):
            score = "" if mark is None or mark.score is None else f" {mark.score:.2f}"
            written += escape(text) if mark is None else f"**{escape(text)}** ({escape(mark.label)}{score})"
        yield f"  - {side}: {written}"
    if not example.sides:
        yield f"  - {escape(example.text)}"
