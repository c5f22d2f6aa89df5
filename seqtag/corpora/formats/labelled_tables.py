"""Read labelled texts off datasets, whatever their label columns are made of. Opens nothing: tables.py does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset

from seqtag.corpora.column_roles import LabelledColumns, inner_feature, labelled_columns
from seqtag.corpora.formats.conll import Column
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledForm, LabelledPart, blank_texts, report_blanks
from seqtag.errors import DataError, UsageError

_ROWS = 1_000  # looked at together; they may be long documents


def labelled_table(table: Dataset, origin: str, text: Column | None, label: Column | None) -> LabelledPart:
    """Make the part of a corpus that a dataset is; its rows are read later, in its own order.

    Raises DataError, by row, for an unlabelled one: None, or -1 in a ClassLabel.
    """
    for what, column in (("text", text), ("label", label)):
        if isinstance(column, int):
            raise UsageError(
                f"{origin}: {what}={column} counts columns of a file; those of a table have names: give one"
            )
    columns = labelled_columns(
        table.features,
        text=None if text is None else str(text),
        label=None if label is None else str(label),
        source=origin,
    )
    form = LabelledForm(columns.tokenised, columns.several)
    return LabelledPart(origin, _blocks(table, columns, origin), form, tuple(columns.class_names or ()))


def is_labelled(tables: Mapping[str, Dataset]) -> bool:
    """Say whether datasets already are what load_corpus makes of them, so that no second copy on disk is needed.

    Blank texts that are empty are reported; an unlabelled row, or a blank text that is not empty, needs a copy.
    """
    features = [table.features for table in tables.values()]
    label = "labels" if "labels" in features[0] else "label"
    inner = inner_feature(features[0].get(label))
    classes = inner if inner is not None else features[0].get(label)
    if not isinstance(classes, ClassLabel):
        return False
    form = LabelledForm("tokens" in features[0], label == "labels")
    if any(own != form.features(classes.names) for own in features):
        return False
    found: dict[str, list[int]] = {}
    for split, table in tables.items():
        if not len(table):
            return False
        found[split] = []
        for first, texts, labels in _pieces(table, *form.columns):
            numbers = labels.flatten() if form.several else labels
            blank = np.flatnonzero(blank_texts(texts, tokenised=form.tokenised))
            empty = pc.list_value_length(texts) if form.tokenised else pc.binary_length(texts)
            tidy = not (texts.null_count or labels.null_count or numbers.null_count)
            if not tidy or pc.sum(empty.take(pa.array(blank))).as_py():
                return False
            if len(numbers) and not pc.min(numbers).as_py() >= 0:
                return False
            found[split] += (first + blank).tolist()
    for split, rows in found.items():
        report_blanks(split, len(rows), [f"row {row}" for row in rows[:5]])
    return True


def _blocks(table: Dataset, columns: LabelledColumns, origin: str) -> Iterator[LabelledBlock]:
    for first, texts, labels in _pieces(table, columns.text, columns.label):

        def place(row: int, first: int = first) -> str:
            return f"{origin}, row {first + row}"

        if columns.tokenised:
            texts = texts.cast(pa.list_(pa.string()))
            _check_tokens(texts, columns.text, place)
        else:
            texts = texts.cast(pa.string())
        if columns.class_names is not None:
            labels = _named(labels, columns, place)
        yield LabelledBlock(texts, labels, place)


def _pieces(table: Dataset, text: str, label: str) -> Iterator[tuple[int, Any, Any]]:
    """Give the columns of some rows at a time, as Arrow arrays, after the number of the first row."""
    first = 0
    for piece in table.select_columns([text, label]).with_format("arrow").iter(batch_size=_ROWS):
        texts, labels = (_one_array(piece[column]) for column in (text, label))
        yield first, texts, labels
        first += len(texts)


def _one_array(column: Any) -> Any:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older pyarrow
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    return array


def _check_tokens(lists: Any, column: str, place: Callable[[int], str]) -> None:
    tokens = lists.flatten()
    if tokens.null_count:
        position = tokens.is_null().index(True).as_py()
        raise DataError(f"{place(_row_of(lists, position))}: a null in column {column!r}; each token needs a text")


def _row_of(lists: Any, position: int) -> int:
    """Give the number of the list that an item stands in."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return int(np.searchsorted(np.cumsum(lengths), position, side="right"))


def _named(labels: Any, columns: LabelledColumns, place: Callable[[int], str]) -> Any:
    """Put names in the place of the numbers of a ClassLabel."""
    assert columns.class_names is not None
    numbers = labels.flatten() if columns.several else labels
    codes = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
    for position in np.flatnonzero((codes < 0) | (codes >= len(columns.class_names)))[:1]:
        row = int(position)
        if columns.several:
            ends = np.cumsum(pc.fill_null(pc.list_value_length(labels), 0).to_numpy(zero_copy_only=False))
            row = int(np.searchsorted(ends, position, side="right"))
        raise DataError(
            f"{place(row)}: label number {codes[position]} has no name among the {len(columns.class_names)} of column "
            f"{columns.label!r}; -1 stands for unlabelled rows: leave them out"
        )
    names = pa.DictionaryArray.from_arrays(numbers.cast(pa.int32()), pa.array(columns.class_names, pa.string()))
    if not columns.several or labels.null_count:  # a missing list is an error, by the row, of what comes next
        return labels if columns.several else names
    lengths = pc.list_value_length(labels).to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32), names)
