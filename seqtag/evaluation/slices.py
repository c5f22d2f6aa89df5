"""Score spans apart: those that training knew and those it did not, by length, and with unknown words.

Knows tokens, spans and what training held. Leaves out kinds of error and how sure the figures are.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.errors import DataError
from seqtag.text.schemes import Span, check_span

_SURFACE, _LABELS = "surface in training", "labels of the surface in training"
_SPAN_TOKENS, _SENTENCE_TOKENS = "tokens of the span", "tokens of the sentence"
_WORDS = "words of the span"
_LONG = 4


@dataclass(frozen=True, slots=True)
class Slice:
    """The spans of gold and prediction that have a property in common, and how many are right; None without ground."""

    group: str  # what the corpus was cut by
    name: str
    num_gold: int
    num_predicted: int
    num_right: int

    @property
    def precision(self) -> float | None:
        """The share of predicted spans that is right."""
        return self.num_right / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """The share of gold spans that was found."""
        return self.num_right / self.num_gold if self.num_gold else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two, defined as soon as there is a span on either side."""
        total = self.num_gold + self.num_predicted
        return 2 * self.num_right / total if total else None


def entity_surfaces(tokens: Sequence[Sequence[str]], spans: Sequence[Sequence[Span]]) -> dict[str, Counter[str]]:
    """Count the labels of each entity surface, its tokens joined by blanks; what `score_slices` wants of training.

    Raises DataError for unequal numbers of sentences and for spans that don't lie in theirs.

    >>> entity_surfaces([["New", "York", "won"]], [[Span(0, 2, "ORG")]])
    {'New York': Counter({'ORG': 1})}
    """
    _check(tokens, {"spans": spans})
    surfaces: dict[str, Counter[str]] = {}
    for words, sentence_spans in zip(tokens, spans):
        for span in sentence_spans:
            surfaces.setdefault(_surface(words, span), Counter())[span.label] += 1
    return surfaces


def score_slices(
    tokens: Sequence[Sequence[str]],
    gold: Sequence[Sequence[Span]],
    predicted: Sequence[Sequence[Span]],
    *,
    surfaces: Mapping[str, Mapping[str, int]] | None = None,
    vocabulary: Container[str] | None = None,
) -> tuple[Slice, ...]:
    """Score the spans of each slice; a right span is the same on both sides, so it is in the same slices.

    By surface in training (`surfaces`, of `entity_surfaces`), seen or unseen with any label (Augenstein et al. 2017,
    Generalisation in Named Entity Recognition, https://arxiv.org/abs/1701.02877), case kept; seen ones by whether
    training gave them one label or several; by length of the span; by length of the sentence, in quartiles of the
    sentences that have tokens (equal lengths stay together, so there may be fewer); by whether all words are in
    `vocabulary`, which decides about case by itself. What is not given is left out. The slices of a group share no
    span, and but for the second group they hold all. Raises DataError for unequal numbers of sentences and for spans
    that don't lie in theirs.

    >>> slices = score_slices([["Ada", "met", "Bo"]], [[Span(0, 1, "PER"), Span(2, 3, "PER")]], [[Span(0, 1, "PER")]],
    ...                       surfaces={"Ada": {"PER": 7}})
    >>> [(slice.name, slice.recall) for slice in slices if slice.group == "surface in training"]
    [('seen', 1.0), ('unseen', 0.0)]
    """
    _check(tokens, {"gold spans": gold, "predicted spans": predicted})
    quartiles = _quartiles([len(words) for words in tokens if words])
    names = [*_fixed_names(surfaces is not None, vocabulary is not None)]
    names += [(_SENTENCE_TOKENS, name) for name in dict.fromkeys(quartiles.values())]
    counts: list[Counter[tuple[str, str]]] = [Counter(), Counter(), Counter()]
    for words, *sides in zip(tokens, gold, predicted):
        if not any(sides):
            continue
        keys = [Counter((span.start, span.end, span.label) for span in spans) for spans in sides]
        for found, spans in zip(counts, (*keys, keys[0] & keys[1])):
            for (start, end, label), times in spans.items():
                for name in _slices(words, Span(start, end, label), surfaces, vocabulary):
                    found[name] += times
                found[_SENTENCE_TOKENS, quartiles[len(words)]] += times
    return tuple(Slice(*name, *(found[name] for found in counts)) for name in names)


def _fixed_names(surfaces: bool, vocabulary: bool) -> Iterator[tuple[str, str]]:
    if surfaces:
        yield from ((_SURFACE, "seen"), (_SURFACE, "unseen"), (_LABELS, "one"), (_LABELS, "several"))
    if vocabulary:
        yield from ((_WORDS, "all known"), (_WORDS, "some unknown"))
    yield from ((_SPAN_TOKENS, _length_name(length)) for length in range(1, _LONG + 1))


def _slices(
    words: Sequence[str],
    span: Span,
    surfaces: Mapping[str, Mapping[str, int]] | None,
    vocabulary: Container[str] | None,
) -> Iterator[tuple[str, str]]:
    """Name the slices that a span belongs to by itself, whatever its sentence."""
    if surfaces is not None:
        num_labels = sum(count > 0 for count in surfaces.get(_surface(words, span), {}).values())
        yield _SURFACE, "seen" if num_labels else "unseen"
        if num_labels:
            yield _LABELS, "one" if num_labels == 1 else "several"
    if vocabulary is not None:
        known = all(word in vocabulary for word in words[span.start : span.end])
        yield _WORDS, "all known" if known else "some unknown"
    yield _SPAN_TOKENS, _length_name(span.end - span.start)


def _length_name(length: int) -> str:
    return str(length) if length < _LONG else f"{_LONG}+"


def _quartiles(lengths: Sequence[int]) -> dict[int, str]:
    """Name the quartile of each length by the shortest and the longest that it holds, in rising order.

    >>> _quartiles([3, 3, 5, 8, 9])
    {3: '3', 5: '5', 8: '8', 9: '9'}
    """
    if not lengths:
        return {}
    distinct = sorted(set(lengths))
    bounds = np.quantile(lengths, [0.25, 0.5, 0.75], method="inverted_cdf")
    quartile_of = dict(zip(distinct, np.searchsorted(bounds, distinct).tolist()))
    names = {}
    for quartile in set(quartile_of.values()):
        held = [length for length in distinct if quartile_of[length] == quartile]
        names[quartile] = str(held[0]) if held[0] == held[-1] else f"{held[0]}-{held[-1]}"
    return {length: names[quartile] for length, quartile in quartile_of.items()}


def _surface(words: Sequence[str], span: Span) -> str:
    return " ".join(words[span.start : span.end])


def _check(tokens: Sequence[Sequence[str]], sides: Mapping[str, Sequence[Sequence[Span]]]) -> None:
    for side, sentences in sides.items():
        if len(sentences) != len(tokens):
            raise DataError(
                f"{len(tokens)} sentences of tokens but {len(sentences)} lists of {side}; pair them one to one"
            )
        for number, (words, spans) in enumerate(zip(tokens, sentences), 1):
            for span in spans:
                try:
                    check_span(span, len(words))
                except DataError as error:
                    raise DataError(f"sentence {number}, {side}: {error}") from error
