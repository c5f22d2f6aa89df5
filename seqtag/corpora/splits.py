"""Tell by their names which file or folder is which split: train, dev or test."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from seqtag.errors import DataError

logger = logging.getLogger("seqtag")

SPLITS = ("train", "dev", "test")

_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "val", "validation", "testa"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "testb"), "test"),
}
_NOTES = r"(licen[cs]e|notice|readme|citation|changelog|note)\b.*|.*\.(bib|md|pdf|py|sh|yaml|yml)|\..*"
_NOT_TAGGED = re.compile(rf"{_NOTES}|.*\.(csv|parquet|arrow)", re.I)
_NOT_LABELLED = re.compile(rf"{_NOTES}|dataset_infos?\.json|.*\.(xml|dtd|html?|rtf|docx?)", re.I)
_NO_FOLDERS = re.compile(r"[._].*")  # such as .git and __MACOSX


def split_name(name: str) -> str | None:
    """Read the split off the words of a name; None for a name without a split or with two.

    >>> [split_name(name) for name in ("wnut17train.conll", "emerging.dev.conll", "validation", "latest.conll")]
    ['train', 'dev', 'dev', None]
    """
    found = {_WORDS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def name_splits(names: Iterable[str]) -> dict[str, str]:
    """Give the name that seqtag has for each split: `dev` for `val`, and `train` for `my_train`.

    If one of the names is that of a split as a whole, names of several words stay unchanged, because `oos_train` beside
    `train` is another split. Raises DataError where two names mean one split.

    >>> name_splits(["oos_val", "train", "val"])
    {'train': 'train', 'val': 'dev', 'oos_val': 'oos_val'}
    >>> name_splits(["my_test", "my_train"])
    {'my_train': 'train', 'my_test': 'test'}
    """
    names = list(names)
    whole = any(name.lower() in _WORDS for name in names)
    final = {name: (_WORDS.get(name.lower()) if whole else split_name(name)) or name for name in names}
    for split in final.values():
        if len(claims := [name for name in names if final[name] == split]) > 1:
            raise DataError(f"the splits {', '.join(claims)} are all {split!r}; rename all but one")
    return {name: final[name] for name in in_order(names, final.__getitem__)}


def in_order(splits: Iterable[str], name_of: Callable[[str], str] = str) -> list[str]:
    """Put train, dev and test first, in this order; other splits follow in their own order."""
    return sorted(splits, key=lambda name: SPLITS.index(name_of(name)) if name_of(name) in SPLITS else len(SPLITS))


def labelled_entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Give the files that may hold labelled texts, and the folders, but no licences, notes and hidden entries."""
    files, folders = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            folders += [path] * (not _NO_FOLDERS.fullmatch(path.name))
        elif path.is_file() and not _NOT_LABELLED.fullmatch(path.name):
            files.append(path)
    return files, folders


def group_by_split(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Gather files and folders that are named after a split, by split; no entry has such a name: an empty mapping.

    A split inside a longer word, as in mytrainset.csv, counts only where one of them is train: contest.txt alone is not
    a test split.
    """
    paths = list(paths)
    splits = _by_split(paths, split_name)
    if not splits and "train" in (within := _by_split(paths, _split_within)) and len(within) > 1:
        splits = within
    return {split: splits[split] for split in SPLITS if split in splits}


def has_split_files(folder: Path) -> bool:
    """Say whether a folder has a file named after a split; tables don't count, because `datasets` finds them itself."""
    return bool(_by_split(_data_files(folder), split_name))


def find_split_files(folder: Path) -> dict[str, Path]:
    """Find the file of each split in a folder, where licences, notes and tables are passed over.

    Raises DataError, which lists the files, where no file has the name of a split or two files claim one split.
    """
    files = _data_files(folder)
    splits = _named(files)
    listed = ", ".join(path.name for path in files) or "none"
    if not splits:
        raise DataError(
            f"{folder}: no file is named after a split (train, dev or valid, test); the data files are: {listed}; "
            "name them so, or give one file"
        )
    found = only_claims(folder, splits, "files")
    if left := [path.name for path in files if path not in found.values()]:
        logger.info("%s: not named after a split and left out: %s", folder, ", ".join(left))
    return found


def only_claims(folder: Path, splits: Mapping[str, Sequence[Path]], what: str) -> dict[str, Path]:
    """Give the only path of each split, train, dev and test in this order; DataError where several claim one split."""
    for split, claims in splits.items():
        if len(claims) > 1:
            raise DataError(
                f"{folder}: {len(claims)} {what} claim the split {split!r}: {', '.join(path.name for path in claims)}; "
                f"leave one of them, or give the {what} one by one"
            )
    return {split: splits[split][0] for split in SPLITS if split in splits}


def unnamed_files(folder: Path) -> list[Path]:
    """Give the data files of a folder in which no file is named after a split; otherwise none."""
    files = _data_files(folder)
    return [] if _named(files) else files


def find_split_folders(folder: Path, wanted: Callable[[Path], bool]) -> dict[str, Path]:
    """Find the folder of each split among the folders that are `wanted`; there may be none."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and wanted(path))
    return only_claims(folder, _by_split(folders, split_name), "folders")


def _data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not _NOT_TAGGED.fullmatch(path.name))


def _named(files: Iterable[Path]) -> dict[str, list[Path]]:
    files = list(files)
    return _by_split(files, split_name) or _by_split(files, _split_within)


def _by_split(paths: Iterable[Path], name_of: Callable[[str], str | None]) -> dict[str, list[Path]]:
    splits: dict[str, list[Path]] = {}
    for path in paths:
        if split := name_of(path.name):
            splits.setdefault(split, []).append(path)
    return splits


def _split_within(name: str) -> str | None:
    """Read a split off a name in which it is part of a longer word, as in mytrainset.txt."""
    found = {_WORDS[word] for word in re.findall("train|devel|dev|valid|test", name.lower())}
    return found.pop() if len(found) == 1 else None
