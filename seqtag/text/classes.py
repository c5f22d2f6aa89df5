"""The classes of a text classifier: their order, their kind (strings, integers, truth values), one or several per text.

This module knows labels and ids, and no texts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

Label: TypeAlias = str | int | bool


@dataclass(frozen=True)
class ClassSet:
    """The classes of a model, in the order of its probabilities."""

    labels: tuple[Label, ...]
    is_multi: bool = False  # a text may have several, or none
    as_indicators: bool = False  # in training the labels of a text were a row of 0 and 1, so predictions are too

    @classmethod
    def build(cls, labels: Iterable[Label], *, is_multi: bool = False) -> "ClassSet":
        """Order the classes: numbers by size, strings by alphabet.

        >>> ClassSet.build(["neg", "pos", "neg"]).labels
        ('neg', 'pos')
        """
        return cls(tuple(sorted(set(labels), key=lambda label: (isinstance(label, str), label))), is_multi)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def index(self) -> Mapping[Label, int]:
        """The number of each class."""
        return {label: number for number, label in enumerate(self.labels)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The classes as strings."""
        return tuple(map(str, self.labels))

    def find(self, label: Label) -> int:
        """Give the number of a class, or -1 if there is no such class; "1" is found among classes that are integers.

        >>> ClassSet((0, 1)).find("1"), ClassSet(("a", "b")).find("c")
        (1, -1)
        """
        number = self.index.get(label)
        if number is None:
            number = self.names.index(str(label)) if str(label) in self.names else -1
        return number

    def indicators(self, ids: Sequence[int] | Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
        """Write class ids as rows of 0 and 1, (N, L) in float32; each text has one id, or a list of ids.

        >>> ClassSet(("a", "b", "c"), is_multi=True).indicators([[0, 2], []]).tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
        """
        indicators_NL = np.zeros((len(ids), len(self)), np.float32)
        if self.is_multi:
            for row_L, ids_of_text in zip(indicators_NL, ids):
                row_L[list(ids_of_text)] = 1.0
        else:
            indicators_NL[np.arange(len(ids)), np.asarray(ids, np.int64)] = 1.0
        return indicators_NL

    def choose(self, probability_NL: np.ndarray, threshold_L: np.ndarray) -> np.ndarray:
        """Say which classes each text gets, as truth values (N, L): the likeliest, or all that reach their threshold.

        >>> ClassSet(("a", "b")).choose(np.array([[0.4, 0.6]]), np.full(2, 0.9)).tolist()
        [[False, True]]
        """
        if self.is_multi:
            reached_NL: np.ndarray = probability_NL >= threshold_L
            return reached_NL
        likeliest_NL: np.ndarray = np.arange(len(self)) == probability_NL.argmax(1)[:, None]
        return likeliest_NL

    def decode(self, chosen_NL: np.ndarray) -> list[Any]:
        """Turn rows of truth values into labels: one per text, or a list in the order of the classes.

        >>> ClassSet(("a", "b")).decode(np.array([[False, True]]))
        ['b']
        """
        if self.is_multi:
            return [[self.labels[i] for i in np.flatnonzero(row_L)] for row_L in chosen_NL]
        return [self.labels[i] for i in chosen_NL.argmax(1)]

    def given_back(self, labels: list[Any]) -> list[Any] | np.ndarray:
        """Give labels in the form that they had in training: as they are, or as an array of 0 and 1, (N, L).

        >>> ClassSet(("a", "b"), is_multi=True, as_indicators=True).given_back([["b"], []]).tolist()
        [[0, 1], [0, 0]]
        """
        if not self.as_indicators:
            return labels
        return self.indicators([[self.index[one] for one in several] for several in labels]).astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        stored = {"labels": list(self.labels), "is_multi": self.is_multi}
        return {**stored, "as_indicators": True} if self.as_indicators else stored

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "ClassSet":
        """Read what `to_dict` gave."""
        return cls(tuple(stored["labels"]), stored["is_multi"], stored.get("as_indicators", False))
