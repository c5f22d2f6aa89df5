"""Take sentences with tags from the readers and keep them on disk in Arrow: drafts while reading, datasets at the end.

The tags of a draft have numbers in order of appearance, because names and their order are known only when all splits
are read. What the tags mean is the business of tag_normalising.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, Features, Value
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
from seqtag.corpora.tagged_blocks import Block, Part
from seqtag.errors import DataError
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG

_LABELS = pa.list_(pa.string())
_DRAFT_FIELDS = [("tokens", pa.list_(pa.string())), ("tags", pa.list_(pa.int32())), ("lines", pa.list_(pa.int32()))]
_DRAFT_FIELDS += [(ANNOTATED, _LABELS)]


@dataclass(frozen=True, slots=True)
class Draft:
    """The sentences of a split in an Arrow file of ours: tokens, tags as draft numbers, lines, the document of each."""

    path: Path
    part: Part  # what was read; its blocks are used up
    num_sentences: int
    num_tokens: int
    has_documents: bool  # there is more than one
    is_partial: bool  # in some sentences only some labels were annotated


@dataclass(frozen=True, slots=True)
class DraftBatch:
    """Some sentences of a draft: N tokens in S sentences."""

    tokens: Any  # Arrow strings (N)
    tags: np.ndarray  # draft numbers, int32 (N)
    lines: np.ndarray  # int32 (N)
    offsets: np.ndarray  # int32 (S + 1)
    documents: Any  # Arrow integers or strings (S)
    annotated: Any  # Arrow lists of strings (S), null for all labels


def write_draft(part: Part, folder: Path, tag_numbers: dict[str, int], *, unknown: str | None = UNKNOWN_TAG) -> Draft:
    """Write the sentences of a part to disk block by block, and number tags that are new in `tag_numbers`.

    The tag `unknown` is that of tokens that nobody annotated, which is ? from there on.

    Raises DataError for an empty tag and for a part without sentences.
    """
    path = new_file(folder, ".draft")
    num_sentences = num_tokens = 0
    is_partial = False
    kind = pa.string() if part.documents_named else pa.int64()
    first_document: Any = None
    has_documents = False
    for tag in part.declared:
        tag_numbers.setdefault(tag, len(tag_numbers))
    with arrow_writer(path, pa.schema([*_DRAFT_FIELDS, ("document", kind)])) as write:
        for block in part.blocks:
            tags = _number_tags(block, tag_numbers, part, part.unknown or unknown)
            lines = np.asarray(block.lines, np.int32)
            tokens = pa.array(block.tokens, pa.string()) if isinstance(block.tokens, list) else block.tokens
            documents = _documents(block, kind)
            if len(documents):
                first_document = documents[0] if first_document is None else first_document
                has_documents = has_documents or bool(pc.any(pc.not_equal(documents, first_document)).as_py())
            annotated = pa.nulls(len(block.lengths), _LABELS)
            if block.annotated is not None:
                annotated = pa.array(block.annotated, _LABELS)
                is_partial = is_partial or annotated.null_count < len(annotated)
            lists = (lists_of(block.lengths, items) for items in (tokens, pa.array(tags), pa.array(lines)))
            write([*lists, annotated, documents])
            num_sentences += len(block.lengths)
            num_tokens += len(tags)
    if not num_sentences:
        raise DataError(f"{part.origin}: no sentence in it; tagging needs rows of tokens and tags")
    return Draft(path, part, num_sentences, num_tokens, has_documents, is_partial)


def _documents(block: Block, kind: pa.DataType) -> pa.Array:
    """Give the document of each sentence: the same one for all where the source does not tell documents apart."""
    if block.documents is None:
        return pa.array(np.zeros(len(block.lengths), np.int64)).cast(kind)
    return pa.array(block.documents, kind) if isinstance(block.documents, list) else block.documents.cast(kind)


def _number_tags(block: Block, tag_numbers: dict[str, int], part: Part, unknown: str | None) -> np.ndarray:
    found, indices = distinct(block.tags)
    names = [UNKNOWN_TAG if name.strip() == unknown else name.strip() for name in found]
    if unknown != UNKNOWN_TAG and UNKNOWN_TAG in map(str.strip, found):
        raise DataError(
            f"{part.origin}: the corpus has the tag ?, which stands for unknown tags wherever a corpus is used; as "
            f"unknown={unknown!r} says that it is a tag like the others here, give it another name"
        )
    for number, name in enumerate(names):
        if not name and (at := np.flatnonzero(indices == number)).size:
            starts = offsets_of(block.lengths)
            first = int(at[0])
            position = first - int(starts[np.searchsorted(starts, first, side="right") - 1])
            place = part.place(int(block.lines[first]), position)
            raise DataError(
                f"{place}: the tag is empty; every token needs one, 'O' outside of entities, ? where it is unknown"
            )
        tag_numbers.setdefault(name, len(tag_numbers))
    return np.array([tag_numbers[name] for name in names], np.int32)[indices] if names else np.zeros(0, np.int32)


def draft_batches(draft: Draft) -> Iterator[DraftBatch]:
    """Go through a draft batch by batch, with one batch in memory at a time."""
    for batch in arrow_batches(draft.path):
        tokens, tags, lines, annotated, documents = batch.columns
        flat = tags.values.to_numpy(), lines.values.to_numpy()
        yield DraftBatch(tokens.values, *flat, tokens.offsets.to_numpy(), documents, annotated)


def discard(draft: Draft) -> None:
    """Delete a draft that is no longer needed; if the system keeps the file, it is removed when the process ends."""
    with suppress(OSError):
        draft.path.unlink()


def document_type(drafts: Iterable[Draft]) -> str | None:
    """Give the type of the column `document` of a corpus, one for all splits; None where no split has documents."""
    drafts = list(drafts)
    if not any(draft.has_documents for draft in drafts):
        return None
    return "string" if any(draft.part.documents_named for draft in drafts) else "int64"


def tagged_features(names: Sequence[str], document: str | None = None, *, is_partial: bool = False) -> Features:
    """Give the features of every corpus that load_corpus returns.

    `document` is the type of that column, if it is there, and `is_partial` says whether one names annotated labels.

    >>> list(tagged_features(["O", "B-PER"], "int64"))
    ['tokens', 'tags', 'document']
    """
    features = {"tokens": ListOf(Value("string")), "tags": ListOf(ClassLabel(names=list(names)))}
    partial = {ANNOTATED: ListOf(Value("string"))} if is_partial else {}
    return Features(features | ({"document": Value(document)} if document else {}) | partial)


def documents_of(dataset: Dataset) -> list[int | str] | None:
    """Give the document of each row of a settled corpus; None where no two documents are told apart.

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
    *,
    is_partial: bool = False,
) -> Dataset:
    """Write a draft as the Arrow file of a dataset with ClassLabel tags, and give the dataset, memory-mapped."""
    features = tagged_features(names, document, is_partial=is_partial)
    renumber = renumbering(tag_numbers, names)  # a name that is not kept does not occur
    path = folder / f"{split}.arrow"
    with arrow_writer(path, features.arrow_schema) as write:
        for batch in draft_batches(draft):
            tags = pa.array(renumber[batch.tags])
            columns = [pa.ListArray.from_arrays(batch.offsets, column) for column in (batch.tokens, tags)]
            columns += [batch.documents.cast(document)] if document else []
            write([*columns, *([batch.annotated] if is_partial else [])])
    return open_dataset(path, split)
