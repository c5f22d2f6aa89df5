"""Say which column of a table holds the tokens and which the tags: by feature type first, then by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtag.errors import DataError, UsageError, near_miss

TOKEN_NAMES = ("tokens", "words", "token", "word", "form", "forms")
TAG_NAMES = (
    *("ner_tags", "tags", "pos_tags", "upos", "xpos", "labels", "chunk_tags", "slots", "ner", "pos"),
    *("tag", "label", "ner_tag", "pos_tag", "upos_tags", "xpos_tags", "entities"),
)


@dataclass(frozen=True, slots=True)
class TaggingColumns:
    """The two columns of a table that tagging needs."""

    token: str  # a list of strings a row
    tag: str  # a list of labels a row
    tag_names: list[str] | None  # the names behind the numbers of a ClassLabel; None where the column holds strings


def tagging_columns(
    features: Mapping[str, Any], *, token: str | None = None, tag: str | None = None, source: str = "the data"
) -> TaggingColumns:
    """Find the columns for tokens and tags in the features of a dataset, or check those asked for.

    A list of ClassLabel is the tags; where none or several are, the names in TAG_NAMES decide, then which list of
    strings is left over. Raises UsageError where two columns fit or a column asked for is not there, DataError where
    none fits or the tags are numbers without names.

    >>> from datasets import ClassLabel, Sequence, Value
    >>> tags = Sequence(ClassLabel(names=["O", "B-PER"]))
    >>> tagging_columns({"id": Value("string"), "words": Sequence(Value("string")), "ner_tags": tags})
    TaggingColumns(token='words', tag='ner_tags', tag_names=['O', 'B-PER'])
    """
    kinds = {name: _kind(feature) for name, feature in features.items()}
    for what, asked in (("token", token), ("tag", tag)):
        if asked is not None and asked not in kinds:
            raise UsageError(f"{source}: no column {asked!r} for {what}=; {near_miss(str(asked), kinds)}")
    tag = tag or _choose_tag(kinds, token, source)
    token = token or _choose_token(kinds, tag, source)
    if token == tag:
        raise UsageError(f"{source}: column {tag!r} is asked for both tokens and tags; name two columns")
    if kinds[token] != "strings":
        raise DataError(f"{source}: column {token!r} holds no lists of strings for tokens; {_describe(features)}")
    if kinds[tag] not in ("strings", "classes"):
        advice = "cast the column to a list of ClassLabel" if kinds[tag] == "numbers" else "name another with tag="
        found = "numbers without names" if kinds[tag] == "numbers" else "no lists of labels"
        raise DataError(f"{source}: column {tag!r} holds {found}; {advice}; {_describe(features)}")
    names = list(inner_feature(features[tag]).names) if kinds[tag] == "classes" else None
    return TaggingColumns(token, tag, names)


def inner_feature(feature: Any) -> Any:
    """Give the feature of a list's items, or None for a column that is no list.

    Releases of `datasets` write a list as List, LargeList, Sequence or a Python list of one feature.
    """
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def _kind(feature: Any) -> str:
    inner = inner_feature(feature)
    if hasattr(inner, "names") and hasattr(inner, "str2int"):
        return "classes"
    dtype = getattr(inner, "dtype", "")
    if dtype in ("string", "large_string"):
        return "strings"
    return "numbers" if str(dtype).startswith(("int", "uint")) else "other"


def _choose_tag(kinds: Mapping[str, str], token: str | None, source: str) -> str:
    classes = [name for name, kind in kinds.items() if kind == "classes"]
    strings = [name for name, kind in kinds.items() if kind == "strings" and name != token]
    if len(classes) == 1:
        return classes[0]
    candidates = classes or strings
    named = [name for name in candidates if name.lower() in TAG_NAMES]
    if len(named) == 1:
        return named[0]
    if not classes and not named:
        left = [name for name in strings if name.lower() not in TOKEN_NAMES]
        if len(left) == 1 and (token or len(strings) == 2):
            return left[0]
        numbers = [name for name, kind in kinds.items() if kind == "numbers"]
        if numbers:
            # tagging_columns says of it that the numbers have no names
            return next((name for name in numbers if name.lower() in TAG_NAMES), numbers[0])
        candidates = left
    raise _undecided("tag", named or candidates, kinds, source)


def _choose_token(kinds: Mapping[str, str], tag: str, source: str) -> str:
    candidates = [name for name, kind in kinds.items() if kind == "strings" and name != tag]
    if len(candidates) == 1:
        return candidates[0]
    named = [name for name in candidates if name.lower() in TOKEN_NAMES]
    if len(named) == 1:
        return named[0]
    raise _undecided("token", named or candidates, kinds, source)


def _undecided(what: str, candidates: Sequence[str], kinds: Mapping[str, str], source: str) -> UsageError | DataError:
    if len(candidates) > 1:
        return UsageError(
            f"{source}: {len(candidates)} columns fit for {what}s: {', '.join(candidates)}; "
            f"say which: {what}={candidates[-1]!r}"
        )
    columns = ", ".join(kinds) or "none"
    return DataError(
        f"{source}: no column holds lists of {what}s; the columns are: {columns}; "
        "give rows with a list of tokens and a list of tags"
    )


def _describe(features: Mapping[str, Any]) -> str:
    return "the columns are " + ", ".join(f"{name}: {feature}" for name, feature in features.items())
