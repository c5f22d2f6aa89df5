"""What `seqtag predict` reads: sentences of a column file, lines of text, or JSON lines, one after the other.

Standard input is read so that whoever waits for an answer gets it: before each read that may have to wait, the caller
is told. Knows no model.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from seqtag.cli.sources import column_source
from seqtag.errors import DataError
from seqtag.text.columnfiles import iter_sentences
from seqtag.text.lines import handle_blocks, line_blocks

_STDIN = "<stdin>"
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """One text, or one sentence that is cut into tokens already."""

    text: str | None = None  # None where the input brings tokens
    tokens: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)  # the cells of each token in a column file
    record: dict[str, Any] = field(default_factory=dict)  # the object in JSON lines


def read_requests(source: str, kind: str, stdin: BinaryIO, before_wait: Callable[[], None]) -> Iterator[Request]:
    """Read a file, or standard input for '-', in memory that does not grow with it.

    `before_wait` is called before each read of standard input: what was asked until then can be answered. Raises
    DataError by file and line, UsageError for a file that is not there.
    """
    path, token, _ = column_source(source)
    handle = io.BufferedReader(_AnnouncedReads(stdin, before_wait), _BLOCK_BYTES) if path == "-" else None
    name = _STDIN if handle else path
    if kind == "conll":
        for tokens, rows in iter_sentences(handle or path, token=token, name=name):
            yield Request(tokens=tokens, rows=rows)
        return
    for first, lines in handle_blocks(handle, name) if handle else line_blocks(path):
        for number, line in enumerate(lines, first):
            if kind == "text":
                yield Request(text=line)
            elif line.strip():
                yield _read_record(line, f"{name}:{number}")


def guess_kind(source: str) -> str:
    """Say what kind of input a file is, by its name: JSON lines, else columns, since those may end in anything.

    >>> guess_kind("news.jsonl.gz"), guess_kind("news.txt:token=1"), guess_kind("-")
    ('jsonl', 'conll', 'conll')
    """
    path, _, _ = column_source(source)
    ending = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    return "jsonl" if ending in (".jsonl", ".ndjson") else "conll"


class _AnnouncedReads(io.RawIOBase):
    """A raw stream over standard input that says so before each read, which may have to wait."""

    def __init__(self, source: BinaryIO, before_wait: Callable[[], None]) -> None:
        self.source, self.before_wait = source, before_wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.before_wait()
        # read1: what a pipe holds now, not as much as fits the buffer
        block: bytes = self.source.read1(len(buffer))  # type: ignore[attr-defined]
        buffer[: len(block)] = block
        return len(block)


def _read_record(line: str, place: str) -> Request:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(
            f'{place}: no JSON ({error}); each line is an object such as {{"text": "Ada spoke."}}'
        ) from None
    text, tokens = (record.get("text"), record.get("tokens")) if isinstance(record, dict) else (None, None)
    if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
        request = Request(tokens=tokens, record=record)
    elif isinstance(text, str):
        request = Request(text=text, record=record)
    else:
        raise DataError(
            f'{place}: neither a string "text" nor a list of strings "tokens" in {line.strip()[:60]!r}; '
            'each line is an object such as {"text": "Ada spoke."} or {"tokens": ["Ada", "spoke", "."]}'
        )
    try:
        for value in request.tokens if request.text is None else [request.text]:
            value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {error.object[error.start]!r} is half a character; mend the escape") from None
    return request
