"""Read several labels off one string, as tables write them: `a|b`, or `['a', 'b']` as Python prints a list."""

import ast
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from datasets import DatasetDict

from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledForm, LabelledPart
from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")

_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,'"\[\](){}]+)"""
_LIST = re.compile(rf"[\[({{]\s*(?:{_ITEM}(?:[\s,]+{_ITEM})*\s*,?)?\s*[\])}}]")  # numpy prints blanks between items
_MARKS = ("|", ";", ",")
_MOST_SHOWN = 3


def is_written_list(cell: str) -> bool:
    """Say whether a cell holds a list as Python, JSON or numpy write it.

    >>> [is_written_list(cell) for cell in ("['a', 'b']", '["a"]', "[]", "a, b", "[sic] fine")]
    [True, True, True, False, False]
    """
    return _LIST.fullmatch(cell.strip()) is not None


def cut_labels(cell: str, separator: str | None) -> list[str]:
    """Give the labels of a cell: the items of a written list, else what stands between separators; blank: none.

    >>> cut_labels("['a b', 'c']", None), cut_labels("a | b", "|"), cut_labels(" ", "|")
    (['a b', 'c'], ['a', 'b'], [])
    """
    cell = cell.strip()
    if is_written_list(cell):
        items = re.findall(_ITEM, cell[1:-1])
        return [str(ast.literal_eval(item)) if item[0] in "'\"" else item for item in items]
    parts = [part.strip() for part in (cell.split(separator) if separator else [cell])]
    return [part for part in parts if part]


def with_label_lists(part: LabelledPart, separator: str | None) -> LabelledPart:
    """Cut the labels of a part, which are strings, into lists; a part that has lists already is returned unchanged."""
    if part.form.several:
        return part
    form = LabelledForm(tokenised=part.form.tokenised, several=True)
    return LabelledPart(part.origin, _cut_blocks(part.blocks, separator), form)


def _cut_blocks(blocks: Iterable[LabelledBlock], separator: str | None) -> Iterator[LabelledBlock]:
    for block in blocks:
        labels = block.labels if isinstance(block.labels, list) else block.labels.to_pylist()
        lists = [_cut_label(label, separator, block.place, row) for row, label in enumerate(labels)]
        yield replace(block, labels=pa.array(lists, pa.list_(pa.string())))


def _cut_label(label: Any, separator: str | None, place: Callable[[int], str], row: int) -> list[str]:
    if label is None:
        return []
    if not isinstance(label, str):
        raise DataError(
            f"{place(row)}: the label is {label!r}, which is no string, so it can't be cut; leave out label_separator"
        )
    return cut_labels(label, separator)


def check_separator(separator: Any) -> None:
    """Raise UsageError for what can't stand between labels."""
    if separator is not None and (not isinstance(separator, str) or not separator.strip(" ")):
        raise UsageError(
            f"label_separator is {separator!r}; it is what stands between the labels of a text: ',' or '|'"
        )


def check_label_lists(corpus: DatasetDict) -> None:
    """Warn of labels that look like several in one; DataError for lists of labels that are indicators, 0 and 1.

    A label looks like several if it is a written list, or if parts of it are labels or parts of labels elsewhere.
    """
    features = next(iter(corpus.values())).features
    if "labels" in features:
        widths = {len(labels) for dataset in corpus.values() for labels in dataset["labels"]}
        if problem := indicator_problem(features["labels"].feature.names, widths):
            raise DataError(problem)
    elif found := find_joined_labels(features["label"].names):
        logger.warning("%s", found)


def find_joined_labels(names: Sequence[str]) -> "JoinedLabels | None":
    """Find the labels that look like several in one string, and how they can be cut.

    >>> print(find_joined_labels(["good", "bad|good"]))
    1 of the labels look like several in one: 'bad|good'; if so, label_separator='|' cuts them
    """
    written = [name for name in names if is_written_list(name)]
    if written:
        return JoinedLabels(written, "label_separator=',' reads such lists")
    for mark in _MARKS:
        joined = [name for name in names if mark in name]
        counts = Counter(piece for name in names for piece in {part.strip() for part in name.split(mark)})
        repeated = {piece for piece, count in counts.items() if piece and count > 1}
        if found := [name for name in joined if repeated & {part.strip() for part in name.split(mark)}]:
            return JoinedLabels(found, f"if so, label_separator={mark!r} cuts them")
    return None


@dataclass(frozen=True, slots=True)
class JoinedLabels:
    """Labels that look like several in one string."""

    names: list[str]
    advice: str  # which option cuts them

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.names[:_MOST_SHOWN])) + ", ..." * (len(self.names) > _MOST_SHOWN)
        return f"{len(self.names)} of the labels look like several in one: {shown}; {self.advice}"


def indicator_problem(names: Sequence[str], widths: Collection[int]) -> str | None:
    """Say that lists of labels, of some lengths, are indicators, 0 and 1; None where they are no such."""
    if not set(names) <= {"0", "1", "false", "true"} or len(widths) != 1 or max(widths) < 2:
        return None
    return (
        f"each text has a list of {max(widths)} labels, and these are only {' and '.join(names)}: they look like "
        "indicators, one per class, whose names are not known; give each text the list of its own labels instead, "
        'such as ["late", "rude"], or give the indicators to fit(X, y) as an array or a list of lists'
    )
