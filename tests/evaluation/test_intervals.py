"""Bootstrap intervals against enumeration of every resample, the binomial distribution, and the truth."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from seqtag.evaluation.intervals import micro_f1_interval, ratio_interval


def f1(rows):
    right, gold, predicted = np.sum(rows, axis=0)
    return 2 * right / max(1, gold + predicted)


def test_interval_of_three_sentences_equals_enumeration_of_all_resamples():
    rows = [(1, 2, 1), (0, 1, 2), (3, 3, 4)]
    every = [f1(resample) for resample in product(rows, repeat=3)]  # 27, all alike in probability
    low, high = micro_f1_interval(*np.array(rows).T, confidence=0.6, resamples=200_000)
    # The bootstrap's distribution is discrete here, so its quantiles are met exactly by enough resamples.
    assert low == pytest.approx(np.quantile(every, 0.2, method="inverted_cdf"))
    assert high == pytest.approx(np.quantile(every, 0.8, method="inverted_cdf"))


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        gold = random.integers(1, 4, 150)
        right = random.binomial(gold, 0.7)  # as many spans predicted as there are: F1 is the share that is right
        low, high = micro_f1_interval(right, gold, gold, resamples=300, seed=trial)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_pieces_do_not_change_what_is_drawn_from(monkeypatch):
    counts = np.random.default_rng(0).integers(0, 3, 400)
    whole = micro_f1_interval(counts, counts + 1, counts + 2, seed=3)
    monkeypatch.setattr("seqtag.evaluation.intervals._MOST_CELLS", 4_000)
    assert micro_f1_interval(counts, counts + 1, counts + 2, seed=3) == pytest.approx(whole)
    assert micro_f1_interval(*np.zeros((3, 0), int)) == (0.0, 0.0)


@pytest.mark.parametrize("right", [0, 1, 30, 49, 50])
def test_interval_of_a_share_has_the_quantiles_of_the_binomial(right):
    # a resample draws each right text with the share that is right, so how many it draws is binomial
    part = np.arange(50) < right
    interval = ratio_interval(part.astype(int), np.ones(50, int), resamples=100_000)
    assert interval == pytest.approx(np.maximum(binom.ppf([0.025, 0.975], 50, right / 50), 0) / 50)


def test_order_of_the_texts_does_not_change_the_interval():
    counts = np.random.default_rng(0).integers(0, 3, (3, 100))
    assert micro_f1_interval(*counts) == micro_f1_interval(*counts[:, ::-1])
