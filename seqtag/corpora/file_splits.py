"""Cut a corpus in one text file into splits by its lines, so that the files of the splits together are that file.

What stands beside tokens and tags, or texts and labels, is kept: further columns and keys, comments, and lines between
documents. Which rows go into which split is decided in held_out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from datasets import DatasetDict

from seqtag.corpora.column_roles import Column
from seqtag.corpora.formats.arrow_tables import JSON_ENDINGS
from seqtag.corpora.formats.conll_comments import SKIPPED_NODE
from seqtag.corpora.formats.csv_tables import is_delimited
from seqtag.corpora.formats.word_tables import is_word_table
from seqtag.corpora.json_text import parse_json
from seqtag.corpora.labelled_drafts import LabelledBlock, settle_labels
from seqtag.corpora.lines import file_ending, numbered_lines, raw_lines
from seqtag.corpora.loading import labelled_parts, load_corpus, named_reading, tagged_parts
from seqtag.corpora.source_names import parse_source
from seqtag.corpora.span_alignment import SpanRules
from seqtag.corpora.tag_normalising import settle
from seqtag.corpora.tagged_drafts import Block
from seqtag.corpora.workspace import workspace
from seqtag.errors import DataError

BlockT = TypeVar("BlockT", Block, LabelledBlock)

_NO_LINES = (".spacy", ".ann", ".zip", ".parquet", ".arrow")  # files that don't hold a row after the other in lines
# Lines that the file of each split needs, where they stand before the first token: the names of columns or layers.
_NAMES = re.compile(r"#\s*global\.columns|#FORMAT=|#T_(SP|CH|RL)=|(?!#|-DOCSTART-)\S")


@dataclass(frozen=True, slots=True)
class RowLines:
    """Where the N rows of a corpus stand in its file."""

    path: Path
    form: str  # columns, table or json
    first_N: np.ndarray  # the line where each row begins; rows of one record have the same, and stay together
    last_N: np.ndarray  # the line of its last token
    is_one_document: bool  # its sentences are dealt out, else whole documents

    @property
    def ending(self) -> str:
        """The ending that the files of the splits have: that of the file, without that of compression."""
        return file_ending(self.path)

    def joined(self, parts_N: np.ndarray) -> np.ndarray:
        """Give the part of each row, where rows of one record all go into that of the first of them."""
        _, at_N, record_N = np.unique(self.first_N, return_index=True, return_inverse=True)
        joined_N: np.ndarray = parts_N[at_N][record_N]
        return joined_N

    def write(self, parts_N: np.ndarray, paths: Sequence[Path]) -> None:
        """Write each line of the file into the file of the part that its row belongs to, and headers into all.

        Blank lines belong to the row before them, and so does all that a table or JSON lines have between two rows.
        Other lines between two sentences, such as comments, belong to the sentence behind them.
        """
        rows = zip(self.first_N.tolist(), self.last_N.tolist(), parts_N.tolist())
        next_first, next_last, next_part = next(rows)
        last, part = 0, -1  # of the row before
        between: list[str] = []
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("w", encoding="utf-8", newline="")) for path in paths]
            for number, line in enumerate(raw_lines(self.path), 1):
                if number == next_first:
                    end = self._end(between) if part >= 0 else 0
                    files[part].writelines(between[:end])
                    for each in between[end:]:
                        for file in files if part < 0 and self._is_header(each) else [files[next_part]]:
                            file.write(each)
                    between, last, part = [], next_last, next_part
                    while number == next_first:
                        last = max(last, next_last)
                        next_first, next_last, next_part = next(rows, (0, 0, 0))
                if number > last:
                    between.append(line)
                else:
                    files[part].write(line)
            files[part].writelines(between)

    def _end(self, between: Sequence[str]) -> int:
        """Say how many of the lines between two rows belong to the first of them."""
        if self.form != "columns":
            return len(between)
        is_blank = [not line.strip() for line in between]
        ends = [at for at, line in enumerate(between, 1) if line.startswith("#end document")]
        end = ends[-1] if ends else is_blank.index(True) if any(is_blank) else 0
        while end < len(between) and is_blank[end]:
            end += 1
        return end

    def _is_header(self, line: str) -> bool:
        if self.form != "columns":
            return self.form == "table" and bool(line.strip())
        if line.startswith("#begin document"):  # by which a file of CoNLL-2012 is known
            return self.is_one_document
        return _NAMES.match(line) is not None and not SKIPPED_NODE.fullmatch(line.split()[0])


def read_with_lines(source: str, *, task: str, language: str) -> tuple[DatasetDict, RowLines | None]:
    """Read a corpus, and find the lines of its rows: None where it is no single text file with its rows in lines."""
    path, first, second, _ = parse_source(source, task=task)
    file = Path(path).expanduser()
    form = _form(file, first, second, task)
    if form is None:
        corpus = load_corpus(source, task=task, language=language if task == "tag" else "xx")
        assert isinstance(corpus, DatasetDict)
        return corpus, None
    rows: list[tuple[int, int]] = []  # the first and the last line
    if task == "tag":
        scheme, outside = named_reading(source, None, None)
        parts = tagged_parts(source, None, None, SpanRules(language))[0]
        is_table = any(part.unit == "row" for part in parts.values())
        tagged = {
            name: replace(part, blocks=_noted(part.blocks, rows, _sentence_lines)) for name, part in parts.items()
        }
        corpus = settle(tagged, workspace(), scheme=scheme, outside=outside)
    else:
        labelled = {
            name: [replace(part, blocks=_noted(part.blocks, rows, _text_lines)) for part in parts]
            for name, parts in labelled_parts(source, None, None)[0].items()
        }
        is_table = form == "json"
        corpus = settle_labels(labelled, workspace())
    if is_table:
        rows = [(number, number) for number, line in numbered_lines(file) if line.strip()]
    if len(rows) != sum(map(len, corpus.values())):
        return corpus, None
    first_N, last_N = _filled(np.array(rows, np.int64)).T
    if (np.diff(first_N) < 0).any():
        return corpus, None
    is_one_document = all("document" not in split.column_names for split in corpus.values())
    return corpus, RowLines(file, form, first_N, last_N, is_one_document)


def _form(path: Path, first: Column | None, second: Column | None, task: str) -> str | None:
    """Say what the lines of a file hold; None for what is no file or has no rows in lines."""
    ending = file_ending(path)
    if not path.is_file() or ending in _NO_LINES:
        return None
    if ending in JSON_ENDINGS:
        return "json" if _is_json_lines(path) else None
    if task == "classify":
        return "table" if is_delimited(path) else None
    return "table" if ending in (".csv", ".tsv") and is_word_table(path, first, second) else "columns"


def _is_json_lines(path: Path) -> bool:
    """Say whether each line by itself is a record, as the first of several lines shows."""
    lines = [line for _, line in islice((each for each in numbered_lines(path) if each[1].strip()), 2)]
    try:
        parse_json(lines[0], str(path), advice="")
    except (DataError, IndexError):
        return False
    return len(lines) > 1


def _noted(
    blocks: Iterable[BlockT], rows: list[tuple[int, int]], lines_of: Callable[[BlockT], Iterable[tuple[int, int]]]
) -> Iterator[BlockT]:
    """Pass blocks on, and note the lines of their rows."""
    for block in blocks:
        rows += lines_of(block)
        yield block


def _sentence_lines(block: Block) -> Iterator[tuple[int, int]]:
    end = 0
    for length in np.asarray(block.lengths).tolist():
        start, end = end, end + length
        # an empty sentence has no token whose line is known
        yield (int(block.lines[start]), int(block.lines[end - 1])) if length else (0, 0)


def _text_lines(block: LabelledBlock) -> Iterator[tuple[int, int]]:
    for row in range(len(block.texts)):
        number = block.place(row).rpartition(":")[2]
        yield (int(number), int(number)) if number.isdecimal() else (0, 0)


def _filled(rows_N2: np.ndarray) -> np.ndarray:
    """Put a row whose line is not known into the record before it, at the beginning into the one behind it."""
    known_N = rows_N2[:, 0] > 0
    at_N = np.maximum.accumulate(np.where(known_N, np.arange(len(rows_N2)), np.argmax(known_N)))
    filled_N2: np.ndarray = rows_N2[at_N]
    return filled_N2
