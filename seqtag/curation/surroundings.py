"""What else a corpus says about suspects: the other labels that their words have, and near copies of their rows.

Near copies are rows whose sets of words, case ignored, have a Jaccard index of 0.9 or more, as for the linter.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqtag.curation.folds import Pool
from seqtag.curation.suspect_report import OUTSIDE, Copy, Surface, Suspect
from seqtag.linter.duplicates import near_pairs
from seqtag.text.schemes import Span

_FEWEST = 4  # a row of so many different words or more is no near copy of another one by accident
_MOST_COPIES = 3  # of a suspect

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentences:
    """All sentences of a corpus with what it says of them; each sequence has an item per sentence."""

    place: Callable[[int], tuple[str, int]]  # the split of a sentence, and its number there
    tokens: Sequence[Words]
    gold: Sequence[Sequence[Span]]  # spans of tokens; of plain tags each is one token
    unknown: Sequence[frozenset[int]]  # tokens whose tag is not known
    annotated: Sequence[frozenset[str] | None]  # labels that were looked for; None: all of them


# -- surfaces --------------------------------------------------------------------------------------------------------


def surfaces_of(suspects: Sequence[Suspect], sentences: Sentences, *, is_plain: bool) -> tuple[Surface, ...]:
    """Count the labels of the words that suspects are about; those with one label alone are left out.

    Where the words stand outside of spans, and their tags are known, they count as such.
    """
    about = Counter(each.tokens[slice(*_own(each))] for each in suspects)
    labels: dict[Words, Counter[str]] = {words: Counter() for words in about}
    lengths = sorted(set(map(len, labels)))
    for tokens, gold, unknown in zip(sentences.tokens, sentences.gold, sentences.unknown):
        for span in gold:
            if (words := tokens[span.start : span.end]) in labels:
                labels[words][span.label] += 1
        if not is_plain:
            taken = unknown.union(*(range(span.start, span.end) for span in gold))
            for words in _free(tokens, taken, lengths):
                if words in labels:
                    labels[words][OUTSIDE] += 1
    found = [
        Surface(" ".join(words), tuple(counts.most_common()), about[words])
        for words, counts in labels.items()
        if len(counts) > 1
    ]
    return tuple(sorted(found, key=lambda each: (-each.num_suspects, each.words)))


def _own(suspect: Suspect) -> tuple[int, int]:
    span = (*suspect.gold, *suspect.proposed)[0]
    return span.start, span.end


def _free(tokens: Words, taken: frozenset[int], lengths: Sequence[int]) -> Iterator[Words]:
    """Give the runs of tokens, of some lengths, of which none is taken."""
    room = 0  # tokens from here on that are free
    for start in range(len(tokens) - 1, -1, -1):
        room = 0 if start in taken else room + 1
        for length in lengths:
            if length > room:
                break
            yield tokens[start : start + length]


# -- near copies -----------------------------------------------------------------------------------------------------


def with_copies(suspects: Sequence[Suspect], sentences: Sentences) -> list[Suspect]:
    """Add to each suspect the near copies of its sentence in which the same words are labelled otherwise."""
    number_of = {sentences.place(row): row for row in range(len(sentences.tokens))}
    asked = [number_of[each.split, each.row] for each in suspects]
    copies = _near_copies(asked, sentences.tokens)

    def found(suspect: Suspect, row: int) -> Iterator[Copy]:
        start, end = suspect.region
        words = suspect.tokens[start:end]
        here = _labelled(sentences.gold[row], start, end)
        for other in copies.get(row, ()):
            tokens = sentences.tokens[other]
            for at in range(len(tokens) - len(words) + 1):
                there = at, at + len(words)
                if tokens[slice(*there)] != words or not sentences.unknown[other].isdisjoint(range(*there)):
                    continue
                labelled = _labelled(sentences.gold[other], *there)
                if labelled != here:
                    yield Copy(*sentences.place(other), tuple(label for *_, label in labelled))
                    break

    return [replace(each, copies=_first(found(each, row))) for each, row in zip(suspects, asked)]


def with_copies_of_texts(
    suspects: Sequence[Suspect], pool: Pool, given: Sequence[Any], labels: Sequence[Any]
) -> list[Suspect]:
    """Add to each suspect the near copies of its text that have another label."""
    words = [tuple(row.split() if isinstance(row, str) else row) for row in given]
    number_of = {pool.place(row): row for row in range(len(words))}
    asked = [number_of[each.split, each.row] for each in suspects]
    copies = _near_copies(asked, words)

    def found(row: int) -> Iterator[Copy]:
        for other in copies.get(row, ()):
            here, there = _listed(labels[row]), _listed(labels[other])
            if set(here) != set(there):
                yield Copy(*pool.place(other), there)

    return [replace(each, copies=_first(found(row))) for each, row in zip(suspects, asked)]


def _listed(labels: Any) -> tuple[str, ...]:
    return tuple(labels) if isinstance(labels, list) else (str(labels),)


def _first(copies: Iterable[Copy]) -> tuple[Copy, ...]:
    return tuple(copy for copy, _ in zip(copies, range(_MOST_COPIES)))


def _labelled(gold: Sequence[Span], start: int, end: int) -> tuple[tuple[int, int, str], ...]:
    """Say how some tokens are labelled: the spans that touch them, counted from the first of these tokens."""
    return tuple((s.start - start, s.end - start, s.label) for s in gold if s.start < end and start < s.end)


def _near_copies(asked: Sequence[int], words: Sequence[Words]) -> dict[int, list[int]]:
    """Give for each of some rows those rows that are near copies of it."""
    numbers: dict[str, int] = {}
    sets = [np.array([numbers.setdefault(w.casefold(), len(numbers)) for w in row], np.int64) for row in words]
    long = [row for row, each in enumerate(sets) if len(np.unique(each)) >= _FEWEST]
    is_long = set(long)
    queries = [row for row in dict.fromkeys(asked) if row in is_long]
    copies: dict[int, list[int]] = defaultdict(list)
    for query, row in near_pairs([sets[row] for row in queries], [sets[row] for row in long]):
        if queries[query] != long[row]:
            copies[queries[query]].append(long[row])
    return copies
