"""Count what a tagger got right. This module knows tags and scores; report.py knows what is said about them.

Who counts what:

- Entities are counted here, from arrays, since that takes a twentieth of seqeval's time: the `strict` reading, which
  takes only spans that are written as their scheme asks, and the `conlleval` reading, which is lenient, so that an
  orphan I- opens a span. seqeval is the measure: the tests hold both readings, and the figures of each label, to its
  modes of these names, for legal and for broken tags. Beyond it, labels may hold hyphens and `_`, and BILOU and BMES
  have both readings.
- scikit-learn counts plain tags, one token at a time.

Confidence intervals and kinds of error are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_fscore_support as score_classes

from seqtag.evaluation.statistics.counts import Counts, count_spans
from seqtag.text.tag_tables import TagTable


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label was found; all but `support` lie between 0 and 1."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int  # how often gold has the label


@dataclass(frozen=True, slots=True)
class Scores:
    """Averages over a corpus, and a row for each label of gold or prediction, sorted by name."""

    precision: float
    recall: float
    f1: float
    labels: tuple[LabelScore, ...]


def score_spans(gold: TagTable, predicted: TagTable, *, scheme: str) -> tuple[Scores, Scores, Counts]:
    """Score entities, micro-averaged: the strict reading, then conlleval's; and the strict counts per sentence.

    In IO and IOB1 any I- may open a span, so both readings give the same. A figure without ground (no span predicted,
    none in gold) is 0. The caller has checked that lengths are equal and that the tags belong to the scheme.

    >>> sides = TagTable.of([["B-PER", "O"]]), TagTable.of([["I-PER", "O"]])
    >>> strict, conlleval, counts = score_spans(*sides, scheme="IOB2")
    >>> strict.f1, conlleval.f1, int(counts.predicted_SL.sum())
    (0.0, 1.0, 0)
    """
    strict, lenient = (
        count_spans(*(table.spans(scheme, strictly=strictly) for table in (gold, predicted)))
        for strictly in (True, False)
    )
    return _entity_scores(strict), _entity_scores(lenient), strict


def score_tokens(gold: TagTable, predicted: TagTable) -> Scores:
    """Score plain tags, one class per token, macro-averaged over the tags of gold.

    >>> numbers = {}
    >>> score_tokens(*(TagTable.of([tags], numbers) for tags in (["DET", "NOUN"], ["DET", "VERB"]))).labels[1]
    LabelScore(label='NOUN', precision=0.0, recall=0.0, f1=0.0, support=1)
    """
    names = predicted.names  # those of gold, and what the prediction has beyond them
    used = np.union1d(gold.tags_N, predicted.tags_N).tolist()
    if not used:
        return Scores(0.0, 0.0, 0.0, ())
    used.sort(key=names.__getitem__)
    sides = gold.tags_N, predicted.tags_N
    rows = score_classes(*sides, labels=used, average=None, zero_division=0)
    average = score_classes(*sides, labels=np.unique(gold.tags_N), average="macro", zero_division=0)
    return _scores([names[number] for number in used], rows, average)


def token_accuracy(gold: TagTable, predicted: TagTable) -> float:
    """Give the share of tokens with the gold tag, `O` included; no tokens give 0.

    >>> numbers = {}
    >>> token_accuracy(*(TagTable.of([tags], numbers) for tags in (["O", "B-PER"], ["O", "B-LOC"])))
    0.5
    """
    num_right = int((gold.tags_N == predicted.tags_N).sum())
    return num_right / len(gold.tags_N) if len(gold.tags_N) else 0.0


def _entity_scores(counts: Counts) -> Scores:
    by_label = [array_SL.sum(0) for array_SL in (counts.right_SL, counts.gold_SL, counts.predicted_SL)]
    rows = (*_figures(*by_label), by_label[1])
    average = tuple(float(figure) for figure in _figures(*(array_L.sum() for array_L in by_label)))
    return _scores([str(label) for label in counts.labels], rows, average)


def _figures(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give precision, recall and F1, with the roundings of seqeval and scikit-learn."""
    precision, recall = right / np.maximum(predicted, 1), right / np.maximum(gold, 1)
    total = precision + recall
    return precision, recall, 2 * precision * recall / np.where(total == 0, 1.0, total)


def _scores(labels: list[str], rows: Sequence[np.ndarray], average: Sequence[float]) -> Scores:
    """Make a record of precision, recall, F1 and support by label, and of the averages of the first three."""
    scores = [
        LabelScore(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *rows)
    ]
    return Scores(float(average[0]), float(average[1]), float(average[2]), tuple(scores))
