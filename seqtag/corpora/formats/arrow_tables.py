"""Open tables through `datasets`, and read tagged tokens or labelled texts off them.

Tables are Parquet, Arrow, JSON and CSV files, saved folders, hub layouts and hub names. Local files are read anew each
time, into a folder that goes with the process: an old cache would show old data.
"""

import logging
import lzma
import os
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, load_dataset, load_dataset_builder, load_from_disk
from datasets.exceptions import DatasetsError

from seqtag.corpora.arrow_files import lists_of, one_array
from seqtag.corpora.column_roles import (
    Column,
    LabelledColumns,
    TaggingColumns,
    annotated_column,
    header_name,
    inner_feature,
    labelled_columns,
)
from seqtag.corpora.formats.json_tables import json_table
from seqtag.corpora.json_text import json_records, parse_json
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledForm, LabelledPart, blank_texts, report_blanks
from seqtag.corpora.lines import file_ending, whole_text
from seqtag.corpora.table_sizes import check_unpacked, check_values, packed_kind
from seqtag.corpora.tagged_blocks import Block
from seqtag.corpora.workspace import workspace
from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import UNKNOWN_TAG

logger = logging.getLogger("seqtag")

TABLE_ENDINGS = (".parquet", ".arrow", ".csv")
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")

# What pyarrow, pandas and `datasets` raise for files that are damaged or of another kind, which are DataErrors too.
_UNREADABLE = (
    *(DatasetsError, OSError, ValueError, TypeError, OverflowError, RuntimeError, AttributeError, KeyError, EOFError),
    *(pa.ArrowException, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
_SENTENCES = 5_000  # rows of tokens and tags that are looked at together
_TEXTS = 1_000  # the same for texts, which may be long documents


def is_saved(folder: Path) -> bool:
    """Say whether a folder was written by `save_to_disk`."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_tables(folder: Path) -> Mapping[str, Dataset]:
    """Open a folder written by `save_to_disk`; a single dataset is the split train."""
    try:
        for state in folder.rglob("state.json"):
            for entry in parse_json(whole_text(state), str(state), advice="save it again with save_to_disk")[
                "_data_files"
            ]:
                check_unpacked(state.parent / entry["filename"], ending=".arrow")
        loaded = load_from_disk(str(folder))
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(
            f"{folder}: can't be read as a saved dataset ({error}); save it again with save_to_disk"
        ) from error
    tables = loaded if isinstance(loaded, DatasetDict) else {"train": loaded}
    return {name: _whole(table, folder) for name, table in tables.items()}


def is_configured(folder: Path) -> bool:
    """Say whether a folder's README has the header by which the hub knows configurations and data files."""
    readme = folder / "README.md"
    if not readme.is_file():
        return False
    header = readme.read_text(encoding="utf-8", errors="replace").split("\n---", 1)[0]
    return header.startswith("---") and ("\nconfigs:" in header or "\ndataset_info:" in header)


def has_tables(folder: Path) -> bool:
    """Say whether a folder, or one right inside it, holds tables."""
    # no deeper: a look at the wrong folder would go through all that lies below
    folders = [folder, *(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))]
    return any(path.suffix in TABLE_ENDINGS + JSON_ENDINGS for each in folders for path in each.iterdir())


def table_folder(folder: Path, config: str | None) -> Mapping[str, Dataset]:
    """Open a local folder in hub layout."""
    return _load(str(folder), config, cache_dir=str(workspace()))


def hub_tables(name: str, config: str | None) -> Mapping[str, Dataset]:
    """Load a dataset from the hub by name, through the cache of `datasets`; UsageError where it can't be had."""
    try:
        return _load(name, config)
    except (FileNotFoundError, ConnectionError, TimeoutError) as error:
        raise UsageError(
            f"{name}: there is no such file or folder in {os.getcwd()}, and no data set of that name could be loaded "
            f"from the hub ({error}); check the path, or the name and the connection; offline, download the data set "
            "first and give its folder"
        ) from error


def table_file(path: Path, ending: str) -> Dataset:
    """Open one Parquet, Arrow, CSV or JSON file."""
    if ending in JSON_ENDINGS:
        return json_table(path)
    if (kind := packed_kind(path)) is not None:
        raise DataError(f"{path}: the file is {kind}, though its name does not say so; unpack it first")
    try:
        check_unpacked(path, ending=ending)
        if ending == ".arrow":
            return _whole(Dataset.from_file(str(path)), path)
        reader = Dataset.from_parquet if ending == ".parquet" else Dataset.from_csv
        return _whole(reader(str(path), cache_dir=str(workspace())), path)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(f"{path}: can't be read as {ending[1:]} ({_cause(error)}); write the file again") from error


def _load(name: str, config: str | None, **options: Any) -> Mapping[str, Dataset]:
    try:
        if options:
            _check_files(load_dataset_builder(name, config, **options).config.data_files or {})
        return dict(load_dataset(name, config, **options))
    except (FileNotFoundError, ConnectionError, TimeoutError):
        if options:
            raise DataError(f"{name}: the folder holds no data files that `datasets` can read") from None
        raise
    except DataError:
        raise
    except _UNREADABLE as error:
        advice = "choose a configuration with NAME:config=..." if "onfig" in str(error) else "convert it to Parquet"
        raise DataError(f"{name}: the data set can't be read ({_cause(error)}); {advice}") from error


def _check_files(files: Mapping[str, Sequence[str]]) -> None:
    """Raise DataError for files that would unpack to too much, and for JSON files that hold no records.

    Some of the latter end the process inside pyarrow.
    """
    for path in (Path(path) for paths in files.values() for path in paths):
        if path.is_file():
            check_unpacked(path, ending=path.suffix.lower())
            if file_ending(path) in JSON_ENDINGS:
                deque(json_records(path), maxlen=0)


def _whole(dataset: Dataset, path: Path) -> Dataset:
    """Give a dataset back whose file is mapped into memory; DataError where it is damaged."""
    check_values(dataset.data, path)
    return dataset


def _cause(error: BaseException) -> str:
    """Give the message of what went wrong first: `datasets` wraps it once or twice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__


def dataset_blocks(
    dataset: Dataset, columns: TaggingColumns, origin: str, *, document: str | None = None
) -> Iterator[Block]:
    """Read token and tag lists off a dataset, rows in its own order, tags by name; `document` is a column, if any.

    A tag that is null, -1 or -100 is unknown. Where documents are missing in some rows, all are left out, which is
    logged. Raises DataError, by row, for a missing list or token, and for lists of unequal length.
    """
    annotated = annotated_column(dataset.features)
    if document is not None and (row := _first_null(dataset, document)) is not None:
        logger.warning("%s, row %d: column %r is empty, so documents are not told apart", origin, row, document)
        document = None
    optional = [column for column in (document, annotated) if column]
    for first, arrays in _pieces(dataset, [columns.token, columns.tag, *optional], _SENTENCES):
        more = dict(zip(optional, arrays[2:]))
        tokens, token_lengths = _flat(arrays[0], columns.token, origin, first)
        tags, tag_lengths = _flat(arrays[1], columns.tag, origin, first, may_be_null=True)
        for row in np.flatnonzero(token_lengths != tag_lengths)[:1]:
            raise DataError(
                f"{origin}, row {first + row}: {token_lengths[row]} tokens but {tag_lengths[row]} tags; "
                "each token needs one tag"
            )
        lines = np.repeat(np.arange(first, first + len(token_lengths), dtype=np.int32), token_lengths)
        if columns.tag_names is None:
            tags = pc.fill_null(tags, UNKNOWN_TAG) if tags.null_count else tags
        else:
            numbers = pc.fill_null(tags, -1).to_numpy(zero_copy_only=False)
            names, is_unknown = columns.tag_names, (numbers == -1) | (numbers == -100)
            if is_unknown.any():
                names = list(dict.fromkeys([*names, UNKNOWN_TAG]))
                numbers = np.where(is_unknown, names.index(UNKNOWN_TAG), numbers)

            def place(position: int, lines: np.ndarray = lines) -> str:
                return f"{origin}, row {lines[position]}"

            _check_numbers(numbers, names, columns.tag, "tag", place)
            tags = pa.DictionaryArray.from_arrays(numbers.astype(np.int32), names)
        documents, labels = (more[column] if column else None for column in (document, annotated))
        yield Block(tokens.cast(pa.string()), tags, lines, token_lengths, documents=documents, annotated=labels)


def _first_null(dataset: Dataset, column: str) -> int | None:
    for first, (values,) in _pieces(dataset, [column], _SENTENCES):
        if values.null_count:
            return first + _null_position(values)
    return None


def _flat(lists: Any, column: str, origin: str, first: int, *, may_be_null: bool = False) -> tuple[Any, np.ndarray]:
    """Give the items of a list column end to end, and the length of each list; `may_be_null` says it of an item."""
    if lists.null_count:
        row = first + _null_position(lists)
        raise DataError(f"{origin}, row {row}: column {column!r} is empty; leave the row out or give a list")
    items = lists.flatten()
    if items.null_count and not may_be_null:
        row = first + _row_of(lists, _null_position(items))
        raise DataError(f"{origin}, row {row}: a null in column {column!r}; each token needs a text")
    return items, pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)


def labelled_table(table: Dataset, origin: str, text: Column | None, label: Column | None) -> LabelledPart:
    """Make a dataset a part of a corpus; its rows are read later, in their own order.

    Raises DataError, by row, for an unlabelled one: None, or -1 in a ClassLabel.
    """
    columns = labelled_columns(
        table.features,
        text=header_name(text, "text", origin),
        label=header_name(label, "label", origin),
        source=origin,
    )
    form = LabelledForm(columns.tokenised, columns.several)
    others = [name for name in table.features if name not in (columns.text, columns.label)]
    blocks = _labelled_blocks(table, columns, origin)
    return LabelledPart(origin, blocks, form, tuple(columns.class_names or ()), others)


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
    if any(each != form.features(classes.names) for each in features):
        return False
    found: dict[str, list[int]] = {}
    for split, table in tables.items():
        if not len(table):
            return False
        found[split] = []
        for first, (texts, labels) in _pieces(table, form.columns, _TEXTS):
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


def _labelled_blocks(table: Dataset, columns: LabelledColumns, origin: str) -> Iterator[LabelledBlock]:
    for first, (texts, labels) in _pieces(table, (columns.text, columns.label), _TEXTS):

        def place(row: int, first: int = first) -> str:
            return f"{origin}, row {first + row}"

        if columns.tokenised:
            texts = texts.cast(pa.list_(pa.string()))
            if (tokens := texts.flatten()).null_count:
                row = _row_of(texts, _null_position(tokens))
                raise DataError(f"{place(row)}: a null in column {columns.text!r}; each token needs a text")
        else:
            texts = texts.cast(pa.string())
        if columns.class_names is not None:
            labels = _named(labels, columns, place)
        yield LabelledBlock(texts, labels, place)


def _named(labels: Any, columns: LabelledColumns, place: Callable[[int], str]) -> Any:
    """Put names in the place of the numbers of a ClassLabel."""
    assert columns.class_names is not None
    numbers = labels.flatten() if columns.several else labels
    codes = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)

    def place_of(position: int) -> str:
        return place(_row_of(labels, position) if columns.several else position)

    _check_numbers(codes, columns.class_names, columns.label, "label", place_of)
    names = pa.DictionaryArray.from_arrays(numbers.cast(pa.int32()), pa.array(columns.class_names, pa.string()))
    if not columns.several or labels.null_count:  # a missing list is an error, by the row, of what comes next
        return labels if columns.several else names
    return lists_of(pc.list_value_length(labels), names)


def _check_numbers(
    numbers: np.ndarray, names: Sequence[str], column: str, what: str, place: Callable[[int], str]
) -> None:
    for position in np.flatnonzero((numbers < 0) | (numbers >= len(names)))[:1]:
        raise DataError(
            f"{place(int(position))}: {what} number {numbers[position]} has no name among the {len(names)} of "
            f"column {column!r}; -1 stands for unlabelled rows: leave them out"
        )


def _pieces(table: Dataset, columns: Sequence[str], num_rows: int) -> Iterator[tuple[int, list[Any]]]:
    """Give the columns of some rows at a time, as Arrow arrays, after the number of the first row."""
    first = 0
    for piece in table.select_columns(list(columns)).with_format("arrow").iter(batch_size=num_rows):
        yield first, [one_array(piece[column]) for column in columns]
        first += len(piece)


def _null_position(values: Any) -> int:
    return int(values.is_null().index(True).as_py())


def _row_of(lists: Any, position: int) -> int:
    """Give the number of the list that an item stands in."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return int(np.searchsorted(np.cumsum(lengths), position, side="right"))
