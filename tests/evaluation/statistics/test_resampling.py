"""Bootstrap intervals against enumeration of all resamples of a few sentences, the binomial distribution, the truth."""

import tracemalloc
from collections import Counter
from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from small_counts import CHANCE, FIGURES, LABEL_COUNTS, ROWS, WAYS, counts_of, draw, slow_figures

from seqtag.errors import UsageError
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.resampling import bootstrap, exchange, micro_f1_interval, ratio_interval, resample


@pytest.fixture(params=WAYS)
def drawing(request, monkeypatch):
    """Every way of drawing must keep the promises."""
    draw(request.param, monkeypatch)


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
            assert binomtest(drawn.pop(weights, 0), resamples, min(share, 1)).pvalue > CHANCE
    assert drawn == {}  # each resample has as many units as there are


@given(st.lists(st.lists(LABEL_COUNTS, min_size=3, max_size=3), min_size=1, max_size=6))
def test_values_equal_slow_code(rows):
    found = bootstrap(counts_of(rows), resamples=3)
    for intervals, expected in zip([found.micro, found.macro, *found.labels.values()], slow_figures(rows)):
        assert [getattr(intervals, name).value for name in FIGURES] == pytest.approx(list(expected))


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    rows = np.random.default_rng(0).integers(0, 3, (40, 2, 1)) + np.array([0, 1, 2])
    found = [bootstrap(counts_of(rows), seed=seed, resamples=500) for seed in (3, 3, 4)]
    assert found[0] == found[1]
    assert found[0].micro.f1 != found[2].micro.f1


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


def test_an_interval_of_a_ratio_needs_a_resample():
    with pytest.raises(UsageError, match="resamples"):
        ratio_interval(np.ones(3, int), np.ones(3, int), resamples=0)


@pytest.mark.parametrize("options", [{"confidence": 95}, {"confidence": 0}, {"resamples": 0}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        bootstrap(counts_of(ROWS), **options)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=5),
    st.booleans(),
)
@settings(max_examples=15)
def test_each_exchange_is_as_likely_as_enumeration_says(change, is_large):
    # large numbers are summed as 64-bit floats, in which they are exact too
    change = [[first * (10**9 + 1 if is_large else 1), second] for first, second in change]
    resamples = 4000
    pieces = list(exchange(np.array(change), resamples=resamples, seed=0))
    drawn = Counter(tuple(sums) for piece in pieces for sums in piece.astype(int).tolist())
    shares = Counter()
    for taken in product((0, 1), repeat=len(change)):
        sums = tuple(sum(take * row[column] for take, row in zip(taken, change)) for column in range(2))
        shares[sums] += 1 / 2 ** len(change)
    assert set(drawn) <= set(shares)
    assert drawn.total() == resamples
    for sums, share in shares.items():
        assert binomtest(drawn[sums], resamples, min(share, 1)).pvalue > CHANCE


def test_sums_that_32_bit_floats_would_round_are_exact():
    columns = np.array([[2**24 + 1, 1]] * 2 + [[2**24 + 3, 1]] * 9)
    found = {tuple(row) for row in resample(columns, resamples=200, seed=0).astype(int).tolist()}
    assert found <= {(11 * (2**24 + 3) - 2 * small, 11) for small in range(12)}
    assert len(found) > 1


def test_the_interval_of_a_ratio_is_that_of_micro_f1():
    counts = large_test_set(3)
    totals = [array.sum(1) for array in (counts.right_SL, counts.gold_SL, counts.predicted_SL)]
    alone, f1 = micro_f1_interval(*totals), bootstrap(counts).micro.f1
    assert alone == pytest.approx((f1.low, f1.high), abs=5e-4)  # other draws


@pytest.mark.parametrize("right", [0, 1, 30, 49, 50])
def test_the_interval_of_a_share_has_the_quantiles_of_the_binomial(right):
    # a resample draws each right text with the share that is right, so how many it draws is binomial
    part = np.arange(50) < right
    interval = ratio_interval(part.astype(int), np.ones(50, int), resamples=100_000)
    assert interval == pytest.approx(np.maximum(binom.ppf([0.025, 0.975], 50, right / 50), 0) / 50)


def test_no_unit_at_all_has_an_interval_of_zeros():
    assert micro_f1_interval(*np.zeros((3, 0), int)) == (0.0, 0.0)


def test_the_order_of_the_units_does_not_change_the_interval():
    counts = np.random.default_rng(0).integers(0, 3, (3, 100))
    assert micro_f1_interval(*counts) == micro_f1_interval(*counts[:, ::-1])
