"""Read a corpus from whatever the user has: the one door between files or hubs and the rest.

This module decides what a source of tagged tokens is and which reader takes it. The readers are in formats/, and
tag_normalising decides what happens to the tags. A new reader of tagged tokens is added here, and one of labelled texts
in labelled_loading.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from datasets import Dataset, DatasetDict

from seqtag.corpora.column_roles import Column, document_column, header_name, tagging_columns
from seqtag.corpora.formats.annotation_exports import annotation_part
from seqtag.corpora.formats.arrow_tables import (
    JSON_ENDINGS,
    TABLE_ENDINGS,
    dataset_blocks,
    has_tables,
    hub_tables,
    is_configured,
    is_labelled,
    is_saved,
    labelled_table,
    saved_tables,
    table_file,
    table_folder,
)
from seqtag.corpora.formats.conll import column_blocks, other_columns
from seqtag.corpora.formats.slot_files import is_slot_folder, slot_blocks
from seqtag.corpora.formats.spacy_docbins import docbin_blocks, other_layers
from seqtag.corpora.formats.span_tables import span_columns, span_table_part
from seqtag.corpora.formats.standoff import standoff_folders, standoff_part
from seqtag.corpora.formats.unread_forms import refuse_unread_file
from seqtag.corpora.formats.webanno import is_webanno, webanno_part
from seqtag.corpora.formats.word_tables import is_word_table, other_cells, word_table_blocks
from seqtag.corpora.label_lists import check_label_lists, check_separator, with_label_lists
from seqtag.corpora.labelled_drafts import LabelledPart, settle_labels
from seqtag.corpora.labelled_loading import open_labelled
from seqtag.corpora.lines import file_ending, unpacking_limited
from seqtag.corpora.source_names import label_separator_of, local_path, note_origin, parse_source, reading_options
from seqtag.corpora.span_alignment import SpanRules
from seqtag.corpora.splits import (
    find_split_files,
    find_split_folders,
    group_by_split,
    has_split_files,
    in_order,
    name_splits,
    only_claims,
    split_name,
)
from seqtag.corpora.tag_normalising import (
    carried_scheme,
    carried_spelling,
    check_options,
    corpus_scheme,
    settle,
    settled,
)
from seqtag.corpora.tagged_blocks import Part
from seqtag.corpora.workspace import workspace
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import UNKNOWN_TAG

__all__ = ["corpus_scheme", "load_corpus"]

Tables: TypeAlias = Mapping[str, Dataset]
Source: TypeAlias = str | os.PathLike[str] | Dataset | Tables

Opened = TypeVar("Opened")  # what a split is made of: a part of tagged tokens, or parts of labelled texts

# The options of `load_corpus` that belong to one task, with their defaults.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "tag": {
        **dict.fromkeys(("token", "tag", "scheme", "outside")),
        **{"repair": "conlleval", "max_misaligned": 0.05, "language": "xx", "overlaps": "error", "annotator": None},
        "unknown": UNKNOWN_TAG,
        "offsets": "auto",
    },
    "classify": {"text": None, "label": None, "label_separator": None},
}
_COUNTERPARTS = {"text": "token", "label": "tag", "token": "text", "tag": "label"}


def load_corpus(
    source: Source,
    *,
    split: str | None = None,
    token: Column | None = None,
    tag: Column | None = None,
    text: Column | None = None,
    label: Column | None = None,
    scheme: str | None = None,
    outside: str | None = None,
    repair: str = "conlleval",
    task: str = "tag",
    max_misaligned: float = 0.05,
    language: str = "xx",
    overlaps: str = "error",
    annotator: str | int | None = None,
    offsets: str = "auto",
    label_separator: str | None = None,
    max_bytes: int | None = None,
    unknown: str | None = UNKNOWN_TAG,
) -> DatasetDict | Dataset:
    """Read a corpus into a DatasetDict, or one split into a Dataset, with columns `tokens` and `tags` (ClassLabel).

    `source` is a column file, CoNLL-U, JSONL with character offsets, a folder or file of brat, TSV of WebAnno, CSV with
    a word per row, a spaCy file, a table (Parquet, Arrow, JSON), a folder with one of these per split, a folder of
    `save_to_disk` or in hub layout, a dataset, or, where no such path exists, the name of a dataset on the hub; a path
    never touches the network. `file.conll:token=0,tag=3` names columns by number (from 0, negative from the end) or
    header name, as do `token` and `tag`; for a spaCy file `tag` is ents, pos or tag, for CoNLL-U also misc:KEY, and for
    annotated texts the two name the keys or layers of the text and its spans. A single file gives the split train.

    The scheme is decided over all splits; `scheme` converts to another. repair='conlleval' rewrites tags that break it,
    as the conlleval script reads them, and logs their number and places; 'strict' raises. Plain tags stay as they are.
    Entity tags in another spelling (`b-per`, `PER_B`, B I O alone, types beside O, `_` for O) are respelled, and said;
    what a tagger learns from the corpus it predicts in the corpus's own spelling. Where it can't be told, `scheme` says
    that the tags are entity tags (or 'plain'), and `outside` which one stands outside of entities; also
    `file.conll:scheme=IO,outside=_`.
    For texts with character offsets, `language` (a spaCy code) says whose rules cut them into tokens, `max_misaligned`
    is the share of spans that may be moved because they cut a token or contradict their own words, `overlaps` says what
    counts of overlapping spans ('longest', 'first', or they are an 'error'), and `annotator` says whose annotations do.
    `offsets` says what they count, 'characters' or 'utf-16', in which an emoji is two, as in browsers and Java; 'auto'
    is what a record says itself, or else the reading in which more spans fit words, which is logged.

    Where a source tells documents apart and a split has more than one, all rows have a third column `document`: by
    number within the split (-DOCSTART- lines, CoNLL-U's `# newdoc`, a spaCy file whose documents have sentences), or as
    it stands in a column document_id, doc_id, docid, document or doc of a table.

    A tag may be unknown: `unknown` in a file, null, -1 or -100 in a table, a missing annotation of spaCy, the tokens of
    a span with the label ?. It is the tag ? of the corpus, and `unknown=None` says that a file has none. A record with
    offsets may name the labels that were annotated in it, as `annotated_labels` or `labels`, and a row of a table as
    `annotated_labels`: outside of spans its tokens may have any other label. Taggers learn from what is known.

    task='classify' reads texts with labels: columns `text` (or `tokens`, where rows are token lists without a text) and
    `label` (ClassLabel), or `labels` (a list of ClassLabel) where rows have lists of labels. `source` is CSV or TSV,
    with or without a header, a table, JSON with all splits, a folder with one of these per split, or with a folder or
    a file per class, with `seq.in` and `label`, Hu and Liu's reviews, or a zip file of such a folder; `text`, `label`
    name columns, as in `file.csv:text=review,label=stars`. Blank texts stay, as empty ones, and are reported.
    `label_separator` says what stands between several labels in one string, such as '|'; a blank string is no label.
    A CSV file whose labels are all lists as Python writes them, such as ['a', 'b'], has such lists without it.

    A packed file (.gz, .zip, .spacy, Parquet, compressed Arrow) may unpack to `max_bytes`, by default to 100 times its
    own size, or to 256 MB if that is more; a larger one is a DataError.

    Rows lie in Arrow files on disk until the process ends. Raises UsageError for an invalid source or option,
    DataError for data that falls short, by file and line.

    >>> corpus = load_corpus(Dataset.from_dict({"words": [["Ada", "spoke"]], "ner": [["I-PER", "O"]]}), scheme="IOB2")
    >>> corpus["train"].features["tags"].feature.names, corpus["train"]["tags"][0]
    (['O', 'B-PER'], [1, 0])
    >>> reviews = load_corpus(Dataset.from_dict({"review": ["Fine.", "Bah!"], "stars": [5, 1]}), task="classify")
    >>> reviews["train"].features["label"].names, reviews["train"]["text"][:]
    (['1', '5'], ['Fine.', 'Bah!'])
    """
    options = {"token": token, "tag": tag, "text": text, "label": label, "scheme": scheme, "outside": outside}
    rules = SpanRules(language, max_misaligned, overlaps, None if annotator is None else str(annotator), offsets)
    reading = {"repair": repair, "label_separator": label_separator, "unknown": unknown}
    check_task(task, {**options, **asdict(rules), **reading})
    with unpacking_limited(max_bytes):
        if task == "classify":
            texts, tables = labelled_parts(source, text, label, label_separator)
            if tables is not None and is_labelled(tables):
                return _pick(DatasetDict(tables), split, source)
            _check_split(texts, split)
            classified = settle_labels(texts, workspace())
            check_label_lists(classified)
            return _pick(classified, split, source)
        scheme, outside = named_reading(source, scheme, outside)
        check_options(scheme, repair, outside)
        parts, tables = tagged_parts(source, token, tag, rules)
        if tables is not None and (corpus := settled(tables, scheme, outside)) is not None:
            return _pick(corpus, split, source)
        _check_split(parts, split)
        corpus = settle(parts, workspace(), scheme=scheme, outside=outside, repair=repair, unknown=unknown)
        return _pick(corpus, split, source)


def named_reading(source: Source, scheme: str | None, outside: str | None) -> tuple[str | None, str | None]:
    """Give how tags are to be read: what stands behind the path of a source goes before what the caller says."""
    named = reading_options(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else {}
    if "scheme" in named:  # it replaces all that the caller says
        return named["scheme"], named.get("outside")
    return scheme, named.get("outside", outside)


def tagged_parts(
    source: Source, token: Column | None, tag: Column | None, rules: SpanRules
) -> tuple[dict[str, Part], Mapping[str, Dataset] | None]:
    """Open a source of tagged tokens and give its splits, train, dev and test in this order and first.

    The second value holds its tables. It is None for a source without tables, and where the columns that are wanted do
    not have the names that `load_corpus` gives them.
    """
    options = reading_options(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else {}
    rules = rules.changed(options)
    rules.check()
    open_path, open_table = partial(_open_tagged, rules=rules), partial(_table_part, rules=rules)
    parts, tables = _open_source(source, token, tag, open_path, open_table, "tag", {"tokens", "tags"})
    if "unknown" not in options:
        return parts, tables
    return {name: replace(part, unknown=options["unknown"]) for name, part in parts.items()}, None


def labelled_parts(
    source: Source, text: Column | None, label: Column | None, label_separator: str | None = None
) -> tuple[dict[str, list[LabelledPart]], Mapping[str, Dataset] | None]:
    """Open a source of labelled texts, as `tagged_parts` opens one of tagged tokens."""

    def table_parts(*about: Any) -> list[LabelledPart]:
        return [labelled_table(*about)]

    ours = {"text", "tokens", "label", "labels"}
    if label_separator is None and isinstance(source, (str, os.PathLike)):
        label_separator = label_separator_of(os.fspath(source))
    check_separator(label_separator)
    parts, tables = _open_source(source, text, label, open_labelled, table_parts, "classify", ours)
    if label_separator is None:
        return parts, tables
    return {split: [with_label_lists(part, label_separator) for part in found] for split, found in parts.items()}, None


def _open_source(
    source: Source,
    first: Column | None,
    second: Column | None,
    open_path: Callable[[str, Column | None, Column | None, str | None], tuple[Tables | None, dict[str, Opened]]],
    open_table: Callable[[Dataset, str, Column | None, Column | None], Opened],
    task: str,
    ours: set[str],
) -> tuple[dict[str, Opened], Tables | None]:
    tables = _given_tables(source)
    parts: dict[str, Opened] = {}
    origin = "split"
    if tables is None:
        path, first, second, config = parse_source(os.fspath(cast("str", source)), first, second, task=task)
        tables, parts = open_path(path, first, second, config)
        origin = f"{path}, split"
    if tables is not None:
        tables = {split: tables[name] for name, split in name_splits(tables).items()}
        parts = {split: open_table(table, f"{origin} {split}", first, second) for split, table in tables.items()}
    return {split: parts[split] for split in in_order(parts)}, tables if {first, second} <= {None, *ours} else None


def _open_tagged(
    source: str, token: Column | None, tag: Column | None, config: str | None, *, rules: SpanRules
) -> tuple[Tables | None, dict[str, Part]]:
    """Give the tables, or else the parts, of a path or hub name."""
    path = local_path(source, config)
    if path is None:
        return hub_tables(source, config), {}
    files = {"train": path}
    if path.is_dir():
        if is_saved(path):
            return saved_tables(path), {}
        if slots := {"train": path} if is_slot_folder(path) else find_split_folders(path, is_slot_folder):
            _refuse_offsets(path, rules)
            return None, {name: _slot_part(folder) for name, folder in slots.items()}
        if standoff := standoff_folders(path):
            _refuse_offsets(path, rules)
            return None, {name: standoff_part(found, str(path), rules) for name, found in standoff.items()}
        is_open = config is None and not is_configured(path)
        if is_open and not has_split_files(path) and (tables := _word_tables(path, token, tag)):
            files = only_claims(path, tables, "files")
        elif not is_open or (not has_split_files(path) and has_tables(path)):
            return table_folder(path, config), {}
        else:
            files = find_split_files(path)
    return None, {name: _file_part(file, token, tag, rules) for name, file in files.items()}


def _word_tables(folder: Path, token: Column | None, tag: Column | None) -> dict[str, list[Path]]:
    """Find the CSV files of each split that have a word per row; `datasets` would take each word for a row."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and file_ending(path) == ".csv")
    return group_by_split(path for path in files if is_word_table(path, token, tag))


def _file_part(path: Path, token: Column | None, tag: Column | None, rules: SpanRules) -> Part:
    """Open a file as a split, by its ending and its first lines."""
    ending = file_ending(path)
    if ending in JSON_ENDINGS:
        keys = {"text": header_name(token, "token", str(path)), "marks": header_name(tag, "tag", str(path))}
        if (part := annotation_part(path, rules, **keys)) is not None:
            return part
    if rules.annotator is not None:
        raise UsageError(f"{path}: annotator= is for exports in JSON, which say who annotated; leave it out")
    has_words = ending in (".csv", ".tsv") and is_word_table(path, token, tag)
    if has_words or ending not in (*TABLE_ENDINGS, *JSON_ENDINGS):
        _refuse_offsets(path, rules)
    if ending == ".spacy":
        layer = None if tag is None else str(tag)
        return Part(str(path), "document", docbin_blocks(path, tag=layer), others=other_layers(path, layer or "ents"))
    if ending == ".ann":
        return standoff_part([path], str(path), rules)
    if has_words:
        return Part(str(path), "", word_table_blocks(path, token, tag), others=other_cells(path, token, tag))
    if ending in (*TABLE_ENDINGS, *JSON_ENDINGS):
        return _table_part(table_file(path, ending), str(path), token, tag, rules)
    if is_webanno(path):
        return webanno_part(path, rules, layer=tag)
    refuse_unread_file(path)
    blocks = column_blocks(path, token=token, tag=tag)
    return Part(str(path), "", blocks, others=other_columns(path, token=token, tag=tag))


def _slot_part(folder: Path) -> Part:
    others = ["label"] if (folder / "label").is_file() else []
    return Part(f"{folder / 'seq.in'}", "", slot_blocks(folder), others=others)


def _refuse_offsets(path: Path, rules: SpanRules) -> None:
    if rules.offsets != "auto":
        raise UsageError(f"{path}: offsets= is for texts with spans in JSON and in tables; leave it out")


def _table_part(table: Dataset, origin: str, token: Column | None, tag: Column | None, rules: SpanRules) -> Part:
    """Make a table a split, with the columns that are named or found: lists of tokens and tags, or texts with spans."""
    names = {"token": header_name(token, "token", origin), "tag": header_name(tag, "tag", origin)}
    if (spans := span_columns(table.features, **names)) is not None:
        return span_table_part(table, *spans, origin, rules)
    if rules.offsets != "auto":
        raise UsageError(f"{origin}: offsets= is for texts with spans, and there is no column of spans; leave it out")
    columns = tagging_columns(table.features, **names, source=origin)
    document, named = document_column(table.features) or (None, False)
    blocks = dataset_blocks(table, columns, origin, document=document)
    others = [each for each in table.features if each not in (columns.token, columns.tag, document)]
    return Part(
        origin,
        "row",
        blocks,
        tuple(columns.tag_names or ()),
        named,
        carried_scheme(table),
        others=others,
        spelling=carried_spelling(table),
    )


def check_task(task: str, options: Mapping[str, Any]) -> None:
    """Raise UsageError for an unknown task, and for an option of the other task that does not have its default."""
    if task not in _OPTIONS:
        raise UsageError(f"unknown task {task!r}; {near_miss(str(task), _OPTIONS)}")
    other = "classify" if task == "tag" else "tag"
    for name, default in _OPTIONS[other].items():
        if options.get(name, default) != default:
            advice = f"say {_COUNTERPARTS[name]}=" if name in _COUNTERPARTS else "leave it out"
            raise UsageError(f"{name}= is for task={other!r}, and the task is {task!r}: {advice}, or set the task")


def _given_tables(source: Any) -> Tables | None:
    """Give the datasets that the source is; None for a path or name. Raises UsageError for anything else."""
    if isinstance(source, (str, os.PathLike)):
        return None
    tables = {"train": source} if isinstance(source, Dataset) else source
    if not isinstance(tables, Mapping):
        raise UsageError(
            f"a corpus can't be read from {type(source).__name__}; give a path, a dataset or the name of one on the hub"
        )
    for name, table in tables.items():
        if not isinstance(table, Dataset):
            raise UsageError(
                f"split {name!r} is {type(table).__name__}, not a datasets.Dataset; give token and tag "
                "lists to fit(X, y) instead"
            )
    if not tables:
        raise DataError("the DatasetDict has no splits; give at least a split 'train'")
    return tables


def _check_split(corpus: Mapping[str, Any], split: str | None) -> None:
    if split is not None and split not in corpus and split_name(split) not in corpus:
        raise UsageError(f"there is no split {split!r}; {near_miss(str(split), corpus)}")


def _pick(corpus: DatasetDict, split: str | None, source: Source) -> Any:
    _check_split(corpus, split)
    note_origin(source, corpus)
    if split is None:
        return corpus
    return corpus[split] if split in corpus else corpus[split_name(split)]
