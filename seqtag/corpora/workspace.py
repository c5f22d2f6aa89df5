"""Folders for the rows of a corpus on disk, removed when the process ends. Knows nothing of what lies in them.

A process that is killed can't remove its folder. It holds a lock on a file in it, and the system takes the lock from a
process that is gone; so the next process that makes a folder finds those of the dead, and removes them.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from seqtag.errors import SeqtagError

_PREFIX = "seqtag-"
_LOCK = "in-use.lock"


def workspace() -> Path:
    """Make a new folder for rows, removed with all others when the process ends."""
    folder = _process_folder(os.getpid())  # a forked child has a folder of its own, and leaves its parent's alone
    with room_in(folder):
        return Path(tempfile.mkdtemp(dir=folder))


def sweep_workspaces() -> None:
    """Remove the folders of processes that are gone; those of other users can't be opened."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        folder = lock.parent
        with suppress(OSError):
            if not folder.is_symlink() and (handle := try_lock(lock)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def try_lock(path: Path) -> int | None:
    """Lock a file until the number that is given back is closed, or the process ends; None if another one holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # Windows has no such locks, so there what a killed process leaves stays
        os.close(handle)
        return None
    return handle


@lru_cache(maxsize=1)
def _process_folder(process: int) -> Path:
    sweep_workspaces()
    with room_in(base := Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        try_lock(folder / f"{_LOCK}.new")
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)  # a lock that can be found is held already
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
