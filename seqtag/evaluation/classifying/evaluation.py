"""Evaluate predicted labels against gold: fill the report of a classifier.

Labels become numbers in coding.py and are counted in metrics.py; report.py knows what is said about them.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.classifying import metrics
from seqtag.evaluation.classifying.coding import CodedLabels, Label, check_probabilities, code_labels
from seqtag.evaluation.classifying.errors import class_errors
from seqtag.evaluation.classifying.report import ClassReport
from seqtag.evaluation.classifying.slices import score_slices
from seqtag.evaluation.statistics.confidence import Confidence, measure_confidence
from seqtag.evaluation.statistics.measurement import Measurement, hash_labelled
from seqtag.evaluation.statistics.resampling import bootstrap, ratio_interval
from seqtag.reporting.figures import listed

_LEAST_CANDIDATE = 0.01  # of several labels per text, less probable ones are not on the precision-recall curve


def evaluate_labels(
    gold: Sequence[Any],
    predicted: Sequence[Any],
    *,
    labels: Sequence[Label],
    probabilities: Any = None,
    texts: Sequence[str] | None = None,
    lengths: Sequence[int] | None = None,
    unit: str = "tokens",
    unknown_shares: Sequence[float | None] | None = None,
    source: str = "",
    resamples: int = 10_000,
    seed: int = 0,
) -> ClassReport:
    """Compare predicted labels with gold, text by text; a list in the place of a label means several labels per text.

    `labels` are the classes that the model knows, strings, integers or booleans, in the order of the columns of
    `probabilities` (N, L), whose rows each sum to 1; where texts have several labels, each column stands alone.
    `texts` are shown with the mistakes; `lengths` in `unit` and `unknown_shares`, the shares of words that training did
    not have, cut the texts into groups. `source` names the data in messages and in the heading; `resamples=0` leaves
    the intervals out. Raises DataError, with the text's number from 1, for unequal lengths and impossible
    probabilities, UsageError for labels of another kind and for a wrong shape.

    >>> report = evaluate_labels(["pos", "neg", "pos", "odd"], ["pos", "pos", "pos", "neg"], labels=["neg", "pos"])
    >>> report.accuracy, report.unknown, report.undefined["roc_auc"]
    (0.5, ('odd',), 'no probabilities were given')
    """
    where = f"{source}: " if source else ""
    if not isinstance(resamples, Integral) or resamples < 0:
        raise UsageError(f"resamples={resamples!r}: pass a whole number, 0 for no intervals")
    coded = code_labels(gold, predicted, labels, where=where)
    num_texts = len(coded.gold)
    for name, column in (("texts", texts), ("lengths", lengths), ("unknown_shares", unknown_shares)):
        if column is not None and len(column) != num_texts:
            raise DataError(f"{where}{num_texts} labels of gold but {len(column)} {name}; pair them one to one")
    given = None if probabilities is None else check_probabilities(probabilities, coded, where=where)
    undefined = _undefined(coded, given is not None)
    counts = metrics.class_counts(coded)
    intervals = bootstrap(counts, resamples=resamples, seed=seed) if resamples else None
    micro = None if intervals is None else (intervals.micro.f1.low, intervals.micro.f1.high)
    right_N = metrics.right_texts(coded)
    accuracy_interval = micro
    if coded.multi_label and resamples:
        ones_N = np.ones(num_texts, np.int64)
        accuracy_interval = ratio_interval(right_N.astype(np.int64), ones_N, resamples=resamples, seed=seed)
    return ClassReport(
        source=source,
        measurement=Measurement("labels", hash_labelled(texts, gold), "texts", counts),
        multi_label=coded.multi_label,
        num_texts=num_texts,
        classes=metrics.class_scores(coded),
        unknown=coded.unknown,
        accuracy=float(right_N.mean()),
        accuracy_interval=accuracy_interval,
        macro=metrics.average(coded, "macro"),
        weighted=metrics.average(coded, "weighted"),
        micro=metrics.average(coded, "micro") if coded.multi_label else None,
        micro_interval=micro if coded.multi_label else None,
        confusion=None if coded.multi_label else metrics.confusions(coded),
        log_loss=None if given is None or "log_loss" in undefined else metrics.log_loss(coded, given),
        roc_auc=None if given is None or "roc_auc" in undefined else metrics.roc_auc(coded, given),
        undefined=undefined,
        intervals=intervals,
        errors=class_errors(coded, given, texts),
        slices=() if lengths is None else score_slices(lengths, unknown_shares, right_N.tolist(), unit=unit),
        confidence=None if given is None else _confidence(coded, given),
    )


def _confidence(coded: CodedLabels, probabilities_NL: np.ndarray) -> Confidence:
    """Compare how sure the model was with what is right: of the class of each text, or of each label that it gave."""
    if not coded.multi_label:
        score_N = probabilities_NL[np.arange(len(coded.predicted)), coded.predicted]
        return measure_confidence(score_N, coded.gold == coded.predicted)
    known = slice(0, coded.num_known)
    gold_NL, given_NL = coded.gold[:, known].astype(bool), coded.predicted[:, known].astype(bool)
    wide_NL = probabilities_NL >= _LEAST_CANDIDATE
    return measure_confidence(
        probabilities_NL[given_NL],
        gold_NL[given_NL],
        num_gold=int(coded.gold.sum()),
        candidates=(probabilities_NL[wide_NL], gold_NL[wide_NL]),
    )


def _undefined(coded: CodedLabels, has_probabilities: bool) -> dict[str, str]:
    """Say why log loss and ROC AUC can't be counted, where that is so."""
    if not has_probabilities:
        return dict.fromkeys(("log_loss", "roc_auc"), "no probabilities were given")
    if coded.unknown:
        reason = f"gold has labels that the model does not know: {listed(list(map(repr, coded.unknown)))}"
        return dict.fromkeys(("log_loss", "roc_auc"), reason)
    if not coded.multi_label and len(coded.classes) == 1:
        return dict.fromkeys(("log_loss", "roc_auc"), "there is only one class")
    num_texts = len(coded.gold)
    for number, said in ((0, "no text"), (num_texts, "every text")):
        same = [repr(label) for label, count in zip(coded.classes, coded.counts(coded.gold)) if count == number]
        if same:
            return {"roc_auc": f"in gold {said} has {listed(same)}"}
    return {}
