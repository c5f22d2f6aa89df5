"""Choose what runs the network of a trained tagger: torch, or onnxruntime on an export of it. Opens it when asked.

Whatever computes the emissions, the head is the tagger's as it stands now: one tuned after its export answers tuned.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seqtag.errors import ModelError, UsageError
from seqtag.models.graphs import graph_format, graph_spec, graph_weights
from seqtag.models.inference import HeadedAnswers
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.runtime import crf, heads
from seqtag.runtime.engine import MAX_TOKENS, RuntimeEngine, open_network, start_export
from seqtag.runtime.graph import build_graph
from seqtag.runtime.words import WordTable
from seqtag.store import read_files
from seqtag.text.answers import Sentences

if TYPE_CHECKING:
    from seqtag.models.tagger import Tagger

logger = logging.getLogger("seqtag")

_FILES = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx"}

# The process, the threads that torch may use, and how often each weight was changed in place.
State = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class OnnxPredictor(RuntimeEngine, HeadedAnswers):
    """A network on onnxruntime, with the head of the torch network beside it for what needs torch."""

    network: TagNetwork = field(kw_only=True)

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """The numbers, emissions and lengths of sentences, batch by batch."""
        device = self.network.head.shift_L.device
        for indices, batch in self.scored(sentences):
            assert isinstance(batch, heads.ScoredBatch)
            emissions_BTL = torch.from_numpy(batch.emissions_BTL).to(device)
            yield indices, emissions_BTL, torch.from_numpy(batch.lengths_B).to(device)


@dataclass(frozen=True, slots=True)
class _Home:
    """A folder that holds the weights of a tagger, and perhaps exports of them."""

    folder: Path
    weights_sha256: str
    versions: tuple[int, ...]  # of the weights when they were those of the folder
    is_default: bool  # whether "auto" may look here: it held model.onnx when the tagger was loaded from it

    def holds(self, engine: str) -> bool:
        """Whether there is an export for an engine."""
        return (self.folder / _FILES[engine]).is_file()


class Engines:
    """What the network of one trained tagger can run on. Any number of threads may ask at once.

    Nothing stale answers: weights that were changed in place since they were read have no export, and a forked process
    opens its own. `set_num_threads` of torch counts for onnxruntime too.
    """

    def __init__(self, tagger: "Tagger") -> None:
        self.network: TagNetwork = tagger.network_
        self._tagset, self._words = tagger.tagset_, WordTable(tagger.vocabulary_)
        # As trained: `set_params` may ask for another network, which is there after the next `fit` only.
        self._spec = graph_spec(self.network, tagger.vocabulary_, vars(tagger))
        # The temperature is left out: it stands in the head, which every engine takes as it is.
        weights = self.network.state_dict(keep_vars=True)
        self._weights = [values for name, values in weights.items() if name != "head.temperature"]
        self._homes: list[_Home] = []  # the newest first
        self._opened: dict[str, tuple[State, Any]] = {}
        self._head: tuple[tuple[State, float], heads.Head] | None = None
        self._lock = Lock()

    def loaded_from(self, folder: str | Path, config: Mapping[str, Any]) -> None:
        """Note the folder that the weights were read from."""
        home = _Home(Path(folder), config["files"]["model.safetensors"], self._versions(), is_default=False)
        self._homes = [replace(home, is_default=home.holds("onnx"))]

    def kept_in(self, folder: str | Path) -> None:
        """Note a folder that these weights were saved or exported to.

        "auto" leaves it alone until the tagger is loaded from there: what it takes does not change between predictions.
        """
        folder, (config, _) = Path(folder), read_files(Path(folder), ())
        is_default = any(home.is_default and home.folder == folder for home in self._homes)
        home = _Home(folder, config["files"]["model.safetensors"], self._versions(), is_default=is_default)
        with self._lock:
            self._homes = [home, *(other for other in self._homes if other.folder != folder)]
            self._opened.pop("onnx-int8", None)  # another one may have been written, which is rounded otherwise

    def predictor(self, tagger: "Tagger") -> HeadedAnswers:
        """Give what answers, on the engine that the tagger asks for.

        Raises UsageError where that is not installed or has no export, ModelError for an export that is damaged or of
        other weights; "auto" then takes torch, and a warning names the file.
        """
        if tagger.engine == "torch":
            return tagger._predictor()
        with self._lock:
            state = os.getpid(), torch.get_num_threads(), self._versions()
            session = self._session(tagger.engine, state)
            if session is None:
                return tagger._predictor()
            head = self._current_head(state)
        return OnnxPredictor(
            session,
            head,
            self._words,
            self._tagset,
            min(tagger.max_tokens, MAX_TOKENS),
            tagger.thresholds_,
            tagger._context_reader,
            network=self.network,
        )

    def _session(self, engine: str, state: State) -> Any:
        """The opened network of an engine; None where torch is to run it."""
        found = self._opened.get(engine)
        if found is None or found[0] != state:
            opening = {"auto": self._open_default, "onnx": self._open_or_build, "onnx-int8": self._open_int8}
            found = state, opening[engine](state)
            self._opened[engine] = found
        return found[1]

    def _open_default(self, state: State) -> Any:
        home = next((home for home in self._at_home(state) if home.is_default), None)
        if home is None or self.network.head.shift_L.device.type != "cpu":
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
        about = {"format": graph_format(self._spec), "weights_sha256": ""}
        model = build_graph(graph_weights(self.network), self._spec, metadata={"seqtag": json.dumps(about)})
        content = model.SerializeToString()
        return start_export(Path("the graph in memory"), content, threads=state[1]).session

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

    def _open_export(self, home: _Home, engine: str, state: State) -> Any:
        # Read now: the hash of an export is there once it is written, which may be after the tagger was loaded.
        config, _ = read_files(home.folder, ())
        name, threads = _FILES[engine], state[1]
        return open_network(
            home.folder / name,
            self._tagset,
            weights_sha256=home.weights_sha256,
            threads=threads,
            sha256=config["files"].get(name),
            has_context=bool(self._spec.context),
        )[0]

    def _at_home(self, state: State) -> list[_Home]:
        """The folders that hold the weights as they are now."""
        return [home for home in self._homes if home.versions == state[2]]

    def _versions(self) -> tuple[int, ...]:
        # What was loaded under torch's inference mode has no count, and can't be changed outside of it.
        return tuple(0 if values.is_inference() else values._version for values in self._weights)

    def _current_head(self, state: State) -> heads.Head:
        key = state, float(self.network.head.temperature)
        if self._head is None or self._head[0] != key:
            self._head = key, runtime_head(self.network.head)
        return self._head[1]


def check_engine(engine: str) -> None:
    """Raise UsageError, before a training and not after it, for an engine that its result could not run on."""
    if engine == "onnx-int8":
        raise UsageError(
            "Tagger: engine='onnx-int8' is for a model with an int8 export, which no new one has; train with another "
            "engine, save(DIR), run: seqtag export DIR --int8 --dev DATA, then load(DIR, engine='onnx-int8')"
        )
    if engine == "onnx":
        for package in ("onnx", "onnxruntime"):
            if find_spec(package) is None:
                raise UsageError(
                    f"Tagger: engine='onnx' needs {package}, which is not installed; run: pip install \"seqtag[onnx]\""
                )


@torch.no_grad()
def runtime_head(head: LinearHead | CRFHead) -> heads.Head:
    """Give the head of a network as the runtime has it, at its temperature."""
    temperature = float(head.temperature)
    if isinstance(head, LinearHead):
        return heads.LinearHead(temperature)
    parts = [part.double().cpu().numpy() for part in head.scores()]
    return heads.CRFHead(crf.Scores(*parts), crf.Scores(*(part / temperature for part in parts)), temperature)
