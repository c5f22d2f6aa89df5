"""Unpack zip files into a folder that goes with the process."""

import lzma
import re
import struct
import zipfile
import zlib
from pathlib import Path

from seqtag.corpora.lines import too_large
from seqtag.corpora.workspace import no_room, workspace
from seqtag.errors import DataError

# RuntimeError: encrypted, or a compression that Python lacks; the others depend on where the file is damaged.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, struct.error)
_LEAST_SIZE = 1_000  # bytes that an empty member counts
_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)")


def unpack(path: Path, *, most: int) -> tuple[Path, int]:
    """Unpack a zip file; gives the folder, which has the name of the file, and how many of `most` bytes are left.

    Raises DataError for a damaged or encrypted file, for one that would write outside of the folder, and for one that
    holds more than `most` bytes.
    """
    folder = workspace() / path.name
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                if _OUTSIDE.match(member.filename):
                    raise DataError(f"{path}: {member.filename!r} would be written outside of the folder; pack it anew")
            # No member gives more bytes than are noted for it; even an empty one takes room on the disk.
            left = most - sum(max(member.file_size, _LEAST_SIZE) for member in members)
            if left < 0:
                raise too_large(str(path), most)
            archive.extractall(folder)
    except DataError:  # which is a ValueError
        raise
    except _DAMAGED as error:
        raise DataError(
            f"{path}: the zip file can't be unpacked ({error}); unpack it yourself and give the folder"
        ) from error
    except OSError as error:
        raise no_room(folder, error) from error
    folder.mkdir(exist_ok=True)
    return folder, left
