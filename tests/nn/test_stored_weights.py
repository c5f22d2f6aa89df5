"""Weights from a file: a network that they don't fit is never built, and what is wrong is said in a line."""

import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from seqtag.nn.stored_weights import build_with

WEIGHTS = nn.LSTM(3, 4).state_dict()


def test_weights_that_fit_are_taken_bit_for_bit():
    network = build_with(lambda: nn.LSTM(3, 4), WEIGHTS)
    assert all(torch.equal(values, WEIGHTS[name]) for name, values in network.state_dict().items())


@pytest.mark.parametrize(
    "build",
    [lambda: nn.LSTM(3, 1 << 40), lambda: nn.LSTM(3, 4, num_layers=10**6), lambda: nn.Embedding(1 << 30, 1 << 30)],
    ids=["width", "layers", "rows"],
)
def test_a_network_far_larger_than_its_weights_is_not_built(build):
    started = time.monotonic()
    with pytest.raises(ValueError, match="a far larger network than there are weights for"):
        build_with(build, WEIGHTS)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias_hh_l0": torch.zeros(5)}, r"bias_hh_l0 is float32 \(5,\), and should be float32 \(16,\)"),
        ({"bias_hh_l0": torch.zeros(16).double()}, r"is float64 \(16,\), and should be float32 \(16,\)"),
        ({"bias_hh_l0": torch.full((16,), torch.inf)}, "bias_hh_l0 has numbers that are infinite"),
        ({"bias_hh_l0": torch.full((16,), torch.nan)}, "or no numbers"),
        ({"more": torch.zeros(1)}, "Unexpected key"),
    ],
    ids=["shape", "type", "infinite", "nan", "more"],
)
def test_weights_that_do_not_fit_are_named_in_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        build_with(lambda: nn.LSTM(3, 4), WEIGHTS | change)
    assert "\n" not in str(caught.value)


def test_a_network_that_can_not_be_is_an_error_of_the_same_kind():
    with pytest.raises(ValueError, match="proj_size"):
        build_with(lambda: nn.LSTM(3, 4, proj_size=9), WEIGHTS)


def test_giving_a_network_its_weights_does_not_import_the_compiler_of_torch():
    script = (
        "import sys; from torch import nn, zeros; from seqtag.nn.stored_weights import build_with; "
        "build_with(lambda: nn.Embedding(2, 3), {'weight': zeros(2, 3)}); print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("False\n", "")
