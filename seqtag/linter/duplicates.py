"""Look for rows that a corpus has twice: in two splits, nearly equal, with other labels, or in one split.

Two rows are the same where their words are the same; white space does not count, case does. They are nearly the same
where their sets of words, case ignored, have a Jaccard index of 0.9 or more. Where tokens are single letters, such sets
say nothing, and nearly equal rows are not looked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from seqtag.linter.corpus import Corpus, Rows
from seqtag.linter.findings import Finding, Tally
from seqtag.reporting.escaping import shorten

_FEWEST = 4  # a row of so many words or more does not occur twice by accident
_HARMFUL = 0.01  # copies in train of this share of a held-out split can move a score by a point
_ALPHABET, _ROWS_PER_LETTER = 200, 10  # fewer distinct words than 200, each in ten rows or more, are single letters
_MOST_PAIRED = 64  # sets of up to so many words are compared only if they share two rare words, not one


def check_duplicates(corpus: Corpus) -> Iterator[Finding]:
    """Find rows that occur twice."""
    yield from _two_labels(corpus)
    yield from _shared(corpus)
    yield from _near(corpus)
    yield from _repeated(corpus)


def near_rows(queries: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> dict[int, int]:
    """Find for each query the first row, if there is one, that `near_pairs` pairs it with.

    >>> near_rows([np.arange(20)], [np.arange(5), np.arange(19)])
    {0: 1}
    """
    found = dict(near_pairs(queries, rows, first_only=True))
    return {query: found[query] for query in sorted(found)}


def near_pairs(
    queries: Sequence[np.ndarray], rows: Sequence[np.ndarray], *, first_only: bool = False
) -> Iterator[tuple[int, int]]:
    """Find the pairs of a query and a row whose sets of words have a Jaccard index of 0.9 or more, row by row.

    Words are numbers. The search is exact, by the prefix filter (Chaudhuri, Ganti and Kaushik 2006): two sets so alike,
    ordered from the rarest word, have common words among the first few, so only rows with these are compared.
    Sets of up to 64 words must have two such words in common, which keeps the lists of rows short in corpora of few
    words. With `first_only` each query comes with its first row alone.

    >>> list(near_pairs([np.arange(20)], [np.arange(19), np.arange(5), np.arange(20)]))
    [(0, 0), (0, 2)]
    """
    ranks = _ranks([*queries, *rows])
    query_sets, row_sets = (_WordSets.of(each, ranks) for each in (queries, rows))
    first_of: dict[bytes, int] = {}  # queries with one set are looked up together
    firsts = [first_of.setdefault(content, number) for number, content in enumerate(query_sets.contents())]
    alike: dict[int, list[int]] = {}
    for number, first in enumerate(firsts):
        alike.setdefault(first, []).append(number)
    keys, holders = query_sets.prefix_keys(stored=True)
    is_first = np.array(firsts, np.int64)[holders] == holders
    keys, holders = keys[is_first], holders[is_first]
    order = np.argsort(keys, kind="stable")
    keys, holders = keys[order], holders[order]
    # Most keys of rows are in no query, so only the others are looked at one by one.
    row_keys, row_numbers = row_sets.prefix_keys(stored=False)
    begins, ends = (np.searchsorted(keys, row_keys, side=side) for side in ("left", "right"))
    candidates: dict[int, set[int]] = {}
    hits = ends > begins
    holder_list = holders.tolist()
    for number, begin, end in zip(*(column[hits].tolist() for column in (row_numbers, begins, ends))):
        candidates.setdefault(number, set()).update(holder_list[begin:end])
    done: set[int] = set()
    for number, content in enumerate(row_sets.contents()):
        equal = first_of.get(content) if content else None
        near = set() if equal is None else {equal}
        if asked := candidates.get(number, set()) - done - near:
            words = row_sets.words_of(number)
            near |= {first for first in asked if _is_near(words, query_sets.words_of(first))}
        for first in near - done:
            yield from ((query, number) for query in alike[first])
        if first_only:
            done |= near


@dataclass(frozen=True, slots=True, eq=False)
class _WordSets:
    """The sets of words of some rows, end to end; each is sorted from the rarest word."""

    words: np.ndarray  # numbers by rank
    offsets: np.ndarray
    num_words: int

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], ranks: np.ndarray) -> "_WordSets":
        row_of_each = np.repeat(np.arange(len(rows)), list(map(len, rows)))
        codes = np.sort(row_of_each * len(ranks) + ranks[np.concatenate([np.zeros(0, np.int64), *rows])])
        codes = codes[np.diff(codes, prepend=-1) > 0]  # np.unique, which hashes, takes ten times as long on these
        numbers, words = np.divmod(codes, max(len(ranks), 1))
        return cls(words, np.searchsorted(numbers, np.arange(len(rows) + 1)), len(ranks))

    def words_of(self, row: int) -> frozenset[int]:
        return frozenset(self.words[self.offsets[row] : self.offsets[row + 1]].tolist())

    def contents(self) -> list[bytes]:
        """Give a key for each row, equal for rows with one set."""
        whole = self.words.tobytes()
        return [whole[start:end] for start, end in pairwise((self.offsets * self.words.itemsize).tolist())]

    def prefix_keys(self, *, stored: bool) -> tuple[np.ndarray, np.ndarray]:
        """Give the keys of all sets with their rows: pairs of rare words, or single rare words of large sets.

        A stored set gets both kinds of keys if sets of either kind may be compared with it.
        """
        keys, holders = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        sizes = np.diff(self.offsets)
        for size in np.unique(sizes[sizes > 0]).tolist():
            rows = np.flatnonzero(sizes == size)
            needed = -(-9 * size // 10)  # the fewest shared words
            rarest = self.words[self.offsets[rows] + np.arange(min(size, size - needed + 2))[:, None]]
            if size <= _MOST_PAIRED or (stored and 9 * size <= 10 * _MOST_PAIRED):
                keys += [left * (self.num_words + 1) + right for left, right in combinations(rarest, 2)]
            if size > _MOST_PAIRED or (stored and 10 * size > 9 * _MOST_PAIRED):
                keys += [word * (self.num_words + 1) + self.num_words for word in rarest[: size - needed + 1]]
            holders += [rows] * (len(keys) - len(holders))
        return np.concatenate(keys), np.concatenate(holders)


def _ranks(sets: Sequence[np.ndarray]) -> np.ndarray:
    """Give words new numbers by how often they occur; the rarest gets 0."""
    counts = np.bincount(np.concatenate(sets)) if sets else np.zeros(0, np.int64)
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    return ranks


def _is_near(left: frozenset[int], right: frozenset[int]) -> bool:
    shared = len(left & right)
    return 10 * shared >= 9 * (len(left) + len(right) - shared)


def _groups(rows: Rows) -> dict[bytes, int]:
    """Give the first row with each content; blank rows are left out."""
    first: dict[bytes, int] = {}
    for row, key in enumerate(rows.keys):
        if key:
            first.setdefault(key, row)
    return first


def _two_labels(corpus: Corpus) -> Iterator[Finding]:
    first: dict[bytes, tuple[Rows, int]] = {}
    reported: set[bytes] = set()
    tally = Tally("two_labels")
    for name, rows in corpus.splits.items():
        for row, key in enumerate(rows.keys):
            if not key:
                continue
            if key not in first:
                first[key] = (rows, row)
                continue
            other, other_row = first[key]
            if key in reported or _same_labels(corpus, rows.labels_of(row), other.labels_of(other_row)):
                continue
            reported.add(key)
            tally.add(name, 1, [(rows.place_of_row(row), _difference(corpus, (rows, row), (other, other_row)))])
    what = "sentences occur a second time with other tags" if corpus.task == "tag" else "texts occur with two labels"
    yield from tally.finding(f"{what}; a model can't learn both, so choose one, unless the words do have two readings")


def _same_labels(corpus: Corpus, left: np.ndarray, right: np.ndarray) -> bool:
    if corpus.task == "classify":  # the order of several labels means nothing
        left, right = np.sort(left), np.sort(right)
    return np.array_equal(left, right)


def _difference(corpus: Corpus, this: tuple[Rows, int], that: tuple[Rows, int]) -> str:
    (rows, row), (other, other_row) = this, that
    left, right = rows.labels_of(row), other.labels_of(other_row)
    if corpus.task == "tag":
        position = int(np.argmax(left != right))
        word = corpus.words[int(rows.words[rows.offsets[row] + position])]
        names = [_name(corpus, labels[position]) for labels in (left, right)]
        return f"{word!r} is {names[0]} here, {names[1]} at {other.place(other_row, position)}"
    names = [", ".join(_name(corpus, n) for n in labels) or "without a label" for labels in (left, right)]
    return f"{names[0]} here, {names[1]} at {other.place_of_row(other_row)}: {rows.excerpt(row)!r}"


def _name(corpus: Corpus, number: int) -> str:
    return repr(corpus.labels[number]) if number >= 0 else "nothing"


def _shared(corpus: Corpus) -> Iterator[Finding]:
    """Find rows of one split in another."""
    kinds = ("shared_with_train", "few_shared_with_train", "shared_held_out", "short_shared")
    with_train, few_with_train, held_out, short = map(Tally, kinds)
    for earlier, later in combinations(corpus.splits.values(), 2):
        first = _groups(earlier)
        found = [row for row, key in enumerate(later.keys) if key in first]
        long_ones = [row for row in found if later.lengths[row] >= _FEWEST]
        few = [row for row in found if later.lengths[row] < _FEWEST]
        pair = _pair(earlier, later)
        tally = held_out
        if earlier.name == "train":
            tally = with_train if len(long_ones) >= _HARMFUL * len(later) else few_with_train
        tally.add(pair, len(long_ones), _copies(later, long_ones, earlier, first))
        short.add(pair, len(few), _copies(later, few, earlier, first))
    yield from with_train.finding(
        f"{corpus.unit} of held-out splits stand in train too ({_shares(corpus, with_train)}): a model has seen the "
        "answers, and its score is too good; take them out of train"
    )
    yield from few_with_train.finding(
        f"{corpus.unit} of held-out splits stand in train too ({_shares(corpus, few_with_train)}), fewer than one in a "
        "hundred, so a score moves by less than a point; take them out of train all the same"
    )
    yield from held_out.finding(
        f"{corpus.unit} stand in two held-out splits ({_shares(corpus, held_out)}): what was chosen on one is "
        "measured on the other; take them out of one"
    )
    yield from short.finding(
        f"{corpus.unit} of fewer than {_FEWEST} words stand in two splits, as short ones do; look whether they matter "
        "to a score"
    )


def _pair(earlier: Rows, later: Rows) -> str:
    return f"{later.name} in {earlier.name}"


def _shares(corpus: Corpus, tally: Tally) -> str:
    """Say which share of its split the copies are, for each pair of splits."""
    listed = []
    for pair, count in tally.counts.items():
        later = corpus.splits[pair[: pair.rindex(" in ")]]
        share = 100 * count / len(later)
        listed.append(f"{share:.1f}% of {later.name}" if share >= 0.1 else f"less than 0.1% of {later.name}")
    return ", ".join(listed)


def _copy(later: Rows, row: int, earlier: Rows, other: int) -> tuple[str, str]:
    text = shorten(later.excerpt(row), 60, mark="...")
    return later.place_of_row(row), f"as {earlier.place_of_row(other)}: {text!r}"


def _copies(later: Rows, found: Sequence[int], earlier: Rows, first: dict[bytes, int]) -> Iterator[tuple[str, str]]:
    return (_copy(later, row, earlier, first[later.keys[row]]) for row in found)


def _near(corpus: Corpus) -> Iterator[Finding]:
    tally = Tally("near_copy")
    numbers: dict[str, int] = {}
    folded = np.array([numbers.setdefault(word.casefold(), len(numbers)) for word in corpus.words], np.int64)
    if len(numbers) < _ALPHABET and sum(map(len, corpus.splits.values())) > _ROWS_PER_LETTER * len(numbers):
        return
    for earlier, later in combinations(corpus.splits.values(), 2):
        first = _groups(earlier)
        asked = [row for row, key in enumerate(later.keys) if later.lengths[row] >= _FEWEST and key not in first]
        given = [row for row in first.values() if earlier.lengths[row] >= _FEWEST]
        found = near_rows(_sets(later, asked, folded), _sets(earlier, given, folded))
        copies = (_copy(later, asked[n], earlier, given[m]) for n, m in found.items())
        tally.add(_pair(earlier, later), len(found), copies)
    yield from tally.finding(
        f"{corpus.unit} have nine words in ten in common with one of another split (the Jaccard index of their words "
        "is at least 0.9): near copies also make a score too good, so look at them"
    )


def _sets(rows: Rows, chosen: Sequence[int], folded: np.ndarray) -> list[np.ndarray]:
    words = folded[rows.words]
    return [words[rows.offsets[row] : rows.offsets[row + 1]] for row in chosen]


def _repeated(corpus: Corpus) -> Iterator[Finding]:
    tally = Tally("repeated_row")
    for name, rows in corpus.splits.items():
        first = _groups(rows)
        again = [row for row, key in enumerate(rows.keys) if key and first[key] != row and rows.lengths[row] >= _FEWEST]
        tally.add(name, len(again), _copies(rows, again, rows, first))
    yield from tally.finding(
        f"{corpus.unit} are copies of an earlier one in the same split; they weigh more in training and in scores than "
        "others"
    )
