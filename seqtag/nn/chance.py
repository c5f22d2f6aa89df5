"""Draw what training leaves to chance. Numbers come from torch's global generator, or from the generator of a thread.

Every module that drops or samples draws through this file, so that threads that compute at the same time can each have
a generator of their own: what is drawn then depends on no timing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional


class _Thread(threading.local):
    generator: torch.Generator | None = None


_THREAD = _Thread()


def generator() -> torch.Generator | None:
    """Give the generator of this thread; None stands for torch's global one, as it does for torch's own functions."""
    return _THREAD.generator


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Draw from a given generator in this thread, inside a `with` block.

    >>> def draw():
    ...     with drawing_from(torch.Generator().manual_seed(1)):
    ...         return dropout(torch.ones(8), 0.5)
    >>> torch.equal(draw(), draw())
    True
    """
    before, _THREAD.generator = _THREAD.generator, generator
    try:
        yield
    finally:
        _THREAD.generator = before


def dropout(values: Tensor, probability: float) -> Tensor:
    """Set values to 0 with some probability, and divide the others by the probability to stay."""
    if _THREAD.generator is None or not probability:
        return functional.dropout(values, probability)
    return values * mask(values, 1 - probability)


def mask(like: Tensor, keep: float) -> Tensor:
    """Give a tensor of the same shape that is 1 / keep with probability `keep`, and 0 elsewhere."""
    return torch.empty_like(like).bernoulli_(keep, generator=_THREAD.generator).div_(keep)
