"""Power laws: what was put in comes out, fits of many draws equal scipy's, and intervals hold what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from seqtag.errors import UsageError
from seqtag.evaluation.statistics import power_law
from seqtag.evaluation.statistics.power_law import fit_many, fit_power_law, forecast

NUMBERS = (125, 250, 500, 1000)


@given(st.floats(0.5, 0.95), st.floats(0.02, 0.2), st.floats(0.3, 0.9))
def test_a_power_law_without_noise_is_found(a, gap, c):
    def score(number):
        return a - gap * (number / 1000) ** -c

    scores = [score(number) for number in NUMBERS]
    law = fit_power_law(NUMBERS * 3, scores * 3)
    assert [law(number) for number in NUMBERS] == pytest.approx(scores, abs=0.012)
    assert law(2000) == pytest.approx(score(2000), abs=0.02)
    assert law(np.array([125.0])) == pytest.approx([law(125)])


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), st.floats(0.2, 1.0))
def test_bounds_are_kept_and_the_fit_is_the_best_within_them(scores, usual):
    law = fit_power_law(NUMBERS, scores)
    assert 0 <= law.a <= 1 + 1e-6
    assert law.b >= 0
    place, weights = np.array(NUMBERS) / 1000, np.array(NUMBERS) / 1000 / power_law._USUAL_NOISE**2

    def cost(parameters):
        a, gap, log_c = parameters
        misses = a - gap * place ** -np.exp(log_c) - np.array(scores)
        return (weights * misses**2).sum() + ((log_c - np.log(0.5)) / power_law._SPREAD_C) ** 2

    bounds = [(0, 1), (0, 1), tuple(np.log(power_law._BOUNDS_C))]
    found = cost((law.a, law.b * 1000**-law.c, np.log(law.c)))
    starts = [(0.5, 0.1, -0.7), (1.0, 0.5, -2.0), (max(scores), 0.01, 0.3)]
    best = min(minimize(cost, start, bounds=bounds, method="L-BFGS-B").fun for start in starts)
    assert found <= best + 0.02 * max(best, 1)
    a, gap, c = fit_many(place, np.array([scores]), weights**-0.5, np.ones(1), np.log([0.5]))
    assert cost((a[0], min(gap[0], 1.0), np.log(c[0]))) <= best + 0.05 * max(best, 1)


def test_a_number_of_examples_without_scatter_gets_an_interval_all_the_same():
    [twice, four_times] = forecast(NUMBERS, [0.4, 0.5, 0.57, 0.62], [2000, 4000])
    assert (twice.number, four_times.number) == (2000, 4000)
    assert twice.score.low < twice.score.value < twice.score.high
    assert four_times.score.value > twice.score.value
    assert four_times.score.high - four_times.score.low > twice.score.high - twice.score.low


def test_more_seeds_narrow_the_interval():
    random = np.random.default_rng(0)
    scores = np.array([0.4, 0.5, 0.57, 0.62])
    widths = []
    for seeds in (2, 12):
        drawn = np.concatenate([scores + random.normal(size=4) * 0.01 for _ in range(seeds)])
        [found] = forecast(NUMBERS * seeds, drawn, [2000])
        widths.append(found.score.high - found.score.low)
    assert widths[1] < widths[0]


def test_an_interval_holds_one_training_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = np.zeros(2)
    for _ in range(150):
        a, gap, c = random.uniform(0.6, 0.95), random.uniform(0.03, 0.12), np.exp(random.normal(np.log(0.5), 0.5))

        def scores(numbers, a=a, gap=gap, c=c):
            numbers = np.asarray(numbers)
            noise = 0.012 * (1000 / numbers) ** 0.5 * random.normal(size=len(numbers))
            bent = 0.007 * np.log2(np.maximum(numbers / 1000, 1)) * random.normal()
            return np.clip(a - gap * (numbers / 1000) ** -c + noise + bent, 0, 1)

        found = forecast(NUMBERS * 3, scores(NUMBERS * 3), [2000, 4000])
        real = scores([2000, 4000])
        hits += [each.score.low <= one <= each.score.high for each, one in zip(found, real)]
    assert (hits / 150 >= 0.9).all()


def test_forecasts_stay_between_0_and_1_and_come_again():
    for scores in ([0.9, 0.97, 0.99, 1.0], [0.0] * 4, [0.6, 0.5, 0.4, 0.3]):
        found = forecast(NUMBERS, scores, [2000, 100_000])
        assert all(0 <= each.score.low <= each.score.value <= each.score.high <= 1 for each in found)
        assert forecast(NUMBERS, scores, [2000, 100_000]) == found


def test_two_numbers_are_too_few():
    with pytest.raises(UsageError, match="2 numbers of examples are too few for a curve; train on at least 3"):
        fit_power_law([100, 200, 200], [0.1, 0.2, 0.3])
