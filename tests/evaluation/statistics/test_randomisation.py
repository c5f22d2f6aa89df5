"""Two systems on the same units against enumeration: of all exchanges for p, of all resamples for the intervals."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from small_counts import CHANCE, FIGURES, LABEL_COUNTS, ROWS, WAYS, counts_of, draw, slow_figures

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.randomisation import compare_counts, holm


@pytest.fixture(params=WAYS)
def drawing(request, monkeypatch):
    """Every way of drawing must keep the promises."""
    draw(request.param, monkeypatch)


def rows_of(found):
    return [found.micro, found.macro, *found.labels.values()]


def exact_p_values(rows_a, rows_b):
    """The share of all exchanges that differ at least as much, for (micro, macro, each label) x (P, R, F1)."""
    exchanges = product(*((pair, pair[::-1]) for pair in zip(rows_a, rows_b)))  # the first is what was observed
    differences = []
    for exchange in exchanges:
        a, b = (np.array(slow_figures([pair[side] for pair in exchange])) for side in (0, 1))
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
    found = compare_counts(counts_of(rows_a), counts_of(rows_b), resamples=resamples, seed=seed)
    expected = exact_p_values(rows_a, rows_b)
    values = np.array([slow_figures(rows) for rows in (rows_a, rows_b)])
    for row, differences in enumerate(rows_of(found)):
        for column, name in enumerate(FIGURES):
            figure = getattr(differences, name)
            assert (figure.a, figure.b) == pytest.approx(tuple(values[:, row, column]))
            assert figure.difference == pytest.approx(figure.b - figure.a)
            at_least = round(figure.p_value * (resamples + 1)) - 1  # Noreen's rule: what was observed is one of them
            assert binomtest(at_least, resamples, min(expected[row, column], 1)).pvalue > CHANCE


def test_the_interval_of_a_difference_equals_enumeration_of_paired_resamples(drawing):
    rows_b = [[(2, 2, 2), (0, 1, 0)], [(1, 1, 2), (0, 0, 1)], [(2, 3, 4), (1, 1, 1)]]
    every = []
    for resample_ in product(range(3), repeat=3):
        a, b = (np.array(slow_figures([rows[unit] for unit in resample_])) for rows in (ROWS, rows_b))
        every.append(b - a)
    found = compare_counts(counts_of(ROWS), counts_of(rows_b), confidence=0.6, resamples=100_000)
    for row, differences in enumerate(rows_of(found)):
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
        recall = compare_counts(a, b, resamples=100_000).micro.recall
        assert recall.p_value == pytest.approx(2 / 2**number, rel=0.05)
        assert recall.verdict == verdict
    assert compare_counts(b, a).micro.recall.verdict == "a is better"


def test_no_p_value_is_smaller_than_the_number_of_exchanges_can_tell():
    gold = np.ones((60, 1), int)
    none, every = (Counts(("PER",), right, gold, gold) for right in (0 * gold, gold))
    recall = compare_counts(none, every, resamples=99).micro.recall
    assert recall.p_value == 1 / 100  # 2 of 2 ** 60 exchanges differ as much, so that none of 99 does


def test_two_equal_systems_never_differ():
    counts = counts_of(ROWS)
    for differences in rows_of(compare_counts(counts, counts)):
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
        p_values.append(compare_counts(a, b, resamples=200, seed=trial).micro.f1.p_value)
    for level in (0.05, 0.2):
        assert binomtest(int(np.sum(np.array(p_values) <= level)), 300, level, alternative="greater").pvalue > 1e-3


def test_labels_of_one_system_only_are_columns_of_zeros_in_the_other():
    gold = np.array([[1], [1], [0]])
    a = Counts(("PER",), gold, gold, gold)
    b = Counts(("LOC", "PER"), np.hstack([0 * gold, gold]), np.hstack([0 * gold, gold]), np.hstack([1 - gold, gold]))
    found = compare_counts(a, b)
    assert (found.micro.precision.a, found.micro.precision.b) == (1.0, pytest.approx(2 / 3))
    assert (found.macro.f1.a, found.macro.f1.b) == (1.0, 1.0)  # LOC occurs in b alone: gold lacks it
    assert {label: (row.f1.a, row.f1.b) for label, row in found.labels.items()} == {"LOC": (0, 0), "PER": (1, 1)}


def test_two_systems_mirror_each_other():
    random = np.random.default_rng(0)
    gold = random.poisson(1.0, (200, 3))
    a, b = (Counts(("A", "B", "C"), right, gold, gold) for right in random.binomial(gold, 0.7, (2, 200, 3)))
    for one, other in zip(rows_of(compare_counts(a, b, resamples=300)), rows_of(compare_counts(b, a, resamples=300))):
        for name in FIGURES:
            x, y = getattr(one, name), getattr(other, name)
            assert (x.a, x.b, x.p_value) == (y.b, y.a, y.p_value)
            assert (x.difference, x.low, x.high) == pytest.approx((-y.difference, -y.high, -y.low))


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    rows = np.random.default_rng(0).integers(0, 3, (40, 2, 1)) + np.array([0, 1, 2])
    sides = counts_of(rows), counts_of(rows[:, :, [0, 1, 1]])
    found = [compare_counts(*sides, seed=seed, resamples=500) for seed in (3, 3, 4)]
    assert found[0] == found[1]
    assert found[0].micro.precision != found[2].micro.precision


def test_no_span_anywhere_is_no_difference():
    counts = counts_of(np.zeros((3, 2, 3), int))
    assert {figure.f1.p_value for figure in rows_of(compare_counts(counts, counts, resamples=10))} == {1}


def test_systems_on_other_data_are_refused():
    a = counts_of(ROWS)
    with pytest.raises(DataError, match=r"a has 3 units .* and b has 2; compare systems on the same data"):
        compare_counts(a, counts_of(ROWS[:2]))
    other = counts_of([ROWS[0], [(0, 2, 2), (0, 0, 0)], ROWS[2]])
    with pytest.raises(DataError, match=r"unit 2 .* has 1 of label 'A' in a's gold and 2 in b's"):
        compare_counts(a, other)


@pytest.mark.parametrize("options", [{"confidence": 95}, {"confidence": 0}, {"resamples": 0}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        compare_counts(counts_of(ROWS), counts_of(ROWS), **options)


@given(st.lists(st.integers(0, 50).map(lambda n: n / 50), min_size=1, max_size=6), st.integers(1, 40))
def test_holm_corrects_so_that_a_level_rejects_what_the_step_down_procedure_rejects(p_values, level):
    level = level / 40 - 0.0017  # never just at the border, where rounding would decide
    rejected = set()
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[number] > level / (len(p_values) - rank):
            break
        rejected.add(number)
    assert {number for number, p in enumerate(holm(p_values)) if p <= level} == rejected


def test_holm_keeps_p_values_between_their_own_and_that_of_bonferroni():
    p_values = [0.5, 0.001, 0.02, 0.02, 1.0]
    for p_value, corrected in zip(p_values, holm(p_values)):
        assert p_value <= corrected <= min(1.0, 5 * p_value)
    assert holm([]) == []
