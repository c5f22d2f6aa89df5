"""Look at the labels of a corpus, tags or classes: their names, how often each occurs, and in which splits."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from seqtag.corpora.label_lists import find_joined_labels, indicator_problem
from seqtag.linter.corpus import Corpus
from seqtag.linter.findings import Finding, Tally
from seqtag.linter.tags import TagReading

_SPELLED = 5  # of two names with so many letters or more, one may be a misspelling of the other
_RARER = 20  # a misspelled name is at least so many times rarer than the other
_MISSING = ("nan", "na", "n/a", "<na>", "null", "none", "nil")  # what programs write for a missing value
_FEW = 5  # a label with fewer examples in train is hardly learned
# So many names or more that occur less often than this on average are not labels.
_MANY, _VARIED = 50, {"tag": 3, "classify": 2}
_TOP_SHARE, _RATIO = 0.8, 20  # of the largest class, and of the largest to the smallest
_SEPARATORS = re.compile("[-_ ]")
_NUMBER = re.compile(r"[-+]?[\d.]+")


@dataclass(frozen=True, slots=True)
class LabelUse:
    """How often each label occurs in a split, and where first."""

    counts: Mapping[str, int]  # labels that occur, the most frequent first
    places: Mapping[str, str]


def tag_uses(reading: TagReading) -> dict[str, LabelUse]:
    """Count the labels of each split, by entity, or by token where tags are plain."""
    uses = {}
    for name, rows in reading.corpus.splits.items():
        spans = reading.spans(rows)
        uses[name] = _use(spans.labels_K, spans.labels, spans.starts_K, rows.place_of)
    return uses


def class_uses(corpus: Corpus) -> dict[str, LabelUse]:
    """Count the labels of each split, by text."""
    uses = {}
    for name, rows in corpus.splits.items():
        known = np.flatnonzero(rows.labels >= 0)
        row_of_each = np.searchsorted(rows.label_offsets, known, side="right") - 1
        uses[name] = _use(rows.labels[known], corpus.labels, row_of_each, rows.place_of_row)
    return uses


def check_label_strings(corpus: Corpus) -> Iterator[Finding]:
    """Find labels of texts that look like none or like several in one string, and lists of labels that are 0 and 1."""
    missing = [number for number, name in enumerate(corpus.labels) if name.lower() in _MISSING]
    tally = corpus.tally(
        "missing_word",
        lambda rows: np.flatnonzero(np.isin(rows.labels, missing)).tolist(),
        lambda rows, at: (rows.place_of_row(int(np.searchsorted(rows.label_offsets, at, "right")) - 1), "as a label"),
    )
    shown = ", ".join(corpus.labels[number] for number in missing)
    yield from tally.finding(
        f"labels are what programs write for a missing value ({shown}), and count as classes; if they are missing, "
        "leave their texts out"
    )
    if not any(rows.has_lists for rows in corpus.splits.values()):
        if found := find_joined_labels(corpus.labels):
            wanted = [corpus.labels.index(name) for name in found.names]
            tally = corpus.tally(
                "joined_labels",
                lambda rows: np.flatnonzero(np.isin(rows.labels, wanted)).tolist(),
                lambda rows, row: (rows.place_of_row(row), repr(corpus.labels[rows.labels[row]])),
            )
            yield from tally.finding(
                f"labels look like several in one string; {found.advice} (FILE:text=...,label=...,label_separator=...)"
            )
        return
    widths = {int(width) for rows in corpus.splits.values() for width in np.unique(np.diff(rows.label_offsets))}
    if problem := indicator_problem(corpus.labels, widths):
        tally = Tally("indicator_labels")
        tally.add("", 1)
        yield from tally.finding(problem)


def check_labels(uses: Mapping[str, LabelUse], task: str) -> Iterator[Finding]:
    """Find pairs of labels that look like one label, labels that splits do not share, rare labels, and imbalance."""
    if task == "classify":
        yield from _foreign(uses)
    if wrong := list(_wrong_column(uses, task)):
        yield from wrong  # and all else that could be said of such labels is noise
        return
    yield from _similar(uses)
    yield from _not_shared(uses)
    if train := uses.get("train"):
        few = [label for label, count in train.counts.items() if count < _FEW]
        tally = Tally("rare_label")
        tally.add("", len(few), ((train.places[label], f"{label!r}: {train.counts[label]}") for label in few))
        yield from tally.finding(
            f"labels have fewer than {_FEW} examples in train: they will hardly be learned; add some, join them with "
            "another label, or leave them out"
        )
        if task == "classify" and len(train.counts) > 1:
            yield from _imbalance(train)


def similar(label: str, other: str, count: int, other_count: int) -> str | None:
    """Say how two names may mean one label: 'case or separators' or 'spelling'; None if they look like two labels.

    A name of five letters or more counts as misspelled where it is one letter away from a name that is twenty times as
    frequent.

    >>> similar("Per", "PER", 10, 10), similar("locaton", "location", 2, 90), similar("NNP", "NNPS", 2, 90)
    ('case or separators', 'spelling', None)
    """
    plain, other_plain = (_SEPARATORS.sub("", name).casefold() for name in (label, other))
    if _NUMBER.fullmatch(label) and _NUMBER.fullmatch(other):
        return None  # 1 and -1
    if plain and plain == other_plain:
        return "case or separators"
    long_enough = min(len(plain), len(other_plain)) >= _SPELLED
    far_apart = max(count, other_count) >= _RARER * min(count, other_count)
    same_figures = re.findall(r"\d", plain) == re.findall(r"\d", other_plain)  # level1 and level2 are two
    if long_enough and far_apart and same_figures and _is_one_letter_off(plain, other_plain):
        return "spelling"
    return None


def _is_one_letter_off(left: str, right: str) -> bool:
    """Say whether a letter was left out, added, changed, or swapped with its neighbour."""
    if abs(len(left) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
    left, right = left[start:], right[start:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped


def _total(uses: Mapping[str, LabelUse]) -> Counter[str]:
    total: Counter[str] = Counter()
    for use in uses.values():
        total.update(use.counts)
    return total


def _wrong_column(uses: Mapping[str, LabelUse], task: str) -> Iterator[Finding]:
    total = _total(uses)
    if len(total) < _MANY or _VARIED[task] * len(total) <= total.total():
        return
    tally = Tally("wrong_column")
    first = next(iter(uses))
    shown = ((uses[first].places[label], repr(label)) for label in uses[first].counts)
    tally.add("", len(total), shown)
    key, unit = ("tag", "tokens or entities") if task == "tag" else ("label", "texts")
    yield from tally.finding(
        f"labels for {total.total():,} {unit}, hardly two of which have the same: this is no column of labels. Name "
        f"the right one, such as FILE:{key}=1; vectors and plain text are no labelled corpus"
    )


def _similar(uses: Mapping[str, LabelUse]) -> Iterator[Finding]:
    total = _total(uses)
    places: dict[str, str] = {}
    for use in uses.values():
        places = {**use.places, **places}
    tally = Tally("similar_labels")
    for left, right in _candidates(sorted(total, key=total.__getitem__)):
        if how := similar(left, right, total[left], total[right]):
            text = f"{left!r} ({total[left]:,}) and {right!r} ({total[right]:,}) differ in {how}"
            tally.add("", 1, [(places[left], text)])
    yield from tally.finding("pairs of labels look like one label in two spellings; choose one of each")


def _candidates(labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the pairs that may look like one label, in order, without comparing the millions of pairs that cannot.

    Taking a letter out of either or both of two names that are one letter apart can leave the same letters.
    """
    near: dict[str, list[int]] = {}
    for number, label in enumerate(labels):
        plain = _SEPARATORS.sub("", label).casefold()
        for key in {plain, *(plain[:i] + plain[i + 1 :] for i in range(len(plain)))}:
            near.setdefault(key, []).append(number)
    pairs = {pair for numbers in near.values() for pair in combinations(numbers, 2)}
    yield from ((labels[left], labels[right]) for left, right in sorted(pairs))


def _foreign(uses: Mapping[str, LabelUse]) -> Iterator[Finding]:
    """Find splits on which a classifier can't be measured, because it knows none of their labels."""
    tally = Tally("foreign_labels")
    for name in ("dev", "test"):
        use, train = uses.get(name), uses.get("train")
        if use and train and use.counts and not set(use.counts) & set(train.counts):
            tally.add(name, len(use.counts), ((use.places[label], repr(label)) for label in use.counts))
    yield from tally.finding("labels of a split of which train has none; is the column of labels the right one?")


def _not_shared(uses: Mapping[str, LabelUse]) -> Iterator[Finding]:
    train = uses.get("train")
    if train is None:
        return
    new, unused = Tally("label_not_in_train"), Tally("unused_label")
    for name, use in uses.items():
        for label in [label for label in use.counts if label not in train.counts]:
            new.add(name, 1, [(use.places[label], f"{label!r}: {use.counts[label]:,} in {name}, 0 in train")])
        # other splits may be a part of the data on purpose
        for label in [label for label in train.counts if label not in use.counts] if name in ("dev", "test") else ():
            unused.add(name, 1, [(name, f"{label!r}: {train.counts[label]:,} in train, 0 in {name}")])
    yield from new.finding(
        "labels never occur in train, so a model can't give them and its score has a ceiling; add examples, or leave "
        "them out"
    )
    yield from unused.finding(
        "labels of train do not occur in a held-out split, so its score does not say how well they are found"
    )


def _imbalance(train: LabelUse) -> Iterator[Finding]:
    *_, (last, least) = train.counts.items()
    top, most = next(iter(train.counts.items()))
    share = most / sum(train.counts.values())
    if share >= _TOP_SHARE or most >= _RATIO * least:
        yield Finding(
            "imbalance",
            1,
            f"{top!r} has {most:,} of the texts of train ({share:.0%}), {last!r} {least:,}: read macro F1 and the "
            "scores of each class rather than accuracy, and give the rare ones weight or more examples",
            {},
            (),
        )


def _use(numbers: np.ndarray, names: Sequence[str], starts: np.ndarray, place_of: Callable[[int], str]) -> LabelUse:
    """Count numbers of labels; `starts` holds the token or the row of each, and `place_of` says where that is."""
    found, firsts, counts = np.unique(numbers, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable").tolist()
    labels = {names[int(found[n])]: n for n in order}
    return LabelUse(
        {label: int(counts[n]) for label, n in labels.items()},
        {label: place_of(int(starts[firsts[n]])) for label, n in labels.items()},
    )
