"""Tell from names which file or folder is which split: train, dev or test."""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from seqtag.errors import DataError

logger = logging.getLogger("seqtag")

SPLITS = ("train", "dev", "test")

_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "val", "validation", "testa"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "testb"), "test"),
}
_NOT_DATA = re.compile(
    r"(licen[cs]e|notice|readme|citation|changelog|note)\b.*|.*\.(bib|md|pdf|py|sh|yaml|yml|csv|parquet|arrow)|\..*",
    re.I,
)


def split_name(name: str) -> str | None:
    """Read the split off a name, by its words; None where it has none or two.

    >>> [split_name(name) for name in ("wnut17train.conll", "emerging.dev.conll", "validation", "latest.conll")]
    ['train', 'dev', 'dev', None]
    """
    found = {_WORDS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def has_split_files(folder: Path) -> bool:
    """Say whether a folder has a file named after a split; tables, which `datasets` finds itself, don't count."""
    return bool(_by_split(_data_files(folder), split_name))


def find_split_files(folder: Path) -> dict[str, Path]:
    """Find the file of each split in a folder; licences, notes, tables and the like are passed over.

    Raises DataError, with the files, where none has the name of a split or two claim one.
    """
    files = _data_files(folder)
    splits = _by_split(files, split_name) or _by_split(files, _split_within)
    listed = ", ".join(path.name for path in files) or "none"
    if not splits:
        raise DataError(
            f"{folder}: no file is named after a split (train, dev or valid, test); the data files are: {listed}; "
            "name them so, or give one file"
        )
    for split, claims in splits.items():
        if len(claims) > 1:
            raise DataError(
                f"{folder}: {len(claims)} files claim the split {split!r}: {', '.join(path.name for path in claims)}; "
                "leave one of them, or give the files one by one"
            )
    if left := [path.name for path in files if not any(path in claims for claims in splits.values())]:
        logger.info("%s: not named after a split and left out: %s", folder, ", ".join(left))
    return {split: splits[split][0] for split in SPLITS if split in splits}


def find_split_folders(folder: Path, wanted: Callable[[Path], bool]) -> dict[str, Path]:
    """Find the folder of each split among those that are `wanted`; empty where there is none."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and wanted(path))
    splits = _by_split(folders, split_name)
    for split, claims in splits.items():
        if len(claims) > 1:
            names = ", ".join(path.name for path in claims)
            raise DataError(f"{folder}: {len(claims)} folders claim the split {split!r}: {names}; leave one of them")
    return {split: splits[split][0] for split in SPLITS if split in splits}


def _data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not _NOT_DATA.fullmatch(path.name))


def _by_split(paths: Iterable[Path], name_of: Callable[[str], str | None]) -> dict[str, list[Path]]:
    splits: dict[str, list[Path]] = {}
    for path in paths:
        if split := name_of(path.name):
            splits.setdefault(split, []).append(path)
    return splits


def _split_within(name: str) -> str | None:
    """Read a split off a name where it is part of a longer word, as in mytrainset.txt."""
    found = {_WORDS[word] for word in re.findall("train|devel|dev|valid|test", name.lower())}
    return found.pop() if len(found) == 1 else None
