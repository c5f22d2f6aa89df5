"""The CRF against enumeration of every path, and its gradient against finite differences."""

import math
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqtag.nn import crf
from seqtag.nn.crf import Scores, best_paths, forward_backward, log_partition, marginals, path_score
from seqtag.text.schemes import legal_transitions

FORBIDDEN = -torch.inf


def random_chain(seed: int, *, num_tags: int = 3, lengths=(4, 1, 3), forbid: bool = True, scale: float = 2.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale

    scores = Scores(draw(num_tags), draw(num_tags, num_tags), draw(num_tags))
    if forbid and num_tags > 1:
        scores.start_L[-1] = FORBIDDEN
        scores.transitions_LL[0, -1] = FORBIDDEN
        scores.end_L[1 % num_tags] = FORBIDDEN if num_tags > 2 else scores.end_L[1]
    return draw(len(lengths), max(lengths), num_tags), torch.tensor(lengths), scores


def all_paths(emissions_TL: Tensor, scores: Scores):
    """Every path of one sentence without padding, with its score, by enumeration."""
    num_tokens, num_tags = emissions_TL.shape
    for path in product(range(num_tags), repeat=num_tokens):
        total = scores.start_L[path[0]] + scores.end_L[path[-1]]
        total = total + sum(emissions_TL[t, tag] for t, tag in enumerate(path))
        total = total + sum(scores.transitions_LL[a, b] for a, b in pairwise(path))
        yield path, total


@pytest.fixture(
    scope="module", params=[None, 0, 1, 2, 9], ids=lambda most: "whole" if most is None else f"apart {most}"
)
def taken_apart(request):
    """Tables of moves as they are, and taken apart as those of many tags, into a block and pairs of few moves."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setattr("seqtag.nn.crf._MANY_TAGS", 0)
            patch.setattr("seqtag.nn.crf._FEW_MOVES", request.param)
        yield


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num_tags=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    scale=st.sampled_from([2.0, 20.0, 200.0, 3000.0]),
)
@pytest.mark.usefixtures("taken_apart")
def test_partition_marginals_and_best_paths_equal_enumeration(seed, num_tags, lengths, scale):
    """Also where scores lie so far apart that float64 does not hold their exponentials."""
    emissions, lengths_B, scores = random_chain(seed, num_tags=num_tags, lengths=lengths, scale=scale)
    sums = forward_backward(emissions, lengths_B, scores)
    marginal = marginals(sums, lengths_B)
    paths_BKT, score_BK = best_paths(emissions, lengths_B, scores, num_paths=5)
    one_BKT, one_score_BK = best_paths(emissions, lengths_B, scores)
    for b, length in enumerate(lengths):
        every = list(all_paths(emissions[b, :length], scores))
        totals = torch.stack([total for _, total in every])
        log_z = totals.logsumexp(0)
        torch.testing.assert_close(sums.log_partition_B[b], log_z, rtol=1e-9, atol=1e-9)
        expected = torch.zeros(length, num_tags, dtype=torch.float64)
        for path, total in every:
            for t, tag in enumerate(path):
                expected[t, tag] += (total - log_z).exp()
        torch.testing.assert_close(marginal[b, :length], expected, rtol=1e-8, atol=1e-9)
        assert (marginal[b, length:] == 0).all()
        ranked = sorted(((total.item(), path) for path, total in every if total > FORBIDDEN), reverse=True)[:5]
        for k, (total, path) in enumerate(ranked):
            assert score_BK[b, k].item() == pytest.approx(total, abs=1e-9)
            assert tuple(paths_BKT[b, k, :length].tolist()) == path
        assert (score_BK[b, len(ranked) :] == FORBIDDEN).all()
        assert tuple(one_BKT[b, 0, :length].tolist()) == ranked[0][1]
        assert one_score_BK[b, 0].item() == pytest.approx(ranked[0][0], abs=1e-9)


def test_path_score_equals_enumeration_whatever_stands_on_padding():
    emissions, lengths, scores = random_chain(3, forbid=False)
    tags = torch.tensor([[0, 2, 1, 1], [2, 1, 1, 1], [1, 0, 2, 0]])
    got = path_score(emissions, tags, lengths, scores)
    for b, length in enumerate(lengths.tolist()):
        expected = dict(all_paths(emissions[b, :length], scores))[tuple(tags[b, :length].tolist())]
        assert got[b].item() == pytest.approx(expected.item())
    tags[1, 1:] = -100
    torch.testing.assert_close(path_score(emissions, tags, lengths, scores), got)


@pytest.mark.parametrize("forbid", [False, True])
@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.usefixtures("taken_apart")
def test_gradient_checks(forbid, far):
    """Also where one score is so low that sums are taken in logarithms."""
    emissions, lengths, scores = random_chain(5, forbid=forbid)
    emissions[0, 1, 2] -= far
    mask = Scores(*(torch.where(part == FORBIDDEN, FORBIDDEN, 0.0) for part in scores))
    free = [torch.where(part == FORBIDDEN, 0.0, part).requires_grad_() for part in scores]
    weight = torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64)  # another weight for each sentence

    def loss(emissions, start, transitions, end):
        held = Scores(start + mask.start_L, transitions + mask.transitions_LL, end + mask.end_L)
        return (log_partition(emissions, lengths, held) * weight).sum()

    assert torch.autograd.gradcheck(loss, (emissions.requires_grad_(), *free))


def test_float32_is_stable_on_2000_tokens():
    emissions, lengths, scores = random_chain(7, num_tags=9, lengths=(2000, 1500), scale=6.0)
    exact = log_partition(emissions, lengths, scores)
    single = log_partition(emissions.float(), lengths, Scores(*(part.float() for part in scores)))
    assert single.isfinite().all()
    torch.testing.assert_close(single.double(), exact, rtol=1e-5, atol=0)
    wide = torch.zeros(1, 2000, 9)
    wide[:, ::2, 0], wide[:, 1::2, 3] = 250.0, 250.0
    probability = marginals(forward_backward(wide, torch.tensor([2000]), scores), torch.tensor([2000]))
    torch.testing.assert_close(probability.sum(-1), torch.ones(1, 2000, dtype=torch.float64))


@pytest.mark.usefixtures("taken_apart")
def test_an_empty_sentence_has_one_empty_path():
    emissions, _, scores = random_chain(11, lengths=(3, 2))
    lengths = torch.tensor([3, 0])
    assert forward_backward(emissions, lengths, scores).log_partition_B[1] == 0
    assert best_paths(emissions, lengths, scores)[1][1, 0] == 0
    assert path_score(emissions, torch.zeros(2, 3, dtype=torch.long), lengths, scores)[1] == 0


@pytest.mark.usefixtures("taken_apart")
def test_no_legal_path_has_probability_zero():
    emissions, lengths, scores = random_chain(13, lengths=(3,))
    emissions[0, 1] = FORBIDDEN
    emissions[0, 1, 0] = 1.0
    emissions[0, 2, :2] = FORBIDDEN  # only tag 2 is left, and 0 -> 2 is forbidden
    sums = forward_backward(emissions, lengths, scores)
    assert sums.log_partition_B[0] == -torch.inf
    assert (marginals(sums, lengths) == 0).all()


@pytest.mark.parametrize("num_labels", [60, 80])
def test_many_tags_have_the_sums_gradients_and_paths_of_few(num_labels, monkeypatch):
    """The moves of a scheme, with sentences of all lengths, one of them without a token."""
    names = ["O"] + [f"{letter}-{n}" for n in range(num_labels) for letter in "BIES"]
    legal = [torch.from_numpy(part) for part in legal_transitions(names, "BIOES")]
    generator, lengths = torch.Generator().manual_seed(num_labels), torch.tensor([5, 0, 1, 7, 3])
    scores = Scores(*(torch.randn(part.shape, generator=generator).where(part, FORBIDDEN) for part in legal))
    emissions = torch.randn(5, 7, len(names), generator=generator)

    def computed() -> list[Tensor]:
        given = [part.clone().requires_grad_() for part in (emissions, *scores)]
        total_B = log_partition(given[0], lengths, Scores(*given[1:]))
        (total_B * torch.arange(1.0, 6.0)).sum().backward()
        return [total_B, *best_paths(emissions, lengths, scores), *(part.grad for part in given)]

    assert len(names) > crf._MANY_TAGS
    apart = computed()
    monkeypatch.setattr(crf, "_MANY_TAGS", 10_000)
    for found, expected in zip(apart, computed(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_a_path_that_falls_behind_for_long_counts_when_it_is_the_only_one_in_the_end():
    """Tag 1 loses 60 nats a token and float64 holds 745, but only tag 1 leads to tag 2, which must be last."""
    emissions = torch.tensor([[0.0, -60.0, 0.0]]).repeat(40, 1)[None]
    emissions[0, -1, :2] = -1e6
    barred = -torch.inf
    moves_LL = torch.tensor([[0.0, barred, barred], [barred, 0.0, 0.0], [barred, barred, 0.0]])
    scores = Scores(torch.zeros(3), moves_LL, torch.tensor([-torch.inf, -torch.inf, 0.0]))
    sums = forward_backward(emissions, torch.tensor([40]), scores)
    # Each path: n times tag 1 at -60, then tag 2; n = 0 costs nothing.
    assert sums.log_partition_B.item() == pytest.approx(sum(math.exp(-60 * n) for n in range(40)) - 1, abs=1e-12)
    scores.start_L[2] = barred  # now it begins with tag 1
    sums = forward_backward(emissions, torch.tensor([40]), scores)
    assert sums.log_partition_B.item() == pytest.approx(-60)
    emissions[0, 1:-1, 2] = -1e6  # and stays there to the end
    sums = forward_backward(emissions, torch.tensor([40]), scores)
    assert sums.log_partition_B.item() == pytest.approx(-60 * 39)
    torch.testing.assert_close(marginals(sums, torch.tensor([40]))[0, :, 1].sum(), torch.tensor(39.0).double())


@pytest.mark.usefixtures("taken_apart")
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num_tags=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    scale=st.sampled_from([2.0, 20.0, 200.0, 3000.0]),
)
def test_the_sum_over_allowed_paths_is_that_of_enumeration(seed, num_tags, lengths, scale):
    emissions, lengths_B, scores = random_chain(seed, num_tags=num_tags, lengths=tuple(lengths), scale=scale)
    generator = torch.Generator().manual_seed(seed)
    allowed = torch.rand(emissions.shape, generator=generator) < 0.6
    found = log_partition(emissions, lengths_B, scores, allowed_BTL=allowed)
    for row, length in enumerate(lengths):
        totals = [
            total
            for path, total in all_paths(emissions[row, :length], scores)
            if all(allowed[row, t, tag] for t, tag in enumerate(path))
        ]
        expected = torch.stack([*totals, torch.tensor(FORBIDDEN).double()]).logsumexp(0)
        torch.testing.assert_close(found[row], expected)


@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.usefixtures("taken_apart")
def test_the_gradient_of_the_sum_over_allowed_paths_checks(far):
    emissions, lengths, scores = random_chain(5, forbid=False)
    emissions[0, 1, 2] -= far
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3)) < 0.7
    allowed[..., 0] = True

    def loss(emissions, start, transitions, end):
        found = log_partition(emissions, lengths, Scores(start, transitions, end), allowed_BTL=allowed)
        return (found * torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64)).sum()

    assert torch.autograd.gradcheck(loss, (emissions.requires_grad_(), *(part.requires_grad_() for part in scores)))


def test_an_allowed_path_that_falls_far_behind_counts_where_the_likely_ones_end():
    """Tags 0 and 1 never meet while both are allowed; tag 1 loses 20 nats per token, and only tag 1 is allowed last."""
    emissions = torch.tensor([[0.0, -20.0, 0.0]]).repeat(60, 1)[None].double()
    allowed = torch.ones(1, 60, 3, dtype=torch.bool)
    allowed[0, :, 2] = False
    allowed[0, -1, 0] = False
    barred = -torch.inf
    moves_LL = torch.tensor([[0.0, barred, 0.0], [barred, 0.0, 0.0], [0.0, 0.0, 0.0]]).double()
    scores = Scores(torch.zeros(3).double(), moves_LL, torch.zeros(3).double())
    assert log_partition(emissions, torch.tensor([60]), scores, allowed_BTL=allowed).item() == pytest.approx(-1200)
