"""Count what a classifier got right, by scikit-learn's functions; report.py holds the names and messages.

A precision, recall or F1 without ground (a class that is never predicted, or never in gold) is 0.
"""

# N texts, L classes that the model knows, K classes with those that only gold has

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score
from sklearn.metrics import log_loss as score_log_loss

from seqtag.evaluation.classifying.coding import CodedLabels, Label
from seqtag.evaluation.statistics.counts import ByFigure, Counts


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class was found; precision, recall and F1 lie between 0 and 1."""

    label: Label
    precision: float
    recall: float
    f1: float
    support: int  # texts of gold with the class
    num_predicted: int  # texts that were given the class


@contextmanager
def _few_texts_per_class() -> Iterator[None]:
    """Drop the warning of scikit-learn 1.6 and 1.7 that classes with fewer than two texts each may be a regression."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        yield


@_few_texts_per_class()
def class_scores(coded: CodedLabels) -> tuple[ClassScore, ...]:
    """Score each class, in the order of `coded.classes`."""
    figures = precision_recall_fscore_support(
        coded.gold, coded.predicted, labels=np.arange(len(coded.classes)), average=None, zero_division=0
    )
    rows = zip(coded.classes, *figures, coded.counts(coded.predicted))
    return tuple(ClassScore(label, float(p), float(r), float(f), int(n), int(m)) for label, p, r, f, n, m in rows)


@_few_texts_per_class()
def average(coded: CodedLabels, how: str) -> ByFigure[float]:
    """Average over classes: `macro` and `weighted` (by texts) over those of gold, `micro` over predicted ones too.

    scikit-learn's macro average, without its argument `labels`, also counts a class that only the prediction has, as 0.
    """
    occurs = coded.counts(coded.gold) + (coded.counts(coded.predicted) if how == "micro" else 0)
    if not occurs.any():  # texts may have any number of labels, and here no text has one
        return ByFigure(0.0, 0.0, 0.0)
    figures = precision_recall_fscore_support(
        coded.gold, coded.predicted, labels=np.flatnonzero(occurs), average=how, zero_division=0
    )
    return ByFigure(*map(float, figures[:3]))


def class_counts(coded: CodedLabels) -> Counts:
    """Count each class of each text, for resampling; with one label per text micro F1 is then the accuracy."""
    sides = []
    for side in (coded.gold, coded.predicted):
        one_hot_NK = side[:, :-1] if coded.multi_label else side[:, None] == np.arange(len(coded.classes))
        sides.append(one_hot_NK.astype(np.int64))
    return Counts(coded.classes, sides[0] & sides[1], *sides)


def right_texts(coded: CodedLabels) -> np.ndarray:
    """Say which texts have all their labels right and no other, (N,)."""
    equal = np.equal(coded.gold, coded.predicted)
    return np.asarray(equal.all(1) if coded.multi_label else equal)


@_few_texts_per_class()
def confusions(coded: CodedLabels) -> tuple[tuple[int, ...], ...]:
    """Count the pairs of single labels: K rows for gold, K columns for what was predicted."""
    if len(coded.classes) == 1:
        return ((len(coded.gold),),)  # scikit-learn warns of a matrix so small
    counts_KK = confusion_matrix(coded.gold, coded.predicted, labels=np.arange(len(coded.classes)))
    return tuple(tuple(row) for row in counts_KK.tolist())


@_few_texts_per_class()
def log_loss(coded: CodedLabels, probabilities_NL: np.ndarray) -> float:
    """Give the mean negative log-likelihood in nats, per text, or per label of a text where it may have several.

    A row whose sum rounding moved is scaled to sum to 1.
    """
    if coded.multi_label:
        known_NL = coded.gold[:, : coded.num_known]
        return float(score_log_loss(known_NL.ravel(), probabilities_NL.ravel(), labels=[0, 1]))
    fair_NL = probabilities_NL / probabilities_NL.sum(1, keepdims=True)
    return float(score_log_loss(coded.gold, fair_NL, labels=np.arange(coded.num_known)))


def roc_auc(coded: CodedLabels, probabilities_NL: np.ndarray) -> float:
    """Give the area under the ROC curve; for more than two classes, the macro average of each against the rest.

    Every class has to occur in some texts and be missing from others.
    """
    known_L = np.arange(coded.num_known)
    gold_NL = coded.gold[:, known_L] if coded.multi_label else (coded.gold[:, None] == known_L).astype(np.int8)
    if coded.num_known == (1 if coded.multi_label else 2):  # one curve; of two columns that sum to 1 either gives it
        return float(roc_auc_score(gold_NL[:, -1], probabilities_NL[:, -1]))
    return float(roc_auc_score(gold_NL, probabilities_NL, average="macro"))
