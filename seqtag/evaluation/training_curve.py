"""The learning curve of a training: the loss and the dev score of each epoch, as plots of a report."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from seqtag.reporting.figures import nice_ticks
from seqtag.reporting.sections import Curve, Plot

_MOST_TICKS = 6


class Recorded(Protocol):
    """What the training noted of an epoch."""

    @property
    def epoch(self) -> int:
        """Its number, from 1."""

    @property
    def loss(self) -> float:
        """The mean loss over the training data."""

    @property
    def dev_score(self) -> float:
        """The score on dev by which the best epoch is chosen."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch of the training of a model."""

    epoch: int
    loss: float
    dev_score: float


def epochs_of(records: Iterable[Recorded]) -> tuple[Epoch, ...]:
    """Keep of the records of a training what a report shows."""
    return tuple(Epoch(record.epoch, record.loss, record.dev_score) for record in records)


def curve_plots(history: Sequence[Epoch], *, score: str = "dev score") -> Iterator[Plot]:
    """Draw the loss and the dev score by epoch; a single epoch makes no curve, and no plot shows what is not finite.

    >>> [plot.caption for plot in curve_plots([Epoch(1, 2.0, 0.5), Epoch(2, 1.0, 0.6)])]
    ['Training: loss by epoch', 'Training: dev score by epoch']
    """
    if len(history) < 2:
        return
    for name, values, factor in (
        ("loss", [epoch.loss for epoch in history], 1),
        (score, [epoch.dev_score for epoch in history], 100 if score == "dev score" else 1),
    ):
        if all(map(math.isfinite, values)):
            yield _plot(name, [epoch.epoch for epoch in history], [factor * value for value in values])


def _plot(name: str, epochs: Sequence[int], values: Sequence[float]) -> Plot:
    ticks = nice_ticks(min(0.0, *values), max(0.0, *values))
    low, high = ticks[0], ticks[-1]
    first, last = epochs[0], epochs[-1]
    step = max(1, *nice_ticks(0, (last - first) * 5 / _MOST_TICKS)[1:2])
    shown = [first, *(n for n in range(first + 1, last + 1) if n % step == 0 and n - first >= step / 2)]
    return Plot(
        f"Training: {name} by epoch",
        "epoch",
        name,
        curves=(
            Curve(
                f"{name} from {values[0]:.4g} in epoch {first} to {values[-1]:.4g} in epoch {last}",
                tuple(((n - first) / (last - first), (v - low) / (high - low)) for n, v in zip(epochs, values)),
                dots=len(epochs) <= 60,
            ),
        ),
        x_ticks=tuple(((number - first) / (last - first), str(number)) for number in shown),
        y_ticks=tuple(((tick - low) / (high - low), f"{tick:.4g}") for tick in ticks),
    )
