"""Turn the labels of texts into numbers that can be counted, and say what is wrong with labels that can't.

This is the one place of the evaluation that looks labels up. It knows no metric: metrics.py counts.
"""

# N texts; K classes: first the L that the model knows, in the order of its probabilities, then those that only gold has

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.statistics.measurement import LISTS, plain_label

Label = str | int  # a bool is an int
_KINDS: dict[type, str] = {bool: "boolean", int: "integer", str: "string"}  # bool first: it is an int too
# Probabilities may be rounded: their sum may be this far from 1, and each this far outside of its range.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class CodedLabels:
    """Gold and predicted classes as numbers; single label: (N,) ids, multi-label: (N, K + 1) zeros and ones.

    The last column of a multi-label matrix is empty: scikit-learn reads a matrix of one column as single labels.
    """

    classes: tuple[Label, ...]  # K names
    num_known: int  # L
    gold: np.ndarray
    predicted: np.ndarray

    @property
    def multi_label(self) -> bool:
        """Whether a text may have any number of labels."""
        return self.gold.ndim == 2

    @property
    def unknown(self) -> tuple[Label, ...]:
        """The classes of gold that the model does not know."""
        return self.classes[self.num_known :]

    def counts(self, side: np.ndarray) -> np.ndarray:
        """Give the number of texts with each class, (K,), in `gold` or `predicted`."""
        if self.multi_label:
            side = side[:, : len(self.classes)].nonzero()[1]
        return np.bincount(side, minlength=len(self.classes))


def code_labels(gold: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any], *, where: str) -> CodedLabels:
    """Look up the labels of both sides, which are lists of labels where texts have several.

    Labels of gold that are not among `labels` get numbers after them. Raises UsageError for a label that is not of the
    kind of `labels` and for a predicted label that is not among them, DataError for unequal lengths and for no text.

    >>> coded = code_labels(["a", "c"], ["b", "a"], ["a", "b"], where="")
    >>> coded.classes, coded.gold, coded.predicted
    (('a', 'b', 'c'), array([0, 2]), array([1, 0]))
    """
    for name, side in (("gold", gold), ("predicted", predicted), ("labels", labels)):
        dimensions = getattr(side, "ndim", 1)
        if isinstance(side, str) or dimensions != 1:
            found = "one string" if isinstance(side, str) else f"an array of {dimensions} dimensions"
            wanted = "all classes" if name == "labels" else "one label, or one list of labels, for each text"
            raise UsageError(f"{where}{name} is {found}; pass a list with {wanted}")
    known, gold, predicted = _known(labels, where), list(gold), list(predicted)
    if len(gold) != len(predicted):
        shorter = "gold" if len(gold) < len(predicted) else "predicted"
        raise DataError(
            f"{where}{len(gold)} gold texts but {len(predicted)} predicted: text {min(len(gold), len(predicted)) + 1} "
            f"has nothing {'in gold' if shorter == 'gold' else 'predicted'}; pair them one to one"
        )
    if not gold:
        raise DataError(f"{where}no texts to score; pass at least one")
    multi_label = isinstance(gold[0], LISTS)
    gold_lists = _label_lists(gold, "gold", multi_label, known[0], where)
    predicted_lists = _label_lists(predicted, "predicted", multi_label, known[0], where)

    unknown = sorted({label for labels in gold_lists for label in labels}.difference(known))
    numbers = {label: number for number, label in enumerate([*known, *unknown])}
    for number, names in enumerate(predicted_lists, 1):
        for label in names:
            if numbers.get(label, len(known)) >= len(known):
                raise UsageError(
                    f"{where}text {number}: predicted label {label!r} is not among `labels`; "
                    f"{near_miss(str(label), map(str, known))}"
                )
    sides = [_numbers(lists, numbers, multi_label) for lists in (gold_lists, predicted_lists)]
    return CodedLabels(tuple(numbers), len(known), *sides)


def check_probabilities(probabilities: Any, coded: CodedLabels, *, where: str) -> np.ndarray:
    """Give probabilities as an array (N, L) of floats between 0 and 1.

    Where a text has one label, its row has to sum to 1; a sum that rounding moved by up to 0.001 is accepted and left
    unchanged. Raises UsageError for another shape, and DataError, naming the text, for a number that is no probability.

    >>> check_probabilities([[0.333, 0.666]], code_labels(["a"], ["a"], ["a", "b"], where=""), where="")
    array([[0.333, 0.666]])
    """
    try:
        given_NL = np.asarray(probabilities)
        given_NL = given_NL.astype(np.float32 if given_NL.dtype == np.float32 else np.float64)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}probabilities are no matrix of numbers ({error}); pass one row per text") from error
    wanted = (len(coded.gold), coded.num_known)
    if given_NL.shape != wanted:
        raise UsageError(
            f"{where}probabilities have shape {given_NL.shape}, but {wanted[0]} texts and {wanted[1]} classes need "
            f"{wanted}; pass one row per text, with one column for each of `labels`"
        )
    wrong_NL = ~((given_NL >= -_ROUNDING) & (given_NL <= 1 + _ROUNDING))  # so that NaN is wrong too
    if wrong_NL.any():
        text, column = (int(place[0]) for place in wrong_NL.nonzero())
        raise DataError(
            f"{where}text {text + 1}: the probability of {coded.classes[column]!r} is {given_NL[text, column]:g}; "
            "pass numbers between 0 and 1, as a softmax or a sigmoid gives them"
        )
    fair_NL = given_NL.clip(0, 1)
    sums_N = fair_NL.sum(1)
    far_N = np.abs(sums_N - 1) > _ROUNDING
    if far_N.any() and not coded.multi_label:
        text = int(far_N.argmax())
        raise DataError(
            f"{where}text {text + 1}: the probabilities sum to {sums_N[text]:g}; one label per text needs rows that "
            "sum to 1 (several labels per text: pass lists of labels)"
        )
    return fair_NL


def _known(labels: Sequence[Any], where: str) -> list[Label]:
    """Check `labels`: at least one, of one kind, none of them twice."""
    known = [plain_label(label) for label in labels]
    if not known:
        raise UsageError(f"{where}labels is empty; pass the classes that the model knows")
    for number, label in enumerate(known):
        if _kind(label) is None or _kind(label) is not _kind(known[0]):
            first = f"; the first is {known[0]!r}" if number else ""
            raise UsageError(
                f"{where}labels holds {label!r}{first}; pass strings, integers or booleans, all of one kind"
            )
        if label in known[:number]:
            raise UsageError(f"{where}labels holds {label!r} twice; name each class once")
    return known


def _label_lists(side: list[Any], name: str, multi_label: bool, example: Label, where: str) -> list[list[Label]]:
    """Give the labels of each text as a list, and refuse a label that is not of the kind of `example`."""
    kind = _kind(example)
    lists = []
    for number, found in enumerate(side, 1):
        if isinstance(found, LISTS) != multi_label:
            first = "a list" if multi_label else "one label"
            raise UsageError(
                f"{where}text {number}: {name} is {found!r}, but the gold of text 1 is {first}; "
                "pass one label for every text, or a list of labels for every text"
            )
        names = [plain_label(label) for label in found] if multi_label else [plain_label(found)]
        for label in names:
            if _kind(label) is not kind:
                raise UsageError(
                    f"{where}text {number}: {name} label {label!r} is no {_KINDS[kind] if kind else 'label'} as "
                    f"{example!r} in `labels` is; write the labels of both sides and `labels` in one form"
                )
        lists.append(names)
    return lists


def _numbers(lists: list[list[Label]], numbers: dict[Label, int], multi_label: bool) -> np.ndarray:
    if not multi_label:
        return np.array([numbers[label] for (label,) in lists])
    matrix = np.zeros((len(lists), len(numbers) + 1), np.int8)
    for row, names in zip(matrix, lists):
        row[[numbers[label] for label in names]] = 1
    return matrix


def _kind(label: Any) -> type | None:
    return next((kind for kind in _KINDS if isinstance(label, kind)), None)
