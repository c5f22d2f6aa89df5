"""Explain the spans of one sentence with the engine that found them; see `Explanation`."""

# B rows, T tokens, L tags of the model, N spans

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import Protocol, TypeAlias

import numpy as np

from seqtag.errors import UsageError, near_miss
from seqtag.inference.explaining.explanation import (
    CERTAIN,
    WITHOUT_TORCH,
    Explanation,
    Occlusion,
    Part,
    Share,
    placed,
)
from seqtag.inference.explaining.occlusion import Occluded, nearest
from seqtag.inference.explaining.rivals import Lattice
from seqtag.inference.held_batch import HeldBatch, KnownSpan
from seqtag.inference.held_lattice import HeldLattice, KnownWay
from seqtag.inference.known_spans import in_words
from seqtag.inference.scored import Potentials, Scored
from seqtag.inference.span_probabilities import SpanChain, span_labels
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token

# So many tokens the network may read of variants with hidden words, so that an explanation takes a second or two. A
# sentence of up to 150 tokens has each of its words hidden; of a longer one those nearest to the spans are.
MOST_READ = 50_000

# From the number of a token, its tag and its tag in the next best reading to what adds to the difference.
SharesOf = Callable[[int, int, int], tuple[Share, ...]]
Known: TypeAlias = Sequence[Sequence[KnownSpan]]  # of sentences


class Explainable(Protocol):
    """What is asked of an engine; see `inference.tagging.TagEngine`."""

    tagset: TagSet

    def spans(
        self, sentences: Sequence[Sequence[str]], known: Known | None = None
    ) -> tuple[list[list[str]], list[list[Span]]]:
        """Give the tags and the spans of sentences."""

    def held(self, sentences: Sequence[Sequence[str]], known: Known | None) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences batch by batch, with what is known of them."""

    def span_chain(self, batch: Scored, rows_R: np.ndarray) -> SpanChain:
        """Give what sums up the probabilities of spans in some rows."""

    def hides(self) -> Sequence[str]:
        """Name what can be hidden from the model."""

    def reading(self, occluded: Occluded) -> "Explainable":
        """Give the same engine for sentences in which something is hidden."""

    def shares(self, tokens: Sequence[str]) -> SharesOf | None:
        """Give what splits the emissions of a sentence; None where only an export is there."""


def explain_sentence(
    engine: Explainable,
    tokens: Sequence[Token],
    span: Span | None = None,
    *,
    text: str | None = None,
    known: Sequence[KnownSpan] = (),
    most_read: int = MOST_READ,
) -> list[Explanation]:
    """Explain the predicted spans of a sentence, or the one that is asked for, in the numbers of its tokens.

    `text` is what the tokens are of, where their places are those of its characters. What is `known` of the sentence
    is known in all that is said, also where a word is hidden.
    """
    words = [token.text for token in tokens]
    if span is not None:
        check_asked(engine.tagset, span, len(words))
    spans = engine.spans([words], [known])[1][0] if span is None else [span]
    if not spans:
        return []
    [(_, batch)] = engine.held([words], [known])
    lattice = _lattice(engine, batch, 1)
    [probability_N] = _probabilities(engine, batch, 1, spans)
    shares = engine.shares(words)
    occlusions = _occlusions(engine, words, spans, known, most_read)
    strengths = {each[:3]: each.strength for each in known}
    found = []
    for number, one in enumerate(spans):
        odds = float(lattice.log_odds(one)[0])
        if odds == -np.inf:
            asked, beside = in_words(placed(tokens, one, text)), " beside what is known" if known else ""
            raise UsageError(
                f"{asked}: no sequence of the model's tags holds this span{beside}; ask for one that it could find"
            )
        instead: tuple[Span, ...] | None = None
        parts: tuple[Part, ...] = ()
        if isfinite(odds):
            states = lattice.paths(one)
            with_T, without_T = map(lattice.tags, states)
            instead = tuple(placed(tokens, other, text) for other in _standing(engine.tagset, without_T, one))
            parts = _parts(lattice.first.potentials, engine.tagset.names, with_T, without_T, shares)
            ours, theirs = map(lattice.known, states)
            parts += tuple(_known_parts(lattice.first.ways, ours, theirs, engine.tagset))
        place = (one.start, one.end, one.label)
        strength = strengths.get(place)
        scored = Span(one.start, one.end, one.label, score=float(probability_N[number]))
        found.append(
            Explanation(
                placed(tokens, scored, text),
                instead,
                odds,
                tuple(tokens),
                parts,
                occlusions[number],
                note="" if shares is not None else WITHOUT_TORCH,
                known=""
                if place not in strengths
                else CERTAIN
                if strength is None
                else f"with a strength of {strength:g}",
            )
        )
    return found


def check_asked(tagset: TagSet, span: Span, num_tokens: int) -> None:
    """Raise UsageError for a span that is none of the sentence or that has a label the model lacks."""
    check_label(tagset, span)
    if not 0 <= span.start < span.end <= num_tokens:
        raise UsageError(f"{in_words(span)}: the sentence has the tokens 0 to {num_tokens}; the end is exclusive")
    if tagset.data_scheme == "plain" and span.end - span.start > 1:
        raise UsageError(f"{in_words(span)}: the model gives each token a tag; ask for a single token, such as 0 to 1")


def check_label(tagset: TagSet, span: Span) -> None:
    """Raise UsageError for what is no span, and for one with a label that the model lacks."""
    if not isinstance(span, Span):
        raise UsageError(f"explain takes a span as Span(start, end, label), such as Span(0, 1, 'PER'), not {span!r}")
    labels = span_labels(tagset)
    if span.label not in labels:
        raise UsageError(f"{in_words(span)}: the model has no label {span.label!r}; {near_miss(span.label, labels)}")


def token_span(span: Span, sentences: Sequence[Sequence[Token]]) -> tuple[int, Span]:
    """Find a span of characters among the tokens of a text: the number of its sentence, and the span in its tokens.

    >>> token_span(Span(4, 6, "PER"), [[Token("Hi", 0, 2)], [Token("Bo", 4, 6)]])
    (1, Span(start=0, end=1, label='PER'))
    """
    for number, tokens in enumerate(sentences):
        starts = {token.start: i for i, token in enumerate(tokens)}
        ends = {token.end: i + 1 for i, token in enumerate(tokens)}
        if span.start in starts and span.end in ends and starts[span.start] < ends[span.end]:
            return number, Span(starts[span.start], ends[span.end], span.label)
    near = [token for tokens in sentences for token in tokens if token.start <= span.end and token.end >= span.start]
    named = ", ".join(f"{token.text!r} {token.start} to {token.end}" for token in near[:5]) or "none"
    raise UsageError(
        f"{in_words(span)}: does not begin and end with tokens of one sentence; the tokens there are: {named}. Places "
        "count characters, and the end is exclusive"
    )


def _lattice(engine: Explainable, batch: Scored, num_rows: int) -> Lattice:
    """Give the best paths through a batch, in all or none of whose rows spans are known."""
    if isinstance(batch, HeldBatch):
        return Lattice.build([batch.held[row].lattice for row in range(num_rows)], engine.tagset)
    return Lattice.build([HeldLattice(each, []) for each in batch.potentials(np.arange(num_rows))], engine.tagset)


def _probabilities(engine: Explainable, batch: Scored, num_rows: int, spans: Sequence[Span]) -> np.ndarray:
    """Give the exact probability of each span in each row of a batch, (B, N)."""
    rows_B = np.arange(num_rows)
    chain = engine.span_chain(batch, rows_B)
    places = np.array([(span.start, span.end, chain.labels.index(span.label)) for span in spans], np.int64)
    starts_N, ends_N, labels_N = (np.tile(column, num_rows) for column in places.T)
    rows_N = np.repeat(rows_B, len(spans))
    return chain.probabilities(rows_N, starts_N, ends_N, labels_N).reshape(num_rows, len(spans))


def _occlusions(
    engine: Explainable, words: Sequence[str], spans: Sequence[Span], known: Sequence[KnownSpan], most_read: int
) -> list[tuple[Occlusion, ...]]:
    """Say for each span what becomes of it where a word is hidden."""
    kinds = engine.hides()
    numbers = nearest(len(words), [(span.start, span.end) for span in spans], most_read, kinds)
    occluded = Occluded.build(words, numbers, kinds)
    found: list[list[Occlusion | None]] = [[None] * len(occluded.places) for _ in spans]
    of_sentences = [known] * len(occluded.sentences)
    for indices, batch in engine.reading(occluded).held(occluded.sentences, of_sentences):
        lattice = _lattice(engine, batch, len(indices))
        probability_BN = _probabilities(engine, batch, len(indices), spans)
        for number, span in enumerate(spans):
            for i, odds, probability in zip(indices, lattice.log_odds(span), probability_BN[:, number]):
                token, hidden = occluded.places[i]
                found[number][i] = Occlusion(token, hidden, float(odds), float(probability))
    return [tuple(one for one in occlusions if one is not None) for occlusions in found]


def _known_parts(ways: Sequence[KnownWay], ours: set[int], theirs: set[int], tagset: TagSet) -> Iterator[Part]:
    """Give what known spans add: the strength of each that is in one of the readings and not in the other."""
    for number in sorted(ours ^ theirs):
        way, sign = ways[number], 1 if number in ours else -1
        assert way.strength is not None  # both readings have what is certain
        tag = tagset.names[way.tags[0]]
        chosen, instead = (tag, "") if sign > 0 else ("", tag)
        yield Part("known", sign * way.strength, chosen, instead, way.start)


def _standing(tagset: TagSet, path_T: np.ndarray, span: Span) -> list[Span]:
    """Give the spans of a path that share a token with a span."""
    spans = spans_from_tags(tagset.decode(path_T), tagset.data_scheme)
    return [other for other in spans if other.start < span.end and other.end > span.start]


def _parts(
    potentials: Potentials,
    names: Sequence[str],
    with_T: np.ndarray,
    without_T: np.ndarray,
    shares: SharesOf | None,
) -> tuple[Part, ...]:
    """Split the difference of two paths into those of their scores, token by token; equal scores are left out."""
    emissions_TL, transitions_LL = potentials.emissions_TL, potentials.transitions_LL
    parts = []
    ours, theirs = ([None, *map(int, path_T), None] for path_T in (with_T, without_T))
    for t, (our_move, their_move) in enumerate(zip(pairwise(ours), pairwise(theirs))):
        if our_move != their_move:
            score = _move_score(potentials, *our_move) - _move_score(potentials, *their_move)
            parts.append(Part("transition", score, _move_name(names, *our_move), _move_name(names, *their_move), t))
        chosen, instead = our_move[1], their_move[1]
        if chosen is not None and instead is not None and chosen != instead:
            score = float(emissions_TL[t, chosen] - emissions_TL[t, instead])
            split = () if shares is None else shares(t, chosen, instead)
            parts.append(Part("emission", score, names[chosen], names[instead], t, split))
    if not transitions_LL.any() and not potentials.start_L.any() and not potentials.end_L.any():
        return tuple(part for part in parts if part.kind == "emission")  # a linear head has no moves to weigh
    return tuple(parts)


def _move_score(potentials: Potentials, left: int | None, right: int | None) -> float:
    if left is None or right is None:
        ends_L, tag = (potentials.start_L, right) if left is None else (potentials.end_L, left)
        return float(ends_L[tag])
    return float(potentials.transitions_LL[left, right])


def _move_name(names: Sequence[str], left: int | None, right: int | None) -> str:
    return f"{'start' if left is None else names[left]} → {'end' if right is None else names[right]}"
