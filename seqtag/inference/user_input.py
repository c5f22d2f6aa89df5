"""Check what users hand over to train on or to predict: token lists, texts, series of numbers, labelled splits.

A wrong call is answered with the right one.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.text.characters import check_characters
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

_MOST_NAMED = 5
_MOST_LOST = 0.01  # of the deviation of a feature, by rounding to float32
_TOKENS, _TEXTS = '[["Ada", "lives", "in", "Turin"]]', '["Ada lives in Turin."]'


def token_lists(X: Any, verb: str) -> list[list[str]]:
    """Check token lists; a string in their place is an error that shows the right call."""
    # A dataset is known by its columns: `datasets` itself need not be there.
    if hasattr(X, "column_names"):
        raise UsageError(f'{verb} takes token lists, not a dataset: {verb}(data["tokens"])')
    sentences = lists(X, f"{verb} takes token lists", f"{verb}({_TOKENS}); for raw text use predict_spans([text])")
    for number, sentence in enumerate(sentences, 1):
        try:
            joined = "".join(sentence)
        except TypeError:
            other = next(token for token in sentence if not isinstance(token, str))
            raise UsageError(
                f"{verb}: sentence {number} holds {other!r}, which is no string; tokens must be strings"
            ) from None
        if not joined.isascii():
            check_characters(joined, f"{verb}: sentence {number}")
    return sentences


def lists(X: Any, wanted: str, example: str) -> list[list[Any]]:
    """Turn sequences of sequences into lists; a string is a sequence too, but never what was meant here."""
    if isinstance(X, (str, bytes, Mapping)) or not isinstance(X, Iterable):
        found = "a string" if isinstance(X, str) else type(X).__name__
        raise UsageError(f"{wanted}, not {found}: {example}")
    sentences: list[list[Any]] = []
    for number, sentence in enumerate(X, 1):
        if isinstance(sentence, (str, bytes, Mapping)) or not isinstance(sentence, Iterable):
            found = f"the string {sentence[:40]!r}" if isinstance(sentence, str) else type(sentence).__name__
            raise UsageError(f"{wanted}, but sentence {number} is {found}: {example}")
        sentences.append(list(sentence))
    return sentences


def texts(X: Any, verb: str) -> list[str]:
    """Check texts; one string in the place of a list is an error that shows the right call."""
    if isinstance(X, (str, bytes, Mapping)) or not isinstance(X, Iterable):
        found = "one string" if isinstance(X, str) else type(X).__name__
        raise UsageError(f"{verb} takes a list of texts, not {found}: {verb}({_TEXTS})")
    given = list(X)
    for number, text in enumerate(given, 1):
        if not isinstance(text, str):
            raise UsageError(f"{verb} takes texts, but number {number} is {type(text).__name__}: {verb}({_TEXTS})")
        if not text.isascii():
            check_characters(text, f"{verb}: text number {number}")
    return given


def check_list(X: Any, verb: str) -> None:
    """Refuse what is no list of rows; one string in its place is an error that shows the right call."""
    # Walking through a table gives the names of its columns, which are texts too. A dataset is known by its columns:
    # `datasets` itself need not be there.
    if isinstance(X, np.ma.MaskedArray):
        raise UsageError(
            f"{verb}: a masked array is given, and what is masked would count; fill it: {verb}(array.filled(value))"
        )
    is_table = hasattr(X, "column_names") or hasattr(X, "columns")
    is_bare = isinstance(X, (str, bytes, Mapping)) or not isinstance(X, Iterable) or getattr(X, "ndim", 1) == 0
    if is_table or is_bare:
        found = "one string" if isinstance(X, str) else type(X).__name__
        advice = 'data["text"]' if is_table else '["What a day!"]'
        raise UsageError(f"{verb} takes a list of texts, not {found}: {verb}({advice})")


def text_rows(X: Any, verb: str, *, first: int = 1) -> list[Any]:
    """Check texts, token lists or series; `first` is the number of the first one, for messages.

    A missing text counts as an empty one. Of an array of strings with one column, that column is taken.
    """
    check_list(X, verb)
    X = _text_column(X, verb)
    rows: list[Any] = []
    for number, row in enumerate(X, first):
        if is_missing(row):
            row = ""
        if isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype.kind in "OU":
            row = row.tolist()  # tables hold lists of tokens as such arrays
        if isinstance(row, str):
            row = str(row)  # numpy's strings are strings, but not to a tokeniser
            check_characters(row, f"{verb}: text number {number}")
        elif isinstance(row, (list, tuple)) and all(isinstance(token, str) for token in row):
            check_characters("".join(row), f"{verb}: text number {number}")
            row = list(row)
        elif not hasattr(row, "__array__") and not isinstance(row, (list, tuple)):
            raise UsageError(
                f'{verb} takes texts, but number {number} is {type(row).__name__}: {verb}(["What a day!"])'
            )
        rows.append(row)
    return rows


def _text_column(X: Any, verb: str) -> Any:
    """Give the only column of a table of strings; UsageError for several, in which each text would be one token."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "OU":
        return X
    if X.dtype.kind == "O" and not any(isinstance(cell, str) for cell in X.flat):
        return X
    if X.shape[1] != 1:
        raise UsageError(
            f"{verb} takes a list of texts, not an array of strings of shape {X.shape}: {verb}(X[:, 0]) takes those "
            f"of one column; if the strings are tokens: {verb}(X.tolist())"
        )
    return X[:, 0]


def is_missing(value: Any) -> bool:
    """Tell what tables have in the place of a value that is not known: None, nan, or pandas' NA and NaT."""
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_series(rows: Sequence[Any], verb: str, *, first: int = 1) -> bool:
    """Say whether rows are series of numbers rather than texts; raises UsageError where they are some of each."""
    texts = [isinstance(row, str) or (isinstance(row, list) and all(isinstance(t, str) for t in row)) for row in rows]
    if any(texts) and not all(texts):
        places = f"row {first + texts.index(True)} is a text or a list of tokens, row {first + texts.index(False)} not"
        raise UsageError(
            f"{verb}: {places}; give texts, lists of tokens (strings), or series of numbers, not a mixture"
        )
    return not all(texts)


def rows_for(
    rows: list[Any], verb: str, *, tokenizer: Callable[[], Tokenizer], num_features: int | None, first: int = 1
) -> list[list[str]] | list[np.ndarray]:
    """Turn checked rows into what a trained network reads: token lists, or series of `num_features` numbers a step."""
    if not rows:
        return []
    if is_series(rows, verb, first=first) != (num_features is not None):
        wanted = "texts" if num_features is None else "series of numbers"
        raise UsageError(f"{verb}: this model was trained on {wanted} and takes such; found other rows")
    if num_features is None:
        return token_rows(rows, tokenizer)
    series = series_rows(rows, verb, first=first)
    if series[0].shape[1] != num_features:
        found = f"the series have {series[0].shape[1]} features per step, those of the training data {num_features}"
        raise DataError(f"{verb}: {found}; give each step the same ones, in the same order")
    return series


def token_rows(rows: Sequence[str | list[str]], tokenizer: Callable[[], Tokenizer]) -> list[list[str]]:
    """Cut texts into tokens; what comes as tokens stays as it is, and needs no tokenizer, which may import spaCy."""
    if not any(isinstance(row, str) for row in rows):
        return [row for row in rows if not isinstance(row, str)]
    cut = tokenizer().token_stream(row for row in rows if isinstance(row, str))
    return [next(cut).words if isinstance(row, str) else row for row in rows]


def series_rows(rows: Sequence[Any], verb: str, *, first: int = 1) -> list[np.ndarray]:
    """Check series: each (T, D) with one D, all finite; in float32.

    The columns of data frames go by their names, in the order of the first one.
    """
    series: list[np.ndarray] = []
    names: list[Any] | None = None
    for number, row in enumerate(rows, first):
        if isinstance(row, np.ma.MaskedArray):
            raise UsageError(
                f"{verb}: series number {number} is a masked array, and what is masked would count; fill it: "
                "array.filled(value)"
            )
        if hasattr(row, "columns") and hasattr(row, "to_numpy"):
            names = list(row.columns) if names is None else names
            if sorted(map(str, row.columns)) != sorted(map(str, names)):
                raise DataError(
                    f"{verb}: series number {number} has the columns {', '.join(map(str, row.columns))}, number "
                    f"{first} has {', '.join(map(str, names))}; each step of each series needs the same ones"
                )
            row = row[names]
        try:
            values_TD = np.asarray(row, np.float32)
        except (ValueError, TypeError):
            raise UsageError(
                f"{verb}: row {number} is neither a text, a list of tokens nor an array of numbers (steps, features)"
            ) from None
        if values_TD.ndim != 2 or not values_TD.shape[1]:
            raise UsageError(
                f"{verb}: series number {number} has the shape {values_TD.shape}; it must be (steps, features), "
                "so give all of them as an array (series, steps, features) or a list of arrays"
            )
        if series and values_TD.shape[1] != series[0].shape[1]:
            raise DataError(
                f"{verb}: series number {number} has {values_TD.shape[1]} features per step, number {first} has "
                f"{series[0].shape[1]}; each step of each series needs the same ones"
            )
        if not np.isfinite(values_TD).all():
            step = int(np.flatnonzero(~np.isfinite(values_TD).all(1))[0])
            raise DataError(f"{verb}: series number {number}, step {step + 1} holds {values_TD[step]}; mend or fill it")
        series.append(values_TD)
    return series


def check_precision(rows: Sequence[Any]) -> None:
    """Raise DataError for a feature that varies so little beside its size that float32 can't tell its values apart.

    Raw rows are looked at, before `series_rows` gives them the 32 bits with which networks calculate.
    """
    arrays = [np.asarray(row) for row in rows]
    if all(array.dtype == np.float32 for array in arrays):
        return
    values_ND = np.concatenate([array.astype(np.float64) for array in arrays])
    if not len(values_ND):
        return
    spread_D = values_ND.std(0)
    error_D = np.abs(values_ND.astype(np.float32) - values_ND).max(0)
    if (lost_D := (np.ptp(values_ND, 0) > 0) & (error_D > _MOST_LOST * spread_D)).any():
        feature = int(np.argmax(lost_D))
        low, high = values_ND[:, feature].min(), values_ND[:, feature].max()
        raise DataError(
            f"feature {feature} of the series lies between {low:.10g} and {high:.10g}, where numbers of 32 bits are "
            f"too coarse to tell its values apart; subtract {low:.10g} from it, here and in prediction"
        )


def warn_of_blanks(numbers: Sequence[int], where: str) -> None:
    """Say which texts have no word in them."""
    named = ", ".join(map(str, numbers[:_MOST_NAMED])) + (", ..." if len(numbers) > _MOST_NAMED else "")
    logger.warning(
        "%s: %d of the texts without a word (number %s); these get the shares of the classes in training",
        where,
        len(numbers),
        named,
    )


def check_single_split(X: Any, what: str) -> None:
    """Raise UsageError for a whole corpus in the place of one of its splits."""
    if isinstance(X, Mapping):  # as a DatasetDict is
        raise UsageError(
            f'the {what} data is a whole corpus with the splits {", ".join(X)}; give one, such as corpus["train"]'
        )


def dev_pair(dev: Any, wanted: str) -> tuple[Any, Any]:
    """Take dev data apart: a pair as it is, a dataset with None in the place of the labels."""
    if isinstance(dev, tuple) and len(dev) != 2:
        raise UsageError(f"dev is a tuple of {len(dev)}; give a dataset, or the pair {wanted}")
    return dev if isinstance(dev, tuple) else (dev, None)


def report_unknown(unknown: Sequence[Any], known: Sequence[str], *, what: str, column: str, all_of_them: bool) -> None:
    """Warn of labels that a model lacks; DataError where the data have no others."""
    if not unknown:
        return
    named = f"label{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}"
    missing = f"{named} not known to the model, which has {', '.join(known)}"
    if all_of_them:
        raise DataError(f"the {what} data has only the {missing}; is the {column} column the right one?")
    logger.warning("the %s data has the %s; these count as missed", what, missing)
