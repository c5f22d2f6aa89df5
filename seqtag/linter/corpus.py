"""Read a corpus as it is, for the data linter: nothing is repaired, dropped or refused, and places are kept.

This module uses the readers below load_corpus, which know lines. It turns words and labels into numbers, about sixteen
bytes per token. A split that can't be read is reported and left out.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from seqtag.corpora.arrow_files import distinct
from seqtag.corpora.formats.arrow_tables import JSON_ENDINGS
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledPart, arrow_strings, class_name, common_form
from seqtag.corpora.lines import file_ending
from seqtag.corpora.loading import Source, labelled_parts, tagged_parts
from seqtag.corpora.source_names import parse_source
from seqtag.corpora.span_alignment import SpanRules
from seqtag.corpora.splits import in_order, name_splits, unnamed_files
from seqtag.corpora.tagged_blocks import Block, Part, SpanFault
from seqtag.errors import DataError, UsageError
from seqtag.linter.findings import Tally
from seqtag.text.characters import DAMAGED, unseen_in

# Chinese and Japanese are written without blanks: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|[^\w\s]")
_EXCERPT = 100  # characters of a text that are kept for showing it
_AROUND = 20  # characters that are shown before and after an invisible one

Sources: TypeAlias = Source | Mapping[str, str | os.PathLike[str]]
Options: TypeAlias = Mapping[str, Any]
Watch: TypeAlias = Callable[[str], None]  # is called with the name of each step as it begins


@dataclass(frozen=True, slots=True)
class Mark:
    """A text with invisible characters or with U+FFFD."""

    row: int
    characters: Sequence[str]
    excerpt: str  # the text around the first of these characters


@dataclass(frozen=True)
class Rows:
    """A split of S rows, sentences or texts, with N words and M labels."""

    name: str
    origin: str
    words: np.ndarray  # int32 (N), numbers into Corpus.words
    offsets: np.ndarray  # int64 (S + 1): row s has words[offsets[s]:offsets[s + 1]]
    labels: np.ndarray  # int32 (M), numbers into Corpus.labels; -1 is a missing one
    label_offsets: np.ndarray  # int64 (S + 1); of tags they are `offsets`
    place: Callable[[int, int], str]  # says where row s is, or its word at a position of the row
    excerpt: Callable[[int], str]  # gives the beginning of row s
    marks: Sequence[Mark] = ()  # of texts; Corpus.words holds the words of sentences for that
    lines: np.ndarray | None = None  # of words, int32 (N), in the file `origin`; None where there are none
    broken: Sequence[int] = ()  # rows of a table whose text goes over several lines
    scheme: str | None = None  # the scheme that the dataset carries, if load_corpus made it
    has_lists: bool = False  # whether each text has a list of labels

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words of each row, (S,)."""
        return np.diff(self.offsets)

    @cached_property
    def keys(self) -> list[bytes]:
        """A key for each row, equal for rows with the same words."""
        words, offsets = self.words, self.offsets.tolist()
        return [words[start:end].tobytes() for start, end in pairwise(offsets)]

    def labels_of(self, row: int) -> np.ndarray:
        """Give the labels of a row, as numbers."""
        return self.labels[self.label_offsets[row] : self.label_offsets[row + 1]]

    def place_of(self, position: int) -> str:
        """Say where a word is, by its position in the split."""
        row = int(np.searchsorted(self.offsets, position, side="right")) - 1
        return self.place(row, position - int(self.offsets[row]))

    def place_of_row(self, row: int) -> str:
        """Say where a row is."""
        return self.place(row, -1)

    def quoted(self, row: int) -> tuple[str, str]:
        """Give the place and the beginning of a row, as an example of a finding."""
        return self.place_of_row(row), repr(self.excerpt(row))


@dataclass(frozen=True)
class Corpus:
    """The splits that could be read, and what could not be read."""

    task: str
    words: Sequence[str]
    labels: Sequence[str]  # tags, as the corpus has them, or classes
    splits: Mapping[str, Rows]
    unreadable: Mapping[str, str]  # split, or "" where no split is known -> the reader's message
    faults: Mapping[str, Sequence[SpanFault]]  # by split: spans that cut a token, contradict their words, or overlap
    unnamed: Sequence[str] = ()  # files of a folder, each taken as a split, though none is named after one

    @property
    def unit(self) -> str:
        """What messages call the rows."""
        return "sentences" if self.task == "tag" else "texts"

    def tally(
        self, kind: str, find: Callable[[Rows], Sequence[int]], show: Callable[[Rows, int], tuple[str, str]]
    ) -> Tally:
        """Count what `find` finds in each split; `show` makes an example, a place and a text, of one of these."""
        tally = Tally(kind)
        for split, rows in self.splits.items():
            found = find(rows)
            tally.add(split, len(found), (show(rows, number) for number in found))
        return tally


def read_rows(source: Sources, task: str, options: Options, watch: Watch = lambda what: None) -> Corpus:
    """Read a corpus; what the readers refuse is in `unreadable`. Raises UsageError for an invalid source."""
    words: dict[str, int] = {}
    labels: dict[str, int] = {}
    splits: dict[str, Rows] = {}
    faults: dict[str, Sequence[SpanFault]] = {}
    parts, unreadable, unnamed = _open(source, task, options)
    first: list[LabelledPart] = []  # a part of the first split of texts, whose form all splits have
    for name in in_order(parts):
        watch(f"reading {name}")
        try:
            if task == "tag":
                splits[name] = _read_tagged(name, parts[name], words, labels)
                faults[name] = parts[name].faults
            else:
                common_form([*first, *parts[name]])
                splits[name] = _read_labelled(name, parts[name], words, labels)
                first = parts[name][:1]
        except DataError as error:
            unreadable[name] = str(error)
    return Corpus(task, list(words), list(labels), splits, unreadable, faults, unnamed)


def _open(source: Sources, task: str, options: Options) -> tuple[Mapping[str, Any], dict[str, str], Sequence[str]]:
    """Open a source, or one per split, and give the parts by split, what can't be opened, and files without a split."""
    unreadable: dict[str, str] = {}
    unnamed: list[str] = []
    if isinstance(source, Mapping) and any(isinstance(each, (str, os.PathLike)) for each in source.values()):
        sources: dict[str, Any] = {split: source[name] for name, split in name_splits(source).items()}
    else:
        try:
            return _open_one(source, task, options), unreadable, unnamed
        except DataError as error:
            files, options = _unnamed(source, options) if task == "tag" else ([], options)
            unnamed = [file.name for file in files]
            unreadable = {} if files else {"": str(error)}
            # as `load_corpus` takes a file that is given alone
            sources = {file.name if len(files) > 1 else "train": file for file in files}
    parts: dict[str, Any] = {}
    for split, path in sources.items():
        try:
            found = _open_one(path, task, options)
        except DataError as error:
            unreadable[split] = str(error)
            continue
        if len(found) > 1:
            raise UsageError(
                f"{path}: it has the splits {', '.join(found)}, but has to be the one split {split!r}; give it "
                "alone, or a file for each split"
            )
        parts[split] = next(iter(found.values()))
    return parts, unreadable, unnamed


def _open_one(source: Any, task: str, options: Options) -> Mapping[str, Any]:
    if task == "classify":
        return labelled_parts(source, options.get("text"), options.get("label"))[0]
    columns = options.get("token"), options.get("tag")
    return tagged_parts(source, *columns, SpanRules(options["language"], only_listed=True))[0]


def _unnamed(source: Any, options: Options) -> tuple[Sequence[Path], Options]:
    """Give the files of a folder in which no split has a name, and the columns that were named with it."""
    if not isinstance(source, (str, os.PathLike)):
        return [], options
    path, token, tag, _ = parse_source(os.fspath(source), options.get("token"), options.get("tag"))
    folder = Path(path).expanduser()
    return (unnamed_files(folder) if folder.is_dir() else []), {**options, "token": token, "tag": tag}


def _read_tagged(name: str, part: Part, words: dict[str, int], tags: dict[str, int]) -> Rows:
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    block: Block
    for block in part.blocks:
        numbers = _numbers(block.tokens, words, str), _numbers(block.tags, tags, str.strip)
        pieces.append((*numbers, np.asarray(block.lines, np.int32), np.asarray(block.lengths, np.int64)))
    if not pieces:
        raise DataError(f"{part.origin}: no sentence in it; tagging needs rows of tokens and tags")
    tokens, labels, lines, lengths = (np.concatenate(columns) for columns in zip(*pieces))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    known = list(words)

    def place(row: int, position: int = -1) -> str:
        start, end = offsets[row : row + 2].tolist()
        if start == end:
            return f"{part.origin}, {part.unit or 'sentence'} {row if part.unit == 'row' else row + 1}"
        return part.place(lines[start + max(position, 0)], position)

    def excerpt(row: int) -> str:
        start, end = offsets[row : row + 2].tolist()
        words = (known[number] for number in tokens[start : min(end, start + _EXCERPT // 4)].tolist())
        return " ".join(word[:_EXCERPT] for word in words)

    known_lines = None if part.unit or file_ending(part.origin) in JSON_ENDINGS else lines
    return Rows(
        name, part.origin, tokens, offsets, labels, offsets, place, excerpt, lines=known_lines, scheme=part.scheme
    )


def _read_labelled(name: str, parts: Sequence[LabelledPart], words: dict[str, int], classes: dict[str, int]) -> Rows:
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    places: list[tuple[int, Callable[[int], str]]] = []
    excerpts: list[str] = []
    marks: list[Mark] = []
    broken: list[int] = []
    form = common_form(parts)
    block: LabelledBlock
    for part in parts:
        is_table = file_ending(part.origin) in (".csv", ".tsv")
        for block in part.blocks:
            first = len(excerpts)
            texts = arrow_strings(block.texts, block.place).to_pylist()
            found = [_words_of(text) for text in texts]
            for row, text in enumerate(texts, first):
                whole = text if isinstance(text, str) else " ".join(text or ())
                excerpts.append(whole[:_EXCERPT])
                if is_table and "\n" in whole:
                    broken.append(row)
                if found_in := [*unseen_in(whole), *([DAMAGED] if DAMAGED in whole else [])]:
                    at = whole.index(found_in[0])
                    marks.append(Mark(row, found_in, whole[max(0, at - _AROUND) : at + _AROUND]))
            rows = arrow_strings(block.labels, block.place).to_pylist()
            lists = [labels if form.several else [labels] for labels in rows]
            lists = [[None] if labels is None else labels for labels in lists]  # a missing list is a missing label
            pieces.append(
                (
                    _numbers([word for row_words in found for word in row_words], words, str),
                    _numbers([label for row_labels in lists for label in row_labels], classes, class_name),
                    np.array(list(map(len, found)), np.int64),
                    np.array(list(map(len, lists)), np.int64),
                )
            )
            places.append((first, block.place))
    if not pieces:
        raise DataError(f"{parts[0].origin}: no text in it; classification needs rows of a text and a label")
    tokens, labels, lengths, label_lengths = (np.concatenate(columns) for columns in zip(*pieces))
    firsts = np.array([first for first, _ in places])

    def place(row: int, position: int = -1) -> str:
        first, place_in_block = places[int(np.searchsorted(firsts, row, side="right")) - 1]
        return place_in_block(row - first)

    offsets, label_offsets = (np.concatenate(([0], np.cumsum(each))) for each in (lengths, label_lengths))
    origin = parts[0].origin + (f" and {len(parts) - 1} more" if len(parts) > 1 else "")
    excerpt = excerpts.__getitem__
    return Rows(
        name, origin, tokens, offsets, labels, label_offsets, place, excerpt, marks, None, broken, None, form.several
    )


def _words_of(text: str | Sequence[str] | None) -> Sequence[str]:
    return _WORD.findall(text) if isinstance(text, str) else text or []


def _numbers(values: Any, numbers: dict[str, int], name_of: Callable[[Any], str]) -> np.ndarray:
    """Give the number of each value's name, int32 (N); new names get the next numbers, an empty name -1.

    A word may be empty, a label may not: with `str` as `name_of`, an empty name gets a number too.
    """
    found, indices = distinct(values)
    names = [name_of(value) for value in found]
    known = [numbers.setdefault(name, len(numbers)) if name or name_of is str else -1 for name in names] + [-1]
    numbered: np.ndarray = np.array(known, np.int32)[indices]
    return numbered
