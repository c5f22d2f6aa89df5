"""Write a trained classifier as ONNX into its folder, once it has been shown to predict what torch predicts.

`seqtag.onnx_export.classifying` says what stands in the graph.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.inference.user_input import dev_pair, rows_for
from seqtag.models.classifying.engine import ClassExports
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.models.classifying.inputs import as_known, as_labelled, check_classes
from seqtag.models.export_trial import (
    ROUNDING,
    invented_sentences,
    judge_trial,
    log_agreement,
    tell_loss,
    write_tried_export,
)
from seqtag.nn.series import SeriesEmbedder
from seqtag.runtime.classifying_engine import OnnxClassEngine
from seqtag.text.tokenizer import Tokenizer

_NUM_INVENTED, _LONGEST_INVENTED = 100, 40  # series
_MOST_STEPS = 5_000  # of a made-up text that is read in segments


def export_classifier(
    on_torch: TorchClassEngine, folder: Path, *, language: str, int8: bool = False, force: bool = False, dev: Any = None
) -> Path:
    """Write `model.onnx`, or `model.int8.onnx`, into the folder that a classifier was saved in; gives its path.

    Before anything is written the export is tried on `dev` (a dataset or the pair of texts and labels), or on made-up
    texts, one of them long enough for several segments. It must give the same classes as torch, or ModelError says for
    how many texts it does not. With `int8` (an LSTM without a projection) some change: the accuracy of both, or the
    micro F1, is logged, and a loss of more than 0.5 points is a ModelError; `force` writes it nevertheless, and without
    dev data. Raises UsageError for a folder with other weights, and where onnx or onnxruntime is not installed.
    """
    data = None if dev is None else _read_dev(on_torch, dev, language=language)

    def trial(ours: TorchClassEngine, theirs: OnnxClassEngine, path: Path) -> None:
        rows = _invented(ours, theirs.segment_size) if data is None else data[0]
        ours_NL, theirs_NL = ours.probabilities(rows), theirs.probabilities(rows)
        chosen = ours.choose(ours_NL), theirs.choose(theirs_NL)
        classes = ours.classes
        differs_N = (chosen[0] != chosen[1]).any(1)
        if not int8:
            distance_N = np.abs(ours_NL - theirs_NL).max(1)
            judge_trial(differs_N, distance_N, ROUNDING, ("texts", "classes", "probabilities"), path)
        elif data is None:
            log_agreement(~differs_N, f"made-up texts keep their class{'es' * classes.is_multi}")
        else:
            gold = [as_known(label, classes) for label in data[1]]
            before, after = (
                100 * float(evaluate_labels(gold, classes.decode(one), labels=list(classes.labels), resamples=0).score)
                for one in chosen
            )
            figure = f"{'micro F1' if classes.is_multi else 'accuracy'} on the {len(gold)} dev texts"
            tell_loss(before, after, figure, path=path, force=force)

    return write_tried_export(
        on_torch,
        ClassExports,
        trial,
        folder,
        language=language if on_torch.series is None else None,
        int8=int8,
        force=force,
        has_dev=dev is not None,
    )


def _read_dev(on_torch: TorchClassEngine, dev: Any, *, language: str) -> tuple[list[Any], list[Any]]:
    """Give dev data as rows that the network reads, and their labels."""
    series, columns = on_torch.series, on_torch.classes.labels
    names = None if series is None else series.names
    data = as_labelled(*dev_pair(dev, "(texts, labels)"), "dev", language=language, columns=columns, features=names)
    if not len(data):
        raise DataError("the dev data holds no text")
    rows = rows_for(data.rows, "export", tokenizer=partial(Tokenizer, language), series=series)
    if data.is_multi != on_torch.classes.is_multi:
        form = "one label per text" if data.is_multi else "a list of labels per text"  # that of the model
        raise UsageError(f"the model was trained with {form}, the dev data have another form; give both in one")
    check_classes(data.labels, on_torch.classes, "dev")
    return list(rows), data.labels


def _invented(engine: TorchClassEngine, segment_size: int) -> list[Any]:
    """Make up rows as the network reads them, one of them so long that it is read in three segments."""
    size = int(min(2.5 * segment_size + 1, _MOST_STEPS))
    if engine.vocabulary is not None:
        sentences = invented_sentences(engine.vocabulary)
        words = [word for sentence in sentences for word in sentence]
        return [*sentences, [words[i % len(words)] for i in range(size)]]
    embedder = engine.network.embedder
    assert isinstance(embedder, SeriesEmbedder)
    mean_D, scale_D = embedder.mean_D.numpy(), embedder.scale_D.numpy()
    random = np.random.default_rng(0)
    lengths = [*random.integers(1, _LONGEST_INVENTED + 1, _NUM_INVENTED).tolist(), size]
    return [(mean_D + scale_D * random.normal(size=(length, len(mean_D)))).astype(np.float32) for length in lengths]
