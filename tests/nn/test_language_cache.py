"""The cache of a language model against its definition, a place at a time."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.nn.language_cache import Cache, CacheMemory


def probabilities_by_hand(hidden_TE, targets_T, *, size, flatness, num_symbols):
    """Give what the cache says of every symbol at each place but the first."""
    distributions = []
    for here in range(1, len(targets_T)):
        counts = [0.0] * num_symbols
        for before in range(max(0, here - size), here):
            counts[targets_T[before]] += math.exp(flatness * float(hidden_TE[here] @ hidden_TE[before]))
        distributions.append([count / sum(counts) for count in counts])
    return torch.tensor(distributions, dtype=torch.float64)


@given(
    st.integers(1, 12), st.integers(1, 15), st.lists(st.integers(1, 6), max_size=3), st.sampled_from([0.0, 0.5, 3.0])
)
@settings(max_examples=40)
def test_windows_of_any_length_give_the_definition(size, num_symbols_read, borders, flatness):
    generator = torch.Generator().manual_seed(size)
    hidden_TE = torch.randn(num_symbols_read, 3, generator=generator, dtype=torch.float64)
    targets_T = torch.randint(4, (num_symbols_read,), generator=generator)
    losses_T = torch.rand(num_symbols_read, generator=generator, dtype=torch.float64)
    memory, parts = CacheMemory(size, width=3), []
    for window in torch.arange(num_symbols_read).tensor_split(sorted(set(borders))):
        parts.append(memory.losses(hidden_TE[window], targets_T[window], losses_T[window], [flatness, 1.0]))
    found_FT = torch.cat(parts, 1)
    expected = probabilities_by_hand(hidden_TE, targets_T.tolist(), size=size, flatness=flatness, num_symbols=4)
    torch.testing.assert_close(found_FT[:, 0], losses_T[0].expand(2))  # of the first the cache says nothing
    if num_symbols_read > 1:
        torch.testing.assert_close((-found_FT[0, 1:]).exp(), expected.gather(1, targets_T[1:, None])[:, 0])
    assert len(memory.symbols_M) == min(size, num_symbols_read)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_mix_is_of_probabilities(share):
    losses_T, cached_T = torch.tensor([0.1, 3.0, 2.0]), torch.tensor([2.0, 3.0, torch.inf])
    expected_T = (1 - share) * (-losses_T).exp() + share * (-cached_T).exp()
    torch.testing.assert_close(Cache(share=share).mix(losses_T, cached_T), -expected_T.log())
