"""Read spans that a column file writes in brackets, as CoNLL-2012 does: `(PERSON*` opens one and `*)` closes it.

A cell `*` lies inside or outside of a span, and `(GPE)` is a whole one. Knows no files.
"""

import re
from collections.abc import Sequence

from seqtag.errors import DataError

_CELL = re.compile(r"(\([^()*|]+)*\*?\)*")


def bracketed_columns(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """Give the columns in which each cell is a bracket or a place inside or outside of one, as in CoNLL-2012."""
    columns = zip(*rows)  # as many as the narrowest row has
    return frozenset(at for at, cells in enumerate(columns) if "*" in cells and all(map(_CELL.fullmatch, cells)))


def tags_of_brackets(cells: Sequence[str], lines: Sequence[int], name: str, nested: list[int]) -> list[str]:
    """Read the outer spans of a sentence off brackets, as IOB2, and add the lines of the others to `nested`.

    >>> inner = []
    >>> tags_of_brackets(["(ORG*", "(GPE)", "*)", "*"], [1, 2, 3, 4], "a.conll", inner), inner
    (['B-ORG', 'I-ORG', 'I-ORG', 'O'], [2])
    """
    tags: list[str] = []
    label, depth, start = "", 0, 0
    for cell, line in zip(cells, lines):
        if not _CELL.fullmatch(cell):
            raise DataError(
                f"{name}:{line}: {cell!r} in a column whose other cells are brackets such as (PERSON*; mend the row, "
                "or name another column: tag="
            )
        opened = re.findall(r"\(([^()*|]+)", cell)
        begins = depth == 0 and bool(opened)
        if begins:
            label, start = opened[0], line
        nested += [line] * (len(opened) - begins)
        depth += len(opened)
        tags.append(f"{'B' if begins else 'I'}-{label}" if depth else "O")
        depth -= cell.count(")")
        if depth < 0:
            raise DataError(f"{name}:{line}: {cell!r} closes a bracket that is not open; mend the row")
    if depth:
        raise DataError(f"{name}:{start}: the bracket of {label} is not closed in its sentence; mend the row")
    return tags
