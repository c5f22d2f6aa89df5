"""Say which columns of a table hold tokens and tags, or text and label: by feature type first, then by name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias

from seqtag.errors import DataError, UsageError, listed, near_miss
from seqtag.text.schemes import ANNOTATED

Column: TypeAlias = int | str  # counted from 0, from the end where negative, or a name in the header

TOKEN_NAMES = ("tokens", "words", "token", "word", "form", "forms")
TAG_NAMES = (
    *("ner_tags", "tags", "pos_tags", "upos", "xpos", "labels", "chunk_tags", "slots", "ner", "pos"),
    *("tag", "label", "ner_tag", "pos_tag", "upos_tags", "xpos_tags", "entities"),
)
_DOCUMENT_NAMES = ("document_id", "doc_id", "docid", "document", "doc")  # ids first: a document may be a text
# the first of each, and `labels`, go before the others
TEXT_NAMES = (
    *("text", "texts", "sentence", "sentences", "review", "reviews", "comment", "tweet", "utterance", "query"),
    *("question", "document", "doc", "content", "contents", "body", "message", "sms", "post", "headline", "snippet"),
    *("passage", "phrase", "verse", "verse_text", "abstract"),
)
LABEL_NAMES = (
    *("label", "labels", "category", "categories", "class", "classes", "intent", "intents", "sentiment", "target"),
    *("stars", "rating", "polarity", "topic", "emotion", "genre"),
)
_PLAIN_NAMES = ("text", "label", "labels")


@dataclass(frozen=True, slots=True)
class TaggingColumns:
    """The two columns of a table that tagging needs."""

    token: str  # holds a list of strings per row
    tag: str  # holds a list of labels per row
    tag_names: list[str] | None  # the names behind the numbers of a ClassLabel; None where the column holds strings


@dataclass(frozen=True, slots=True)
class LabelledColumns:
    """The two columns of a table that classification needs."""

    text: str
    label: str
    tokenised: bool  # the text is a list of strings
    several: bool  # the label is a list
    class_names: list[str] | None  # the names behind the numbers of a ClassLabel; None where labels are written out


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
    kinds = _kinds(features, {"token": token, "tag": tag}, source)
    tag = tag or _choose_tag(kinds, token, source)
    token = token or _choose_token(kinds, tag, source)
    if token == tag:
        raise UsageError(f"{source}: column {tag!r} is asked for both tokens and tags; name two columns")
    if kinds[token] != "texts":
        raise DataError(f"{source}: column {token!r} holds no lists of strings for tokens; {_describe(features)}")
    if kinds[tag] not in ("texts", "classes"):
        advice = "cast the column to a list of ClassLabel" if kinds[tag] == "numbers" else "name another with tag="
        found = "numbers without names" if kinds[tag] == "numbers" else "no lists of labels"
        raise DataError(f"{source}: column {tag!r} holds {found}; {advice}; {_describe(features)}")
    names = list(inner_feature(features[tag]).names) if kinds[tag] == "classes" else None
    return TaggingColumns(token, tag, names)


def document_column(features: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Find the column that says to which document a row belongs, and say whether it holds names, not numbers.

    It has one of a few names, and strings or whole numbers in it.

    >>> from datasets import Value
    >>> document_column({"id": Value("string"), "doc_id": Value("string")}), document_column({"doc": Value("int32")})
    (('doc_id', True), ('doc', False))
    """
    by_name = {name.lower(): name for name in features}
    for known in _DOCUMENT_NAMES:
        dtype = str(getattr(features.get(by_name.get(known, "")), "dtype", ""))
        if dtype.startswith(("string", "large_string", "int", "uint")):
            return by_name[known], not dtype.startswith(("int", "uint")) or dtype == "uint64"  # which int64 can't hold
    return None


def annotated_column(features: Mapping[str, Any]) -> str | None:
    """Find the column that names the labels that were annotated in a row: a list of strings."""
    inner = inner_feature(features.get(ANNOTATED))
    return ANNOTATED if str(getattr(inner, "dtype", "")) in ("string", "large_string") else None


def header_name(column: Column | None, role: str, origin: str) -> str | None:
    """Give the name of a column that was asked for in a table, whose columns have no numbers."""
    if isinstance(column, (int, Integral)):
        raise UsageError(f"{origin}: {role}={column} counts columns of a file; those of a table have names: give one")
    return column


def inner_feature(feature: Any) -> Any:
    """Give the feature of a list's items, or None for a column that is no list.

    Releases of `datasets` write a list as List, LargeList, Sequence or a Python list of one feature.
    """
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def labelled_columns(
    features: Mapping[str, Any], *, text: str | None = None, label: str | None = None, source: str = "the data"
) -> LabelledColumns:
    """Find the columns for the text and the label in the features of a dataset, or check those asked for.

    The only ClassLabel is the label; else the names in LABEL_NAMES decide. The text is the string column with a name
    in TEXT_NAMES, or the only one; where there is none, a list of tokens. Raises UsageError where several columns fit
    or one asked for is not there, DataError where none fits.

    >>> from datasets import ClassLabel, Value
    >>> stars = ClassLabel(names=["bad", "good"])
    >>> found = labelled_columns({"id": Value("string"), "review": Value("string"), "stars": stars})
    >>> found.text, found.label, found.class_names
    ('review', 'stars', ['bad', 'good'])
    """
    kinds = _kinds(features, {"text": text, "label": label}, source)
    chosen_label = label or _choose_label(kinds, text, source)
    text = text or _choose_text(kinds, chosen_label, source)
    if text == chosen_label:
        raise UsageError(f"{source}: column {text!r} is asked for both text and label; name two columns")
    if kinds[text] not in ("text", "texts"):
        raise DataError(f"{source}: column {text!r} holds no texts; name another with text=; {_describe(features)}")
    if kinds[chosen_label] == "other":
        raise DataError(
            f"{source}: column {chosen_label!r} holds no labels (strings, numbers or lists of them); name another "
            f"with label=; {_describe(features)}"
        )
    several = kinds[chosen_label] in ("classes", "texts", "numbers", "reals")
    if several and kinds[text] == "texts" and label is None:
        raise UsageError(
            f"{source}: columns {text!r} and {chosen_label!r} both hold lists, as for tagging; for several labels "
            f"per text say label={chosen_label!r}, for tags task='tag'"
        )
    feature = features[chosen_label]
    classes = (inner_feature(feature) if several else feature) if kinds[chosen_label].startswith("class") else None
    names = None if classes is None else list(classes.names)
    return LabelledColumns(text, chosen_label, kinds[text] == "texts", several, names)


def named_column(names: Mapping[str, str], known: Sequence[str]) -> list[str]:
    """Give the columns with a known name; `names` has the lower-case name of each. A plain `text` or `label` is enough.

    >>> named_column({"Review": "review", "label": "label", "stars": "stars"}, LABEL_NAMES)
    ['label']
    """
    found = [column for column, name in names.items() if name in known]
    plain = [column for column in found if names[column] in _PLAIN_NAMES]
    return plain if len(plain) == 1 else found


def free_name(name: str, taken: Collection[str]) -> str:
    """Give a name that is not taken: if the input has a column `label`, the predicted one is called `predicted_label`.

    >>> free_name("label", ["text", "label"]), free_name("label", ["text"])
    ('predicted_label', 'label')
    """
    while name in taken:
        name = f"predicted_{name}"
    return name


def _kinds(features: Mapping[str, Any], asked: Mapping[str, str | None], source: str) -> dict[str, str]:
    """Give the kind of each column; UsageError where a column that the user asked for is not among them."""
    kinds = {name: _kind(feature) for name, feature in features.items()}
    for role, column in asked.items():
        if column is not None and column not in kinds:
            raise UsageError(f"{source}: no column {column!r} for {role}=; {near_miss(str(column), kinds)}")
    return kinds


def _kind(feature: Any) -> str:
    """Say what a cell holds: text, number, real or class; texts, numbers, reals or classes for lists; or other."""
    inner = inner_feature(feature)
    cell = feature if inner is None else inner
    dtype = str(getattr(cell, "dtype", ""))
    if hasattr(cell, "names") and hasattr(cell, "str2int"):
        return "class" if inner is None else "classes"
    if dtype in ("string", "large_string"):
        kind = "text"
    elif dtype.startswith(("int", "uint")):
        kind = "number"
    elif dtype.startswith(("float", "bool")):
        kind = "real"
    else:
        return "other"
    return kind if inner is None else f"{kind}s"


def _choose_label(kinds: Mapping[str, str], text: str | None, source: str) -> str:
    left = {name: name.lower() for name, kind in kinds.items() if kind != "other" and name != text}
    classes = [name for name in left if kinds[name] == "class"]
    if len(classes) == 1:
        return classes[0]
    # a list of classes may be the tags of tokens: its name must say that it is not
    named = named_column({name: left[name] for name in classes or left}, LABEL_NAMES)
    if len(named) == 1:
        return named[0]
    texts = [name for name in left if kinds[name] == "text" and left[name] in TEXT_NAMES]
    rest = [name for name in left if kinds[name] in ("text", "number", "real") and name not in texts]
    if not (text or texts):
        rest = []
    if not classes and not named and len(rest) == 1:
        return rest[0]
    raise _undecided("label", named or classes or rest, kinds, source)


def _choose_text(kinds: Mapping[str, str], label: str, source: str) -> str:
    texts, lists = (
        {name: name.lower() for name in kinds if kinds[name] == kind and name != label} for kind in ("text", "texts")
    )
    # tokens with a name of theirs go before a string without one, which may be an id
    for candidates in (
        named_column(texts, TEXT_NAMES),
        named_column(lists, TOKEN_NAMES),
        list(texts),
        list(lists),
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _undecided("text", candidates, kinds, source)
    raise _undecided("text", [], kinds, source)


def _choose_tag(kinds: Mapping[str, str], token: str | None, source: str) -> str:
    classes = [name for name, kind in kinds.items() if kind == "classes"]
    strings = [name for name, kind in kinds.items() if kind == "texts" and name != token]
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
    raise _undecided("tag", _several(named or candidates), kinds, source)


def _choose_token(kinds: Mapping[str, str], tag: str, source: str) -> str:
    candidates = [name for name, kind in kinds.items() if kind == "texts" and name != tag]
    if len(candidates) == 1:
        return candidates[0]
    named = [name for name in candidates if name.lower() in TOKEN_NAMES]
    if len(named) == 1:
        return named[0]
    raise _undecided("token", _several(named or candidates), kinds, source)


def _undecided(role: str, candidates: Sequence[str], kinds: Mapping[str, str], source: str) -> UsageError | DataError:
    if candidates:
        is_doubtful = role == "tag" and "labels" in candidates
        more = f"; labels that were annotated in a row stand in a column {ANNOTATED}" if is_doubtful else ""
        named = [name for name in candidates if name != "labels"][-1]
        return UsageError(f"{source}: ambiguous {role} column ({listed(candidates)}): pass {role}={named!r}{more}")
    is_tagging = role in ("token", "tag")
    wanted = f"lists of {role}s" if is_tagging else f"a {role}"
    rows = "a list of tokens and a list of tags" if is_tagging else "a text and a label, or name the columns"
    return DataError(f"{source}: no column holds {wanted}; the columns are: {listed(kinds)}; give rows with {rows}")


def _several(candidates: Sequence[str]) -> Sequence[str]:
    return candidates if len(candidates) > 1 else ()


def _describe(features: Mapping[str, Any]) -> str:
    return "the columns are " + listed(f"{name}: {feature}" for name, feature in features.items())
