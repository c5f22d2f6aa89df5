"""Count what a tagger got right. This module knows tags and scores; report.py knows what is said about them.

Which library counts what:

- seqeval counts entities wherever its modes are right: the `strict` reading, which takes only spans that are written as
  their scheme asks, and the `conlleval` reading, which is lenient, so that an orphan I- opens a span. `_encode` goes
  around seqeval's limits: it strips hyphens off labels, gives `_` a meaning, does not know BILOU and BMES by these
  letters, and is slow on long stretches of O.
- Our own counting (`counts.count_spans`) is used where seqeval has no mode: spans per sentence or document for
  intervals, comparisons, slices and kinds of error. The tests hold it to seqeval's figures.
- scikit-learn counts plain tags, one token at a time.

Confidence intervals and kinds of error are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as score_leniently
from seqeval.metrics.v1 import precision_recall_fscore_support as score_strictly
from seqeval.scheme import IOB2, IOBES, Entities
from sklearn.metrics import precision_recall_fscore_support as score_classes

from seqtag.evaluation.statistics.counts import Counts, count_spans
from seqtag.text.schemes import Span, convert_tags, entity_labels, split_tag

TagLists = Sequence[Sequence[str]]
_AS_BIOES = {"L": "E", "U": "S", "M": "I"}
_OUTSIDE = ("O", "O")


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


def score_spans(gold: TagLists, predicted: TagLists, *, scheme: str) -> tuple[Scores, Scores, Counts]:
    """Score entities, micro-averaged: the strict reading, then conlleval's; and the strict counts per sentence.

    IO and IOB1 let any I- open a span, so they are read as IOB2 first and both readings give the same. A figure without
    ground (no span predicted, none in gold) is 0. The caller has checked that lengths are equal and that the tags
    belong to the scheme.

    >>> strict, conlleval, counts = score_spans([["B-PER", "O"]], [["I-PER", "O"]], scheme="IOB2")
    >>> strict.f1, conlleval.f1, int(counts.predicted_SL.sum())
    (0.0, 1.0, 0)
    """
    if scheme in ("IO", "IOB1"):
        gold, predicted = ([convert_tags(tags, scheme, "IOB2") for tags in corpus] for corpus in (gold, predicted))
    labels, gold_codes, predicted_codes = _encode(gold, predicted)

    kinds = {"scheme": IOB2 if scheme in ("IO", "IOB1", "IOB2") else IOBES, "zero_division": 0}
    spans = [Entities(gold_codes, kinds["scheme"]), Entities(predicted_codes, kinds["scheme"])]
    given = {**kinds, "entities_true": spans[0], "entities_pred": spans[1]}
    found = sorted(spans[0].unique_tags | spans[1].unique_tags)
    strict = _scores(
        [labels[code] for code in found],
        score_strictly(gold_codes, predicted_codes, average=None, **given),
        score_strictly(gold_codes, predicted_codes, average="micro", **given),
    )

    # The places of seqeval's entities are those after `_encode`, the same on both sides.
    sides = [[[Span(e.start, e.end, labels[e.tag]) for e in found] for found in side.entities] for side in spans]
    counts = count_spans(*sides)

    found = sorted({code for codes in (gold_codes, predicted_codes) for code, _, _ in get_entities(codes)})
    conlleval = _scores(
        [labels[code] for code in found],
        score_leniently(gold_codes, predicted_codes, average=None, zero_division=0),
        score_leniently(gold_codes, predicted_codes, average="micro", zero_division=0),
    )
    return strict, conlleval, counts


def score_tokens(gold: TagLists, predicted: TagLists) -> Scores:
    """Score plain tags, one class per token, macro-averaged over the tags of gold and prediction.

    >>> score_tokens([["DET", "NOUN"]], [["DET", "VERB"]]).labels[1]
    LabelScore(label='NOUN', precision=0.0, recall=0.0, f1=0.0, support=1)
    """
    left, right = list(chain.from_iterable(gold)), list(chain.from_iterable(predicted))
    tags = sorted({*left, *right})
    if not tags:
        return Scores(0.0, 0.0, 0.0, ())
    rows = score_classes(left, right, labels=tags, average=None, zero_division=0)
    return _scores(tags, rows, score_classes(left, right, labels=tags, average="macro", zero_division=0))


def token_accuracy(gold: TagLists, predicted: TagLists) -> float:
    """Give the share of tokens with the gold tag, `O` included; no tokens give 0.

    >>> token_accuracy([["O", "B-PER"], ["O", "O"]], [["O", "B-LOC"], ["O", "O"]])
    0.75
    """
    num_tokens = sum(map(len, gold))
    num_right = sum(a == b for left, right in zip(gold, predicted) for a, b in zip(left, right))
    return num_right / num_tokens if num_tokens else 0.0


def _encode(gold: TagLists, predicted: TagLists) -> tuple[dict[str, str], list[list[str]], list[list[str]]]:
    """Write tags for seqeval: letters of BIOES, a number for each label, few `O`; gives the labels by number first.

    seqeval strips hyphens off labels and has a meaning of its own for `_`; numbers of one width keep the labels whole
    and in order. Where both sides are outside for a while, all but the first token are left out, since they change no
    span: they are most of a corpus, and most of the time that counting takes.
    """
    tags = {tag for corpus in (gold, predicted) for sentence in corpus for tag in sentence}
    labels = entity_labels(tags)
    numbers = {label: f"{number:06d}" for number, label in enumerate(labels)}
    codes = {"O": "O"}
    for tag in tags - {"O"}:
        letter, label = split_tag(tag)
        codes[tag] = f"{_AS_BIOES.get(letter, letter)}-{numbers[label]}"
    gold_codes, predicted_codes = [], []
    for left, right in zip(gold, predicted):
        pairs = [(codes[a], codes[b]) for a, b in zip(left, right)]
        kept = [pair for before, pair in zip([None, *pairs], pairs) if pair != _OUTSIDE or before != _OUTSIDE]
        gold_codes.append([a for a, _ in kept])
        predicted_codes.append([b for _, b in kept])
    return {number: label for label, number in numbers.items()}, gold_codes, predicted_codes


def _scores(labels: list[str], rows: tuple[Any, ...], average: tuple[Any, ...]) -> Scores:
    """Make a record of what seqeval and scikit-learn give: precision, recall, F1 and support."""
    scores = [
        LabelScore(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *rows)
    ]
    return Scores(float(average[0]), float(average[1]), float(average[2]), tuple(scores))
