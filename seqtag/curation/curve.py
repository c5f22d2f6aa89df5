"""The learning curve of a corpus: scores against the number of training examples, and what more of them would give.

Trains an estimator on growing parts of the training data; evaluation/statistics/power_law.py fits and forecasts, and
curve_page.py says what is shown.
"""

# S rows (sentences or texts), P trainings

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral
from typing import Any

import numpy as np
from datasets import Dataset
from sklearn.base import clone

from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tagged_drafts import documents_of
from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.power_law import Forecast, PowerLaw, fit_power_law, forecast
from seqtag.evaluation.statistics.resampling import figures
from seqtag.reporting.progress import shows_bars, watched

logger = logging.getLogger("seqtag")

FRACTIONS = ("1/8", "1/4", "1/2", "1")
_LEAST_ROWS = 8  # of the smallest part
_LEAST_SUPPORT = 10  # spans of a label in the test data, for a curve of its own
_TIMES = (2, 4)  # as many examples as there are: what is forecast


@dataclass(frozen=True, slots=True)
class Training:
    """One training on a part of the data, measured on the test data."""

    num_rows: int
    num_tokens: int
    seed: int
    score: float  # micro F1; the accuracy of plain tags and of texts with one label
    labels: dict[str, float]  # F1 by label
    epochs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LabelCurve:
    """What is forecast for one label."""

    label: str
    support: int  # in the test data
    scores: tuple[tuple[int, float], ...]  # number of rows, mean F1
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The scores of growing parts of a corpus, the curve through them, and what more examples would give."""

    task: str  # tag or classify
    unit: str  # sentences or texts
    score_name: str  # F1 or accuracy
    num_rows: int  # that there are
    by_documents: bool  # whole documents were taken
    trainings: tuple[Training, ...]
    law: PowerLaw | None  # None for fewer than three parts of different size
    forecasts: tuple[Forecast, ...]
    labels: tuple[LabelCurve, ...]  # those with enough support, the most frequent first
    num_test: int
    seconds: float  # that all trainings took

    @property
    def means(self) -> tuple[tuple[int, float], ...]:
        """The mean score of each number of rows."""
        return mean_scores([(each.num_rows, each.score) for each in self.trainings])


def learning_curve(
    estimator: Any,
    train: Dataset,
    test: Dataset,
    *,
    dev: Dataset | None = None,
    fractions: Sequence[str | float] = FRACTIONS,
    seeds: int = 3,
    more: Sequence[int] = (),
    draws: int = 1_000,
) -> Curve:
    """Train a Tagger or Classifier on growing parts of `train`, measure it on `test`, and forecast.

    Parts are random and nested: the rows of a smaller one are in the larger one of the same seed. They are whole
    documents where the data tell these apart, and of labelled texts have the same share of each class. Each seed draws
    other parts and other first weights. The estimator is cloned, and chooses the number of epochs by the size of each
    part, unless that is set. Without `dev` it holds out some of each part. Twice and four times as many rows are
    forecast, and `more` than there are. Raises UsageError for impossible fractions, DataError for too little data.
    """
    task = getattr(estimator, "task", None)
    if task not in ("tag", "classify"):
        raise UsageError(f"a learning curve is for a Tagger or a Classifier, not for {type(estimator).__name__}")
    if not isinstance(seeds, Integral) or seeds < 1:
        raise UsageError(f"seeds={seeds!r}: train at least one model for each part, better three")
    shares = read_fractions(fractions)
    if not all(isinstance(number, Integral) and number >= 1 for number in more):
        raise UsageError(f"more={list(more)!r}: numbers of further examples are whole and at least 1")
    train, test, dev = _settled(train, test, dev, task, estimator)
    begun = time.perf_counter()
    plan = [
        (part, seed)
        for seed in range(int(estimator.seed), int(estimator.seed) + seeds)
        for part in nested_parts(train, shares, seed)
    ]
    plan.sort(key=lambda item: (len(item[0]), item[1]))  # small parts first: what is wrong shows early
    if len(plan[0][0]) < _LEAST_ROWS:
        raise DataError(
            f"the smallest part would have {len(plan[0][0])} of {len(train)} rows; leave out the smallest fractions, "
            "or give more data"
        )
    trainings, supports = [], Counter[str]()
    total = sum(len(rows) for rows, _ in plan)
    # Elsewhere than on a terminal, a line for each training says enough.
    shown = watched(plan, "training on parts", total=total, size=lambda item: len(item[0])) if shows_bars() else plan
    for rows, seed in shown:
        trained, supports = _train(estimator, train.select(rows), test, dev, seed)
        trainings.append(trained)
        _tell(trained, trainings, plan, task)
    by_documents = task == "tag" and documents_of(train) is not None
    return _curve(trainings, supports, train, test, task, more, by_documents, draws, time.perf_counter() - begun)


def read_fractions(fractions: Sequence[str | float]) -> list[float]:
    """Give the shares that fractions stand for, each once and the smallest first; UsageError for what is no share.

    >>> read_fractions(["1", "1/4", 0.5])
    [0.25, 0.5, 1.0]
    """
    shares = set()
    for fraction in fractions:
        try:
            share = float(Fraction(fraction))
        except (ValueError, ZeroDivisionError, TypeError):
            share = 0.0
        if not 0 < share <= 1:
            raise UsageError(f"fraction {fraction!r}: is a share of the rows, more than 0 and at most 1, such as 1/4")
        shares.add(share)
    if not shares:
        raise UsageError("no fractions are given; name some, such as 1/8, 1/4, 1/2 and 1")
    return sorted(shares)


def nested_parts(train: Dataset, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Choose the rows of each share: random, and those of a smaller one are in the larger ones.

    >>> rows = Dataset.from_dict({"tokens": [["a"]] * 8, "tags": [["O"]] * 8})
    >>> small, large = nested_parts(rows, [0.25, 0.5], seed=0)
    >>> len(small), len(large), set(small.tolist()) <= set(large.tolist())
    (2, 4, True)
    """
    random = np.random.default_rng(seed)
    wanted = [max(1, round(share * len(train))) for share in shares]
    documents = documents_of(train) if "tags" in train.column_names else None
    if documents is None:
        order = _by_class(train, random) if "tags" not in train.column_names else random.permutation(len(train))
        return [np.sort(order[:number]) for number in wanted]
    sizes = Counter(documents)
    names = [list(sizes)[number] for number in random.permutation(len(sizes)).tolist()]
    ends = np.cumsum([sizes[name] for name in names])
    parts = []
    for number in wanted:
        # The number of documents with which the number of sentences comes closest.
        taken = set(names[: int(np.abs(ends - number).argmin()) + 1])
        parts.append(np.array([row for row, name in enumerate(documents) if name in taken], np.int64))
    return parts


def _by_class(train: Dataset, random: np.random.Generator) -> np.ndarray:
    """Order texts at random so that the first ones have the same share of each class as all; of several, the first."""
    labels = [repr(label[:1] if isinstance(label, list) else label) for label in label_names(train)]
    sizes, seen = Counter(labels), Counter[str]()
    keys = np.zeros(len(labels))
    for row in random.permutation(len(labels)).tolist():
        keys[row] = (seen[labels[row]] + random.random()) / sizes[labels[row]]
        seen[labels[row]] += 1
    return np.argsort(keys, kind="stable")


# -- trainings ---------------------------------------------------------------------------------------------------------


def _settled(
    train: Dataset, test: Dataset, dev: Dataset | None, task: str, estimator: Any
) -> tuple[Dataset, Dataset, Dataset | None]:
    """Read the splits together, so that each part has the tags, the classes and the scheme of the whole."""
    splits = {name: rows for name, rows in (("train", train), ("dev", dev), ("test", test)) if rows is not None}
    options = {"language": estimator.language} if task == "tag" else {}
    corpus = load_corpus(splits, task=task, **options)
    for name, rows in corpus.items():
        if not len(rows):
            raise DataError(f"the {name} data has no rows; give at least one")
    return corpus["train"], corpus["test"], corpus.get("dev")


def _train(
    estimator: Any, rows: Dataset, test: Dataset, dev: Dataset | None, seed: int
) -> tuple[Training, "Counter[str]"]:
    model = clone(estimator).set_params(seed=seed)
    begun = time.perf_counter()
    with _warnings_once():
        model.fit(rows, dev=dev, watchers=())
        seconds = time.perf_counter() - begun
        if model.interrupted_:
            raise KeyboardInterrupt
        counts = model.evaluate(test, resamples=0).measurement.counts
    sums = [array.sum(0) for array in (counts.right_SL, counts.gold_SL, counts.predicted_SL)]
    table = figures(*sums)[..., 2].tolist()
    labels = {str(label): score for label, score in zip(counts.labels, table[2:])}
    text = rows["tokens"] if "tokens" in rows.column_names else ()
    num_tokens = sum(map(len, text))
    supports = Counter({str(label): int(number) for label, number in zip(counts.labels, sums[1].tolist())})
    found = Training(len(rows), num_tokens, seed, float(table[0]), labels, len(model.history_), seconds)
    return found, supports


def _tell(trained: Training, done: Sequence[Training], plan: Sequence[tuple[np.ndarray, int]], task: str) -> None:
    """Say what one training gave and took, and about how long the others will take."""
    left = [len(rows) for rows, _ in plan[len(done) :]]
    # The time of a training grows more slowly than its part, for a small one gets more epochs; the last one says most.
    ahead = sum(number / trained.num_rows * trained.seconds for number in left)
    unit = "sentences" if task == "tag" else "texts"
    logger.info(
        "%s %s, seed %d: %.2f; %d epochs of %.1f s%s",
        f"{trained.num_rows:,}",
        unit,
        trained.seed,
        100 * trained.score,
        trained.epochs,
        trained.seconds / max(1, trained.epochs),
        f"; at most {_minutes(ahead)} left" if left else "",
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


@contextmanager
def _warnings_once() -> Iterator[None]:
    """Keep what each training would say again, of held-out rows and unknown tags, out of the log."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


# -- the curve ---------------------------------------------------------------------------------------------------------


def _curve(
    trainings: Sequence[Training],
    supports: "Counter[str]",
    train: Dataset,
    test: Dataset,
    task: str,
    more: Sequence[int],
    by_documents: bool,
    draws: int,
    seconds: float,
) -> Curve:
    numbers = [each.num_rows for each in trainings]
    largest = max(numbers)
    wanted = sorted({largest * times for times in _TIMES} | {largest + number for number in more})
    can_fit = len(set(numbers)) >= 3
    labels = []
    for label, support in sorted(supports.items(), key=lambda item: (-item[1], item[0])):
        if support < _LEAST_SUPPORT:
            continue
        scores = [each.labels.get(label, 0.0) for each in trainings]
        found = forecast(numbers, scores, wanted, draws=draws) if can_fit and len(supports) > 1 else []
        labels.append(LabelCurve(label, support, mean_scores(list(zip(numbers, scores))), tuple(found)))
    scores = [each.score for each in trainings]
    if not can_fit:
        logger.info("fewer than three parts of different size, so no curve is fitted")
    return Curve(
        task=task,
        unit="sentences" if task == "tag" else "texts",
        score_name=_score_name(train),
        num_rows=len(train),
        by_documents=by_documents,
        trainings=tuple(trainings),
        law=fit_power_law(numbers, scores) if can_fit else None,
        forecasts=tuple(forecast(numbers, scores, wanted, draws=draws)) if can_fit else (),
        labels=tuple(labels),
        num_test=len(test),
        seconds=seconds,
    )


def _score_name(train: Dataset) -> str:
    """Name what micro F1 is: the accuracy, where each token or text has exactly one label."""
    from seqtag.corpora.tag_normalising import corpus_scheme

    if "tags" in train.column_names:
        return "accuracy" if corpus_scheme(train) == "plain" else "F1"
    return "F1" if "labels" in train.column_names else "accuracy"


def mean_scores(scores: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Average the scores of each number of rows, the smallest first.

    >>> mean_scores([(8, 0.5), (4, 0.25), (8, 0.75)])
    ((4, 0.25), (8, 0.625))
    """
    found: dict[int, list[float]] = {}
    for number, score in scores:
        found.setdefault(number, []).append(score)
    return tuple((number, sum(values) / len(values)) for number, values in sorted(found.items()))
