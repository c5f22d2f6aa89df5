"""Take texts with labels from the readers and keep them on disk in Arrow: drafts while reading, datasets at the end.

Labels are numbered by name, blank texts are reported, and all splits get one list of classes. Knows no file format.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.arrow_files import (
    arrow_batches,
    arrow_writer,
    distinct,
    lists_of,
    new_file,
    offsets_of,
    open_dataset,
    renumbering,
)
from seqtag.errors import DataError
from seqtag.text.length_batches import filled

logger = logging.getLogger("seqtag")

_BLOCK_ROWS = 10_000
_BLOCK_CHARACTERS = 4_000_000  # long documents fill a block before its rows do
_SHOWN_BLANKS = 5
_SHOWN_CLASSES = 20
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

LabelledRow: TypeAlias = tuple[str | None, str | None, str]  # text, label, and where it stands, as file:line


@dataclass(frozen=True, slots=True)
class LabelledForm:
    """What the rows of a corpus are made of."""

    tokenised: bool = False  # lists of tokens in the place of texts
    several: bool = False  # each text has a list of labels, which may be empty

    @property
    def columns(self) -> tuple[str, str]:
        """The names of the two columns."""
        return "tokens" if self.tokenised else "text", "labels" if self.several else "label"

    def features(self, names: Sequence[str]) -> Features:
        """Give the features of the datasets that load_corpus returns."""
        text, label = self.columns
        classes = ClassLabel(names=list(names))
        return Features(
            {
                text: ListOf(Value("string")) if self.tokenised else Value("string"),
                label: ListOf(classes) if self.several else classes,
            }
        )


@dataclass(frozen=True, slots=True)
class LabelledBlock:
    """A run of N texts with their labels."""

    texts: Any  # N texts: a list of strings, or an Arrow array of strings or of lists of them; None is a missing text
    labels: Any  # N labels: a list of strings, or an Arrow array of any scalars or of lists of them; so is None
    place: Callable[[int], str]  # says where row i stands: "reviews.csv:17"


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """A file or table on its way in, to be read once; a split is made of one or more."""

    origin: str
    blocks: Iterable[LabelledBlock]
    form: LabelledForm = LabelledForm()
    declared: tuple[str, ...] = ()  # the classes of a ClassLabel, whether or not they occur
    others: Iterable[str] = ()  # names what the source holds besides; to be looked at once the blocks are read


@dataclass(frozen=True, slots=True)
class _Draft:
    """A split in an Arrow file of ours, its labels numbered in order of appearance."""

    path: Path
    num_texts: int


def gather_texts(rows: Iterable[LabelledRow]) -> Iterator[LabelledBlock]:
    """Collect rows into blocks that stay small in memory.

    >>> [block.labels for block in gather_texts([("Yes!", "good", "a.csv:1"), ("No.", "bad", "a.csv:2")])]
    [['good', 'bad']]
    """
    # A short text counts as if it were longer, so that a block does not get too many rows either.
    least = _BLOCK_CHARACTERS // _BLOCK_ROWS
    for run in filled(rows, lambda row: max(len(row[0] or ""), least), _BLOCK_CHARACTERS):
        texts, labels, places = map(list, zip(*run))
        yield LabelledBlock(texts, labels, places.__getitem__)


def settle_labels(parts: Mapping[str, Sequence[LabelledPart]], folder: Path) -> DatasetDict:
    """Write the parts of each split to disk as one dataset, with one ClassLabel over all splits; logs what it found.

    Classes keep the order of a ClassLabel; others are sorted, as numbers where all are numbers. Blank texts stay, as
    empty ones, and are reported. Raises DataError for a missing label, a split without texts and parts of two forms.
    """
    form = common_form([part for split_parts in parts.values() for part in split_parts])
    numbers: dict[str, int] = {}
    drafts = {
        split: _write_draft(split_parts, new_file(folder, ".draft"), form, numbers, split)
        for split, split_parts in parts.items()
    }
    declared = dict.fromkeys(name for split_parts in parts.values() for part in split_parts for name in part.declared)
    names = [*declared, *ordered_classes(name for name in numbers if name not in declared)]
    corpus = DatasetDict()
    for split, draft in drafts.items():
        corpus[split] = _finish(draft, new_file(folder, ".arrow"), form, numbers, names, split)
        draft.path.unlink(missing_ok=True)
    logger.info(
        "%d texts, %d classes (%s): %s",
        sum(draft.num_texts for draft in drafts.values()),
        len(names),
        ", ".join(names[:_SHOWN_CLASSES]) + ", ..." * (len(names) > _SHOWN_CLASSES),
        "; ".join(f"{split} {draft.num_texts} from {_origins(parts[split])}" for split, draft in drafts.items()),
    )
    return corpus


def label_names(dataset: Dataset) -> list[Any]:
    """Give the name of the label of each text of a settled corpus, or the names in its list of labels."""
    if "labels" in dataset.column_names:
        names = dataset.features["labels"].feature.names
        return [[names[i] for i in ids] for ids in dataset["labels"][:]]
    names = dataset.features["label"].names
    return [names[i] for i in dataset["label"][:]]


def ordered_classes(names: Iterable[str]) -> list[str]:
    """Sort class names, as numbers where all of them are numbers.

    >>> ordered_classes(["10", "9", "-1"]), ordered_classes(["10", "9", "b"])
    (['-1', '9', '10'], ['10', '9', 'b'])
    """
    names = sorted(names)
    return sorted(names, key=float) if all(_NUMBER.fullmatch(name) for name in names) else names


def blank_texts(texts: Any, *, tokenised: bool) -> np.ndarray:
    """Say which items of an Arrow array are missing, empty or white space only; shape (N,)."""
    is_blank = pc.equal(pc.list_value_length(texts), 0) if tokenised else pc.equal(pc.utf8_trim_whitespace(texts), "")
    return np.asarray(pc.fill_null(is_blank, True))


def report_blanks(split: str, count: int, places: Sequence[str]) -> None:
    """Warn of blank texts, with the places of the first few."""
    if count:
        texts = "1 text is blank and kept as an" if count == 1 else f"{count} texts are blank and kept as"
        named = ", ".join(places[:_SHOWN_BLANKS]) + ", ..." * (count > _SHOWN_BLANKS)
        logger.warning("%s: %s empty one%s: %s", split, texts, "s" * (count != 1), named)


def common_form(parts: Sequence[LabelledPart]) -> LabelledForm:
    """Give the form of all parts; DataError where two have different columns."""
    first = parts[0]
    for part in parts:
        if part.form != first.form:
            raise DataError(
                f"{part.origin}: its columns are {' and '.join(part.form.columns)}, but those of {first.origin} are "
                f"{' and '.join(first.form.columns)}; give all parts of a corpus one form"
            )
    return first.form


def _origins(parts: Sequence[LabelledPart]) -> str:
    listed = [part.origin for part in parts[:_SHOWN_BLANKS]]
    return " + ".join(listed) + (f" and {len(parts) - len(listed)} more" if len(parts) > len(listed) else "")


def _write_draft(
    parts: Sequence[LabelledPart], path: Path, form: LabelledForm, numbers: dict[str, int], split: str
) -> _Draft:
    columns = [pa.list_(pa.string()) if form.tokenised else pa.string(), pa.int32()]
    schema = pa.schema(
        [("text", columns[0]), ("label", pa.list_(columns[1]) if form.several else columns[1])],
    )
    num_texts = num_blank = 0
    blanks: list[str] = []
    with arrow_writer(path, schema) as write:
        for part in parts:
            for block in part.blocks:
                texts = arrow_strings(block.texts, block.place)
                found = np.flatnonzero(blank_texts(texts, tokenised=form.tokenised))
                blanks += [block.place(int(i)) for i in found[: _SHOWN_BLANKS - len(blanks)]]
                num_blank += len(found)
                write([_emptied(texts, found, form), _numbered(block, form, numbers, bool(part.declared))])
                num_texts += len(texts)
    if not num_texts:
        raise DataError(f"{_origins(parts)}: no text in it; classification needs rows of a text and a label")
    report_blanks(split, num_blank, blanks)
    return _Draft(path, num_texts)


def arrow_strings(values: Any, place: Callable[[int], str]) -> Any:
    """Put a list of strings into Arrow; an Arrow array is returned unchanged. Raises DataError for half a character."""
    if not isinstance(values, list):
        return values
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        row = next(i for i, value in enumerate(values) if value and any("\ud800" <= c <= "\udfff" for c in value))
        raise DataError(
            f"{place(row)}: it holds half of a surrogate pair, which is no character; mend it or leave the row out"
        ) from None


def _emptied(texts: Any, blank: np.ndarray, form: LabelledForm) -> Any:
    """Put the empty text in the place of each blank one."""
    if not len(blank):
        return texts
    if form.tokenised:
        return lists_of(pc.fill_null(pc.list_value_length(texts), 0), texts.flatten())
    mask = np.zeros(len(texts), bool)
    mask[blank] = True
    return pc.if_else(pa.array(mask), "", texts)


def _numbered(block: LabelledBlock, form: LabelledForm, numbers: dict[str, int], declared: bool) -> Any:
    """Give the labels of a block as Arrow numbers, or lists of them; numbers new names."""
    labels = arrow_strings(block.labels, block.place)
    if not form.several:
        return pa.array(_numbers_of(labels, numbers, declared, block.place))
    if labels.null_count:
        raise _missing(block.place(labels.is_null().index(True).as_py()))
    offsets = offsets_of(pc.list_value_length(labels))

    def place(position: int) -> str:
        return block.place(int(np.searchsorted(offsets, position, side="right")) - 1)

    return pa.ListArray.from_arrays(offsets, pa.array(_numbers_of(labels.flatten(), numbers, declared, place)))


def _numbers_of(labels: Any, numbers: dict[str, int], declared: bool, place: Callable[[int], str]) -> np.ndarray:
    values, indices = distinct(labels)
    names = [value if declared else class_name(value) for value in values]
    known = np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names] + [-1], np.int32)
    found: np.ndarray = known[indices]
    if (found < 0).any():
        raise _missing(place(int(np.argmax(found < 0))))
    return found


def _missing(place: str) -> DataError:
    return DataError(f"{place}: the label is missing; every text needs one, so add it or leave the row out")


def class_name(label: str | int | float | bool | None) -> str:
    """Write a label as a class name; empty where there is none.

    >>> [class_name(label) for label in (" good ", 4, 4.0, 0.5, True, float("nan"), None)]
    ['good', '4', '4', '0.5', 'true', '', '']
    """
    if isinstance(label, str):
        return label.strip()
    if label is None or label != label:
        return ""
    if isinstance(label, bool):
        return str(label).lower()
    return str(int(label)) if label == label // 1 and abs(label) != float("inf") else str(label)


def _finish(
    draft: _Draft, path: Path, form: LabelledForm, numbers: Mapping[str, int], names: Sequence[str], split: str
) -> Dataset:
    """Write a draft as the Arrow file of a dataset with ClassLabel, and give the dataset, memory-mapped."""
    features = form.features(names)
    renumber = renumbering(numbers, names)
    with arrow_writer(path, features.arrow_schema) as write:
        for batch in arrow_batches(draft.path):
            texts, labels = batch.columns
            if form.several:
                numbered = pa.array(renumber[labels.values.to_numpy()])
                write([texts, pa.ListArray.from_arrays(labels.offsets, numbered)])
            else:
                write([texts, pa.array(renumber[labels.to_numpy()])])
    return open_dataset(path, split)
