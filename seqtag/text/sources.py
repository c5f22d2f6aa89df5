"""Read how a user names a corpus: a path, and the columns that follow its last colon."""

import re
from pathlib import Path

from seqtag.errors import UsageError, near_miss
from seqtag.text.columnfiles import Column

_SUFFIX_KEYS = ("token", "tag", "config")


def parse_source(
    source: str, token: Column | None = None, tag: Column | None = None
) -> tuple[str, Column | None, Column | None, str | None]:
    """Cut `path:token=0,tag=3` into path, token, tag and config; a suffix that is no list of key=value is the path's.

    `token` and `tag` are columns asked for besides. Raises UsageError for a key that there is not or that comes twice.

    >>> parse_source("news.conll:token=0,tag=ner")
    ('news.conll', 0, 'ner', None)
    """
    path, colon, suffix = source.rpartition(":")
    pairs = [pair.partition("=") for pair in suffix.split(",")]
    if not colon or Path(source).exists() or not all(key.strip() and equals for key, equals, _ in pairs):
        return source, token, tag, None
    found: dict[str, str] = {}
    for key, _, value in pairs:
        key, value = key.strip(), value.strip()
        if key not in _SUFFIX_KEYS or key in found or not value:
            raise UsageError(
                f"{source}: {key}={value} is not understood; write PATH:token=0,tag=3; " + near_miss(key, _SUFFIX_KEYS)
            )
        found[key] = value
    for key, given in (("token", token), ("tag", tag)):
        if key in found and given is not None:
            raise UsageError(f"{source}: {key}= is given twice, here and as {key}={given!r}; leave out one")
    return path, _number(found.get("token", token)), _number(found.get("tag", tag)), found.get("config")


def _number(column: Column | None) -> Column | None:
    return int(column) if isinstance(column, str) and re.fullmatch(r"-?\d+", column) else column
