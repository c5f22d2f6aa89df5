"""Read texts with the classes that they got in annotation tools: choices in Label Studio and Prodigy, cats of spaCy.

Where each text has exactly one class, it is the label of the text; otherwise texts have lists of labels. A rejected or
ignored text is left out, as is one that nobody looked at; the log says how many.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqtag.corpora.formats.annotation_records import ANNOTATION_KEYS
from seqtag.corpora.formats.label_studio import annotations_of
from seqtag.corpora.formats.spacy_docbins import other_layers, read_docs
from seqtag.corpora.formats.writers.spacy_docbins import CHOSEN
from seqtag.corpora.json_text import json_records
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledForm, LabelledPart
from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")

_LOOKED_AT = 100  # records among which one of these forms is looked for
_SURE = 0.5  # the least score of a class of a spaCy document that may have several

# The keys of a record that are read, beside its text.
_READ = {
    "label-studio": ("data", *ANNOTATION_KEYS),
    "prodigy": ("accept", "options", "answer", "_input_hash", "_task_hash"),
}

Classified = tuple[str, list[str], str]  # a text, its classes, and where it stands


def class_export_part(path: Path, text: str | None = None) -> LabelledPart | None:
    """Make an export of Label Studio or Prodigy a part of a corpus; None for a JSON file of another form.

    `text` is the key of the text, if it is not the only one or `text`.
    """
    records = (record for _, record in islice(json_records(path), _LOOKED_AT))
    kind = next((kind for record in records if (kind := _kind(record)) is not None), None)
    if kind is None:
        return None
    rows: list[Classified] = []
    others: dict[str, None] = {}
    num_left = 0
    for number, record in json_records(path):
        place = f"{path}:{number}"
        choices = _label_studio_choices(record) if kind == "label-studio" else _prodigy_choices(record)
        if choices is None:
            num_left += 1
        else:
            data = record.get("data") if kind == "label-studio" else record
            data = data if isinstance(data, Mapping) else {}
            key = _text_key(data, text, place)
            rows.append((str(data[key]), choices, place))
            read = {key, *_READ[kind]}
            others |= dict.fromkeys(each for each in (*data, *record) if each not in read)
    if num_left:
        logger.info("%s: texts that nobody answered, or that were rejected or ignored, left out: %d", path, num_left)
    return _part(str(path), rows, others)


def docbin_classes(path: Path) -> LabelledPart:
    """Make the documents of a DocBin a part of a corpus, with the classes in `doc.cats`.

    If the scores of each document add up to 1, its class is the one with the highest; otherwise its classes are those
    with a score of at least 0.5. In a file that `seqtag predict` wrote they are those that the model chose.
    """
    docs = read_docs(path)
    if bare := next((number for number, doc in enumerate(docs, 1) if not doc.cats), None):
        raise DataError(
            f"{path}: document {bare} has no classes (doc.cats); set them before writing the file, or read its "
            "entities with task='tag'"
        )
    is_exclusive = all(abs(sum(doc.cats.values()) - 1) < 0.01 for doc in docs)
    rows = []
    for number, doc in enumerate(docs, 1):
        best = max(doc.cats, key=doc.cats.__getitem__)
        found = [best] if is_exclusive else [label for label, score in doc.cats.items() if score >= _SURE]
        found = list(doc.user_data.get(CHOSEN, found))
        rows.append((doc.text, found, f"{path}, document {number}"))
    return _part(str(path), rows, other_layers(path, "cats"))


def _kind(record: Mapping[str, Any]) -> str | None:
    if isinstance(record.get("data"), Mapping) and any(key in record for key in ANNOTATION_KEYS):
        return "label-studio"
    return "prodigy" if isinstance(record.get("accept"), list) and isinstance(record.get("options"), list) else None


def _label_studio_choices(record: Mapping[str, Any]) -> list[str] | None:
    """Give the choices of a task: of the annotation marked as ground truth, otherwise of the last one."""
    found = [each for each in annotations_of(record) if isinstance(each, Mapping) and not each.get("was_cancelled")]
    if not found:
        return None
    chosen = ([each for each in found if each.get("ground_truth")] or found)[-1]
    results = [each for each in _list(chosen.get("result")) if isinstance(each, Mapping)]
    values = [each["value"] for each in results if isinstance(each.get("value"), Mapping)]
    return [str(choice) for value in values for choice in _list(value.get("choices"))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _prodigy_choices(record: Mapping[str, Any]) -> list[str] | None:
    if record.get("answer", "accept") != "accept":
        return None
    return [str(choice) for choice in _list(record.get("accept"))]


def _text_key(data: Mapping[str, Any], asked: str | None, place: str) -> str:
    strings = [key for key, value in data.items() if isinstance(value, str)]
    key = asked or ("text" if "text" in strings else strings[0] if len(strings) == 1 else None)
    if key not in strings:
        found = ", ".join(strings) or "none"
        raise UsageError(f"{place}: which string is the text is not clear (found: {found}); name it: FILE:text=KEY")
    return str(key)


def _part(origin: str, rows: list[Classified], others: Iterable[str]) -> LabelledPart:
    is_single = all(len(classes) == 1 for _, classes, _ in rows)

    def blocks() -> Iterator[LabelledBlock]:
        if rows:
            texts, classes, places = zip(*rows)
            labels = [one for (one,) in classes] if is_single else pa.array(classes, pa.list_(pa.string()))
            yield LabelledBlock(list(texts), labels, places.__getitem__)

    return LabelledPart(origin, blocks(), LabelledForm(several=not is_single), others=others)
