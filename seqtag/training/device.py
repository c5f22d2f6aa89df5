"""Choose the device to compute on, and set Accelerate up for it. Knows no network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch

from seqtag.errors import UsageError
from seqtag.training.launch import leftovers_hidden, num_processes


def make_accelerator(name: str, precision: str) -> Any:
    """Set Accelerate up for a device by name and `fp32` or `bf16`; UsageError for a device that is not there."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    guard_forked_children()
    device = pick_device(name)
    # Accelerate keeps its settings for the life of the process, and a second fit may want others. Under `accelerate
    # launch` the process group must stay.
    if AcceleratorState._shared_state and num_processes() == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # Accelerate computes on the current device if there is one process
    with leftovers_hidden():
        return Accelerator(mixed_precision="bf16" if precision == "bf16" else "no", cpu=device.type == "cpu")


@contextmanager
def generators_kept(device: str) -> Iterator[None]:
    """Give torch's global generators the state back, after a `with` block, that they had before it.

    Generators of GPUs are among them where the block computes on a GPU or something else in this process does.
    """
    has_gpu = torch.cuda.is_initialized() or (device != "cpu" and torch.cuda.is_available())
    with torch.random.fork_rng(range(torch.cuda.device_count()) if has_gpu else ()):
        yield


def pick_device(name: str) -> torch.device:
    """Turn `auto` into the GPU where there is one, else the CPU; check any other name.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(
            f"unknown device {name!r}; choose auto, cpu, or one of torch's such as cuda or cuda:1"
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r}: torch sees {torch.cuda.device_count()} GPUs here; use device='auto' or 'cpu'"
        )
    return device


@cache
def guard_forked_children() -> None:
    """Make torch compute on one thread in each process that is forked from this one; called before torch computes here.

    A fork copies none of the threads that OpenMP has started, and a child that counts on them waits for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
