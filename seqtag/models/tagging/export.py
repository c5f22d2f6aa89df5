"""Write a trained tagger as ONNX into its folder, once it has been shown to predict what torch predicts.

What stands in the graph is the business of `seqtag.onnx_export.tagging`; what the head adds goes with it as JSON, in
the metadata.
"""

import copy
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from seqtag.errors import ModelError, UsageError
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.models.fitting import is_main_process
from seqtag.models.tagging.inference import TagPredictor
from seqtag.models.tagging.inputs import gold_sentences
from seqtag.nn.batch import Batch
from seqtag.nn.crf import real_tokens
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.nn.network import Network, TagNetwork
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import graph_format, graph_spec, graph_weights
from seqtag.store import StoredModel, read_model, write_export
from seqtag.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from seqtag.models.tagging.tagger import Tagger

logger = logging.getLogger("seqtag")

METADATA_KEY = "seqtag"
_NEVER = -1e30  # the score of a move that the scheme forbids: JSON has no infinity
MOST_LOST = 0.5  # points of F1 that int8 may cost
# Rounding moves emissions by so much, as a share of the largest, and may choose another of two tags that score alike.
_ROUNDING = 1e-4
_NUM_INVENTED, _LONGEST_INVENTED = 200, 40


class ExportedNetwork(TagNetwork):
    """A network whose emissions come from onnxruntime, so that all that reads emissions can be tried on an export."""

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
    tagger: "Tagger", folder: str | Path, *, int8: bool = False, force: bool = False, dev: Any = None
) -> Path:
    """Write `model.onnx`, or `model.int8.onnx`, into the folder that a tagger was saved in; gives its path.

    Before anything is written the export is tried on `dev` (a dataset or the pair of lists), or on made-up sentences of
    known and unknown words. It must give the same tags as torch, or ModelError says in how many sentences it does not.
    With `int8` (an LSTM without a projection) some tags change: the strict F1 (of plain tags the accuracy) of both is
    logged, and a loss of more than 0.5 points is a ModelError; `force` writes it nevertheless, and without dev data.
    int8 scales a batch as a whole, so there, and nowhere else, a tag may depend on the neighbours of its sentence.
    Raises UsageError for a folder with other weights, and where onnx or onnxruntime is not installed.
    """
    tagger._check_fitted()
    folder = Path(folder)
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    if not is_main_process():
        return path
    stored = open_place(tagger.network_, folder, int8=int8, has_dev=dev is not None, force=force)
    data = None if dev is None else _read_dev(tagger, dev)
    network = tagger.network_
    if next(network.parameters()).device.type != "cpu":  # a GPU rounds in its own way
        network = copy.deepcopy(network).cpu()
    content = _content(network, tagger.vocabulary_, stored, int8=int8)
    exported = ExportedNetwork(content, network.head)
    predictor = replace(tagger._predictor(), network=network)
    sentences = invented_sentences(tagger.vocabulary_) if data is None else data[0]
    if not int8:
        _check_tags(predictor, exported, sentences, path)
    elif data is None:
        _log_agreement(predictor, exported, sentences)
    else:
        _check_loss(predictor, exported, *data, scheme=tagger.scheme_, path=path, force=force)
    return write_export(folder, path.name, content)


def open_place(network: Network[Any], folder: Path, *, int8: bool, has_dev: bool, force: bool) -> StoredModel:
    """Read the folder that an export goes into; UsageError where it can't go there, or can't be made at all."""
    import_onnxruntime()
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


def import_onnxruntime() -> Any:
    """Give onnxruntime; UsageError, with what to install, where it is not there."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise UsageError(
            'an export is tried with onnxruntime, which is not installed; run: pip install "seqtag[onnx]"'
        ) from None
    return onnxruntime


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


def _read_dev(tagger: "Tagger", dev: Any) -> tuple[list[list[str]], list[list[str]]]:
    if isinstance(dev, tuple) and len(dev) != 2:
        raise UsageError(f"dev is a tuple of {len(dev)}; give a dataset, or the pair (token lists, tag lists)")
    given, tags = dev if isinstance(dev, tuple) else (dev, None)
    gold = gold_sentences(given, tags, "dev", tagset=tagger.tagset_, labels=tagger.labels_)
    return gold.tokens, gold.tags


def _content(network: TagNetwork, vocabulary: Vocabulary, stored: StoredModel, *, int8: bool) -> bytes:
    """The file, from the weights of the network and what its folder says of it."""
    spec = graph_spec(network, vocabulary, stored.config["params"])
    about = {"format": graph_format(spec), **_head(network.head)}
    about["weights_sha256"] = stored.config["files"]["model.safetensors"]
    model = build_graph(graph_weights(network), spec, int8=int8, metadata={METADATA_KEY: json.dumps(about)})
    return model.SerializeToString()


@torch.no_grad()
def _head(head: LinearHead | CRFHead) -> dict[str, Any]:
    """What the head adds to the emissions: which one it is, its chain, its temperature."""
    about: dict[str, Any] = {"head": "linear", "temperature": head.temperature.item()}
    if isinstance(head, CRFHead):
        parts = (part.clamp(min=_NEVER).tolist() for part in head.scores())
        about |= {"head": "crf"} | dict(zip(("start", "transitions", "end"), parts))
    return about


def _check_tags(
    predictor: TagPredictor, exported: ExportedNetwork, sentences: Sequence[Sequence[str]], path: Path
) -> None:
    """Raise ModelError where the export gives other tags than torch, for more than a tie that rounding decides."""
    num_different, num_ties, furthest = 0, 0, 0.0
    head = predictor.network.head
    for _, batch in predictor.batches(sentences):
        with torch.inference_mode():
            ours_BTL, theirs_BTL = predictor.network.emissions(batch), exported.emissions(batch)
            pair = (head.best(emissions_BTL, batch.lengths_B) for emissions_BTL in (ours_BTL, theirs_BTL))
            differs_B = next(pair).ne(next(pair)).any(1)
            real_BT1 = real_tokens(batch.lengths_B, ours_BTL.shape[1])[..., None]
            distance_B = torch.where(real_BT1, ours_BTL - theirs_BTL, 0.0).abs().amax((1, 2))
            largest = torch.where(real_BT1, ours_BTL, 0.0).abs().max().clamp(min=1.0)
        tied_B = differs_B & (distance_B <= _ROUNDING * largest)
        num_different += int((differs_B & ~tied_B).sum())
        num_ties += int(tied_B.sum())
        furthest = max(furthest, float(distance_B.max()))
    if num_different:
        raise ModelError(
            f"{path}: onnxruntime gives other tags than torch in {num_different} of {len(sentences)} sentences "
            f"(emissions differ by up to {furthest:.2g}); nothing was written; please report this, with the versions "
            "of onnx and onnxruntime"
        )
    logger.info(
        "the export gives the tags of torch in %d sentences; emissions differ by up to %.1e%s",
        len(sentences),
        furthest,
        f", which decides {num_ties} ties" if num_ties else "",
    )


def _check_loss(
    predictor: TagPredictor,
    exported: ExportedNetwork,
    sentences: list[list[str]],
    gold: list[list[str]],
    *,
    scheme: str,
    path: Path,
    force: bool,
) -> None:
    """Measure what int8 costs on labelled sentences; ModelError where that is too much, unless forced."""
    figure = "accuracy" if scheme == "plain" else "F1"
    before, after = (
        100 * float(evaluate_tags(gold, part.tags(sentences), scheme=scheme, resamples=0).score)
        for part in (predictor, replace(predictor, network=exported))
    )
    tell_loss(before, after, f"{figure} on the {len(gold)} dev sentences", path=path, force=force)


def tell_loss(before: float, after: float, figure: str, *, path: Path, force: bool) -> None:
    """Log what int8 costs, in points of a figure; ModelError where that is too much, unless forced."""
    told = f"{figure} is {after:.2f} with int8, {before:.2f} without"
    if before - after <= MOST_LOST:
        logger.info("%s", told)
    elif force:
        logger.warning("%s: a loss of %.2f points", told, before - after)
    else:
        raise ModelError(
            f"{path}: {told}, a loss of more than {MOST_LOST} points; nothing was written; use the export without "
            "int8, or force this one"
        )


def _log_agreement(predictor: TagPredictor, exported: ExportedNetwork, sentences: list[list[str]]) -> None:
    pairs = zip(predictor.tags(sentences), replace(predictor, network=exported).tags(sentences))
    same = [a == b for ours, theirs in pairs for a, b in zip(ours, theirs)]
    logger.warning(
        "no dev data: what int8 costs is not known; %.1f%% of %d tokens of made-up sentences keep their tag",
        100 * sum(same) / len(same),
        len(same),
    )
