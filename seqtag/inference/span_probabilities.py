"""The exact probability of every span of a batch, from one forward-backward pass over its sentences.

Given a sentence its tags are a Markov chain, so a span is a product: that it begins at a token, that it goes on over
each of the next ones, and that it ends. Culotta and McCallum (Confidence estimation for information extraction, 2004)
run a constrained pass for each span instead; the sums are the same.
"""

# B sentences, T tokens, L tags of the model, K labels, P pairs of tags, N spans

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from seqtag.text.schemes import Span, entity_labels, span_tags
from seqtag.text.tag_tables import TagTable
from seqtag.text.tagset import TagSet


@dataclass(frozen=True, slots=True)
class SpanArrays:
    """Spans of a batch, in the order of rows, starts, ends and labels."""

    rows_N: np.ndarray
    starts_N: np.ndarray
    ends_N: np.ndarray  # exclusive
    labels_N: np.ndarray  # numbers of the labels
    probabilities_N: np.ndarray

    def probabilities_of(
        self, rows_N: np.ndarray, starts_N: np.ndarray, ends_N: np.ndarray, labels_N: np.ndarray
    ) -> np.ndarray:
        """Give the probabilities of other spans that are among these, and 0 for the others."""
        own = zip(self.rows_N.tolist(), self.starts_N.tolist(), self.ends_N.tolist(), self.labels_N.tolist())
        at = dict(zip(own, self.probabilities_N.tolist()))
        others = zip(rows_N.tolist(), starts_N.tolist(), ends_N.tolist(), labels_N.tolist())
        return np.array([at.get(place, 0.0) for place in others], np.float64)


@dataclass(frozen=True, slots=True)
class SpanChain:
    """How the spans of each label grow along the sentences of a batch; every array is (B, T, K), in float64.

    The probability of a span is `single` of its token, or else `begin` of its first token times, of its second one
    `second_end`, or `second_on` where a third one follows, and so forth: `on` of each token between and `end` of the
    last.
    """

    labels: tuple[str, ...]
    single_BTK: np.ndarray  # the token is a span by itself
    begin_BTK: np.ndarray  # a span begins at the token and goes on
    second_end_BTK: np.ndarray  # given that one began at the token before: it ends here
    second_on_BTK: np.ndarray  # given the same: it goes on behind this token
    end_BTK: np.ndarray  # given that one began further back and has gone on so far: it ends here
    on_BTK: np.ndarray  # given the same: it goes on
    known: SpanArrays | None = None  # spans that are also on paths which the rest leaves out; see held_batch.py

    @classmethod
    def build(cls, tagset: TagSet, marginals_BTL: np.ndarray, moved_BTP: np.ndarray) -> "SpanChain":
        """Put together what spans are made of, in every scheme that a model works in.

        Takes the probability of each tag at each token, and that of each move of `chain_moves`, given its first tag at
        the token before, as forward-backward gives them.
        """
        known = _moves_of(tagset)
        # A label that lacks a letter has no span that would need it.
        moved = np.where((known.from_P >= 0) & (known.to_P >= 0), moved_BTP, 0.0)
        moves = dict(zip(known.pairs, np.split(moved, len(known.pairs), axis=-1)))
        tags = [np.where(ids_K >= 0, marginals_BTL[..., ids_K.clip(0)], 0.0) for ids_K in known.letters_4K]
        if tagset.scheme in _OPEN_MOVES:
            return cls._open(known.labels, tags, moves)
        return cls(known.labels, tags[_S], tags[_B], moves[_B, _E], moves[_B, _I], moves[_I, _E], moves[_I, _I])

    @classmethod
    def _open(
        cls, labels: tuple[str, ...], tags: Sequence[np.ndarray], moves: dict[tuple[int, int], np.ndarray]
    ) -> "SpanChain":
        """In IO and IOB1 a span ends where no I- follows; an I- begins one unless it goes on from the token before."""
        inside = tags[_I].copy()
        for letter in (_I, _B):
            if (letter, _I) in moves:
                inside[:, 1:] -= tags[letter][:, :-1] * moves[letter, _I][:, 1:]
        inside = inside.clip(0.0)  # what rounding left below
        go_on = {letter: _following(moved) for (letter, _), moved in moves.items()}
        single, begin = inside * (1 - go_on[_I]), inside * go_on[_I]
        if _B in go_on:
            begun = tags[_B].copy()
            begun[:, :1] = 0.0  # there is nothing before a sentence that B- would cut a span off from
            single, begin = single + begun * (1 - go_on[_B]), begin + begun * go_on[_B]
        end, on = 1 - go_on[_I], go_on[_I]
        return cls(labels, single, begin, end, on, end, on)

    def probabilities(
        self, rows_N: np.ndarray, starts_N: np.ndarray, ends_N: np.ndarray, labels_N: np.ndarray
    ) -> np.ndarray:
        """Probability of each of some spans, by the number of their row and label, (N,)."""
        lengths_N = ends_N - starts_N
        longer_N = lengths_N > 1
        probabilities_N = np.where(
            longer_N, self.begin_BTK[rows_N, starts_N, labels_N], self.single_BTK[rows_N, starts_N, labels_N]
        )
        left_N = np.flatnonzero(longer_N)
        end, on, length = self.second_end_BTK, self.second_on_BTK, 2
        while len(left_N):
            place = rows_N[left_N], starts_N[left_N] + length - 1, labels_N[left_N]
            ends_here = lengths_N[left_N] == length
            probabilities_N[left_N] *= np.where(ends_here, end[place], on[place])
            left_N = left_N[~ends_here]
            end, on, length = self.end_BTK, self.on_BTK, length + 1
        if self.known is not None:
            probabilities_N += self.known.probabilities_of(rows_N, starts_N, ends_N, labels_N)
        clipped_N: np.ndarray = probabilities_N.clip(0.0, 1.0)
        return clipped_N

    def expected(self) -> np.ndarray:
        """Give the expected number of spans in each sentence, (B,): the probabilities of all spans together."""
        second_B1K = later_B1K = np.zeros_like(
            self.single_BTK[:, :1]
        )  # that what has begun ends somewhere from here on
        total_B: np.ndarray = self.single_BTK.sum((1, 2))
        for t in range(self.single_BTK.shape[1] - 1, -1, -1):
            here = slice(t, t + 1)
            total_B = total_B + (self.begin_BTK[:, here] * second_B1K).sum((1, 2))
            second_B1K = self.second_end_BTK[:, here] + self.second_on_BTK[:, here] * later_B1K
            later_B1K = self.end_BTK[:, here] + self.on_BTK[:, here] * later_B1K
        return total_B

    def candidates(self, floor: float) -> SpanArrays:
        """All spans of a probability of at least `floor`, of any length and label.

        That a span begins at a token and goes on for so long only gets less likely as it grows, so what has fallen
        below the floor is not followed up: branch and bound, with nothing lost.
        """
        assert floor > 0
        rows, starts, labels = np.nonzero(self.single_BTK >= floor)
        found = [np.stack([rows, starts, starts + 1, labels])]
        rows, starts, labels = np.nonzero(self.begin_BTK >= floor)
        going = self.begin_BTK[rows, starts, labels]
        end, on, length = self.second_end_BTK, self.second_on_BTK, 2
        while len(rows):
            # A linear head may begin a span at the last token of all.
            kept = (going >= floor) & (starts + length <= self.single_BTK.shape[1])
            rows, starts, labels, going = (a[kept] for a in (rows, starts, labels, going))
            last = starts + length - 1
            done = going * end[rows, last, labels] >= floor
            found.append(np.stack([rows, starts, last + 1, labels])[:, done])
            going = going * on[rows, last, labels]
            end, on, length = self.end_BTK, self.on_BTK, length + 1
        if self.known is not None:
            places = (self.known.rows_N, self.known.starts_N, self.known.ends_N, self.known.labels_N)
            found = [np.unique(np.hstack([*found, np.stack(places)[:, self.probabilities(*places) >= floor]]), axis=1)]
        rows, starts, ends, labels = np.concatenate(found, axis=1)
        order = np.lexsort((labels, ends, starts, rows))
        rows, starts, ends, labels = (a[order] for a in (rows, starts, ends, labels))
        return SpanArrays(rows, starts, ends, labels, self.probabilities(rows, starts, ends, labels))

    def scored(self, spans: Sequence[Sequence[Span]]) -> list[list[Span]]:
        """Give the spans of each sentence of the batch with their probabilities."""
        number = {label: i for i, label in enumerate(self.labels)}
        places = [(row, span.start, span.end, number[span.label]) for row, found in enumerate(spans) for span in found]
        scores = iter(self.probabilities(*np.array(places, np.int64).reshape(-1, 4).T).tolist())
        return [[Span(span.start, span.end, span.label, score=next(scores)) for span in found] for found in spans]

    def read(self, tags: Sequence[Sequence[str]], scheme: str) -> SpanArrays:
        """Give the spans that the tags of each sentence of the batch spell, with their probabilities."""
        table = TagTable.of(tags).spans(scheme)
        rows = table.sentences
        first = table.offsets[rows]
        labels = table.renumbered({label: i for i, label in enumerate(self.labels)})
        places = (rows, table.starts_K - first, table.ends_K - first, labels)
        return SpanArrays(*places, self.probabilities(*places))


def span_labels(tagset: TagSet) -> tuple[str, ...]:
    """Name the labels of spans in the order of their numbers in `SpanArrays`."""
    return _moves_of(tagset).labels


def chain_moves(tagset: TagSet) -> tuple[np.ndarray, np.ndarray]:
    """Name the moves between tags, by their ids, whose probabilities `SpanChain.build` takes: from (P,) and to (P,)."""
    known = _moves_of(tagset)
    return known.from_P.clip(0), known.to_P.clip(0)


# The letters of BIOES, by which every scheme is read.
_B, _I, _E, _S = range(4)
_Pairs: TypeAlias = tuple[tuple[int, int], ...]
_CLOSED_MOVES: _Pairs = ((_B, _E), (_B, _I), (_I, _E), (_I, _I))
_OPEN_MOVES: dict[str, _Pairs] = {"IO": ((_I, _I),), "IOB1": ((_I, _I), (_B, _I))}


@dataclass(frozen=True, slots=True)
class _Moves:
    """What a tag set says about its spans, the same for every batch."""

    labels: tuple[str, ...]
    letters_4K: np.ndarray
    pairs: _Pairs  # of letters
    from_P: np.ndarray  # ids of tags, -1 for none: the pairs one after the other, a tag a label in each
    to_P: np.ndarray


@lru_cache(maxsize=16)
def _moves_of(tagset: TagSet) -> _Moves:
    labels = tagset.names if tagset.scheme == "plain" else tuple(entity_labels(tagset.names))
    letters_4K = _letters(tagset, labels)
    pairs = _OPEN_MOVES.get(tagset.scheme, _CLOSED_MOVES)
    from_P, to_P = (np.concatenate([letters_4K[side] for side in sides]) for sides in zip(*pairs))
    return _Moves(labels, letters_4K, pairs, from_P, to_P)


def _letters(tagset: TagSet, labels: Sequence[str]) -> np.ndarray:
    """The ids of the tags that each label has for a first, inner, last and only token, (4, K); -1 for none."""
    place = {name: i for i, name in enumerate(tagset.names)}
    if tagset.scheme == "plain":
        only = [place[label] for label in labels]
        return np.array([[-1] * len(labels)] * 3 + [only], np.int64).reshape(4, -1)
    written: list[tuple[str, ...]]
    if tagset.scheme in _OPEN_MOVES:
        written = [(f"B-{label}", f"I-{label}", "", "") for label in labels]
    else:
        sizes = (Span(0, 3, ""), Span(0, 1, ""))
        letters = [name for size in sizes for name in span_tags(size, tagset.scheme, touching=False)]  # such as "B-"
        written = [tuple(letter + label for letter in letters) for label in labels]
    numbers = [[place.get(name, -1) for name in names] for names in written]
    numbers_4K: np.ndarray = np.array(numbers, np.int64).reshape(-1, 4).T
    return numbers_4K


def _following(moved_BTK: np.ndarray) -> np.ndarray:
    """What stands at the next token; nothing does behind the last one."""
    return np.concatenate([moved_BTK[:, 1:], np.zeros_like(moved_BTK[:, :1])], axis=1)
