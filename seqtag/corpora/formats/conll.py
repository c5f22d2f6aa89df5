"""Read column files, one token per line: CoNLL in its many dialects, and CoNLL-U.

The form of a file is decided once, on its first lines. Lines are comments only where the format has comments, so a
token may start with `#`. This module knows neither schemes nor labels nor Arrow.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from numbers import Integral
from typing import IO

from seqtag.corpora.column_roles import TAG_NAMES, TOKEN_NAMES, Column
from seqtag.corpora.lines import LineBlock, handle_blocks, line_blocks
from seqtag.corpora.tagged_drafts import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError, near_miss

_CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_DOCUMENT = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")
_SKIPPED_NODE = re.compile(
    r"\d+(?:-(\d+)|\.\d+)"
)  # 3-4 stands for a multiword token, whose words follow, and 5.1 for an empty node
_COMMENT = re.compile(r"#\s*(\S+\s*=|(newdoc|newpar|id)\b)")
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s*id\s*=)?\s*(.*)")
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

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.first_row)


def column_blocks(
    path: str | os.PathLike[str], *, token: Column | None = None, tag: Column | None = None
) -> Iterator[Block]:
    """Read the sentences of a column file; by default the first column holds tokens and the last tags.

    In CoNLL-U the defaults are FORM and UPOS, or, in a file of fewer than ten columns, FORM and the column after it;
    tag='misc:NE' reads what the column MISC holds under NE. No token is stripped or dropped. A document begins at a
    line -DOCSTART- and, where the file has comments, at `# newdoc`. Raises DataError, by file and line, for a row with
    too few columns, UsageError for a missing column.
    """
    return gather(_tagged_sentences(os.fspath(path), line_blocks(path), token, tag))


def iter_sentences(
    source: str | os.PathLike[str] | IO[str] | IO[bytes], *, token: Column | None = None, name: str = "<stdin>"
) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Stream sentences from a column file or an open handle, with or without tags: the tokens, and each row's cells.

    A sentence is given as soon as the line that ends it is read, so memory holds one sentence; the form of the file is
    decided on the first one. A file with one column and blanks inside its tokens looks like one whose columns are
    separated by blanks, and is read so.

    >>> import io
    >>> list(iter_sentences(io.StringIO("Ada\\tB-PER\\nspoke\\tO\\n\\nYes\\tO\\n")))
    [(['Ada', 'spoke'], [['Ada', 'B-PER'], ['spoke', 'O']]), (['Yes'], [['Yes', 'O']])]
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        layout, blocks = _recognise(line_blocks(source), name)
    else:
        layout, blocks = _recognise(handle_blocks(source, name), name)
    if layout is None:
        return
    at = _column(token, 1 if layout.numbered else 0, layout, name, "token")
    header = layout.first_line if _is_name(token) and layout.names is None else 0
    rows: list[list[str]] = []
    for _, cells, _ in _rows(blocks, layout, name, needed=at + 1, exact=False, header=header):
        if cells:
            rows.append(cells)
        elif rows:
            yield [row[at] for row in rows], rows
            rows = []


def _tagged_sentences(
    name: str, blocks: Iterable[LineBlock], token: Column | None, tag: Column | None
) -> Iterator[TaggedSentence]:
    layout, blocks = _recognise(blocks, name)
    if layout is None:
        raise DataError(f"{name}: the file holds blank lines only; it should hold one token and its tag per line")
    token_at = _column(token, 1 if layout.numbered else 0, layout, name, "token")
    default_tag = (3 if layout.width == len(_CONLLU) else 2) if layout.numbered else -1
    misc_key = _misc_key(tag, layout)
    tag_at = _column("misc" if misc_key else tag, default_tag, layout, name, "tag")
    if token_at == tag_at:
        column = f"column {token_at} for both tokens and tags"
        found = "one column per row (tabs or blanks separate columns)" if layout.width == 1 else column
        raise DataError(f"{name}:{layout.first_line}: {found}; tagging needs a column of tokens and one of tags")
    first_row = layout.first_row
    named = _is_name(token) or _is_name(tag)
    # If an unnoticed header were read as a row, 'tags' would be a tag, and all tags would count as plain.
    looks_like_header = first_row[token_at].lower() in TOKEN_NAMES and first_row[tag_at].lower() in TAG_NAMES
    header = layout.first_line if layout.names is None and (named or looks_like_header) else 0
    # A column that is counted from the end is the right one only where all rows have one width.
    from_left = isinstance(token, Integral) and isinstance(tag, Integral) and token >= 0 and tag >= 0
    needed = max(token_at, tag_at) + 1
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    found_any = False
    keys: set[str] = set()  # of the column MISC
    for number, cells, document in _rows(blocks, layout, name, needed=needed, exact=not from_left, header=header):
        if cells:
            tokens.append(cells[token_at])
            tags.append(_misc_value(cells[tag_at], misc_key, keys) if misc_key else cells[tag_at])
            lines.append(number)
        elif tokens:
            found_any = True
            yield TaggedSentence(tokens, tags, lines, document)
            tokens, tags, lines = [], [], []
    if not found_any:
        raise DataError(f"{name}: the file holds no sentence; it should hold one token and its tag per line")
    if misc_key and misc_key not in keys:
        raise UsageError(f"{name}: no token has {misc_key!r} in its column MISC; {near_miss(misc_key, keys)}")


def _misc_key(tag: Column | None, layout: Layout) -> str | None:
    """Give the key of tag='misc:KEY', which names what the column MISC of CoNLL-U holds under it."""
    column, colon, key = tag.partition(":") if isinstance(tag, str) else ("", "", "")
    return key if colon and key and column.lower() == "misc" and "misc" in (layout.names or ()) else None


def _misc_value(cell: str, wanted: str, keys: set[str]) -> str:
    """Read a value off `key=value|key=value` and take down the keys; a token without the key is outside of entities."""
    pairs = dict(pair.partition("=")[::2] for pair in cell.split("|") if "=" in pair)
    keys.update(pairs)
    return pairs.get(wanted, "O")


def _rows(
    blocks: Iterable[LineBlock], layout: Layout, name: str, *, needed: int, exact: bool, header: int
) -> Iterator[tuple[int, list[str], int]]:
    """Give the line number, the cells and the document of each token, and no cells where a sentence ends."""
    tab, numbered, comments, width = layout.tab, layout.numbered, layout.comments, layout.width
    between = True  # there was no token since a sentence ended
    number = document = 0
    document_id = ""
    owed = last_word = 0  # the last word of a multiword token, and the last word that there was

    def check_words(number: int) -> None:
        if owed > last_word:
            raise DataError(
                f"{name}:{number}: the sentence has a multiword token that ends with word {owed}, and its last word is "
                f"{last_word}; such rows are passed over, so that tokens would get lost: add a row for each word"
            )

    for first, lines in blocks:
        for number, line in enumerate(lines, first):
            if not line.strip(" \t") or line.startswith(_DOCUMENT):
                check_words(number)
                between, owed, last_word = True, 0, 0
                yield number, [], document
                document += line.startswith(_DOCUMENT)
                continue
            if number == header or (comments and (between or numbered) and line[0] == "#"):
                if opening := _NEW_DOCUMENT.match(line):
                    # the Arabic PUD repeats the line before each sentence of a document
                    document += opening[1] == "" or opening[1] != document_id
                    document_id = opening[1]
                continue
            cells = line.split("\t") if tab else _split_blanks(line)
            if numbered and not cells[0].isdecimal():
                if node := _SKIPPED_NODE.fullmatch(cells[0]):
                    owed = max(owed, int(node[1] or 0))
                    continue
                raise DataError(f"{name}:{number}: the first column is {cells[0]!r}; in CoNLL-U it is a token's number")
            if len(cells) != width and (exact or len(cells) < needed):
                raise DataError(_width_error(name, number, len(cells), layout))
            between = False
            last_word = int(cells[0]) if numbered else 0
            yield number, cells, document
    check_words(number)
    yield number + 1, [], document


def _split_blanks(line: str) -> list[str]:
    cells = line.split(" ")
    # `line.split()` would cut a token at a no-break space or another white space of Unicode.
    return _BLANKS.split(line.strip(" \t")) if "" in cells or "\t" in line else cells


def _width_error(name: str, number: int, found: int, layout: Layout) -> str:
    separator = "tabs" if layout.tab else "blanks"
    return (
        f"{name}:{number}: {found} column{'s' if found > 1 else ''} separated by {separator}, where line "
        f"{layout.first_line} has {layout.width}; mend the row, or name columns that every row has, "
        "counted from the left: token=0, tag=1"
    )


def _column(asked: Column | None, default: int, layout: Layout, name: str, what: str) -> int:
    """Give the number of a column from the left."""
    width = layout.width
    if isinstance(asked, str) and _is_name(asked):
        names = layout.names or layout.first_row
        wanted = asked.lower() if layout.names else asked
        if wanted not in names:
            raise UsageError(f"{name}:{layout.first_line}: no column {asked!r} for {what}=; {near_miss(asked, names)}")
        return names.index(wanted)
    at = default if asked is None else int(asked)
    if asked is None and at >= width:
        raise DataError(
            f"{name}:{layout.first_line}: {width} columns; a row of CoNLL-U has a number, a token and a tag"
        )
    if not -width <= at < width:
        raise UsageError(
            f"{name}:{layout.first_line}: no column {at} for {what}=; the row has {width} column{'s' * (width > 1)}, "
            f"counted from 0 to {width - 1}, or from -1 back to {-width}"
        )
    return at % width


def _is_name(asked: Column | None) -> bool:
    return isinstance(asked, str) and re.fullmatch(r"-?\d+", asked) is None


def _recognise(blocks: Iterable[LineBlock], name: str) -> tuple[Layout | None, Iterable[LineBlock]]:
    """Read until a sentence has ended, and give the form of the file and all blocks; None for a file without tokens."""
    source = iter(blocks)
    sample: list[LineBlock] = []
    for block in source:
        sample.append(block)
        lines = [line for _, lines in sample for line in lines]
        if len(lines) > _SAMPLE_LINES or (not lines[-1].strip(" \t") and any(line.strip(" \t") for line in lines)):
            break
    return _layout([(first, lines) for first, lines in sample], name), chain(sample, source)


def _layout(sample: list[LineBlock], name: str) -> Layout | None:
    numbered_lines = [(first + index, line) for first, lines in sample for index, line in enumerate(lines)]
    if numbered_lines and numbered_lines[0][1].startswith("#FORMAT=WebAnno"):
        raise DataError(
            f"{name}:1: this is a TSV file of WebAnno; only TSV 3 is read, and from a file, not from a pipe"
        )
    sentences: list[list[tuple[int, str]]] = [[]]
    for number, line in numbered_lines[:_SAMPLE_LINES]:
        if not line.strip(" \t") or line.startswith(_DOCUMENT):
            sentences.append([])
        else:
            sentences[-1].append((number, line))
    if len(numbered_lines) > _SAMPLE_LINES and len(sentences) > 1:
        sentences.pop()  # the sample may end inside this sentence
    sentences = [sentence for sentence in sentences if sentence]
    conllu = ".conllu" in os.path.basename(name).lower()
    comments = conllu or _have_comments(sentences)
    if comments:
        sentences = [row for row in map(_without_comments, sentences) if row]
    if not sentences:
        return None
    rows = [row for sentence in sentences for row in sentence]
    tab = 2 * sum("\t" in line for _, line in rows) >= len(rows)
    split = [[line.split("\t") if tab else _split_blanks(line) for _, line in sentence] for sentence in sentences]
    first_row = tuple(split[0][0])
    numbered = conllu or (
        len(first_row) > 2
        and (comments or len(rows) > 1)
        and all(_is_numbered([cells[0] for cells in sentence]) for sentence in split)
    )
    names: tuple[str, ...] | None = None
    if numbered:
        stated = [line.partition("=")[2] for _, line in numbered_lines if line.startswith("# global.columns")]
        names = tuple(stated[0].lower().split()) if stated else _CONLLU[: len(first_row)]
        if len(names) != len(first_row) or not (stated or len(first_row) == len(_CONLLU)):
            names = None
    return Layout(tab, numbered, comments, rows[0][0], first_row, names)


def _without_comments(sentence: list[tuple[int, str]]) -> list[tuple[int, str]]:
    start = next((index for index, (_, line) in enumerate(sentence) if line[0] != "#"), len(sentence))
    return sentence[start:]


def _have_comments(sentences: list[list[tuple[int, str]]]) -> bool:
    """Say whether each sentence opens with a comment; a single sentence needs one that looks like `# key = value`."""
    opening = [sentence[0][1] for sentence in sentences]
    if not all(line.startswith("#") for line in opening) or not any(map(_without_comments, sentences)):
        return False
    return all(map(_COMMENT.match, opening)) or (len(opening) > 1 and all(line.startswith("# ") for line in opening))


def _is_numbered(ids: list[str]) -> bool:
    words = [word for word in ids if not _SKIPPED_NODE.fullmatch(word)]
    return bool(words) and words == [str(number) for number in range(1, len(words) + 1)]
