"""Write a trained tagger as ONNX into its folder, once it has been shown to predict what torch predicts.

`seqtag.onnx_export.tagging` says what stands in the graph; the head is added to the metadata as JSON.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.models.export_trial import (
    ROUNDING,
    export_path,
    import_onnxruntime,
    invented_sentences,
    judge_trial,
    log_agreement,
    on_cpu,
    open_place,
    tell_loss,
)
from seqtag.models.fitting import is_main_process
from seqtag.models.label_checks import dev_pair
from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.models.tagging.inputs import gold_sentences
from seqtag.nn.batch import Batch
from seqtag.nn.crf import real_tokens
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import graph_format, graph_spec, graph_weights
from seqtag.runtime.onnx_session import METADATA_KEY
from seqtag.store import write_export

_NEVER = -1e30  # the score of a move that the scheme forbids: JSON has no infinity


class ExportedNetwork(TagNetwork):
    """A network whose emissions come from onnxruntime, so that everything that reads emissions can try an export."""

    def __init__(self, content: bytes, head: LinearHead | CRFHead) -> None:
        nn.Module.__init__(self)
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.head = head

    def emissions(self, batch: Batch) -> Tensor:
        """Give the score of each tag at each token, (B, T, L); arbitrary at padding."""
        given = {
            "slots_BT": batch.slots_BT.numpy(),
            "lengths_B": batch.lengths_B.numpy().astype(np.int32),
            "features_UF": batch.features_UF.numpy(),
            "characters_UC": batch.characters_UC.numpy(),
        }
        if batch.symbols_MBC is not None and batch.picks_MBT is not None:
            given |= {"symbols_MBC": batch.symbols_MBC.numpy(), "picks_MBT": batch.picks_MBT.numpy()}
        return torch.from_numpy(self._session.run(["emissions_BTL"], given)[0])


def export_tagger(
    on_torch: TorchTagEngine, folder: Path, *, int8: bool = False, force: bool = False, dev: Any = None
) -> Path:
    """Write `model.onnx`, or `model.int8.onnx`, into the folder that a tagger was saved in; gives its path.

    Before anything is written the export is tried on `dev` (a dataset or the pair of lists), or on made-up sentences of
    known and unknown words. It must give the same tags as torch, or ModelError says for how many sentences it does not.
    With `int8` (an LSTM without a projection) some tags change: the strict F1 (of plain tags the accuracy) of both is
    logged, and a loss of more than 0.5 points is a ModelError; `force` writes it nevertheless, and without dev data.
    int8 scales a batch as a whole, so there, and nowhere else, a tag may depend on the neighbours of its sentence.
    Raises UsageError for a folder with other weights, and where onnx or onnxruntime is not installed.
    """
    path = export_path(folder, int8=int8)
    if not is_main_process():
        return path
    stored = open_place(on_torch.network, folder, int8=int8, has_dev=dev is not None, force=force)
    gold = None
    if dev is not None:
        gold = gold_sentences(*dev_pair(dev, "(token lists, tag lists)"), "dev", tagset=on_torch.tagset)
    ours = replace(on_torch, network=on_cpu(on_torch.network))
    content = _content(ours, stored.config["files"]["model.safetensors"], int8=int8)
    theirs = replace(ours, network=ExportedNetwork(content, ours.network.head))
    sentences = invented_sentences(ours.vocabulary) if gold is None else gold.tokens
    if not int8:
        _try(ours, theirs, sentences, path)
    elif gold is None:
        pairs = zip(ours.tags(sentences), theirs.tags(sentences))
        same = np.array([a == b for mine, other in pairs for a, b in zip(mine, other)])
        log_agreement(same, "tokens of made-up sentences keep their tag")
    else:
        scheme = ours.tagset.data_scheme
        before, after = (
            100 * float(evaluate_tags(gold.tags, engine.tags(sentences), scheme=scheme, resamples=0).score)
            for engine in (ours, theirs)
        )
        figure = f"{'accuracy' if scheme == 'plain' else 'F1'} on the {len(gold.tags)} dev sentences"
        tell_loss(before, after, figure, path=path, force=force)
    return write_export(folder, path.name, content)


def _content(engine: TorchTagEngine, weights_sha256: str, *, int8: bool) -> bytes:
    """Make the file, from the weights of the network and the hash that its folder has for them."""
    spec = graph_spec(engine.network, engine.vocabulary)
    about = {"format": graph_format(spec), **_head(engine.network.head), "weights_sha256": weights_sha256}
    metadata = {METADATA_KEY: json.dumps(about)}
    content: bytes = build_graph(graph_weights(engine.network), spec, int8=int8, metadata=metadata).SerializeToString()
    return content


@torch.no_grad()
def _head(head: LinearHead | CRFHead) -> dict[str, Any]:
    """Lay out what the head adds to the emissions: its kind, its chain, its temperature."""
    about: dict[str, Any] = {"head": "linear", "temperature": head.temperature.item()}
    if isinstance(head, CRFHead):
        parts = (part.clamp(min=_NEVER).tolist() for part in head.scores())
        about |= {"head": "crf"} | dict(zip(("start", "transitions", "end"), parts))
    return about


@torch.inference_mode()
def _try(ours: TorchTagEngine, theirs: TorchTagEngine, sentences: Sequence[Sequence[str]], path: Path) -> None:
    """Raise ModelError where the export gives other tags than torch."""
    head = ours.network.head
    differs, distances, most = ([np.zeros(0, dtype)] for dtype in (bool, float, float))
    for _, batch in ours.batches(sentences):
        ours_BTL, theirs_BTL = ours.network.emissions(batch), theirs.network.emissions(batch)
        best_BT, other_BT = (head.best(emissions_BTL, batch.lengths_B) for emissions_BTL in (ours_BTL, theirs_BTL))
        real_BT1 = real_tokens(batch.lengths_B, ours_BTL.shape[1])[..., None]
        distance_B = torch.where(real_BT1, ours_BTL - theirs_BTL, 0.0).abs().amax((1, 2))
        largest = torch.where(real_BT1, ours_BTL, 0.0).abs().max().clamp(min=1.0)
        differs.append(best_BT.ne(other_BT).any(1).numpy())
        distances.append(distance_B.numpy())
        most.append(np.full(len(batch), ROUNDING * float(largest)))
    differs_N, distance_N, most_N = map(np.concatenate, (differs, distances, most))
    judge_trial(differs_N, distance_N, most_N, ("sentences", "tags", "emissions"), path)
