"""Where the results of a command go: to standard output, or into files that are whole or not there at all."""

import errno
import glob
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from seqtag.errors import SeqtagError, UsageError
from seqtag.folders import try_lock


class Report(Protocol):
    """What a command found, which `print` shows in a terminal and which has other forms for files."""

    def to_text(self, form: str) -> str:
        """Give the form that an ending names: .json, .html or .md; UsageError for a form that it does not have."""


Files = Mapping[str, str]  # the form of a report, by its ending -> where to write it; '-' is standard output


def check_files(*, json_file: str | None, html_file: str | None, markdown_file: str | None) -> Files:
    """Gather the forms that are wanted; UsageError for a file in no folder, which is better known before the work."""
    files = {".json": json_file, ".html": html_file, ".md": markdown_file}
    wanted = {form: path for form, path in files.items() if path is not None}
    for path in wanted.values():
        if not Path(path).parent.is_dir():
            raise _no_place(path, os.strerror(errno.ENOENT))
    return wanted


def show(report: Report, files: Files, *, in_colours: Callable[[Any], Any] | None = None) -> None:
    """Print a report and write its forms; a form that goes to standard output is printed instead of the report.

    If standard output is a terminal, rich prints the report in colours, or what `in_colours` makes of it.
    """
    if "-" not in files.values():
        if sys.stdout.isatty():
            from rich.console import Console

            console = Console(highlight=False, emoji=False)
            console.print(in_colours(report) if in_colours else report, soft_wrap=in_colours is not None)
        else:
            print(report)
    write_forms(report, files)


def write_forms(report: Report, files: Files) -> None:
    """Write the forms of a report, each into its file."""
    for form, path in files.items():
        with open_output(path) as output:
            output.write(report.to_text(form))


@contextmanager
def open_output(path: str, *, is_binary: bool = False) -> Iterator[Any]:
    """Open a file, of UTF-8 or binary, that takes its place only once all of it is written; '-' is standard output.

    Devices and pipes are written to directly. Raises UsageError if the file can't be opened, SeqtagError if the disk
    is full.
    """
    if path == "-":
        yield sys.stdout.buffer if is_binary else sys.stdout
        return
    place = Path(path)
    is_device = place.exists() and not place.is_file()
    try:
        partial, lock = (place, None) if is_device else _new_partial(place)
        handle: IO[Any] = partial.open("wb") if is_binary else partial.open("w", encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise _no_place(path, getattr(error, "strerror", str(error))) from None
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
        if lock is not None:
            os.close(lock)
        if not is_device:
            partial.unlink(missing_ok=True)


def _new_partial(place: Path) -> tuple[Path, int | None]:
    """Make a file beside `place` that no other process writes to, with its lock; those that dead ones left are removed.

    The lock says that the file is in use, as in seqtag/folders.py.
    """
    for old in place.parent.glob(f".{glob.escape(place.name)}.*.partial"):
        with suppress(OSError):
            if (lock := try_lock(old)) is not None:
                old.unlink()
                os.close(lock)
    partial = place.with_name(f".{place.name}.{secrets.token_hex(4)}.partial")
    return partial, try_lock(partial)


def _no_place(path: str, reason: str | None) -> UsageError:
    return UsageError(f"{path}: can't be written ({reason}); name a file in an existing folder")
