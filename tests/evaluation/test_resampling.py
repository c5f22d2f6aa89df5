"""Resampling against enumeration (all resamples of a few sentences, all exchanges of two systems) and the truth."""

import tracemalloc
from collections import Counter
from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from seqtag.errors import DataError, UsageError
from seqtag.evaluation import resampling
from seqtag.evaluation.counts import Counts
from seqtag.evaluation.resampling import bootstrap, compare, resample

FIGURES = ("precision", "recall", "f1")
_CHANCE = 1e-9  # of a false alarm, in one of the thousand comparisons that a run makes


def ratio(part, whole):
    return part / whole if whole else 0.0


def slow_figures(rows):
    """Micro, macro and each label of rows [(right, gold, predicted) for each label], in plain Python."""
    totals = [[sum(row[label][kind] for row in rows) for kind in range(3)] for label in range(len(rows[0]))]

    def figures(right, gold, predicted):
        return ratio(right, predicted), ratio(right, gold), ratio(2 * right, gold + predicted)

    by_label = [figures(*total) for total in totals]
    occurring = [row for row, (_, gold, predicted) in zip(by_label, totals) if gold + predicted]
    macro = tuple(ratio(sum(row[kind] for row in occurring), len(occurring)) for kind in range(3))
    return [figures(*map(sum, zip(*totals))), macro, *by_label]


def counts_of(rows):
    array = np.array(rows)
    return Counts(tuple("ABCDEFGH"[: array.shape[1]]), array[..., 0], array[..., 1], array[..., 2])


ROWS = [[(1, 2, 1), (0, 1, 0)], [(0, 1, 2), (0, 0, 0)], [(3, 3, 4), (1, 1, 2)]]
LABEL_COUNTS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)).map(
    lambda t: (t[0], t[0] + t[1], t[0] + t[2])
)


@pytest.fixture(params=[(1, 200_000), (10**9, 200_000), (2, 1000)], ids=["together", "one by one", "in small pieces"])
def drawing(request, monkeypatch):
    """Every way of drawing must keep the promises; the last one mixes the other two."""
    monkeypatch.setattr(resampling, "_MANY", request.param[0])
    monkeypatch.setattr(resampling, "_MOST_CELLS", request.param[1])


def test_intervals_of_three_sentences_equal_enumeration_of_all_resamples(drawing):
    every = np.array([slow_figures(resample) for resample in product(ROWS, repeat=3)])  # 27, all alike in probability
    found = bootstrap(counts_of(ROWS), confidence=0.6, resamples=100_000)
    values = slow_figures(ROWS)
    assert list(found.labels) == ["A", "B"]
    for number, intervals in enumerate([found.micro, found.macro, *found.labels.values()]):
        for column, name in enumerate(FIGURES):
            interval = getattr(intervals, name)
            assert interval.value == pytest.approx(values[number][column])
            # The distribution is discrete here, so its quantiles are met exactly by enough resamples.
            bounds = np.quantile(every[:, number, column], [0.2, 0.8], method="inverted_cdf")
            assert (interval.low, interval.high) == pytest.approx(tuple(bounds))


@pytest.mark.usefixtures("drawing")
@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 100))
@settings(max_examples=15)
def test_each_resample_is_as_likely_as_enumeration_says(kinds, seed):
    resamples = 4000
    units = Counter(kinds)
    columns = np.array([[float(kind == other) for other in sorted(units)] for kind in kinds])
    drawn = Counter(map(tuple, resample(columns, resamples=resamples, seed=seed).astype(int).tolist()))
    for weights in product(range(len(kinds) + 1), repeat=len(units)):
        if sum(weights) == len(kinds):
            ways = factorial(len(kinds)) / prod(map(factorial, weights))
            share = ways * prod((units[kind] / len(kinds)) ** weight for kind, weight in zip(sorted(units), weights))
            assert binomtest(drawn.pop(weights, 0), resamples, min(share, 1)).pvalue > _CHANCE
    assert drawn == {}  # each resample has as many units as there are


@given(st.lists(st.lists(LABEL_COUNTS, min_size=3, max_size=3), min_size=1, max_size=6))
def test_values_equal_slow_code(rows):
    found = bootstrap(counts_of(rows), resamples=3)
    for intervals, expected in zip([found.micro, found.macro, *found.labels.values()], slow_figures(rows)):
        assert [getattr(intervals, name).value for name in FIGURES] == pytest.approx(list(expected))


def exact_p_values(rows_a, rows_b):
    """The share of all exchanges that differ at least as much, for (micro, macro) x (P, R, F1)."""
    exchanges = product(*((pair, pair[::-1]) for pair in zip(rows_a, rows_b)))  # the first is what was observed
    differences = []
    for exchange in exchanges:
        a, b = (np.array(slow_figures([pair[side] for pair in exchange])[:2]) for side in (0, 1))
        differences.append(np.abs(b - a))
    return np.mean(np.array(differences) >= differences[0] - 1e-12, axis=0)


@pytest.mark.usefixtures("drawing")
@given(
    st.lists(st.tuples(*[st.tuples(LABEL_COUNTS, LABEL_COUNTS)] * 2), min_size=1, max_size=6),
    st.integers(0, 1000),
)
@settings(max_examples=25)
def test_p_values_equal_enumeration_of_all_exchanges(pairs, seed):
    # b has the gold of a and its own right and predicted ones, as far as these can be
    rows_a = [list(a) for a, _ in pairs]
    rows_b = [[(min(y[0], x[1]), x[1], y[2]) for x, y in zip(a, b)] for a, b in pairs]
    resamples = 3000
    found = compare(counts_of(rows_a), counts_of(rows_b), resamples=resamples, seed=seed)
    expected = exact_p_values(rows_a, rows_b)
    values = np.array([slow_figures(rows)[:2] for rows in (rows_a, rows_b)])
    for row, differences in enumerate((found.micro, found.macro)):
        for column, name in enumerate(FIGURES):
            figure = getattr(differences, name)
            assert (figure.a, figure.b) == pytest.approx(tuple(values[:, row, column]))
            assert figure.difference == pytest.approx(figure.b - figure.a)
            at_least = round(figure.p_value * (resamples + 1)) - 1  # Noreen's rule: what was observed is one of them
            assert binomtest(at_least, resamples, min(expected[row, column], 1)).pvalue > _CHANCE


def test_the_interval_of_a_difference_equals_enumeration_of_paired_resamples(drawing):
    rows_b = [[(2, 2, 2), (0, 1, 0)], [(1, 1, 2), (0, 0, 1)], [(2, 3, 4), (1, 1, 1)]]
    every = []
    for resample_ in product(range(3), repeat=3):
        a, b = (np.array(slow_figures([rows[unit] for unit in resample_])[:2]) for rows in (ROWS, rows_b))
        every.append(b - a)
    found = compare(counts_of(ROWS), counts_of(rows_b), confidence=0.6, resamples=100_000)
    for row, differences in enumerate((found.micro, found.macro)):
        for column, name in enumerate(FIGURES):
            bounds = np.quantile(np.array(every)[:, row, column], [0.2, 0.8], method="inverted_cdf")
            figure = getattr(differences, name)
            assert (figure.low, figure.high) == pytest.approx(tuple(bounds), abs=1e-12)


def test_a_sentence_more_than_chance_is_told_and_one_less_is_not():
    gold = np.ones((30, 1), int)
    none, some = np.zeros_like(gold), {n: (np.arange(30) < n).astype(int)[:, None] for n in (5, 6)}
    # b finds what a misses in n sentences: all exchanges that keep them on one side are as far apart, 2 of 2 ** n
    for number, verdict in ((5, "no difference shown"), (6, "b is better")):
        a, b = (Counts(("PER",), right, gold, gold) for right in (none, some[number]))
        recall = compare(a, b, resamples=100_000).micro.recall
        assert recall.p_value == pytest.approx(2 / 2**number, rel=0.05)
        assert recall.verdict == verdict
    assert compare(b, a).micro.recall.verdict == "a is better"


def test_no_p_value_is_smaller_than_the_number_of_exchanges_can_tell():
    gold = np.ones((60, 1), int)
    recall = compare(*(Counts(("PER",), right, gold, gold) for right in (0 * gold, gold)), resamples=99).micro.recall
    assert recall.p_value == 1 / 100  # 2 of 2 ** 60 exchanges differ as much, so that none of 99 does


def test_two_equal_systems_never_differ():
    counts = counts_of(ROWS)
    for differences in (compare(counts, counts).micro, compare(counts, counts).macro):
        for name in FIGURES:
            figure = getattr(differences, name)
            assert (figure.difference, figure.low, figure.high, figure.p_value) == (0, 0, 0, 1)
            assert figure.verdict == "no difference shown"


def test_p_values_of_systems_that_do_not_differ_are_below_a_level_no_more_often_than_it():
    random = np.random.default_rng(0)
    gold = np.ones((60, 1), int)
    p_values = []
    for trial in range(300):
        a, b = (Counts(("PER",), random.binomial(1, 0.7, (60, 1)), gold, gold) for _ in range(2))
        p_values.append(compare(a, b, resamples=200, seed=trial).micro.f1.p_value)
    for level in (0.05, 0.2):
        assert binomtest(int(np.sum(np.array(p_values) <= level)), 300, level, alternative="greater").pvalue > 1e-3


def test_labels_of_one_system_only_are_columns_of_zeros_in_the_other():
    gold = np.array([[1], [1], [0]])
    a = Counts(("PER",), gold, gold, gold)
    b = Counts(("LOC", "PER"), np.hstack([0 * gold, gold]), np.hstack([0 * gold, gold]), np.hstack([1 - gold, gold]))
    found = compare(a, b)
    assert (found.micro.precision.a, found.micro.precision.b) == (1.0, pytest.approx(2 / 3))
    assert (found.macro.f1.a, found.macro.f1.b) == (1.0, 0.5)  # LOC occurs in b alone


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    rows = np.random.default_rng(0).integers(0, 3, (40, 2, 1)) + np.array([0, 1, 2])
    found = [bootstrap(counts_of(rows), seed=seed, resamples=500) for seed in (3, 3, 4)]
    assert found[0] == found[1]
    assert found[0].micro.f1 != found[2].micro.f1
    again = [compare(counts_of(rows), counts_of(rows[:, :, [0, 1, 1]]), seed=3, resamples=500) for _ in range(2)]
    assert again[0] == again[1]


def test_there_are_as_many_resamples_as_asked_each_of_as_many_units_as_there_are(drawing):
    for resamples in (1, 2, 49, 50):
        sums = resample(np.array([[1, 0], [1, 1], [1, 1], [1, 5]]), resamples=resamples, seed=0)
        assert sums[:, 0].tolist() == [4.0] * resamples


def large_test_set(num_labels):
    random = np.random.default_rng(0)
    gold, other = random.poisson(1.2 / num_labels, (2, 5000, num_labels))
    right = random.binomial(gold, 0.7)
    return Counts(tuple(range(num_labels)), right, gold, right + other)


def test_ten_thousand_resamples_of_five_thousand_sentences_take_bounded_memory():
    counts = large_test_set(6)
    tracemalloc.start()
    try:
        bootstrap(counts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # a matrix of all weights would take 400 MB


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(150):
        gold = random.integers(1, 4, (150, 1))
        right = random.binomial(gold, 0.7)
        f1 = bootstrap(Counts(("PER",), right, gold, gold), resamples=300, seed=trial).micro.f1
        covered += f1.low <= 0.7 <= f1.high
    assert 0.88 <= covered / 150 <= 0.99


def test_documents_that_stand_or_fall_together_widen_the_interval():
    right = np.repeat(np.arange(20) % 2, 10)[:, None]
    counts = Counts(("PER",), right, np.ones_like(right), np.ones_like(right))
    by_sentence = bootstrap(counts).micro.f1
    by_document = bootstrap(counts.by_group(np.repeat(np.arange(20), 10).tolist())).micro.f1
    assert by_document.value == by_sentence.value == 0.5
    # ten sentences that say the same are worth one: the width grows by the root of ten
    growth = (by_document.high - by_document.low) / (by_sentence.high - by_sentence.low)
    assert growth == pytest.approx(10**0.5, rel=0.15)


def test_a_label_of_one_sentence_is_shown_as_unsure_as_it_is():
    rows = [[(1, 1, 1)], *[[(0, 0, 0)]] * 99]
    f1 = bootstrap(counts_of(rows)).labels["A"].f1
    assert (f1.value, f1.low, f1.high) == (1.0, 0.0, 1.0)  # a third of the resamples have no span of it


@pytest.mark.parametrize("rows", [np.zeros((3, 0, 3), int), np.zeros((3, 2, 3), int)])
def test_no_span_anywhere_is_zero(rows):
    found = bootstrap(counts_of(rows), resamples=10)
    assert {
        (i.value, i.low, i.high) for i in (found.micro.f1, found.macro.f1, *(x.f1 for x in found.labels.values()))
    } == {(0.0, 0.0, 0.0)}
    assert compare(counts_of(rows), counts_of(rows), resamples=10).macro.f1.p_value == 1


def test_systems_on_other_data_are_refused():
    a = counts_of(ROWS)
    with pytest.raises(DataError, match=r"a has 3 units .* and b has 2; compare systems on the same data"):
        compare(a, counts_of(ROWS[:2]))
    other = counts_of([ROWS[0], [(0, 2, 2), (0, 0, 0)], ROWS[2]])
    with pytest.raises(DataError, match=r"unit 2 .* has 1 of label 'A' in a's gold and 2 in b's"):
        compare(a, other)


@pytest.mark.parametrize("options", [{"confidence": 95}, {"confidence": 0}, {"resamples": 0}])
def test_options_that_mean_nothing_are_refused(options):
    for call in (lambda: bootstrap(counts_of(ROWS), **options), lambda: compare(*[counts_of(ROWS)] * 2, **options)):
        with pytest.raises(UsageError, match=next(iter(options))):
            call()
