"""Run a graph with onnxruntime: a batch a core, several batches side by side. Knows no task."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seqtag.errors import ModelError, UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Padded tokens below which a batch is not cut for the sake of another core: a step of few sentences costs as much as
# one of many.
_LEAST_TOKENS = 512


class Session:
    """An opened graph, and how many cores one caller may use. Any number of threads may call it at once.

    A run takes one core. Cores that share a batch wait for each other at each token of a recurrent layer, and two
    gave 1.2 to 1.4 times the speed of one; two batches side by side give close to twice.
    """

    def __init__(self, session: Any, threads: int) -> None:
        self._session = session  # an onnxruntime.InferenceSession
        self.threads = threads

    def run(self, names: Sequence[str], given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Give the outputs of these names."""
        outputs: list[np.ndarray] = self._session.run(list(names), dict(given))
        return outputs

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Give each item with what a function makes of it, in order; on several cores where there is more than one."""
        items = list(items)
        if self.threads == 1 or len(items) < 2:
            yield from ((item, function(item)) for item in items)
            return
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        # A pool for this call alone: it outlives neither the call nor a fork, and takes a tenth of a millisecond.
        with ThreadPoolExecutor(min(self.threads, len(items))) as pool:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) > self.threads:  # so many results at most are in memory
                    first, result = waiting.popleft()
                    yield first, result.result()
            for first, result in waiting:
                yield first, result.result()

    def batch_tokens(self, num_tokens: int, most: int) -> int:
        """Say how many padded tokens a batch may have, so that each core gets its share of a small call."""
        return min(most, max(_LEAST_TOKENS, -(-num_tokens // self.threads)))

    @property
    def inputs(self) -> dict[str, list[Any]]:
        """The shape of each input by name; a name in place of a number may be any number."""
        return {value.name: value.shape for value in self._session.get_inputs()}

    @property
    def outputs(self) -> list[str]:
        """The names of what it gives."""
        return [value.name for value in self._session.get_outputs()]

    @property
    def metadata(self) -> dict[str, str]:
        """What was written into the file beside the graph."""
        stored: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return stored


def open_session(path: Path, content: str | bytes, *, threads: int | None, advice: str) -> Session:
    """Hand a graph to onnxruntime, from a file or from memory; `path` is what messages name, `advice` ends them.

    `threads` is how many cores one caller may use; None: all that the process may. Raises UsageError where
    onnxruntime is not installed, ModelError where it can't read the graph.
    """
    try:
        import onnxruntime as ort
        from onnxruntime.capi import onnxruntime_pybind11_state as failures
    except ImportError:
        raise UsageError('onnxruntime is not installed; run: pip install "seqtag[runtime]"') from None
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # a library does not write to standard error; errors are raised anyway
    damaged = (
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NotImplemented,
        failures.RuntimeException,
    )
    try:
        opened = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except damaged as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path}: damaged, onnxruntime can't read it ({first_line}); {advice}") from None
    return Session(opened, threads or _num_cores())


def _num_cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
