"""Watchers of a training: a bar on a terminal, plain lines elsewhere, curves for TensorBoard; and what they are told.

The bar and the lines go to standard error.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from seqtag.errors import UsageError
from seqtag.reporting.progress import shows_bars

logger = logging.getLogger("seqtag")

_SECONDS_TO_LINE = 30.0
_WIDE = 100  # columns of a terminal
# Beyond this many nats a perplexity says nothing, and e to some power overflows.
_MOST_NATS = 50.0


@dataclass(frozen=True, slots=True)
class DevFigures:
    """How good a network is on dev data between two epochs."""

    score: float  # the higher the better; it decides which epoch is kept
    loss: float | None = None  # the mean over the rows whose labels training has seen; None where there is no such row


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch did."""

    epoch: int
    loss: float  # the mean over sentences
    dev_score: float
    best: bool  # whether it is the best dev score so far
    learning_rate: float
    seconds: float
    tokens_per_second: float
    dev_loss: float | None = None  # as `loss`, without dropout; records of older releases have none


class Watcher(Protocol):
    """Somebody who looks on. A class that inherits from it needs only the methods in which it does something."""

    def start(self, *, epochs: int, steps: int) -> None:
        """Training begins, with `steps` steps per epoch as far as that is known."""
        return

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """One step is done."""
        return

    def epoch(self, record: EpochRecord) -> None:
        """One epoch is done."""
        return

    def close(self) -> None:
        """Training has ended, one way or another."""
        return


@dataclass(frozen=True, slots=True)
class Wording:
    """How the figures of a task are written for people."""

    unit: str  # what is read, in the plural
    loss_format: str  # of the mean loss in the line of an epoch
    loss: Callable[[float], str]  # the mean loss so far, in the bar
    score: Callable[[float], str]  # a dev score

    def line(self, record: EpochRecord, epochs: int) -> str:
        """Give one line about an epoch."""
        return (
            f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}  loss {record.loss:{self.loss_format}}  "
            f"dev {self.score(record.dev_score):>6}{' *' if record.best else '  '}  "
            f"{record.tokens_per_second:9,.0f} {self.unit}/s  {record.seconds:6.1f} s"
        )


def language_figure(nats: float, level: str) -> str:
    """Write the mean loss of a language model in bits per character, or for words as perplexity.

    >>> language_figure(math.log(8), "character"), language_figure(math.log(8), "word")
    ('3.000 bits/character', 'perplexity 8.00')
    """
    if level == "character":
        return f"{nats / math.log(2):.3f} bits/character"
    return f"perplexity {math.exp(min(nats, _MOST_NATS)):.2f}"


def language_wording(level: str) -> Wording:
    """Give the wording of a language model, whose dev score is minus its mean loss."""
    say = partial(language_figure, level=level)
    return Wording(f"{level}s", "7.4f", say, lambda score: say(-score))


SHARES = Wording("tokens", "8.3f", "loss {:.3f}".format, lambda score: f"{100 * score:.2f}")


class LineWatcher(Watcher):
    """Log one plain line per epoch, and one every half minute within it: for files, pipes and notebooks."""

    def __init__(self, wording: Wording = SHARES) -> None:
        self.wording = wording

    def start(self, *, epochs: int, steps: int) -> None:
        """Remember how many epochs there will be."""
        self.epochs = epochs
        self.said = time.perf_counter()

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """Log how far the epoch is, where the last line is half a minute old."""
        now = time.perf_counter()
        if now - self.said >= _SECONDS_TO_LINE:
            self.said = now
            logger.info("epoch %d/%d  step %d/%d  %s", epoch, self.epochs, step, steps, self.wording.loss(loss))

    def epoch(self, record: EpochRecord) -> None:
        """Log the epoch."""
        self.said = time.perf_counter()
        logger.info(self.wording.line(record, self.epochs))


class BarWatcher(Watcher):
    """Draw a bar with loss, speed, time left and best dev score, and leave a line behind for each epoch."""

    def __init__(self, wording: Wording = SHARES) -> None:
        self.wording = wording

    def start(self, *, epochs: int, steps: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.epochs = epochs
        self.best: float | None = None
        self.since = 0, 0.0, 0  # the epoch, seconds and tokens from which the speed is measured
        console = Console(stderr=True)
        elapsed = [TimeElapsedColumn()] if console.width >= _WIDE else []  # a narrow terminal keeps room for the bar
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]}"),
            *elapsed,
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
        )
        self.progress.start()
        self.task = self.progress.add_task("training", total=epochs * steps, speed="")

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """Move the bar."""
        now = time.perf_counter()
        if epoch != self.since[0]:  # a resumed epoch begins with the tokens of the run before
            self.since = epoch, now, tokens
        _, started, before = self.since
        speed = f"{(tokens - before) / (now - started):,.0f} {self.wording.unit}/s" if now > started else ""
        self.progress.update(
            self.task,
            total=self.epochs * steps,
            completed=(epoch - 1) * steps + step,
            description=f"epoch {epoch}/{self.epochs} {self.wording.loss(loss)}",
            speed=speed + (f", dev {self.wording.score(self.best)}" if self.best else ""),
        )

    def epoch(self, record: EpochRecord) -> None:
        """Leave a line behind."""
        self.best = record.dev_score if self.best is None else max(self.best, record.dev_score)
        self.progress.console.print(self.wording.line(record, self.epochs), highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self.progress.stop()


class TensorBoardWatcher(Watcher):
    """Write losses, dev score and rates of each epoch for TensorBoard, and the options of the run with its best score.

    The losses of training and dev stand side by side under the name `loss`.

    Needs `pip install "seqtag[tensorboard]"`.
    """

    def __init__(self, folder: str | Path, options: Mapping[str, Any] | None = None) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UsageError('TensorBoard is not installed; run: pip install "seqtag[tensorboard]"') from None
        self.writer: Any = SummaryWriter(str(folder))
        self.options = dict(options or {})
        self.best: float | None = None
        rows = "".join(f"| {name} | {value} |\n" for name, value in self.options.items())
        self.writer.add_text("options", f"| option | value |\n|---|---|\n{rows}")

    def epoch(self, record: EpochRecord) -> None:
        """Add a point to each curve."""
        points = {"loss/train": record.loss} | ({} if record.dev_loss is None else {"loss/dev": record.dev_loss})
        points |= {name: getattr(record, name) for name in ("dev_score", "learning_rate", "tokens_per_second")}
        for name, value in points.items():
            self.writer.add_scalar(name, value, record.epoch)
        self.best = record.dev_score if self.best is None else max(self.best, record.dev_score)

    def close(self) -> None:
        """Write the options beside the best score, for TensorBoard's table of runs, and close the file."""
        if self.best is not None:
            plain = {name: v if isinstance(v, (bool, int, float, str)) else str(v) for name, v in self.options.items()}
            self.writer.add_hparams(plain, {"best_dev_score": self.best}, run_name=".")
        self.writer.close()


def default_watcher(wording: Wording = SHARES) -> Watcher:
    """Choose the bar where standard error is a terminal, plain lines elsewhere."""
    return BarWatcher(wording) if shows_bars() else LineWatcher(wording)
