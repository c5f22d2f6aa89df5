"""Open, hash and parse the files of a model folder that may come from anywhere: regular files inside it, of some size.

Knows the names of the files and how large they may be; knows nothing of what they hold.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from seqtag.errors import ModelError, UsageError, one_line

# How large a file may be whose size config.json does not state, because an earlier release wrote it; and config.json.
_MOST_BYTES = {"config.json": 1 << 26, "history.json": 1 << 28, "vocabulary.json": 1 << 31, "README.md": 1 << 24}
_MOST_BYTES |= dict.fromkeys(("model.onnx", "model.int8.onnx"), 1 << 31)  # what one file of Protocol Buffers can hold
_MOST_OTHER_BYTES = 1 << 35
_MOST_DIGITS = 20  # of a whole number in JSON, its sign included
_SHOWN = 60


def as_path(folder: object) -> Path:
    """Give a folder that a user names as a path; UsageError for what names none."""
    if isinstance(folder, (str, os.PathLike)):
        return Path(folder)
    raise UsageError(f"{folder!r} names no folder; give its path, as a string or a pathlib.Path")


@contextmanager
def open_inside(path: Path, *, size: int | None = None) -> Iterator[BinaryIO]:
    """Open a file of a model folder to be read, if it is a regular file that lies in that folder, not behind a link.

    The one exception is the cache of the Hugging Face hub, whose folders hold links to the files beside them. `size` is
    how many bytes were saved, where that is known. Raises ModelError for anything else, for a file that is missing,
    can't be read or is larger than such a file ever is.
    """
    try:
        place = Path(os.path.realpath(path, strict=True))
        if not any(place.is_relative_to(folder) for folder in _allowed_folders(Path(os.path.realpath(path.parent)))):
            raise ModelError(f"{path}: a link that leads out of the model folder; put the file itself there")
        # Asked before it is opened, because opening a device may do something; asked again of what was opened.
        _check_regular(path, os.stat(place))
        flags = ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
        handle = os.open(place, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
        with open(handle, "rb") as file:
            about = os.fstat(handle)
            _check_regular(path, about)
            most = _MOST_BYTES.get(path.name, _MOST_OTHER_BYTES)
            if size is not None and about.st_size != size:
                raise ModelError(
                    f"{path}: damaged, it is not the file that was saved: it has {about.st_size:,} bytes instead of "
                    f"{size:,}; save the model again"
                )
            if about.st_size > most:
                raise ModelError(f"{path}: has {about.st_size:,} bytes, and no such file has more than {most:,}")
            yield file
    except FileNotFoundError:
        raise ModelError(f"{path}: missing from the model folder; save the model again") from None
    except (OSError, ValueError) as error:  # ValueError: a name that holds a null character
        raise ModelError(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}") from None


def _allowed_folders(folder: Path) -> list[Path]:
    """List the folders in which the files of a model folder may lie; both paths are free of links.

    The cache of the hub has `models--OWNER--NAME/snapshots/COMMIT`, whose links lead to `models--OWNER--NAME/blobs`,
    and those of large files on to `blobs` beside it.
    """
    if folder.parent.name != "snapshots" or not folder.parent.parent.name.startswith("models--"):
        return [folder]
    repository = folder.parent.parent
    return [folder, repository / "blobs", repository.parent / "blobs"]


def _check_regular(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        kind = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe, a device or the like"
        raise ModelError(f"{path}: can't be read: it is {kind}, not a regular file; save the model again")


def read_inside(path: Path, *, size: int | None = None) -> bytes:
    """Read a file of a model folder as `open_inside` opens it."""
    with open_inside(path, size=size) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def sha256_of(path: Path, *, size: int | None = None) -> str:
    """Hash a file piece by piece: weights may be larger than what a serving process has room for.

    Raises ModelError as `open_inside` does.
    """
    digest = hashlib.sha256()
    with open_inside(path, size=size) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def parse_json(path: Path, content: bytes) -> Any:
    """Parse the content of a JSON file; ModelError where it is no JSON, or such as nothing here was ever written."""
    try:
        return json.loads(content, parse_int=_whole)
    except RecursionError:
        raise ModelError(f"{path}: damaged, its lists are nested too deeply; save the model again") from None
    except ValueError as error:
        raise ModelError(f"{path}: damaged, it is not JSON ({one_line(error)}); save the model again") from None


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits")
    return int(digits)


def shown(value: Any) -> str:
    """Write a value of a JSON file for a message: in one line, cut where it is long.

    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"
    """
    if isinstance(value, (list, dict)) and len(value) > 5:
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value):,}"
    try:
        text = ascii(value[:_SHOWN] if isinstance(value, str) else value)
    except RecursionError:
        text = "lists in lists"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
