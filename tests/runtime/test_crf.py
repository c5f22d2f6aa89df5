"""The numpy CRF against enumeration of every path, and against the torch one on long and ragged batches."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.nn import crf as torch_crf
from seqtag.runtime import crf


def random_chain(seed, *, num_tags, lengths, scale=2.0, forbid=True):
    random = np.random.default_rng(seed)
    draw = lambda *shape: random.normal(size=shape) * scale  # noqa: E731
    scores = crf.Scores(draw(num_tags), draw(num_tags, num_tags), draw(num_tags))
    if forbid and num_tags > 2:
        scores.start_L[-1] = scores.transitions_LL[0, -1] = scores.end_L[1] = -np.inf
    return draw(len(lengths), max(lengths), num_tags), np.array(lengths), scores


def in_torch(emissions, lengths, scores):
    return torch.tensor(emissions), torch.tensor(lengths), torch_crf.Scores(*map(torch.tensor, scores))


def path_total(path, emissions_TL, scores):
    ends = scores.start_L[path[0]] + scores.end_L[path[-1]]
    moved = sum(scores.transitions_LL[a, b] for a, b in pairwise(path))
    return ends + moved + emissions_TL[range(len(path)), path].sum()


@pytest.fixture(scope="module", params=[None, 0, 1, 9], ids=lambda most: "whole" if most is None else f"apart {most}")
def taken_apart(request):
    """Tables of moves as they are, and taken apart as those of many tags, into a block and pairs of few moves."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setattr(crf, "_MANY_TAGS", 0)
            patch.setattr(crf, "_FEW_MOVES", request.param)
        yield


ragged = st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    num_tags=st.integers(1, 4),
    lengths=ragged,
    scale=st.sampled_from([2.0, 20.0, 200.0, 3000.0]),
)
@pytest.mark.usefixtures("taken_apart")
def test_sums_marginals_moves_and_best_paths_equal_enumeration(seed, num_tags, lengths, scale):
    """Also where scores lie so far apart that float64 does not hold their exponentials."""
    emissions, lengths_B, scores = random_chain(seed, num_tags=num_tags, lengths=lengths, scale=scale)
    from_P, to_P = np.array(list(product(range(num_tags), repeat=2))).T
    sums = crf.forward_backward(emissions, lengths_B, scores)
    marginal_BTL = crf.marginals(sums, lengths_B)
    moved_BTP = crf.moves(sums, emissions, lengths_B, scores, from_P, to_P)
    best_BT = crf.best_paths(emissions, lengths_B, scores)
    for b, length in enumerate(lengths):
        assert not marginal_BTL[b, length:].any()
        assert not moved_BTP[b, length:].any()
        assert not best_BT[b, length:].any()
        if not length:
            assert sums.log_partition_B[b] == 0
            continue
        paths = np.array(list(product(range(num_tags), repeat=length)))
        totals = np.array([path_total(path, emissions[b], scores) for path in paths])
        weights = np.exp(totals - totals.max())
        assert sums.log_partition_B[b] == pytest.approx(np.log(weights.sum()) + totals.max())
        weights /= weights.sum()
        expected_TL = np.array([[weights[paths[:, t] == k].sum() for k in range(num_tags)] for t in range(length)])
        np.testing.assert_allclose(marginal_BTL[b, :length], expected_TL, atol=1e-9)
        assert tuple(best_BT[b, :length]) == tuple(paths[totals.argmax()])
        for t in range(1, length):
            for p, (first, second) in enumerate(zip(from_P, to_P)):
                both = weights[(paths[:, t - 1] == first) & (paths[:, t] == second)].sum()
                assert expected_TL[t - 1, first] * moved_BTP[b, t, p] == pytest.approx(both, abs=1e-9)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    num_tags=st.integers(1, 9),
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=9).filter(any),
    scale=st.sampled_from([0.0, 0.5, 5.0, 30.0, 200.0, 3000.0]),
)
def test_everything_equals_the_torch_crf(seed, num_tags, lengths, scale):
    """With a scale of 0 all paths tie, and both must take the same one."""
    emissions, lengths_B, scores = random_chain(seed, num_tags=num_tags, lengths=lengths, scale=scale)
    theirs = in_torch(emissions, lengths_B, scores)
    from_P, to_P = np.divmod(np.random.default_rng(seed).integers(0, num_tags**2, size=4), num_tags)
    sums, expected = crf.forward_backward(emissions, lengths_B, scores), torch_crf.forward_backward(*theirs)
    np.testing.assert_array_equal(
        crf.best_paths(emissions, lengths_B, scores), torch_crf.best_paths(*theirs)[0][:, 0].numpy()
    )
    np.testing.assert_allclose(sums.log_partition_B, expected.log_partition_B, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        crf.marginals(sums, lengths_B), torch_crf.marginals(expected, theirs[1]), rtol=1e-9, atol=1e-12
    )
    moved = torch_crf.moves(expected, *theirs, torch.tensor(from_P), torch.tensor(to_P))
    np.testing.assert_allclose(
        crf.moves(sums, emissions, lengths_B, scores, from_P, to_P), moved, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("scale", [1.0, 50.0, 500.0])
def test_two_thousand_tokens_lose_nothing(scale):
    emissions, lengths_B, scores = random_chain(1, num_tags=5, lengths=[2000, 3, 1999], scale=scale)
    emissions, theirs = emissions.astype(np.float32), in_torch(emissions.astype(np.float32), lengths_B, scores)
    sums, expected = crf.forward_backward(emissions, lengths_B, scores), torch_crf.forward_backward(*theirs)
    np.testing.assert_allclose(sums.log_partition_B, expected.log_partition_B, rtol=1e-12)
    marginal_BTL = crf.marginals(sums, lengths_B)
    np.testing.assert_allclose(marginal_BTL[0].sum(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(marginal_BTL, torch_crf.marginals(expected, theirs[1]), rtol=1e-8, atol=1e-12)
    best_BT = crf.best_paths(emissions, lengths_B, scores)
    np.testing.assert_array_equal(best_BT, torch_crf.best_paths(*theirs)[0][:, 0].numpy())


def test_what_stands_on_padding_changes_nothing():
    emissions, lengths_B, scores = random_chain(3, num_tags=4, lengths=[2, 5, 1])
    other = emissions.copy()
    other[~crf.real_tokens(lengths_B, 5)] = np.nan
    np.testing.assert_array_equal(
        crf.best_paths(emissions, lengths_B, scores), crf.best_paths(other, lengths_B, scores)
    )
    for one, two in zip(
        crf.forward_backward(emissions, lengths_B, scores), crf.forward_backward(other, lengths_B, scores)
    ):
        np.testing.assert_array_equal(one, two)
