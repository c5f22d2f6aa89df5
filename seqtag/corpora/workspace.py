"""Folders for the rows of a corpus on disk, removed when the process ends. Knows nothing of what lies in them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from seqtag.errors import SeqtagError


def workspace() -> Path:
    """Make a new folder for rows, removed with all others when the process ends."""
    return Path(tempfile.mkdtemp(dir=_process_folder().name))


@lru_cache(maxsize=1)
def _process_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="seqtag-", ignore_cleanup_errors=True)


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Raise the error of `no_room` where rows can't be written; put it around writing alone."""
    try:
        yield
    except OSError as error:
        raise no_room(folder, error) from error


def no_room(folder: Path, error: OSError) -> SeqtagError:
    """Make the error for rows that can't be written."""
    return SeqtagError(
        f"{folder}: can't write the rows of the corpus: {error}; free some space, or set TMPDIR to a folder with more"
    )
