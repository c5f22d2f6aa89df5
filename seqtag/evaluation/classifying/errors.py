"""What goes wrong in labels of texts: which classes are taken for which, and the most confident mistakes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.evaluation.classifying.coding import CodedLabels, Label
from seqtag.reporting.figures import plain, printable
from seqtag.reporting.sections import Example

MISSED, SPURIOUS = "missed label", "spurious label"
OTHER_PAIRS = "other classes"
MOST_EXAMPLES = 200
_MOST_PAIRS = 10  # kinds of confusion that have a name of their own
_MOST_CHARACTERS = 1000  # of a text that is an example
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """The errors of a classifier: by pair of classes, or, of several labels a text, what was missed and spurious."""

    counts: Mapping[str, int]  # kind -> how often
    pairs: tuple[tuple[Label, Label, int], ...]  # gold, predicted, how often; of one label a text
    num_wrong: int  # texts
    examples: tuple[Example, ...]  # the surest mistakes first; none where the texts are not known

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field."""
        return {
            "counts": dict(self.counts),
            "pairs": plain(self.pairs),
            "num_wrong": self.num_wrong,
            "examples": [
                {"place": example.place, "kinds": list(example.kinds), "text": example.text, "note": example.note}
                for example in self.examples
            ],
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
    if coded.multi_label:
        kinds_N = {n: _label_kinds(coded, n) for n in wrong_N.tolist()}
        counts = {
            MISSED: int((coded.gold > coded.predicted).sum()),
            SPURIOUS: int((coded.predicted > coded.gold).sum()),
        }
        pairs: tuple[tuple[Label, Label, int], ...] = ()
    else:
        numbered = Counter(zip(coded.gold[wrong_N].tolist(), coded.predicted[wrong_N].tolist()))
        most = sorted(numbered.items(), key=lambda item: (-item[1], item[0]))
        names = {pair: " -> ".join(printable(coded.classes[i]) for i in pair) for pair, _ in most[:_MOST_PAIRS]}
        kinds_N = {
            n: (names.get((int(coded.gold[n]), int(coded.predicted[n])), OTHER_PAIRS),) for n in wrong_N.tolist()
        }
        counts = {names[pair]: count for pair, count in most[:_MOST_PAIRS]}
        if rest := sum(count for _, count in most[_MOST_PAIRS:]):
            counts[OTHER_PAIRS] = rest
        pairs = tuple((coded.classes[a], coded.classes[b], count) for (a, b), count in most)
    shown = [] if texts is None else _surest(coded, probabilities_NL, wrong_N)
    examples = (_example(coded, probabilities_NL, n, texts[n], kinds_N[n]) for n in shown) if texts is not None else ()
    return ClassErrors({k: n for k, n in counts.items() if n}, pairs, len(wrong_N), tuple(examples))


def _label_kinds(coded: CodedLabels, number: int) -> tuple[str, ...]:
    missed, spurious = (
        bool((one[number] > other[number]).any())
        for one, other in ((coded.gold, coded.predicted), (coded.predicted, coded.gold))
    )
    return tuple(kind for kind, there in ((MISSED, missed), (SPURIOUS, spurious)) if there)


def _surest(coded: CodedLabels, probabilities_NL: np.ndarray | None, wrong_N: np.ndarray) -> list[int]:
    """Choose the texts to show: by how sure the model was of what is wrong, else evenly spaced."""
    number = min(len(wrong_N), MOST_EXAMPLES)
    if probabilities_NL is None:
        return [int(wrong_N[index * len(wrong_N) // number]) for index in range(number)]
    if coded.multi_label:
        known = slice(0, coded.num_known)
        off_NL = np.abs(probabilities_NL - coded.gold[:, known]) * (coded.gold != coded.predicted)[:, known]
        sure_N = off_NL.max(1)[wrong_N]
    else:
        sure_N = probabilities_NL[wrong_N, coded.predicted[wrong_N]]
    return wrong_N[np.argsort(-sure_N, kind="stable")][:number].tolist()


def _example(
    coded: CodedLabels, probabilities_NL: np.ndarray | None, number: int, text: str, kinds: tuple[str, ...]
) -> Example:
    gold, predicted = (list(_names(coded, side, number)) for side in (coded.gold, coded.predicted))
    if probabilities_NL is not None:
        predicted = [
            f"{name} ({probabilities_NL[number, i]:.2f})"
            for name, i in zip(predicted, _numbers(coded, coded.predicted, number))
        ]
    note = f"gold {_listed(gold)}; predicted {_listed(predicted)}"
    if len(text) > _MOST_CHARACTERS:
        note += f"; the first {_MOST_CHARACTERS:,} of {len(text):,} characters"
        text = text[:_MOST_CHARACTERS] + "…"
    return Example(f"text {number + 1:,}", kinds, text, note=note)


def _numbers(coded: CodedLabels, side: np.ndarray, number: int) -> list[int]:
    return np.flatnonzero(side[number]).tolist() if coded.multi_label else [int(side[number])]


def _names(coded: CodedLabels, side: np.ndarray, number: int) -> Iterator[str]:
    return (printable(coded.classes[i]) for i in _numbers(coded, side, number))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (", ".join(names[:_MOST_NAMED]) or "nothing") + more
