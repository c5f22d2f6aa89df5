"""Score spans apart: those that training knew and those it did not, by length, and with unknown words.

Knows tokens, spans and what training held. Leaves out kinds of error and how sure the figures are; slices of texts are
in class_slices.py.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.errors import DataError
from seqtag.reporting.figures import percent, plain
from seqtag.reporting.sections import Table
from seqtag.text.schemes import Span, check_span
from seqtag.text.training_surfaces import Surfaces, join_surface

_SURFACE, _LABELS = "surface in training", "labels in training"
_SPAN_TOKENS, _SENTENCE_TOKENS = "tokens of the span", "tokens of the sentence"
_WORDS = "words of the span"
_WORD, _TAGS = "word in training", "tags in training"  # of plain tags
_LONG = 4


@dataclass(frozen=True, slots=True)
class TrainingKnowledge:
    """What is known of the training of a system: None is what is not known of it."""

    surfaces: Surfaces | None = None  # of spans; under plain tags of words
    words: Container[str] | None = None  # decides about case by itself


@dataclass(frozen=True, slots=True)
class Slice:
    """The spans of gold and prediction that have a property in common, and how many are right; None without ground.

    A token under plain tags, or a text, is in gold and in prediction: there precision, recall and F1 are the accuracy.
    """

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

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values: the fields, `precision`, `recall`, `f1`."""
        return {**plain(self), "precision": self.precision, "recall": self.recall, "f1": self.f1}


def score_slices(
    tokens: Sequence[Sequence[str]],
    gold: Sequence[Sequence[Span]],
    predicted: Sequence[Sequence[Span]],
    *,
    surfaces: Surfaces | None = None,
    vocabulary: Container[str] | None = None,
    is_plain: bool = False,
) -> tuple[Slice, ...]:
    """Score the spans of each slice; a right span is the same on both sides, so it is in the same slices.

    By surface in training, seen or unseen with any label (Augenstein et al. 2017, Generalisation in Named Entity
    Recognition, https://arxiv.org/abs/1701.02877), case kept; seen ones by whether training gave them one label or
    several; by whether all words are in `vocabulary`, which decides about case by itself; by length of the span; by
    length of the sentence, in quartiles of the sentences that have tokens (equal lengths stay together, so there may be
    fewer). Plain tags (`is_plain`, a span a token) are cut by word: in `vocabulary` or not, with one tag in training
    or several, and by length of the sentence. What is not given is left out. The slices of a group share no span, and
    but for the labels and tags in training, of seen ones alone, they hold all. Raises DataError for unequal numbers of
    sentences and for spans that don't lie in theirs.

    >>> slices = score_slices([["Ada", "met", "Bo"]], [[Span(0, 1, "PER"), Span(2, 3, "PER")]], [[Span(0, 1, "PER")]],
    ...                       surfaces=Surfaces.of([("Ada", "PER")]))
    >>> [(slice.name, slice.recall) for slice in slices if slice.group == "surface in training"]
    [('seen', 1.0), ('unseen', 0.0)]
    """
    _check(tokens, {"gold spans": gold, "predicted spans": predicted})
    quartiles = quartile_names([len(words) for words in tokens if words])
    cases = _count_cases(tokens, gold, predicted)
    names = _plain_names if is_plain else _entity_names
    groups = {
        words: list(names(words, surfaces, vocabulary))
        for words in dict.fromkeys(words for found in cases for words, _ in found)
    }
    counts: list[Counter[tuple[str, str]]] = [Counter() for _ in cases]
    for found, own in zip(counts, cases):
        for (words, length), times in own.items():
            for name in (*groups[words], (_SENTENCE_TOKENS, quartiles[length])):
                found[name] += times
    wanted = [*_fixed_names(surfaces is not None, vocabulary is not None, is_plain)]
    wanted += [(_SENTENCE_TOKENS, name) for name in dict.fromkeys(quartiles.values())]
    return tuple(Slice(*name, *(found[name] for found in counts)) for name in wanted)


def slice_table(slices: Sequence[Slice], *, unit: str = "spans") -> Table:
    """Lay slices out, a row each; of tokens or texts, in the place of spans, the number and the accuracy.

    >>> slice_table([Slice("tokens of the span", "1", 3, 4, 2)]).rows
    (('tokens of the span', '1', '3', '4', '50.00', '66.67', '57.14'),)
    >>> slice_table([Slice("word in training", "unknown", 8, 8, 6)], unit="tokens").rows
    (('word in training', 'unknown', '8', '75.00'),)
    """
    if unit != "spans":
        rows = ((cut.group, cut.name, f"{cut.num_gold:,}", percent(cut.f1)) for cut in slices)
        return Table(("", "", unit, "accuracy"), tuple(rows), text_columns=2)
    return Table(
        ("", "", "gold", "predicted", "P", "R", "F1"),
        tuple(
            (
                *(cut.group, cut.name, f"{cut.num_gold:,}", f"{cut.num_predicted:,}"),
                *map(percent, (cut.precision, cut.recall, cut.f1)),
            )
            for cut in slices
        ),
        text_columns=2,
    )


def quartile_names(lengths: Sequence[int]) -> dict[int, str]:
    """Name the quartile of each length by the shortest and the longest that it holds, in rising order.

    >>> quartile_names([3, 3, 5, 8, 9])
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


def _count_cases(
    tokens: Sequence[Sequence[str]], gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]
) -> list[Counter[tuple[tuple[str, ...], int]]]:
    """Count spans in gold, predicted and right, by all that their slices depend on: words, length of the sentence.

    Plain tags give a span a token, and most words come often: what a word is in is asked once.
    """
    counts: list[Counter[tuple[tuple[str, ...], int]]] = [Counter(), Counter(), Counter()]
    for words, *sides in zip(tokens, gold, predicted):
        keys = [Counter((span.start, span.end, span.label) for span in spans) for spans in sides]
        for found, spans in zip(counts, (*keys, keys[0] & keys[1])):
            for (start, end, _), times in spans.items():
                found[tuple(words[start:end]), len(words)] += times
    return counts


def _fixed_names(surfaces: bool, vocabulary: bool, is_plain: bool) -> Iterator[tuple[str, str]]:
    if is_plain:
        if vocabulary:
            yield from ((_WORD, "known"), (_WORD, "unknown"))
        if surfaces:
            yield from ((_TAGS, "one"), (_TAGS, "several"))
        return
    if surfaces:
        yield from ((_SURFACE, "seen"), (_SURFACE, "unseen"), (_LABELS, "one"), (_LABELS, "several"))
    if vocabulary:
        yield from ((_WORDS, "all known"), (_WORDS, "some unknown"))
    yield from ((_SPAN_TOKENS, _length_name(length)) for length in range(1, _LONG + 1))


def _entity_names(
    words: tuple[str, ...], surfaces: Surfaces | None, vocabulary: Container[str] | None
) -> Iterator[tuple[str, str]]:
    """Name the slices that a span belongs to by itself, whatever its sentence."""
    if surfaces is not None:
        num_labels = surfaces.num_labels(join_surface(words))
        yield _SURFACE, "seen" if num_labels else "unseen"
        if num_labels:
            yield _LABELS, "one" if num_labels == 1 else "several"
    if vocabulary is not None:
        yield _WORDS, "all known" if all(word in vocabulary for word in words) else "some unknown"
    yield _SPAN_TOKENS, _length_name(len(words))


def _plain_names(
    words: tuple[str, ...], surfaces: Surfaces | None, vocabulary: Container[str] | None
) -> Iterator[tuple[str, str]]:
    """Name the slices of a token."""
    if vocabulary is not None:
        yield _WORD, "known" if all(word in vocabulary for word in words) else "unknown"
    if surfaces is not None and (num_tags := surfaces.num_labels(join_surface(words))):
        yield _TAGS, "one" if num_tags == 1 else "several"


def _length_name(length: int) -> str:
    return str(length) if length < _LONG else f"{_LONG}+"


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
