"""A scored batch in which spans of some sentences are known; the other sentences are answered as without them.

How users hand known spans over is the business of known_spans.py, how paths are summed that of held_lattice.py.
"""

# B sentences, T tokens, L tags of the model, R some rows of a batch, P pairs of tags, N spans

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from seqtag.errors import DataError
from seqtag.inference.held_lattice import HeldLattice, KnownWay
from seqtag.inference.scored import Potentials, Scored
from seqtag.inference.span_probabilities import SpanArrays, span_labels
from seqtag.text.schemes import Span, span_tags
from seqtag.text.tagset import TagSet


class KnownError(DataError):
    """What is said to be known can't be: of this sentence, or by this model."""


class KnownSpan(NamedTuple):
    """A span of tokens that is known before a prediction; `end` is exclusive."""

    start: int
    end: int
    label: str
    strength: float | None = None  # what is added to its log odds; None: it is certain

    def __str__(self) -> str:
        return f"{self.label} at {self.start}-{self.end}"


def ways_of(tagset: TagSet, span: KnownSpan) -> list[KnownWay]:
    """Give the ways to spell a span, of which there may be two in IOB1; none where the model lacks a tag for it.

    They are those by which `SpanChain` counts the probability of a span. A linear head gives illegal sequences too;
    where one of its tags would be read as a part of the span, it may not stand beside it.
    """
    size, scheme = span.end - span.start, tagset.scheme
    begun, inside = f"B-{span.label}", f"I-{span.label}"
    written: list[tuple[list[str], list[str], list[str]]]  # tags, and what may stand neither before nor behind them
    if scheme == "plain":
        written = [([span.label] * size, [], [])]
    elif scheme in ("IO", "IOB1"):
        written = [([inside] * size, [inside, begun], [inside])]
        if scheme == "IOB1" and span.start:
            written.append(([begun] + [inside] * (size - 1), [], [inside]))
    else:
        tags, long = (span_tags(Span(0, n, span.label), scheme, touching=False) for n in (size, 3))
        written = [(tags, [], long[1:])]
    ids = _ids(tagset)
    return [
        KnownWay(
            span.start,
            tuple(ids[tag] for tag in tags),
            tuple(ids[tag] for tag in before if tag in ids),
            tuple(ids[tag] for tag in after if tag in ids),
            span.strength,
        )
        for tags, before, after in written
        if all(tag in ids for tag in tags)
    ]


@lru_cache(maxsize=16)
def _ids(tagset: TagSet) -> dict[str, int]:
    return {name: i for i, name in enumerate(tagset.names)}


class _HeldSentence(NamedTuple):
    lattice: HeldLattice
    spans: list[KnownSpan]
    owners: list[int]  # the number of the span of each way

    def probabilities(self) -> list[float]:
        """Give the probability of the paths through the own states of each span."""
        sums = [0.0] * len(self.spans)
        for way, owner in enumerate(self.owners):
            sums[owner] += self.lattice.of_way(way)
        return [1.0 if span.strength is None else each for span, each in zip(self.spans, sums)]


@dataclass(frozen=True, slots=True, eq=False)
class HeldBatch:
    """A batch with what is known of some of its rows; see `Scored`."""

    batch: Scored
    held: Mapping[int, _HeldSentence]  # by row
    labels: Sequence[str]  # in the order of their numbers in `SpanArrays`

    @classmethod
    def build(cls, batch: Scored, known: Mapping[int, Sequence[KnownSpan]], tagset: TagSet) -> "HeldBatch":
        """Put a batch and the known spans of some of its rows together; KnownError where no tags can spell them all."""
        rows_R = np.array(list(known), np.int64)
        held = {}
        for row, potentials in zip(known, batch.potentials(rows_R)):
            spans = list(known[row])
            ways = [ways_of(tagset, span) for span in spans]
            owners = [owner for owner, of_span in enumerate(ways) for _ in of_span]
            lattice = HeldLattice(potentials, [way for of_span in ways for way in of_span])
            if not lattice.is_possible or not all(ways):
                named, length = ", ".join(map(str, spans)), len(potentials.emissions_TL)
                raise KnownError(
                    f"known: no sequence of the model's tags (scheme {tagset.scheme}) holds {named} in a sentence of "
                    f"{length} tokens; leave one out"
                )
            held[row] = _HeldSentence(lattice, spans, owners)
        return cls(batch, held, span_labels(tagset))

    def best(self) -> np.ndarray:
        """Give the best tag ids, (B, T)."""
        best_BT: np.ndarray = self.batch.best().copy()
        for row, sentence in self.held.items():
            tags_T = sentence.lattice.best()
            best_BT[row, : len(tags_T)] = tags_T
        return best_BT

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L)."""
        marginals_BTL: np.ndarray = self.batch.marginals().copy()
        for row, sentence in self.held.items():
            of_row_TL = sentence.lattice.marginals()
            marginals_BTL[row, : len(of_row_TL)] = of_row_TL
        return marginals_BTL

    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give marginals and moves of some rows, without the paths that lead through known spans; see `known`."""
        marginals_RTL, moved_RTP = (part.copy() for part in self.batch.chain(rows_R, from_P, to_P))
        for place, row in enumerate(rows_R.tolist()):
            if row in self.held:
                lattice = self.held[row].lattice
                usual_TL = lattice.usual_marginals()
                marginals_RTL[place, : len(usual_TL)] = usual_TL
                moved_RTP[place, : len(usual_TL)] = lattice.usual_moves(from_P, to_P)
        return marginals_RTL, moved_RTP

    def potentials(self, rows_R: np.ndarray) -> list[Potentials]:
        """Give the scores of some rows, each without its padding and without what is known."""
        return self.batch.potentials(rows_R)

    def nbest(self, row: int, n: int) -> list[tuple[np.ndarray, float]]:
        """Give the n most probable sequences of tags of a held row, with their log probabilities."""
        return self.held[row].lattice.nbest(n)

    def known(self, rows_R: np.ndarray) -> SpanArrays:
        """Give the known spans of some rows, with the probability of the paths that `chain` leaves out."""
        found = [
            (place, span.start, span.end, self.labels.index(span.label), probability)
            for place, row in enumerate(rows_R.tolist())
            if row in self.held
            for span, probability in zip(self.held[row].spans, self.held[row].probabilities())
        ]
        columns = np.array(found, np.float64).reshape(-1, 5).T
        rows_N, starts_N, ends_N, labels_N = columns[:4].astype(np.int64)
        return SpanArrays(rows_N, starts_N, ends_N, labels_N, columns[4])
