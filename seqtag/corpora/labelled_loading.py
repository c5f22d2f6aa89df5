"""Find out what a path to labelled texts is, and open it. A new reader of labelled texts is added here.

The readers are in formats/, and labelled_drafts decides what happens to their rows.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from datasets import Dataset

from seqtag.corpora.column_roles import Column, header_name
from seqtag.corpora.formats.arrow_tables import (
    JSON_ENDINGS,
    hub_tables,
    is_configured,
    is_saved,
    labelled_table,
    saved_tables,
    table_file,
    table_folder,
)
from seqtag.corpora.formats.class_exports import class_export_part, docbin_classes
from seqtag.corpora.formats.class_files import class_files, class_folders, is_class_folder
from seqtag.corpora.formats.csv_tables import delimited_parts, is_delimited
from seqtag.corpora.formats.hu_liu_reviews import is_opinion_file, opinion_parts
from seqtag.corpora.formats.slot_files import intent_rows, is_intent_folder
from seqtag.corpora.formats.split_json import is_split_json, split_json_parts
from seqtag.corpora.formats.zip_archives import unpack
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledPart, gather_texts
from seqtag.corpora.lines import file_ending, max_unpacked
from seqtag.corpora.source_names import local_path
from seqtag.corpora.splits import group_by_split, labelled_entries, only_claims, split_name
from seqtag.errors import DataError, SeqtagError, UsageError

logger = logging.getLogger("seqtag")

Parts: TypeAlias = dict[str, list[LabelledPart]]
Opened: TypeAlias = tuple[Mapping[str, Dataset] | None, Parts]

_BINARY_TABLES = (".parquet", ".arrow")
_TAGGED = (".conll", ".conllu", ".conll2003", ".bio", ".iob", ".iob2", ".spacy")


def open_labelled(source: str, text: Column | None, label: Column | None, config: str | None) -> Opened:
    """Give the tables, or else the parts of each split, of a path or hub name.

    Raises UsageError for an invalid source, DataError for a folder in which no form is found.
    """
    path = local_path(source, config)
    if path is None:
        return hub_tables(source, config), {}
    inside, home = _descend(path)
    if inside == home:
        return _open(inside, text, label, config)
    # The user knows the zip file, but not the folder into which it was unpacked.
    with _named(inside, home):
        tables, parts = _open(inside, text, label, config)
    return tables, {split: [_part_named(part, inside, home) for part in found] for split, found in parts.items()}


def _open(path: Path, text: Column | None, label: Column | None, config: str | None) -> Opened:
    if not path.is_dir():
        return None, _file(path, text, label)
    files, _ = labelled_entries(path)
    if is_saved(path):
        return saved_tables(path), {}
    binary = bool(files) and all(file_ending(each) in _BINARY_TABLES for each in files)
    if config is not None or is_configured(path) or binary:
        return table_folder(path, config), {}
    return None, _folder(path, text, label)


@contextmanager
def _named(inside: Path, home: Path) -> Iterator[None]:
    """Put the name that a user knows in the place of a folder in messages of errors."""
    try:
        yield
    except SeqtagError as error:
        raise type(error)(str(error).replace(str(inside), str(home))) from error


def _part_named(part: LabelledPart, inside: Path, home: Path) -> LabelledPart:
    def place_at_home(place: Callable[[int], str]) -> Callable[[int], str]:
        return lambda row: place(row).replace(str(inside), str(home), 1)

    def blocks() -> Iterator[LabelledBlock]:
        with _named(inside, home):
            yield from (replace(block, place=place_at_home(block.place)) for block in part.blocks)

    return replace(part, origin=part.origin.replace(str(inside), str(home), 1), blocks=blocks())


def _descend(path: Path) -> tuple[Path, Path]:
    """Go down to the data: through zip files, and folders that hold one folder or one zip file and nothing else.

    Gives the folder or file there, and its name, which is ARCHIVE/member for what was unpacked.
    """
    home = path
    left: int | None = None  # bytes that a zip file in a zip file may still unpack to
    while True:
        if path.is_file():
            if file_ending(path) != ".zip":
                return path, home
            with _named(path, home):
                path, left = unpack(path, most=max_unpacked(path.stat().st_size) if left is None else left)
            logger.info("%s: unpacked into %s for reading", home, path)
        files, folders = labelled_entries(path)
        single = [*files, *folders]
        # a folder named after a split says what is in it
        through = len(single) == 1 and (
            file_ending(single[0]) == ".zip" if files else split_name(single[0].name) is None
        )
        if not through or is_configured(path) or is_saved(path):
            return path, home
        path, home = single[0], home / single[0].name


def _folder(folder: Path, text: Column | None, label: Column | None) -> Parts:
    if is_intent_folder(folder):
        return {"train": _split(folder, text, label)}
    files, folders = labelled_entries(folder)
    files = [
        path for path in files if file_ending(path) not in _TAGGED
    ] or files  # a corpus of tags may lie beside them
    if splits := group_by_split([*files, *folders]):
        _log_left_out(folder, [path for claims in splits.values() for path in claims])
        # the tables together, as one may show where the columns of another are
        single = {split: claims[0] for split, claims in splits.items() if len(claims) == 1 and claims[0].is_file()}
        parts = {split: [part] for split, part in zip(single, _tables(list(single.values()), text, label))}
        return {
            split: parts.get(split) or _claimed(folder, split, claims, text, label) for split, claims in splits.items()
        }
    # A file with all splits in it is preferred to lists of names and the like beside it.
    whole = [path for path in files if file_ending(path) in JSON_ENDINGS and is_split_json(_filled(path))]
    if len(whole) == 1:
        _log_left_out(folder, whole)
        return split_json_parts(whole[0], text=text, label=label)
    return {"train": _split(folder, text, label)}


def _claimed(
    folder: Path, split: str, claims: Sequence[Path], text: Column | None, label: Column | None
) -> list[LabelledPart]:
    """Read the folder of a split, or its files, one per class."""
    if len(claims) > 1 and all(path.is_file() and not _is_table(path) for path in claims):
        return _without_columns(class_files(claims), folder, text, label)
    return _split(only_claims(folder, {split: claims}, "entries")[split], text, label)


def _split(folder: Path, text: Column | None, label: Column | None) -> list[LabelledPart]:
    """Read a folder with one split: tables, a file or folder per class, reviews, or sentences with intents."""
    if is_intent_folder(folder):
        part = LabelledPart(str(folder / "seq.in"), gather_texts(intent_rows(folder)), others=["seq.out"])
        return _without_columns([part], folder, text, label)
    files, folders = labelled_entries(folder)
    classes = [path for path in folders if is_class_folder(path)]
    if len(classes) > 1:
        for path in classes:
            if tables := [
                each for each in labelled_entries(path)[0] if file_ending(each) in (".csv", ".tsv", *_BINARY_TABLES)
            ]:
                raise DataError(
                    f"{folder}: it has {len(classes)} folders, but {tables[0]} is a table and no text of a class; give "
                    "one of the folders or files"
                )
        _log_left_out(folder, classes)
        return _without_columns(class_folders(classes), folder, text, label)
    if not files and len(folders) == 1:
        return _split(folders[0], text, label)
    _log_left_out(folder, files)
    tables = [path for path in files if _is_table(path)]
    if tables and len(tables) == len(files):
        if len(files) > 1:
            logger.info(
                "%s: no file is named after a split; joined: %s", folder, ", ".join(each.name for each in files)
            )
        return _tables(files, text, label)
    if files and not tables and all(is_opinion_file(path) for path in files):
        return _without_columns(opinion_parts(files), folder, text, label)
    if len(files) > 1 and not tables:
        return _without_columns(class_files(files), folder, text, label)
    found = ", ".join([path.name for path in files] + [f"{path.name}/" for path in folders]) or "nothing"
    raise DataError(
        f"{folder}: no labelled texts are found in it; there should be one table per split (train, dev or valid, "
        f"test), or a folder or a file for each class; it holds {found}"
    )


def _file(path: Path, text: Column | None, label: Column | None) -> Parts:
    if file_ending(path) in JSON_ENDINGS and is_split_json(_filled(path)):
        return split_json_parts(path, text=text, label=label)
    if not _is_table(path) and is_opinion_file(path):
        return {"train": _without_columns(opinion_parts([path]), path, text, label)}
    return {"train": _tables([path], text, label)}


def _tables(paths: Sequence[Path], text: Column | None, label: Column | None) -> list[LabelledPart]:
    """Read files with rows of a text and a label, in their order."""
    parts = {}
    for path in paths:
        ending = file_ending(_filled(path))
        if ending == ".spacy":
            parts[path] = docbin_classes(path)
        elif ending in JSON_ENDINGS and (part := class_export_part(path, header_name(text, "text", str(path)))):
            parts[path] = part
        elif ending in _TAGGED:
            raise UsageError(
                f"{path}: a {ending} file holds tokens and tags, no labels of texts; read it with task='tag'"
            )
        elif ending in (*_BINARY_TABLES, *JSON_ENDINGS):
            parts[path] = labelled_table(table_file(path, ending), str(path), text, label)
    delimited = [path for path in paths if path not in parts]
    parts |= dict(zip(delimited, delimited_parts(delimited, text=text, label=label)))
    return [parts[path] for path in paths]


def _is_table(path: Path) -> bool:
    known = file_ending(_filled(path)) in (*_BINARY_TABLES, *JSON_ENDINGS, *_TAGGED)
    return known or is_delimited(path)


def _filled(path: Path) -> Path:
    """Give the path back; DataError for an empty file."""
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; it should hold texts and their labels")
    return path


def _without_columns(
    parts: list[LabelledPart], path: Path, text: Column | None, label: Column | None
) -> list[LabelledPart]:
    if text is not None or label is not None:
        raise UsageError(f"{path}: its texts and labels don't stand in columns; leave out text= and label=")
    return parts


def _log_left_out(folder: Path, used: Sequence[Path]) -> None:
    files, folders = labelled_entries(folder)
    if left := [path.name for path in (*files, *folders) if path not in used]:
        logger.info("%s: no part of the corpus, and left out: %s", folder, ", ".join(left))
