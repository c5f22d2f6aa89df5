"""How many processes a launcher has started to train one model together. Imports no torch, so that commands can ask."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# `accelerate launch` and torchrun set all of these. Some of them alone may be left over from another program.
_SET_BY_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR")


def num_processes() -> int:
    """Give the number of processes that train together; 1 unless several have been launched."""
    if group := _process_group():
        return int(group.get_world_size())
    size = os.environ.get("WORLD_SIZE", "")
    is_launched = all(os.environ.get(name) for name in _SET_BY_LAUNCHERS) and size.isdecimal()
    return max(1, int(size)) if is_launched else 1


def is_main_process() -> bool:
    """Say whether this process is the one that writes and logs: the only one, or the first of several."""
    if group := _process_group():
        return int(group.get_rank()) == 0
    return num_processes() == 1 or os.environ["RANK"] == "0"


@contextmanager
def leftovers_hidden() -> Iterator[None]:
    """Hide variables that look like a launch from Accelerate, which would wait for ever for the other processes."""
    is_launched = num_processes() > 1
    hidden = {} if is_launched else {name: os.environ.pop(name) for name in _SET_BY_LAUNCHERS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _process_group() -> Any:
    """Give torch's module of process groups where this process is in a group, which only a real launch brings about."""
    distributed = sys.modules.get("torch.distributed")
    return distributed if distributed and distributed.is_available() and distributed.is_initialized() else None
