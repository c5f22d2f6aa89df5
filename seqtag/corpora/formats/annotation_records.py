"""Read the texts and the spans of one JSON record, in the forms in which tools and corpora write them.

The exports of Label Studio need a look at the whole file, so label_studio reads them. This module knows no file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, cast

from seqtag.corpora.formats.unread_forms import refuse_unread_record
from seqtag.corpora.span_alignment import AnnotatedText
from seqtag.errors import DataError
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, Span, illegal_positions, spans_from_tags, tag_fits
from seqtag.text.tokenizer import Token

_TEXT_KEYS = ("text", "data", "sentence", "content")
_MARK_KEYS = ("label", "labels", "entities")  # the spans of all of these count; else those of the first of the others
_OTHER_MARK_KEYS = ("spans", "ents", "annotations", "ner", "named_entities", "mentions")
START_KEYS = ("start", "start_offset", "begin", "start_char", "startOffset")
END_KEYS = ("end", "end_offset", "stop", "end_char", "endOffset")
LABEL_KEYS = ("label", "type", "tag", "entity", "entity_type", "entity_group", "category", "labels")
ANNOTATION_KEYS = ("annotations", "completions", "predictions")  # of a task of Label Studio
_PAIRS = ("span", "offsets", "offset")
# Keys with the words of a span, if they are strings.
_WORDS = ("text", "surface", "surface_form", "mention", "word", "span", "phrase", "quote", "exact", "covered_text")
_SPAN_KEYS = {*START_KEYS, *END_KEYS, *LABEL_KEYS, *_PAIRS, *_WORDS, "token_start", "token_end"}


def record_kind(record: Any, *, text: str | None = None, marks: str | None = None) -> str | None:
    """Name the form of a record, mostly by the tool that writes it; None if it has none of these forms.

    `text` and `marks` are the keys of the text and its spans if the user named them.

    >>> record_kind({"text": "Ada spoke", "label": [[0, 3, "PER"]]}), record_kind(["Ada spoke", {"entities": []}])
    ('doccano', 'spacy')
    """
    if isinstance(record, list):
        is_pair = len(record) == 2 and isinstance(record[0], str) and isinstance(record[1], Mapping)
        return "spacy" if is_pair else None
    if not isinstance(record, Mapping):
        return None
    if isinstance(record.get("data"), Mapping) and any(key in record for key in ANNOTATION_KEYS):
        return "label-studio"
    if isinstance(record.get("tokenized_text"), list) and isinstance(record.get("ner"), list):
        return "gliner"
    if isinstance(record.get("paragraphs"), list) and "title" not in record:
        return "spacy-json"
    # Label Studio's JSON-MIN has the layout of Doccano, but its marks hold "labels"; the key may have any name.
    if any(_is_region(mark) for value in record.values() if isinstance(value, list) for mark in value):
        return "label-studio"
    if text_key(record, text) is None:
        return None
    if isinstance(record.get("label"), Mapping) and all(isinstance(each, Mapping) for each in record["label"].values()):
        return "cluener"
    if isinstance(record.get("spans"), list) or "_input_hash" in record:
        return "prodigy"
    return "doccano" if _mark_keys(record, marks) else None


def _is_region(mark: Any) -> bool:
    return isinstance(mark, Mapping) and "labels" in mark and "start" in mark


def text_key(record: Mapping[str, Any], asked: str | None = None) -> str | None:
    """Give the key of the text of a record; None if it has no such key."""
    keys = _TEXT_KEYS if asked is None else (asked,)
    return next((key for key in keys if isinstance(record.get(key), str)), None)


def _mark_keys(record: Mapping[str, Any], asked: str | None) -> list[str]:
    """Give the keys of a record that hold its spans."""
    if asked is not None:
        return [asked] * _are_marks(record.get(asked))
    found = [key for key in _MARK_KEYS if _are_marks(record.get(key))]
    return found or [key for key in _OTHER_MARK_KEYS if _are_marks(record.get(key))][:1]


def _are_marks(value: Any) -> bool:
    if isinstance(value, Mapping):  # a table of `datasets` may hold a list of objects as an object of lists
        return _first(value, START_KEYS) is not None and all(isinstance(each, list) for each in value.values())
    return isinstance(value, list) and all(isinstance(mark, (list, Mapping)) for mark in value)


def read_record(
    record: Any,
    place: str,
    number: int,
    *,
    text: str | None = None,
    marks: str | None = None,
    utf16: bool | None = None,
) -> Iterator[AnnotatedText]:
    """Read the texts of a record with their spans.

    Offsets count UTF-16 units if `utf16` says so, or if it is None and the record does, and else characters.
    Raises DataError, which begins with `place`, for a record of another form and for offsets outside of the text.
    """
    kind = record_kind(record, text=text, marks=marks)
    if utf16 is None:
        utf16 = states_unit(record) and record["offset_unit"] == "utf-16"
    is_read = kind in ("spacy", "spacy-json", "gliner") or (kind and text_key(record, text))
    if not is_read:  # a task of Label Studio among records of another kind has a kind, and no text of its own
        raise _unknown(record, place)
    if kind == "spacy-json":
        yield from _spacy_json(record, place, number)
        return
    if kind == "gliner":
        tokens = _joined_tokens(record["tokenized_text"], place)
        spans = [_token_span(mark, tokens, place) for mark in record["ner"]]
        yield AnnotatedText(place, number, " ".join(token.text for token in tokens), spans, tokens)
        return
    if kind == "spacy":
        content, record = record[0], {"spans": record[1].get("entities")}
    else:
        content = record[text_key(record, text)]
    if kind == "cluener":
        characters = [Token(each, at, at + 1) for at, each in enumerate(content) if not each.isspace()]
        yield AnnotatedText(place, number, content, _cluener_spans(record["label"], content, place), characters)
        return
    has_spans = kind in ("spacy", "prodigy") and marks is None
    lists = [record.get("spans") or []] if has_spans else [record[key] for key in _mark_keys(record, marks)]
    to_characters = _from_utf16(content) if utf16 else None
    found = [
        span
        for each in lists
        for mark in mark_rows(each, place)
        for span in _mark_spans(mark, content, place, to_characters)
    ]
    own_tokens, annotated = tokens_within(record, content, place, to_characters), _annotated_labels(record, found)
    yield AnnotatedText(place, number, content, found, own_tokens, annotated=annotated)


def _annotated_labels(record: Mapping[str, Any], spans: Sequence[Span]) -> list[str] | None:
    """Give the labels that a record says were annotated in it; None where all were.

    They stand under `annotated_labels`, or under `labels` if these are names and those of all spans are among them.
    """
    if ANNOTATED in record:
        labels = record[ANNOTATED]
        return labels if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else None
    names = label_names(record)
    return names if names and {span.label for span in spans} <= {*names, UNKNOWN_TAG} else None


def label_names(record: Any) -> list[str]:
    """Give the names that stand under `labels` in a record; none where it holds something else."""
    names = record.get("labels") if isinstance(record, Mapping) and ANNOTATED not in record else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def other_keys(record: Any, *, text: str | None = None, marks: str | None = None) -> Iterator[str]:
    """Name what `read_record` does not read: keys of a record, and keys of its spans as in "score of spans"."""
    kind = record_kind(record, text=text, marks=marks)
    if kind in ("gliner", "spacy-json"):
        read = {"tokenized_text", "ner", "paragraphs"}
    elif kind == "spacy":
        record, read = record[1], {"entities"}
    else:
        has_spans = kind == "prodigy" and marks is None
        read = {"spans"} if has_spans else {"label"} if kind == "cluener" else set(_mark_keys(record, marks))
        for mark in (each for key in read & record.keys() if isinstance(record[key], list) for each in record[key]):
            if isinstance(mark, Mapping):
                yield from (f"{key} of spans" for key in mark if key not in _SPAN_KEYS)
        read |= {str(text_key(record, text)), "answer", "offset_unit", "_input_hash", "_task_hash"}
        tokens = record.get("tokens")
        if isinstance(tokens, list) and all(isinstance(token, Mapping) for token in tokens):
            read.add("tokens")
        if label_names(record):  # what was annotated, or a note says that it is not
            read.add("labels")
    yield from (key for key in record if key not in read)


def states_unit(record: Any) -> bool:
    """Say whether a record says what its offsets count, as those do that `seqtag predict` writes for Doccano."""
    return isinstance(record, Mapping) and record.get("offset_unit") is not None


def _unknown(record: Any, place: str) -> DataError:
    refuse_unread_record(record, place)
    keys = (
        [f"{key} (null)" if record[key] is None else str(key) for key in record] if isinstance(record, Mapping) else ()
    )
    found = f"has the keys {', '.join(keys)}" if keys else f"is {type(record).__name__}"
    return DataError(
        f'{place}: the record {found}; expected a text with spans, as Doccano ("text", "label"), Label Studio ("data", '
        '"annotations"), Prodigy ("text", "spans") or spaCy ([text, {"entities": ...}]) write it; '
        "FILE:token=KEY,tag=KEY names the keys of the text and its spans"
    )


def mark_rows(marks: Any, place: str) -> list[Any]:
    """Give the marks of a list, or of an object of lists."""
    if isinstance(marks, Mapping) and all(isinstance(values, list) for values in marks.values()):
        return [dict(zip(marks, values)) for values in zip_longest(*marks.values())]
    if not isinstance(marks, list):
        raise DataError(f"{place}: found {marks!r} where a list of objects is needed; export the file again")
    return marks


def _from_utf16(text: str) -> Callable[[int], int]:
    """Give a function that turns offsets in UTF-16 units into characters; those outside of the text stay outside."""
    units = text.encode("utf-16-le")

    def to_characters(offset: int) -> int:
        if offset < 0:
            return offset
        return len(units[: 2 * offset].decode("utf-16-le", "ignore")) + max(0, offset - len(units) // 2)

    return to_characters


def _mark_spans(mark: Any, text: str, place: str, to_characters: Callable[[int], int] | None = None) -> Iterator[Span]:
    if isinstance(mark, list):
        if not 3 <= len(mark) <= 4:  # spaCy may add the number of an entity in a knowledge base
            raise DataError(f"{place}: the mark {mark!r} is no [start, end, label]; export the file again")
        mark = dict(zip(("start", "end", "label"), mark))
    if not isinstance(mark, Mapping):
        raise DataError(f"{place}: found {mark!r} where an object with start and end is needed; export again")
    pair = next((mark[key] for key in _PAIRS if isinstance(mark.get(key), list) and len(mark[key]) == 2), None)
    start, end = pair or (_first(mark, START_KEYS), _first(mark, END_KEYS))
    if to_characters is not None and _is_whole(start) and _is_whole(end):
        start, end = to_characters(start), to_characters(end)
    label = _first(mark, LABEL_KEYS)
    words = next((mark[key] for key in _WORDS if isinstance(mark.get(key), str)), None)
    for each in label if isinstance(label, list) and label else [label]:
        yield checked_span(start, end, each, words, text, place, mark)


def _first(mark: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((mark[key] for key in keys if mark.get(key) is not None), None)


def checked_span(start: Any, end: Any, label: Any, words: Any, text: str, place: str, mark: Any) -> Span:
    """Make a span; DataError for values that are none, and for offsets outside of the text.

    `words` are what the source states for it, if anything. The number of a class counts as its name, as in old exports
    of Doccano. If the words show that a browser counted in UTF-16 units, the offsets become characters.
    """
    if _is_whole(label):
        label = str(label)
    if not _is_whole(start) or not _is_whole(end) or not isinstance(label, str) or not label:
        raise DataError(f"{place}: the span {mark} needs a start and an end in characters and a label")
    words = words if isinstance(words, str) and words.strip() else None
    start, end = in_code_points(start, end, words, text)
    if not 0 <= start < end <= len(text) and words is None:
        raise DataError(
            f"{place}: the {label} span {start}:{end} does not lie in the text of {len(text)} characters; "
            "mend the offsets (the end is exclusive)"
        )
    return Span(start, end, label, words)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def in_code_points(start: int, end: int, words: str | None, text: str) -> tuple[int, int]:
    """Turn offsets into characters if the marked words show that a browser counted them in UTF-16 units."""
    if words is None or text[start:end] == words or start < 0:
        return start, end
    units = text.encode("utf-16-le")
    if units[2 * start : 2 * end] != words.encode("utf-16-le"):
        return start, end
    before = len(units[: 2 * start].decode("utf-16-le"))
    return before, before + len(words)


def tokens_within(
    record: Mapping[str, Any], text: str, place: str, to_characters: Callable[[int], int] | None = None
) -> tuple[Token, ...] | None:
    """Give the tokens that a record brings for its text; None if it has none, or no objects with their places."""
    tokens = record.get("tokens")
    if isinstance(tokens, Mapping):  # a table of `datasets` may hold a list of objects as an object of lists
        tokens = mark_rows(tokens, place)
    if not isinstance(tokens, list) or not any(isinstance(token, Mapping) and "start" in token for token in tokens):
        return None
    found = []
    end = 0
    left_out = ""  # what stands in no token
    for token in tokens:
        if to_characters is not None and isinstance(token, Mapping):
            token = {key: to_characters(at) if _is_whole(at) else at for key, at in token.items()}
        borders = (token.get("start"), token.get("end")) if isinstance(token, Mapping) else (None, None)
        start, here = cast("tuple[int, int]", borders)
        if not _is_whole(start) or not _is_whole(here) or not end <= start <= here <= len(text):
            raise DataError(f"{place}: the token {token} does not lie in the text after the one before it")
        left_out += text[end:start].strip()
        end = here
        if text[start:end].strip():
            found.append(Token(text[start:end], start, end))
    if found and (left_out := left_out + text[end:].strip()):
        raise DataError(f"{place}: {left_out[:60]!r} stands in no token; add tokens for it, or leave all tokens out")
    return tuple(found) or None


def _joined_tokens(words: Sequence[Any], place: str) -> list[Token]:
    """Give tokens the offsets that they have with one blank between any two."""
    tokens: list[Token] = []
    for word in words:
        if not isinstance(word, str):
            raise DataError(f"{place}: found {word!r} where a token is needed; each token is a string")
        start = tokens[-1].end + 1 if tokens else 0
        tokens.append(Token(word, start, start + len(word)))
    return tokens


def _token_span(mark: Any, tokens: Sequence[Token], place: str) -> Span:
    """Read GLiNER's [first token, last token, label]; the last token belongs to the span."""
    if not (isinstance(mark, list) and len(mark) == 3 and _is_whole(mark[0]) and _is_whole(mark[1])):
        raise DataError(f"{place}: the mark {mark!r} is no [first token, last token, label]; write the file again")
    first, last, label = mark
    if not 0 <= first <= last < len(tokens) or not isinstance(label, str) or not label:
        raise DataError(
            f"{place}: the mark {mark!r} needs two of the {len(tokens)} tokens, counted from 0, and a label; mend it "
            "(the last token belongs to the span)"
        )
    return Span(tokens[first].start, tokens[last].end, label)


def _cluener_spans(labels: Mapping[str, Any], text: str, place: str) -> list[Span]:
    """Read {label: {words: [[first character, last character], ...]}}; the last character belongs to the span."""
    spans = []
    for label, surfaces in labels.items():
        for words, borders in surfaces.items():
            for border in borders if isinstance(borders, list) else [borders]:
                if not (isinstance(border, list) and len(border) == 2 and _is_whole(border[1])):
                    raise DataError(f"{place}: {border!r} is no [first, last] character of {words!r}; mend it")
                spans.append(checked_span(border[0], border[1] + 1, label, words, text, place, border))
    return spans


def _spacy_json(record: Mapping[str, Any], place: str, number: int) -> Iterator[AnnotatedText]:
    """Read a document of the JSON form of spaCy 2: a text per sentence, or per paragraph if tokens have no entities."""
    for paragraph in _objects(record["paragraphs"], place):
        rows = [_objects(sentence.get("tokens"), place) for sentence in _objects(paragraph.get("sentences"), place)]
        if not any("ner" in token for row in rows for token in row) and isinstance(paragraph.get("raw"), str):
            marks = mark_rows(paragraph.get("entities") or [], place)
            spans = [span for mark in marks for span in _mark_spans(mark, paragraph["raw"], place)]
            yield AnnotatedText(place, number, paragraph["raw"], spans)
            continue
        for row in rows:
            tokens = _joined_tokens([token.get("orth") for token in row], place)
            tags = [str(token.get("ner") or "-") for token in row]
            if "-" in tags:
                raise DataError(
                    f'{place}: token {tokens[tags.index("-")].text!r} has no entity tag ("ner"), and partly '
                    "annotated sentences are not learned from; give each token one, 'O' outside of entities"
                )
            wrong = [tag for tag in tags if not tag_fits(tag, "BILOU")]
            wrong = wrong or [tags[at] for at in illegal_positions(tags, "BILOU")]
            if wrong:
                raise DataError(f"{place}: the entity tag {wrong[0]!r} breaks the scheme BILOU; mend it")
            spans = [
                Span(tokens[span.start].start, tokens[span.end - 1].end, span.label)
                for span in spans_from_tags(tags, "BILOU")
            ]
            words = [token for token in tokens if token.text.strip()]  # as Tokenizer has no tokens of white space
            yield AnnotatedText(place, number, " ".join(token.text for token in tokens), spans, words)


def _objects(values: Any, place: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list unchanged; DataError for anything else."""
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise DataError(
            f"{place}: found {str(values)[:60]} where the JSON of spaCy 2 has a list of objects; write it again"
        )
    return values
