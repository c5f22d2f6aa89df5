"""Read JSON files of annotated texts, whose labels have character offsets: exports of annotation tools, and their kin.

This module finds the records of a file and the form that they have. What stands in a record is read by
annotation_records and label_studio, and span_alignment lays the spans over tokens.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from seqtag.corpora.formats.annotation_records import label_names, other_keys, read_record, record_kind, states_unit
from seqtag.corpora.formats.label_studio import label_studio_texts, people_of
from seqtag.corpora.formats.offset_units import Reading, counts_utf16, is_wide
from seqtag.corpora.formats.unread_forms import refuse_unread_record
from seqtag.corpora.json_text import RECORDS_ADVICE, checked_records, json_lines, parse_json
from seqtag.corpora.lines import numbered_lines, whole_text
from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, SpanRules
from seqtag.corpora.tagged_blocks import Part
from seqtag.errors import DataError, UsageError, near_miss

logger = logging.getLogger("seqtag")

Records: TypeAlias = Iterable[tuple[int, Any]]  # each after its line, or after its number in a JSON array

_LOOKED_AT = 1_000  # records among which one with spans is looked for, because it tells most about the form
_ANNOTATOR_KEYS = ("_annotator_id", "_session_id")  # of Prodigy


def annotation_part(
    path: str | os.PathLike[str], rules: SpanRules, *, text: str | None = None, marks: str | None = None
) -> Part | None:
    """Open a JSON file of annotated texts as a part of a corpus; None for a file of another kind, such as a table.

    A text of any length is one row. Texts that were rejected, ignored or never annotated are left out, which is
    logged. `text` and `marks` are the keys of the text and of its spans; in exports of Label Studio, the object and the
    labels that count.
    """
    name = os.fspath(path)
    records = _Records(name)
    kind = _kind(records, name, text, marks)
    return records_part(records, kind, name, rules, text=text, marks=marks) if kind else None


def records_part(
    records: Records, kind: str, name: str, rules: SpanRules, *, text: str | None = None, marks: str | None = None
) -> Part:
    """Make records of one form a part of a corpus, tagged in IOB2; `name` is their file."""
    account = SpanAccount(name, rules)
    if kind == "cluener" and rules.language != "zh":
        logger.warning(
            "%s: the form of CLUENER is for Chinese, so each character is a token; say language='zh', with which a "
            "model cuts new texts in the same way",
            name,
        )
    if kind == "label-studio":
        if rules.offsets == "utf-16":
            raise UsageError(
                f"{name}: an export of Label Studio counts characters, or states the words of its spans, which show "
                "what it counts; leave out offsets="
            )
        texts = label_studio_texts(records, name, account, text=text, control=marks)
    else:
        texts = _texts(records, name, account, text=text, marks=marks)
    return Part(name, "", account.blocks(texts), faults=account.faults, others=account.others)


def annotators_of(path: str | os.PathLike[str]) -> list[str]:
    """List the annotators that an export in JSON names, each once, in order of appearance; none where it names none.

    What comes out can be given to `load_corpus` as `annotator`.
    """
    name = os.fspath(path)
    people: dict[str, None] = {}
    for _, record in _Records(name):
        if isinstance(record, Mapping):
            said = [str(record[key]) for key in _ANNOTATOR_KEYS if record.get(key) is not None][:1]
            people.update(dict.fromkeys(said or people_of(record)))
    return list(people)


def _kind(records: Records, name: str, text: str | None, marks: str | None) -> str | None:
    """Tell the form of a file by the first record that has spans, otherwise by the first that has a form."""
    first: str | None = None
    is_empty = True
    for number, record in islice(records, _LOOKED_AT):
        is_empty = False
        refuse_unread_record(record, f"{name}:{number}")
        kind = record_kind(record, text=text, marks=marks)
        first = first or kind
        if kind == "label-studio" or (kind and has_marks(record)):
            return kind
        if kind is None and (not isinstance(record, Mapping) or _is_row(record)):
            break
    if is_empty:
        raise DataError(
            f"{name}: no record in the file; it should hold one record per line, or all records in one array"
        )
    return first


def has_marks(record: Any) -> bool:
    """Say whether there is a span in a record, so that its form is not to be doubted."""
    values = record[1].values() if isinstance(record, list) else record.values()
    return any(isinstance(mark, (list, Mapping)) for value in values if isinstance(value, list) for mark in value)


def _is_row(record: Mapping[str, Any]) -> bool:
    """Say whether a record is the row of a table with lists of tokens, tags or numbers."""
    return any(isinstance(value, list) and value and isinstance(value[0], (str, int)) for value in record.values())


def _texts(
    records: Records, name: str, account: SpanAccount, *, text: str | None, marks: str | None
) -> Iterator[AnnotatedText]:
    annotator = account.rules.annotator
    people: dict[str, None] = {}
    utf16 = counts_utf16(_readings(records, name, text=text, marks=marks), account.rules, name)
    for number, record in records:
        if isinstance(record, Mapping):
            names = [str(record[key]) for key in _ANNOTATOR_KEYS if record.get(key) is not None]
            people.update(dict.fromkeys(names))
            if record.get("answer", "accept") != "accept":
                account.note("rejected or ignored texts left out")
                continue
            if annotator is not None and annotator not in names:
                account.note("texts of other annotators left out")
                continue
        account.pass_over(other_keys(record, text=text, marks=marks))
        own = None if account.rules.offsets == "auto" and states_unit(record) else utf16
        for found in read_record(record, f"{name}:{number}", number, text=text, marks=marks, utf16=own):
            if found.annotated is None and label_names(record):
                account.note('texts whose "labels" lack labels of their spans, so all labels count as annotated there')
            yield found
    if annotator is not None and annotator not in people:
        raise UsageError(f"{name}: no annotation by {annotator!r}; {near_miss(annotator, people)}")


def _readings(records: Records, name: str, *, text: str | None, marks: str | None) -> Iterator[Reading]:
    """Give ways to read the records in which offsets may count UTF-16 units, and which don't say what they count."""
    if not any(is_wide(line) or "\\ud" in line.lower() for _, line in numbered_lines(name)):
        return
    for number, record in records:
        values = record.values() if isinstance(record, Mapping) else record
        if not states_unit(record) and any(isinstance(value, str) and is_wide(value) for value in values):
            yield partial(read_record, record, f"{name}:{number}", number, text=text, marks=marks)


class _Records:
    """The records of a JSON file, which can be gone through twice; an array stays in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        lines = [line for _, line in islice(((n, line) for n, line in numbered_lines(name) if line.strip()), 2)]
        first = lines[0].strip() if lines else ""
        try:
            value = parse_json(first, name, advice=RECORDS_ADVICE)
        except DataError:
            value = None
        # An array may have a line for each record, and lines may be arrays: spaCy's [text, {"entities": ...}].
        is_record = isinstance(value, dict) or record_kind(value) is not None
        self._array: list[Any] | None = None
        if value is not None and len(lines) == 1 and record_kind(value) is None:
            self._array = _records_of(value)
        elif not is_record and first[:1] in ("[", "{"):
            self._array = _records_of(parse_json(whole_text(name), name, advice=RECORDS_ADVICE))

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        records = json_lines(self.name) if self._array is None else enumerate(self._array, 1)
        return checked_records(records, self.name, lambda one: isinstance(one, dict) or record_kind(one) is not None)


def _records_of(content: Any) -> list[Any]:
    """Give the records of a whole file: an array of them, an object that holds one, or a single record."""
    return content if isinstance(content, list) else _list_within(content) or [content]


def _list_within(content: Any) -> list[Any] | None:
    """Give the list of records in an object with "annotations", as some tools write spaCy's form."""
    records = content.get("annotations") if isinstance(content, dict) and record_kind(content) is None else None
    if not isinstance(records, list):
        return None
    records = [record for record in records if record is not None]  # a text that nobody looked at
    return records if all(record_kind(record) for record in records) else None
