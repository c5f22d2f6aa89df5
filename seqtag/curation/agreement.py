"""Measure how far annotators of the same texts agree: F1 of pairs, kappas and alphas with intervals, by label.

annotations.py sets their labels side by side, disagreements.py finds where they differ, voting.py merges them. The
coefficients are in evaluation/statistics/agreement.py; agreement_page.py says what is shown of them.
"""

# A annotators, N items (tokens or texts), S rows (sentences or texts)

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from datasets import Dataset

from seqtag.curation.annotations import Annotations, side_by_side
from seqtag.curation.disagreements import Disagreements, find_disagreements
from seqtag.evaluation.statistics.agreement import (
    Coefficient,
    Unitised,
    cohen_kappa,
    draw,
    f1_of_two,
    fleiss_kappa,
    krippendorff_alpha,
    mean_of,
    unitised_alpha,
)
from seqtag.evaluation.statistics.resampling import Interval, tails

TOKENS, MARKED, LABELS, TEXTS = "tokens", "marked tokens", "labels of spans", "texts"  # what is compared


@dataclass(frozen=True, slots=True)
class Level:
    """Coefficients over items of one kind; None for one without ground, as where everything has one category."""

    name: str  # tokens; marked tokens, which somebody marked; labels of spans with the same borders; or texts
    num_items: int  # that two annotators or more know
    observed: Interval | None  # the share of equal answers, mean of all pairs
    cohen: Interval | None  # mean of all pairs
    fleiss: Interval | None  # over the items that all annotators know
    alpha: Interval | None  # Krippendorff's, nominal; items that some annotators don't know count too


@dataclass(frozen=True, slots=True)
class Pair:
    """How far two annotators agree."""

    first: str
    second: str
    f1: Interval | None  # of spans; of plain tags and labels of texts the share of equal ones
    kappa: Interval | None  # Cohen's, over tokens or texts
    num_first: int  # spans, tags or labels of the first where both know them
    num_second: int
    num_equal: int


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How far annotators agree on one label, against all others and none."""

    label: str
    counts: tuple[int, ...]  # how many spans, tags or texts each annotator has
    f1: Interval | None  # mean of all pairs
    alpha: Interval | None  # Krippendorff's, over tokens or texts: of this label or not
    alpha_units: Interval | None  # Krippendorff's of unitising; None but for spans


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of the agreement of annotators."""

    task: str  # spans; tags, of which each token has one; or labels, of texts
    annotators: tuple[str, ...]
    num_rows: int  # sentences or texts
    num_items: int  # tokens or texts
    num_unknown: tuple[int, ...]  # items that each annotator does not know
    f1: Interval | None  # mean of all pairs
    levels: tuple[Level, ...]
    alpha_units: Interval | None  # Krippendorff's of unitising over all labels; None but for spans
    pairs: tuple[Pair, ...]
    labels: tuple[LabelAgreement, ...]
    disagreements: Disagreements
    unit: str  # what was resampled
    num_units: int
    resamples: int
    seed: int


def measure_agreement(
    annotators: Mapping[str, Dataset], *, by_text: bool = False, resamples: int = 2_000, seed: int = 0
) -> Measured:
    """Measure the agreement of annotators: a name and a split of a corpus, as `load_corpus` gives it, for each.

    All have the same texts in one order; with `by_text` some annotators may lack some texts, as in an export of a tool.
    Unknown tags, `?`, and what lies outside of the `labels` that a row was annotated for are missing, not outside of
    spans. Tokens count by their label, whatever the letter of their tag, so that the scheme does not matter; spans
    count as equal where borders and label are. Intervals are drawn over documents where the data have them, else over
    sentences or texts. Raises DataError, which shows both versions, for the first text that differs.

    >>> tokens = [["Ada", "met", "Bo"], ["It", "rained"]]
    >>> ada = Dataset.from_dict({"tokens": tokens, "tags": [["B-PER", "O", "B-PER"], ["O", "O"]]})
    >>> bo = Dataset.from_dict({"tokens": tokens, "tags": [["B-PER", "O", "B-LOC"], ["O", "O"]]})
    >>> found = measure_agreement({"ada": ada, "bo": bo})
    >>> found.f1.value, round(found.levels[0].cohen.value, 3), found.disagreements.counts
    (0.5, 0.643, {'other label': 1, 'other borders': 0, 'other label and borders': 0, 'marked by some': 0})
    """
    return measure(side_by_side(annotators, by_text=by_text), resamples=resamples, seed=seed)


def measure(annotations: Annotations, *, resamples: int = 2_000, seed: int = 0) -> Measured:
    """Measure the agreement of annotators whose labels stand side by side."""
    tails(0.95, resamples)  # refuses what is no number of resamples
    pairs = list(combinations(range(len(annotations.names)), 2))
    counts = [annotations.counts(*pair) for pair in pairs]
    wanted: dict[object, Coefficient] = {}
    for pair, arrays in zip(pairs, counts):
        wanted["f1", pair] = f1_of_two(*arrays)
        for number in range(len(annotations.labels)):
            column = slice(number, number + 1)
            wanted["f1", number, pair] = f1_of_two(*(array_SL[:, column] for array_SL in arrays))
    items = _items(annotations)
    for name, (codes_AN, unit_N) in items.items():
        about = unit_N, annotations.num_units
        for first, second in pairs:
            chosen = _of_pair(name, codes_AN[first], codes_AN[second])
            two = codes_AN[first][chosen], codes_AN[second][chosen]
            wanted["kappa", name, (first, second)] = cohen_kappa(*two, unit_N[chosen], annotations.num_units)
            wanted["equal", name, (first, second)] = _share_of_equal(*two, unit_N[chosen], annotations.num_units)
        wanted["fleiss", name] = fleiss_kappa(codes_AN, *about)
        wanted["alpha", name] = krippendorff_alpha(codes_AN, *about)
    for number in range(len(annotations.labels)):
        codes_AN = annotations.by_label(number)
        wanted["alpha", number] = krippendorff_alpha(codes_AN, annotations.unit_of_item, annotations.num_units)
    drawn = dict(zip(wanted, draw(list(wanted.values()), resamples=resamples, seed=seed)))

    def mean(*key: object) -> Interval | None:
        keys = [(*key, pair) for pair in pairs]
        return mean_of([drawn[each] for each in keys]).interval()

    whole, by_label = _units(annotations, resamples=resamples, seed=seed)
    first_level = next(iter(items))
    return Measured(
        task=annotations.task,
        annotators=annotations.names,
        num_rows=len(annotations.texts),
        num_items=len(annotations.row_N),
        num_unknown=tuple((annotations.codes_AN < 0).sum(1).tolist()),
        f1=mean("f1"),
        levels=tuple(
            Level(
                name,
                int(((codes_AN >= 0).sum(0) >= 2).sum()),
                mean("equal", name),
                mean("kappa", name),
                drawn["fleiss", name].interval(),
                drawn["alpha", name].interval(),
            )
            for name, (codes_AN, _) in items.items()
        ),
        alpha_units=whole,
        pairs=tuple(
            Pair(
                annotations.names[pair[0]],
                annotations.names[pair[1]],
                drawn["f1", pair].interval(),
                drawn["kappa", first_level, pair].interval(),
                int(arrays[1].sum()),
                int(arrays[2].sum()),
                int(arrays[0].sum()),
            )
            for pair, arrays in zip(pairs, counts)
        ),
        labels=tuple(
            LabelAgreement(
                label,
                _counts_of(annotations, number),
                mean("f1", number),
                drawn["alpha", number].interval(),
                by_label[number],
            )
            for number, label in enumerate(annotations.labels)
        ),
        disagreements=find_disagreements(annotations),
        unit=annotations.unit,
        num_units=annotations.num_units,
        resamples=resamples,
        seed=seed,
    )


def _items(annotations: Annotations) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give the codes and units of what is compared, at each level."""
    codes_AN, unit_N = annotations.codes_AN, annotations.unit_of_item
    if annotations.task != "spans":
        return {TEXTS if annotations.task == "labels" else TOKENS: (codes_AN, unit_N)}
    marked_N = (codes_AN > 0).any(0)
    return {
        TOKENS: (codes_AN, unit_N),
        MARKED: (codes_AN[:, marked_N], unit_N[marked_N]),
        LABELS: _labels_of_spans(annotations),
    }


def _of_pair(name: str, first_N: np.ndarray, second_N: np.ndarray) -> np.ndarray:
    """Choose the items of a pair: of marked tokens, those that one of the two has marked."""
    return (first_N > 0) | (second_N > 0) if name == MARKED else np.ones(len(first_N), bool)


def _labels_of_spans(annotations: Annotations) -> tuple[np.ndarray, np.ndarray]:
    """Give the labels of spans that two annotators or more marked with the same borders; others' are missing."""
    numbers: dict[tuple[int, int], int] = {}
    rows = []
    for annotator, table in enumerate(annotations.spans):
        label_K = table.renumbered({label: number for number, label in enumerate(annotations.labels)})
        borders = zip(table.starts_K.tolist(), table.ends_K.tolist())
        rows += [
            (annotator, numbers.setdefault(each, len(numbers)), label) for each, label in zip(borders, label_K.tolist())
        ]
    codes = np.full((len(annotations.names), len(numbers)), -1)
    for annotator, place, label in rows:
        codes[annotator, place] = label
    unit = annotations.unit_of_item[[start for start, _ in numbers]] if numbers else np.zeros(0, np.int64)
    shared = (codes >= 0).sum(0) >= 2
    return codes[:, shared], unit[shared]


def _share_of_equal(first_N: np.ndarray, second_N: np.ndarray, unit_N: np.ndarray, num_units: int) -> Coefficient:
    known_N = (first_N >= 0) & (second_N >= 0)
    equal_S = np.bincount(unit_N[known_N & (first_N == second_N)], minlength=num_units)
    all_S = np.bincount(unit_N[known_N], minlength=num_units)
    return Coefficient(np.stack([equal_S, all_S], 1), lambda sums: sums[..., 0] / sums[..., 1])


def _units(annotations: Annotations, *, resamples: int, seed: int) -> tuple[Interval | None, list[Interval | None]]:
    """Measure whether the same stretches are marked, in the texts of which all annotators know every token."""
    nothing: list[Interval | None] = [None] * len(annotations.labels)
    if annotations.task != "spans" or not annotations.labels:
        return None, nothing
    known_S = np.ones(len(annotations.texts), bool)
    known_S[annotations.row_N[(annotations.codes_AN < 0).any(0)]] = False
    rows = np.flatnonzero(known_S)
    if not len(rows):
        return None, nothing
    length_S = np.diff(annotations.offsets)
    # Texts of a unit, such as the sentences of a document, follow each other on its line.
    unit_S = annotations.unit_of_row
    order = rows[np.argsort(unit_S[rows], kind="stable")]
    _, number_S = np.unique(unit_S[order], return_inverse=True)
    length_U = np.bincount(number_S, length_S[order]).astype(np.int64)
    begin = np.cumsum(length_S[order]) - length_S[order] - (np.cumsum(length_U) - length_U)[number_S]
    place = {row: (int(unit), int(start)) for row, unit, start in zip(order.tolist(), number_S, begin)}
    labels = []
    lists = [table.lists() for table in annotations.spans]
    for label in annotations.labels:
        found = [
            [
                (place[row][0], place[row][1] + span.start, place[row][1] + span.end)
                for row in order.tolist()
                for span in spans[row]
                if span.label == label
            ]
            for spans in lists
        ]
        labels.append(Unitised.of(length_U, found))
    whole, by_label = unitised_alpha(labels, resamples=resamples, seed=seed)
    return whole.interval(), [each.interval() for each in by_label]


def _counts_of(annotations: Annotations, number: int) -> tuple[int, ...]:
    if annotations.task != "spans":
        return tuple((annotations.by_label(number) == 1).sum(1).tolist())
    label = annotations.labels[number]
    return tuple(int((table.renumbered({label: 0}) == 0).sum()) for table in annotations.spans)


def mean_with_others(measured: Measured) -> dict[str, float]:
    """Give the mean F1 of each annotator with the others, the lowest first; nobody's where there is none.

    Two annotators have the same mean, so nobody is named for them.
    """
    if len(measured.annotators) < 3:
        return {}
    means = {}
    for name in measured.annotators:
        found = [pair.f1.value for pair in measured.pairs if pair.f1 and name in (pair.first, pair.second)]
        if found:
            means[name] = sum(found) / len(found)
    return dict(sorted(means.items(), key=lambda item: item[1]))
