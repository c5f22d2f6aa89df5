"""What a report keeps so that another can be compared with it: what was measured, on which data, unit by unit.

The JSON form of a report holds it under the key `measurement`. It knows no figure: comparison.py makes them.
"""

# S units (sentences, texts or documents), L labels

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.statistics.counts import Counts

TASKS = ("spans", "tags", "labels")  # spans of tokens; plain tags, counted by token; labels of texts
UNITS = ("sentences", "texts", "documents")
_KEYS = ("task", "data_hash", "unit", "labels", "num_labels", "label", "right", "gold", "predicted")
_HASH = re.compile(r"[0-9a-f]{64}")
LISTS = (list, tuple, set, frozenset, np.ndarray)  # what holds the labels of one text where it has several
Place: TypeAlias = tuple[int, int, str]  # start, end and label of a span
_MOST = 2**31  # every count of a measurement is smaller


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What was right, in gold and predicted, in each unit of some data; reports with the same data can be compared."""

    task: str  # one of TASKS
    data_hash: str  # SHA-256 of the gold data, by `hash_tagged` or `hash_labelled`
    unit: str  # one of UNITS
    counts: Counts

    def __post_init__(self) -> None:
        for name, value, known in (("task", self.task, TASKS), ("unit", self.unit, UNITS)):
            if value not in known:
                raise UsageError(f"measurement: unknown {name} {value!r}; {near_miss(str(value), known)}")
        if not _HASH.fullmatch(self.data_hash):
            raise UsageError(f"measurement: data_hash is {self.data_hash!r}; pass the 64 hex digits of a SHA-256")

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, from which `from_dict` makes the same again; keys stay as they are.

        `task`, `data_hash`, `unit`, `labels`, and flat lists of whole numbers: `num_labels` says how many labels occur
        in each unit, in gold or predicted; the others have an item for each of these: `label` (its place in `labels`),
        `right`, `gold`, `predicted`.

        >>> gold = np.array([[0, 0], [0, 2]])
        >>> counts = Counts(("LOC", "PER"), gold // 2, gold, np.eye(2, dtype=int))
        >>> stored = Measurement("spans", 64 * "0", "sentences", counts).to_dict()
        >>> stored["num_labels"], stored["label"], stored["gold"], stored["predicted"]
        ([1, 1], [0, 1], [0, 2], [1, 1])
        """
        counts = self.counts
        occurs_SL = (counts.gold_SL > 0) | (counts.predicted_SL > 0)
        arrays = {"right": counts.right_SL, "gold": counts.gold_SL, "predicted": counts.predicted_SL}
        return {
            "task": self.task,
            "data_hash": self.data_hash,
            "unit": self.unit,
            "labels": list(counts.labels),
            "num_labels": occurs_SL.sum(1).tolist(),
            "label": occurs_SL.nonzero()[1].tolist(),
            **{name: array[occurs_SL].tolist() for name, array in arrays.items()},
        }

    @classmethod
    def from_dict(cls, stored: Any, *, where: str = "") -> "Measurement":
        """Make a measurement from what `to_dict` gave. Raises DataError, opening with `where`, for damaged values."""
        place = f"{where}: the measurement is damaged" if where else "the measurement is damaged"
        if not isinstance(stored, Mapping):
            raise DataError(f"{place}: it is {type(stored).__name__}, not an object; write the report again")
        if missing := [key for key in _KEYS if key not in stored]:
            raise DataError(f"{place}: it lacks {', '.join(missing)}; write the report again")
        labels = stored["labels"]
        if not isinstance(labels, list) or not all(isinstance(label, str | int) for label in labels):
            raise DataError(f"{place}: `labels` is no list of strings or whole numbers; write the report again")
        if len(set(labels)) < len(labels):
            raise DataError(f"{place}: `labels` names one twice; write the report again")
        numbers = {key: _whole_numbers(stored[key], key, place) for key in _KEYS[4:]}
        num_labels, label, right, gold, predicted = numbers.values()
        if unequal := [key for key in _KEYS[5:] if len(numbers[key]) != num_labels.sum()]:
            raise DataError(
                f"{place}: `{unequal[0]}` has {len(numbers[unequal[0]])} items, and by `num_labels` it should have "
                f"{num_labels.sum()}; write the report again"
            )
        unit = np.repeat(np.arange(len(num_labels)), num_labels)
        cells = unit * len(labels) + label
        if (label >= len(labels)).any() or (np.diff(cells) <= 0).any():
            raise DataError(f"{place}: `label` is no rising list of places in `labels`; write the report again")
        arrays = np.zeros((3, len(num_labels), len(labels)), np.int64)
        arrays[:, unit, label] = right, gold, predicted
        try:
            task, data_hash, unit_name = (str(stored[key]) for key in _KEYS[:3])
            return cls(task, data_hash, unit_name, Counts(tuple(labels), *arrays))
        except (DataError, UsageError) as error:
            raise DataError(f"{place}: {error}") from error


def hash_tagged(tokens: Iterable[Sequence[str]] | None, spans: Iterable[Sequence[Place]]) -> str:
    """Give the SHA-256 of gold sentences, a line of JSON for each: [tokens, [[start, end, label], ...]], no blanks.

    `spans` are those of each sentence, as `SpanTable.places` gives them.

    Spans, in order, stand for the tags, so the scheme does not matter, nor whether orphans were repaired; plain tags
    are spans of one token. Without tokens, null is in their place, which gives another hash.

    >>> hash_tagged([["Ada"]], [[(0, 1, "PER")]]) == sha256(b'[["Ada"],[[0,1,"PER"]]]\\n').hexdigest()
    True
    """
    return _hash_lines(
        [None if words is None else list(words), sorted(places)]
        for words, places in zip(repeat(None) if tokens is None else tokens, spans, strict=tokens is not None)
    )


def hash_labelled(texts: Iterable[str | Sequence[str]] | None, labels: Iterable[Any]) -> str:
    """Give the SHA-256 of gold texts, a line of JSON for each: [text, [label, ...]], ASCII, without blanks.

    A text may be a list of tokens; without texts, null is in their place, which gives another hash. A single label
    counts as a list of one, and the order of a text's labels does not matter.

    >>> hash_labelled(["Fine."], ["good"]) == sha256(b'["Fine.",["good"]]\\n').hexdigest()
    True
    >>> hash_labelled(None, [["a", "b"]]) == hash_labelled(None, [["b", "a"]])
    True
    """
    return _hash_lines(
        [
            text if text is None or isinstance(text, str) else list(text),
            sorted(map(plain_label, found if isinstance(found, LISTS) else [found]), key=json.dumps),
        ]
        for text, found in zip(repeat(None) if texts is None else texts, labels, strict=texts is not None)
    )


def _hash_lines(lines: Iterable[Any]) -> str:
    digest = sha256()
    encode = json.JSONEncoder(separators=(",", ":")).encode
    for line in lines:
        digest.update(encode(line).encode() + b"\n")
    return digest.hexdigest()


def plain_label(label: Any) -> Any:
    """Give the plain Python value of a NumPy label; any other label stays the same."""
    return label.item() if isinstance(label, np.generic) else label


def _whole_numbers(values: Any, key: str, place: str) -> np.ndarray:
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value < _MOST for value in values):
        raise DataError(f"{place}: `{key}` is no list of whole numbers; write the report again")
    return np.array(values, np.int64)
