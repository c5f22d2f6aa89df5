"""Fit a power law to scores by the number of examples, and forecast what more examples would give, with an interval.

F1(n) = a - b * n^-c: a is where the curve would end, c says how soon. Viering and Loog 2022, The Shape of Learning
Curves (https://arxiv.org/abs/2103.10948), find that this form extrapolates well. This module knows no model.
"""

# P points (a score for a number of examples; in a fit the mean of those for one number), R draws, G exponents

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from seqtag.errors import UsageError
from seqtag.evaluation.statistics.resampling import Interval, tails

# Three parameters from a handful of points need a hand: exponents of learning curves lie about one half, nearly all of
# them between a sixth and one and a half.
_USUAL_C, _SPREAD_C = 0.5, 0.6  # of log c
_BOUNDS_C = (0.05, 2.0)
# Few trainings say little of how far scores scatter, so a usual deviation at the largest number counts like two more.
_USUAL_NOISE, _USUAL_FREEDOM = 0.012, 2
_BENT = 0.01  # how far a curve leaves its power law per doubling, as recipes/labels_curve.py found
_NUM_EXPONENTS = 80  # that the fits of draws choose from
_LEAST_POINTS = 3  # numbers of examples


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fitted curve, and how scores scatter around it."""

    a: float
    b: float
    c: float
    noise: float  # deviation of one training at the largest number of examples
    freedom: int  # degrees of freedom of the noise, of which two stand for what is usual

    def __call__(self, number: float | np.ndarray) -> Any:
        """Give the score for a number of examples.

        >>> PowerLaw(0.9, 2.0, 0.5, 0.01, 4)(100)
        0.7
        """
        return (
            self.a - self.b * np.asarray(number, np.float64) ** -self.c
            if np.ndim(number)
            else (self.a - self.b * float(number) ** -self.c)
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a number of examples would give."""

    number: int  # of examples
    score: Interval  # of one training, measured on the same test data


def fit_power_law(number_P: Sequence[int], score_P: Sequence[float]) -> PowerLaw:
    """Fit a curve to scores between 0 and 1, several for each number of examples; 0 <= a <= 1, and b is not negative.

    Scores of few examples scatter more and weigh less: the variance is taken to fall as 1 / n. Raises UsageError for
    fewer than three numbers of examples, because three parameters can't be told from them.

    >>> law = fit_power_law([100, 200, 400, 800], [0.9 - 2 * n**-0.5 for n in (100, 200, 400, 800)])
    >>> round(law.c, 2), round(law(1600), 2)
    (0.5, 0.85)
    """
    numbers, means, counts, noise, freedom = _summed_up(number_P, score_P)
    a, gap, c = _fit(numbers / numbers[-1], means, _deviations(numbers, noise) / np.sqrt(counts), np.log(_USUAL_C))
    return PowerLaw(a, float(gap * numbers[-1] ** c), c, noise, freedom)


def forecast(
    number_P: Sequence[int],
    score_P: Sequence[float],
    wanted: Sequence[int],
    *,
    confidence: float = 0.95,
    draws: int = 1_000,
    seed: int = 0,
) -> list[Forecast]:
    """Forecast the score of one training on each wanted number of examples, with an interval.

    A parametric bootstrap: the mean scores are drawn anew by their noise, the noise by its own uncertainty, the usual
    exponent by its spread, and the curve is fitted to each draw. To what it says, the noise of one training is added,
    and how far curves leave their power law, which grows with the distance.

    >>> score_P = [0.9 - 2 * n**-0.5 for n in (100, 200, 400, 800)]
    >>> [found] = forecast([100, 200, 400, 800], score_P, [1600])
    >>> round(found.score.value, 2), found.score.low < 0.85 < found.score.high
    (0.85, True)
    """
    bounds = tails(confidence, draws)
    law = fit_power_law(number_P, score_P)
    numbers, means, counts, _, _ = _summed_up(number_P, score_P)
    random = np.random.default_rng(seed)
    size_R = random.normal(size=draws)
    # The deviation is estimated from few trainings; its square is drawn from the scaled inverse chi-squared.
    scale_R = np.sqrt(law.freedom / random.chisquare(law.freedom, draws))
    deviations = _deviations(numbers, law.noise) / np.sqrt(counts)
    drawn_RP = means + random.normal(size=(draws, len(means))) * deviations * scale_R[:, None]
    usual_R = random.normal(np.log(_USUAL_C), _SPREAD_C, draws)
    a_R, gap_R, c_R = fit_many(numbers / numbers[-1], drawn_RP, deviations, scale_R, usual_R)
    found = []
    for number in wanted:
        far = number / numbers[-1]
        noise_R = law.noise * scale_R * (1 / max(far, 1e-9)) ** 0.5
        bent = _BENT * abs(np.log2(far))
        score_R = a_R - gap_R * far**-c_R + size_R * np.hypot(noise_R, bent)
        low, high = np.clip(np.quantile(score_R, bounds), 0.0, 1.0).tolist()
        value = min(max(law(number), 0.0), 1.0)
        found.append(Forecast(int(number), Interval(value, min(low, value), max(high, value))))
    return found


def _summed_up(
    number_P: Sequence[int], score_P: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, int]:
    """Give the numbers of examples, the mean and the count of their scores, and the noise at the largest number."""
    numbers, at_P = np.unique(np.asarray(number_P, np.float64), return_inverse=True)
    if len(numbers) < _LEAST_POINTS:
        raise UsageError(
            f"{len(numbers)} numbers of examples are too few for a curve; train on at least {_LEAST_POINTS}, such as a "
            "quarter, half and all"
        )
    scores_P = np.asarray(score_P, np.float64)
    counts = np.bincount(at_P)
    means = np.bincount(at_P, scores_P) / counts
    freedom = int((counts - 1).sum()) + _USUAL_FREEDOM
    # As if all had been trained on the largest number, where scores scatter least.
    squares_P = (scores_P - means[at_P]) ** 2 * (numbers[at_P] / numbers[-1])
    noise = float(np.sqrt((squares_P.sum() + _USUAL_FREEDOM * _USUAL_NOISE**2) / freedom))
    return numbers, means, counts, noise, freedom


def _deviations(numbers: np.ndarray, noise: float) -> np.ndarray:
    deviations: np.ndarray = noise * np.sqrt(numbers[-1] / numbers)
    return deviations


def _fit(place: np.ndarray, means: np.ndarray, deviations: np.ndarray, usual: float) -> tuple[float, float, float]:
    """Give a, the gap between it and the curve at the largest number, and c; `place` is 1 at that number."""

    def residuals(parameters: np.ndarray) -> np.ndarray:
        a, gap, log_c = parameters
        misses = (a - gap * place ** -np.exp(log_c) - means) / deviations
        return np.append(misses, (log_c - usual) / _SPREAD_C)

    top = min(max(float(means.max()), 0.0), 1.0)
    start = [min(1.0, top + 0.1), 0.1, np.log(_USUAL_C)]
    limits = ([0.0, 0.0, np.log(_BOUNDS_C[0])], [1.0 + 1e-9, 1.0, np.log(_BOUNDS_C[1])])
    a, gap, log_c = least_squares(residuals, start, bounds=limits, x_scale=[0.1, 0.1, 0.5]).x.tolist()
    return a, gap, float(np.exp(log_c))


def fit_many(
    place_P: np.ndarray, mean_RP: np.ndarray, deviation_P: np.ndarray, scale_R: np.ndarray, usual_R: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit curves to many draws at once: a, the gap and c of each, with the exponents of a fine grid.

    With c given, a and the gap are the solution of a linear problem. `scale_R` multiplies the deviations of a draw.
    """
    log_c_G = np.linspace(float(np.log(_BOUNDS_C[0])), float(np.log(_BOUNDS_C[1])), _NUM_EXPONENTS)
    x_GP = place_P ** -np.exp(log_c_G)[:, None]
    weight_P = deviation_P**-2 / (deviation_P**-2).sum()
    x_mean_G, y_mean_R = x_GP @ weight_P, mean_RP @ weight_P
    apart_GP, off_RP = x_GP - x_mean_G[:, None], mean_RP - y_mean_R[:, None]
    slope_RG = (off_RP * weight_P) @ apart_GP.T / (apart_GP**2 @ weight_P)
    gap_RG = np.maximum(-slope_RG, 0.0)
    a_RG = y_mean_R[:, None] + gap_RG * x_mean_G
    # Beyond the bound a is 1, and the gap is what is best with it.
    gap_of_one_RG = np.maximum(((1 - mean_RP) * weight_P) @ x_GP.T / (x_GP**2 @ weight_P), 0.0)
    a_RG, gap_RG = np.minimum(a_RG, 1.0), np.where(a_RG > 1, gap_of_one_RG, gap_RG)
    misses_RGP = (a_RG[..., None] - gap_RG[..., None] * x_GP - mean_RP[:, None]) / deviation_P
    costs_RG = (misses_RGP**2).sum(-1) / scale_R[:, None] ** 2 + ((log_c_G - usual_R[:, None]) / _SPREAD_C) ** 2
    best_R = costs_RG.argmin(1)
    rows = np.arange(len(mean_RP))
    return a_RG[rows, best_R], gap_RG[rows, best_R], np.exp(log_c_G[best_R])
