"""The one training loop, on Accelerate: steps, early stopping, checkpoints and exact resume. Knows no string, no task.

A run is a function of its seed: the order of batches is a function of (seed, epoch), all other chance comes from
torch's generator, whose state a checkpoint holds, or, where several cores share a batch, from generators that are
functions of (seed, step), see training/parallel.py. A checkpoint also holds the buffers of the network whose names
begin with `carried_`: what goes on from step to step and is no part of a model, such as where the streams of a text
stand. How a batch is made and what a dev score is are not known here; the caller hands in both.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.batching import shuffled_batches
from seqtag.errors import ModelError, UsageError
from seqtag.inference.finite import large_input, large_weights
from seqtag.nn.batch import AnyBatch, SeriesBatch
from seqtag.nn.language import WindowBatch
from seqtag.training.checkpoint import read_checkpoint, under, write_checkpoint
from seqtag.training.device import make_accelerator
from seqtag.training.optimizers import (
    MovingAverage,
    TrainingOptions,
    build_optimizers,
    optimizer_tensors,
    restore_optimizers,
    schedule_factor,
    set_rates,
    sparse_tables,
)
from seqtag.training.parallel import Cores
from seqtag.training.watchers import DevFigures, EpochRecord, Watcher
from seqtag.version import __version__

logger = logging.getLogger("seqtag")


@dataclass(slots=True)
class _State:
    """Where a run stands, apart from its tensors; JSON can hold all of it."""

    epoch: int = 1
    step: int = 0  # steps done in this epoch
    total_steps_done: int = 0
    loss_sum: float = 0.0
    sentences: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_score: float = -math.inf
    best_epoch: int = 0
    learning_rate: float = 0.0  # of the last step


class Trainer:
    """Train one network. `make_batch(indices)` gives a Batch, `evaluate(network)` its dev score and loss.

    Rows are shuffled anew for each epoch, unless `batches(epoch)` says which ones make which batch, in which order.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        options: TrainingOptions,
        lengths: np.ndarray,
        make_batch: Callable[[np.ndarray], AnyBatch | WindowBatch],
        evaluate: Callable[[nn.Module], DevFigures],
        batches: Callable[[int], list[np.ndarray]] | None = None,
        watchers: Sequence[Watcher] = (),
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 300.0,
        fingerprint: str = "",
    ) -> None:
        self.options, self.lengths, self.make_batch, self.evaluate = options, lengths, make_batch, evaluate
        self.batches = batches
        self.watchers, self.checkpoint, self.checkpoint_seconds = watchers, checkpoint, checkpoint_seconds
        # A checkpoint must have the same one: with other data or options it would not resume this run.
        self.fingerprint = hashlib.sha256(
            f"{__version__}|{fingerprint}|{asdict(replace(options, device=''))}".encode()
        ).hexdigest()
        self.accelerator = make_accelerator(options.device, options.precision)
        self.network, self.wrapped = network, self.accelerator.prepare(network)
        shares = self.accelerator.device.type == "cpu" and self.accelerator.num_processes == 1
        self.cores = Cores(network, self._loss, seed=options.seed, shares=shares and options.precision == "fp32")
        # Accelerate does not wrap the optimisers: its wrapper looks for a package in all of sys.path at every step.
        self.optimizers = build_optimizers(network, options)
        self.base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        tables = sparse_tables(network)
        self.sparse = [p for p in network.parameters() if p.requires_grad and p in tables]
        self.dense = [p for p in network.parameters() if p.requires_grad and p not in tables]
        self.average = MovingAverage(network, options.ema)
        self.best: dict[str, Tensor] = {}
        self.history: list[EpochRecord] = []
        self.state = _State()
        self.interrupted = False  # by Ctrl-C, after an epoch whose model can be kept

    def run(self, *, resume: bool = False) -> list[EpochRecord]:
        """Train, then leave the best weights (by dev score) in the network. Ctrl-C ends early with the best so far."""
        torch.manual_seed(self.options.seed)
        if resume and self.checkpoint is not None and self.checkpoint.exists():
            self._load_checkpoint(self.checkpoint)
        for watcher in self.watchers:
            watcher.start(epochs=self.options.epochs, steps=len(self._batches(self.state.epoch)))
        try:
            while self.state.epoch <= self.options.epochs and not self._out_of_patience():
                self._train_epoch()
        except KeyboardInterrupt:
            if not self.best:
                raise
            self.interrupted = True
            logger.warning(
                "interrupted in epoch %d: the model of epoch %d is kept (dev score %.4f)",
                self.state.epoch,
                self.state.best_epoch,
                self.state.best_score,
            )
        finally:
            self.cores.close()
            for watcher in self.watchers:
                watcher.close()
        self.network.load_state_dict(self.best)
        self.network.eval()
        return self.history

    def _out_of_patience(self) -> bool:
        waited = self.state.epoch - 1 - self.state.best_epoch
        return bool(self.options.patience) and waited >= self.options.patience

    def _batches(self, epoch: int) -> list[np.ndarray]:
        options = self.options
        if self.batches is not None:
            return self.batches(epoch)
        return shuffled_batches(
            self.lengths, batch_size=options.batch_size, max_tokens=options.max_tokens, seed=options.seed, epoch=epoch
        )

    def _train_epoch(self) -> None:
        state, epoch = self.state, self.state.epoch
        batches = self._batches(epoch)
        self.wrapped.train()
        started = saved = time.perf_counter()
        before = state.seconds
        while state.step < len(batches):
            indices = batches[state.step]
            loss = self._step(indices, total_steps=self.options.epochs * len(batches))
            state.loss_sum += loss * len(indices)
            state.sentences += len(indices)
            state.tokens += int(self.lengths[indices].sum())
            state.step += 1
            state.total_steps_done += 1
            state.learning_rate = self.optimizers[0].param_groups[0]["lr"]
            now = time.perf_counter()
            state.seconds = before + now - started
            mean = state.loss_sum / state.sentences
            for watcher in self.watchers:
                watcher.step(epoch=epoch, step=state.step, steps=len(batches), loss=mean, tokens=state.tokens)
            if now - saved >= self.checkpoint_seconds:
                self._save_checkpoint()
                saved = time.perf_counter()
        self._end_epoch()

    def _step(self, indices: np.ndarray, *, total_steps: int) -> float:
        """Take one step of the optimisers on one batch; give its mean loss per sentence, over all processes."""
        options, step = self.options, self.state.total_steps_done
        set_rates(
            self.optimizers,
            self.base_rates,
            schedule_factor(options.schedule, step=step, total_steps=total_steps, warmup=options.warmup),
        )
        if self.cores.num_parts(len(indices)) > 1:
            value = self.cores.set_gradients(indices, step=step)
        else:
            value = self._set_gradients(indices)
        if not math.isfinite(value):
            rows = "sentences" if self.batches is None else "windows"
            raise ModelError(
                f"the loss is {value} in epoch {self.state.epoch}, step {self.state.step + 1}, on the {rows} number "
                f"{', '.join(map(str, sorted((indices + 1).tolist())[:20]))} of the training data: "
                f"{self._cause(self.make_batch(indices))}"
            )
        moves: list[Callable[[], object]] = [
            self._clip_and_move,
            *(optimizer.step for optimizer in self.optimizers[1:]),
        ]
        self.cores.side_by_side(moves)
        self.average.update(step)
        return value

    def _clip_and_move(self) -> None:
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.dense, self.options.clip)
        self.optimizers[0].step()

    def _set_gradients(self, indices: np.ndarray) -> float:
        """Give all parameters the gradient of the mean loss of a batch, over all processes; give that loss."""
        accelerator = self.accelerator
        rank, world = accelerator.process_index, accelerator.num_processes
        # Each process takes its share of the same batch, so the result doesn't depend on how many there are. A process
        # with no share computes the first sentence at weight 0: a data-parallel step waits for every process.
        part = indices[rank::world]
        weight = world / len(indices) if len(part) else 0.0
        with self.cores.as_whole():
            loss = self._loss(self.wrapped, part if len(part) else indices[:1], weight)
            if world > 1 or not self.lengths[part].any():
                loss = loss + self._zero_of_all()
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            accelerator.backward(loss)
        return float(accelerator.reduce(loss.detach(), reduction="mean")) if world > 1 else loss.item()

    def _zero_of_all(self) -> Tensor:
        """Give 0, computed from every parameter.

        Sentences without a token reach few parameters, and a data-parallel step waits for the gradients of all. In one
        process a batch of such sentences gets zeros too, so that the optimisers do the same as in several.
        """
        no_rows = torch.zeros(0, dtype=torch.long, device=self.accelerator.device)
        sums = [functional.embedding(no_rows, table, sparse=True).sum() for table in self.sparse]
        return torch.stack([*sums, *(0 * parameter.sum() for parameter in self.dense)]).sum()

    def _loss(self, network: nn.Module, rows: np.ndarray, weight: float) -> Tensor:
        """Give the sum of the losses of some rows, each times a weight."""
        batch = self.make_batch(rows)
        batch = replace(batch, weights_B=torch.full((len(batch),), weight)).to(self.accelerator.device)
        with self.accelerator.autocast():
            loss: Tensor = network(batch)
        return loss

    def _cause(self, batch: AnyBatch | WindowBatch) -> str:
        """Say why a loss is not finite, and what to do; before the first step no rate has done it."""
        options = self.options
        if self.state.total_steps_done:
            return f"lower learning_rate (now {options.learning_rate:g}) or clip (now {options.clip:g})"
        given = [batch.values_BTD.cpu().numpy()] if isinstance(batch, SeriesBatch) else []
        advice = "they come from outside, as word vectors or a language model do: look at their file"
        found = large_input(given) or large_weights(self.network, advice=advice) or "look at the numbers of the input"
        return f"no step was taken yet, so the learning rate is not to blame; {found}"

    def _end_epoch(self) -> None:
        state = self.state
        self.wrapped.eval()
        self.cores.use_all()
        with self.average.in_place():
            self._check_weights()
            found = self.evaluate(self.network)
            score = found.score
            better = score > state.best_score
            record = EpochRecord(
                epoch=state.epoch,
                loss=state.loss_sum / max(1, state.sentences),
                dev_score=score,
                best=better,
                learning_rate=state.learning_rate,
                seconds=round(state.seconds, 3),
                tokens_per_second=round(state.tokens / max(state.seconds, 1e-9), 1),
                dev_loss=found.loss,
            )
            self.history.append(record)
            if better:
                self.best = {name: t.detach().cpu().clone() for name, t in self.network.state_dict().items()}
                state.best_score, state.best_epoch = score, state.epoch
        self.state = _State(
            state.epoch + 1, 0, state.total_steps_done, best_score=state.best_score, best_epoch=state.best_epoch
        )
        for watcher in self.watchers:
            watcher.epoch(record)
        self._save_checkpoint()

    def _check_weights(self) -> None:
        """Raise ModelError where the last step left weights that are not finite: no loss was computed with them yet."""
        for name, values in self.network.named_parameters():
            if not values.isfinite().all():
                raise ModelError(
                    f"the weights {name} are no longer finite after epoch {self.state.epoch}, and no such model is "
                    f"kept: lower learning_rate (now {self.options.learning_rate:g})"
                )

    def _save_checkpoint(self) -> None:
        if self.checkpoint is None or not self.accelerator.is_main_process:
            return
        tensors = {f"network/{name}": t for name, t in self.network.state_dict().items()}
        tensors |= {f"best/{name}": t for name, t in self.best.items()}
        tensors |= {f"carried/{name}": t for name, t in self.network.named_buffers() if name.startswith("carried_")}
        tensors |= {f"average/{i}": t for i, t in enumerate(self.average.values)}
        tensors |= {f"optimizer/{name}": t for name, t in optimizer_tensors(self.optimizers).items()}
        tensors["random/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random/cuda"] = torch.cuda.get_rng_state()
        history = [asdict(record) for record in self.history]
        about = {"fingerprint": self.fingerprint, "state": asdict(self.state), "history": history}
        write_checkpoint(self.checkpoint, tensors, about)

    def _load_checkpoint(self, path: Path) -> None:
        tensors, about = read_checkpoint(path)
        if about["fingerprint"] != self.fingerprint:
            raise UsageError(
                f"{path}: this checkpoint is from other data, other options or another release; "
                "resume with the same, or delete it to start anew"
            )
        self.network.load_state_dict(under(tensors, "network/"))
        self.best = under(tensors, "best/")
        for name, value in under(tensors, "carried/").items():
            setattr(self.network, name, value.to(self.accelerator.device))
        for i, value in enumerate(self.average.values):
            value.copy_(tensors[f"average/{i}"])
        restore_optimizers(self.optimizers, under(tensors, "optimizer/"))
        torch.set_rng_state(tensors["random/cpu"])
        if "random/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random/cuda"])
        self.state = _State(**about["state"])
        self.history = [EpochRecord(**record) for record in about["history"]]
        logger.info("resumed from %s: epoch %d, step %d", path, self.state.epoch, self.state.step)
