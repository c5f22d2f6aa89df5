"""Check what users hand to an estimator and bring it into one form: datasets, token lists, texts."""

from collections.abc import Mapping
from typing import Any

from datasets import Dataset, DatasetDict

from seqtag.errors import DataError, UsageError
from seqtag.text.readers import load_corpus

_TOKENS, _TEXTS = '[["Ada", "lives", "in", "Turin"]]', '["Ada lives in Turin."]'


def as_tagged_dataset(X: Any, y: Any, what: str) -> Dataset:
    """Turn what a user gave into a dataset with tokens and tags; lists are checked sentence by sentence."""
    if isinstance(X, (DatasetDict, Mapping)):
        raise UsageError(
            f'the {what} data is a whole corpus with the splits {", ".join(X)}; give one, such as corpus["train"]'
        )
    if isinstance(X, Dataset):
        if y is not None:
            raise UsageError("a dataset brings its own tags: leave y out, or give token lists and tag lists")
        return X if len(X) == 0 else load_corpus(X)["train"]
    if y is None:
        raise UsageError(
            f"the {what} data needs tags: give a dataset with tokens and tags, or token lists X and tag lists y"
        )
    tokens = token_lists(X, "fit")
    tags = [list(sentence) for sentence in y]
    if len(tokens) != len(tags):
        raise DataError(f"{what} data: {len(tokens)} token lists but {len(tags)} tag lists")
    for number, (words, names) in enumerate(zip(tokens, tags), 1):
        if len(words) != len(names):
            raise DataError(
                f"{what} data, sentence {number}: {len(words)} tokens but {len(names)} tags ({' '.join(words[:6])} ...)"
            )
        if not all(isinstance(name, str) for name in names):
            raise UsageError(f"{what} data, sentence {number}: tags must be strings, found {names[:4]!r}")
    dataset = Dataset.from_dict({"tokens": tokens, "tags": tags})
    return load_corpus(dataset)["train"] if tokens else dataset


def token_lists(X: Any, verb: str) -> list[list[str]]:
    """Check token lists; a string in their place is an error that shows the right call."""
    if isinstance(X, str):
        raise UsageError(
            f"{verb} takes token lists, not a string: {verb}({_TOKENS}); for raw text use predict_spans([text])"
        )
    sentences: list[list[str]] = []
    for number, sentence in enumerate(X, 1):
        if isinstance(sentence, str):
            raise UsageError(
                f"{verb} takes token lists, but sentence {number} is the string {sentence[:40]!r}: "
                f"{verb}({_TOKENS}); for raw text use predict_spans([text])"
            )
        sentences.append(list(sentence))
        for token in sentences[-1]:
            if not isinstance(token, str):
                raise UsageError(
                    f"{verb}: sentence {number} holds {token!r}, which is no string; tokens must be strings"
                )
    return sentences


def texts(X: Any, verb: str) -> list[str]:
    """Check texts; one string in the place of a list is an error that shows the right call."""
    if isinstance(X, str):
        raise UsageError(f"{verb} takes a list of texts, not one string: {verb}({_TEXTS})")
    given = list(X)
    for number, text in enumerate(given, 1):
        if not isinstance(text, str):
            raise UsageError(f"{verb} takes texts, but number {number} is {type(text).__name__}: {verb}({_TEXTS})")
    return given


def tag_lists(data: Dataset) -> list[list[str]]:
    """Give the tags of a dataset as strings."""
    names = data.features["tags"].feature.names
    return [[names[i] for i in row] for row in data["tags"][:]]
