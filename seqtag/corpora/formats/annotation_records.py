"""Read the text and the spans of one record that Doccano, Label Studio or Prodigy exported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seqtag.errors import DataError
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Token


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and the spans that people marked in it."""

    line: int
    text: str
    spans: tuple[Span, ...]  # in characters of `text`
    tokens: tuple[Token, ...] = ()  # empty where the export holds no tokens


def record_kind(record: Mapping[str, Any]) -> str | None:
    """Name the tool that wrote a record: 'doccano', 'label-studio' or 'prodigy'; None if none of them did.

    >>> record_kind({"text": "Ada spoke", "label": [[0, 3, "PER"]]})
    'doccano'
    """
    if isinstance(record.get("data"), Mapping) and ("annotations" in record or "completions" in record):
        return "label-studio"
    if not any(isinstance(record.get(key), str) for key in ("text", "data")):
        return None
    if isinstance(record.get("spans"), list) or "_input_hash" in record:
        return "prodigy"
    for key in ("label", "labels", "entities"):
        marks = record.get(key)
        if isinstance(marks, list) and all(isinstance(mark, (list, Mapping)) for mark in marks):
            # Label Studio's JSON-MIN has the layout of Doccano, but its marks hold "labels".
            return "label-studio" if any("labels" in mark for mark in marks if isinstance(mark, Mapping)) else "doccano"
    return None


def read_record(record: Mapping[str, Any], line: int, name: str) -> Annotated | None:
    """Read the text and the spans of a record; None for a text that was rejected, ignored or never annotated.

    Raises DataError, by file and line, for a record of another kind and for offsets outside of the text.
    """
    place = f"{name}:{line}"
    kind = record_kind(record)
    if kind is None:
        raise DataError(
            f"{place}: the record has the keys {', '.join(map(str, record)) or 'none'}; expected a text with spans, as "
            'Doccano ("text", "label"), Label Studio ("data", "annotations") or Prodigy ("text", "spans") write it'
        )
    if kind == "prodigy":
        if record.get("answer", "accept") != "accept":
            return None
        text = record["text"]
        marks = [(mark, mark.get("label")) for mark in _mappings(record.get("spans") or [], place)]
        return Annotated(line, text, _spans(marks, text, place), _own_tokens(record.get("tokens") or [], text, place))
    if kind == "label-studio":
        found = _label_studio_marks(record, place)
        if found is None:
            return None
        text, values = found
        return Annotated(line, text, _spans([(value, _first_label(value, place)) for value in values], text, place))
    text = record["text"] if isinstance(record.get("text"), str) else record["data"]
    marks = [mark for key in ("label", "labels", "entities") for mark in record.get(key) or []]
    return Annotated(line, text, _spans([_doccano_mark(mark, place) for mark in marks], text, place))


def _doccano_mark(mark: Any, place: str) -> tuple[Mapping[str, Any], Any]:
    if isinstance(mark, Mapping):
        return mark, mark.get("label")
    if not isinstance(mark, list) or len(mark) != 3:
        raise DataError(f"{place}: the mark {mark!r} is no [start, end, label]; export the file again")
    return {"start": mark[0], "end": mark[1]}, mark[2]


def _label_studio_marks(record: Mapping[str, Any], place: str) -> tuple[str, list[Mapping[str, Any]]] | None:
    if not isinstance(record.get("data"), Mapping):
        return record["text"], _mappings(record.get("label") or record.get("labels") or [], place)
    texts = {key: value for key, value in record["data"].items() if isinstance(value, str)}
    all_annotations = _mappings(record.get("annotations") or record.get("completions") or [], place)
    annotations = [each for each in all_annotations if not each.get("was_cancelled")]
    if not annotations:
        return None
    # Several people may have annotated a text, which must not come twice: the first annotation is taken.
    results = _mappings(annotations[0].get("result") or [], place)
    values = [each["value"] for each in results if isinstance(each.get("value"), Mapping) and "start" in each["value"]]
    if "text" in texts:
        return texts["text"], values
    if len(texts) != 1:
        raise DataError(
            f'{place}: "data" has {len(texts)} strings ({", ".join(texts) or "none"}); name the annotated one "text"'
        )
    return next(iter(texts.values())), values


def _first_label(value: Mapping[str, Any], place: str) -> Any:
    labels = value.get("labels")
    if not isinstance(labels, list) or len(labels) != 1:
        raise DataError(f"{place}: the span {value} needs exactly one label, found {labels!r}; a token has one tag")
    return labels[0]


def _spans(marks: Iterable[tuple[Mapping[str, Any], Any]], text: str, place: str) -> tuple[Span, ...]:
    spans = []
    for mark, label in marks:
        start = mark.get("start", mark.get("start_offset"))
        end = mark.get("end", mark.get("end_offset"))
        if not isinstance(start, int) or not isinstance(end, int) or not isinstance(label, str) or not label:
            raise DataError(f"{place}: the span {dict(mark)} needs a start and an end in characters and a label")
        start, end = _in_code_points(start, end, mark.get("text"), text)
        if not 0 <= start < end <= len(text):
            raise DataError(
                f"{place}: the {label} span {start}:{end} does not lie in the text of {len(text)} characters; "
                "mend the offsets (the end is exclusive)"
            )
        spans.append(Span(start, end, label))
    return tuple(spans)


def _in_code_points(start: int, end: int, surface: Any, text: str) -> tuple[int, int]:
    """Turn offsets into characters if the marked text shows that a browser counted them in UTF-16 units."""
    if not isinstance(surface, str) or text[start:end] == surface:
        return start, end
    units = text.encode("utf-16-le")
    if units[2 * start : 2 * end] != surface.encode("utf-16-le"):
        return start, end
    before = len(units[: 2 * start].decode("utf-16-le"))
    return before, before + len(surface)


def _own_tokens(tokens: Iterable[Any], text: str, place: str) -> tuple[Token, ...]:
    found = []
    end = 0
    for token in _mappings(tokens, place):
        start, here = token.get("start"), token.get("end")
        if not isinstance(start, int) or not isinstance(here, int) or not end <= start <= here <= len(text):
            raise DataError(f"{place}: the token {dict(token)} does not lie in the text after the one before it")
        end = here
        if text[start:end].strip():
            found.append(Token(text[start:end], start, end))
    return tuple(found)


def _mappings(items: Iterable[Any], place: str) -> list[Mapping[str, Any]]:
    found = list(items)
    for item in found:
        if not isinstance(item, Mapping):
            raise DataError(f"{place}: found {item!r} where an object with start and end is needed; export again")
    return found
