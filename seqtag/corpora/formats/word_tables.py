"""Read CSV and TSV files with a word per row: columns for the word and its tag, and one for the number of the sentence.

How a file is written is decided in csv_dialect. A file without a column of sentences needs a blank row after each.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from seqtag.corpora.column_roles import TAG_NAMES, TOKEN_NAMES, Column
from seqtag.corpora.formats.csv_dialect import Dialect, file_dialect
from seqtag.corpora.lines import file_ending, raw_lines
from seqtag.corpora.tagged_blocks import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError

_SENTENCE_NAME = re.compile(r"(sentences?|sents?)(id|no|nr|num|number|idx|index)?")
_SPEECH_NAMES = ("pos", "pos_tags", "pos_tag", "upos", "xpos", "upos_tags", "xpos_tags", "chunk_tags")


def is_word_table(path: Path, token: Column | None, tag: Column | None = None, *, tagged: bool = True) -> bool:
    """Say whether the header of a file names a column of words, one of sentences and, if it is `tagged`, one of tags.

    A tagged CSV file needs no column of sentences.
    """
    lines = (line.strip() for line in raw_lines(path))
    header = next((line for line in islice(lines, 5) if line and not line.startswith("sep=")), "")
    names = [cell.strip('" ').lower() for cell in re.split(r"[,;\t|]", header)]
    has_words = any(name in TOKEN_NAMES or name == str(token).lower() for name in names)
    has_tags = any(name in TAG_NAMES or name == str(tag).lower() for name in names)
    has_sentences = any(map(_names_sentences, names))
    if not tagged:
        return has_words and has_sentences
    return has_words and has_tags and (has_sentences or (file_ending(path) == ".csv" and not _has_lists(path)))


def word_table_blocks(path: Path, token: Column | None, tag: Column | None) -> Iterator[Block]:
    """Read a file with a word per row; an empty cell in the column of sentences means the sentence of the row above.

    Raises UsageError if it is not clear which column holds the tags, DataError for a word without a tag and for a file
    that tells no sentences apart.
    """
    return gather(_sentences(path, token, tag))


def other_cells(path: Path, token: Column | None, tag: Column | None) -> Iterator[str]:
    """Name the columns that hold no word, no tag and no number of a sentence."""
    dialect = _dialect(path)
    read = _column(dialect, token, "token", TOKEN_NAMES), _column(dialect, tag, "tag", TAG_NAMES)
    yield from (each for at, each in enumerate(dialect.first_row) if at not in read and not _names_sentences(each))


def _names_sentences(name: str) -> bool:
    return _SENTENCE_NAME.fullmatch(re.sub("[^a-z]", "", name.lower())) is not None


def _has_lists(path: Path) -> bool:
    """Say whether the rows of a CSV file hold lists, as `['Ada', 'left']`, and not words."""
    return any("[" in line and "]" in line for line in islice(raw_lines(path), 1, 6))


def word_table_sentences(path: str, token: Column | None) -> Iterator[tuple[list[str], Sequence[Sequence[str]]]]:
    """Give the tokens of each sentence, and the cells of their rows, as `conll.iter_sentences` does."""
    dialect = _dialect(path)
    at = _column(dialect, token, "token", TOKEN_NAMES)
    for rows in _row_groups(dialect, path):
        yield [cells[at] for _, cells in rows], [cells for _, cells in rows]


def _sentences(path: Path, token: Column | None, tag: Column | None) -> Iterator[TaggedSentence]:
    dialect = _dialect(path)
    token_at = _column(dialect, token, "token", TOKEN_NAMES)
    tag_at = _column(dialect, tag, "tag", TAG_NAMES)
    for rows in _row_groups(dialect, path):
        lines, cells = zip(*rows)
        yield TaggedSentence([row[token_at] for row in cells], [row[tag_at] for row in cells], lines)


def _dialect(path: str | Path) -> Dialect:
    dialect = file_dialect(Path(path), named=True)
    assert dialect is not None, "is_word_table found a header"
    return dialect


def _row_groups(dialect: Dialect, path: str | Path) -> Iterator[list[tuple[int, list[str]]]]:
    """Give the rows of each sentence with their lines."""
    at = next((at for at, name in enumerate(dialect.first_row) if _names_sentences(name)), None)
    rows: list[tuple[int, list[str]]] = []
    sentence = ""
    is_cut = False
    for number, cells in dialect.rows(raw_lines(path)):
        if not any(map(str.strip, cells)):
            continue
        is_new = bool(rows) and number > rows[-1][0] + 1  # after a blank row
        if at is not None and cells[at].strip() and cells[at] != sentence:
            is_new, sentence = True, cells[at]
        if is_new and rows:
            is_cut = True
            yield rows
            rows = []
        rows.append((number, cells))
    if at is None and not is_cut and len(rows) > 1:
        raise DataError(
            f"{path}: each row has a word, and nothing says where a sentence ends; add a column sentence_id, or a "
            "blank row after each sentence"
        )
    if rows:
        yield rows


def _column(dialect: Dialect, asked: Column | None, role: str, known: Sequence[str]) -> int:
    if asked is not None:
        return dialect.find_column(asked, role)
    found = [at for at, name in enumerate(dialect.first_row) if name.lower() in known]
    entities = [at for at in found if dialect.first_row[at].lower() not in _SPEECH_NAMES]
    found = entities or found  # a corpus of entities often has parts of speech beside them
    names = [dialect.first_row[at] for at in found]
    if not names:
        listed = ", ".join(dialect.first_row)
        raise UsageError(f"{dialect.name}:1: no column of {role}s among {listed}: pass {role}= with the name of one")
    if len(names) > 1:
        raise UsageError(f"{dialect.name}:1: ambiguous {role} column ({', '.join(names)}): pass {role}={names[-1]!r}")
    return found[0]
