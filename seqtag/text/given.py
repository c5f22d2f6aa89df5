"""Check the token lists and texts that users hand over to be tagged; a wrong call is told the right one."""

from collections.abc import Iterable, Mapping
from typing import Any

from seqtag.errors import DataError, UsageError

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
        check_characters(text, f"{verb}: text number {number}")
    return given


def check_characters(text: str, where: str) -> None:
    """Refuse half characters, which can't be written or looked up."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where} holds {text[error.start]!a}, a surrogate, which is half a character; read the text as what it is "
            "encoded in, or drop it with text.encode(errors='ignore').decode()"
        ) from None
