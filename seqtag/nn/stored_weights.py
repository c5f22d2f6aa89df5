"""Give a network the weights of a file that may come from anywhere: it takes no more memory than these, or fails.

Knows names, sizes and types of weights; knows no file and no option.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from seqtag.errors import one_line

NetworkT = TypeVar("NetworkT", bound=nn.Module)

_SLACK = 1 << 16  # numbers that a small network may need beyond twice its weights
_FACTORIES = (torch.ops.aten.empty.memory_format, torch.ops.aten.zeros.default)


class _Budget(TorchDispatchMode):
    """Lets tensors be made inside a `with` block until they have so many numbers; then raises ValueError."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = numbers

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return (
            False  # else torch imports its compiler, which takes 100 MB and a second, for a step that compiles nothing
        )

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in _FACTORIES:
            self.left -= math.prod(args[0])
            if self.left < 0:
                raise ValueError("the options ask for a far larger network than there are weights for")
        return function(*args, **(kwargs or {}))


def build_with(build: Callable[[], NetworkT], weights: Mapping[str, Tensor]) -> NetworkT:
    """Build a network and give it weights; ValueError says what does not fit, before memory or time are spent on it."""
    try:
        with _Budget(2 * sum(values.numel() for values in weights.values()) + _SLACK):
            network = build()
        for name, expected in network.state_dict().items():
            _check_fits(name, expected, weights.get(name, expected))
        network.load_state_dict(weights)
    # Torch and the parts of a network have an error of each kind for sizes that can't be.
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError, AssertionError) as error:
        raise ValueError(one_line(error)) from error
    return network


def _check_fits(name: str, expected: Tensor, given: Tensor) -> None:
    if expected.shape != given.shape or expected.dtype != given.dtype:
        kinds = (f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape)}" for t in (given, expected))
        raise ValueError("{} is {}, and should be {}".format(name, *kinds))
    if given.is_floating_point() and not given.isfinite().all():
        raise ValueError(f"{name} has numbers that are infinite or no numbers")
