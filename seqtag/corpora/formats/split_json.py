"""Read JSON files that hold all splits: an object with a list of [text, label] pairs, or of objects, for each.

The file is in memory while it is read: JSON gives no way to take a part of it. JSONL is for tables.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from seqtag.corpora.column_roles import Column
from seqtag.corpora.formats.arrow_tables import labelled_table
from seqtag.corpora.json_text import parse_json
from seqtag.corpora.labelled_drafts import LabelledPart, LabelledRow, class_name, gather_texts
from seqtag.corpora.lines import numbered_lines, whole_text
from seqtag.corpora.splits import name_splits
from seqtag.errors import DataError, UsageError

_AGAIN = "write the file again"


def is_split_json(path: Path) -> bool:
    """Say whether a JSON file is an object of lists of lists or objects, and no record of a JSONL file."""
    lines = (line for _, line in numbered_lines(path) if line.strip())
    first = next(lines, "")
    if not first.lstrip().startswith("{"):
        return False
    try:
        content = parse_json(first, str(path), advice=_AGAIN)
    except DataError:
        return _is_split_object(_load(path))  # the object goes on in the lines that follow, so it is no JSONL
    return next(lines, None) is None and _is_split_object(content)


def split_json_parts(path: Path, *, text: Column | None, label: Column | None) -> dict[str, list[LabelledPart]]:
    """Make a part of each split of the file; `val` is the split dev, names of several words stay as they are.

    In pairs the text is the longer one that varies more, else the first; `text` and `label` (0 or 1) say otherwise.
    Raises DataError for an item that is no such pair.
    """
    content = _load(path)
    order = _order(content, text, label, path)
    parts: dict[str, list[LabelledPart]] = {}
    for key, split in name_splits(content).items():
        items, origin = content[key], f"{path}, {key}"
        if all(isinstance(item, dict) for item in items):
            parts[split] = [labelled_table(_table(items, origin), origin, text, label)]
        else:
            parts[split] = [LabelledPart(origin, gather_texts(_pairs(items, origin, order)))]
    return parts


def _is_split_object(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(items, list) and items and isinstance(items[0], (list, dict)) for items in content.values())
    )


def _load(path: Path) -> Any:
    return parse_json(whole_text(path), str(path), advice=_AGAIN)


def _table(items: Sequence[Mapping[str, Any]], origin: str) -> Dataset:
    try:
        return Dataset.from_list(list(items))
    except (ValueError, TypeError, OverflowError) as error:  # Arrow's errors are of these kinds
        raise DataError(f"{origin}: the objects can't be put in one table ({error}); give all the same keys") from error


def _pairs(items: Sequence[Any], origin: str, order: tuple[int, int]) -> Iterator[LabelledRow]:
    text, label = order
    for number, item in enumerate(items):
        if not (_is_pair(item) and isinstance(item[text], (str, type(None)))):
            raise DataError(f"{origin}, item {number}: {str(item)[:60]} is no pair [text, label]")
        yield item[text], class_name(item[label]), f"{origin}, item {number}"


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and not any(isinstance(one, (list, dict)) for one in item)


def _order(
    content: Mapping[str, Sequence[Any]], text: Column | None, label: Column | None, path: Path
) -> tuple[int, int]:
    """Say which of a pair is the text and which the label: as asked for, else the longer one that varies more."""
    pairs = [item for items in content.values() for item in items if _is_pair(item)]
    if not pairs:
        return 0, 1
    if {text, label} - {0, 1, None} or (text == label is not None):
        raise UsageError(f"{path}: the items are pairs without names; say text=0, label=1 or text=1, label=0")
    if text is None and label is None:
        columns = [[str(pair[i]) for pair in pairs] for i in (0, 1)]
        varied, sizes = ([measure(column) for column in columns] for measure in (_variety, _size))
        text = int(varied[0] < varied[1] and sizes[0] < sizes[1])
    elif text is None:
        text = 1 - int(label or 0)
    return int(text), 1 - int(text)


def _variety(column: Sequence[str]) -> int:
    return len(set(column))


def _size(column: Sequence[str]) -> int:
    return sum(map(len, column))
