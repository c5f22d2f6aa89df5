"""Say how sure a score is: intervals by resampling the sentences or texts that it was measured on."""

import numpy as np

# Resamples are drawn in pieces of so many numbers, so that a large test set needs no large matrix.
_MOST_CELLS = 4_000_000


def ratio_interval(
    part_S: np.ndarray,
    whole_S: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of sum(part) / sum(whole) (Efron and Tibshirani 1993, ch. 13), from counts a text.

    Whole texts are resampled. A resample whose whole is 0 counts as 0. Where all texts have the same ratio, as with
    every one right, the interval has no width: it tells of the draw of texts, and no draw of these differs.

    >>> low, high = ratio_interval(np.array([1, 1, 1, 0] * 25), np.ones(100, int))
    >>> round(low, 2), round(high, 2)
    (0.66, 0.84)
    """
    num_texts = len(part_S)
    if not num_texts:
        return 0.0, 0.0
    # Texts with the same counts are drawn together: how many of each kind fall into a resample is multinomial too,
    # and a large test set has few kinds.
    kinds_K2, texts_K = np.unique(np.stack([part_S, whole_S], -1), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    scores = []
    for start in range(0, resamples, piece := max(1, _MOST_CELLS // len(texts_K))):
        weights_RK = random.multinomial(num_texts, texts_K / num_texts, size=min(piece, resamples - start))
        part_R, whole_R = (weights_RK @ kinds_K2).T
        scores.append(part_R / np.maximum(whole_R, 1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(scores), [tail, 1 - tail])
    return float(low), float(high)


def micro_f1_interval(
    right_S: np.ndarray,
    gold_S: np.ndarray,
    predicted_S: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of micro F1, from the spans or labels that are right, in gold and predicted in each sentence.

    Sentences are resampled, not spans: those of one sentence are right or wrong together. A resample without any span
    counts as 0.

    >>> micro_f1_interval(np.array([1, 1]), np.array([1, 1]), np.array([1, 1]))
    (1.0, 1.0)
    """
    return ratio_interval(2 * right_S, gold_S + predicted_S, confidence=confidence, resamples=resamples, seed=seed)
