"""Read tables of annotated texts through `datasets`: a column of texts, and a column with a list of spans per row."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from datasets import Dataset

from seqtag.corpora.column_roles import TEXT_NAMES, TOKEN_NAMES, inner_feature, named_column
from seqtag.corpora.formats.annotation_records import (
    END_KEYS,
    LABEL_KEYS,
    START_KEYS,
    mark_rows,
    other_keys,
    read_record,
)
from seqtag.corpora.formats.offset_units import Reading, counts_utf16, is_wide
from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, SpanRules
from seqtag.corpora.tagged_blocks import Part
from seqtag.errors import DataError


def span_columns(
    features: Mapping[str, Any], *, token: str | None = None, tag: str | None = None
) -> tuple[str, str] | None:
    """Give the columns of the texts and of their spans; None for a table of another kind, such as one of tags.

    >>> from datasets import Value
    >>> offset, name = Value("int64"), Value("string")
    >>> span_columns({"text": name, "spans": [{"start": offset, "end": offset, "label": name}]})
    ('text', 'spans')
    """
    texts = {name: name.lower() for name, feature in features.items() if _is_string(feature)}
    spans = [name for name, feature in features.items() if _is_spans(feature)]
    has_tokens = any(name.lower() in TOKEN_NAMES and _is_string(inner_feature(f)) for name, f in features.items())
    if tag is not None:
        spans = [name for name in spans if name == tag]
    elif has_tokens and token not in texts:
        return None
    found = named_column(texts, TEXT_NAMES) or list(texts) if token is None else [token] * (token in texts)
    return (found[0], spans[0]) if len(found) == 1 == len(spans) else None


def span_table_part(table: Dataset, text: str, spans: str, origin: str, rules: SpanRules) -> Part:
    """Make a table of annotated texts a part of a corpus, tagged in IOB2."""
    account = SpanAccount(origin, rules)
    account.pass_over(name for name in table.features if name not in (text, spans))
    blocks = account.blocks(_texts(table, text, spans, account))
    return Part(origin, "row", blocks, faults=account.faults, others=account.others)


def _texts(table: Dataset, text: str, spans: str, account: SpanAccount) -> Iterator[AnnotatedText]:
    origin = account.origin

    def readings() -> Iterator[Reading]:
        for number, record in _records(table, text, spans, origin):
            if is_wide(record["text"]):
                yield partial(read_record, record, f"{origin}, row {number}", number)

    utf16 = counts_utf16(readings(), account.rules, origin)
    for number, record in _records(table, text, spans, origin):
        account.pass_over(other_keys(record))
        yield from read_record(record, f"{origin}, row {number}", number, utf16=utf16)


def _records(table: Dataset, text: str, spans: str, origin: str) -> Iterator[tuple[int, dict[str, Any]]]:
    names = {key: feature.names for key, feature in _fields(table.features[spans]).items() if hasattr(feature, "names")}
    for number, row in enumerate(table.select_columns([text, spans]).with_format(None)):
        place = f"{origin}, row {number}"
        if row[text] is None or row[spans] is None:
            missing = text if row[text] is None else spans
            raise DataError(f"{place}: column {missing!r} is empty; leave the row out or fill the column")
        marks = mark_rows(row[spans], place)
        for key, classes in names.items():
            for mark in marks:
                if not isinstance(mark[key], int) or not 0 <= mark[key] < len(classes):
                    raise DataError(f"{place}: {key} {mark[key]!r} has no name among the {len(classes)} of {spans!r}")
                mark[key] = classes[mark[key]]
        yield number, {"text": row[text], "spans": marks}


def _is_string(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string")


def _is_spans(feature: Any) -> bool:
    fields = _fields(feature)
    return all(any(key in fields for key in keys) for keys in (START_KEYS, END_KEYS, LABEL_KEYS))


def _fields(feature: Any) -> Mapping[str, Any]:
    """Give the features of a span by name, whether the column has lists of objects or an object of lists."""
    inner = inner_feature(feature)
    if isinstance(inner, Mapping):
        return inner
    return {key: inner_feature(f) for key, f in feature.items()} if isinstance(feature, Mapping) else {}
