"""Explain the class of one text with the engine that chose it; see `Explanation`."""

# N texts, L classes

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from seqtag.errors import UsageError, near_miss
from seqtag.inference.explaining.explanation import Explanation, Occlusion, Part, Share, by_name
from seqtag.inference.explaining.occlusion import Occluded, nearest
from seqtag.text.classes import ClassSet
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Token

# So many tokens the network may read of variants with hidden words; of a long text the first words are hidden.
MOST_READ = 50_000

_OF_TEXT = {"encoder": "states", "lexical": "n-grams"}  # what a view reads in a text


class Explainable(Protocol):
    """What is asked of an engine; see `inference.classifying.ClassEngine`."""

    @property
    def classes(self) -> ClassSet:
        """The classes that the network tells apart."""

    @property
    def pooling(self) -> str | None:
        """How the states of a text become one vector."""

    def probabilities(self, rows: Sequence[Any]) -> np.ndarray:
        """Give the probability of each class, (N, L)."""

    def attention(self, rows: Sequence[Any]) -> list[np.ndarray]:
        """Give the weight of each token in the pooled vector."""

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes each text gets, as truth values (N, L)."""

    def view_scores(self, rows: Sequence[Any]) -> dict[str, np.ndarray]:
        """Give what each view adds to the score of each class, (N, L)."""

    def view_biases(self) -> dict[str, np.ndarray]:
        """Give the part of it that is the same for every text, (L,)."""

    def reading(self, occluded: Occluded) -> "Explainable":
        """Give the same engine for texts in which something is hidden."""


def explain_text(
    engine: Explainable, tokens: Sequence[Token], label: Any = None, *, most_read: int = MOST_READ
) -> list[Explanation]:
    """Explain the classes that a text gets, or the one that is asked for.

    Where a text has one class, the next best reading is the likeliest other class; where it may have several, it is
    that the text does not have this one.
    """
    classes = engine.classes
    words = [token.text for token in tokens]
    [probability_L] = engine.probabilities([words])
    if label is None:
        chosen = np.flatnonzero(engine.choose(probability_L[None])[0]).tolist()
    elif (number := classes.find(label)) < 0:
        raise UsageError(f"label={label!r}: the model has no such class; {near_miss(str(label), classes.names)}")
    else:
        chosen = [number]
    if not chosen:
        return []
    if words:
        scores = {name: scores_NL[0] for name, scores_NL in engine.view_scores([words]).items()}
        biases: Mapping[str, np.ndarray] = engine.view_biases()
    else:  # the shares of the classes in training decide
        scores, biases = {"prior": _prior_scores(classes, probability_L)}, {}
    numbers = nearest(len(words), [(0, 0)], most_read)
    occluded = Occluded.build(words, numbers)
    probability_NL = engine.reading(occluded).probabilities(occluded.sentences)
    weights = engine.attention([words])[0].tolist() if engine.pooling == "attention" and words else []
    end = tokens[-1].end if tokens else 0
    found = []
    for number in chosen:
        rival = _rival(classes, probability_L, number)
        instead: tuple[Span, ...] | None = () if classes.is_multi else None
        if rival is not None:
            instead = (Span(0, end, classes.names[rival], score=float(probability_L[rival])),)
        parts = () if instead is None else _parts(classes, scores, biases, number, rival)
        odds_N = _log_odds(classes, probability_NL, number)
        occlusions = (
            Occlusion(*place, float(odds), float(one_L[number]))
            for place, odds, one_L in zip(occluded.places, odds_N, probability_NL)
        )
        found.append(
            Explanation(
                Span(0, end, classes.names[number], score=float(probability_L[number])),
                instead,
                sum(part.score for part in parts) if instead is not None else float("inf"),
                tuple(tokens),
                parts,
                tuple(occlusions),
                tuple(weights),
            )
        )
    return found


def _rival(classes: ClassSet, probability_L: np.ndarray, number: int) -> int | None:
    """Give the likeliest other class; None where there is none, or where each class is decided for itself."""
    if classes.is_multi or len(classes) < 2:
        return None
    others_L = probability_L.copy()
    others_L[number] = -1.0
    return int(others_L.argmax())


def _parts(
    classes: ClassSet,
    scores: Mapping[str, np.ndarray],
    biases: Mapping[str, np.ndarray],
    number: int,
    rival: int | None,
) -> tuple[Part, ...]:
    chosen = classes.names[number]
    instead = f"not {chosen}" if rival is None else classes.names[rival]

    def difference(score_L: np.ndarray) -> float:
        return float(score_L[number]) - (0.0 if rival is None else float(score_L[rival]))

    parts = []
    for name, score_L in scores.items():
        score = difference(score_L)
        shares: tuple[Share, ...] = ()
        if name in biases:
            bias = difference(biases[name])
            shares = by_name({_OF_TEXT[name]: score - bias, f"{name} bias": bias})
        parts.append(Part(name, score, chosen, instead, shares=shares))
    return tuple(parts)


def _prior_scores(classes: ClassSet, probability_L: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        scores_L: np.ndarray = np.log(probability_L)
        return scores_L - np.log1p(-probability_L) if classes.is_multi else scores_L


def _log_odds(classes: ClassSet, probability_NL: np.ndarray, number: int) -> np.ndarray:
    """Give the log odds of a class against the likeliest other one, or against its absence, (N,)."""
    own_N = probability_NL[:, number]
    against_N = 1 - own_N
    if not classes.is_multi:
        against_N = np.delete(probability_NL, number, axis=1).max(1, initial=0.0)
    with np.errstate(divide="ignore"):
        log_odds_N: np.ndarray = np.log(own_N) - np.log(against_N)
    return log_odds_N
