"""What goes wrong in tags: kinds of error with counts, confusions, and the sentences that show them.

Spans are paired and their errors named by span_errors.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
from seqtag.evaluation.tagging.partial_credit import PARTIAL_READINGS, PartialScores, partial_scores
from seqtag.evaluation.tagging.span_errors import KINDS, Outcome, find_errors
from seqtag.reporting.figures import plain
from seqtag.reporting.sections import Example, Mark
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import Span
from seqtag.text.tag_tables import SpanTable

# Sentences kept as examples of each kind, evenly spaced over the corpus: enough to read, and a page stays small.
MOST_EXAMPLES = 100
_SIDES = ("gold", "predicted")


@dataclass(frozen=True, slots=True)
class TagErrors(Errors):
    """The errors of a tagger: of spans by their kinds, of plain tags by the pair of tags.

    In `confusions`, gold or predicted is None where the other side has a span and this side has none.
    """

    num_right: int
    partial: PartialScores | None  # of spans

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field; marks of examples by side."""
        return {
            "counts": self.counts,
            "num_right": self.num_right,
            "num_sentences": self.num_wrong,
            "confusions": plain(self.confusions),
            "partial": self.partial and {name: getattr(self.partial, name).to_dict() for name in PARTIAL_READINGS},
            "examples": [
                {**plain_example(example), "sides": {side: plain(marks) for side, marks in example.sides}}
                for example in self.examples
            ],
            "right_examples": [plain_example(example) for example in self.right_examples],
            "confident": list(self.confident),
        }


def span_errors(gold: SpanTable, predicted: SpanTable, tokens: Sequence[Sequence[str]] | None) -> TagErrors:
    """Name the errors between the gold and the predicted spans of each sentence; the `score` of a span is shown too.

    >>> sides = (SpanTable.of([[Span(0, end, "PER")]], [2]) for end in (2, 1))
    >>> errors = span_errors(*sides, [["Ada", "Lovelace"]])
    >>> errors.counts["too short"], errors.examples[0].text
    (1, 'Ada Lovelace')
    """
    found = find_errors(gold.lists(), predicted.lists())
    counts = found.counts
    wrong = {outcome.sentence for outcome in found.outcomes if outcome.kind != "right"}
    examples = [outcome for kind in KINDS[1:] for outcome in found.examples(kind, most=MOST_EXAMPLES)]
    shown: dict[int, list[Outcome]] = {number: [] for number in sorted({outcome.sentence for outcome in examples})}
    for outcome in found.outcomes:
        if outcome.sentence in shown:
            shown[outcome.sentence].append(outcome)
    whole = sorted({outcome.sentence for outcome in found.outcomes} - wrong)
    right: dict[int, list[Outcome]] = {number: [] for number in evenly_spaced(whole, MOST_RIGHT_EXAMPLES)}
    for outcome in found.outcomes:
        if outcome.sentence in right:
            right[outcome.sentence].append(outcome)
    sure = [
        (outcome.predicted.score, _place(outcome.sentence))
        for outcome in found.outcomes
        if outcome.kind != "right" and outcome.predicted and outcome.predicted.score is not None
    ]
    return TagErrors(
        counts={kind: counts[kind] for kind in KINDS[1:]},
        confusions=tuple((*pair, count) for pair, count in found.confusions.items()),
        num_wrong=len(wrong),
        examples=() if tokens is None else tuple(_span_example(n, tokens[n], here) for n, here in shown.items()),
        right_examples=() if tokens is None else tuple(_span_example(n, tokens[n], here) for n, here in right.items()),
        confident=surest_places(sure, least=SURE),
        num_right=counts["right"],
        partial=partial_scores(found),
    )


def plain_errors(gold: SpanTable, predicted: SpanTable, tokens: Sequence[Sequence[str]] | None) -> TagErrors:
    """Name the errors of plain tags, given as spans of one token, by the pair of tags.

    >>> plain_errors(*(SpanTable.of([[Span(0, 1, tag)]], [1]) for tag in ("NOUN", "VERB")), None).counts
    {'NOUN -> VERB': 1}
    """
    width = max(len(predicted.labels), 1)
    codes_N = gold.labels_K * width + predicted.labels_K
    found, num_tokens = np.unique(codes_N, return_counts=True)
    both = [(gold.labels[code // width], predicted.labels[code % width]) for code in found.tolist()]
    pairs = dict(zip(both, num_tokens.tolist()))
    is_wrong = np.array([a != b for a, b in both], bool)
    wrong = list(dict.fromkeys(gold.sentences[is_wrong[np.searchsorted(found, codes_N)]].tolist()))
    most = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    confused = [(pair, count) for pair, count in most if pair[0] != pair[1]]
    names, counts = name_confusions(confused, " -> ".join, others="other tags")
    shown = evenly_spaced(wrong, MOST_EXAMPLES * 3)
    wrong_K = np.flatnonzero(is_wrong[np.searchsorted(found, codes_N)])
    whole = np.setdiff1d(gold.sentences, np.array(wrong, np.int64)).tolist()
    sure = (
        []
        if predicted.scores_K is None
        else zip(predicted.scores_K[wrong_K].tolist(), gold.sentences[wrong_K].tolist())
    )
    return TagErrors(
        counts=counts,
        confusions=tuple((*pair, count) for pair, count in most),
        num_wrong=len(wrong),
        examples=()
        if tokens is None
        else tuple(_tag_example(n, tokens[n], _wrong_tags(gold, predicted, n), names) for n in shown),
        right_examples=()
        if tokens is None
        else tuple(_example(n, tokens[n], [], [], []) for n in evenly_spaced(whole, MOST_RIGHT_EXAMPLES)),
        confident=surest_places(((score, _place(number)) for score, number in sure), least=SURE),
        num_right=sum(count for (a, b), count in pairs.items() if a == b),
        partial=None,
    )


def _wrong_tags(gold: SpanTable, predicted: SpanTable, number: int) -> list[tuple[Span, Span]]:
    """Give the pairs of different tags of a sentence, each as a span of one token."""
    pairs = zip(gold.of_sentence(number), predicted.of_sentence(number))
    return [(expected, found) for expected, found in pairs if expected.label != found.label]


def _span_example(number: int, tokens: Sequence[str], outcomes: Sequence[Outcome]) -> Example:
    gold, predicted = ([(span, o.kind) for o in outcomes if (span := getattr(o, side))] for side in _SIDES)
    return _example(number, tokens, [o.kind for o in outcomes if o.kind != "right"], gold, predicted)


def _tag_example(
    number: int, tokens: Sequence[str], pairs: Sequence[tuple[Span, Span]], names: Mapping[tuple[str, str], str]
) -> Example:
    kinds = [names[gold.label, predicted.label] for gold, predicted in pairs]
    return _example(number, tokens, kinds, *(list(zip(spans, kinds)) for spans in zip(*pairs)))


def _example(number: int, tokens: Sequence[str], kinds: Sequence[str], *sides: Sequence[tuple[Span, str]]) -> Example:
    """Show a sentence, `number` counted from 0, with the spans of gold and of the prediction, each with its kind."""
    text, places = join_tokens(tokens)
    shown = []
    for side, spans in zip(_SIDES, sides):
        marks = [Mark(places[s.start][0], places[s.end - 1][1], s.label, kind, s.score) for s, kind in spans]
        shown.append((side, tuple(sorted(marks, key=lambda mark: mark.start))))
    return Example(_place(number), tuple(dict.fromkeys(kinds)) or (RIGHT,), text, tuple(shown))


def _place(number: int) -> str:
    """Name a sentence whose number is counted from 0."""
    return f"sentence {number + 1:,}"
