"""Recognise the form of a column file on its first lines: what separates columns, and whether it has comments or names.

Which column is read, and what becomes of rows, is decided in conll.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from seqtag.corpora.column_roles import TAG_NAMES, TOKEN_NAMES
from seqtag.corpora.formats.conll_brackets import bracketed_columns
from seqtag.corpora.formats.conll_comments import BLANKS, have_comments, is_numbered, without_comments
from seqtag.corpora.lines import LineBlock
from seqtag.errors import DataError

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT = ("-DOCSTART-", "-docstart-")
MARKS = (*DOCUMENT, "#begin document", "#end document")  # the last two are those of CoNLL-2012
KEY_AND_VALUE = re.compile(r"#\s*[\w:.-]+\s*=")  # a comment wherever it stands, unless it is as wide as a row
COLUMNS = "# global.columns"  # the line of CoNLL-U Plus that names its columns
_SAMPLE_LINES = 2000


@dataclass(frozen=True, slots=True)
class Layout:
    """The form of one column file."""

    tab: bool  # one tab separates columns, else a run of blanks does
    numbered: bool  # CoNLL-U: the first column is the token's number in its sentence
    comments: bool  # lines that start with # before a sentence are comments
    first_line: int  # the line of the first row
    first_row: tuple[str, ...]  # its cells: their number is the width of the file; in a header they are names
    names: tuple[str, ...] | None  # column names that the format gives (CoNLL-U), lower case
    usual_width: int  # the number of columns of most rows
    marked: bool  # CoNLL-2012: lines such as `#begin document` stand around documents
    bracketed: frozenset[int]  # the columns in which spans are written in brackets
    header_comments: bool  # a comment follows the first row, as it follows the header in the HIPE corpora

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.first_row)

    @property
    def named_token(self) -> int | None:
        """The column of tokens if the first row is a header, which names such a column and one of tags."""
        cells = [cell.lower() for cell in self.first_row]
        at = next((at for at, cell in enumerate(cells) if cell in TOKEN_NAMES), None)
        is_header = self.header_comments or any(cell in TAG_NAMES for cell in cells)
        return at if is_header and self.names is None else None

    @property
    def default_token(self) -> int:
        """The column of tokens if nobody names it."""
        return 1 if self.numbered else self.named_token or 0


def recognise(blocks: Iterable[LineBlock], name: str) -> tuple[Layout | None, Iterable[LineBlock]]:
    """Read until a sentence has ended, and give the form of the file and all blocks; None for a file without tokens."""
    source = iter(blocks)
    sample: list[LineBlock] = []
    for block in source:
        sample.append(block)
        lines = [line for _, lines in sample for line in lines]
        if len(lines) > _SAMPLE_LINES or (not lines[-1].strip(" \t") and any(map(_is_row, lines))):
            break
    return _layout([(first, lines) for first, lines in sample], name), chain(sample, source)


def _is_row(line: str) -> bool:
    """Say whether a line is neither blank nor one that may be a comment."""
    return bool(line.strip(" \t")) and not line.startswith(("#", *MARKS))


def _layout(sample: list[LineBlock], name: str) -> Layout | None:
    numbered_lines = [(first + index, line) for first, lines in sample for index, line in enumerate(lines)]
    if numbered_lines and numbered_lines[0][1].startswith("#FORMAT=WebAnno"):
        raise DataError(f"{name}:1: this is a TSV file of WebAnno, of which only TSV 3 is read; export the text again")
    sentences: list[list[tuple[int, str]]] = [[]]
    for number, line in numbered_lines[:_SAMPLE_LINES]:
        if not line.strip(" \t") or line.startswith(MARKS):
            sentences.append([])
        else:
            sentences[-1].append((number, line))
    if len(numbered_lines) > _SAMPLE_LINES and len(sentences) > 1:
        sentences.pop()  # the sample may end inside this sentence
    sentences = [sentence for sentence in sentences if sentence]
    conllu = ".conllu" in os.path.basename(name).lower()
    comments = conllu or have_comments(sentences)
    if comments:
        sentences = [row for row in map(without_comments, sentences) if row]
    if not sentences:
        return None
    # Such lines may be comments, which say nothing of the columns.
    sure = [[row for row in sentence if not KEY_AND_VALUE.match(row[1])] for sentence in sentences]
    sentences = [sentence for sentence in sure if sentence] or sentences
    rows = [row for sentence in sentences for row in sentence]
    tab = 2 * sum("\t" in line for _, line in rows) >= len(rows)
    split = [[line.split("\t") if tab else split_blanks(line) for _, line in sentence] for sentence in sentences]
    first_row = tuple(split[0][0])
    widths = Counter(len(cells) for sentence in split for cells in sentence)
    marked = any(line.startswith("#begin document") for _, line in numbered_lines)
    after_first = next((line for number, line in numbered_lines if number == rows[0][0] + 1), "")
    numbered = conllu or (
        len(first_row) > 2
        and (comments or len(rows) > 1)
        and all(is_numbered([cells[0] for cells in sentence]) for sentence in split)
    )
    names: tuple[str, ...] | None = None
    if numbered:
        stated = [line.partition("=")[2] for _, line in numbered_lines if line.startswith(COLUMNS)]
        names = tuple(stated[0].lower().split()) if stated else CONLLU[: len(first_row)]
        if len(names) != len(first_row) or not (stated or len(first_row) == len(CONLLU)):
            names = None
    return Layout(
        tab,
        numbered,
        comments,
        rows[0][0],
        first_row,
        names,
        usual_width=widths.most_common(1)[0][0],
        marked=marked,
        bracketed=bracketed_columns([cells for sentence in split for cells in sentence]),
        header_comments=KEY_AND_VALUE.match(after_first) is not None,
    )


def split_blanks(line: str) -> list[str]:
    """Cut a row at runs of blanks and tabs, and at no other white space."""
    cells = line.split(" ")
    # `line.split()` would cut a token at a no-break space or another white space of Unicode.
    return BLANKS.split(line.strip(" \t")) if "" in cells or "\t" in line else cells
