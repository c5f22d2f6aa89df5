"""What training draws: from torch's global generator as torch itself does, or from that of the thread."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch.nn import functional

from seqtag.nn import chance


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_without_a_generator_of_the_thread_it_is_torchs_own_dropout():
    values = torch.randn(50, 7)
    for probability in (0.0, 0.3):
        torch.manual_seed(3)
        expected = functional.dropout(values, probability)
        torch.manual_seed(3)
        assert torch.equal(chance.dropout(values, probability), expected)
    assert chance.generator() is None


def test_a_thread_with_a_generator_drops_as_torch_does_with_that_seed_and_leaves_the_global_one_alone():
    values = torch.randn(50, 7)
    before = torch.get_rng_state()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = functional.dropout(values, 0.3)
    with chance.drawing_from(seeded(3)):
        assert torch.equal(chance.dropout(values, 0.0), values)
        assert torch.equal(chance.dropout(values, 0.3), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_draw_from_their_own_generators_and_an_inner_block_gives_the_outer_one_back():
    def draw(seed):
        with chance.drawing_from(seeded(seed)):
            with chance.drawing_from(seeded(99)):
                chance.mask(torch.ones(3), 0.5)
            return [chance.mask(torch.ones(20), 0.5) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, range(4)))
    alone = [draw(seed) for seed in range(4)]
    assert all(torch.equal(a, b) for x, y in zip(together, alone, strict=True) for a, b in zip(x, y, strict=True))
    assert not torch.equal(alone[0][0], alone[1][0])


def test_a_mask_keeps_the_mean():
    with chance.drawing_from(seeded(0)):
        mask = chance.mask(torch.ones(200, 100), 0.8)
    assert set(mask.unique().tolist()) == {0.0, 1.25}
    assert abs(mask.mean().item() - 1) < 0.02
