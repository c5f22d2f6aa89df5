"""Write a trained classifier as ONNX into its folder, once it has been shown to predict what torch predicts.

What stands in the graph is `seqtag.onnx_export.classifying`'s business.
"""

import copy
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtag.errors import DataError, ModelError, UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.models.classifying.inference import ClassPredictor
from seqtag.models.classifying.inputs import Labelled, as_labelled, check_classes
from seqtag.models.fitting import is_main_process
from seqtag.models.tagging.export import METADATA_KEY, invented_sentences, open_place, tell_loss
from seqtag.nn.network import ClassNetwork
from seqtag.nn.series import SeriesEmbedder
from seqtag.onnx_export.classifying import build_class_graph
from seqtag.onnx_export.weights import graph_format, graph_spec, graph_weights
from seqtag.runtime.classifying_engine import ClassEngine
from seqtag.runtime.tagging_engine import start_export
from seqtag.store import StoredModel, write_export
from seqtag.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier

logger = logging.getLogger("seqtag")

# Rounding moves probabilities by so much, and may choose another of two classes that are as probable.
_ROUNDING = 1e-4
_NUM_INVENTED, _LONGEST_INVENTED = 100, 40
_MOST_STEPS = 5_000  # of a made-up text that is read in segments


def export_classifier(
    classifier: "Classifier", folder: str | Path, *, int8: bool = False, force: bool = False, dev: Any = None
) -> Path:
    """Write `model.onnx`, or `model.int8.onnx`, into the folder that a classifier was saved in; gives its path.

    Before anything is written the export is tried on `dev` (a dataset or the pair of texts and labels), or on made-up
    texts, one of them long enough for several segments. It must give the same classes as torch, or ModelError says of
    how many texts it does not. With `int8` (an LSTM without a projection) some change: the accuracy of both, or the
    micro F1, is logged, and a loss of more than 0.5 points is a ModelError; `force` writes it nevertheless, and without
    dev data. Raises UsageError for a folder with other weights, and where onnx or onnxruntime is not installed.
    """
    classifier._check_fitted()
    folder = Path(folder)
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    if not is_main_process():
        return path
    stored = open_place(classifier.network_, folder, int8=int8, has_dev=dev is not None, force=force)
    data = None if dev is None else _read_dev(classifier, dev)
    network = classifier.network_
    if next(network.parameters()).device.type != "cpu":  # a GPU rounds in its own way
        network = copy.deepcopy(network).cpu()
    predictor = replace(classifier._predictor(), network=network)
    content = _content(network, predictor.vocabulary, stored, int8=int8)
    exported = start_export(path, content, threads=None)
    engine = ClassEngine.build(exported, stored.config, predictor.vocabulary, predictor.context)
    if int8 and data is not None:
        _check_loss(classifier, predictor, engine, data, path=path, force=force)
        return write_export(folder, path.name, content)
    rows = _invented(network, predictor.vocabulary, stored) if data is None else data.rows
    if int8:
        _log_agreement(predictor, engine, rows)
    else:
        _check_classes(predictor, engine, rows, path)
    return write_export(folder, path.name, content)


def _read_dev(classifier: "Classifier", dev: Any) -> Labelled:
    if isinstance(dev, tuple) and len(dev) != 2:
        raise UsageError(f"dev is a tuple of {len(dev)}; give a dataset, or the pair (texts, labels)")
    given, labels = dev if isinstance(dev, tuple) else (dev, None)
    data = as_labelled(given, labels, "dev", language=classifier.language)
    if not len(data):
        raise DataError("the dev data holds no text")
    classifier._rows(classifier._predictor(), data.rows, "export")  # says where they are not what the model reads
    if data.is_multi != classifier.class_set_.is_multi:
        form = "one label a text" if data.is_multi else "a list of labels a text"  # that of the model
        raise UsageError(f"the model was trained with {form}, the dev data have another form; give both in one")
    check_classes(data.labels, classifier.class_set_, "dev")
    return data


def _content(network: ClassNetwork, vocabulary: Vocabulary | None, stored: StoredModel, *, int8: bool) -> bytes:
    """The file, from the weights of the network and what its folder says of it."""
    params = stored.config["params"]
    spec = graph_spec(network, vocabulary, params)
    about = {"format": graph_format(spec), "weights_sha256": stored.config["files"]["model.safetensors"]}
    model = build_class_graph(
        graph_weights(network),
        spec,
        pooling=params["pooling"],
        int8=int8,
        metadata={METADATA_KEY: json.dumps(about)},
    )
    return model.SerializeToString()


def _invented(network: ClassNetwork, vocabulary: Vocabulary | None, stored: StoredModel) -> list[Any]:
    """Make up rows as the network reads them, one of them so long that it is read in three segments."""
    size = int(min(2.5 * stored.config["params"]["segment_size"] + 1, _MOST_STEPS))
    if vocabulary is not None:
        sentences = invented_sentences(vocabulary)
        every = [word for sentence in sentences for word in sentence]
        return [*sentences, [every[i % len(every)] for i in range(size)]]
    assert isinstance(network.embedder, SeriesEmbedder)
    mean_D, scale_D = network.embedder.mean_D.numpy(), network.embedder.scale_D.numpy()
    random = np.random.default_rng(0)
    lengths = [*random.integers(1, _LONGEST_INVENTED + 1, _NUM_INVENTED).tolist(), size]
    return [(mean_D + scale_D * random.normal(size=(length, len(mean_D)))).astype(np.float32) for length in lengths]


def _check_classes(predictor: ClassPredictor, engine: ClassEngine, rows: list[Any], path: Path) -> None:
    """Raise ModelError where the export gives other classes than torch, for more than a tie that rounding decides."""
    ours_NL, theirs_NL = predictor.probabilities(rows), engine.probabilities(rows)
    differs_N = (predictor.choose(ours_NL) != engine.choose(theirs_NL)).any(1)
    distance_N = np.abs(ours_NL - theirs_NL).max(1)
    tied_N = differs_N & (distance_N <= _ROUNDING)
    if num_different := int((differs_N & ~tied_N).sum()):
        raise ModelError(
            f"{path}: onnxruntime gives other classes than torch for {num_different} of {len(rows)} texts "
            f"(probabilities differ by up to {distance_N.max():.2g}); nothing was written; please report this, with "
            "the versions of onnx and onnxruntime"
        )
    logger.info(
        "the export gives the classes of torch for %d texts; probabilities differ by up to %.1e%s",
        len(rows),
        distance_N.max(),
        f", which decides {tied_N.sum()} ties" if tied_N.any() else "",
    )


def _check_loss(
    classifier: "Classifier",
    predictor: ClassPredictor,
    engine: ClassEngine,
    data: Labelled,
    *,
    path: Path,
    force: bool,
) -> None:
    """Measure what int8 costs on labelled texts; ModelError where that is too much, unless forced."""
    classes, rows = classifier.class_set_, data.rows
    chosen = [one.choose(one.probabilities(rows)) for one in (predictor, engine)]
    gold = [classifier._as_known(own) for own in data.labels]
    before, after = (
        100 * float(evaluate_labels(gold, classes.decode(one), labels=list(classes.labels), resamples=0).score)
        for one in chosen
    )
    figure = "micro F1" if classes.is_multi else "accuracy"
    tell_loss(before, after, f"{figure} on the {len(gold)} dev texts", path=path, force=force)


def _log_agreement(predictor: ClassPredictor, engine: ClassEngine, rows: list[Any]) -> None:
    ours_NL, theirs_NL = (one.choose(one.probabilities(rows)) for one in (predictor, engine))
    same_N = (ours_NL == theirs_NL).all(1)
    logger.warning(
        "no dev data: what int8 costs is not known; %.1f%% of %d made-up texts keep their class%s",
        100 * same_N.mean(),
        len(rows),
        "es" if engine.classes.is_multi else "",
    )
