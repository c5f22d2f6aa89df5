"""Find the sources of running text, and refuse tokens with tags, so that a wrong --task is reported at once."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from seqtag.cli.sources import COLUMN_FILES
from seqtag.corpora.lines import file_ending, line_blocks
from seqtag.corpora.splits import SPLITS, group_by_split, labelled_entries
from seqtag.errors import DataError, UsageError

_PLAIN = (".txt", ".text", "")
_MOST_LINES = 500  # lines of a file that are looked at
_ENTITY_TAG = re.compile(r"O|[BIESLUM](-\S+)?")
_NAMES_COLUMNS = re.compile(r":(token|tag)=[^/]*$")


def refuse_tags(source: str, *, advice: str) -> None:
    """Raise UsageError, which ends in `advice`, for a path that holds tokens with tags instead of running text."""
    if _NAMES_COLUMNS.search(source) or holds_tags(Path(source)):
        raise UsageError(f"{source}: holds tokens with tags, and running text is wanted here; {advice}")


def holds_tags(path: Path) -> bool:
    """Say whether each line of a file has a token and its tag: judged by the file's name, or by how its lines look."""
    ending = file_ending(path)
    if not path.is_file():
        return False
    if ending in (*COLUMN_FILES, ".spacy"):
        return True
    lines = _first_lines(path) if ending in (*_PLAIN, ".tsv") else []
    rows = [line.split() for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
        return False
    has_entity_tags = all(_ENTITY_TAG.fullmatch(row[-1]) for row in rows)
    # Tags of other kinds may be any word. They show only by the form: a tab in each row, a blank line after a sentence.
    return has_entity_tags or (ending != ".tsv" and "" in lines and all("\t" in line for line in lines if line.strip()))


def is_running_text(source: str) -> bool:
    """Say whether a path is a text file whose lines have no tabs and differ in their number of words."""
    path = Path(source)
    if not path.is_file() or file_ending(path) not in _PLAIN:
        return False
    try:
        lines = _first_lines(path)
    except DataError:
        return False
    return len({len(line.split()) for line in lines if line.strip()}) > 1 and not any("\t" in line for line in lines)


def find_texts(data: str, dev: str | None, test: str | None) -> tuple[str, str | None, str | None]:
    """Give the sources of train, dev and test.

    If `data` is a folder with one text file per split, its files are these, unless `dev` or `test` names another one.
    Everything else, other folders included, is one text to train on.
    """
    folder = Path(data)
    if not folder.is_dir():
        return data, dev, test
    files, _ = labelled_entries(folder)
    splits = group_by_split(path for path in files if file_ending(path) in _PLAIN)
    if "train" not in splits or any(len(paths) > 1 for paths in splits.values()):
        return data, dev, test
    found = {name: str(splits[name][0]) if name in splits else None for name in SPLITS}
    return str(found["train"]), dev or found["dev"], test or found["test"]


def _first_lines(path: Path) -> Sequence[str]:
    lines = (line for _, block in line_blocks(path, block_size=1 << 15) for line in block)
    return list(islice(lines, _MOST_LINES))
