"""Choose the device to compute on, and set Accelerate up for it. Knows no network."""

from typing import Any

import torch

from seqtag.errors import UsageError


def make_accelerator(name: str, precision: str) -> Any:
    """Set Accelerate up for a device by name and `fp32` or `bf16`; UsageError for a device that is not there."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    device = pick_device(name)
    # Accelerate keeps its settings for the life of the process, and a second fit may want others. Under `accelerate
    # launch` the process group must stay.
    if AcceleratorState._shared_state and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # Accelerate computes on the current device if there is one process
    return Accelerator(mixed_precision="bf16" if precision == "bf16" else "no", cpu=device.type == "cpu")


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
