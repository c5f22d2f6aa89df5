"""Read the exports of Label Studio, JSON and JSON-MIN: whose annotation of a task counts, and of which of its texts.

Both can be told only by a look at all tasks, so a file is gone through twice. Regions are the marked spans; results of
other kinds, such as choices and ratings, are passed over.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqtag.corpora.formats.annotation_records import ANNOTATION_KEYS, checked_span, in_code_points, tokens_within
from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, same_words
from seqtag.errors import DataError, UsageError, near_miss

_LABELS = ("labels", "hypertextlabels")
# Keys that Label Studio adds to the data of a task in JSON-MIN.
_BOOKKEEPING = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")


@dataclass(frozen=True, slots=True)
class _Region:
    """A marked span, with the object that it lies in and the control that it was marked with."""

    owner: str | None  # `to_name`; None in JSON-MIN
    control: str | None  # `from_name`; in JSON-MIN the key
    value: Mapping[str, Any]

    @property
    def group(self) -> str | None:
        """What says in which text the span lies: the object, or the control if objects are not stated."""
        return self.control if self.owner is None else self.owner

    @property
    def labels(self) -> list[Any]:
        """Its labels: none if people marked it only."""
        return next((self.value[key] for key in _LABELS if isinstance(self.value.get(key), list)), []) or [""]

    def borders(self) -> tuple[Any, Any]:
        """Its start and its end; in a hypertext, the places are paths, and the offsets stand beside them."""
        offsets = self.value.get("globalOffsets")
        return tuple((offsets if isinstance(offsets, Mapping) else self.value).get(key) for key in ("start", "end"))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class _Task:
    """What one person made of a task."""

    texts: Mapping[str, str]  # the strings among its data
    regions: list[_Region]
    data: Mapping[str, Any]


Records = Iterable[tuple[int, Mapping[str, Any]]]


def label_studio_texts(
    records: Records, name: str, account: SpanAccount, *, text: str | None = None, control: str | None = None
) -> Iterator[AnnotatedText]:
    """Give the tasks that were annotated, each once; `records` can be gone through twice.

    Of several annotations of a task, the one marked as ground truth counts, otherwise the last that was not cancelled,
    or those of one annotator only. `text` names the object whose spans count, or the key of its text; `control` the
    labels that count. Raises UsageError for an unknown name, DataError if the spans lie in several texts.
    """
    annotator = account.rules.annotator
    superseded = _superseded(records, annotator)
    people: Counter[str] = Counter()
    strings: Counter[str] = Counter()
    groups: dict[str | None, Counter[str]] = {}  # object -> key -> regions whose words stand there
    controls: Counter[str] = Counter()
    for number, record in records:
        people.update(_people(record))
        task = (
            None
            if number in superseded
            else _task(record, annotator, f"{name}:{number}", SpanAccount(name, account.rules))
        )
        if task is None:
            continue
        strings.update(task.texts.keys())
        for region in task.regions:
            controls[str(region.control)] += 1
            if control in (None, region.control):
                agreeing = groups.setdefault(region.group, Counter())
                agreeing.update(key for key, content in task.texts.items() if _agrees(region, content))
    if annotator is not None and annotator not in people:
        raise UsageError(f"{name}: no annotation by {annotator!r}; {near_miss(annotator, people)}")
    if control is not None and control not in controls:
        raise UsageError(f"{name}: no labels named {control!r}; {near_miss(control, controls)}")
    keys = {group: _key_of(group, agreeing, strings) for group, agreeing in groups.items()}
    key = _chosen(keys, text, strings, name)
    wanted = {group for group, found in keys.items() if text in (None, group) or (text not in keys and found == key)}
    for number, record in records:
        place = f"{name}:{number}"
        if number in superseded:
            account.note("annotations left out, because the same task has a later one")
            continue
        task = _task(record, annotator, place, account)
        if task is None:
            continue
        if key not in task.texts:
            raise DataError(f"{place}: the task has no text {key!r} in its data; mend it or leave it out")
        content = task.texts[str(key)]
        read = {
            key,
            *ANNOTATION_KEYS,
            "data",
            *(region.control for region in task.regions),
            *["tokens"] * (key == "text"),
        }
        account.pass_over(each for each in (*task.data, *record) if each not in read)
        spans = []
        for region in task.regions:
            if region.group not in wanted or control not in (None, region.control):
                account.note("spans of other texts or labels left out")
                continue
            start, end = region.borders()
            for label in region.labels:
                if label == "":
                    account.note("regions without a label left out")
                else:
                    spans.append(
                        checked_span(start, end, label, region.value.get("text"), content, place, region.value)
                    )
        tokens = tokens_within(task.data, content, place) if key == "text" else None
        yield AnnotatedText(place, number, content, spans, tokens)


def _task(record: Mapping[str, Any], annotator: str | None, place: str, account: SpanAccount) -> _Task | None:
    """Give a task as one person annotated it; None if nobody did, or not the one who is asked for."""
    if not isinstance(record.get("data"), Mapping):
        texts = {key: value for key, value in record.items() if isinstance(value, str) and key not in _BOOKKEEPING}
        regions = [
            _Region(None, key, mark)
            for key, value in record.items()
            if isinstance(value, list)
            for mark in value
            if _is_region(mark)
        ]
        if annotator is None or annotator in _people(record):
            return _Task(texts, regions, record)
        account.note("tasks without an annotation that counts left out")
        return None
    for each in annotations_of(record):
        if not isinstance(each, Mapping):
            raise DataError(f"{place}: the annotation {each!r} is no object with a result; export the file again")
    annotations = [each for each in annotations_of(record) if not each.get("was_cancelled")]
    if annotator is None and len(annotations) > 1:
        account.note(
            "tasks with several annotations, of which the one marked ground_truth counts, otherwise the last "
            "(annotator= chooses)"
        )
    annotations = [each for each in annotations if annotator is None or annotator in _names(each.get("completed_by"))]
    if not annotations:
        account.note("tasks without an annotation that counts left out")
        return None
    chosen = ([each for each in annotations if each.get("ground_truth")] or annotations)[-1]
    regions = []
    results = chosen.get("result") or []
    for each in results if isinstance(results, list) else [results]:
        if not isinstance(each, Mapping):
            raise DataError(f"{place}: found {each!r} where an object with start and end is needed; export again")
        if each.get("type") == "paragraphlabels":
            raise DataError(f"{place}: spans in dialogues (paragraphlabels) are not read; export them as plain text")
        if _is_region(each.get("value")):
            owner, control = (None if each.get(key) is None else str(each[key]) for key in ("to_name", "from_name"))
            regions.append(_Region(owner, control, each["value"]))
        else:
            account.pass_over([f"results of the type {each.get('type')}"])
    data = record["data"]
    return _Task({key: value for key, value in data.items() if isinstance(value, str)}, regions, data)


def _is_region(value: Any) -> bool:
    return isinstance(value, Mapping) and "start" in value and any(key in value for key in _LABELS)


def annotations_of(record: Mapping[str, Any]) -> list[Any]:
    """Give what people made of a task; of a task that no one was given yet, what a model predicted."""
    was_given = any(key in record for key in ANNOTATION_KEYS[:2])
    keys = ANNOTATION_KEYS[:2] if was_given else ANNOTATION_KEYS
    found: Any = next((record[key] for key in keys if record.get(key)), [])
    return found if isinstance(found, list) else [found]


def _names(person: Any) -> set[str]:
    """Give what an annotator is called by: a number, an address, a name."""
    if isinstance(person, Mapping):
        return {str(person[key]) for key in ("id", "email", "username") if person.get(key) is not None}
    return set() if person is None else {str(person)}


def _people(record: Mapping[str, Any]) -> set[str]:
    if not isinstance(record.get("data"), Mapping):
        return _names(record.get("annotator"))
    annotations = [each for each in annotations_of(record) if isinstance(each, Mapping)]
    return {name for each in annotations for name in _names(each.get("completed_by"))}


def people_of(record: Mapping[str, Any]) -> list[str]:
    """Give one name for each annotator of a task, by which `annotator=` finds what is theirs; predictions have none."""
    if not isinstance(record.get("data"), Mapping):
        people = [record.get("annotator")]
    else:
        people = [each.get("completed_by") for each in annotations_of(record) if isinstance(each, Mapping)]
    found: dict[str, None] = {}
    for person in people:
        keys = ("email", "username", "id")
        named = (
            next((person[key] for key in keys if person.get(key) is not None), None)
            if (isinstance(person, Mapping))
            else person
        )
        if named is not None:
            found[str(named)] = None
    return list(found)


def _superseded(records: Records, annotator: str | None) -> set[int]:
    """Find the records of JSON-MIN whose task comes again: there each annotation of a task is a record."""
    last: dict[str, tuple[int, Any]] = {}
    found: set[int] = set()
    for number, record in records:
        if isinstance(record.get("data"), Mapping) or record.get("annotation_id") is None or record.get("id") is None:
            continue
        if annotator is not None and annotator not in _people(record):
            continue
        task, annotation = str(record["id"]), record["annotation_id"]
        if task in last and last[task][1] != annotation:
            found.add(last[task][0])
        last[task] = number, annotation
    return found


def _agrees(region: _Region, text: str) -> bool:
    words, (start, end) = region.value.get("text"), region.borders()
    if not isinstance(words, str) or not isinstance(start, int) or not isinstance(end, int):
        return False
    start, end = in_code_points(start, end, words, text)
    return same_words(text[start:end], words)


def _key_of(group: str | None, agreeing: Counter[str], strings: Counter[str]) -> str | None:
    """Give the key of the text in which the spans of an object lie; None if it can't be told."""
    if group is not None and group in strings:
        return group
    best = agreeing.most_common(2)
    if best and (len(best) == 1 or best[0][1] > best[1][1]):
        return best[0][0]
    return "text" if "text" in strings else next(iter(strings)) if len(strings) == 1 else None


def _chosen(keys: Mapping[str | None, str | None], asked: str | None, strings: Counter[str], name: str) -> str | None:
    """Give the key of the text that counts; UsageError or DataError, which name the texts, if it is not clear."""
    if asked is not None:
        key = keys.get(asked) or (asked if asked in strings else None)
        if key is None:
            raise UsageError(f"{name}: no text named {asked!r}; {near_miss(asked, [*filter(None, keys), *strings])}")
        return key
    found = set(keys.values()) or {_key_of(None, Counter(), strings)}
    if len(found) > 1:
        listed = ", ".join(map(repr, keys))
        raise DataError(
            f"{name}: the spans lie in several texts of a task ({listed}); name the one that counts: "
            f"{name}:token={next(iter(keys))}"
        )
    key = found.pop()
    if not strings and keys:
        raise DataError(f'{name}: no task has a text among its "data"; spans in other media are not read')
    if key is None and strings:
        raise DataError(
            f'{name}: "data" has {len(strings)} strings ({", ".join(strings)}), and the annotated one can\'t be told; '
            f"name it: {name}:token={next(iter(strings))}"
        )
    return key
