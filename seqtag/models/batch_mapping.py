"""What a model adds to a batch of a dataset: the function that `Dataset.map` calls, and the types of its columns.

The types are given with the values, because `datasets` would take them from the first batch, in which all lists of
spans may be empty. Knows columns; the models predict.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqtag.errors import DataError, UsageError
from seqtag.inference.classifying import PredictingClassifier
from seqtag.inference.known_spans import check_patterns
from seqtag.inference.patterns import Patterns
from seqtag.inference.tagging import PredictingTagger
from seqtag.inference.user_input import is_missing
from seqtag.text.classes import ClassSet


def tag_batch(
    tagger: PredictingTagger[Any],
    batch: Mapping[str, Sequence[Any]],
    *,
    known: Patterns | None = None,
    strength: float | None = None,
) -> dict[str, list[Any]]:
    """Give the column `spans` for a batch with texts, and `predicted_tags` for one with tokens."""
    import pyarrow as pa

    check_patterns(known, strength)
    rules: dict[str, Any] = {"known": known, "strength": strength}
    if _column(batch, ("text", "tokens")) == "text":
        _check_new(batch, "spans")
        fields = {"start": pa.int64(), "end": pa.int64(), "label": pa.string(), "text": pa.string()}
        span = pa.struct({**fields, "score": pa.float64()})
        found = tagger.predict_spans(_cells(batch, "text"), **rules)
        return {"spans": _typed(([each.to_dict() for each in spans] for spans in found), pa.list_(span))}
    _check_new(batch, "predicted_tags")
    return {"predicted_tags": _typed(tagger.predict(_cells(batch, "tokens"), **rules), pa.list_(pa.string()))}


def classify_batch(
    classifier: PredictingClassifier, classes: ClassSet, batch: Mapping[str, Sequence[Any]]
) -> dict[str, list[Any]]:
    """Give the columns `predicted_label` and `score`; with several labels per text, lists of them."""
    import pyarrow as pa

    rows = _cells(batch, _column(batch, ("text", "tokens")))
    _check_new(batch, "predicted_label", "score")
    probability_NL = classifier.predict_proba(rows)
    chosen, columns = classifier.choose(probability_NL), classes.index
    if not classes.is_multi:
        scores = [float(row_L[columns[label]]) for label, row_L in zip(chosen, probability_NL)]
        return {"predicted_label": chosen, "score": scores}
    kind = pa.array(list(classes.labels)).type
    lists = [[float(row_L[columns[label]]) for label in labels] for labels, row_L in zip(chosen, probability_NL)]
    return {"predicted_label": _typed(chosen, pa.list_(kind)), "score": _typed(lists, pa.list_(pa.float64()))}


def _cells(batch: Mapping[str, Sequence[Any]], column: str) -> Sequence[Any]:
    """Give a column whose cells all hold something; DataError, by row, for a missing one."""
    cells = batch[column]
    for row, cell in enumerate(cells):
        if is_missing(cell):
            raise DataError(
                f"map_batch: row {row} of a batch of {len(cells)}, counted from 0: the cell in the column {column!r} "
                f"is {cell!r}; fill it, or leave such rows out: data.filter(lambda row: row[{column!r}] is not None)"
            )
    return cells


def _typed(values: Iterable[Any], kind: Any) -> list[Any]:
    import pyarrow as pa

    return [pa.scalar(value, type=kind) for value in values]


def _column(batch: Mapping[str, Sequence[Any]], names: Sequence[str]) -> str:
    """Find the column to read: the first of some names."""
    for name in names:
        if name in batch:
            return name
    raise UsageError(
        f"map_batch: there is no column {' or '.join(names)} among {', '.join(batch)}; rename the one to read: "
        f"data.rename_column(..., {names[0]!r})"
    )


def _check_new(batch: Mapping[str, Sequence[Any]], *names: str) -> None:
    """Raise UsageError where a column of the data would be lost."""
    for name in names:
        if name in batch:
            raise UsageError(
                f"map_batch: the data have a column {name!r} already, which would be lost; rename it or remove it: "
                f"data.rename_column({name!r}, ...)"
            )
