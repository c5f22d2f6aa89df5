"""Read column files, one token per line: CoNLL in its many dialects, and CoNLL-U.

The form of a file is decided once, on its first lines. Lines are comments only where the format has comments, so a
token may start with `#`. This module knows neither schemes nor labels nor Arrow.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import IO

from seqtag.corpora.column_roles import TAG_NAMES, Column, free_name
from seqtag.corpora.formats.conll_brackets import tags_of_brackets
from seqtag.corpora.formats.conll_comments import (
    SKIPPED_NODE,
    other_line,
    stated_by,
)
from seqtag.corpora.formats.conll_layout import (
    COLUMNS,
    CONLLU,
    DOCUMENT,
    KEY_AND_VALUE,
    MARKS,
    Layout,
    recognise,
    split_blanks,
)
from seqtag.corpora.lines import LineBlock, handle_blocks, line_blocks
from seqtag.corpora.tagged_blocks import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError, near_miss

logger = logging.getLogger("seqtag")

_ODD_BEGINNINGS = frozenset({"", " ", "\t", "#", *(mark[0] for mark in MARKS)})  # of lines that may be no row
_BEGIN = re.compile(r"#begin document\s*\(?([^);\s]*)")
_CONLL2012 = (3, 10, 12)  # the columns of words and of named entities, and the least number of columns
_NEW_DOCUMENT = re.compile(r"#\s*(?:newdoc\b(?:\s*id\s*=)?|(?:[\w-]+:)?document_id\s*=)\s*(.*)")
_SENTENCE_END = "EndOfSentence"  # in the column MISC of the HIPE corpora, alone or between bars
_MOST_SHOWN = 5  # lines that a warning names


def column_blocks(
    path: str | os.PathLike[str], *, token: Column | None = None, tag: Column | None = None
) -> Iterator[Block]:
    """Read the sentences of a column file; by default the first column holds tokens and the last tags.

    In CoNLL-U the defaults are FORM and UPOS, or, in a file of fewer than ten columns, FORM and the column after it;
    tag='misc:NE' reads what the column MISC holds under NE. In CoNLL-2012 they are the words and the named entities,
    and a column of brackets is read as IOB2. No token is stripped or dropped. A document begins at a line -DOCSTART- or
    `#begin document` and at the comments `# newdoc` and `# document_id = ...`. Where both columns are counted from the
    left, a row may be narrower than others, and if the last column that is read is the last one of most rows, wider
    rows get a warning. Raises DataError, by file and line, for other rows of another width than most, UsageError for a
    missing column.
    """
    return gather(_tagged_sentences(os.fspath(path), line_blocks(path), token, tag))


def other_columns(
    path: str | os.PathLike[str], *, token: Column | None = None, tag: Column | None = None
) -> Iterator[str]:
    """Name what `column_blocks` does not read of a file: other columns, comments by their keys, and rows of no word."""
    name = os.fspath(path)
    layout, blocks = recognise(line_blocks(path), name)
    if layout is None:
        return
    read = _find_columns(token, "misc" if _misc_key(tag, layout) else tag, layout, name)
    is_header = layout.named_token is not None or _is_name(token) or _is_name(tag)
    header = layout.first_line if layout.names is None and is_header else 0
    names = layout.names or (layout.first_row if header else [f"column {at}" for at in range(layout.width)])
    yield from (each for at, each in enumerate(names) if at not in read and not (layout.numbered and at == 0))
    found: dict[str, None] = {}
    for number, cells, _ in _rows(blocks, layout, name, needed=max(read) + 1, wider="warn", header=header, keep=True):
        if isinstance(cells, str) and number != header and not cells.startswith(COLUMNS):
            stated = stated_by(cells)
            found[stated[0] if stated else other_line(cells)] = None
    yield from filter(None, found)


def iter_sentences(
    source: str | os.PathLike[str] | IO[str] | IO[bytes], *, token: Column | None = None, name: str = "<stdin>"
) -> Iterator[tuple[list[str], Sequence[Sequence[str]]]]:
    """Stream sentences from a column file or an open handle, with or without tags: the tokens, and each row's cells.

    Comments and lines between documents stand as strings among the rows; those at the end have a sentence of no tokens.
    So does a header, in which a column `tag` follows for the tags that are to be predicted.
    A sentence is given as soon as the line that ends it is read, so memory holds one sentence; the form of the file is
    decided on the first one. A file with one column and blanks inside its tokens looks like one whose columns are
    separated by blanks, and is read so.

    >>> import io
    >>> list(iter_sentences(io.StringIO("Ada\\tB-PER\\nspoke\\tO\\n\\nYes\\tO\\n")))
    [(['Ada', 'spoke'], [['Ada', 'B-PER'], ['spoke', 'O']]), (['Yes'], [['Yes', 'O']])]
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
    read = line_blocks(source) if isinstance(source, (str, os.PathLike)) else handle_blocks(source, name)
    layout, blocks = recognise(read, name)
    if layout is None:
        return
    at = _column(token, layout.default_token, layout, name, "token")
    is_header = layout.named_token is not None or (_is_name(token) and layout.names is None)
    header = layout.first_line if is_header else 0
    tokens: list[str] = []
    rows: list[Sequence[str]] = []
    for number, cells, _ in _rows(blocks, layout, name, needed=at + 1, wider="warn", header=header, keep=True):
        if number == header:
            rows.append("\t".join([*layout.first_row, free_name("tag", layout.first_row)]))
        elif isinstance(cells, str) and cells.startswith(COLUMNS):
            rows.append(f"{cells} {free_name('SEQTAG:TAG', cells.split())}")
        elif cells:
            rows.append(cells)
            tokens += [] if isinstance(cells, str) else [cells[at]]
        elif tokens:
            yield tokens, rows
            tokens, rows = [], []
        elif rows and rows[-1] and isinstance(rows[-1], str):
            rows.append("")  # the blank line behind lines that are no tokens
    if rows:
        yield [], rows if rows[-1] else rows[:-1]


def _tagged_sentences(
    name: str, blocks: Iterable[LineBlock], token: Column | None, tag: Column | None
) -> Iterator[TaggedSentence]:
    layout, blocks = recognise(blocks, name)
    if layout is None:
        raise DataError(f"{name}: the file holds blank lines only; it should hold one token and its tag per line")
    misc_key = _misc_key(tag, layout)
    token_at, tag_at = _find_columns(token, "misc" if misc_key else tag, layout, name)
    if token_at == tag_at:
        column = f"column {token_at} for both tokens and tags"
        found = "one column per row (tabs or blanks separate columns)" if layout.width == 1 else column
        raise DataError(f"{name}:{layout.first_line}: {found}; tagging needs a column of tokens and one of tags")
    named = _is_name(token) or _is_name(tag)
    is_header = named or _is_header(layout, token_at, tag_at, name, asked=tag is not None)
    header = layout.first_line if layout.names is None and is_header else 0
    # A column that is counted from the end is the right one only where all rows have one width.
    from_left = isinstance(token, Integral) and isinstance(tag, Integral) and token >= 0 and tag >= 0
    from_left = from_left or (layout.marked and token is None and tag is None)
    needed = max(token_at, tag_at) + 1
    wider = "refuse" if not from_left else "warn" if needed == layout.usual_width else "check"
    nested: list[int] = []  # the lines where a span lies inside another one
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    found_any = False
    keys: set[str] = set()  # of the column MISC
    for number, cells, document in _rows(blocks, layout, name, needed=needed, wider=wider, header=header):
        if cells:
            tokens.append(cells[token_at])
            tags.append(_misc_value(cells[tag_at], misc_key, keys) if misc_key else cells[tag_at])
            lines.append(number)
        elif tokens:
            found_any = True
            if tag_at in layout.bracketed:
                tags = tags_of_brackets(tags, lines, name, nested)
            yield TaggedSentence(tokens, tags, lines, document)
            tokens, tags, lines = [], [], []
    if not found_any:
        raise DataError(f"{name}: the file holds no sentence; it should hold one token and its tag per line")
    if misc_key and misc_key not in keys:
        raise UsageError(f"{name}: no token has {misc_key!r} in its column MISC; {near_miss(misc_key, keys)}")
    if nested:
        logger.warning(
            "%s: %d spans lie inside another span and are left out, as a token has one tag; the outer span counts: %s",
            name,
            len(nested),
            _shown_lines(nested),
        )


def _misc_key(tag: Column | None, layout: Layout) -> str | None:
    """Give the key of tag='misc:KEY', which names what the column MISC of CoNLL-U holds under it."""
    column, colon, key = tag.partition(":") if isinstance(tag, str) else ("", "", "")
    return key if colon and key and column.lower() == "misc" and "misc" in (layout.names or ()) else None


def _misc_value(cell: str, wanted: str, keys: set[str]) -> str:
    """Read a value off `key=value|key=value` and take down the keys; a token without the key is outside of entities."""
    pairs = dict(pair.partition("=")[::2] for pair in cell.split("|") if "=" in pair)
    keys.update(pairs)
    return pairs.get(wanted, "O")


def _find_columns(token: Column | None, tag: Column | None, layout: Layout, name: str) -> tuple[int, int]:
    """Give the numbers of the columns of tokens and tags, from the left."""
    defaults = (layout.default_token, -1)
    if layout.numbered:
        defaults = (1, 3 if layout.width == len(CONLLU) else 2)
    elif layout.named_token == layout.width - 1:
        tags = [at for at, cell in enumerate(layout.first_row) if cell.lower() in TAG_NAMES]
        defaults = (layout.named_token, tags[-1] if tags else -1)
    elif layout.marked and layout.width >= _CONLL2012[2]:
        defaults = _CONLL2012[:2]
    return _column(token, defaults[0], layout, name, "token"), _column(tag, defaults[1], layout, name, "tag")


def _is_header(layout: Layout, token_at: int, tag_at: int, name: str, *, asked: bool) -> bool:
    """Say whether the first row holds names; if an unnoticed header were read as a row, 'tags' would be a tag.

    Raises UsageError where it is a header and the column of tags, which nobody asked for, has an unknown name.
    """
    if layout.named_token is None:
        return False
    others = [cell for at, cell in enumerate(layout.first_row) if at != token_at]
    if not asked and layout.first_row[tag_at].lower() not in TAG_NAMES:
        raise UsageError(
            f"{name}:{layout.first_line}: this line is a header, and its last column, {layout.first_row[tag_at]!r}, is "
            f"not known to hold tags; name the column that does: tag=, one of {', '.join(others)}"
        )
    return True


def _shown_lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_MOST_SHOWN]))
    return f"line{'s' if len(lines) > 1 else ''} {shown}{', ...' if len(lines) > _MOST_SHOWN else ''}"


def _rows(
    blocks: Iterable[LineBlock], layout: Layout, name: str, *, needed: int, wider: str, header: int, keep: bool = False
) -> Iterator[tuple[int, Sequence[str], int]]:
    """Give the line number, the cells and the document of each token, and no cells where a sentence ends.

    With `keep`, lines that are no row come too, as strings in the place of cells.
    `wider` says what becomes of a row with more cells than most rows have: "warn" of it, "check" that the format lets
    sentences differ and all rows of this one have as many, or "refuse" each row that has more or fewer than the first.
    Where some rows end with the last of the `needed` columns and others go on, there is a warning of these.
    """
    tab, numbered, comments, width = layout.tab, layout.numbered, layout.comments, layout.width
    by_sentence = numbered or layout.marked  # rows may get a column for each verb of their sentence
    sentence_width = 0
    longer: list[int] = []  # the lines of rows with more cells than are needed
    longest: list[int] = []  # those of rows with more cells than most rows have
    num_marked = 0  # sentences that end at a mark in the last column
    some_end = False  # there are rows that have just the cells that are needed
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
            # Nearly all lines are rows, and begin as no other line does.
            if line[:1] in _ODD_BEGINNINGS or number == header:
                if not line.strip(" \t") or line.startswith(MARKS):
                    check_words(number)
                    between, owed, last_word = True, 0, 0
                    yield number, [], document
                    if begin := _BEGIN.match(line):  # the parts of one document follow one another
                        document += begin[1] == "" or begin[1] != document_id
                        document_id = begin[1]
                    document += line.startswith(DOCUMENT)
                    if keep and line.startswith(MARKS):
                        yield number, line, document
                    continue
                if number == header or (
                    line[0] == "#" and ((comments and (between or numbered)) or _is_set_apart(line, layout))
                ):
                    if opening := _NEW_DOCUMENT.match(line):
                        # the Arabic PUD repeats the line before each sentence of a document
                        document += opening[1] == "" or opening[1] != document_id
                        document_id = opening[1]
                    if keep:
                        yield number, line, document
                    continue
            cells = line.split("\t") if tab else split_blanks(line)
            if numbered and not cells[0].isdecimal():
                if node := SKIPPED_NODE.fullmatch(cells[0]):
                    owed = max(owed, int(node[1] or 0))
                    if keep:
                        yield number, line, document
                    continue
                raise DataError(f"{name}:{number}: the first column is {cells[0]!r}; in CoNLL-U it is a token's number")
            found = len(cells)
            if found < needed or (found != width and wider == "refuse"):
                raise _width_error(name, number, found, layout)
            sentence_width = found if between else sentence_width
            if wider != "refuse" and not (by_sentence and found == sentence_width):
                some_end = some_end or found == needed
                if found > needed:
                    longer.append(number)
                if found > layout.usual_width:
                    if wider == "check":
                        raise _width_error(name, number, found, layout, most=True)
                    longest.append(number)
            between = False
            last_word = int(cells[0]) if numbered else 0
            yield number, cells, document
            if _SENTENCE_END in cells[-1] and _SENTENCE_END in cells[-1].split("|"):
                between = True
                num_marked += 1
                yield number, [], document
    check_words(number)
    if found_wide := longer if some_end else longest:
        logger.warning(
            "%s: %d rows have more columns than the %d of other rows; what stands further to the right is not read, so "
            "look whether a token or a tag holds a blank, or lines are whole texts, which need --text to be tagged: %s",
            name,
            len(found_wide),
            needed if some_end else layout.usual_width,
            _shown_lines(found_wide),
        )
    if num_marked:
        logger.info("%s: %d sentences end where the last column says %s", name, num_marked, _SENTENCE_END)
    yield number + 1, [], document


def _is_set_apart(line: str, layout: Layout) -> bool:
    """Say whether a line is a comment `# key = value` by itself; a row of the file would have another width."""
    if not KEY_AND_VALUE.match(line):
        return False
    return len(line.split("\t") if layout.tab else split_blanks(line)) not in (layout.width, layout.usual_width)


def _width_error(name: str, number: int, found: int, layout: Layout, *, most: bool = False) -> DataError:
    if found == layout.usual_width != layout.width:  # it is the first row that is wrong
        number, found, most = layout.first_line, layout.width, True
    separator = "tab" if layout.tab else "blank"
    expected = layout.usual_width if most else layout.width
    others = f"most rows have {expected}" if most else f"line {layout.first_line} has {expected}"
    remedy = "mend the row"
    if found > expected:
        remedy += f" (a {separator} in a token or a tag makes a column more)"
    else:
        remedy += ", or, if columns at its end may be missing, name the others from the left: token=0, tag=1"
    return DataError(
        f"{name}:{number}: {found} column{'s' if found > 1 else ''} separated by {separator}s, where {others}; {remedy}"
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
