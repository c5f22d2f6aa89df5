"""Count what was right, in gold and predicted, unit by unit: what scores are made of and what resampling draws from.

This is the one module of statistics/ that looks at spans. The figures and how sure they are come from resampling.py.
"""

# S units (sentences, texts or documents), L labels

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.text.tag_tables import SpanTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ByFigure(Generic[T]):
    """Precision, recall and F1: their values, or what is known of each of them, such as its interval."""

    precision: T
    recall: T
    f1: T


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was right, in gold and predicted, by unit and label: all that precision, recall and F1 are made of.

    A label of a text counts as a span does, so zeros and ones (texts, classes) make the counts of a classifier. Raises
    UsageError for arrays of another shape, DataError for impossible counts and for no unit at all.

    >>> Counts(("PER",), np.array([[1]]), np.array([[2]]), np.array([[1]])).num_units
    1
    """

    labels: tuple[str | int, ...]
    right_SL: np.ndarray
    gold_SL: np.ndarray
    predicted_SL: np.ndarray

    def __post_init__(self) -> None:
        arrays = (self.right_SL, self.gold_SL, self.predicted_SL)
        if {array.shape for array in arrays} != {(len(self.right_SL), len(self.labels))}:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise UsageError(
                f"counts have the shapes {shapes}; pass three arrays with a row for each sentence and a column for "
                f"each of the {len(self.labels)} labels"
            )
        if not len(self.right_SL):
            raise DataError("no sentences to resample; pass at least one")
        wrong_SL = (self.right_SL < 0) | (self.right_SL > np.minimum(self.gold_SL, self.predicted_SL))
        if wrong_SL.any():
            row, column = np.argwhere(wrong_SL)[0].tolist()
            right, gold, predicted = (int(array[row, column]) for array in arrays)
            raise DataError(
                f"sentence {row + 1}: {right} right of {gold} in gold and {predicted} predicted of label "
                f"{self.labels[column]!r}; right ones are in both, so count them as such"
            )

    @property
    def num_units(self) -> int:
        """How many sentences, texts or documents are drawn from."""
        return len(self.right_SL)

    def by_group(self, groups: Sequence[Hashable]) -> "Counts":
        """Add up the sentences of one document, so that whole documents are drawn; a name or number for each sentence.

        >>> gold = np.array([[0], [1], [2]])
        >>> Counts(("PER",), gold * 0, gold, gold).by_group(["a", "b", "a"]).gold_SL.tolist()
        [[2], [1]]
        """
        if len(groups) != self.num_units:
            raise DataError(
                f"{self.num_units} sentences but {len(groups)} names of documents; each sentence needs its document's"
            )
        numbers: dict[Hashable, int] = {}
        number_S = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
        sums = []
        for array in (self.right_SL, self.gold_SL, self.predicted_SL):
            sums.append(np.zeros((len(numbers), len(self.labels)), np.int64))
            np.add.at(sums[-1], number_S, array)
        return Counts(self.labels, *sums)


def count_spans(gold: SpanTable, predicted: SpanTable) -> Counts:
    """Count the spans of each sentence; right is what has the borders and the label of a gold span.

    `TagTable.spans` gives conlleval's reading, and under 'plain' a span for each token, so that micro F1 is the
    accuracy. Labels are sorted. Raises DataError for unequal numbers of sentences.

    >>> from seqtag.text.schemes import Span
    >>> sides = [[Span(0, 2, "PER")]], [[Span(0, 2, "PER"), Span(3, 4, "LOC")]]
    >>> counts = count_spans(*(SpanTable.of(spans, [4]) for spans in sides))
    >>> counts.labels, counts.right_SL.tolist(), counts.predicted_SL.tolist()
    (('LOC', 'PER'), [[0, 1]], [[1, 1]])
    """
    num_sentences = len(gold.offsets) - 1
    if len(predicted.offsets) - 1 != num_sentences:
        raise DataError(
            f"{num_sentences} gold sentences but {len(predicted.offsets) - 1} predicted; pair them one to one"
        )
    labels = sorted(gold.used_labels() | predicted.used_labels())
    numbers = {label: number for number, label in enumerate(labels)}
    counts = []
    for table in (gold.chosen(gold.are_in(predicted)), gold, predicted):
        cells_K = table.sentences * len(labels) + table.renumbered(numbers)
        cells = np.bincount(cells_K, minlength=num_sentences * len(labels))
        counts.append(cells.reshape(num_sentences, len(labels)))
    return Counts(tuple(labels), *counts)
