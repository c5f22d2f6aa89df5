"""What looks on while a model trains: a bar on a terminal, plain lines elsewhere, TensorBoard.

The bar and the lines go to standard error.
"""

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.errors import UsageError

if TYPE_CHECKING:
    from seqtag.training.loop import EpochRecord

logger = logging.getLogger("seqtag")


def describe(record: "EpochRecord", epochs: int) -> str:
    """Say in one line what an epoch did."""
    return (
        f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}  loss {record.loss:8.3f}  dev {100 * record.dev_score:6.2f}"
        f"{' *' if record.best else '  '}  {record.tokens_per_second:9,.0f} tokens/s  {record.seconds:6.1f} s"
    )


class LineWatcher:
    """One plain line an epoch, through logging: for files, pipes and notebooks."""

    def start(self, *, epochs: int, steps: int) -> None:
        """Remember how many epochs there will be."""
        self.epochs = epochs

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """A line is due at the end of the epoch."""

    def epoch(self, record: "EpochRecord") -> None:
        """Log the epoch."""
        logger.info(describe(record, self.epochs))

    def close(self) -> None:
        """Nothing is held open."""


class BarWatcher:
    """A bar for the epoch under way, with loss, speed, time left and best dev score; a line for each that is done."""

    def start(self, *, epochs: int, steps: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.epochs, self.best = epochs, 0.0
        self.since = 0, 0.0, 0  # epoch, seconds, tokens where the speed is measured from
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
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
        speed = f"{(tokens - before) / (now - started):,.0f} tokens/s" if now > started else ""
        self.progress.update(
            self.task,
            total=self.epochs * steps,
            completed=(epoch - 1) * steps + step,
            description=f"epoch {epoch}/{self.epochs} loss {loss:.3f}",
            speed=speed + (f", best dev {100 * self.best:.2f}" if self.best else ""),
        )

    def epoch(self, record: "EpochRecord") -> None:
        """Leave a line behind."""
        self.best = max(self.best, record.dev_score)
        self.progress.console.print(describe(record, self.epochs), highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self.progress.stop()


class TensorBoardWatcher:
    """Write loss, dev score and rates of each epoch for TensorBoard. Needs `pip install "seqtag[tensorboard]"`."""

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UsageError('TensorBoard is not installed; run: pip install "seqtag[tensorboard]"') from None
        self.writer: Any = SummaryWriter(str(folder))

    def start(self, *, epochs: int, steps: int) -> None:
        """Nothing to prepare."""

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """Curves have a point an epoch."""

    def epoch(self, record: "EpochRecord") -> None:
        """Add a point to each curve."""
        for name in ("loss", "dev_score", "learning_rate", "tokens_per_second"):
            self.writer.add_scalar(name, getattr(record, name), record.epoch)

    def close(self) -> None:
        """Flush and close the file."""
        self.writer.close()


def default_watcher() -> LineWatcher | BarWatcher:
    """Choose the bar where standard error is a terminal, plain lines elsewhere."""
    return BarWatcher() if sys.stderr.isatty() else LineWatcher()
