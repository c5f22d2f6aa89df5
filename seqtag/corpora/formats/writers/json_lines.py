"""Write JSON lines, an object per text: for Doccano, Prodigy, displaCy, in the shapes of transformers, and our own.

Offsets count characters, except for Doccano: unless its option "Count grapheme clusters as one character" is on, it
counts UTF-16 units (https://github.com/doccano/doccano/issues/2290). A record in which the two differ says so under
`offset_unit`, which Doccano keeps and our reader heeds.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seqtag.corpora.formats.writers.documents import (
    About,
    Document,
    FormatWriter,
    mark,
    one_line,
    rounded,
    unmarked,
    utf16_offsets,
)
from seqtag.text.schemes import Span


class JsonLines(FormatWriter):
    """Writes what a function makes of each document as a line of JSON."""

    make: Callable[[Document, About], dict[str, Any]]

    def piece(self, document: Document) -> str:
        """Write the object of a document."""
        return json.dumps(type(self).make(document, self.about), ensure_ascii=False) + "\n"

    def unheld(self, fields: Mapping[str, Any]) -> Iterable[str]:
        """Name no field: an object holds all of them."""
        return ()


def _doccano(document: Document, about: About) -> dict[str, Any]:
    """Doccano's JSONL: https://doccano.github.io/doccano/tutorial/ . It keeps other keys as metadata."""
    record = unmarked(document.fields, ("scores",)) | {"text": document.text}
    if about.task == "classify":
        return record | {"label": list(document.labels)} | _class_scores(document)
    to_units = utf16_offsets(document.text)
    record["label"] = [[to_units(span.start), to_units(span.end), span.label] for span in document.spans]
    if any(span.score is not None for span in document.spans):
        record["scores"] = [rounded(span.score or 0.0) for span in document.spans]
    if to_units(len(document.text)) != len(document.text):
        record["offset_unit"] = "utf-16"
    if document.own_tokens:
        record["tokens"] = [
            {"text": token.text, "start": to_units(token.start), "end": to_units(token.end)}
            for token in document.tokens
        ]
    return record


def _prodigy(document: Document, about: About) -> dict[str, Any]:
    """Prodigy's tasks: https://prodi.gy/docs/api-interfaces . The last token of a span belongs to it."""
    record = unmarked(document.fields, ("options", "cats") if about.task == "classify" else ()) | {
        "text": document.text
    }
    answer = {} if about.is_predicted else {"answer": "accept"}
    if about.task == "classify":
        options = [{"id": label, "text": label} for label in about.labels]
        cats = {"cats": {label: rounded(score) for label, score in document.scores.items()}} if document.scores else {}
        return record | {"options": options, "accept": list(document.labels)} | cats | answer
    spans = []
    for span in document.spans:
        first, end = document.token_span(span)
        spans.append(_shaped(span) | {"token_start": first, "token_end": end - 1})
    record["tokens"] = [
        {
            "text": token.text,
            "start": token.start,
            "end": token.end,
            "id": number,
            "ws": document.text[token.end : token.end + 1].isspace(),
        }
        for number, token in enumerate(document.tokens)
    ]
    return record | {"spans": spans} | answer


def _displacy(document: Document, about: About) -> dict[str, Any]:
    """What displacy.render(..., manual=True) takes: https://spacy.io/api/top-level#displacy."""
    title = document.fields.get("title")
    has_title = title is None or isinstance(title, str)
    return unmarked(document.fields, () if has_title else ("title",)) | {
        "text": document.text,
        "ents": list(map(_shaped, document.spans)),
        "title": title if has_title else None,
        **_tokens(document),
    }


def _hugging_face(document: Document, about: About) -> dict[str, Any]:
    """The dictionaries of transformers' pipelines, beside the text that they were made of."""
    record = unmarked(document.fields, ("score", "scores") if about.task == "classify" else ()) | {
        "text": document.text
    }
    if about.task == "classify":
        if about.is_multi:
            return record | {"labels": list(document.labels)} | _class_scores(document)
        label = document.labels[0]
        return record | {"label": label} | ({"score": rounded(document.scores[label])} if document.scores else {})
    return record | {"entities": [_shaped(span, "hf") for span in document.spans]} | _tokens(document)


def _rows(document: Document, about: About) -> dict[str, Any]:
    """Write the rows of a corpus: tokens with tags, or a text with its label or labels."""
    record = unmarked(document.fields, ("scores",))
    if about.task == "classify":
        content = (
            {"text": document.text} if document.has_text else {"tokens": [token.text for token in document.tokens]}
        )
        labels = {"labels": list(document.labels)} if about.is_multi else {"label": document.labels[0]}
        return record | content | labels | _class_scores(document)
    text = {"text": document.text} if document.has_text else {}
    if about.is_predicted:
        return record | {"text": document.text, "spans": list(map(_shaped, document.spans)), **_tokens(document)}
    return record | text | {"tokens": [token.text for token in document.tokens], "tags": list(document.tags)}


def _shaped(span: Span, style: str = "displacy") -> dict[str, Any]:
    """Give a span in one of its shapes, with its score if that is known."""
    score = None if span.score is None else rounded(span.score)
    return {key: value for key, value in (span.to_dict(style) | {"score": score}).items() if value is not None}


def _tokens(document: Document) -> dict[str, Any]:
    if not document.own_tokens:
        return {}
    return {"tokens": [{"text": token.text, "start": token.start, "end": token.end} for token in document.tokens]}


def _class_scores(document: Document) -> dict[str, Any]:
    return {"scores": [rounded(document.scores[label]) for label in document.labels]} if document.scores else {}


class DoccanoLines(JsonLines):
    """Writes texts for Doccano."""

    make = staticmethod(_doccano)


class ProdigyLines(JsonLines):
    """Writes texts for Prodigy."""

    make = staticmethod(_prodigy)


class DisplacyLines(JsonLines):
    """Writes texts for displaCy."""

    make = staticmethod(_displacy)


class HuggingFaceLines(JsonLines):
    """Writes texts in the shapes of transformers' pipelines."""

    make = staticmethod(_hugging_face)


class RowLines(JsonLines):
    """Writes the rows that training reads."""

    make = staticmethod(_rows)


class MarkedLines(FormatWriter):
    """Writes a line per text for people to read: spans in brackets, or the classes before the text."""

    def piece(self, document: Document) -> str:
        """Write the line of a document."""
        if self.about.task == "classify":
            return f"{','.join(document.labels)}\t{one_line(document.text)}\n"
        return one_line(mark(document.text, document.spans)) + "\n"
