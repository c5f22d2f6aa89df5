"""What an export needs before and after its graph is made, whatever the task: its place, made-up rows, and a verdict.

An export is tried before it is written: it has to predict what torch predicts. With int8 some predictions change, and
labelled data say what that costs.
"""

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from seqtag.errors import ModelError, UsageError
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.models.engine import Exports
from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.nn.network import Network
from seqtag.onnx_export.language_rules import with_rules
from seqtag.runtime.onnx_session import start_export
from seqtag.store import StoredModel, read_model, write_export
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.launch import is_main_process

logger = logging.getLogger("seqtag")

TorchEngineT = TypeVar("TorchEngineT", TorchTagEngine, TorchClassEngine)

MOST_LOST = 0.5  # points of the figure that int8 may cost
_NUM_INVENTED, _LONGEST_INVENTED = 200, 40
# Rounding moves scores by so much, as a share of the largest, and may choose another of two that are alike.
ROUNDING = 1e-4


def write_tried_export(
    on_torch: TorchEngineT,
    exports_of: Callable[[TorchEngineT], Exports[Any]],
    trial: Callable[[TorchEngineT, Any, Path], None],
    folder: Path,
    *,
    language: str | None,
    int8: bool,
    force: bool,
    has_dev: bool,
) -> Path:
    """Write the export of a network into the folder of its model once `trial` has raised nothing; gives its path.

    `trial` gets the engine on torch, on a CPU since a GPU rounds in its own way, the engine of the export, and the path
    for messages. The rules of `language`, None for series, are stored with the graph, so that the runtime cuts texts
    without spaCy. Of several processes the first one writes.
    """
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    if not is_main_process():
        return path
    stored = open_place(on_torch.network, folder, int8=int8, has_dev=has_dev, force=force)
    is_on_cpu = next(on_torch.network.parameters()).device.type == "cpu"
    ours = on_torch if is_on_cpu else replace(on_torch, network=copy.deepcopy(on_torch.network).cpu())
    exports = exports_of(ours)
    content = exports.content(stored.config["files"]["model.safetensors"], int8=int8)
    trial(ours, exports.take(start_export(path, content, threads=None))(ours), path)
    return write_export(folder, path.name, content if language is None else with_rules(content, language))


def open_place(network: Network[Any], folder: Path, *, int8: bool, has_dev: bool, force: bool) -> StoredModel:
    """Read the folder that an export goes into; UsageError where it can't go there, or can't be made at all."""
    if find_spec("onnxruntime") is None:
        raise UsageError('an export is tried with onnxruntime, which is not installed; run: pip install "seqtag[onnx]"')
    stored = read_model(folder)
    check_same(network, stored, folder)
    params = stored.config["params"]
    if int8 and (params["encoder"] != "lstm" or params["proj_size"]):
        what = f"proj_size={params['proj_size']}" if params["proj_size"] else f"encoder={params['encoder']!r}"
        raise UsageError(
            f"{folder}: onnxruntime has int8 arithmetic for an LSTM without a projection, and this model has {what}; "
            "export it without int8"
        )
    if int8 and not has_dev and not force:
        raise UsageError(
            "int8 changes some predictions, and only labelled data tell what that costs; give dev data, or force it"
        )
    return stored


def invented_sentences(vocabulary: Vocabulary, *, seed: int = 0) -> list[list[str]]:
    """Make sentences of 1 to 40 words, drawn from a vocabulary in several spellings, and of words that it lacks.

    >>> sentences = invented_sentences(Vocabulary.build({"ada": 2, "met": 1}))
    >>> len(sentences), len(sentences[0]) >= 1
    (200, True)
    """
    random = np.random.default_rng(seed)
    known = [*vocabulary.indices["word"], "?"]
    letters = [*vocabulary.characters, "\u2603"]  # one that it may not know

    def word() -> str:
        if random.random() < 0.2:
            return "".join(letters[i] for i in random.integers(len(letters), size=random.integers(1, 12)))
        drawn = known[random.integers(len(known))]
        return (drawn, drawn, drawn.capitalize(), drawn.upper())[random.integers(4)]

    return [[word() for _ in range(random.integers(1, _LONGEST_INVENTED + 1))] for _ in range(_NUM_INVENTED)]


def check_same(network: Network[Any], stored: StoredModel, folder: Path) -> None:
    """Raise UsageError where a folder holds other weights than a network."""
    weights = network.state_dict()
    same = weights.keys() == stored.weights.keys() and all(
        torch.equal(values.cpu(), stored.weights[name]) for name, values in weights.items()
    )
    if not same:
        raise UsageError(
            f"{folder}: holds another model than the one to be exported; save that there first, or load this one"
        )


def judge_trial(
    differs_N: np.ndarray, distance_N: np.ndarray, most_N: np.ndarray | float, words: tuple[str, str, str], path: Path
) -> None:
    """Raise ModelError where the export predicts otherwise than torch, for more than a tie that rounding decides.

    For each row: whether the predictions differ, how far the scores lie apart, and how far rounding may move them.
    `words` name the rows, the predictions and the scores.
    """
    rows, predictions, scores = words
    tied_N = differs_N & (distance_N <= most_N)
    num_different, furthest = int((differs_N & ~tied_N).sum()), float(distance_N.max(initial=0))
    if num_different:
        raise ModelError(
            f"{path}: onnxruntime gives other {predictions} than torch for {num_different} of {len(differs_N)} {rows} "
            f"({scores} differ by up to {furthest:.2g}); nothing was written; please report this, with the versions "
            "of onnx and onnxruntime"
        )
    logger.info(
        "the export gives the %s of torch for %d %s; %s differ by up to %.1e%s",
        predictions,
        len(differs_N),
        rows,
        scores,
        furthest,
        f", which decides {tied_N.sum()} ties" if tied_N.any() else "",
    )


def log_agreement(same_N: np.ndarray, what: str) -> None:
    """Warn that nobody knows what int8 costs, and say which share of made-up rows it leaves unchanged."""
    logger.warning(
        "no dev data: what int8 costs is not known; %.1f%% of %d %s", 100 * np.mean(same_N), len(same_N), what
    )


def tell_loss(before: float, after: float, figure: str, *, path: Path, force: bool) -> None:
    """Log what int8 costs, in points of a figure; ModelError where that is too much, unless forced."""
    costs = f"{figure} is {after:.2f} with int8, {before:.2f} without"
    if before - after <= MOST_LOST:
        logger.info("%s", costs)
    elif force:
        logger.warning("%s: a loss of %.2f points", costs, before - after)
    else:
        raise ModelError(
            f"{path}: {costs}, a loss of more than {MOST_LOST} points; nothing was written; use the export without "
            "int8, or force this one"
        )
