"""Open an exported graph and run it with onnxruntime: one core per batch, several batches side by side.

Knows the file and its metadata, and no task.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seqtag.errors import ModelError, UsageError, one_line
from seqtag.inference.finite import check_finite
from seqtag.model_files import parse_json, read_inside
from seqtag.runtime.graph_check import ForeignGraphError, check_graph
from seqtag.text.language_rules import Cutter, LanguageRules

Item = TypeVar("Item")
Result = TypeVar("Result")

# An export with a context has format 2, that of a classifier without an encoder format 3, one with lists format 4, and
# one with vectors of unseen words format 5; all others have format 1, which earlier releases read as well.
EXPORT_FORMAT, CONTEXT_FORMAT, CONSTANTS_FORMAT, LISTS_FORMAT, UNSEEN_FORMAT = 1, 2, 3, 4, 5
METADATA_KEY = "seqtag"
RULES_KEY = "seqtag.language_rules"  # in the metadata: how texts are cut
# A batch has no more padded tokens than this, and no more than in the training of the model.
MAX_TOKENS = 2048
# Padded tokens below which a batch is not cut for the sake of another core: a step of few sentences costs as much as
# one of many.
_LEAST_TOKENS = 512


class Session:
    """An opened graph, and how many cores one caller may use. Any number of threads may call it at once.

    Each run takes one core. Cores that share a batch wait for each other at each token of a recurrent layer: two of
    them gave 1.2 to 1.4 times the speed of one, and two batches side by side give close to twice the speed.
    """

    def __init__(self, session: Any, threads: int, path: Path | None = None) -> None:
        self._session = session  # an onnxruntime.InferenceSession
        self.threads = threads
        self._path = path  # for messages

    def run(self, names: Sequence[str], given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run the graph and give the outputs of these names.

        Raises ModelError where it can't be run, because it is no graph of this model, or gives no finite numbers.
        """
        try:
            outputs: list[np.ndarray] = self._session.run(list(names), dict(given))
        except _failures() as error:
            raise ModelError(f"{self._path}: onnxruntime can't run it ({one_line(error)}); export again") from None
        is_finite = all(np.isfinite(output).all() for output in outputs if output.dtype.kind == "f")
        check_finite(is_finite, given=given.values())
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
                if len(waiting) > self.threads:  # no more results than this are in memory
                    first, result = waiting.popleft()
                    yield first, result.result()
            for first, result in waiting:
                yield first, result.result()

    def batch_tokens(self, num_tokens: int, most: int) -> int:
        """Say how many padded tokens a batch may have, so that each core gets its share of a small call."""
        return min(most, max(_LEAST_TOKENS, -(-num_tokens // self.threads)))

    @property
    def inputs(self) -> dict[str, list[Any]]:
        """The shape of each input by name; an axis that is named instead of numbered may have any length."""
        return {value.name: value.shape for value in self._session.get_inputs()}

    @property
    def outputs(self) -> dict[str, list[Any]]:
        """The shape of each output by name."""
        return {value.name: value.shape for value in self._session.get_outputs()}

    @property
    def metadata(self) -> dict[str, str]:
        """What was written into the file beside the graph."""
        stored: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return stored


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was opened, of a format that this release reads."""

    path: Path
    session: Session
    about: Mapping[str, Any]  # the metadata in the file

    def damaged(self, what: str) -> ModelError:
        """Give the error that says what is wrong with the file."""
        return ModelError(f"{self.path}: damaged, {what}; {_again(self.path)}")

    def cutter(self) -> Cutter | None:
        """Make what cuts texts by the rules in the file; None where it holds none, as those of earlier releases."""
        stored = self.session.metadata.get(RULES_KEY)
        if stored is None:
            return None
        try:
            return Cutter(LanguageRules.from_dict(parse_json(self.path, stored.encode())))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.damaged(f"the rules of its language can't be read ({one_line(error)})") from None

    def check_borders(self, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        """Raise ModelError where the graph has other inputs or outputs."""
        found = set(self.session.inputs), set(self.session.outputs)
        if found != (set(inputs), set(outputs)):
            raise self.damaged(f"it takes {sorted(found[0])} and gives {sorted(found[1])}")


def check_threads(threads: object) -> None:
    """Raise UsageError for what is no number of threads, and not None, which means all cores."""
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1):
        raise UsageError(f"threads={threads!r}: give a whole number of threads, at least 1, or None for all cores")


def open_export(
    path: Path, *, weights_sha256: str, threads: int | None, sha256: str | None = None, content: bytes | None = None
) -> Exported:
    """Open an export of any task, and check that it is whole, of a known format and made from these weights.

    `threads` is how many cores one call may use; None: all that the process may. `sha256` is the hash of the file where
    it is known, `content` what the file held where it is not there any more. Raises UsageError where there is no export
    or no onnxruntime, ModelError for a file that is damaged or was made from other weights.
    """
    check_threads(threads)
    if content is None and not os.path.lexists(path):
        raise UsageError(f"{path.parent}: there is no {path.name} in it; {_again(path)}")
    if content is None:
        content = read_inside(path)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{path}: damaged, it is not the file that was exported; {_again(path)}")
    try:
        check_graph(content)
    except ForeignGraphError as error:
        raise ModelError(f"{path}: damaged, or not an export of seqtag: {error}; {_again(path)}") from None
    exported = start_export(path, content, threads=threads)
    if exported.about["weights_sha256"] != weights_sha256:
        raise ModelError(f"{path}: made from other weights than those of this model; {_again(path)}")
    return exported


def start_export(path: Path, content: bytes, *, threads: int | None) -> Exported:
    """Start a graph, and read its metadata; `path` is the name that messages give it."""
    session = open_session(path, content, threads=threads)
    stored = session.metadata.get(METADATA_KEY)
    if stored is None:
        raise ModelError(f"{path}: not an export of seqtag, its metadata say nothing; {_again(path)}")
    try:
        about = parse_json(path, stored.encode())
        version = about["format"]
        about["weights_sha256"]
        is_newer = version > UNSEEN_FORMAT
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: damaged, its metadata can't be read ({error!r}); {_again(path)}") from None
    if is_newer:
        raise ModelError(
            f"{path}: format version {version} is newer than this release reads ({UNSEEN_FORMAT}); upgrade seqtag"
        )
    return Exported(path, session, about)


def open_session(path: Path, content: bytes, *, threads: int | None) -> Session:
    """Hand a graph to onnxruntime: as bytes, so that it opens no file that the graph may name.

    Raises UsageError where onnxruntime is not installed, ModelError where it can't read the graph.
    """
    # The import itself asks for the address of a server and writes an identifier of the machine, unless this is set.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as ort
    except ImportError:
        raise UsageError('onnxruntime is not installed; run: pip install "seqtag[runtime]"') from None
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # a library does not write to standard error; errors are raised anyway
    try:
        # Without a fallback, which would print to standard output and try the same provider once more.
        opened = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        session = Session(opened, threads or _num_cores(), path)
        _ = session.inputs, session.outputs, session.metadata  # read now, because they may be no text
    except _failures() as error:
        raise ModelError(f"{path}: damaged, onnxruntime can't read it ({one_line(error)}); {_again(path)}") from None
    opened._model_bytes = None  # it keeps them for a provider that fails, and there is one provider
    return session


@cache
def _failures() -> tuple[type[Exception], ...]:
    """List what onnxruntime raises; its exceptions have no common base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*found, ValueError, TypeError, RuntimeError)


def _num_cores() -> int:
    """Count the cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _again(path: Path) -> str:
    return f"export the model again: seqtag export {path.parent}" + " --int8" * path.name.endswith(".int8.onnx")
