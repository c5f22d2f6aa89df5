"""Look at the lines of files for what makes other readers fail, though not those of seqtag. No label is known here."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqtag.corpora.lines import line_blocks, numbered_lines
from seqtag.linter.corpus import Corpus
from seqtag.linter.findings import Finding, Tally

_SENTENCE_PER_LINE = "seq.in"
_MISREAD = ("#", " ", "\t")  # the beginnings of lines that some readers take for a comment or a token


def check_lines(corpus: Corpus) -> Iterator[Finding]:
    """Find lines that a less careful reader would drop, join or cut."""
    filled, hashes, runs, broken = map(Tally, ("filled_separator", "hash_token", "double_blank", "line_break"))
    for split, rows in corpus.splits.items():
        broken.add(split, len(rows.broken), map(rows.quoted, rows.broken))
        if rows.lines is None:
            continue
        if Path(rows.origin).name == _SENTENCE_PER_LINE:
            found = [(number, line) for number, line in numbered_lines(rows.origin) if "  " in line]
            runs.add(split, len(found), ((f"{rows.origin}:{number}", repr(line)) for number, line in found))
            continue
        blocks = line_blocks(rows.origin)
        found = [(n, line) for first, lines in blocks for n, line in enumerate(lines, first) if line[:1] in _MISREAD]
        blank = [(number, line) for number, line in found if not line.strip(" \t")]
        filled.add(split, len(blank), ((f"{rows.origin}:{number}", repr(line)) for number, line in blank))
        marked = np.array([number for number, line in found if line[0] == "#"], np.int64)
        # a comment has no token
        positions = np.flatnonzero(np.isin(rows.lines, marked)).tolist()
        lost = [position for position in positions if corpus.words[rows.words[position]].startswith("#")]
        hashes.add(split, len(lost), ((rows.place_of(p), repr(corpus.words[rows.words[p]])) for p in lost))
    yield from filled.finding(
        "lines between sentences hold tabs or spaces. They count as blank here; other readers may take them for a "
        "token and join two sentences"
    )
    yield from hashes.finding(
        "tokens stand at the beginning of a line and begin with #. They are read here; other readers may take the line "
        "for a comment and lose the token"
    )
    yield from runs.finding(
        "sentences have two blanks or more in a row. They are cut at the run here; a reader that cuts at each blank "
        "gets empty tokens"
    )
    yield from broken.finding(
        "texts go over several lines, inside quotes. They are read whole here; a reader that goes line by line cuts "
        "them"
    )
