"""Folders for the rows of a corpus on disk, removed when the process ends. Knows nothing of what lies in them.

A process that is killed can't remove its folder. It holds a lock on a file in it, and the system takes the lock from a
process that is gone; so the next process that makes a folder finds those of the dead, and removes them.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from seqtag.errors import SeqtagError
from seqtag.folders import claim_folder, dead_folders

_PREFIX = "seqtag-"


def workspace() -> Path:
    """Make a new folder for rows, removed with all others when the process ends."""
    folder = _process_folder(os.getpid())  # a forked child has a folder of its own, and leaves its parent's alone
    with room_in(folder):
        return Path(tempfile.mkdtemp(dir=folder))


def sweep_workspaces() -> None:
    """Remove the folders of processes that are gone; those of other users can't be opened."""
    for _ in dead_folders(Path(tempfile.gettempdir()), _PREFIX):
        pass


@lru_cache(maxsize=1)
def _process_folder(process: int) -> Path:
    sweep_workspaces()
    with room_in(base := Path(tempfile.gettempdir())):
        folder, _ = claim_folder(base, _PREFIX)  # the lock is held to the end of the process
    atexit.register(_remove_own, folder, process)
    return folder


def _remove_own(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


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
