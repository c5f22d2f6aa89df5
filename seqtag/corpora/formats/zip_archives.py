"""Unpack zip files into a folder that goes with the process."""

import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

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
            for member in archive.infolist():
                if _OUTSIDE.match(member.filename):
                    raise DataError(f"{path}: {member.filename!r} would be written outside of the folder; pack it anew")
                target = folder / PurePosixPath(member.filename)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: encrypted, or a compression that Python lacks
        raise DataError(
            f"{path}: the zip file can't be unpacked ({error}); unpack it yourself and give the folder"
        ) from error
    except OSError as error:
        raise no_room(folder, error) from error
    folder.mkdir(exist_ok=True)
    return folder
