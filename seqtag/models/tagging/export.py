"""Write a trained tagger as ONNX into its folder, once it has been shown to predict what torch predicts.

`seqtag.onnx_export.tagging` says what stands in the graph; the head is added to the metadata as JSON.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.inference.tag_engine import Sentences
from seqtag.inference.user_input import dev_pair
from seqtag.models.export_trial import (
    ROUNDING,
    invented_sentences,
    judge_trial,
    log_agreement,
    tell_loss,
    write_tried_export,
)
from seqtag.models.tagging.engine import TagExports
from seqtag.models.tagging.inference import NbestTagEngine, TorchTagEngine
from seqtag.models.tagging.inputs import gold_sentences


def export_tagger(
    on_torch: TorchTagEngine, folder: Path, *, language: str, int8: bool = False, force: bool = False, dev: Any = None
) -> Path:
    """Write `model.onnx`, or `model.int8.onnx`, into the folder that a tagger was saved in; gives its path.

    Before anything is written the export is tried on `dev` (a dataset or the pair of lists), or on made-up sentences of
    known and unknown words. It must give the same tags as torch, or ModelError says for how many sentences it does not.
    With `int8` (an LSTM without a projection) some tags change: the strict F1 (of plain tags the accuracy) of both is
    logged, and a loss of more than 0.5 points is a ModelError; `force` writes it nevertheless, and without dev data.
    int8 scales a batch as a whole, so there, and nowhere else, a tag may depend on the neighbours of its sentence.
    Raises UsageError for a folder with other weights, and where onnx or onnxruntime is not installed.
    """
    gold = None
    if dev is not None:
        gold = gold_sentences(*dev_pair(dev, "(token lists, tag lists)"), "dev", tagset=on_torch.tagset)

    def trial(ours: TorchTagEngine, theirs: NbestTagEngine, path: Path) -> None:
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

    return write_tried_export(
        on_torch, TagExports, trial, folder, language=language, int8=int8, force=force, has_dev=dev is not None
    )


def _try(ours: TorchTagEngine, theirs: NbestTagEngine, sentences: Sentences, path: Path) -> None:
    """Raise ModelError where the export gives other tags than torch."""
    sentences = [sentence for sentence in sentences if sentence]
    (best, emissions), (other_best, other_emissions) = (_decided(engine, sentences) for engine in (ours, theirs))
    differs = [not torch.equal(ids_T, other_T) for ids_T, other_T in zip(best, other_best)]
    distances = [float((e_TL - other_TL).abs().max()) for e_TL, other_TL in zip(emissions, other_emissions)]
    most = [ROUNDING * max(1.0, float(e_TL.abs().max())) for e_TL in emissions]
    words = "sentences", "tags", "emissions"
    judge_trial(np.array(differs, bool), np.array(distances), np.array(most), words, path)


@torch.inference_mode()
def _decided(engine: NbestTagEngine, sentences: Sentences) -> tuple[list[Tensor], list[Tensor]]:
    """Give the best tag ids of each sentence, (T,), and its emissions, (T, L), whatever batches the engine makes."""
    best, emissions = ([torch.zeros(0)] * len(sentences) for _ in range(2))
    for indices, emissions_BTL, lengths_B in engine.emissions(sentences):
        best_BT = engine.network.head.best(emissions_BTL, lengths_B)
        for i, ids_T, scores_TL, length in zip(indices, best_BT, emissions_BTL, lengths_B.tolist()):
            best[i], emissions[i] = ids_T[:length], scores_TL[:length]
    return best, emissions
