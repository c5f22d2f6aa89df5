"""Train the networks of an estimator, one per seed, and keep the best: between the options and the one loop.

Knows no task: the estimator says how a network is built, what a row is and what a score is.
"""

import logging
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import nn

from seqtag.errors import UsageError
from seqtag.nn.batch import AnyBatch
from seqtag.nn.language import WindowBatch
from seqtag.training.launch import is_main_process
from seqtag.training.loop import Trainer
from seqtag.training.optimizers import TrainingOptions
from seqtag.training.watchers import DevFigures, EpochRecord, TensorBoardWatcher, Watcher, default_watcher

logger = logging.getLogger("seqtag")

NetworkT = TypeVar("NetworkT", bound=nn.Module)


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


@dataclass(frozen=True, slots=True)
class TrainedSeeds(Generic[NetworkT]):
    """The best network of several seeds, and how the seeds went."""

    network: NetworkT
    history: list[EpochRecord]  # of the best seed
    seed_scores: list[float]  # the best dev score of each seed
    interrupted: bool  # by Ctrl-C, in time for a model to be kept


def train_seeds(
    build: Callable[[], NetworkT],
    rows: Rows,
    evaluate: Callable[[NetworkT], DevFigures],
    *,
    options: TrainingOptions,
    seeds: int,
    fingerprint: str,
    run: Run,
    params: Mapping[str, Any],
    batches: Callable[[int], list[np.ndarray]] | None = None,
) -> TrainedSeeds[NetworkT]:
    """Train `seeds` networks from `options.seed` on, and give the one with the best dev score, with its history.

    `build` gives a network with its first weights, `evaluate` its dev score and loss. `batches(epoch)` orders the rows;
    without it they are shuffled. `fingerprint` is what must be the same for a killed run to go on, `params` are all
    options of the estimator, for who looks on.
    """
    best: tuple[NetworkT, list[EpochRecord]] | None = None
    scores: list[float] = []
    interrupted = False
    for seed in range(options.seed, options.seed + seeds):
        torch.manual_seed(seed)
        with _room():
            network = build()
        watchers: list[Watcher] = list(run.watchers) if run.watchers is not None else [default_watcher()]
        if run.tensorboard is not None:
            watchers.append(TensorBoardWatcher(Path(run.tensorboard) / f"seed-{seed}", {**params, "seed": seed}))
        trainer = Trainer(
            network,
            options=replace(options, seed=seed),
            lengths=rows.lengths,
            make_batch=rows.batch,
            evaluate=cast("Callable[[nn.Module], DevFigures]", evaluate),  # it is asked of this network alone
            batches=batches,
            watchers=watchers if is_main_process() else (),
            checkpoint=None if run.checkpoint is None else Path(run.checkpoint) / f"seed-{seed}.safetensors",
            fingerprint=fingerprint,
        )
        try:
            history = trainer.run(resume=run.resume)
        except KeyboardInterrupt:  # no epoch of this seed is done
            if best is None:
                raise
            interrupted = True
            break
        score = max(record.dev_score for record in history)
        if best is None or score > max(scores):
            best = network, history
        scores.append(score)
        if trainer.interrupted:
            interrupted = True
            break
    assert best is not None
    if len(scores) > 1:
        logger.info(
            "dev score over %d seeds: mean %.2f, deviation %.2f; the best, %.2f, is kept",
            len(scores),
            100 * statistics.mean(scores),
            100 * statistics.stdev(scores),
            100 * max(scores),
        )
    return TrainedSeeds(best[0].eval(), best[1], scores, interrupted)


@contextmanager
def _room() -> Iterator[None]:
    """Raise UsageError where torch finds no memory for a network; put it around building one."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        message = str(error)
        if isinstance(error, RuntimeError) and "allocate" not in message and "out of memory" not in message:
            raise
        raise UsageError(
            "the memory has no room for this network; lower hidden_size, num_layers or the sizes of the embeddings"
        ) from error


def training_options(params: Mapping[str, Any], *, epochs: int, batch_size: int) -> TrainingOptions:
    """Pick the options of the loop out of those of an estimator; `epochs` and `batch_size` fill in what it leaves open.

    A language model has no parts with a rate of their own, and the size of its batches comes from elsewhere.
    """
    absent = {"lexical_learning_rate": 0.0, "context_learning_rate": 0.0, "max_tokens": 0}
    given = {field.name: params[field.name] for field in fields(TrainingOptions) if field.name in params}
    given["epochs"] = params["epochs"] or epochs
    given["batch_size"] = params["batch_size"] or batch_size
    return TrainingOptions(**{**absent, **given})
