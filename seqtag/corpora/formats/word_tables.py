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
from seqtag.corpora.tagged_drafts import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError

_SENTENCE_NAME = re.compile(r"(sentences?|sents?)(id|no|nr|num|number|idx|index)?")
_SPEECH_NAMES = ("pos", "pos_tags", "pos_tag", "upos", "xpos", "upos_tags", "xpos_tags", "chunk_tags")


def is_word_table(path: Path, token: Column | None, tag: Column | None) -> bool:
    """Say whether the header of a file names a column of words, one of tags and, unless it is CSV, one of sentences."""
    lines = (line.strip() for line in raw_lines(path))
    header = next((line for line in islice(lines, 5) if line and not line.startswith("sep=")), "")
    names = [cell.strip('" ').lower() for cell in re.split(r"[,;\t|]", header)]
    has_words = any(name in TOKEN_NAMES or name == str(token).lower() for name in names)
    has_tags = any(name in TAG_NAMES or name == str(tag).lower() for name in names)
    has_sentences = any(map(_names_sentences, names))
    return has_words and has_tags and (has_sentences or (file_ending(path) == ".csv" and not _has_lists(path)))


def word_table_blocks(path: Path, token: Column | None, tag: Column | None) -> Iterator[Block]:
    """Read a file with a word per row; an empty cell in the column of sentences means the sentence of the row above.

    Raises UsageError if it is not clear which column holds the tags, DataError for a word without a tag and for a file
    that tells no sentences apart.
    """
    return gather(_sentences(path, token, tag))


def _names_sentences(name: str) -> bool:
    return _SENTENCE_NAME.fullmatch(re.sub("[^a-z]", "", name.lower())) is not None


def _has_lists(path: Path) -> bool:
    """Say whether the rows of a CSV file hold lists, as `['Ada', 'left']`, and not words."""
    return any("[" in line and "]" in line for line in islice(raw_lines(path), 1, 6))


def _sentences(path: Path, token: Column | None, tag: Column | None) -> Iterator[TaggedSentence]:
    dialect = file_dialect(path, named=True)
    assert dialect is not None, "is_word_table found a header"
    token_at = _column(dialect, token, "token", TOKEN_NAMES)
    tag_at = _column(dialect, tag, "tag", TAG_NAMES)
    sentence_at = next((at for at, name in enumerate(dialect.first_row) if _names_sentences(name)), None)
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    sentence = ""
    num_sentences = 0
    last = 0  # the line of the last row that was not blank
    for number, cells in dialect.rows(raw_lines(path)):
        if not any(map(str.strip, cells)):
            continue
        if sentence_at is None:
            is_new = number > last + 1
        else:
            is_new = bool(cells[sentence_at].strip()) and cells[sentence_at] != sentence
            sentence = cells[sentence_at] if is_new else sentence
        if is_new and tokens:
            yield TaggedSentence(tokens, tags, lines)
            tokens, tags, lines = [], [], []
            num_sentences += 1
        tokens.append(cells[token_at])
        tags.append(cells[tag_at])
        lines.append(number)
        last = number
    if sentence_at is None and not num_sentences and len(tokens) > 1:
        raise DataError(
            f"{path}: each row has a word, and nothing says where a sentence ends; add a column sentence_id, or a "
            "blank row after each sentence"
        )
    if tokens:
        yield TaggedSentence(tokens, tags, lines)


def _column(dialect: Dialect, asked: Column | None, role: str, known: Sequence[str]) -> int:
    if asked is not None:
        return dialect.find_column(asked, role)
    found = [at for at, name in enumerate(dialect.first_row) if name.lower() in known]
    entities = [at for at in found if dialect.first_row[at].lower() not in _SPEECH_NAMES]
    found = entities or found  # a corpus of entities often has parts of speech beside them
    if len(found) != 1:
        names = [dialect.first_row[at] for at in found]
        raise UsageError(f"{dialect.name}:1: ambiguous {role} column ({', '.join(names)}): pass {role}={names[-1]!r}")
    return found[0]
