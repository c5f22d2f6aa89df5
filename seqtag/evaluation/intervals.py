"""Say how sure a score is: intervals by resampling sentences."""

import numpy as np

# Resamples are drawn in pieces of so many numbers, so that a large test set needs no large matrix.
_MOST_CELLS = 4_000_000


def micro_f1_interval(
    right_S: np.ndarray,
    gold_S: np.ndarray,
    predicted_S: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of micro F1 (Efron and Tibshirani 1993, ch. 13), from counts a sentence.

    Sentences are resampled, not spans: those of one sentence are right or wrong together. A resample without any span
    counts as 0.

    >>> micro_f1_interval(np.array([1, 1]), np.array([1, 1]), np.array([1, 1]))
    (1.0, 1.0)
    """
    num_sentences = len(right_S)
    if not num_sentences:
        return 0.0, 0.0
    counts_S2 = np.stack([2 * right_S, gold_S + predicted_S], -1)
    random = np.random.default_rng(seed)
    scores = []
    for start in range(0, resamples, piece := max(1, _MOST_CELLS // num_sentences)):
        times = min(piece, resamples - start)
        weights_RS = random.multinomial(num_sentences, np.full(num_sentences, 1 / num_sentences), size=times)
        twice_right_R, total_R = (weights_RS @ counts_S2).T
        scores.append(twice_right_R / np.maximum(total_R, 1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(scores), [tail, 1 - tail])
    return float(low), float(high)
