"""What goes wrong in tags: kinds of error with counts, confusions, and the sentences that show them.

Spans are paired and named by errors.py; how it looks, terminal.py and html.py decide.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtag.evaluation.tagging.partial_credit import PARTIAL_READINGS, PartialScores, partial_scores
from seqtag.evaluation.tagging.span_errors import KINDS, Outcome, find_errors
from seqtag.reporting.figures import plain
from seqtag.reporting.sections import Example, Mark
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import Span

# Sentences kept as examples of each kind, evenly spaced over the corpus: enough to read, and a page stays small.
MOST_EXAMPLES = 100
_MOST_PAIRS = 10  # kinds of confusion between plain tags that have a name of their own
OTHER_PAIRS = "other tags"

SpanLists = Sequence[Sequence[Span]]


@dataclass(frozen=True, slots=True)
class TagErrors:
    """The errors of a tagger: of spans by their kinds, of plain tags by the pair of tags."""

    counts: Mapping[str, int]  # kind -> how often; the right ones are not in it
    num_right: int
    confusions: tuple[tuple[str | None, str | None, int], ...]  # gold, predicted (None: no span there), how often
    partial: PartialScores | None  # of spans
    num_sentences: int  # with an error
    examples: tuple[Example, ...]  # all of them, or a sample; none where the words are not known

    @property
    def total(self) -> int:
        """How many errors there are."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field; marks of examples by side."""
        return {
            "counts": dict(self.counts),
            "num_right": self.num_right,
            "num_sentences": self.num_sentences,
            "confusions": plain(self.confusions),
            "partial": self.partial and {name: getattr(self.partial, name).to_dict() for name in PARTIAL_READINGS},
            "examples": [
                {
                    "place": example.place,
                    "kinds": list(example.kinds),
                    "text": example.text,
                    "note": example.note,
                    "sides": {side: plain(marks) for side, marks in example.sides},
                }
                for example in self.examples
            ],
        }


def span_errors(gold: SpanLists, predicted: SpanLists, tokens: Sequence[Sequence[str]] | None) -> TagErrors:
    """Name the errors between two lists of spans a sentence; `score` of a predicted span is shown with it.

    >>> errors = span_errors([[Span(0, 2, "PER")]], [[Span(0, 1, "PER")]], [["Ada", "Lovelace"]])
    >>> errors.counts["too short"], errors.examples[0].text
    (1, 'Ada Lovelace')
    """
    found = find_errors(gold, predicted)
    counts = found.counts
    wrong = {outcome.sentence for outcome in found.outcomes if outcome.kind != "right"}
    shown = {outcome.sentence for kind in KINDS[1:] for outcome in found.examples(kind, most=MOST_EXAMPLES)}
    by_sentence: dict[int, list[Outcome]] = {number: [] for number in sorted(shown)}
    for outcome in found.outcomes:
        if outcome.sentence in shown:
            by_sentence[outcome.sentence].append(outcome)
    return TagErrors(
        {kind: counts[kind] for kind in KINDS[1:]},
        counts["right"],
        tuple((*pair, count) for pair, count in found.confusions.items()),
        partial_scores(found),
        len(wrong),
        () if tokens is None else tuple(_span_example(n, tokens[n], own) for n, own in by_sentence.items()),
    )


def plain_errors(gold: SpanLists, predicted: SpanLists, tokens: Sequence[Sequence[str]] | None) -> TagErrors:
    """Name the errors of plain tags, given as spans of one token, by the pair of tags.

    >>> plain_errors([[Span(0, 1, "NOUN")]], [[Span(0, 1, "VERB")]], None).counts
    {'NOUN -> VERB': 1}
    """
    pairs: Counter[tuple[str, str]] = Counter()
    wrong: dict[int, list[tuple[Span, Span]]] = {}
    for number, (left, right) in enumerate(zip(gold, predicted)):
        for a, b in zip(left, right):
            pairs[a.label, b.label] += 1
            if a.label != b.label:
                wrong.setdefault(number, []).append((a, b))
    most = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    confusions = [pair for pair, _ in most if pair[0] != pair[1]]
    kinds = {pair: " -> ".join(pair) for pair in confusions[:_MOST_PAIRS]}
    counts: Counter[str] = Counter()
    for pair in confusions:
        counts[kinds.get(pair, OTHER_PAIRS)] += pairs[pair]
    sample = sorted(wrong)
    room = min(len(sample), MOST_EXAMPLES * 3)
    shown = [sample[index * len(sample) // room] for index in range(room)]
    return TagErrors(
        dict(counts),
        sum(count for (a, b), count in pairs.items() if a == b),
        tuple((*pair, count) for pair, count in most),
        None,
        len(wrong),
        () if tokens is None else tuple(_tag_example(n, tokens[n], wrong[n], kinds) for n in shown),
    )


def _span_example(number: int, tokens: Sequence[str], outcomes: Sequence[Outcome]) -> Example:
    text, places = join_tokens(tokens)
    sides = []
    for side in ("gold", "predicted"):
        found = [(span, outcome.kind) for outcome in outcomes if (span := getattr(outcome, side)) is not None]
        marks = [_mark(places, span, kind) for span, kind in found]
        sides.append((side, tuple(sorted(marks, key=lambda mark: mark.start))))
    kinds = dict.fromkeys(outcome.kind for outcome in outcomes if outcome.kind != "right")
    return Example(f"sentence {number + 1:,}", tuple(kinds), text, tuple(sides))


def _mark(places: Sequence[tuple[int, int]], span: Span, kind: str) -> Mark:
    return Mark(places[span.start][0], places[span.end - 1][1], span.label, kind, span.score)


def _tag_example(
    number: int, tokens: Sequence[str], pairs: Sequence[tuple[Span, Span]], names: Mapping[tuple[str, str], str]
) -> Example:
    text, places = join_tokens(tokens)
    kinds = [names.get((a.label, b.label), OTHER_PAIRS) for a, b in pairs]
    sides = []
    for side, spans in zip(("gold", "predicted"), zip(*pairs)):
        marks = [_mark(places, span, kind) for span, kind in zip(spans, kinds)]
        sides.append((side, tuple(marks)))
    return Example(f"sentence {number + 1:,}", tuple(dict.fromkeys(kinds)), text, tuple(sides))
