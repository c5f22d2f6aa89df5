"""Score spans apart: those that training knew and those it did not, by length, and with unknown words.

This module knows tokens, spans and what training held. It leaves out kinds of error and how sure the figures are.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.errors import DataError
from seqtag.evaluation.slices import Cut, Slice, count_slices, quartile_names
from seqtag.text.tag_tables import SpanTable, TagTable
from seqtag.text.training_surfaces import Surfaces, join_surface

_WORDS = ("words of the span", ("all known", "some unknown"))
_WORD = ("word in training", ("known", "unknown"))  # of plain tags
_LONG = 4  # tokens from which on spans share a slice
_Case = tuple[tuple[str, ...], int]  # the words of a span, and the number of tokens of its sentence


@dataclass(frozen=True, slots=True)
class TrainingKnowledge:
    """What is known of the training of a system; what is not known is None."""

    surfaces: Surfaces | None = None  # of spans; under plain tags of words
    words: Container[str] | None = None  # decides about case by itself


def score_slices(
    tokens: Sequence[Sequence[str]],
    gold: SpanTable,
    predicted: SpanTable,
    *,
    training: TrainingKnowledge | None = None,
    is_plain: bool = False,
) -> tuple[Slice, ...]:
    """Score the spans of each slice; a right span is the same on both sides, so it is in the same slices.

    Spans are cut by their surface in training, seen or unseen with any label (Augenstein et al. 2017, Generalisation in
    Named Entity Recognition, https://arxiv.org/abs/1701.02877), case kept; seen ones by whether training gave them one
    label or several; by whether training had all their words; by the length of the span; and by the length of the
    sentence, in quartiles of the sentences that have tokens (equal lengths stay together, so there may be fewer). Plain
    tags (`is_plain`, one span per token) are cut by word, which training had or not, with one tag or several; and by
    the length of the sentence. Cuts that need unknown parts of `training` are left out. The slices of a group share no
    span, and together they hold all spans, but for the groups of labels and tags in training, which hold the seen ones.
    Raises DataError where the spans are of other sentences than the tokens.

    >>> gold, predicted = (TagTable.of([tags]).spans("IO") for tags in (["I-PER", "O", "I-PER"], ["I-PER", "O", "O"]))
    >>> known = TrainingKnowledge(Surfaces.of([("Ada", "PER")]))
    >>> slices = score_slices([["Ada", "met", "Bo"]], gold, predicted, training=known)
    >>> [(slice.name, slice.recall) for slice in slices if slice.group == "surface in training"]
    [('seen', 1.0), ('unseen', 0.0)]
    """
    words = TagTable.of(tokens)
    for side, table in (("gold", gold), ("predicted", predicted)):
        if not np.array_equal(table.offsets, words.offsets):
            raise DataError(
                f"the {side} spans are of other sentences than the {len(tokens)} with tokens; pair them one to one"
            )
    quartiles = quartile_names([len(words) for words in tokens if words])
    cuts = _cuts(training or TrainingKnowledge(), quartiles, is_plain=is_plain)
    sides = (gold, predicted, predicted.chosen(predicted.are_in(gold)))
    return count_slices(cuts, *(_count_cases(words, spans) for spans in sides))


def _cuts(training: TrainingKnowledge, quartiles: Mapping[int, str], *, is_plain: bool) -> Iterator[Cut[_Case]]:
    """Give the ways to cut a corpus that the knowledge of training allows."""
    if (surfaces := training.surfaces) is not None:

        def num_labels(case: _Case) -> int:
            return surfaces.num_labels(join_surface(case[0]))

        if not is_plain:
            yield Cut("surface in training", ("seen", "unseen"), lambda case: "seen" if num_labels(case) else "unseen")
        group = "tags in training" if is_plain else "labels in training"
        yield Cut(group, ("one", "several"), lambda case: (None, "one", "several")[min(num_labels(case), 2)])
    if (words := training.words) is not None:
        group, names = _WORD if is_plain else _WORDS
        yield Cut(group, names, lambda case: names[not all(word in words for word in case[0])])
    if not is_plain:
        lengths = [str(length) for length in range(1, _LONG)] + [f"{_LONG}+"]
        yield Cut("tokens of the span", lengths, lambda case: lengths[min(len(case[0]), _LONG) - 1])
    yield Cut("tokens of the sentence", [*dict.fromkeys(quartiles.values())], lambda case: quartiles[case[1]])


def _count_cases(words: TagTable, spans: SpanTable) -> Counter[_Case]:
    """Count spans by all that their slices depend on; the words are numbered as tags are."""
    cases: Counter[_Case] = Counter()
    lengths_K = spans.ends_K - spans.starts_K
    sizes_K = np.diff(words.offsets)[spans.sentences]
    for length in np.unique(lengths_K).tolist():
        rows = np.flatnonzero(lengths_K == length)
        columns = [words.tags_N[spans.starts_K[rows] + place].tolist() for place in range(length)]
        for (*numbers, size), times in Counter(zip(*columns, sizes_K[rows].tolist())).items():
            cases[tuple(words.names[number] for number in numbers), size] += times
    return cases
