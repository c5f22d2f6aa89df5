"""Choose what runs the network of a trained model: torch, or onnxruntime on an export of it. Opens it when asked.

The same for every task; how an export is opened or made in memory, and what answers with it, a subclass for each says.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch

from seqtag.errors import ModelError, UsageError
from seqtag.nn.network import Network
from seqtag.onnx_export.weights import graph_format, graph_spec
from seqtag.runtime.tagging_engine import Exported, open_export, start_export
from seqtag.store import read_files

if TYPE_CHECKING:
    import onnx

    from seqtag.models.sequence_estimator import SequenceEstimator

logger = logging.getLogger("seqtag")

_FILES = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx"}

# The process, the threads that torch may use, and how often each weight was changed in place.
State = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that holds the weights of a model, and perhaps exports of them."""

    folder: Path
    weights_sha256: str
    versions: tuple[int, ...]  # of the weights when they were those of the folder
    is_default: bool  # whether "auto" may look here: it held model.onnx when the model was loaded from it

    def holds(self, engine: str) -> bool:
        """Whether there is an export for an engine."""
        return (self.folder / _FILES[engine]).is_file()


class Engines:
    """What the network of one trained model can run on. Any number of threads may ask at once.

    Nothing stale answers: weights that were changed in place since they were read have no export, and a forked process
    opens its own. `set_num_threads` of torch counts for onnxruntime too.
    """

    # Weights that no export is asked for, because what answers has them as they are.
    NOT_EXPORTED: frozenset[str] = frozenset()

    def __init__(self, estimator: "SequenceEstimator") -> None:
        self.network: Network[Any] = estimator.network_
        # As trained: `set_params` may ask for another network, which is there after the next `fit` only.
        self.spec = graph_spec(self.network, estimator.vocabulary_, vars(estimator))
        weights = self.network.state_dict(keep_vars=True)
        self._weights = [values for name, values in weights.items() if name not in self.NOT_EXPORTED]
        self._homes: list[Home] = []  # the newest first
        self._opened: dict[str, tuple[State, Any]] = {}
        self._lock = Lock()

    # -- what differs from task to task -------------------------------------------------------

    def _graph(self, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        """Make the graph of the weights as they are now."""
        raise AssertionError("the engines of a task make its graph")

    def _taken(self, exported: Exported) -> Any:
        """Check what an export, or a graph in memory, takes and gives; gives what `_with` wants of it."""
        raise AssertionError("the engines of a task take its graph up")

    def _with(self, opened: Any, estimator: Any, state: State) -> Any:
        """Give what answers with what `_taken` gave."""
        raise AssertionError("the engines of a task answer")

    # -- the same for all ---------------------------------------------------------------------

    def loaded_from(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        """Note the folder that the weights were read from."""
        home = Home(Path(folder), config["files"]["model.safetensors"], self._versions(), is_default=False)
        self._homes = [replace(home, is_default=home.holds("onnx"))]

    def kept_in(self, folder: str | Path) -> None:
        """Note a folder that these weights were saved or exported to.

        "auto" leaves it alone until the model is loaded from there: what it takes does not change between predictions.
        """
        folder, (config, _) = Path(folder), read_files(Path(folder), ())
        is_default = any(home.is_default and home.folder == folder for home in self._homes)
        home = Home(folder, config["files"]["model.safetensors"], self._versions(), is_default=is_default)
        with self._lock:
            self._homes = [home, *(other for other in self._homes if other.folder != folder)]
            self._opened.pop("onnx-int8", None)  # another one may have been written, which is rounded otherwise

    def predictor(self, estimator: "SequenceEstimator") -> Any:
        """Give what answers, on the engine that the estimator asks for.

        Raises UsageError where that is not installed or has no export, ModelError for an export that is damaged or of
        other weights; "auto" then takes torch, and a warning names the file.
        """
        if estimator.engine != "torch":
            with self._lock:
                state = os.getpid(), torch.get_num_threads(), self._versions()
                opened = self._opened_for(estimator.engine, state)
                if opened is not None:
                    return self._with(opened, estimator, state)
        return estimator._predictor()

    def _opened_for(self, engine: str, state: State) -> Any:
        """What was opened for an engine; None where torch is to run the network."""
        found = self._opened.get(engine)
        if found is None or found[0] != state:
            opening = {"auto": self._open_default, "onnx": self._open_or_build, "onnx-int8": self._open_int8}
            found = state, opening[engine](state)
            self._opened[engine] = found
        return found[1]

    def _open_default(self, state: State) -> Any:
        home = next((home for home in self._at_home(state) if home.is_default), None)
        if home is None or next(self.network.parameters()).device.type != "cpu":
            return None
        try:
            return self._open_export(home, "onnx", state)
        except ModelError as error:
            logger.warning("%s; until then torch runs this model", error)
        except UsageError:  # onnxruntime is not installed, or the file is gone: a new model was saved in its place
            pass
        return None

    def _open_or_build(self, state: State) -> Any:
        home = next((home for home in self._at_home(state) if home.holds("onnx")), None)
        if home is not None:
            return self._open_export(home, "onnx", state)
        about = {"format": graph_format(self.spec), "weights_sha256": ""}
        content = self._graph({"seqtag": json.dumps(about)}).SerializeToString()
        return self._taken(start_export(Path("the graph in memory"), content, threads=state[1]))

    def _open_int8(self, state: State) -> Any:
        homes = self._at_home(state)
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

    def _open_export(self, home: Home, engine: str, state: State) -> Any:
        # Read now: the hash of an export is there once it is written, which may be after the model was loaded.
        config, _ = read_files(home.folder, ())
        path, sha256 = home.folder / _FILES[engine], config["files"].get(_FILES[engine])
        return self._taken(open_export(path, weights_sha256=home.weights_sha256, threads=state[1], sha256=sha256))

    def _at_home(self, state: State) -> list[Home]:
        """The folders that hold the weights as they are now."""
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
