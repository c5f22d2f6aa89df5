"""Read the tags of a whole corpus at once, as arrays: what schemes.py says of one sentence, here for all of them.

Strings are touched once per name of a tag. This module knows neither files nor the network that tags come from.
"""

# N tokens of all sentences, S sentences, K spans; offsets are (S + 1): sentence s has the tokens from offsets[s] on

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np

from seqtag.errors import DataError
from seqtag.text.schemes import UNKNOWN_TAG, Span, check_span, illegal_positions, legal_transitions, read_tag

_NO_SPAN = ("", "O", UNKNOWN_TAG)  # letters of tags that are in no span

Bigrams: TypeAlias = Counter[tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """The K spans of S sentences, in the order of their sentences; tokens are counted over all sentences."""

    labels: tuple[str, ...]  # may hold labels that no span has
    offsets: np.ndarray
    starts_K: np.ndarray
    ends_K: np.ndarray  # exclusive
    labels_K: np.ndarray  # numbers into `labels`
    scores_K: np.ndarray | None = None  # the probability of each span

    @classmethod
    def of(cls, spans: Sequence[Sequence[Span]], lengths: Sequence[int]) -> "SpanTable":
        """Make a table of the spans of each sentence; DataError for a span outside its sentence.

        >>> SpanTable.of([[], [Span(0, 1, "PER")]], [3, 1]).starts_K.tolist()
        [3]
        """
        if len(spans) != len(lengths):
            raise DataError(f"{len(lengths)} sentences but {len(spans)} lists of spans; pair them one to one")
        offsets = offsets_of(lengths)
        numbers: dict[str, int] = {}
        rows: list[tuple[int, int, int]] = []
        for number, (found, start, length) in enumerate(zip(spans, offsets.tolist(), lengths), 1):
            for span in found:
                try:
                    check_span(span, length)
                except DataError as error:
                    raise DataError(f"sentence {number}: {error}") from error
                label = numbers.setdefault(span.label, len(numbers))
                rows.append((start + span.start, start + span.end, label))
        scores = [span.score for found in spans for span in found if span.score is not None]
        scores_K = np.array(scores, np.float64) if len(scores) == len(rows) else None
        starts_K, ends_K, labels_K = np.array(rows, np.int64).reshape(-1, 3).T
        return cls(tuple(numbers), offsets, starts_K, ends_K, labels_K, scores_K)

    def __len__(self) -> int:
        return len(self.starts_K)

    @property
    def sentences(self) -> np.ndarray:
        """The sentence of each span, from 0, (K,)."""
        sentences_K: np.ndarray = np.searchsorted(self.offsets, self.starts_K, side="right") - 1
        return sentences_K

    def chosen(self, kept_K: np.ndarray | slice) -> "SpanTable":
        """Give the spans that an array of bool or a slice chooses."""
        columns = (self.starts_K[kept_K], self.ends_K[kept_K], self.labels_K[kept_K])
        return SpanTable(self.labels, self.offsets, *columns, None if self.scores_K is None else self.scores_K[kept_K])

    def are_in(self, other: "SpanTable") -> np.ndarray:
        """Say for each span whether another table of the same sentences has it, borders and label alike, (K,).

        >>> [left, right] = (SpanTable.of([[Span(0, 2, label)]], [2]) for label in ("PER", "LOC"))
        >>> left.are_in(left).tolist(), left.are_in(right).tolist()
        ([True], [False])
        """
        numbers = {label: number for number, label in enumerate(dict.fromkeys([*self.labels, *other.labels]))}
        longest = 1 + max(int((table.ends_K - table.starts_K).max(initial=0)) for table in (self, other))
        left, right = (
            (table.starts_K.astype(np.int64) * longest + table.ends_K - table.starts_K) * len(numbers)
            + table.renumbered(numbers)
            for table in (self, other)
        )
        right = np.append(np.unique(right), -1)
        known_K: np.ndarray = right[np.searchsorted(right[:-1], left)] == left
        return known_K

    def renumbered(self, numbers: Mapping[str, int]) -> np.ndarray:
        """Give the label of each span by other numbers, (K,)."""
        labels_K: np.ndarray = np.array([numbers.get(label, -1) for label in self.labels], np.int64)[self.labels_K]
        return labels_K

    def used_labels(self) -> set[str]:
        """The labels that occur."""
        return {self.labels[number] for number in np.unique(self.labels_K).tolist()}

    def places(self) -> Iterator[list[tuple[int, int, str]]]:
        """Give start, end and label of the spans of each sentence, whose tokens are counted from 0."""
        first_K = self.offsets[self.sentences]
        starts, ends = (self.starts_K - first_K).tolist(), (self.ends_K - first_K).tolist()
        spans = list(zip(starts, ends, map(self.labels.__getitem__, self.labels_K.tolist())))
        bounds = np.searchsorted(self.starts_K, self.offsets).tolist()
        return (spans[first:end] for first, end in pairwise(bounds))

    def of_sentence(self, number: int) -> list[Span]:
        """Give the spans of one sentence, whose tokens are counted from 0."""
        offset, end = self.offsets[number : number + 2].tolist()
        found = self.chosen(slice(*np.searchsorted(self.starts_K, (offset, end)).tolist()))
        moved = SpanTable(
            self.labels,
            np.array([0, end - offset]),
            found.starts_K - offset,
            found.ends_K - offset,
            found.labels_K,
            found.scores_K,
        )
        return moved.lists()[0]

    def lists(self) -> list[list[Span]]:
        """Give the spans of each sentence, whose tokens are counted from 0."""
        scores = iter([None] * len(self) if self.scores_K is None else self.scores_K.tolist())
        return [[Span(*place, score=next(scores)) for place in places] for places in self.places()]


@dataclass(frozen=True, slots=True, eq=False)
class TagTable:
    """The tags of S sentences end to end, as numbers."""

    names: tuple[str, ...]
    tags_N: np.ndarray  # numbers into `names`
    offsets: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], numbers: dict[str, int] | None = None) -> "TagTable":
        """Number the tags; `numbers` has those that are numbered already, and gets the others.

        >>> TagTable.of([["O", "B-PER"], [], ["O"]]).tags_N.tolist()
        [0, 1, 0]
        """
        numbers = {} if numbers is None else numbers
        for name in dict.fromkeys(chain.from_iterable(sentences)):
            numbers.setdefault(name, len(numbers))
        offsets = offsets_of(list(map(len, sentences)))
        tags_N = np.fromiter(map(numbers.__getitem__, chain.from_iterable(sentences)), np.int32, int(offsets[-1]))
        return cls(tuple(numbers), tags_N, offsets)

    def spans(self, scheme: str, *, strictly: bool = False) -> SpanTable:
        """Read the spans of all sentences, as `schemes.spans_from_tags` reads those of one: leniently.

        `strictly` leaves out the spans that are not written as their scheme asks, as seqeval's strict mode does: a span
        begins with B- and, where the scheme has E-, ends with it or is a single S-. In IO and IOB1 any I- may begin it.

        >>> tags = TagTable.of([["I-PER", "O", "B-LOC"]])
        >>> [len(tags.spans("IOB2", strictly=strictly)) for strictly in (False, True)]
        [2, 1]
        """
        is_plain = scheme == "plain"
        cut = [("S", name) if is_plain and name != UNKNOWN_TAG else read_tag(name) for name in self.names]
        table = read_spans(self.tags_N, self.offsets, cut)
        if not strictly or scheme in ("plain", "IO", "IOB1"):
            return table
        letters = np.array([letter for letter, _ in cut], "U1")
        firsts_K, lasts_K = letters[self.tags_N[table.starts_K]], letters[self.tags_N[table.ends_K - 1]]
        if scheme == "IOB2":
            return table.chosen(firsts_K == "B")
        return table.chosen((firsts_K == "S") | ((firsts_K == "B") & (lasts_K == "E")))

    def illegal(self, scheme: str) -> Iterator[tuple[int, list[int]]]:
        """Give the number of each sentence that breaks the scheme, and the places of its illegal tags."""
        if scheme in ("plain", "IO"):
            return
        for sentence in illegal_sentences(self.tags_N, self.offsets, legal_table(self.names, scheme)):
            start, end = self.offsets[sentence : sentence + 2]
            yield sentence, illegal_positions([self.names[tag] for tag in self.tags_N[start:end].tolist()], scheme)


def read_spans(tags_N: np.ndarray, offsets: np.ndarray, cut: Sequence[tuple[str, str]]) -> SpanTable:
    """Read the spans of all sentences leniently; `cut` has the letter and the label of each tag.

    A tag without a letter stands outside, as do "O", "?" and -1, a missing tag. L and U may stand for E and S.
    """
    labels = tuple(dict.fromkeys(label for letter, label in cut if letter not in _NO_SPAN))
    number = {label: n for n, label in enumerate(labels)}
    label_of = np.array([number[label] if letter not in _NO_SPAN else -1 for letter, label in cut] + [-1])
    opens = np.array([letter in ("B", "S", "U") for letter, _ in cut] + [False])
    closes = np.array([letter in ("E", "S", "L", "U") for letter, _ in cut] + [False])
    labels_N, begins_N, ends_N = label_of[tags_N], opens[tags_N], closes[tags_N]
    cut_N = np.zeros(len(tags_N) + 1, bool)  # no span goes on from the token before
    cut_N[offsets] = True
    cut_N[1:-1] |= (labels_N[1:] != labels_N[:-1]) | begins_N[1:] | ends_N[:-1]
    inside_N = labels_N >= 0
    starts_K, lasts_K = np.flatnonzero(inside_N & cut_N[:-1]), np.flatnonzero(inside_N & cut_N[1:])
    return SpanTable(labels, offsets, starts_K, lasts_K + 1, labels_N[starts_K])


def offsets_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Say where each of S sentences begins among the tokens of all, and where the last one ends: int64 (S + 1,)."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def count_bigrams(tags: np.ndarray, offsets: np.ndarray, names: Sequence[str]) -> Bigrams:
    """Count neighbouring tags of many sentences at once, as `schemes.tag_bigrams` does for strings.

    `tags` are numbers into `names`, shape (N,); sentence s is `tags[offsets[s]:offsets[s + 1]]`.
    """
    edge = len(names)
    befores, afters, full, lasts = _neighbours(tags, offsets, edge)
    codes = np.concatenate((befores * (edge + 1) + afters, lasts * (edge + 1) + edge))
    found, counts = np.unique(codes, return_counts=True)
    labels = [*names, None]
    bigrams: Bigrams = Counter()
    for code, count in zip(found.tolist(), counts.tolist()):
        bigrams[labels[code // (edge + 1)], labels[code % (edge + 1)]] += count  # two numbers may have one name
    if num_empty := len(offsets) - 1 - len(full):
        bigrams[None, None] += num_empty
    return bigrams


def legal_table(names: Sequence[str], scheme: str) -> np.ndarray:
    """Say which tag may follow which, bool (L + 1, L + 1); the last row and column are the sentence's edge."""
    start, transitions, end = legal_transitions(names, scheme)
    table = np.ones((len(names) + 1, len(names) + 1), bool)
    table[:-1, :-1], table[-1, :-1], table[:-1, -1] = transitions, start, end
    return table


def illegal_sentences(tags: np.ndarray, offsets: np.ndarray, legal: np.ndarray) -> list[int]:
    """Find the sentences in which a tag follows another that it may not follow, by a table of `legal_table`.

    `tags` and `offsets` are those of `count_bigrams`.
    """
    before, here, full, last = _neighbours(tags, offsets, len(legal) - 1)
    broken = np.searchsorted(offsets, np.flatnonzero(~legal[before, here]), side="right") - 1
    return [int(sentence) for sentence in np.union1d(broken, full[~legal[last, -1]])]


def _neighbours(
    tags: np.ndarray, offsets: np.ndarray, edge: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pair each of N tags with the one before it: (N,), (N,); then the non-empty sentences and the last tag of each."""
    here = tags.astype(np.int64)
    full = np.flatnonzero(offsets[1:] > offsets[:-1])
    before = np.empty_like(here)
    before[1:] = here[:-1]
    before[offsets[full]] = edge
    return before, here, full, here[offsets[full + 1] - 1]
