"""Which split of which data a command means, and where its results go. Knows no model."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seqtag.corpora.source_names import parse_labelled_source, parse_source
from seqtag.errors import SeqtagError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from seqtag.corpora.formats.conll import Column


def read_corpus(source: str, **options: Any) -> "DatasetDict":
    """Read all splits of a corpus; the bars of `datasets` for the steps in between stay away."""
    from datasets import DatasetDict, disable_progress_bars

    from seqtag.corpora.loading import load_corpus

    disable_progress_bars()
    corpus = load_corpus(source, **options)
    assert isinstance(corpus, DatasetDict)
    return corpus


def pick_split(corpus: Mapping[str, "Dataset"], wanted: str, *, source: str, advice: str) -> "Dataset":
    """Give the split that is wanted, else the only one; raises UsageError, ending in `advice`, where several are left.

    >>> pick_split({"train": "rows"}, "test", source="news.conll", advice="")
    'rows'
    """
    if wanted in corpus:
        return corpus[wanted]
    if len(corpus) > 1:
        raise UsageError(f"{source}: no split {wanted!r} among {', '.join(corpus)}; {advice}")
    return next(iter(corpus.values()))


def column_source(source: str) -> "tuple[str, Column | None, Column | None]":
    """Cut `file:token=0,tag=3` into the path of a column file and its columns."""
    path, token, tag, config = parse_source(source)
    if config is not None:
        raise UsageError(f"{source}: config= is for data sets in hub layout; a column file has token= and tag=")
    return path, token, tag


def text_source(source: str) -> "tuple[str, Column | None]":
    """Cut `reviews.csv:text=review` into the path of texts and the column, or key, that holds them.

    A label= that training was told may stay: it is not needed here.
    """
    path, text, _, config = parse_labelled_source(source)
    if config is not None:
        raise UsageError(f"{source}: config= is for data sets in hub layout; a table or JSON lines have text=")
    return path, text


@contextmanager
def open_output(path: str, standard: TextIO) -> Iterator[TextIO]:
    """Open a UTF-8 file that takes its place only when all is written; '-' is `standard`.

    Devices and pipes are written to as they are. Raises UsageError where the file can't be opened, SeqtagError where
    the disk is full.
    """
    if path == "-":
        yield standard
        return
    place = Path(path)
    direct = place.exists() and not place.is_file()
    partial = place if direct else place.with_name(f".{place.name}.partial")
    try:
        handle = partial.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"{path}: can't be written ({error.strerror}); name a file in a folder that is there"
        ) from None
    try:
        with handle:
            yield handle
        if not direct:
            partial.replace(place)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.filename not in (None, os.fspath(partial)):
            raise
        raise SeqtagError(
            f"{path}: can't be written: {error.strerror}; what stood there before is unchanged"
        ) from error
    finally:
        if not direct:
            partial.unlink(missing_ok=True)


def write_json(path: str, value: Any, standard: TextIO) -> None:
    """Write a value as JSON, laid out for reading; '-' is `standard`."""
    with open_output(path, standard) as output:
        output.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
