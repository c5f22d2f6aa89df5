"""Parse JSON that may be damaged or made to do harm: every fault is a DataError with its place. Knows no format."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from seqtag.corpora.lines import numbered_lines, open_bytes, whole_text
from seqtag.errors import DataError

RECORDS_ADVICE = "export the file again, with one record per line, or all records in one array"
MOST_NESTED = 100  # lists and objects within each other; what reads and writes them afterwards calls itself for each
# Strings, the last of which may be cut off, and all that is no bracket; no part of it is looked at twice.
_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^"\[\]{}]+', re.S)


def parse_json(text: str, name: str, line: int = 1, *, advice: str) -> Any:
    """Parse JSON that begins in a line of a file; DataError, which ends in `advice`, for what is none.

    NaN and Infinity, which Python writes and JSON does not have, are null, as pandas writes them.

    >>> parse_json('{"text": "Ada spoke."}', "news.jsonl", 3, advice="write the file again")
    {'text': 'Ada spoke.'}
    """
    try:
        if _depth(text) <= MOST_NESTED:
            return json.loads(text, parse_constant=lambda _: None)
        problem = f"lists and objects lie within each other more than {MOST_NESTED} deep"
    except json.JSONDecodeError as error:
        line, problem = line + error.lineno - 1, f"not JSON: {error.msg} at column {error.colno}"
    except ValueError:  # Python reads no longer ones, as that takes time quadratic in their length
        problem = "a number has thousands of digits"
    raise DataError(f"{name}:{line}: {problem}; {advice}")


def _depth(text: str) -> int:
    """Give a depth that the brackets in a text do not exceed; exact where there may be too many."""
    most = text.count("[") + text.count("{")
    if most <= MOST_NESTED:
        return most
    brackets_N = np.frombuffer(_NO_BRACKETS.sub("", text).encode("ascii", "replace"), np.uint8)
    steps_N = np.isin(brackets_N, (ord("["), ord("{"))) * 1 - np.isin(brackets_N, (ord("]"), ord("}"))) * 1
    return int(np.cumsum(steps_N).max(initial=0))


def json_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Parse each line of a JSONL file that is not blank, after its number."""
    lines = ((number, line) for number, line in numbered_lines(path) if line.strip())
    return ((number, parse_json(line, os.fspath(path), number, advice=RECORDS_ADVICE)) for number, line in lines)


def checked_records(
    records: Iterable[tuple[int, Any]], name: str, is_record: Callable[[Any], bool]
) -> Iterator[tuple[int, Any]]:
    """Pass records on; DataError, by file and line, for what is no record, or holds half a character."""
    for number, record in records:
        if not is_record(record):
            found = "null" if record is None else type(record).__name__
            raise DataError(f"{name}:{number}: the record is {found}; each must be an object with a text")
        try:
            json.dumps(record, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                f"{name}:{number}: it holds half of a surrogate pair, which is no character; mend it or leave it out"
            ) from None
        yield number, record


def json_records(path: str | os.PathLike[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give each object of a JSON array after its number from 1, or of JSON lines after its line.

    An array is in memory whole. Raises DataError, by file and line, for what is no object, or holds half a character.
    """
    name = os.fspath(path)
    with open_bytes(path) as handle:
        is_array = handle.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    if is_array:
        records: Iterable[tuple[int, Any]] = enumerate(parse_json(whole_text(path), name, advice=RECORDS_ADVICE), 1)
    else:
        records = json_lines(path)
    return checked_records(records, name, lambda record: isinstance(record, dict))
