"""The expected number of entity tokens against enumeration, and the penalty against its definition."""

from itertools import pairwise, product

import pytest
import torch

from seqtag.nn.crf import Scores
from seqtag.nn.entity_share import expected_count, share_penalty


def expected_by_enumeration(emissions_TL, scores, counted_L):
    paths = list(product(range(emissions_TL.shape[1]), repeat=len(emissions_TL)))
    totals = torch.stack(
        [
            scores.start_L[path[0]]
            + scores.end_L[path[-1]]
            + sum(emissions_TL[t, tag] for t, tag in enumerate(path))
            + sum(scores.transitions_LL[pair] for pair in pairwise(path))
            for path in paths
        ]
    )
    counts = torch.stack([sum(counted_L[tag] for tag in path) for path in paths])
    return (totals.softmax(0) * counts).sum()


def test_the_expected_count_and_its_gradient_are_those_of_enumeration():
    generator = torch.Generator().manual_seed(4)
    parts = [torch.randn(shape, generator=generator).double() for shape in ((2, 4, 3), (3,), (3, 3), (3,))]
    counted, lengths = torch.tensor([0.0, 1.0, 1.0]).double(), torch.tensor([4, 2])
    gradients = []
    for is_enumerated in (True, False):
        emissions, *chain = given = [part.clone().requires_grad_() for part in parts]
        scores = Scores(*chain)
        if is_enumerated:
            rows = zip(emissions, lengths.tolist())
            found = torch.stack([expected_by_enumeration(row[:length], scores, counted) for row, length in rows])
        else:
            found = expected_count(emissions, lengths, scores, counted)
        (found * torch.tensor([1.0, -2.0])).sum().backward()
        gradients.append([found.detach(), *(part.grad for part in given)])
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("expected", "penalty"), [(1.5, 0.0), (2.0, 0.0), (1.0, 0.0), (3.0, 1.0), (0.0, 1.0)])
def test_the_penalty_begins_beyond_the_margin(expected, penalty):
    """Of ten tokens 1.5 are expected, give or take 0.5."""
    found = share_penalty(torch.tensor([expected, 0.0]), torch.tensor([6, 4]), 0.15)
    assert found.item() == pytest.approx(penalty, abs=1e-6)
