"""Read texts whose place says their class: one file per class, with one text per line, or one folder per class."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqtag.corpora.labelled_drafts import LabelledPart, LabelledRow, gather_texts
from seqtag.corpora.lines import numbered_lines, whole_text
from seqtag.corpora.splits import labelled_entries
from seqtag.errors import DataError
from seqtag.reporting.progress import watched

logger = logging.getLogger("seqtag")

_WORDS = re.compile(r"[\W_]+|[^\W_]+")


def class_files(paths: Sequence[Path]) -> list[LabelledPart]:
    """Make a part of each file: each line is a text, blank ones too, and the file's name says the label.

    Raises DataError where two names leave the same label.
    """
    names = class_names([path.name.removesuffix(".gz") for path in paths])
    if len(set(names)) < len(names):
        listed = ", ".join(path.name for path in paths)
        raise DataError(f"{paths[0].parent}: two files leave the same label: {listed}; rename one of them")
    return [LabelledPart(str(path), gather_texts(_lines(path, name))) for path, name in zip(paths, names)]


def class_names(names: Sequence[str]) -> list[str]:
    """Cut off the words that all names begin with and the words that all names end with; the rest are the labels.

    >>> class_names(["rt-polarity.neg", "rt-polarity.pos"]), class_names(["not_funny.txt", "funny.txt"])
    (['neg', 'pos'], ['not_funny', 'funny'])
    """
    words = [_WORDS.findall(name) for name in names]
    shortest = min(map(len, words))
    start = next((i for i in range(shortest) if len({cut[i] for cut in words}) > 1), shortest - 1)
    end = next((i for i in range(shortest - start) if len({cut[-1 - i] for cut in words}) > 1), shortest - start - 1)
    return ["".join(cut[start : len(cut) - end]).strip("-_. ") or name for cut, name in zip(words, names)]


def class_folders(folders: Sequence[Path]) -> list[LabelledPart]:
    """Make a part of each folder: each file in it is one text, and the folder's name is the label.

    The line break at the end of a file is no part of the text, and a carriage return before a line feed goes.
    """
    others = ["names of files"]
    return [LabelledPart(str(folder), gather_texts(_files(folder)), others=others) for folder in folders]


def is_class_folder(folder: Path) -> bool:
    """Say whether a folder holds files, and no folders beside them."""
    files, folders = labelled_entries(folder)
    return bool(files) and not folders


def _lines(path: Path, label: str) -> Iterator[LabelledRow]:
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; it should hold one text per line, all of the class {label!r}")
    for number, line in numbered_lines(path):
        yield line, label, f"{path}:{number}"


def _files(folder: Path) -> Iterator[LabelledRow]:
    files, _ = labelled_entries(folder)
    if left := sorted({path.name for path in folder.iterdir()} - {path.name for path in files}):
        logger.info("%s: no texts, and left out: %s", folder, ", ".join(left))
    for path in watched(files, f"reading the texts of {folder.name}", total=len(files)):
        yield whole_text(path) if path.stat().st_size else "", folder.name, f"{path}"
