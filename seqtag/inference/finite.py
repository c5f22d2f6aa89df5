"""The check that no prediction is made from numbers that are infinite or no numbers, and what to do where it fails."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqtag.errors import ModelError

_LARGE = 1e6  # no weight that was learned is so large, and no feature that was scaled by its deviation
_SLOWER = "train it again with a lower learning_rate"


def check_finite(is_finite: object, *, network: Any = None, given: Iterable[np.ndarray] = ()) -> None:
    """Raise ModelError where a network computed anything but finite numbers: such a model has no answer.

    `network` is a module of torch, and `given` are the numbers that it read; what is wrong with them is named.
    """
    if not is_finite:
        what = "the network computes numbers that are infinite or no numbers, so it has no answer"
        raise ModelError(
            f"{what}: {large_input(given) or large_weights(network) or f'its weights overflow; {_SLOWER}'}"
        )


def large_input(given: Iterable[np.ndarray]) -> str | None:
    """Say that numbers which a network read are too large, or not finite, and what to do; None where they are not."""
    largest = max((float(np.abs(values).max(initial=0.0)) for values in given if values.dtype.kind == "f"), default=0.0)
    if np.isfinite(largest) and largest < _LARGE:
        return None
    return f"the input holds {largest:.3g}, far from the numbers of the training data; give it in their unit"


def large_weights(network: Any, *, advice: str = _SLOWER) -> str | None:
    """Say which weights of a network are not finite, or too large, and what to do; None where there are none."""
    largest, name = 0.0, ""
    for other, values in () if network is None else network.named_parameters():
        size = float(values.detach().abs().max()) if values.numel() else 0.0
        if not np.isfinite(size):
            return f"the weights {other} are not finite; {advice}"
        largest, name = max((largest, name), (size, other))
    return f"the weights {name} are as large as {largest:.3g}; {advice}" if largest >= _LARGE else None
