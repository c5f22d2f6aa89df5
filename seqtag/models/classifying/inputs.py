"""Check what users train a classifier on and bring it into one form: rows and their labels, in splits."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset

from seqtag.batching import hash_tokens
from seqtag.corpora.held_out import texts_to_hold_out
from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tokenised import TOKENS, cut_texts
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.inference.series_input import feature_names, refuse_masked, series_rows
from seqtag.inference.user_input import (
    check_single_split,
    dev_pair,
    is_missing,
    is_series,
    report_unknown,
    text_rows,
    token_rows,
    warn_of_blanks,
)
from seqtag.text.classes import ClassSet, Label
from seqtag.text.joining import join_tokens
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

_TOGETHER = 1_000  # rows that are read together
_EXAMPLE = 'fit(["What a day!", "Never again."], ["positive", "negative"])'


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows with their labels, as the user wrote them: one label per row, or a list of them under `is_multi`."""

    labels: list[Any]
    is_multi: bool
    texts: Dataset | None = None  # with one column, `tokens`
    series: list[np.ndarray] | None = None  # each (T, D) in float64
    given: Sequence[str | Sequence[str]] | None = None  # the texts as they came, if they came as strings
    columns: tuple[Label, ...] | None = None  # the label of each column, if the labels came as an array of 0 and 1
    features: tuple[str, ...] | None = None  # the names of the features, if the series came as data frames with names

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rows(self) -> list[Any]:
        """All rows as `predict` takes them. A word is one string however often it occurs, which takes little memory."""
        if self.series is not None:
            return self.series
        words: dict[str, str] = {}
        pieces = (self.part(start, start + _TOGETHER) for start in range(0, len(self), _TOGETHER))
        return [[words.setdefault(word, word) for word in row] for piece in pieces for row in piece]

    def part(self, start: int, end: int) -> list[Any]:
        """Some of the rows as `predict` takes them, from number `start` to `end`, exclusive."""
        if self.series is not None:
            return self.series[start:end]
        assert self.texts is not None
        return list(self.texts[start:end]["tokens"])

    @property
    def items(self) -> Dataset | list[np.ndarray]:
        """The rows as they are kept: texts on disk, or series."""
        if self.series is not None:
            return self.series
        assert self.texts is not None
        return self.texts

    def to_read(self) -> list[str] | None:
        """The texts as people read them; None for series of numbers."""
        if self.texts is None:
            return None
        texts = self.texts["tokens"][:] if self.given is None else self.given
        return [text if isinstance(text, str) else join_tokens(text)[0] for text in texts]

    def take(self, indices: np.ndarray) -> "Labelled":
        """Take some of the rows, in their order."""
        numbers = np.sort(indices).tolist()
        return Labelled(
            [self.labels[i] for i in numbers],
            self.is_multi,
            None if self.texts is None else self.texts.select(numbers),
            None if self.series is None else [self.series[i] for i in numbers],
            columns=self.columns,
            features=self.features,
        )

    def classes(self) -> ClassSet:
        """Give the classes that the labels name: those of all columns, or those that occur."""
        if self.columns is not None:
            return ClassSet(self.columns, is_multi=True, as_indicators=True)
        every = (one for label in self.labels for one in (label if self.is_multi else [label]))
        return ClassSet.build(every, is_multi=self.is_multi)

    def fingerprint(self, digest: Any) -> None:
        """Feed a hash with the rows and their labels."""
        digest.update(repr(self.labels).encode())
        if self.texts is not None:
            hash_tokens(digest, self.texts)
        for values_TD in self.series or ():
            digest.update(f"{values_TD.shape}".encode())
            digest.update(values_TD.tobytes())


class Indicators(NamedTuple):
    """What an array of indicators says: the labels of each text, and what each column stands for."""

    labels: list[list[Label]]
    columns: tuple[Label, ...]


def fingerprint_of(**splits: Labelled) -> str:
    """Give the SHA-256 of the rows and labels of some splits."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(f"{name} {len(split)}".encode())
        split.fingerprint(digest)
    return digest.hexdigest()


def as_labelled(
    X: Any,
    y: Any,
    what: str,
    *,
    language: str,
    columns: Sequence[Label] | None = None,
    features: tuple[str, ...] | None = None,
) -> Labelled:
    """Turn what a user gave into rows with labels; texts are cut into tokens, on disk.

    `columns` says what the columns of an array of indicators stand for, and `features` how the columns of data frames
    are called whose rows are the steps of series, where other data have said so already.
    Raises UsageError for a wrong call, DataError for data that falls short, by the number of the text.
    """
    check_single_split(X, what)
    if isinstance(X, Dataset):
        if y is not None:
            raise UsageError("a dataset brings its own labels: leave y out, or give texts and labels")
        return _from_dataset(X, language)
    if y is None:
        verb = "evaluate" if what == "evaluation" else "fit"
        if isinstance(X, tuple) and len(X) == 2:
            raise UsageError(f"the {what} data is one pair; give texts and labels as two arguments: {verb}(X, y)")
        example = _EXAMPLE.replace("fit(", f"{verb}(", 1)
        raise UsageError(f"the {what} data needs labels: give a dataset with text and label, or {example}")
    rows = text_rows(X, "fit")
    refuse_masked(y, f"{what} data: y is a masked array")
    y = list(y) if isinstance(y, Iterator) else y  # it is gone through more than once
    table = _indicators(y, what, columns)
    labels, is_multi = _check_labels(y, what) if table is None else (table.labels, True)
    names = None if table is None else table.columns
    if len(rows) != len(labels):
        raise DataError(f"{what} data: {len(rows)} texts but {len(labels)} labels")
    if is_series(rows, "fit"):
        features = feature_names(rows) if features is None else features
        series = series_rows(rows, "fit", names=features)
        return Labelled(labels, is_multi, series=series, columns=names, features=features)
    blank = [number for number, row in enumerate(rows, 1) if not (row.strip() if isinstance(row, str) else row)]
    if blank:
        warn_of_blanks(blank, f"the {what} data")
    return Labelled(labels, is_multi, texts=_tokenised(rows, language), given=rows, columns=names)


def _from_dataset(dataset: Dataset, language: str) -> Labelled:
    if not len(dataset):  # whatever its columns are called
        return Labelled([], False, texts=_tokenised([], language))
    dataset = load_corpus(dataset, task="classify")["train"]
    labels, is_multi = label_names(dataset), "labels" in dataset.column_names
    if "tokens" in dataset.column_names:
        return Labelled(labels, is_multi, texts=dataset.select_columns(["tokens"]))
    return Labelled(labels, is_multi, texts=cut_texts(dataset, language), given=dataset["text"])


def _tokenised(rows: Sequence[str | list[str]], language: str) -> Dataset:
    return Dataset.from_dict({"tokens": token_rows(rows, partial(Tokenizer, language))}, features=TOKENS)


def _as_array(y: Any) -> Any:
    """Give a data frame, or a sparse matrix, as an array; other labels as they are."""
    if hasattr(y, "toarray"):
        return y.toarray()
    return y.to_numpy() if hasattr(y, "columns") and hasattr(y, "to_numpy") else y


def _indicators(y: Any, what: str, columns: Sequence[Label] | None) -> Indicators | None:
    """Read an array, data frame or sparse matrix with a column per label, of 0 and 1; None for labels of other form.

    Rows of one length, two or more, that hold nothing but 0 and 1 are such an array too, in a list or a series.
    A column has the name that a data frame gives it, else that of `columns` if there are as many, else its number.
    """
    array = _stacked(_as_array(y))
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array.shape[1:] == (1,):
        return None
    is_number = array.dtype.kind in "biuf" or (
        array.dtype.kind == "O" and all(isinstance(value, (Real, np.bool_)) for value in array.flat)
    )
    if array.ndim > 2 or not is_number or not np.isin(array.astype(np.float64), (0, 1)).all():
        raise UsageError(
            f"{what} data: y is an array of shape {array.shape}; one with several columns has to hold indicators, 1 "
            'where a text has the label of the column and else 0; or give a list of labels for each text: [["late", '
            '"rude"], []]'
        )
    width = array.shape[1]
    names: tuple[Label, ...] = tuple(range(width)) if columns is None or len(columns) != width else tuple(columns)
    if hasattr(y, "columns"):
        names = tuple(name if isinstance(name, str) else str(name) for name in y.columns)
    if len(set(names)) < width:
        raise UsageError(f"{what} data: y has several columns of one name: {', '.join(map(str, names))}; rename them")
    return Indicators([[names[i] for i in np.flatnonzero(row_L)] for row_L in array.astype(bool)], names)


def _stacked(y: Any) -> Any:
    """Give rows of one length that hold nothing but 0 and 1 as an array; labels of other form as they are."""
    if isinstance(y, (str, bytes, Mapping)) or not isinstance(y, Iterable) or getattr(y, "ndim", 1) != 1:
        return y
    rows = list(y)
    are_rows = bool(rows) and all(isinstance(row, (list, tuple, np.ndarray)) for row in rows)
    if not are_rows or len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
        return rows
    values = [value for row in rows for value in row]
    is_indicator = all(isinstance(value, (Real, np.bool_)) and value in (0, 1) for value in values)
    return np.array(values, np.float64).reshape(len(rows), -1) if is_indicator else rows


def _plain_label(label: Any) -> Any:
    """Give a label as Python has it; 1.0, as tables write an integer beside missing ones, is the integer 1."""
    label = label.item() if isinstance(label, np.generic) else label
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _check_labels(y: Any, what: str) -> tuple[list[Any], bool]:
    """Check labels: strings, integers or truth values, all of one kind, one per text or a list of them."""
    y = _as_array(y)
    if isinstance(y, (str, bytes, Mapping)) or not isinstance(y, Iterable):
        raise UsageError(f"{what} data: y takes one label per text, not {type(y).__name__}: {_EXAMPLE}")
    if isinstance(y, np.ndarray) and y.ndim == 2:
        y = y[:, 0]  # the only column
    given = [_plain_label(label) for label in y]
    is_multi = any(isinstance(label, (list, tuple, set, frozenset)) for label in given)
    labels: list[Any] = []
    kinds: dict[str, int] = {}
    for number, label in enumerate(given, 1):
        if is_multi and not isinstance(label, (list, tuple, set, frozenset)):
            raise UsageError(f"{what} data, text {number}: {label!r} is no list, but other texts have lists of labels")
        found = [_plain_label(one) for one in (label if is_multi else [label])]
        for one in found:
            if is_missing(one):
                raise DataError(f"{what} data, text {number}: the label is missing ({one!r}); leave out such texts")
            if not isinstance(one, (str, int)) or one == "":
                raise DataError(f"{what} data, text {number}: the label {one!r} is no string, integer or truth value")
            kinds.setdefault(type(one).__name__, number)
        labels.append(sorted(set(found)) if is_multi and len(kinds) == 1 else found if is_multi else label)
    if len(kinds) > 1:
        places = ", ".join(f"{kind} (text {number})" for kind, number in kinds.items())
        raise DataError(f"{what} data: labels of several kinds: {places}; give all as strings or all as integers")
    return labels, is_multi


def training_splits(
    X: Any, y: Any, dev: Any, *, language: str, dev_share: float, seed: int
) -> tuple[Labelled, Labelled]:
    """Bring training and dev data into one form; without dev data hold out a share of each class, and say so."""
    train = as_labelled(X, y, "training", language=language)
    if not len(train):
        raise DataError("the training data holds no text; give at least one of each class")
    if dev is None:
        if len(train) < 2:
            raise DataError("one training text and no dev data: give `dev`, or more texts")
        held_out = _held_out(train, dev_share, seed)
        shares = f"{len(held_out)} of {len(train)} training texts are held out (dev_share={dev_share:g}, seed={seed})"
        logger.info("no dev data given: %s", shares)
        return train.take(np.setdiff1d(np.arange(len(train)), held_out)), train.take(held_out)
    pair = dev_pair(dev, "(texts, labels)")
    held = as_labelled(*pair, "dev", language=language, columns=train.columns, features=train.features)
    if not len(held):
        raise DataError("the dev data holds no text; leave it out to hold out a share of the training data")
    check_alike(train, held, "dev")
    return train, held


def _held_out(train: Labelled, share: float, seed: int) -> np.ndarray:
    held_out = texts_to_hold_out(train.labels, share, seed, is_multi=train.is_multi)
    if not len(held_out):
        raise DataError("no class has two texts, so none can be held out: give `dev`, or more texts")
    return held_out


def check_alike(train: Labelled, other: Labelled, what: str) -> None:
    """Refuse dev data of another kind than the training data."""
    texts, series = "texts", "series of numbers"
    if (train.series is None) != (other.series is None):
        kind = texts if train.series is None else series
        raise UsageError(f"the training data are {kind}, the {what} data are not; give both in one form")
    if train.is_multi != other.is_multi:
        form = "a list of labels per text" if train.is_multi else "one label per text"
        raise UsageError(f"the training data have {form}, the {what} data have not; give both in one form")
    if train.series and other.series and train.series[0].shape[1] != other.series[0].shape[1]:
        sizes = f"{train.series[0].shape[1]} features per step, the {what} series {other.series[0].shape[1]}"
        raise DataError(f"the training series have {sizes}; each step of each series needs the same ones")


def check_classes(labels: Sequence[Any], classes: ClassSet, what: str) -> None:
    """Warn of labels that the classes lack; an error where the data have no others."""
    used = {one for label in labels for one in (label if classes.is_multi else [label])}
    unknown = sorted((label for label in used if classes.find(label) < 0), key=str)
    report_unknown(unknown, classes.names, what=what, column="label", all_of_them=len(unknown) == len(used))


def as_known(label: Any, classes: ClassSet) -> Any:
    """Write a gold label as the model does: in training it may have been a number, from a file it is a string."""
    if isinstance(label, list):
        return [as_known(one, classes) for one in label]
    number = classes.find(label)
    return label if number < 0 else classes.labels[number]


def check_trainable(classes: ClassSet, class_weights: Mapping[Any, float]) -> None:
    """Refuse data with nothing to tell apart, and weights for classes that the data lack."""
    if len(classes) < (1 if classes.is_multi else 2):
        raise DataError(
            f"the training data has no class but {', '.join(classes.names) or 'none'}: there is nothing to learn; is "
            "the label column the right one? pass label=... to load_corpus"
        )
    for label in class_weights:
        if classes.find(label) < 0:
            raise UsageError(f"class_weights: unknown label {label!r}; {near_miss(str(label), classes.names)}")


def balanced_weights(prior_L: np.ndarray, is_multi: bool) -> np.ndarray:
    """Give each class the weight with which all classes count alike in training, by their shares of the texts.

    That is scikit-learn's 1 / (classes * share). Where a text may have several labels, each label is a question of its
    own, and its texts weigh as much as those without it; a label that all texts have, or none, weighs 1.

    >>> balanced_weights(np.array([0.2, 0.8]), False), balanced_weights(np.array([0.2, 0.0]), True)
    (array([2.5  , 0.625]), array([4., 1.]))
    """
    if not is_multi:
        return 1 / (len(prior_L) * prior_L)
    is_open_L = (prior_L > 0) & (prior_L < 1)
    return np.where(is_open_L, (1 - prior_L) / np.where(is_open_L, prior_L, 1.0), 1.0)
