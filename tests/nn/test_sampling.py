"""The choice of the next symbol: its frequencies, the sets that it keeps to, and what it doesn't depend on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from seqtag.nn.sampling import Sampling, candidate_probs, pick

# scores of symbols, some of them equal; small differences and large ones
SCORES = st.lists(st.one_of(st.integers(-3, 3), st.floats(-30, 30)), min_size=2, max_size=12)


def log_probs(*rows):
    return torch.log_softmax(torch.tensor(rows, dtype=torch.float32), dim=-1)


def seeded(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def by_hand(log_probs_V, *, temperature=1.0, top_k=None, top_p=None, banned=()):
    """The definition, symbol by symbol, in Python's own numbers."""
    left = {i: math.exp(value) for i, value in enumerate(log_probs_V.tolist()) if i not in banned}
    best = max(left.values())
    weights = {i: (p / best) ** (1 / temperature) for i, p in left.items()}
    order = sorted(weights, key=lambda i: (-weights[i], i))[:top_k]
    total = math.fsum(weights[i] for i in order)
    chosen, reached = [], 0.0
    for i in order:
        chosen.append(i)
        reached += weights[i] / total
        if top_p is not None and reached >= top_p:
            break
    total = math.fsum(weights[i] for i in chosen)
    return [weights[i] / total if i in chosen else 0.0 for i in range(len(log_probs_V))]


@given(SCORES, st.floats(0.1, 5), st.one_of(st.none(), st.integers(1, 14)), st.booleans())
def test_probabilities_are_those_of_the_definition(scores, temperature, top_k, bans_first):
    row = log_probs(scores)
    banned = (0,) if bans_first else ()
    ours = candidate_probs(row, Sampling(temperature, top_k, None, banned))[0]
    theirs = by_hand(row[0], temperature=temperature, top_k=top_k, banned=banned)
    assert ours.tolist() == pytest.approx(theirs, abs=1e-9)


@given(SCORES, st.floats(0.01, 1), st.one_of(st.none(), st.integers(1, 14)))
def test_the_nucleus_is_the_smallest_set_that_reaches_its_probability(scores, top_p, top_k):
    row = log_probs(scores)
    before = candidate_probs(row, Sampling(top_k=top_k))[0]
    kept = candidate_probs(row, Sampling(top_k=top_k, top_p=top_p))[0] > 0
    assert before[kept].sum() >= top_p - 1e-9
    assert before[kept].sum() - before[kept].min() < top_p + 1e-9  # without its last one it falls short
    assert before[kept].min() >= before[~kept].max() if (~kept).any() else True


@given(SCORES, st.integers(0, 10_000), st.integers(1, 12), st.floats(0.01, 1), st.floats(0, 3))
def test_nothing_outside_the_sets_is_ever_chosen(scores, seed, top_k, top_p, temperature):
    row = log_probs(scores)
    order = sorted(range(len(scores)), key=lambda i: (-row[0, i].item(), i))
    order.remove(1)  # banned
    chosen = pick(row, Sampling(temperature, top_k, top_p, banned=(1,)), seeded(seed)).item()
    assert chosen in order[:top_k]
    assert chosen in order[:1] or temperature > 0


def test_frequencies_are_the_probabilities():
    row = log_probs([0.0, 1.5, -1.0, 0.7, -4.0, 0.7])
    for sampling in (Sampling(), Sampling(temperature=0.7), Sampling(2.0, top_k=4), Sampling(top_p=0.8, banned=(1,))):
        (generator,) = seeded(17)
        drawn = torch.cat([pick(row, sampling, [generator]) for _ in range(1_500)]).numpy()
        counts = np.bincount(drawn, minlength=6)
        wanted = candidate_probs(row, sampling)[0].numpy()
        possible = wanted > 0
        assert counts[~possible].sum() == 0
        assert chisquare(counts[possible], 1_500 * wanted[possible]).pvalue > 0.01


@pytest.mark.parametrize(
    ("scores", "banned", "first"),
    [([1, 3, 3, 0], (), 1), ([1, 3, 3, 0], (1,), 2), ([2, 2, 2], (), 0), ([5, 1], (0,), 1)],
)
def test_without_temperature_the_first_of_the_best_is_taken(scores, banned, first):
    assert pick(log_probs(scores), Sampling(0.0, banned=banned), seeded(0)).tolist() == [first]


@given(st.floats(0, 0.01, exclude_min=True))
def test_near_temperature_0_the_best_is_taken_and_equal_ones_share(temperature):
    probs = candidate_probs(log_probs([0.0, 2.0, 2.0]), Sampling(temperature))[0]
    assert probs.tolist() == pytest.approx([0, 0.5, 0.5])


def test_a_row_does_not_depend_on_the_rows_beside_it():
    rows = torch.log_softmax(torch.randn(5, 30, generator=torch.Generator().manual_seed(3)), dim=-1)
    sampling = Sampling(0.9, top_k=20, top_p=0.9)
    together = [pick(rows, sampling, generators) for generators in [seeded(*range(5))] for _ in range(20)]
    for row in range(5):
        (generator,) = seeded(row)
        alone = [pick(rows[row : row + 1], sampling, [generator]).item() for _ in range(20)]
        assert alone == [step[row].item() for step in together]


def test_the_probabilities_given_stay_as_they_are():
    rows = log_probs([1.0, 2.0, 3.0]).double()
    kept = rows.clone()
    pick(rows, Sampling(0.5, top_k=2, top_p=0.5, banned=(2,)), seeded(0))
    assert torch.equal(rows, kept)


def test_rare_symbols_of_a_large_vocabulary_are_drawn_as_often_as_they_should():
    # 60,000 symbols that have a tenth of all probability together
    row = torch.full((1, 60_001), math.log(0.1 / 60_000))
    row[0, 0] = math.log(0.9)
    (generator,) = seeded(5)
    drawn = torch.cat([pick(row, Sampling(), [generator]) for _ in range(300)])
    assert chisquare([(drawn == 0).sum(), (drawn > 0).sum()], [270, 30]).pvalue > 0.01
    assert len(drawn[drawn > 0].unique()) == (drawn > 0).sum()
    assert drawn.max() > 50_000
