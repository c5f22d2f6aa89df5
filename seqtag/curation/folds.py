"""Train a model for each fold of a corpus, so that every row meets a model that was not trained on it.

Rows of all splits are pooled. Whole documents stay in one fold where a corpus tells documents apart; elsewhere copies
of a row do, since a wrong label that stands in the corpus twice would vouch for itself.
"""

import logging
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from datasets import Dataset, concatenate_datasets

from seqtag.corpora.held_out import split_off
from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tag_normalising import carried_scheme, carried_spelling, carrying
from seqtag.corpora.tagged_drafts import documents_of
from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")

_TASKS = {"tag": "tags", "classify": "labels"}


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows of all splits of a corpus, one after the other."""

    rows: Dataset
    task: str  # tag or classify
    splits: tuple[tuple[str, int], ...]  # each split with the number of its rows

    def place(self, number: int) -> tuple[str, int]:
        """Give the split of a row, and its number there, from 0."""
        for name, size in self.splits:
            if number < size:
                return name, number
            number -= size
        raise AssertionError("the pool has no such row")


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of a pool, with the model that was trained on the other parts."""

    number: int  # from 1
    rows_N: np.ndarray  # which rows of the pool the model has not seen
    model: Any


def pooled(X: Any, y: Any, *, task: str, language: str) -> Pool:
    """Bring a corpus into one pool: a path or hub name, a dataset, a mapping of splits, or rows X with their labels y.

    Raises UsageError for a task without labels and for an invalid source, DataError for data that fall short.
    """
    if task not in _TASKS:
        raise UsageError("a language model learns from text without labels; give a Tagger or a Classifier")
    if y is not None:
        X = Dataset.from_dict(_columns(X, y, task))
    corpus: Any = load_corpus(X, task=task, language=language if task == "tag" else "xx")
    splits = tuple((name, len(rows)) for name, rows in corpus.items())
    if not any(size for _, size in splits):
        raise DataError(f"the corpus holds no row; give rows with {_TASKS[task]}")
    return Pool(_concatenated(corpus), task, splits)


def _columns(X: Any, y: Any, task: str) -> dict[str, list[Any]]:
    rows, labels = list(X), [list(each) if isinstance(each, (list, tuple)) else each for each in y]
    if len(rows) != len(labels):
        raise DataError(f"{len(rows)} rows but {len(labels)} labels; pair them one to one")
    if task == "tag":
        return {"tokens": [list(row) for row in rows], "tags": labels}
    column = "text" if all(isinstance(row, str) for row in rows) else "tokens"
    return {column: rows, "labels" if any(isinstance(each, list) for each in labels) else "label": labels}


def _concatenated(corpus: Mapping[str, Dataset]) -> Dataset:
    """Put the splits behind each other; documents of two splits are never the same one."""
    tables = [rows for rows in corpus.values() if len(rows)]
    if len(tables) == 1:
        return tables[0]
    documents = [
        [f"{name} {document}" for document in found or range(len(rows))]
        for name, rows in corpus.items()
        for found in [documents_of(rows)]
    ]
    has_documents = any(documents_of(rows) is not None for rows in tables)
    whole = concatenate_datasets(
        [table.remove_columns([name for name in ("document",) if name in table.column_names]) for table in tables]
    )
    if has_documents:
        whole = whole.add_column("document", list(chain.from_iterable(documents)))
    scheme = carried_scheme(tables[0])
    return whole if scheme is None else carrying(whole, scheme, carried_spelling(tables[0]))


def deal(pool: Pool, *, folds: int, seed: int) -> np.ndarray:
    """Give the fold of each row of a pool, from 0, (N,); the same seed deals alike.

    Of texts with one label each, all folds get like shares of each class. Raises UsageError for a number of folds that
    is no whole number of at least 2, or more than there are documents, or different rows.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise UsageError(f"folds={folds!r}: give a whole number of at least 2, such as 5")
    groups, what = _groups(pool.rows)
    if len(set(groups)) < folds:
        raise UsageError(f"folds={folds}: there are {len(set(groups))} {what} to deal out; take fewer folds")
    strata = label_names(pool.rows) if "label" in pool.rows.column_names else None
    kind = GroupKFold if strata is None else StratifiedGroupKFold
    numbers: dict[Hashable, int] = {}
    groups_N = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    fold_N = np.zeros(len(groups_N), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer texts than folds is in some of them only
        dealt = kind(folds, shuffle=True, random_state=seed).split(np.zeros(len(groups_N)), strata, groups_N)
        for number, (_, held) in enumerate(dealt):
            fold_N[held] = number
    return fold_N


def _groups(rows: Dataset) -> tuple[Sequence[Hashable], str]:
    documents = documents_of(rows)
    if documents is not None:
        return documents, "documents"
    if "text" in rows.column_names:
        return [" ".join(text.split()) for text in rows["text"][:]], "different texts"
    return [tuple(tokens) for tokens in rows["tokens"][:]], "different sentences"


def cross_fit(estimator: Any, pool: Pool, *, folds: int, seed: int) -> Iterator[Fold]:
    """Train a clone of an estimator on all folds but one, for each fold in turn.

    A share `dev_share` of what a model is trained on chooses its epoch, as in `fit`.
    """
    from sklearn.base import clone

    fold_N = deal(pool, folds=folds, seed=seed)
    for number in range(folds):
        rest = pool.rows.select(np.flatnonzero(fold_N != number))
        where = f"fold {number + 1} of {folds}"
        logger.info("%s: training on %d of %d rows", where, len(rest), len(fold_N))
        train, dev = split_off(rest, estimator.dev_share, estimator.seed, source=where)
        try:
            model = clone(estimator).fit(train, dev=dev)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        if model.interrupted_:
            raise KeyboardInterrupt
        yield Fold(number + 1, np.flatnonzero(fold_N == number), model)
