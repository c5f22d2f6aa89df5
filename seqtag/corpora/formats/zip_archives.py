"""Unpack zip files into a folder that goes with the process."""

import re
import zipfile
import zlib
from pathlib import Path

from seqtag.corpora.workspace import no_room, workspace
from seqtag.errors import DataError

_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)")


def unpack(path: Path) -> Path:
    """Unpack a zip file and give the folder, which has the name of the file.

    Raises DataError for a damaged or encrypted file and for one that would write outside of the folder.
    """
    folder = workspace() / path.name
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if _OUTSIDE.match(name):
                    raise DataError(f"{path}: {name!r} would be written outside of the folder; pack it anew")
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: encrypted, or a compression that Python lacks
        raise DataError(
            f"{path}: the zip file can't be unpacked ({error}); unpack it yourself and give the folder"
        ) from error
    except OSError as error:
        raise no_room(folder, error) from error
    folder.mkdir(exist_ok=True)
    return folder
