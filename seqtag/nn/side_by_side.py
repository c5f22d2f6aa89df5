"""Compute a function of tensors twice at the same time, forwards and backwards, where a thread has a helper.

It is meant for few and large operations, such as the two directions of a recurrent layer: threads that run many small
ones wait for each other, as Python lets one of them go on at a time. What comes out is the same, bit for bit, with a
helper and without.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Result = TypeVar("Result")


class _Thread(threading.local):
    helper: Executor | None = None


_THREAD = _Thread()


@contextmanager
def helped_by(helper: Executor) -> Iterator[None]:
    """Let a helper compute one of two calls for this thread, inside a `with` block."""
    before, _THREAD.helper = _THREAD.helper, helper
    try:
        yield
    finally:
        _THREAD.helper = before


def both(function: Callable[..., Tensor], first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Give `function(*first)` and `function(*second)`; each takes as many tensors.

    >>> both(torch.add, [torch.tensor(1), torch.tensor(2)], [torch.tensor(3), torch.tensor(4)])
    (tensor(3), tensor(7))
    """
    if _THREAD.helper is None or not torch.is_grad_enabled():
        return function(*first), function(*second)
    assert len(first) == len(second), "the tensors of the two calls are told apart by their number"
    results: tuple[Tensor, Tensor] = _Both.apply(function, _THREAD.helper, *first, *second)
    return results


class _Both(torch.autograd.Function):
    """Two graphs inside a graph: each is made, and gone back through, in a thread of its own."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], helper: Executor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        inputs = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in tensors]
        middle = len(inputs) // 2

        def compute(given: Sequence[Tensor]) -> Tensor:
            with torch.enable_grad():
                return function(*given)

        ctx.helper, ctx.inputs = helper, (inputs[:middle], inputs[middle:])
        ctx.results = _at_once(helper, compute, [(given,) for given in ctx.inputs])
        first, second = ctx.results
        return first.detach(), second.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def go_back(result: Tensor, inputs: Sequence[Tensor], gradient: Tensor) -> list[Tensor | None]:
            wanted = [given for given in inputs if given.requires_grad]
            found = iter(torch.autograd.grad(result, wanted, gradient) if wanted else ())
            return [next(found) if given.requires_grad else None for given in inputs]

        first, second = _at_once(ctx.helper, go_back, list(zip(ctx.results, ctx.inputs, gradients)))
        return (None, None, *first, *second)


def _at_once(helper: Executor, work: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> list[Result]:
    """Make two calls, the second one in the thread of the helper."""
    mine, others = calls
    other = helper.submit(work, *others)
    return [work(*mine), other.result()]
