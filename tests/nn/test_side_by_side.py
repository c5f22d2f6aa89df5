"""Two calls at the same time: their values and gradients are those of two calls in a row, bit for bit."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.side_by_side import both, helped_by


@pytest.fixture
def helper():
    with ThreadPoolExecutor(1, "helper", torch.set_num_threads, (torch.get_num_threads(),)) as pool:
        yield pool


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("encoder", ["lstm", "gru", "rnn_tanh"])
def test_both_directions_give_the_numbers_of_one_thread(helper, encoder, num_layers):
    torch.manual_seed(0)
    model = RecurrentEncoder(5, encoder=encoder, hidden_size=7, num_layers=num_layers, dropout=0.3)
    embedded_BTE, lengths_B = torch.randn(3, 6, 5, requires_grad=True), torch.tensor([6, 5, 6])

    def read():
        torch.manual_seed(1)
        hidden_BTH = model(embedded_BTE, lengths_B)
        return hidden_BTH, *torch.autograd.grad(hidden_BTH.square().sum(), [embedded_BTE, *model.parameters()])

    expected = read()
    with helped_by(helper):
        found = read()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_helper_has_the_second_call_and_its_way_back_and_none_without_a_gradient(helper):
    seen = []

    class Seen(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            seen.append(("forward", threading.current_thread().name.split("_")[0]))
            return value * 2

        @staticmethod
        def backward(ctx, gradient):
            seen.append(("backward", threading.current_thread().name.split("_")[0]))
            return gradient * 2

    first, second = torch.ones(1, requires_grad=True), torch.full((1,), 3.0, requires_grad=True)
    with helped_by(helper):
        (sum(both(Seen.apply, [first], [second])) * 5).backward()
        assert sorted(seen) == [(way, name) for way in ("backward", "forward") for name in ("MainThread", "helper")]
        assert (first.grad.item(), second.grad.item()) == (10, 10)
        seen.clear()
        with torch.no_grad():
            both(Seen.apply, [first], [second])
    assert {name for _, name in seen} == {"MainThread"}


def test_what_needs_no_gradient_gets_none_and_an_error_comes_out(helper):
    fixed, learned = torch.ones(2), torch.ones(2, requires_grad=True)
    with helped_by(helper):
        first, second = both(torch.mul, [fixed, learned], [fixed, fixed])
        (first.sum() + second.sum()).backward()
        assert learned.grad.tolist() == [1, 1]
        with pytest.raises(RuntimeError, match="size"):
            both(torch.mul, [fixed, learned], [fixed, torch.ones(3)])
