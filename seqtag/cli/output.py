"""Where the results of a command go: to standard output, or into files that are whole or not there at all."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from seqtag.errors import SeqtagError, UsageError


class Report(Protocol):
    """What a command found, which `print` shows in a terminal and which has other forms for files."""

    def to_text(self, form: str) -> str:
        """Give the form that an ending names: .json, .html or .md; UsageError for a form that it does not have."""


def show(report: Report, *, json_file: str | None, html_file: str | None, markdown_file: str | None) -> None:
    """Print a report, and write the forms that have a file; a form whose file is '-' is printed instead of the report.

    Raises UsageError, before anything is printed, for a form that the report does not have.
    """
    files = {".json": json_file, ".html": html_file, ".md": markdown_file}
    forms = [(path, report.to_text(ending)) for ending, path in files.items() if path is not None]
    if all(path != "-" for path, _ in forms):
        print_report(report)
    for path, text in forms:
        with open_output(path) as output:
            output.write(text)


def print_report(report: object) -> None:
    """Print a report, with colours only if standard output is a terminal."""
    if not sys.stdout.isatty():
        print(report)
        return
    from rich.console import Console

    Console(highlight=False, emoji=False).print(report)


@contextmanager
def open_output(path: str) -> Iterator[TextIO]:
    """Open a UTF-8 file that takes its place only once all of it is written; '-' is standard output.

    Devices and pipes are written to directly. Raises UsageError if the file can't be opened, SeqtagError if the disk
    is full.
    """
    if path == "-":
        yield sys.stdout
        return
    place = Path(path)
    is_device = place.exists() and not place.is_file()
    partial = place if is_device else place.with_name(f".{place.name}.partial")
    try:
        handle = partial.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path}: can't be written ({error.strerror}); name a file in an existing folder") from None
    try:
        with handle:
            yield handle
        if not is_device:
            partial.replace(place)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.filename not in (None, os.fspath(partial)):
            raise
        raise SeqtagError(f"{path}: can't be written: {error.strerror}; the file is as it was before") from error
    finally:
        if not is_device:
            partial.unlink(missing_ok=True)


def json_text(value: Any) -> str:
    """Lay a value out as JSON that people can read, too."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
