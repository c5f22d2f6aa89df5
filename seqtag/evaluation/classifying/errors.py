"""What goes wrong in labels of texts: which classes are taken for which, and the most confident mistakes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.evaluation.classifying.coding import CodedLabels, Label
from seqtag.evaluation.errors import (
    MOST_RIGHT_EXAMPLES,
    RIGHT,
    Errors,
    evenly_spaced,
    name_confusions,
    plain_example,
    surest_places,
)
from seqtag.evaluation.next_steps import SURE
from seqtag.reporting.figures import listed, plain, printable
from seqtag.reporting.sections import Example

MISSED, SPURIOUS = "missed label", "spurious label"
MOST_EXAMPLES = 200
_MOST_CHARACTERS = 1000  # of a text that is an example


@dataclass(frozen=True, slots=True)
class ClassErrors(Errors):
    """The errors of a classifier: by pair of classes, or, of several labels per text, what was missed and spurious.

    `confusions` are those of one label per text; the surest mistakes are the first examples.
    """

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field."""
        return {
            "counts": self.counts,
            "pairs": plain(self.confusions),
            "num_wrong": self.num_wrong,
            "examples": [plain_example(example) for example in self.examples],
            "right_examples": [plain_example(example) for example in self.right_examples],
            "confident": list(self.confident),
        }


def class_errors(coded: CodedLabels, probabilities_NL: np.ndarray | None, texts: Sequence[str] | None) -> ClassErrors:
    """Count the errors and show the texts of those that the model was surest of.

    >>> from seqtag.evaluation.classifying.coding import code_labels
    >>> coded = code_labels(["a", "b"], ["b", "b"], ["a", "b"], where="")
    >>> errors = class_errors(coded, np.array([[0.1, 0.9], [0.2, 0.8]]), ["so so", "good"])
    >>> errors.counts, errors.examples[0].note
    ({'a -> b': 1}, 'gold a; predicted b (0.90)')
    """
    wrong_N = np.flatnonzero((coded.gold != coded.predicted).reshape(len(coded.gold), -1).any(1))
    pairs: tuple[tuple[Label, Label, int], ...] = ()
    if coded.multi_label:
        sides = ((MISSED, coded.gold > coded.predicted), (SPURIOUS, coded.predicted > coded.gold))
        kinds_N = {n: tuple(kind for kind, wrong_NK in sides if wrong_NK[n].any()) for n in wrong_N.tolist()}
        counts = {kind: int(wrong_NK.sum()) for kind, wrong_NK in sides if wrong_NK.any()}
    else:
        numbered_N = list(zip(coded.gold[wrong_N].tolist(), coded.predicted[wrong_N].tolist()))
        most = sorted(Counter(numbered_N).items(), key=lambda item: (-item[1], item[0]))
        names, counts = name_confusions(
            most, lambda pair: " -> ".join(printable(coded.classes[i]) for i in pair), others="other classes"
        )
        kinds_N = {n: (names[pair],) for n, pair in zip(wrong_N.tolist(), numbered_N)}
        pairs = tuple((coded.classes[a], coded.classes[b], count) for (a, b), count in most)
    examples: tuple[Example, ...] = ()
    right_examples: tuple[Example, ...] = ()
    if texts is not None:
        shown = _surest(coded, probabilities_NL, wrong_N)
        examples = tuple(_example(coded, probabilities_NL, n, texts[n], kinds_N[n]) for n in shown)
        right = evenly_spaced(np.setdiff1d(np.arange(len(coded.gold)), wrong_N).tolist(), MOST_RIGHT_EXAMPLES)
        right_examples = tuple(_example(coded, probabilities_NL, n, texts[n], (RIGHT,)) for n in right)
    sure: Iterable[tuple[float, str]] = ()
    if probabilities_NL is not None:
        sure_N = _sureness(coded, probabilities_NL, wrong_N)
        sure = ((score, _place(n)) for score, n in zip(sure_N.tolist(), wrong_N.tolist()))
    return ClassErrors(counts, pairs, len(wrong_N), examples, right_examples, surest_places(sure, least=SURE))


def _surest(coded: CodedLabels, probabilities_NL: np.ndarray | None, wrong_N: np.ndarray) -> list[int]:
    """Choose the texts to show: by how sure the model was of what is wrong, else evenly spaced."""
    if probabilities_NL is None:
        return evenly_spaced(wrong_N.tolist(), MOST_EXAMPLES)
    order = np.argsort(-_sureness(coded, probabilities_NL, wrong_N), kind="stable")
    surest: list[int] = wrong_N[order][:MOST_EXAMPLES].tolist()
    return surest


def _sureness(coded: CodedLabels, probabilities_NL: np.ndarray, wrong_N: np.ndarray) -> np.ndarray:
    """Say how sure the model was of what is wrong in each of these texts."""
    if coded.multi_label:
        known = slice(0, coded.num_known)
        off_NL = np.abs(probabilities_NL - coded.gold[:, known]) * (coded.gold != coded.predicted)[:, known]
        return np.asarray(off_NL.max(1)[wrong_N])
    return np.asarray(probabilities_NL[wrong_N, coded.predicted[wrong_N]])


def _example(
    coded: CodedLabels, probabilities_NL: np.ndarray | None, number: int, text: str, kinds: tuple[str, ...]
) -> Example:
    gold_ids, predicted_ids = (
        np.flatnonzero(side[number]).tolist() if coded.multi_label else [int(side[number])]
        for side in (coded.gold, coded.predicted)
    )
    gold, predicted = ([printable(coded.classes[i]) for i in ids] for ids in (gold_ids, predicted_ids))
    if probabilities_NL is not None:
        predicted = [f"{name} ({probabilities_NL[number, i]:.2f})" for name, i in zip(predicted, predicted_ids)]
    note = f"gold {listed(gold) or 'nothing'}; predicted {listed(predicted) or 'nothing'}"
    if len(text) > _MOST_CHARACTERS:
        note += f"; the first {_MOST_CHARACTERS:,} of {len(text):,} characters"
        text = text[:_MOST_CHARACTERS] + "…"
    return Example(_place(number), kinds, text, note=note)


def _place(number: int) -> str:
    """Name a text whose number is counted from 0."""
    return f"text {number + 1:,}"
