"""The learning curve of a training: the losses and the dev score of each epoch, as plots of a report."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

    @property
    def dev_loss(self) -> float | None:
        """The mean loss over the dev data; None in records of older releases."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch of the training of a model."""

    epoch: int
    loss: float
    dev_score: float
    dev_loss: float | None = None


def epochs_of(records: Iterable[Recorded]) -> tuple[Epoch, ...]:
    """Keep of the records of a training what a report shows."""
    return tuple(Epoch(record.epoch, record.loss, record.dev_score, record.dev_loss) for record in records)


def curve_plots(history: Sequence[Epoch], *, has_score: bool = True) -> Iterator[Plot]:
    """Draw the losses and the dev score by epoch; a single epoch makes no curve, and no curve shows what is not finite.

    Without `has_score` the score says no more than the loss on dev does.

    >>> plots = list(curve_plots([Epoch(1, 2.0, 0.5, 2.2), Epoch(2, 1.0, 0.6, 1.8)]))
    >>> [(plot.caption, [curve.name for curve in plot.curves]) for plot in plots]  # doctest: +NORMALIZE_WHITESPACE
    [('Training: loss by epoch', ['train: 2 in epoch 1, 1 in epoch 2', 'dev: 2.2 in epoch 1, 1.8 in epoch 2']),
     ('Training: dev score by epoch', ['dev score: 50 in epoch 1, 60 in epoch 2'])]
    """
    if len(history) < 2:
        return
    epochs = [epoch.epoch for epoch in history]
    losses = {"train": [epoch.loss for epoch in history]}
    dev = [epoch.dev_loss for epoch in history if epoch.dev_loss is not None]
    if len(dev) == len(history):
        losses["dev"] = dev
    scores = {"dev score": [100 * epoch.dev_score for epoch in history]}
    for name, curves in (("loss", losses), *([("dev score", scores)] if has_score else [])):
        if shown := {of: values for of, values in curves.items() if all(map(math.isfinite, values))}:
            yield _plot(name, epochs, shown)


def _plot(name: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]) -> Plot:
    everything = [value for values in curves.values() for value in values]
    ticks = nice_ticks(min(0.0, *everything), max(0.0, *everything))
    low, high = ticks[0], ticks[-1]
    first, last = epochs[0], epochs[-1]
    step = max(1, *nice_ticks(0, (last - first) * 5 / _MOST_TICKS)[1:2])
    shown = [first, *(n for n in range(first + 1, last + 1) if n % step == 0 and n - first >= step / 2)]
    return Plot(
        f"Training: {name} by epoch",
        "epoch",
        name,
        curves=tuple(
            Curve(
                f"{of}: {values[0]:.4g} in epoch {first}, {values[-1]:.4g} in epoch {last}",
                tuple(((n - first) / (last - first), (v - low) / (high - low)) for n, v in zip(epochs, values)),
                dots=len(epochs) <= 60,
            )
            for of, values in curves.items()
        ),
        x_ticks=tuple(((number - first) / (last - first), str(number)) for number in shown),
        y_ticks=tuple(((tick - low) / (high - low), f"{tick:.4g}") for tick in ticks),
    )
