"""Leave what nobody annotated out of a comparison with gold tags: it is neither right nor wrong.

A token with the tag ? is unknown, and so is a gold span beside it whose border there is not written down. A predicted
span that reaches into such tokens is not judged, nor one with a label that was not annotated in its sentence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from seqtag.text.schemes import UNKNOWN_TAG, Span, open_spans, spans_from_tags, tags_from_spans
from seqtag.text.tag_tables import SpanTable, offsets_of

Annotated = Sequence[Collection[str] | None]  # for each sentence the labels that were annotated there; None for all


@dataclass(frozen=True)
class Known:
    """What is known of the gold tags of some sentences."""

    gold: Sequence[Sequence[str]]
    scheme: str
    annotated: Annotated | None = None

    @cached_property
    def is_all(self) -> bool:
        """Whether every tag is known."""
        is_whole = self.annotated is None or all(labels is None for labels in self.annotated)
        return is_whole and UNKNOWN_TAG not in set(chain.from_iterable(self.gold))

    @cached_property
    def unknown_tokens(self) -> np.ndarray:
        """Whether a token is unknown, for the tokens of all sentences, (N,)."""
        rows = [_unknown(tags, self.scheme) for tags in self.gold]
        is_unknown_N: np.ndarray = np.concatenate([*rows, np.zeros(0, bool)])
        return is_unknown_N

    @cached_property
    def _counts(self) -> np.ndarray:
        """How many unknown tokens stand before each token, (N + 1,)."""
        return offsets_of(self.unknown_tokens)

    @cached_property
    def _offsets(self) -> np.ndarray:
        return offsets_of(list(map(len, self.gold)))

    def spans(self, sentence: int, spans: Sequence[Span]) -> list[Span]:
        """Give those spans of a sentence, by its number from 0, that can be judged.

        >>> known = Known([["B-PER", "I-PER", "?", "O"]], "IOB2")
        >>> known.spans(0, [Span(0, 1, "PER"), Span(3, 4, "LOC")])
        [Span(start=3, end=4, label='LOC')]
        """
        first, counts = self._offsets[sentence], self._counts
        labels = None if self.annotated is None else self.annotated[sentence]
        return [
            span
            for span in spans
            if counts[first + span.end] == counts[first + span.start] and (labels is None or span.label in labels)
        ]

    def judged(self, table: SpanTable) -> SpanTable:
        """Give those spans of a table that can be judged."""
        is_kept_K = self._counts[table.ends_K] == self._counts[table.starts_K]
        if self.annotated is not None:
            numbers, sentences_K = {label: number for number, label in enumerate(table.labels)}, table.sentences
            for labels in {frozenset(labels) for labels in self.annotated if labels is not None}:
                is_here_S = np.array([found is not None and labels == set(found) for found in self.annotated])
                is_label_L = np.zeros(len(numbers) + 1, bool)
                is_label_L[[numbers.get(label, -1) for label in labels]] = True
                is_label_L[-1] = False
                is_kept_K &= ~is_here_S[sentences_K] | is_label_L[:-1][table.labels_K]
        return table.chosen(is_kept_K)

    def tags(self, tags: Sequence[Sequence[str]]) -> list[list[str]]:
        """Give tags of the sentences with O, or in the place of plain tags the unknown tag, where nothing is judged."""
        if self.scheme == "plain":
            return [
                [UNKNOWN_TAG if gold == UNKNOWN_TAG else tag for gold, tag in zip(known, row)]
                for known, row in zip(self.gold, tags)
            ]
        judged = []
        for number, row in enumerate(tags):
            found = spans_from_tags(row, self.scheme)
            kept = self.spans(number, found)
            is_same = len(kept) == len(found) and UNKNOWN_TAG not in row
            judged.append(list(row) if is_same else tags_from_spans(kept, len(row), self.scheme))
        return judged


def _unknown(tags: Sequence[str], scheme: str) -> np.ndarray:
    """Say which tokens of a sentence are unknown, (T,)."""
    is_unknown = np.array([tag == UNKNOWN_TAG for tag in tags], bool)
    for span in open_spans(tags, scheme) if is_unknown.any() else []:
        is_unknown[span.start : span.end] = True
    return is_unknown
