"""Find where annotators disagree, name the kind of it, and show it in its sentence, a line for each annotator.

This module measures nothing; agreement.py does.
"""

# A annotators, N items (tokens or texts)

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from seqtag.curation.annotations import Annotations
from seqtag.evaluation.errors import RIGHT, evenly_spaced, name_confusions
from seqtag.evaluation.tagging.span_errors import pair_spans
from seqtag.reporting.figures import printable
from seqtag.reporting.sections import Example, Mark
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import Span

KINDS = ("other label", "other borders", "other label and borders", "marked by some")
MOST_EXAMPLES = 100  # of each kind, evenly spaced over the corpus


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Where annotators disagree; a place is a stretch of overlapping spans, a token, or a text."""

    num_agreed: int  # places that all annotators who know them see in the same way
    counts: dict[str, int]  # kind -> how many places
    num_rows: int  # sentences or texts with a disagreement
    # Two labels that a pair of annotators gave to one place, and how often; None for no span.
    confusions: tuple[tuple[str | None, str | None, int], ...]
    examples: tuple[Example, ...] = field(repr=False)

    @property
    def total(self) -> int:
        """How many places there are about which annotators disagree."""
        return sum(self.counts.values())

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """The kinds that occur, with their numbers."""
        return tuple((kind, count) for kind, count in self.counts.items() if count)


def find_disagreements(annotations: Annotations) -> Disagreements:
    """Find the places about which annotators disagree.

    Overlapping spans of all annotators are one place. 'marked by some' is one that an annotator who knows these tokens
    leaves out; of the others, the borders, the labels or both differ.
    """
    return _of_spans(annotations) if annotations.task == "spans" else _of_items(annotations)


# -- spans -------------------------------------------------------------------------------------------------------------


def _of_spans(annotations: Annotations) -> Disagreements:
    lists = [table.lists() for table in annotations.spans]
    counts: Counter[str] = Counter()
    places: dict[str, list[int]] = {kind: [] for kind in KINDS}
    shown: dict[int, list[tuple[list[list[Span]], str]]] = {}
    for row in range(len(annotations.texts)):
        spans = [each[row] for each in lists]
        if not any(spans):
            continue
        for here in _stretches(spans):
            first, last = min(s.start for each in here for s in each), max(s.end for each in here for s in each)
            labels = {span.label for found in here for span in found}
            counts_here = [
                bool(found) or annotations.knows(annotator, row, first, last, labels)
                for annotator, found in enumerate(here)
            ]
            kind = _kind(here, counts_here)
            counts[kind] += 1
            shown.setdefault(row, []).append((here, kind))
            if kind != RIGHT:
                places[kind].append(row)
    chosen = sorted({row for rows in places.values() for row in evenly_spaced(rows, MOST_EXAMPLES)})
    return Disagreements(
        num_agreed=counts[RIGHT],
        counts={kind: counts[kind] for kind in KINDS},
        num_rows=len({row for rows in places.values() for row in rows}),
        confusions=_confused(_paired_labels(annotations, lists)),
        examples=tuple(_span_example(annotations, row, shown[row]) for row in chosen),
    )


def _stretches(spans: Sequence[Sequence[Span]]) -> Iterator[list[list[Span]]]:
    """Give the spans of each annotator, stretch by stretch: groups of spans that hang together by overlapping."""
    ordered = sorted(
        ((span, annotator) for annotator, found in enumerate(spans) for span in found),
        key=lambda item: (item[0].start, item[0].end, item[1]),
    )
    here: list[list[Span]] = [[] for _ in spans]
    end = 0
    for span, annotator in ordered:
        if span.start >= end and any(here):
            yield here
            here = [[] for _ in spans]
        here[annotator].append(span)
        end = max(end, span.end)
    yield here


def _kind(here: Sequence[Sequence[Span]], count: Sequence[bool]) -> str:
    """Name what is different in a stretch, among the annotators that count."""
    versions = [[(s.start, s.end, s.label) for s in found] for found, counts in zip(here, count) if counts]
    if all(version == versions[0] for version in versions):
        return RIGHT
    if not all(versions):
        return "marked by some"
    borders = [[place[:2] for place in version] for version in versions]
    if all(each == borders[0] for each in borders):
        return "other label"
    labels = {label for version in versions for _, _, label in version}
    return "other borders" if len(labels) == 1 else "other label and borders"


def _paired_labels(
    annotations: Annotations, lists: Sequence[Sequence[Sequence[Span]]]
) -> Iterator[tuple[str | None, str | None]]:
    """Give the labels of spans that are a pair, over all pairs of annotators and where both know the tokens."""
    is_partial = bool(np.any(annotations.codes_AN < 0))
    for first, second in combinations(range(len(lists)), 2):
        for row, (ours, theirs) in enumerate(zip(lists[first], lists[second])):
            if is_partial:
                ours = [s for s in ours if annotations.knows(second, row, s.start, s.end, [s.label])]
                theirs = [s for s in theirs if annotations.knows(first, row, s.start, s.end, [s.label])]
            if not ours and not theirs:
                continue
            pairs = pair_spans(ours, theirs)
            yield from ((a.label, b.label) for a, b in pairs)
            paired = {id(span) for pair in pairs for span in pair}
            yield from ((span.label, None) for found in (ours, theirs) for span in found if id(span) not in paired)


def _span_example(annotations: Annotations, row: int, stretches: Sequence[tuple[list[list[Span]], str]]) -> Example:
    text, places = join_tokens(annotations.texts[row])
    sides = []
    for annotator, name in enumerate(annotations.names):
        marks = [
            Mark(places[span.start][0], places[span.end - 1][1], span.label, kind)
            for here, kind in stretches
            for span in here[annotator]
        ]
        sides.append((name, tuple(marks)))
    kinds = tuple(dict.fromkeys(kind for _, kind in stretches if kind != RIGHT))
    return Example(f"sentence {row + 1:,}", kinds, text, tuple(sides), _note(annotations, row))


def _note(annotations: Annotations, row: int) -> str:
    """Say who does not know some of the tokens."""
    start, end = annotations.offsets[row : row + 2].tolist()
    unknown = np.any(annotations.codes_AN[:, start:end] < 0, axis=1).tolist()
    names = [name for name, is_unknown in zip(annotations.names, unknown) if is_unknown]
    return f"not all annotated by {', '.join(names)}" if names else ""


# -- plain tags and labels of texts ------------------------------------------------------------------------------------


def _of_items(annotations: Annotations) -> Disagreements:
    codes_AN, names = annotations.codes_AN, annotations.categories
    known_AN = codes_AN >= 0
    several_N = known_AN.sum(0) >= 2
    low = np.where(known_AN, codes_AN, len(names)).min(0)
    differs_N = several_N & (np.where(known_AN, codes_AN, -1).max(0) != low)
    found: Counter[tuple[str, str]] = Counter()
    for first, second in combinations(range(len(codes_AN)), 2):
        both = known_AN[first] & known_AN[second]
        cells, numbers = np.unique(codes_AN[first][both] * len(names) + codes_AN[second][both], return_counts=True)
        for cell, number in zip(cells.tolist(), numbers.tolist()):
            a, b = sorted((names[cell // len(names)], names[cell % len(names)]))
            found[a, b] += number
    most = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    differing = [(pair, count) for pair, count in most if pair[0] != pair[1]]
    kind_of, _ = name_confusions(differing, lambda pair: " or ".join(map(printable, pair)), others="others")
    counts: Counter[str] = Counter()
    kinds: dict[int, list[str]] = {}
    for item in np.flatnonzero(differs_N).tolist():
        kind = _kind_of_item([names[code] for code in codes_AN[:, item].tolist() if code >= 0], kind_of)
        counts[kind] += 1
        kinds[item] = [*kinds.get(item, ()), kind]
    rows = sorted({int(annotations.row_N[item]) for item in kinds})
    by_row: dict[int, list[int]] = {}
    for item in kinds:
        by_row.setdefault(int(annotations.row_N[item]), []).append(item)
    return Disagreements(
        num_agreed=int((several_N & ~differs_N).sum()),
        counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        num_rows=len(rows),
        confusions=tuple((*pair, count) for pair, count in most),
        examples=tuple(
            _item_example(annotations, row, by_row[row], kinds) for row in evenly_spaced(rows, MOST_EXAMPLES * 3)
        ),
    )


def _kind_of_item(said: Sequence[str], kind_of: dict[tuple[str, str], str]) -> str:
    """Name the two labels that annotators gave, or say that there are more than two."""
    labels = sorted(set(said))
    return kind_of[labels[0], labels[1]] if len(labels) == 2 else "three or more"


def _item_example(annotations: Annotations, row: int, items: Sequence[int], kinds: dict[int, list[str]]) -> Example:
    said = annotations.codes_AN
    names = annotations.categories
    found = tuple(dict.fromkeys(kind for item in items for kind in kinds[item]))
    text = annotations.texts[row]
    if annotations.task == "labels":
        labels = [(name, said[a, row]) for a, name in enumerate(annotations.names)]
        note = "; ".join(f"{name}: {'?' if code < 0 else printable(names[code])}" for name, code in labels)
        shown = text if isinstance(text, str) else join_tokens(text)[0]
        return Example(f"text {row + 1:,}", found, shown, note=note)
    shown, places = join_tokens(text)
    start = int(annotations.offsets[row])
    sides = tuple(
        (
            name,
            tuple(
                Mark(*places[item - start], names[said[a, item]], kinds[item][0])
                for item in items
                if said[a, item] >= 0
            ),
        )
        for a, name in enumerate(annotations.names)
    )
    return Example(f"sentence {row + 1:,}", found, shown, sides)


def _confused(pairs: Iterator[tuple[str | None, str | None]]) -> tuple[tuple[str | None, str | None, int], ...]:
    """Count pairs of labels in whichever order, the most frequent first; None stands on the right."""
    counts = Counter((a, b) if b is None or (a is not None and a <= b) else (b, a) for a, b in pairs)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return tuple((a, b, count) for (a, b), count in ordered)
