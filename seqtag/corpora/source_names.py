"""Read how a user names a corpus: a path, and the columns that follow its last colon."""

import os
import re
from pathlib import Path

from seqtag.corpora.column_roles import Column
from seqtag.errors import UsageError, near_miss

_TAGGING_KEYS = ("token", "tag", "config")
_LABELLED_KEYS = ("text", "label", "config")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
# a name that ends so means a file that is not there, and no data set of a hub
_FILE_ENDINGS = (
    *(".conll", ".conllu", ".conll2003", ".tsv", ".txt", ".bio", ".iob", ".iob2", ".annotated", ".spacy", ".gz"),
    *(".parquet", ".arrow", ".csv", ".json", ".jsonl", ".ndjson", ".zip"),
)


def parse_source(
    source: str, token: Column | None = None, tag: Column | None = None
) -> tuple[str, Column | None, Column | None, str | None]:
    """Cut `path:token=0,tag=3` into path, token, tag and config; a suffix that is no list of key=value is the path's.

    `token` and `tag` are columns asked for besides. Raises UsageError for a key that is unknown or given twice.

    >>> parse_source("news.conll:token=0,tag=ner")
    ('news.conll', 0, 'ner', None)
    """
    return _parse(source, _TAGGING_KEYS, token, tag)


def parse_labelled_source(
    source: str, text: Column | None = None, label: Column | None = None
) -> tuple[str, Column | None, Column | None, str | None]:
    """Cut `path:text=review,label=stars` into path, text, label and config, as `parse_source` does for tags.

    >>> parse_labelled_source("reviews.csv:text=-1", label="stars")
    ('reviews.csv', -1, 'stars', None)
    """
    return _parse(source, _LABELLED_KEYS, text, label)


def check_hub_name(source: str) -> None:
    """Raise UsageError for what is no path and can't be the name of a data set on the hub either."""
    if not _HUB_NAME.fullmatch(source) or source.lower().endswith(_FILE_ENDINGS):
        raise UsageError(f"{source}: there is no such file or folder; check the path, relative to {os.getcwd()}")


def _parse(
    source: str, keys: tuple[str, str, str], first: Column | None, second: Column | None
) -> tuple[str, Column | None, Column | None, str | None]:
    path, colon, suffix = source.rpartition(":")
    pairs = [pair.partition("=") for pair in suffix.split(",")]
    if not colon or Path(source).exists() or not all(key.strip() and equals for key, equals, _ in pairs):
        return source, first, second, None
    found: dict[str, str] = {}
    for key, _, value in pairs:
        key, value = key.strip(), value.strip()
        if key not in keys or key in found or not value:
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


def _number(column: Column | None) -> Column | None:
    return int(column) if isinstance(column, str) and re.fullmatch(r"-?\d+", column) else column
