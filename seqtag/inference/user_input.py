"""Check what users hand over to train on or to predict: token lists, texts, labelled splits.

A wrong call is answered with the right one.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.inference.series_input import SeriesLayout, refuse_masked
from seqtag.text.characters import check_characters
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

_MOST_NAMED = 5
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
    refuse_masked(X, f"{verb}: a masked array is given")
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
        elif isinstance(row, (list, tuple)) and _are_strings(row):
            check_characters("".join(row), f"{verb}: text number {number}")
            row = list(row)
        elif not hasattr(row, "__array__") and not isinstance(row, (list, tuple)):
            raise UsageError(
                f'{verb} takes texts, but number {number} is {type(row).__name__}: {verb}(["What a day!"])'
            )
        rows.append(row)
    return rows


def _are_strings(values: Sequence[Any]) -> bool:
    # Looking at each kind of value once takes a fifth of the time that looking at each value takes.
    return all(issubclass(kind, str) for kind in set(map(type, values)))


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
    texts = [isinstance(row, str) or (isinstance(row, list) and _are_strings(row)) for row in rows]
    if any(texts) and not all(texts):
        places = f"row {first + texts.index(True)} is a text or a list of tokens, row {first + texts.index(False)} not"
        raise UsageError(
            f"{verb}: {places}; give texts, lists of tokens (strings), or series of numbers, not a mixture"
        )
    return not all(texts)


def rows_for(
    rows: list[Any], verb: str, *, tokenizer: Callable[[], Tokenizer], series: SeriesLayout | None, first: int = 1
) -> list[list[str]] | list[np.ndarray]:
    """Turn checked rows into what a trained network reads: token lists, or `series` of numbers."""
    if not rows:
        return []
    if is_series(rows, verb, first=first) != (series is not None):
        wanted = "texts" if series is None else "series of numbers"
        raise UsageError(f"{verb}: this model was trained on {wanted} and takes such; found other rows")
    return token_rows(rows, tokenizer) if series is None else series.read(rows, verb, first=first)


def token_rows(rows: Sequence[str | list[str]], tokenizer: Callable[[], Tokenizer]) -> list[list[str]]:
    """Cut texts into tokens; what comes as tokens stays as it is, and needs no tokenizer, which may import spaCy."""
    if not any(isinstance(row, str) for row in rows):
        return [row for row in rows if not isinstance(row, str)]
    cut = tokenizer().token_stream(row for row in rows if isinstance(row, str))
    return [next(cut).words if isinstance(row, str) else row for row in rows]


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
