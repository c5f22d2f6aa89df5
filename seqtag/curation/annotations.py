"""Set what several annotators say of the same texts side by side, as arrays: the ground of agreement and of a vote.

Unknown tags (`?`) are missing. This module measures nothing.
"""

# A annotators, S rows (sentences or texts), N items (tokens or texts), L labels, U units that are drawn

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from datasets import Dataset

from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.tag_normalising import carried_scheme
from seqtag.corpora.tagged_drafts import documents_of
from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.counts import count_spans
from seqtag.reporting.escaping import shorten
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, detect_scheme, read_tag
from seqtag.text.tag_tables import SpanTable, TagTable, count_bigrams, offsets_of, read_spans

PARTLY = -2  # the code of a token outside of spans where only some labels were looked for: it may be any other
_MOST_SHOWN = 60  # characters of a text in a message

Text: TypeAlias = Sequence[str] | str  # the tokens of a sentence, or a text as it stands


@dataclass(frozen=True, eq=False)
class Annotations:
    """What A annotators say of the same texts."""

    task: str  # spans; tags, of which each token has one; or labels, of texts
    names: tuple[str, ...]  # of the annotators
    texts: Sequence[Text]
    origins: Sequence[tuple[int, int]]  # the annotator and the row from which each text was taken
    documents: Sequence[int | str] | None  # of each text; None where the data have none
    scheme: str | None  # that of the tags, or IOB2 where the annotators' schemes differ; None for texts
    categories: tuple[str, ...]  # what a token or text may be; O comes first for spans
    labels: tuple[str, ...]  # the categories, but for O; of texts with several labels each of these
    codes_AN: np.ndarray  # numbers into `categories`; -1 is unknown, PARTLY partly
    row_N: np.ndarray  # the text that each token stands in
    spans: tuple[SpanTable, ...] = ()  # of each annotator
    scope_ASL: np.ndarray | None = None  # bool: which labels an annotator looked for in a text; None for all
    annotated: Sequence[Sequence[str] | None] | None = None  # these labels by text, where all looked for the same ones
    holds_ANL: np.ndarray | None = None  # bool: the labels of texts

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where each text begins among the items, and where the last one ends, (S + 1,)."""
        return offsets_of(np.bincount(self.row_N, minlength=len(self.texts)))

    @property
    def unit(self) -> str:
        """What is resampled: documents where the data have them, else sentences or texts."""
        return "documents" if self.documents is not None else "texts" if self.task == "labels" else "sentences"

    @cached_property
    def unit_of_row(self) -> np.ndarray:
        """The number of the unit that each text belongs to."""
        if self.documents is None:
            return np.arange(len(self.texts))
        numbers: dict[int | str, int] = {}
        return np.array([numbers.setdefault(name, len(numbers)) for name in self.documents], np.int64)

    @cached_property
    def num_units(self) -> int:
        """How many documents, sentences or texts there are to draw from."""
        return int(self.unit_of_row.max(initial=-1)) + 1

    @cached_property
    def unit_of_item(self) -> np.ndarray:
        """The unit that each item belongs to."""
        units_N: np.ndarray = self.unit_of_row[self.row_N]
        return units_N

    def by_label(self, number: int) -> np.ndarray:
        """Say whether an item is of one label: 1, or 0, or -1 where that is not known, (A, N)."""
        if self.holds_ANL is not None:
            return np.where(self.codes_AN < 0, -1, self.holds_ANL[:, :, number].astype(np.int8))
        wanted = number + (self.task == "spans")
        codes = np.where(self.codes_AN < 0, -1, (self.codes_AN == wanted).astype(np.int8))
        if self.scope_ASL is not None:
            codes[(self.codes_AN == PARTLY) & self.scope_ASL[:, self.row_N, number]] = 0
        return codes

    def counts(self, first: int, second: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count by unit and label what two annotators both have, and what each of them has, where both looked."""
        if self.task == "spans":
            left, right = (
                self.spans[here].chosen(self._are_known(self.spans[here], first, second)) for here in (first, second)
            )
            found = count_spans(left, right)
            place = [self.labels.index(str(label)) for label in found.labels]
            arrays = (found.right_SL, found.gold_SL, found.predicted_SL)
        else:
            known_N = np.all(self.codes_AN[[first, second]] >= 0, axis=0)
            left_NL, right_NL = (self._holds(each) & known_N[:, None] for each in (first, second))
            arrays = (self._by_row(left_NL & right_NL), self._by_row(left_NL), self._by_row(right_NL))
            place = list(range(len(self.labels)))
        sums = []
        for array in arrays:
            whole = np.zeros((self.num_units, len(self.labels)), np.int64)
            wide = np.zeros((len(self.texts), len(self.labels)), np.int64)
            wide[:, place] = array
            np.add.at(whole, self.unit_of_row, wide)
            sums.append(whole)
        return sums[0], sums[1], sums[2]

    def knows(self, annotator: int, row: int, start: int, end: int, labels: Iterable[str]) -> bool:
        """Say whether an annotator knows the tokens from `start` to `end` of a text, for spans of some labels."""
        first = int(self.offsets[row])
        if np.any(self.codes_AN[annotator, first + start : first + end] == -1):
            return False
        scope_ASL = self.scope_ASL
        return scope_ASL is None or all(scope_ASL[annotator, row, self.labels.index(label)] for label in labels)

    def _holds(self, annotator: int) -> np.ndarray:
        if self.holds_ANL is None:
            holds_NL: np.ndarray = self.codes_AN[annotator][:, None] == np.arange(len(self.labels))
        else:
            holds_NL = self.holds_ANL[annotator]
        return holds_NL

    def _by_row(self, holds_NL: np.ndarray) -> np.ndarray:
        sums_SL = np.zeros((len(self.texts), holds_NL.shape[1]), np.int64)
        np.add.at(sums_SL, self.row_N, holds_NL)
        return sums_SL

    def _are_known(self, spans: SpanTable, first: int, second: int) -> np.ndarray:
        """Say of which spans both annotators know whether they are there: none holds or touches an unknown tag."""
        unknown_N = (self.codes_AN[[first, second]] == -1).any(0)
        before = np.concatenate(([0], np.cumsum(unknown_N)))
        row_K = spans.sentences
        low = np.maximum(spans.starts_K - 1, self.offsets[row_K])
        high = np.minimum(spans.ends_K + 1, self.offsets[row_K + 1])
        known_K: np.ndarray = before[high] == before[low]
        if self.scope_ASL is not None:
            label_K = spans.renumbered({label: number for number, label in enumerate(self.labels)})
            known_K &= self.scope_ASL[[first, second]][:, row_K, label_K].all(0)
        return known_K


def side_by_side(annotators: Mapping[str, Dataset], *, by_text: bool = False) -> Annotations:
    """Set the corpora of annotators side by side: a name and a split, as `load_corpus` gives it, for each of them.

    All have the same texts in the same order. With `by_text`, as for the annotators of one export, of whom each may
    have had a part of the texts, what one did not annotate is unknown. Raises DataError, with both versions, for the
    first text that differs, and for plain tags beside entity tags; UsageError for fewer than two annotators.
    """
    if not isinstance(annotators, Mapping) or not all(isinstance(rows, Dataset) for rows in annotators.values()):
        raise UsageError(
            "the annotators are names with a dataset each: "
            '{"ada": load_corpus("ada.conll", split="train"), "bo": load_corpus("bo.conll", split="train")}'
        )
    if len(annotators) < 2:
        raise UsageError(f"there is {len(annotators)} annotator; agreement needs two or more")
    columns = {name: set(rows.column_names) for name, rows in annotators.items()}
    tasks = {"tags" in found for found in columns.values()}
    if len(tasks) > 1:
        raise UsageError("some annotators have tags and others have labels of texts; give corpora of one task")
    texts = [_texts(rows) for rows in annotators.values()]
    places = _places(list(annotators), texts, by_text=by_text)
    if not places[0]:
        raise DataError("there are no texts to compare; give corpora with at least one")
    origins = [
        next((annotator, row) for annotator, row in enumerate(found) if row is not None) for found in zip(*places)
    ]
    shared: dict[str, Any] = {
        "names": tuple(annotators),
        "texts": [texts[annotator][row] for annotator, row in origins],
        "origins": origins,
    }
    tables = list(annotators.values())
    return (_tagged if tasks == {True} else _labelled)(tables, places, shared)


# -- texts -------------------------------------------------------------------------------------------------------------

Places: TypeAlias = list[list[int | None]]  # for each annotator the row of each text; None: not annotated


def _texts(rows: Dataset) -> list[Any]:
    column = "text" if "text" in rows.column_names and "tags" not in rows.column_names else "tokens"
    found: list[Any] = rows[column][:]
    return found


def _places(names: Sequence[str], texts: Sequence[Sequence[Text]], *, by_text: bool) -> Places:
    if not by_text:
        for name, found in zip(names[1:], texts[1:]):
            _check_same(names[0], texts[0], name, found)
        return [list(range(len(texts[0]))) for _ in names]
    # A text that stands there twice is told apart by how often it came before.
    numbers: list[dict[tuple[Any, int], int]] = []
    for found in texts:
        seen: Counter[Any] = Counter()
        numbers.append({})
        for row, text in enumerate(found):
            key = text if isinstance(text, str) else tuple(text)
            numbers[-1][key, seen[key]] = row
            seen[key] += 1
    keys = dict.fromkeys(key for rows in numbers for key in rows)
    return [[rows.get(key) for key in keys] for rows in numbers]


def _check_same(first: str, ours: Sequence[Text], second: str, theirs: Sequence[Text]) -> None:
    remedy = "annotators are compared on the same texts in the same order, cut into the same tokens"
    noun = "text" if ours and isinstance(ours[0], str) else "sentence"
    for number, (left, right) in enumerate(zip(ours, theirs), 1):
        if left != right:
            a, b = _shown_apart(left, right)
            raise DataError(f"{noun} {number:,} differs: {first} has {a}, {second} has {b}; {remedy}")
    if len(ours) != len(theirs):
        more, fewer = (first, second) if len(ours) > len(theirs) else (second, first)
        number = min(len(ours), len(theirs))
        text = max((ours, theirs), key=len)[number]
        raise DataError(
            f"{noun} {number + 1:,} is in {more} only: {shorten(_joined(text), _MOST_SHOWN)!r}; {first} has "
            f"{len(ours):,} and {second} {len(theirs):,}, and {fewer} has no more; {remedy}"
        )


def _shown_apart(left: Text, right: Text) -> tuple[str, str]:
    """Write two versions of a text, cut down to where they begin to differ."""
    if not isinstance(left, str) and not isinstance(right, str):
        at = next((n for n, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
        cut = [" | ".join(tokens[max(0, at - 2) : at + 4]) for tokens in (left, right)]
        where = [f" (token {at + 1} of {len(tokens)})" for tokens in (left, right)]
        return f"{shorten(cut[0], _MOST_SHOWN)!r}{where[0]}", f"{shorten(cut[1], _MOST_SHOWN)!r}{where[1]}"
    a, b = _joined(left), _joined(right)
    at = next((n for n, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), min(len(a), len(b)))
    start = max(0, at - 20)
    return f"{shorten(a[start:], _MOST_SHOWN)!r}", f"{shorten(b[start:], _MOST_SHOWN)!r}"


def _joined(text: Text) -> str:
    return text if isinstance(text, str) else join_tokens(text)[0]


# -- tags and labels ---------------------------------------------------------------------------------------------------


def _tagged(tables: Sequence[Dataset], places: Places, shared: dict[str, Any]) -> Annotations:
    lengths = [len(tokens) for tokens in shared["texts"]]
    offsets = offsets_of(lengths)
    tags = [_tags(rows) for rows in tables]
    schemes = [_scheme(rows, found) for rows, found in zip(tables, tags)]
    if "plain" in schemes and set(schemes) != {"plain"}:
        at, other = schemes.index("plain"), next(n for n, scheme in enumerate(schemes) if scheme != "plain")
        names = shared["names"]
        raise DataError(
            f"{names[at]} has plain tags and {names[other]} entity tags ({schemes[other]}); are the columns the right "
            "ones? name them: FILE:tag=3"
        )
    numbers: dict[str, int] = {UNKNOWN_TAG: 0}
    placed = [
        [[UNKNOWN_TAG] * length if row is None else found[row] for row, length in zip(rows, lengths)]
        for rows, found in zip(places, tags)
    ]
    tagged = [TagTable.of(each, numbers) for each in placed]
    is_plain = schemes[0] == "plain"
    names = list(numbers)
    cut = [("", "") if name == UNKNOWN_TAG else ("S", name) if is_plain else read_tag(name) for name in names]
    labels = sorted({label for letter, label in cut if letter not in ("", "O")})
    categories = labels if is_plain else ["O", *labels]
    code_of = np.array([-1 if not letter else categories.index(label or "O") for letter, label in cut])
    codes_AN = np.stack([code_of[table.tags_N] for table in tagged])
    row_N = np.repeat(np.arange(len(lengths)), lengths)
    looked_for = [] if is_plain else _looked_for(tables, places)
    scope_ASL = _scope(looked_for, labels) if looked_for else None
    if scope_ASL is not None:
        # Where only some labels were looked for, a token outside may be any of the others.
        is_part_AS = np.array([[found is not None for found in rows] for rows in looked_for])
        codes_AN[(codes_AN == 0) & is_part_AS[:, row_N]] = PARTLY
    return Annotations(
        task="tags" if is_plain else "spans",
        documents=_documents(tables, shared["origins"]),
        scheme=schemes[0] if len(set(schemes)) == 1 else "IOB2",
        categories=tuple(categories),
        labels=tuple(labels),
        codes_AN=codes_AN,
        row_N=row_N,
        spans=() if is_plain else tuple(read_spans(table.tags_N, offsets, cut) for table in tagged),
        scope_ASL=scope_ASL,
        annotated=looked_for[0] if looked_for and all(each == looked_for[0] for each in looked_for) else None,
        **shared,
    )


def _tags(rows: Dataset) -> list[list[str]]:
    feature = rows.features["tags"].feature
    names = getattr(feature, "names", None)
    found: list[Any] = rows["tags"][:]
    return found if names is None else [[names[number] for number in numbers] for numbers in found]


def _scheme(rows: Dataset, tags: Sequence[Sequence[str]]) -> str:
    """Name the scheme of the tags, but for unknown ones."""
    table = TagTable.of(tags)
    carried = carried_scheme(rows)
    if carried is not None and (carried != "plain" or UNKNOWN_TAG not in table.names):
        return carried
    bigrams = count_bigrams(table.tags_N, table.offsets, table.names)
    return detect_scheme({pair: count for pair, count in bigrams.items() if UNKNOWN_TAG not in pair})


def _looked_for(tables: Sequence[Dataset], places: Places) -> list[list[Sequence[str] | None]]:
    """Give for each annotator and text the labels that were annotated, None for all; nothing where all were always."""
    if not any(ANNOTATED in rows.column_names for rows in tables):
        return []
    found: list[list[Sequence[str] | None]] = []
    for rows, place in zip(tables, places):
        column: list[Any] = rows[ANNOTATED][:] if ANNOTATED in rows.column_names else [None] * len(rows)
        found.append([None if row is None or column[row] is None else sorted(column[row]) for row in place])
    return found


def _scope(looked_for: Sequence[Sequence[Sequence[str] | None]], labels: Sequence[str]) -> np.ndarray:
    scope = [[[found is None or label in found for label in labels] for found in rows] for rows in looked_for]
    return np.array(scope, bool).reshape(len(looked_for), len(looked_for[0]), len(labels))


def _documents(tables: Sequence[Dataset], origins: Sequence[tuple[int, int]]) -> list[int | str] | None:
    found = [documents_of(rows) for rows in tables]
    if any(found[annotator] is None for annotator, _ in origins):
        return None
    named = [found[annotator][row] for annotator, row in origins]  # type: ignore[index]
    return named if len(set(named)) > 1 else None


def _labelled(tables: Sequence[Dataset], places: Places, shared: dict[str, Any]) -> Annotations:
    are_several = {"labels" in rows.column_names for rows in tables}
    if len(are_several) > 1:
        raise DataError("some annotators have lists of labels and others one label per text; mend either")
    is_multi = are_several == {True}
    found = [[(name if is_multi else [name]) for name in label_names(rows)] for rows in tables]
    labels = sorted({label for rows in found for names in rows for label in names})
    number_of = {label: number for number, label in enumerate(labels)}
    sets: dict[tuple[str, ...], int] = {} if is_multi else {(label,): number for label, number in number_of.items()}
    num_texts = len(places[0])
    codes_AN = np.full((len(tables), num_texts), -1)
    holds_ANL = np.zeros((len(tables), num_texts, len(labels)), bool)
    for annotator, (rows, names_of_row) in enumerate(zip(places, found)):
        for number, row in enumerate(rows):
            if row is not None:
                names = tuple(sorted(names_of_row[row]))
                codes_AN[annotator, number] = sets.setdefault(names, len(sets))
                holds_ANL[annotator, number, [number_of[name] for name in names]] = True
    return Annotations(
        task="labels",
        documents=None,
        scheme=None,
        categories=tuple(", ".join(names) or "(none)" for names in sets),
        labels=tuple(labels),
        codes_AN=codes_AN,
        row_N=np.arange(num_texts),
        holds_ANL=holds_ANL if is_multi else None,
        **shared,
    )
