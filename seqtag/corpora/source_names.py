"""Read how a user names a corpus: a path, and the columns that follow its last colon."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtag.corpora.column_roles import Column
from seqtag.errors import UsageError, near_miss

_KEYS = {"tag": ("token", "tag", "config"), "classify": ("text", "label", "config", "label_separator")}  # by task
_OPTIONS = (
    "scheme",
    "outside",
    "unknown",
    "overlaps",
    "annotator",
    "offsets",
)  # keys of the task tag that say how tags are read
_KEY_FOLLOWS = re.compile(r",(?=\s*[\w-]*\s*=)")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_OF_A_MODEL = ("config.json", "vocabulary.json", "model.safetensors")
_HUB_PAGE = "https://huggingface.co/datasets/"
# A name with one of these endings is that of a missing file, and not that of a data set on the hub.
_FILE_ENDINGS = (
    *(".conll", ".conllu", ".conll2003", ".tsv", ".txt", ".bio", ".iob", ".iob2", ".annotated", ".spacy", ".gz"),
    *(".parquet", ".arrow", ".csv", ".json", ".jsonl", ".ndjson", ".zip"),
)


def parse_source(
    source: str, first: Column | None = None, second: Column | None = None, *, task: str = "tag"
) -> tuple[str, Column | None, Column | None, str | None]:
    """Cut `path:token=0,tag=3` into path, token, tag and config; for task='classify', `path:text=0,label=1` likewise.

    A suffix that is no list of key=value belongs to the path; `reading_options` gives its other keys. `first` and
    `second` are columns that the caller asks for besides. Raises UsageError for a key that is unknown or given twice.

    >>> parse_source("news.conll:token=0,tag=ner")
    ('news.conll', 0, 'ner', None)
    >>> parse_source("reviews.csv:text=-1", None, "stars", task="classify")
    ('reviews.csv', -1, 'stars', None)
    """
    keys = _KEYS[task]
    path, pairs = _cut(source)
    if not pairs:
        return source, first, second, None
    found: dict[str, str] = {}
    for key, value in pairs:
        if key not in (*keys, *(_OPTIONS if task == "tag" else ())) or key in found or not value:
            other = {"token": "tag", "tag": "tag", "text": "classify", "label": "classify"}.get(key)
            raise UsageError(
                f"{source}: {key}={value} is not understood; write PATH:{keys[0]}=0,{keys[1]}=3; "
                + near_miss(key, keys)
                + (f"; {key}= is for task={other!r}" if other and key not in keys else "")
            )
        found[key] = value
    for key, given in zip(keys, (first, second)):
        if key in found and given is not None:
            raise UsageError(f"{source}: {key}= is given twice, here and as {key}={given!r}; leave out one")
    columns = [_number(found.get(key, given)) for key, given in zip(keys, (first, second))]
    return path, columns[0], columns[1], found.get("config")


def label_separator_of(source: str) -> str | None:
    """Give the separator of labels that stands behind a path.

    >>> label_separator_of("songs.csv:text=lyrics,label_separator=,")
    ','
    """
    return dict(_cut(source)[1]).get("label_separator")


def reading_options(source: str) -> dict[str, str]:
    """Give the options of reading that stand behind a path, where `parse_source` passes over them.

    >>> reading_options("export.json:token=body,annotator=2")
    {'annotator': '2'}
    """
    return {key: value for key, value in _cut(source)[1] if key in _OPTIONS}


def _cut(source: str) -> tuple[str, list[tuple[str, str]]]:
    """Cut the list of keys and values off a path.

    A value may hold a colon, as in `news.conllu:tag=misc:NE`, and commas that no key follows, as in `a.csv:text=b,c`.
    """
    known = (*_KEYS["tag"], *_KEYS["classify"], *_OPTIONS)
    colons = [] if Path(source).exists() else [at for at, letter in enumerate(source) if letter == ":" and at]
    for at in reversed(colons):
        pairs = [pair.partition("=") for pair in _KEY_FOLLOWS.split(source[at + 1 :])]
        are_known = all(key.strip() in known for key, _, _ in pairs)
        if all(key.strip() and equals for key, equals, _ in pairs) and (are_known or at == colons[-1]):
            return source[:at], [(key.strip(), value.strip()) for key, _, value in pairs]
    return source, []


def local_path(source: str, config: str | None) -> Path | None:
    """Give the path that a source names, or None for the name of a data set on the hub.

    Raises UsageError for a source that is neither, and for a configuration of a file.
    """
    if not source:
        raise UsageError("an empty string is no path; name a file, a folder or a data set on the hub")
    path = Path(source).expanduser()
    if not path.exists():
        if not _HUB_NAME.fullmatch(source) or source.lower().endswith(_FILE_ENDINGS):
            raise UsageError(f"{source}: there is no such file or folder; check the path, relative to {os.getcwd()}")
        return None
    if not (path.is_file() or path.is_dir()):
        raise UsageError(
            f"{source}: this is a pipe or a device, and a corpus is read more than once; write it to a file first"
        )
    if all((path / name).is_file() for name in _OF_A_MODEL):
        raise UsageError(f"{source}: is the folder of a model, and data are wanted here; give a corpus")
    if config is not None and not path.is_dir():
        raise UsageError(f"{source}: config= is for data sets in hub layout, and this is a file; leave it out")
    return path


def note_origin(source: object, tables: Mapping[str, Any]) -> None:
    """Write the name of a data set on the hub into the information of its splits, from where `hub_origin` reads it."""
    name = _cut(source)[0] if isinstance(source, str) else ""
    if _HUB_NAME.fullmatch(name) and not Path(name).exists():
        for table in tables.values():
            table.info.homepage = _HUB_PAGE + name


def hub_origin(data: object) -> dict[str, str]:
    """Give the name on the hub that training data came from, as the record `source` of a model; else nothing.

    It is that of a dataset which `load_corpus` loaded by name. Selecting, shuffling and splitting keep it.
    """
    homepage = str(getattr(getattr(data, "info", None), "homepage", None))
    return {"source": homepage.removeprefix(_HUB_PAGE)} if homepage.startswith(_HUB_PAGE) else {}


def _number(column: Column | None) -> Column | None:
    return int(column) if isinstance(column, str) and re.fullmatch(r"-?\d+", column) else column
