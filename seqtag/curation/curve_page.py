"""Say what a learning curve gives: the forecast in one sentence, the plot, tables of scores and of labels.

curve.py trains and measures; reporting/ lays it out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from seqtag.curation.curve import Curve
from seqtag.evaluation.statistics.power_law import Forecast
from seqtag.reporting.document import Document
from seqtag.reporting.figures import between, nice_ticks, percent, plain, printable
from seqtag.reporting.sections import Block, Paragraph, Picture, Plot, Points, Section, Table, Verdict
from seqtag.reporting.sections import Curve as Line
from seqtag.version import __version__

_NUM_POINTS = 60  # of the drawn curve
_FLAT = 0.01  # a gain in F1 from twice as much that is hardly worth it
_WIDE = 0.08  # an interval that says little
_MOST_PLOTS = 8  # labels with a plot of their own


@dataclass(frozen=True, slots=True)
class CurveReport(Document):
    """A learning curve, as it is shown."""

    page_title = "Learning curve"

    curve: Curve
    source: str = ""  # the name of the data

    @property
    def heading(self) -> str:
        """The name of the data."""
        return self.source

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; keys stay as they are from release to release.

        - `source`, `task`, `unit`, `score_name`, `num_rows`, `num_test`, `by_documents`, `seconds`
        - `trainings`: a list of `num_rows`, `num_tokens`, `seed`, `score`, `labels` (label -> F1), `epochs`, `seconds`
        - `law` (or null): `a`, `b`, `c`, `noise` (deviation of one training), `freedom`
        - `forecasts`: a list of `number` (of rows) and `score` (`value`, `low`, `high`)
        - `labels`: a list of `label`, `support`, `scores` (lists of rows, mean F1), `forecasts`
        """
        return {"source": self.source, **plain(self.curve)}

    def sections(self) -> tuple[Section, ...]:
        """Give the forecast, the plots, the scores and the labels."""
        parts = (
            Section("In short", tuple(self._short())),
            Section("Pictures", tuple(self._pictures())),
            Section("Scores", tuple(self._scores())),
            Section("By label", tuple(self._labels())),
        )
        return tuple(part for part in parts if part.blocks)

    def _short(self) -> Iterator[Block]:
        curve = self.curve
        number, score = curve.means[-1]
        last = [each.score for each in curve.trainings if each.num_rows == number]
        spread = f"{len(last)} trainings {_range(last)}" if len(last) > 1 else ""
        about = (f"{number:,} of {curve.num_rows:,} {curve.unit}", f"{date.today().isoformat()}, seqtag {__version__}")
        yield Verdict(curve.score_name, percent(score), spread, about)
        sentences = [forecast_sentence(each, number, curve.unit) for each in curve.forecasts]
        yield Points((*sentences, *self._remarks()))

    def _remarks(self) -> Iterator[str]:
        curve = self.curve
        if curve.law is None:
            yield "Nothing can be forecast from fewer than three parts of different size."
            return
        number, _ = curve.means[-1]
        twice = next(each for each in curve.forecasts if each.number == 2 * number)
        gain = twice.score.value - curve.law(number)
        if twice.score.high - twice.score.low > _WIDE:
            yield "The interval is wide: more seeds, and more test data, would say more."
        if gain < _FLAT:
            yield (
                f"The curve is nearly flat: as many {curve.unit} again would add about {_points(gain)} points, "
                "so better labels or other options may do more than more labels."
            )
        gains = [
            (found.score.value - each.scores[-1][1], each.label)
            for each in curve.labels
            for found in each.forecasts
            if found.number == twice.number
        ]
        if len(gains) > 1:
            most, label = max(gains)
            if most > _FLAT:
                yield f"“{printable(label)}” would gain most from twice as many: about {_points(most)} points."

    # -- pictures -----------------------------------------------------------------------------

    def _pictures(self) -> Iterator[Picture]:
        curve = self.curve
        points = [(each.num_rows, each.score) for each in curve.trainings]
        if len({number for number, _ in points}) < 2:
            return
        law = curve.law
        drawn = [] if law is None else _law_points(points, curve.forecasts, law)
        title = f"{curve.score_name} by number of {curve.unit}"
        yield _plot(f"{title}, with forecasts", curve, points, drawn, curve.forecasts)
        for each in curve.labels[:_MOST_PLOTS]:
            if each.forecasts:
                yield _plot(f"{title}: {printable(each.label)}", curve, each.scores, [], each.forecasts)

    # -- figures ------------------------------------------------------------------------------

    def _scores(self) -> Iterator[Block]:
        curve = self.curve
        seeds = sorted({each.seed for each in curve.trainings})
        rows = []
        for number, mean in curve.means:
            here = {each.seed: each for each in curve.trainings if each.num_rows == number}
            fitted = "-" if curve.law is None else percent(curve.law(number))
            seconds = sum(each.seconds for each in here.values()) / len(here)
            scores = [percent(here[seed].score) if seed in here else "-" for seed in seeds]
            rows.append((f"{number:,}", percent(mean), fitted, f"{seconds:.1f}", *scores))
        for each in curve.forecasts:
            low, high = each.score.low, each.score.high
            rows.append((f"{each.number:,}", "-", percent(each.score.value), "-", between(low, high)))
        width = max(len(row) for row in rows)
        padded = tuple((*row, *([""] * (width - len(row)))) for row in rows)
        header = (curve.unit, f"mean {curve.score_name}", "curve", "seconds", *(f"seed {seed}" for seed in seeds))
        header = (*header, *([""] * (width - len(header))))
        caption = (
            f"trained on parts, measured on {curve.num_test:,} {curve.unit}; the last rows are forecasts, with 95%"
        )
        caption += " intervals" if curve.forecasts else ""
        yield Table(header, padded, caption=caption if curve.forecasts else caption.split(";")[0])
        lines = []
        if curve.law is not None:
            law = curve.law
            lines.append(f"curve: {100 * law.a:.1f} - {100 * law.b:.4g} * n^-{law.c:.2f}")
            lines.append(f"deviation of one training on {curve.means[-1][0]:,}: about {100 * law.noise:.1f} points")
        how = (
            "whole documents"
            if curve.by_documents
            else "the same share of each class"
            if (curve.task == "classify")
            else f"{curve.unit} at random"
        )
        lines.append(f"parts are nested and take {how}; all trainings took {curve.seconds:.0f} seconds")
        yield Paragraph(tuple(lines))

    def _labels(self) -> Iterator[Block]:
        curve = self.curve
        if len(curve.labels) < 2:
            return
        numbers = [number for number, _ in curve.means]
        rows = []
        for each in curve.labels:
            scores = dict(each.scores)
            cells = [percent(scores.get(number)) for number in numbers]
            ahead = [cell for found in each.forecasts for cell in _cells(found)]
            rows.append((printable(each.label), f"{each.support:,}", *ahead, *reversed(cells)))
        ahead = [name for found in curve.labels[0].forecasts for name in (f"{found.number:,}", "95%")]
        header = ("", "support", *ahead, *(f"{number:,}" for number in reversed(numbers)))
        caption = "F1 by label: forecasts with intervals, then the mean of the trainings, the largest part first"
        yield Table(header, tuple(rows), caption=caption)


def forecast_sentence(found: Forecast, number: int, unit: str) -> str:
    """Put a forecast into a sentence.

    >>> from seqtag.evaluation.statistics.resampling import Interval
    >>> forecast_sentence(Forecast(1000, Interval(0.741, 0.72, 0.763)), 500, "sentences")
    'Another 500 sentences (1,000 in all): about 74.1, between 72.0 and 76.3.'
    """
    score = found.score
    return (
        f"Another {found.number - number:,} {unit} ({found.number:,} in all): about {100 * score.value:.1f}, between "
        f"{100 * score.low:.1f} and {100 * score.high:.1f}."
    )


def _points(gain: float) -> str:
    return f"{100 * max(gain, 0.0):.1f}"


def _range(scores: Sequence[float]) -> str:
    return f"from {100 * min(scores):.2f} to {100 * max(scores):.2f}"


def _cells(found: Forecast) -> tuple[str, str]:
    return percent(found.score.value), between(found.score.low, found.score.high)


def _law_points(
    points: Sequence[tuple[int, float]], forecasts: Sequence[Forecast], law: Any
) -> list[tuple[float, float]]:
    low = min(number for number, _ in points)
    high = max([number for number, _ in points] + [each.number for each in forecasts])
    step = math.log(high / low) / _NUM_POINTS
    return [(number, law(number)) for number in (low * math.exp(step * i) for i in range(_NUM_POINTS + 1))]


def _plot(
    caption: str,
    curve: Curve,
    points: Sequence[tuple[int, float]],
    law: Sequence[tuple[float, float]],
    forecasts: Sequence[Forecast],
) -> Plot:
    """Draw scores, the curve and its forecasts over an axis on which each doubling is as wide as any other."""
    bounds = [(each.number, (each.score.low, each.score.value, each.score.high)) for each in forecasts]
    numbers = sorted({number for number, _ in points} | {number for number, _ in bounds})
    values = [score for _, score in (*points, *law)] + [score for _, three in bounds for score in three]
    ticks = nice_ticks(100 * min(values), 100 * max(values))
    low, high = ticks[0] / 100, ticks[-1] / 100
    first, last = math.log(numbers[0]), math.log(numbers[-1])

    def place(number: float, score: float) -> tuple[float, float]:
        x = (math.log(number) - first) / (last - first)
        return min(max(x, 0.0), 1.0), min(max((score - low) / (high - low), 0.0), 1.0)

    means = sorted({number: [s for n, s in points if n == number] for number, _ in points}.items())
    lines = [Line("mean of the trainings", tuple(place(n, sum(found) / len(found)) for n, found in means), dots=True)]
    if law:
        lines.append(Line("fitted curve", tuple(place(*each) for each in law)))
    if bounds:
        start = (means[-1][0], sum(means[-1][1]) / len(means[-1][1]))
        for name, at in (("low end of the forecast", 0), ("forecast", 1), ("high end of the forecast", 2)):
            ahead = [start, *((number, three[at]) for number, three in bounds)]
            if at != 1 or not law:
                lines.append(Line(name, tuple(place(*each) for each in ahead), dots=True))
    return Plot(
        caption,
        f"{curve.unit}, each step a doubling",
        curve.score_name,
        curves=tuple(lines),
        x_ticks=tuple((place(number, low)[0], f"{number:,}") for number in _spaced(numbers)),
        y_ticks=tuple(((tick / 100 - low) / (high - low), f"{tick:g}") for tick in ticks),
    )


def _spaced(numbers: Sequence[int]) -> list[int]:
    """Choose numbers for the ticks of an axis of doublings, so that what is written there does not touch."""
    least = math.log(numbers[-1] / numbers[0]) / 7
    shown: list[int] = []
    for number in numbers:
        if not shown or math.log(number / shown[-1]) >= least:
            shown.append(number)
    return shown
