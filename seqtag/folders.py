"""Folders that several processes write and read: claimed by one, swept when it is dead, exchanged in one step.

Knows nothing of what lies in them. Windows has neither the locks nor the exchange; there a kill may leave a folder.
"""

import ctypes
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "in-use.lock"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux, see `man 2 renameat2`


def try_lock(path: Path) -> int | None:
    """Lock a file until the number that is given back is closed, or the process ends; None if another one holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        os.close(handle)
        return None
    return handle


def claim_folder(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """Make a new folder that belongs to this process, as long as the lock on a file in it is held."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    handle = try_lock(folder / f"{_LOCK}.new")
    (folder / f"{_LOCK}.new").rename(folder / _LOCK)  # a lock that can be found is held already
    return folder, handle


def dead_folders(parent: Path, prefix: str) -> Iterator[Path]:
    """Give each folder that a dead process has claimed, and remove it afterwards; links are left alone."""
    for lock in parent.glob(f"{glob.escape(prefix)}*/{_LOCK}"):
        folder = lock.parent
        with suppress(OSError):
            if not folder.is_symlink() and (handle := try_lock(lock)) is not None:
                try:
                    yield folder
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(handle)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Wait until no other process writes into a folder, and keep the others waiting as long as the block runs.

    Of a folder that was exchanged for another one meanwhile, the new one is held. Raises OSError where there is none.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(handle), folder.stat()):
            break
        os.close(handle)
    try:
        yield
    finally:
        os.close(handle)


def exchange(one: Path, other: Path) -> bool:
    """Put each of two folders in the place of the other, so that nobody sees either place empty.

    False, and nothing done, where the system or the file system can't.
    """
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def add_what_is_missing(source: Path, target: Path, *, but: set[str]) -> None:
    """Put all entries of one folder into another that has none of that name, as further names of the same files."""
    for entry in source.iterdir():
        place = target / entry.name
        if entry.name in but or os.path.lexists(place):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, place, symlinks=True, copy_function=_link)
        else:
            _link(entry, place)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # some file systems know one name per file
        shutil.copy2(source, target, follow_symlinks=False)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk: a loss of power doesn't undo what follows."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
