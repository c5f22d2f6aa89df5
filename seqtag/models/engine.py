"""Choose the engine that runs the network of a trained model: torch, or onnxruntime on an export of it.

This file knows no task and imports nothing of the runtime; what opens exports is made when something predicts.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import torch

from seqtag.errors import ModelError, SeqtagError, UsageError
from seqtag.nn.network import Network
from seqtag.store import read_files
from seqtag.training.device import guard_forked_children

if TYPE_CHECKING:
    from seqtag.runtime.onnx_session import Exported

logger = logging.getLogger("seqtag")

EngineT = TypeVar("EngineT")

_FILES = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx"}

# The process, the threads that torch may use, and how often each weight was changed in place.
State = tuple[int, int, tuple[int, ...]]
# What a pickle holds of a folder: exports by name, the hash of the weights, and whether "auto" takes model.onnx.
Carried = tuple[Mapping[str, bytes], str, bool]


class Exports(Protocol[EngineT]):
    """What a task adds to the choice: how an export is made, and how an opened one becomes an engine."""

    def content(self, weights_sha256: str, *, int8: bool = False) -> bytes:
        """Make the file of an export from the weights as they are now; it holds the hash that their folder has."""

    def take(self, exported: "Exported") -> Callable[[EngineT], EngineT]:
        """Check the borders of an opened graph; gives what makes an engine of it, from the engine on torch."""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that holds the weights of a model, and perhaps exports of them."""

    folder: Path
    weights_sha256: str
    versions: tuple[int, ...]  # of the weights when they were those of the folder
    is_default: bool  # whether "auto" may look here: it held model.onnx when the model was loaded from it
    exports: Mapping[str, bytes] | None = None  # by name, of a model that was unpickled: there is no folder then

    def holds(self, engine: str) -> bool:
        """Tell whether there is an export for an engine."""
        if self.exports is not None:
            return _FILES[engine] in self.exports
        return (self.folder / _FILES[engine]).is_file()

    def contents(self) -> Mapping[str, bytes]:
        """Give the exports by name; none where the folder has gone or holds other weights by now."""
        if self.exports is not None:
            return self.exports
        try:
            config, _ = read_files(self.folder, ())
        except SeqtagError:
            return {}
        if config["files"]["model.safetensors"] != self.weights_sha256:
            return {}
        return {_FILES[e]: (self.folder / _FILES[e]).read_bytes() for e in _FILES if self.holds(e)}


class Engines(Generic[EngineT]):
    """The engines that the network of one trained model can run on. Any number of threads may ask at once.

    No engine is stale: weights that were changed in place since they were read have no export, and a forked process
    opens its own. `set_num_threads` of torch counts for onnxruntime too. `exports` is called once, when the first graph
    is opened; `not_exported` names weights for which no export is needed, because every engine takes them from torch.
    """

    def __init__(
        self,
        network: Network[Any],
        exports: Callable[[], Exports[EngineT]],
        *,
        not_exported: frozenset[str] = frozenset(),
    ) -> None:
        self.network = network
        weights = network.state_dict(keep_vars=True)
        self._weights = [values for name, values in weights.items() if name not in not_exported]
        self._make_exports = exports
        self._exports: Exports[EngineT] | None = None
        self._homes: list[Home] = []  # the newest first
        self._opened: dict[str, tuple[State, Callable[[EngineT], EngineT] | None]] = {}
        self._locks: dict[int, Lock] = {}  # by process, as a forked one has no threads that could release another's

    def loaded_from(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        """Note the folder that the weights were read from."""
        home = Home(Path(folder), config["files"]["model.safetensors"], self._versions(), is_default=False)
        self._homes = [replace(home, is_default=home.holds("onnx"))]

    def kept_in(self, folder: str | Path) -> None:
        """Note a folder that these weights were saved or exported to.

        "auto" leaves it alone until the model is loaded from there, so that it does not change between predictions.
        """
        folder, (config, _) = Path(folder), read_files(Path(folder), ())
        is_default = any(home.is_default and home.folder == folder for home in self._homes)
        home = Home(folder, config["files"]["model.safetensors"], self._versions(), is_default=is_default)
        with self._lock():
            self._homes = [home, *(other for other in self._homes if other.folder != folder)]
            self._opened.pop("onnx-int8", None)  # another one, with other rounding, may have been written

    def carried(self) -> Carried | None:
        """Give the exports of the weights as they are now, for a pickle; None where there are none."""
        homes = [home for home in self._homes if home.versions == self._versions()]
        for home in sorted(homes, key=lambda home: not home.is_default):
            if exports := home.contents():
                return dict(exports), home.weights_sha256, home.is_default
        return None

    def take_carried(self, carried: Carried | None) -> None:
        """Take what `carried` gave in the place of a folder."""
        self._homes = []
        if carried is not None:
            exports, weights_sha256, is_default = carried
            self._homes = [Home(Path("a pickle"), weights_sha256, self._versions(), is_default, exports)]

    def choose(self, choice: str, on_torch: EngineT) -> EngineT:
        """Give the engine for a `choice` of the option `engine`; `on_torch` is the engine that runs on torch now.

        Raises UsageError where that engine is not installed or has no export, ModelError for an export that is damaged
        or of other weights. "auto" takes torch in such a case, and a warning names the file.
        """
        if choice != "torch":
            with self._lock():
                state = os.getpid(), torch.get_num_threads(), self._versions()
                make = self._opened_for(choice, state)
                if make is not None:
                    return make(on_torch)
        guard_forked_children()
        return on_torch

    def _lock(self) -> Lock:
        return self._locks.setdefault(os.getpid(), Lock())

    def _opened_for(self, choice: str, state: State) -> Callable[[EngineT], EngineT] | None:
        """Open the graph for a choice, or give the one that is open; None where torch is to run the network."""
        found = self._opened.get(choice)
        if found is None or found[0] != state:
            opening = {"auto": self._open_default, "onnx": self._open_or_build, "onnx-int8": self._open_int8}
            found = state, opening[choice](state)
            self._opened[choice] = found
        return found[1]

    def _open_default(self, state: State) -> Callable[[EngineT], EngineT] | None:
        home = next((home for home in self._current_homes(state) if home.is_default), None)
        if home is None or next(self.network.parameters()).device.type != "cpu":
            return None
        try:
            return self._open_export(home, "onnx", state)
        except ModelError as error:
            logger.warning("%s; until then torch runs this model", error)
        except UsageError:  # onnxruntime is not installed, or the file is gone: a new model was saved in its place
            pass
        return None

    def _open_or_build(self, state: State) -> Callable[[EngineT], EngineT]:
        from seqtag.runtime.onnx_session import start_export

        home = next((home for home in self._current_homes(state) if home.holds("onnx")), None)
        if home is not None:
            return self._open_export(home, "onnx", state)
        exports = self._task_exports()
        return exports.take(start_export(Path("the graph in memory"), exports.content(""), threads=state[1]))

    def _open_int8(self, state: State) -> Callable[[EngineT], EngineT]:
        homes = self._current_homes(state)
        for home in homes:
            if home.holds("onnx-int8"):
                return self._open_export(home, "onnx-int8", state)
        if homes:
            raise UsageError(
                f"engine='onnx-int8': there is no {_FILES['onnx-int8']} in {homes[0].folder}; what int8 costs has to "
                f"be measured first, run: seqtag export {homes[0].folder} --int8 --dev DATA"
            )
        raise UsageError(
            "engine='onnx-int8': no folder is known to hold these weights, and so no int8 export of them; save(DIR), "
            "run: seqtag export DIR --int8 --dev DATA, then load(DIR, engine='onnx-int8')"
        )

    def _open_export(self, home: Home, engine: str, state: State) -> Callable[[EngineT], EngineT]:
        from seqtag.runtime.onnx_session import open_export

        path, content, sha256 = home.folder / _FILES[engine], None, None
        if home.exports is not None:
            content = home.exports[path.name]
        else:  # read now: the hash of an export is there once it is written, which may be after the model was loaded
            config, _ = read_files(home.folder, ())
            sha256 = config["files"].get(path.name)
        threads = state[1]
        opened = open_export(path, content=content, weights_sha256=home.weights_sha256, threads=threads, sha256=sha256)
        return self._task_exports().take(opened)

    def _task_exports(self) -> Exports[EngineT]:
        if self._exports is None:
            self._exports = self._make_exports()
        return self._exports

    def _current_homes(self, state: State) -> list[Home]:
        """Give the folders that hold the weights as they are now."""
        return [home for home in self._homes if home.versions == state[2]]

    def _versions(self) -> tuple[int, ...]:
        # What was loaded under torch's inference mode has no count, and can't be changed outside of it.
        return tuple(0 if values.is_inference() else values._version for values in self._weights)


def check_engine(name: str, engine: str) -> None:
    """Raise UsageError, before a training and not after it, for an engine that its result could not run on.

    `name` is that of the estimator, for the message.
    """
    if engine == "onnx-int8":
        raise UsageError(
            f"{name}: engine='onnx-int8' is for a model with an int8 export, which no new one has; train with another "
            "engine, save(DIR), run: seqtag export DIR --int8 --dev DATA, then load(DIR, engine='onnx-int8')"
        )
    if engine == "onnx":
        for package in ("onnx", "onnxruntime"):
            if find_spec(package) is None:
                raise UsageError(
                    f"{name}: engine='onnx' needs {package}, which is not installed; run: pip install \"seqtag[onnx]\""
                )
