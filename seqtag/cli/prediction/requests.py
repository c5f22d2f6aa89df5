"""What `seqtag predict` reads: sentences of a column file, lines of text, JSON lines or rows of a table, one by one.

Before each read of standard input that may have to wait, the caller is notified and can answer the requests read so
far; a program at the other end of a pipe gets its answer before it sends more. Knows no model.
"""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from seqtag.cli.prediction.tables import Table
from seqtag.corpora.formats.conll import Column, iter_sentences
from seqtag.corpora.formats.conll_comments import other_line, stated_by
from seqtag.corpora.formats.spacy_docbins import layers_of, read_docs
from seqtag.corpora.formats.unread_forms import refuse_unread_file
from seqtag.corpora.formats.webanno import begins_webanno, is_webanno, webanno_sentences
from seqtag.corpora.formats.word_tables import is_word_table, word_table_sentences
from seqtag.corpora.json_text import parse_json
from seqtag.corpora.lines import file_ending, handle_blocks, line_blocks
from seqtag.errors import DataError, UsageError

Sentence: TypeAlias = tuple[list[str], Sequence[Sequence[str]]]  # tokens, and rows as a request has them

_STDIN = "<stdin>"
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Input:
    """Where requests come from, and in which form."""

    path: str  # - is standard input
    kind: str  # conll, text, jsonl, csv or spacy
    column: Column | None = None  # the column of tokens in a column file, the key of the text in JSON lines
    table: Table | None = None  # if the kind is csv
    by_text: bool = False  # in a JSON object, `text` is preferred to `tokens` and a missing text counts as empty

    @property
    def text_key(self) -> str | None:
        """The key of the text in a record; None for documents of spaCy, whose fields hold no text."""
        if self.table is not None:
            return self.table.keys[self.table.text]
        if self.kind == "jsonl" and self.column is not None:
            return str(self.column)
        return None if self.kind == "spacy" else "text"


@dataclass(frozen=True, slots=True)
class Request:
    """One text, or one sentence that is already cut into tokens."""

    text: str | None = None  # None if the input brings tokens
    tokens: list[str] = field(default_factory=list)
    # The cells of each token in a column file. A line that is no token, such as a comment, is a string among them.
    rows: Sequence[Sequence[str]] = ()
    # The object of JSON lines, the row of a table by column, or what comments of a column file say.
    record: dict[str, Any] = field(default_factory=dict)
    place: str = ""  # file:line, if the line is one request
    # A document of spaCy has a text and tokens: their places in it, which of them begin a sentence (None: not known),
    # and the whole document as the only one of a DocBin.
    places: Sequence[tuple[int, int]] = ()
    cuts: Sequence[int] | None = None
    docbin: bytes = b""
    layers: Sequence[str] = ()  # what else is annotated in it

    @property
    def content(self) -> str | list[str]:
        """What is to be labelled: the text, or the tokens."""
        return self.tokens if self.text is None else self.text

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to label but white space."""
        return not (self.tokens if self.text is None else self.text.strip())

    def beside(self, text_key: str | None) -> dict[str, Any]:
        """Give the fields of the record but for what is labelled: the text, which has a key in it, or the tokens."""
        content = None if self.rows else "tokens" if self.text is None else text_key
        return {key: value for key, value in self.record.items() if key != content}

    def other_rows(self) -> Iterator[str]:
        """Name what a column file holds beside tokens, and comments with a key and a value."""
        if any(len(row) > 1 for row in self.rows if not isinstance(row, str)):
            yield "other columns"
        lines = [row for row in self.rows if isinstance(row, str) and stated_by(row) is None]
        yield from filter(None, map(other_line, lines))


def read_requests(given: Input, stdin: BinaryIO, before_wait: Callable[[], None]) -> Iterator[Request]:
    """Read a file, or standard input if its path is '-'; the memory needed does not grow with the input.

    `before_wait` is called before each read of standard input. Raises DataError, by file and line, for input that
    can't be read, UsageError for a file that does not exist.
    """
    handle = io.BufferedReader(_AnnouncedReads(stdin, before_wait), _BLOCK_BYTES) if given.path == "-" else None
    name = _STDIN if handle else given.path
    if given.kind == "conll":
        sentences = _piped_sentences(handle, given, name) if handle else _file_sentences(given)
        for tokens, rows in sentences:
            yield Request(tokens=tokens, rows=rows, record=_commented(rows))
        return
    if given.kind == "spacy":
        yield from map(_document_request, read_docs(name, handle))
        return
    if given.table is not None:
        for number, cells in given.table.rows():
            record = dict(zip(given.table.keys, cells))
            yield Request(text=cells[given.table.text], record=record, place=f"{name}:{number}")
        return
    for first, lines in handle_blocks(handle, name) if handle else line_blocks(given.path):
        for number, line in enumerate(lines, first):
            if given.kind == "text":
                yield Request(text=line, place=f"{name}:{number}")
            elif line.strip():
                yield _read_record(line, name, number, given)


def _document_request(doc: Any) -> Request:
    from spacy.tokens import DocBin

    words = [token for token in doc if not token.is_space]
    cuts = [number for number, token in enumerate(words) if token.is_sent_start]
    return Request(
        text=doc.text,
        tokens=[token.text for token in words],
        record={key: value for key, value in doc.user_data.items() if isinstance(key, str)},
        places=[(token.idx, token.idx + len(token)) for token in words],
        cuts=cuts if doc.has_annotation("SENT_START") else None,
        docbin=DocBin(docs=[doc], store_user_data=True).to_bytes(),
        layers=layers_of(doc),
    )


def _commented(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Give what comments say: `# sent_id = 7`. The names of the columns are no field of a sentence."""
    found = (stated_by(row) for row in rows if isinstance(row, str))
    return {each[0]: each[1] for each in found if each and each[0] != "global.columns"}


def _file_sentences(given: Input) -> Iterator[Sentence]:
    """Give the tokens and the rows of each sentence of a file, whichever of the forms with a token per row it has."""
    path = Path(given.path)
    ending = file_ending(path)
    if ending == ".ann":
        raise UsageError(f"{path}: holds annotations of brat; to tag their text: --text {path.with_suffix('.txt')}")
    if ending == ".json":
        raise UsageError(f"{path}: is JSON, of which JSON lines are read here: an object with a text per line, --jsonl")
    if path.is_file():
        if is_webanno(path):
            return webanno_sentences(line_blocks(given.path), given.path)
        if ending in (".csv", ".tsv") and is_word_table(path, given.column, tagged=False):
            return word_table_sentences(given.path, given.column)
        refuse_unread_file(path)
    return iter_sentences(given.path, token=given.column)


def _piped_sentences(handle: "io.BufferedReader[Any]", given: Input, name: str) -> Iterator[Sentence]:
    """Give the tokens and the rows of each sentence of standard input, by what its first line says."""
    if begins_webanno(handle.peek()):
        return webanno_sentences(handle_blocks(handle, name), name)
    return iter_sentences(handle, token=given.column, name=name)


class _AnnouncedReads(io.RawIOBase):
    """A raw stream over standard input that calls `before_wait` before each read, which may have to wait."""

    def __init__(self, source: BinaryIO, before_wait: Callable[[], None]) -> None:
        self.source, self.before_wait = source, before_wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.before_wait()
        # read1 takes what the pipe holds now, and does not wait until the buffer is full
        block: bytes = self.source.read1(len(buffer))  # type: ignore[attr-defined]
        buffer[: len(block)] = block
        return len(block)


def _read_record(line: str, name: str, number: int, given: Input) -> Request:
    place = f"{name}:{number}"
    key = "text" if given.column is None else str(given.column)
    example = json.dumps({key: "Ada spoke."})
    record = parse_json(line, name, number, advice=f"each line must be an object such as {example}")
    text, tokens = (record.get(key), record.get("tokens")) if isinstance(record, dict) else (None, None)
    text_counts = given.by_text and isinstance(text, str)
    if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens) and not text_counts:
        request = Request(tokens=tokens, record=record, place=place)
    elif isinstance(text, str):
        request = Request(text=text, record=record, place=place)
    elif given.by_text and isinstance(record, dict) and key in record and text is None:
        request = Request(text="", record=record, place=place)
    else:
        raise DataError(
            f'{place}: neither a string "{key}" nor a list of strings "tokens" in {line.strip()[:60]!r}; '
            f'each line must be an object such as {example} or {{"tokens": ["Ada", "spoke", "."]}}'
        )
    try:
        for value in request.tokens if request.text is None else [request.text]:
            value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {error.object[error.start]!r} is half a character; mend the escape") from None
    return request
