"""Watchers of a language model in training: bar and lines of `seqtag.training.watchers`, in figures of its kind."""

import logging
import math
import sys
import time
from typing import TYPE_CHECKING

from seqtag.training.watchers import BarWatcher, LineWatcher

if TYPE_CHECKING:
    from seqtag.training.loop import EpochRecord

logger = logging.getLogger("seqtag")

# Beyond it a perplexity says nothing, and e to some power overflows.
_MOST_NATS = 50.0


def figure(nats: float, level: str) -> str:
    """Say a mean loss in the figure that the level is measured in: bits per character, or perplexity.

    >>> figure(math.log(8), "character"), figure(math.log(8), "word")
    ('3.000 bits/character', 'perplexity 8.00')
    """
    if level == "character":
        return f"{nats / math.log(2):.3f} bits/character"
    return f"perplexity {math.exp(min(nats, _MOST_NATS)):.2f}"


def describe(record: "EpochRecord", epochs: int, level: str) -> str:
    """Say in one line what an epoch did; the dev score of a language model is minus its mean loss."""
    return (
        f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}  loss {record.loss:7.4f}  "
        f"dev {figure(-record.dev_score, level)}{' *' if record.best else '  '}  "
        f"{record.tokens_per_second:9,.0f} {level}s/s  {record.seconds:6.1f} s"
    )


class LanguageLines(LineWatcher):
    """One plain line an epoch, through logging."""

    def __init__(self, level: str) -> None:
        self.level = level

    def epoch(self, record: "EpochRecord") -> None:
        """Log the epoch."""
        logger.info(describe(record, self.epochs, self.level))


class LanguageBar(BarWatcher):
    """A bar for the epoch under way; a line for each that is done."""

    def __init__(self, level: str) -> None:
        self.level, self.best_nats = level, math.inf

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """Move the bar."""
        now = time.perf_counter()
        if epoch != self.since[0]:  # a resumed epoch begins with the tokens of the run before
            self.since = epoch, now, tokens
        _, started, before = self.since
        speed = f"{(tokens - before) / (now - started):,.0f} {self.level}s/s" if now > started else ""
        best = f", best dev {figure(self.best_nats, self.level)}" if self.best_nats < math.inf else ""
        self.progress.update(
            self.task,
            total=self.epochs * steps,
            completed=(epoch - 1) * steps + step,
            description=f"epoch {epoch}/{self.epochs} {figure(loss, self.level)}",
            speed=speed + best,
        )

    def epoch(self, record: "EpochRecord") -> None:
        """Leave a line behind."""
        self.best_nats = min(self.best_nats, -record.dev_score)
        self.progress.console.print(describe(record, self.epochs, self.level), highlight=False)


def language_watcher(level: str) -> LineWatcher | BarWatcher:
    """Choose the bar where standard error is a terminal, plain lines elsewhere."""
    return LanguageBar(level) if sys.stderr.isatty() else LanguageLines(level)
