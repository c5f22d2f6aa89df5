"""Keep rows on disk in Arrow, so that memory does not grow with the corpus: drafts while reading, datasets at the end.

A draft is a split whose tags have numbers in order of appearance; names and their order are known only when all splits
are read. What the tags mean is the business of corpus_tags.
"""

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, Features, NamedSplit, Value
from datasets import Sequence as ListOf

from seqtag.corpora.column_roles import TaggingColumns
from seqtag.corpora.tagged_blocks import Block
from seqtag.corpora.workspace import no_room
from seqtag.errors import DataError

logger = logging.getLogger("seqtag")

_DATASET_ROWS = 5_000  # rows of a dataset that are looked at together

_DRAFT_FIELDS = [("tokens", pa.list_(pa.string())), ("tags", pa.list_(pa.int32())), ("lines", pa.list_(pa.int32()))]


@dataclass(frozen=True, slots=True)
class Part:
    """A split on its way in: where it comes from, and its sentences, to be read once."""

    origin: str  # a file, or the name of a split
    unit: str  # what `lines` count: "" for the lines of a file, else "row", "document", ...
    blocks: Iterable[Block]
    declared: tuple[str, ...] = ()  # tags that the source has names for, whether or not they occur
    documents_named: bool = False  # documents have names, else numbers
    scheme: str | None = None  # the scheme in which the tags were settled before


@dataclass(frozen=True, slots=True)
class Draft:
    """The sentences of a split in an Arrow file of ours: tokens, tags as draft numbers, lines, the document of each."""

    path: Path
    origin: str
    unit: str
    num_sentences: int
    num_tokens: int
    has_documents: bool = False  # there is more than one
    documents_named: bool = False

    def place(self, line: int, position: int) -> str:
        """Say where a token stands, as file:line where there is one."""
        return f"{self.origin}:{line}" if not self.unit else f"{self.origin}, {self.unit} {line}, token {position}"


@dataclass(frozen=True, slots=True)
class DraftBatch:
    """Some sentences of a draft: N tokens in S sentences."""

    tokens: Any  # Arrow strings (N)
    tags: np.ndarray  # draft numbers, int32 (N)
    lines: np.ndarray  # int32 (N)
    offsets: np.ndarray  # int32 (S + 1)
    documents: Any  # Arrow integers or strings (S)


def write_draft(part: Part, folder: Path, tag_numbers: dict[str, int]) -> Draft:
    """Write the sentences of a part to disk block by block, and number tags that are new in `tag_numbers`.

    Raises DataError for an empty tag and for a part without sentences.
    """
    handle, name = tempfile.mkstemp(suffix=".draft", dir=folder)
    os.close(handle)
    draft = Draft(Path(name), part.origin, part.unit, 0, 0)
    num_sentences = num_tokens = 0
    kind = pa.string() if part.documents_named else pa.int64()
    schema = pa.schema([*_DRAFT_FIELDS, ("document", kind)])
    first_document: Any = None
    has_documents = False
    for tag in part.declared:
        tag_numbers.setdefault(tag, len(tag_numbers))
    try:
        with pa.OSFile(name, "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
            for block in part.blocks:
                offsets = np.concatenate(([0], np.cumsum(block.lengths, dtype=np.int32))).astype(np.int32)
                tags = _number_tags(block, tag_numbers, draft)
                lines = pa.array(np.asarray(block.lines, np.int32))
                tokens = pa.array(block.tokens, pa.string()) if isinstance(block.tokens, list) else block.tokens
                columns = [pa.ListArray.from_arrays(offsets, column) for column in (tokens, pa.array(tags), lines)]
                documents = _documents(block, kind)
                if len(documents):
                    first_document = documents[0] if first_document is None else first_document
                    has_documents = has_documents or bool(pc.any(pc.not_equal(documents, first_document)).as_py())
                writer.write_batch(pa.record_batch([*columns, documents], schema=schema))
                num_sentences += len(block.lengths)
                num_tokens += len(tags)
    except OSError as error:
        raise no_room(folder, error) from error
    if not num_sentences:
        raise DataError(f"{part.origin}: no sentence in it; tagging needs rows of tokens and tags")
    counts = num_sentences, num_tokens
    return Draft(draft.path, part.origin, part.unit, *counts, has_documents, part.documents_named)


def _documents(block: Block, kind: pa.DataType) -> pa.Array:
    """Give the document of each sentence, one and the same where the source tells none apart."""
    if block.documents is None:
        return pa.array(np.zeros(len(block.lengths), np.int64)).cast(kind)
    return pa.array(block.documents, kind) if isinstance(block.documents, list) else block.documents.cast(kind)


def _number_tags(block: Block, tag_numbers: dict[str, int], draft: Draft) -> np.ndarray:
    tags = pa.array(block.tags, pa.string()) if isinstance(block.tags, list) else block.tags
    coded = tags if isinstance(tags, pa.DictionaryArray) else tags.dictionary_encode()
    names = [name.strip() for name in coded.dictionary.to_pylist()]
    indices = coded.indices.to_numpy(zero_copy_only=False)
    for number, name in enumerate(names):
        if not name and (found := np.flatnonzero(indices == number)).size:
            starts = np.concatenate(([0], np.cumsum(block.lengths)))
            first = int(found[0])
            position = first - int(starts[np.searchsorted(starts, first, side="right") - 1])
            place = draft.place(int(block.lines[first]), position)
            raise DataError(f"{place}: the tag is empty; every token needs one, 'O' outside of entities")
        tag_numbers.setdefault(name, len(tag_numbers))
    return np.array([tag_numbers[name] for name in names], np.int32)[indices] if names else np.zeros(0, np.int32)


def draft_batches(draft: Draft) -> Iterator[DraftBatch]:
    """Go through a draft batch by batch, with one batch in memory at a time."""
    # not mapped: the pages of a large file would count as memory of the process
    with pa.OSFile(str(draft.path), "rb") as source:
        for batch in pa.ipc.open_stream(source):
            tokens, tags, lines, documents = batch.columns
            flat = tags.values.to_numpy(), lines.values.to_numpy()
            yield DraftBatch(tokens.values, *flat, tokens.offsets.to_numpy(), documents)


def discard(draft: Draft) -> None:
    """Delete a draft that is no longer needed; the end of the process does it where the system holds on to it."""
    with suppress(OSError):
        draft.path.unlink()


def document_type(drafts: Iterable[Draft]) -> str | None:
    """Give the type of the column `document` of a corpus, one for all splits; None where no split has documents."""
    drafts = list(drafts)
    if not any(draft.has_documents for draft in drafts):
        return None
    return "string" if any(draft.documents_named for draft in drafts) else "int64"


def tagged_features(names: Sequence[str], document: str | None = None) -> Features:
    """Give the features of every corpus that load_corpus returns; `document` is the type of the column, if it is there.

    >>> list(tagged_features(["O", "B-PER"], "int64"))
    ['tokens', 'tags', 'document']
    """
    features = {"tokens": ListOf(Value("string")), "tags": ListOf(ClassLabel(names=list(names)))}
    return Features(features | ({"document": Value(document)} if document else {}))


def documents_of(dataset: Dataset) -> list[int | str] | None:
    """Give the document of each row of a corpus of ours; None where no two documents are told apart.

    >>> documents_of(Dataset.from_dict({"tokens": [["Ada"], ["Bo"]], "document": [1, 2]}))
    [1, 2]
    """
    if "document" not in dataset.features:
        return None
    found: list[int | str] = dataset["document"][:]
    return found if len(set(found)) > 1 and None not in found else None


def finish_draft(
    draft: Draft,
    folder: Path,
    split: str,
    tag_numbers: Mapping[str, int],
    names: Sequence[str],
    document: str | None,
) -> Dataset:
    """Write a draft as the Arrow file of a dataset with ClassLabel tags, and give the dataset, memory-mapped."""
    features = tagged_features(names, document)
    final = {name: number for number, name in enumerate(names)}
    renumber = np.zeros(max(len(tag_numbers), 1), np.int64)
    for name, number in tag_numbers.items():
        renumber[number] = final.get(name, 0)  # a name that is not kept does not occur
    path = folder / f"{split}.arrow"
    try:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, features.arrow_schema) as writer:
            for batch in draft_batches(draft):
                tags = pa.array(renumber[batch.tags])
                columns = [pa.ListArray.from_arrays(batch.offsets, column) for column in (batch.tokens, tags)]
                columns += [batch.documents.cast(document)] if document else []
                writer.write_batch(pa.record_batch(columns, schema=features.arrow_schema))
    except OSError as error:
        raise no_room(folder, error) from error
    return Dataset.from_file(str(path), split=NamedSplit(split))


def dataset_blocks(
    dataset: Dataset, columns: TaggingColumns, origin: str, *, document: str | None = None
) -> Iterator[Block]:
    """Read token and tag lists off a dataset, rows in its own order, tags by name; `document` is a column, if any.

    Where documents are missing in some rows, all are left out, which is logged. Raises DataError, by row, for a missing
    list, token or tag, and for lists of unequal length.
    """
    if document is not None and (row := _first_null(dataset, document)) is not None:
        logger.warning("%s, row %d: column %r is empty, so documents are not told apart", origin, row, document)
        document = None
    wanted = [columns.token, columns.tag, *([document] if document else [])]
    table = dataset.select_columns(wanted).with_format("arrow")
    first = 0
    for piece in table.iter(batch_size=_DATASET_ROWS):
        tokens, token_lengths = _flat(piece, columns.token, origin, first)
        tags, tag_lengths = _flat(piece, columns.tag, origin, first)
        for row in np.flatnonzero(token_lengths != tag_lengths)[:1]:
            raise DataError(
                f"{origin}, row {first + row}: {token_lengths[row]} tokens but {tag_lengths[row]} tags; "
                "each token needs one tag"
            )
        lines = np.repeat(np.arange(first, first + len(token_lengths), dtype=np.int32), token_lengths)
        if columns.tag_names is not None:
            numbers = tags.to_numpy(zero_copy_only=False)
            for position in np.flatnonzero((numbers < 0) | (numbers >= len(columns.tag_names)))[:1]:
                raise DataError(
                    f"{origin}, row {lines[position]}: tag number {numbers[position]} has no name among the "
                    f"{len(columns.tag_names)} of column {columns.tag!r}; -1 stands for unlabelled rows: leave them out"
                )
            tags = pa.DictionaryArray.from_arrays(numbers.astype(np.int32), columns.tag_names)
        documents = _one_chunk(piece[document]) if document else None
        yield Block(tokens.cast(pa.string()), tags, lines, token_lengths, documents)
        first += len(token_lengths)


def _first_null(dataset: Dataset, column: str) -> int | None:
    first = 0
    for piece in dataset.select_columns(column).with_format("arrow").iter(batch_size=_DATASET_ROWS):
        if piece[column].null_count:
            return first + int(pc.index(piece[column].is_null(), True).as_py())
        first += len(piece)
    return None


def _one_chunk(column: Any) -> Any:
    chunk = column.combine_chunks()
    if isinstance(chunk, pa.ChunkedArray):  # older pyarrow
        chunk = chunk.chunk(0) if chunk.num_chunks else pa.array([], chunk.type)
    return chunk


def _flat(piece: Any, column: str, origin: str, first: int) -> tuple[Any, np.ndarray]:
    """Give the items of a list column end to end, and the length of each list."""
    lists = _one_chunk(piece[column])
    if lists.null_count:
        row = first + lists.is_null().index(True).as_py()
        raise DataError(f"{origin}, row {row}: column {column!r} is empty; leave the row out or give a list")
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    items = lists.flatten()
    if items.null_count:
        position = items.is_null().index(True).as_py()
        row = first + int(np.searchsorted(np.cumsum(lengths), position, side="right"))
        raise DataError(f"{origin}, row {row}: a null in column {column!r}; each token needs a text and a tag")
    return items, lengths
