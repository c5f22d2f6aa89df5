"""Apply suspects that were ticked to a corpus: a corrected copy, or tasks with predictions for an annotation tool.

A file of ticks is JSON with a list `suspects`, as the page of suspects saves it. The JSON of a whole report has such a
list too, but nobody has looked at it, so it is refused. What a tick says of a row is compared with the row before
anything is changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, Features
from datasets import Sequence as ListOf

from seqtag.corpora.conversion import Corpus, documents
from seqtag.corpora.formats.writers.documents import About, Document
from seqtag.corpora.json_text import parse_json
from seqtag.corpora.labelled_drafts import label_names, ordered_classes
from seqtag.corpora.lines import open_bytes
from seqtag.corpora.tag_normalising import carried_scheme, carried_spelling, carrying, ordered_names
from seqtag.curation.suspect_report import Suspect, place_of
from seqtag.curation.suspects import known_spans, unknown_tokens
from seqtag.errors import DataError
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import UNKNOWN_TAG, Span, tags_from_spans

_ADVICE = "give the file that the page of `seqtag suspects --html` saves"
_STALE = "the corpus has changed since, or is another one; run `seqtag suspects` on it again"


@dataclass(frozen=True, slots=True)
class Correction:
    """What a row of a corpus has, and what it is to have in its place; spans count tokens, as in `Suspect`."""

    kind: str
    split: str
    row: int  # in the split, from 0
    gold: tuple[Span, ...]
    proposed: tuple[Span, ...]

    @classmethod
    def of(cls, suspect: Suspect) -> "Correction":
        """Take the proposal of a suspect."""
        return cls(suspect.kind, suspect.split, suspect.row, suspect.gold, suspect.proposed)


def read_corrections(path: str | Path) -> list[Correction]:
    """Read a file of ticks; DataError, which names the place, for a file that is none."""
    with open_bytes(path) as handle:
        content = handle.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not JSON: byte {error.start + 1} is not UTF-8; {_ADVICE}") from None
    stored: Any = parse_json(text, str(path), advice=_ADVICE)
    if not isinstance(stored, dict) or not isinstance(stored.get("suspects"), list):
        raise DataError(f"{path}: JSON, but without a list `suspects`; {_ADVICE}")
    if "least" in stored:
        raise DataError(
            f"{path}: is a whole report, in which nobody has said which suspects are right; {_ADVICE}, or a list "
            "`suspects` of those that are"
        )
    return [_read_one(each, f"{path}: suspect {number}") for number, each in enumerate(stored["suspects"], 1)]


def _read_one(stored: Any, where: str) -> Correction:
    if not isinstance(stored, dict):
        raise DataError(f"{where}: {stored!r:.60} is no object; {_ADVICE}")
    kind, split, row = stored.get("kind", ""), stored.get("split"), stored.get("row")
    if not isinstance(kind, str) or not isinstance(split, str) or isinstance(row, bool) or not isinstance(row, int):
        raise DataError(f"{where}: split is {split!r:.60} and row {row!r:.60}, not a name and a number; {_ADVICE}")
    sides = (tuple(_read_span(each, where) for each in _list(stored.get(side), where)) for side in ("gold", "proposed"))
    return Correction(kind, split, row, *sides)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"{where}: `gold` and `proposed` must be lists of spans, found {value!r:.60}; {_ADVICE}")
    return value


def _read_span(stored: Any, where: str) -> Span:
    names = {"start": int, "end": int, "label": str, "text": str}
    values: dict[str, Any] = {name: stored.get(name) for name in names} if isinstance(stored, Mapping) else {}
    if not values or not all(type(values[name]) is kind for name, kind in names.items()):
        raise DataError(f"{where}: {stored!r:.80} is no span with start, end, label and text; {_ADVICE}")
    score = stored.get("score")
    return Span(**values, score=score if isinstance(score, float) else None)


def corrected(corpus: Corpus, corrections: Sequence[Correction]) -> Corpus:
    """Give a copy of a corpus with corrections; DataError where a row is not what a correction says that it is.

    Unknown tags stay unknown where no proposal stands.
    """
    by_split: dict[str, dict[int, list[Correction]]] = {name: defaultdict(list) for name in corpus.splits}
    for each in corrections:
        where = place_of(each.split, each.row, corpus.about.task)
        if each.split not in by_split:
            raise DataError(f"{where}: the splits of the corpus are {', '.join(by_split)}; {_STALE}")
        if not 0 <= each.row < len(corpus.splits[each.split]):
            raise DataError(f"{where}: the split has {len(corpus.splits[each.split]):,} rows; {_STALE}")
        by_split[each.split][each.row].append(each)
    is_tagged = corpus.about.task == "tag"
    names = _with_new(corpus.about, corrections)
    splits = DatasetDict()
    labels: dict[str, list[Any]] = {}
    for name, rows in corpus.splits.items():
        labels[name] = (_tags if is_tagged else _classes)(rows, by_split[name], name)
    column = "tags" if is_tagged else "labels" if corpus.about.is_multi else "label"
    known = next(iter(corpus.splits.values())).features[column]
    known = known if column == "label" else known.feature
    used = {one for rows in labels.values() for row in rows for one in (row if column != "label" else [row])}
    ordered = known.names
    if used - set(known.names):
        ordered = (ordered_names if is_tagged else ordered_classes)(used.union(known.names) - {UNKNOWN_TAG})
        ordered += [UNKNOWN_TAG] * (UNKNOWN_TAG in known.names)
    for name, rows in corpus.splits.items():
        splits[name] = _relabelled(rows, column, labels[name], ordered)
    return replace(corpus, splits=splits, about=replace(corpus.about, labels=names))


def _with_new(about: About, corrections: Sequence[Correction]) -> list[str]:
    proposed = {span.label for each in corrections for span in each.proposed}
    return [*about.labels, *sorted(proposed - set(about.labels))]


def _tags(rows: Dataset, chosen: Mapping[int, Sequence[Correction]], split: str) -> list[Any]:
    names, scheme = rows.features["tags"].feature.names, str(carried_scheme(rows))
    tags = [[names[number] for number in row] for row in rows["tags"][:]]
    for row, corrections in chosen.items():
        where = place_of(split, row, "tag")
        tokens, before = rows[row]["tokens"], tags[row]
        spans = known_spans(before, scheme)
        for each in corrections:
            _check_words(each, tokens, where)
            for span in each.gold:
                place = Span(span.start, span.end, span.label)
                if place not in spans:
                    raise DataError(f"{where}: {span.text!r} is no {span.label} there; {_STALE}")
                spans.remove(place)
        spans += [Span(span.start, span.end, span.label) for each in corrections for span in each.proposed]
        tags[row] = _written(spans, before, scheme, where)
    return tags


def _written(spans: Sequence[Span], before: Sequence[str], scheme: str, where: str) -> list[str]:
    covered = {at for span in spans for at in range(span.start, span.end)}
    unknown = unknown_tokens(before, scheme) - covered
    if scheme == "plain":
        spans = [*spans, *(Span(at, at + 1, UNKNOWN_TAG) for at in unknown)]
    try:
        after = tags_from_spans(spans, len(before), scheme)
    except DataError as error:
        raise DataError(
            f"{where}: its corrections don't go together, or the corpus has changed since: {error}"
        ) from None
    return [old if at in unknown else tag for at, (old, tag) in enumerate(zip(before, after))]


def _check_words(correction: Correction, tokens: Sequence[str], where: str) -> None:
    for span in (*correction.gold, *correction.proposed):
        words = join_tokens(tokens[max(0, span.start) : span.end])[0]
        if not 0 <= span.start < span.end <= len(tokens) or words != span.text:
            raise DataError(f"{where}: tokens {span.start} to {span.end} are {words!r}, not {span.text!r}; {_STALE}")


def _classes(rows: Dataset, chosen: Mapping[int, Sequence[Correction]], split: str) -> list[Any]:
    labels = label_names(rows)
    for row, corrections in chosen.items():
        where = place_of(split, row, "classify")
        found = rows[row]
        text = found["text"] if "text" in found else join_tokens(found["tokens"])[0]
        is_multi = isinstance(labels[row], list)
        now = list(labels[row]) if is_multi else [labels[row]]
        for each in corrections:
            for span in (*each.gold, *each.proposed):
                if span.text is None or not text.startswith(span.text):
                    raise DataError(f"{where}: it begins with {text[:60]!r}, not with {span.text!r}; {_STALE}")
            for span in each.gold:
                if span.label not in now:
                    raise DataError(f"{where}: its label is {', '.join(now) or 'none'}, not {span.label}; {_STALE}")
                now.remove(span.label)
            now += [span.label for span in each.proposed if span.label not in now]
        if not is_multi and len(now) != 1:
            raise DataError(f"{where}: its corrections give it {len(now)} labels, and a text has one; {_ADVICE}")
        labels[row] = now if is_multi else now[0]
    return labels


def _relabelled(rows: Dataset, column: str, labels: Sequence[Any], names: Sequence[str]) -> Dataset:
    number = {name: place for place, name in enumerate(names)}
    kind = ClassLabel(names=list(names))
    features = Features(rows.features | {column: kind if column == "label" else ListOf(kind)})
    numbers = [number[row] if column == "label" else [number[one] for one in row] for row in labels]
    table = Dataset.from_dict(
        {name: numbers if name == column else rows[name][:] for name in rows.column_names}, features=features
    )
    scheme = carried_scheme(rows)
    return table if scheme is None else carrying(table, scheme, carried_spelling(rows))


def tasks(corpus: Corpus, corrections: Sequence[Correction]) -> Iterator[Document]:
    """Give each row that has corrections, with them, as a prediction for people to look at; the first correction first.

    Only what was proposed has a probability. The fields of a document say where it stands and what was suspected.
    """
    rows: dict[tuple[str, int], list[Correction]] = defaultdict(list)
    for each in corrections:
        rows[each.split, each.row].append(each)
    after = corrected(corpus, corrections)
    made = {
        (split, number): document
        for split in after.splits
        for number, document in enumerate(documents(after, split))
        if (split, number) in rows
    }
    for place, several in rows.items():
        fields = {
            "place": place_of(*place, corpus.about.task),
            "suspects": "; ".join(map(_described, several)),
        }
        proposed = [span for each in several for span in each.proposed]
        yield _predicted(replace(made[place], fields=fields), proposed, corpus.about)


def _described(correction: Correction) -> str:
    gold, proposed = (
        ", ".join(f"{span.label} {span.text!r}" for span in spans) or "nothing"
        for spans in (correction.gold, correction.proposed)
    )
    return f"{correction.kind}: {gold} -> {proposed}"


def _predicted(document: Document, proposed: Sequence[Span], about: About) -> Document:
    if about.task == "classify":
        scores = {span.label: span.score for span in proposed if span.score is not None}
        return document if about.is_multi else replace(document, scores=scores)
    score = {(span.start, span.end, span.label): span.score for span in proposed}
    spans = [replace(span, score=score.get((*document.token_span(span), span.label))) for span in document.spans]
    return replace(document, spans=spans)
