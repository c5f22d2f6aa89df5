"""Train the networks of an estimator, one a seed, and keep the best: between the options and the one loop.

Knows no task: how a network is built, what a row is and what a score is, the estimators say.
"""

import hashlib
import json
import logging
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from seqtag.nn.batch import AnyBatch
from seqtag.nn.language import WindowBatch
from seqtag.training.loop import Trainer, TrainingOptions
from seqtag.training.watchers import TensorBoardWatcher, Watcher, default_watcher

if TYPE_CHECKING:
    from seqtag.models.estimator import Estimator

logger = logging.getLogger("seqtag")


class Rows(Protocol):
    """Training data: how long each row is, and any of them as a batch."""

    lengths: np.ndarray

    def batch(self, indices: np.ndarray) -> AnyBatch | WindowBatch:
        """Collate the rows of the given numbers."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a caller says of one run, beside the options that shape the model."""

    checkpoint: str | Path | None  # a folder for the state of the run
    resume: bool
    watchers: Sequence[Watcher] | None  # None: a bar or lines, as standard error allows
    tensorboard: str | Path | None


def train_seeds(
    estimator: "Estimator",
    rows: Rows,
    evaluate: Callable[[Any], float],
    *,
    fingerprint: str,
    run: Run,
    batches: Callable[[int], list[np.ndarray]] | None = None,
) -> None:
    """Train `estimator.seeds` networks and leave the one with the best dev score in it, with its history.

    `batches(epoch)` orders the rows; without it they are shuffled.
    """
    best = -np.inf
    estimator.seed_scores_ = []
    estimator.interrupted_ = False
    for seed in range(estimator.seed, estimator.seed + estimator.seeds):
        torch.manual_seed(seed)
        network = estimator._build_network()
        looking: list[Watcher] = list(run.watchers) if run.watchers is not None else [default_watcher()]
        if run.tensorboard is not None:
            looking.append(TensorBoardWatcher(Path(run.tensorboard) / f"seed-{seed}"))
        trainer = Trainer(
            network,
            options=_training_options(estimator, seed, rows.lengths),
            lengths=rows.lengths,
            make_batch=rows.batch,
            evaluate=evaluate,
            batches=batches,
            watchers=looking if is_main_process() else (),
            checkpoint=None if run.checkpoint is None else Path(run.checkpoint) / f"seed-{seed}.safetensors",
            fingerprint=_run_fingerprint(estimator, fingerprint),
        )
        try:
            history = trainer.run(resume=run.resume)
        except KeyboardInterrupt:  # no epoch of this seed is done
            if not estimator.seed_scores_:
                raise
            estimator.interrupted_ = True
            break
        estimator.seed_scores_.append(max(record.dev_score for record in history))
        if estimator.seed_scores_[-1] > best:
            best = estimator.seed_scores_[-1]
            estimator.network_, estimator.history_ = network, history
        if trainer.interrupted:
            estimator.interrupted_ = True
            break
    estimator.network_.eval()
    if len(estimator.seed_scores_) > 1:
        logger.info(
            "dev score over %d seeds: mean %.2f, deviation %.2f; the best, %.2f, is kept",
            len(estimator.seed_scores_),
            100 * statistics.mean(estimator.seed_scores_),
            100 * statistics.stdev(estimator.seed_scores_),
            100 * best,
        )
    estimator.vectors_ = None  # the network has them now


def _training_options(estimator: "Estimator", seed: int, lengths: np.ndarray) -> TrainingOptions:
    names = {field.name for field in fields(TrainingOptions)}
    given = {key: value for key, value in estimator.get_params(deep=False).items() if key in names}
    epochs, batch_size = estimator._training_size(num_sentences=len(lengths), num_tokens=int(lengths.sum()))
    given["epochs"] = estimator.epochs or epochs
    given["batch_size"] = estimator.batch_size or batch_size
    # A language model has no parts of their own rate, and its batches have their size from elsewhere.
    absent = {"lexical_learning_rate": 0.0, "context_learning_rate": 0.0, "max_tokens": 0}
    return TrainingOptions(**{**absent, **given, "seed": seed})


def _run_fingerprint(estimator: "Estimator", data: str) -> str:
    """What must be the same for a killed run to go on: the data, every option of the network, vectors, context."""
    params = estimator._params_to_store()
    for name in ("device", "engine", "seed", "seeds"):  # more seeds may follow; the loop knows its own
        params.pop(name, None)
    vectors = "" if estimator.vectors_ is None else hashlib.sha256(estimator.vectors_.numpy().data).hexdigest()
    context = "" if estimator.context_ is None else estimator.context_.sha256()
    return f"{data}|{vectors}|{context}|{json.dumps(params, sort_keys=True)}"


def is_main_process() -> bool:
    """Tell whether this process talks: under `accelerate launch` one of several does."""
    return os.environ.get("RANK", "0") == "0"
