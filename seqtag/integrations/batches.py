"""Predict on batches of a table in any process: what Ray, Spark, datasets, Dask and Daft hand to their workers.

A `BatchPredictor` holds the name of a model and options. It is sent to workers as these few strings, and each process
loads the model once, when its first batch comes. How tables are cut up, moved and written is the cluster's business.
"""

import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtag.errors import DataError, ModelError, UsageError, near_miss
from seqtag.hub import find_model, hub_name
from seqtag.inference.known_spans import check_patterns
from seqtag.inference.patterns import Patterns
from seqtag.inference.tagging import PredictingTagger
from seqtag.inference.user_input import is_missing
from seqtag.model_files import parse_json
from seqtag.models.predictor import Predictor, load_predictor, refuse_series
from seqtag.text.characters import check_characters

if TYPE_CHECKING:
    from pyarrow import Field, Schema

    from seqtag.text.schemes import Span

logger = logging.getLogger("seqtag")

ON_ERROR = ("stop", "null", "drop")
_LONGEST_SHOWN = 40
_CONFIG = ("config.json",)


class BatchPredictor:
    """Adds the spans or the class of each text to a batch: a dict of columns, a pandas.DataFrame, or an Arrow table.

    What comes out is of the kind that went in, with the same rows in the same order and one or two columns more:

    - a tagger adds `output` ("spans"): a list of {start, end, label, score, text}. Offsets count the characters of a
      text; where the column holds lists of tokens, they count tokens, and `text` is null;
    - a classifier adds `output` ("label") and `output`_score; both are lists where a text may have several classes.

    `engine`, `device` and `threads` are those of `seqtag predict`. A cell that is no text and no list of tokens is an
    error: `on_error` stops with a message that names the row, keeps the row with nulls, or drops it. A model that
    changes on disk meanwhile is refused, since half of the answers would be of another model. `model` is a folder, or a
    name on the hub, which stands for the commit that it means now. `known` patterns and their `strength` are those of
    `Tagger.predict`.

    >>> predictor = BatchPredictor("models/ner", column="body", on_error="null")  # doctest: +SKIP
    >>> predictor({"body": ["Ada lives in Turin."]})["spans"][0][0]["label"]  # doctest: +SKIP
    'PER'
    """

    def __init__(
        self,
        model: str | Path,
        *,
        column: str = "text",
        output: str | None = None,
        engine: str = "auto",
        device: str = "cpu",
        threads: int = 1,
        on_error: str = "stop",
        known: Patterns | None = None,
        strength: float | None = None,
    ) -> None:
        if on_error not in ON_ERROR:
            raise UsageError(f"unknown on_error {on_error!r}; {near_miss(str(on_error), ON_ERROR)}")
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise UsageError(f"threads is {threads!r}; name the number of cores that one worker may use, 1 or more")
        check_patterns(known, strength)
        folder = find_model(model, files=_CONFIG)
        config = _config_of(folder)
        if b'"series"' in config and parse_json(folder / "config.json", config).get("series"):
            refuse_series(str(model))  # here, and not first in a worker
        # Workers may run in other folders, where a relative path leads nowhere, and a branch may go on while they load.
        name = None if folder == Path(model) else hub_name(model)
        self.model = os.path.abspath(model) if name is None else f"{name.repository}@{folder.name}"
        self.column, self.output, self.on_error = column, output, on_error
        self.engine, self.device, self.threads = engine, device, threads
        self.known, self.strength = known, strength
        self.fingerprint = _fingerprint(config)

    def __call__(self, batch: Any) -> Any:
        """Give a batch with its answers; raises DataError for a row that can't be read where `on_error` is "stop"."""
        table = _table_of(batch)
        if self.column not in table.names:
            raise UsageError(
                f"the batch has no column {self.column!r}; {near_miss(str(self.column), map(str, table.names))}"
            )
        if table.names.count(self.column) > 1:
            raise UsageError(f"the batch has several columns {self.column!r}; rename all but the one with the texts")
        fields = self._fields()
        if taken := [field.name for field in fields if field.name in table.names]:
            raise UsageError(f"the batch has a column {taken[0]!r} already; choose another name with output=")
        rows = list(map(_plain, table.cells(self.column)))
        faults = {i: fault for i, row in enumerate(rows) if (fault := _fault(row))}
        if faults and self.on_error == "stop":
            i, fault = next(iter(faults.items()))
            raise DataError(
                f"row {i} of a batch of {len(rows)}, counted from 0: the cell in the column {self.column!r} {fault}; "
                'mend it, or choose on_error="null" to keep such rows without an answer, on_error="drop" to leave '
                "them out"
            )
        kept = [i for i in range(len(rows)) if i not in faults]
        answers = self._answers([rows[i] for i in kept])
        if faults:
            logger.info("%d of %d rows of a batch hold no text (on_error=%s)", len(faults), len(rows), self.on_error)
            if self.on_error == "drop":
                table = table.taken(kept)
            else:
                places = {i: place for place, i in enumerate(kept)}
                answers = [[each[places[i]] if i in places else None for i in range(len(rows))] for each in answers]
        return table.with_columns(fields, answers)

    def schema(self, given: "Schema") -> "Schema":
        """Give the Arrow schema of the table that comes out, for that of the table that goes in."""
        for field in self._fields():
            given = given.append(field)
        return given

    def spark_schema(self, frame: Any = None) -> Any:
        """Give the StructType of what comes out of a Spark frame; without one, of a frame with the texts alone."""
        try:
            from pyspark.sql.types import StringType, StructField, StructType
        except ImportError:
            raise UsageError('pyspark is not installed; run: pip install "seqtag[spark]"') from None

        given = [StructField(self.column, StringType())] if frame is None else frame.schema.fields
        return StructType([*given, *(StructField(field.name, _spark_type(field.type)) for field in self._fields())])

    def for_spark(self) -> Callable[[Iterable[Any]], Iterator[Any]]:
        """Give the function for Spark's `mapInPandas` or `mapInArrow`; its schema is `spark_schema(frame)`."""
        return self._spark_batches

    def _spark_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        names = [field.name for field in self._fields()]
        for batch in batches:
            answered = self(batch)
            if isinstance(_table_of(answered), _Frame):
                # Spark asks whether a cell of pandas is None, and a missing cell of an Arrow column there is NA.
                objects = {name: answered[name].astype(object) for name in names}
                answered = answered.assign(
                    **{name: cells.where(cells.notna(), None) for name, cells in objects.items()}
                )
            yield answered

    def _model(self) -> Predictor:
        # A fork copies the locks of its parent, one of which another thread may have held at that moment.
        with _LOCKS.setdefault(os.getpid(), Lock()):
            return _load(os.getpid(), self.model, self.fingerprint, self.engine, self.device, self.threads)

    def _fields(self) -> list["Field"]:
        """Give the columns that are added."""
        import pyarrow as pa

        model = self._model()
        if isinstance(model, PredictingTagger):
            parts = [("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("score", pa.float64())]
            return [pa.field(self.output or "spans", pa.list_(pa.struct([*parts, ("text", pa.string())])))]
        kinds = {type(label) for label in model.class_set_.labels}
        label = {int: pa.int64(), bool: pa.bool_()}[kinds.pop()] if kinds in ({int}, {bool}) else pa.string()
        name, score = self.output or "label", pa.float64()
        if model.class_set_.is_multi:
            label, score = pa.list_(label), pa.list_(score)
        return [pa.field(name, label), pa.field(f"{name}_score", score)]

    def _answers(self, rows: Sequence[Any]) -> list[list[Any]]:
        """Give the cells of each column that is added."""
        model = self._model()
        with _torch_threads(self.threads):
            if isinstance(model, PredictingTagger):
                known: Any = {} if self.known is None else {"known": self.known, "strength": self.strength}
                texts = iter(model.predict_spans([row for row in rows if isinstance(row, str)], **known))
                lists = iter(model.predict_token_spans([row for row in rows if not isinstance(row, str)], **known))
                return [[list(map(_record, next(texts if isinstance(row, str) else lists))) for row in rows]]
            if self.known is not None:
                raise UsageError("known patterns are for spans, which a tagger finds; leave them out for a classifier")
            probability_NL = model.predict_proba(rows)
            labels = model.choose(probability_NL)
        index, several = model.class_set_.index, model.class_set_.is_multi
        of_rows = zip(labels if several else [[label] for label in labels], probability_NL.tolist())
        scores = [[probability_L[index[label]] for label in own] for own, probability_L in of_rows]
        return [labels, scores if several else [score for [score] in scores]]


def _record(span: "Span") -> dict[str, Any]:
    return {name: getattr(span, name) for name in ("start", "end", "label", "score", "text")}


def _spark_type(kind: Any) -> Any:
    """Give Spark's type for one of the Arrow types that are added."""
    import pyarrow as pa
    from pyspark.sql import types

    if pa.types.is_list(kind):
        return types.ArrayType(_spark_type(kind.value_type))
    if pa.types.is_struct(kind):
        return types.StructType([types.StructField(part.name, _spark_type(part.type)) for part in kind])
    named = {"int64": types.LongType, "double": types.DoubleType, "bool": types.BooleanType, "string": types.StringType}
    return named[str(kind)]()


# -- the model of a process -----------------------------------------------------------------------

_LOCKS: dict[int, Lock] = {}


@lru_cache(maxsize=4)
def _load(process: int, model: str, fingerprint: str, engine: str, device: str, threads: int) -> Predictor:
    """Load a model once per process, whichever copy of its BatchPredictor asks; refuse one that has changed."""
    now = _fingerprint(_config_of(find_model(model, files=_CONFIG)))
    if fingerprint and not now:
        raise UsageError(
            f"{model}: no model on the machine {socket.gethostname()}; each worker loads it by itself, so put it where "
            "all of them read it, or name one on the hub"
        )
    if fingerprint not in ("", now):
        raise ModelError(f"{model}: changed since this BatchPredictor was made; make a new one, for all rows anew")
    return load_predictor(model, device=device, engine=engine, threads=threads)


def _config_of(folder: Path) -> bytes:
    """Give config.json, which has a hash of each file of a model and so tells it from others; b"" where it is not."""
    try:
        return (folder / "config.json").read_bytes()
    except (OSError, ValueError):  # ValueError: a name that holds a null character
        return b""


def _fingerprint(config: bytes) -> str:
    return hashlib.sha256(config).hexdigest() if config else ""


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    """Let torch, where it is what predicts, use so many cores; an export was opened with its number of them."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else number
    if torch and before != number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if torch and before != number:
            torch.set_num_threads(before)


# -- the cells of texts ---------------------------------------------------------------------------


def _plain(cell: Any) -> Any:
    """Turn numpy's strings and arrays into Python's, which is what a tokeniser knows."""
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    return str(cell) if isinstance(cell, str) else list(cell) if isinstance(cell, tuple) else cell


def _fault(row: Any) -> str:
    """Say what is wrong with a cell; "" for a text or a list of tokens."""
    if is_missing(row):
        return f"holds no text, but {row!r}"
    tokens = [row] if isinstance(row, str) else row
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        shown = repr(row)[:_LONGEST_SHOWN]
        return f"holds {shown} ({type(row).__name__}), which is neither a text nor a list of tokens"
    try:
        joined = "".join(tokens)
        check_characters(joined, f"the text that begins with {joined[:_LONGEST_SHOWN]!a}")
    except DataError as error:
        return f"can't be read: {error}"
    return ""


# -- the kinds of tables --------------------------------------------------------------------------


class _Columns:
    """A dict of columns, each a numpy array or a list, as Ray and datasets give them."""

    def __init__(self, batch: Mapping[str, Any]) -> None:
        self.batch = batch
        self.names = list(batch)

    def cells(self, name: str) -> Iterable[Any]:
        cells: Iterable[Any] = self.batch[name]
        if isinstance(cells, str) or not isinstance(cells, Iterable):
            raise UsageError(
                f"the column {name!r} of the batch is no list of texts, but {cells!r:.40}; give a batch of one text as "
                f"{{{name!r}: [text]}}"
            )
        return cells

    def taken(self, rows: Sequence[int]) -> "_Columns":
        return _Columns({name: _taken(column, rows) for name, column in self.batch.items()})

    def with_columns(self, fields: Sequence["Field"], columns: Sequence[Sequence[Any]]) -> dict[str, Any]:
        in_numpy = any(isinstance(column, np.ndarray) for column in self.batch.values())
        added = {field.name: _array(cells) if in_numpy else cells for field, cells in zip(fields, columns)}
        return {**self.batch, **added}


class _Frame:
    """A pandas.DataFrame; the columns that are added are Arrow's, which keep their type where no row has a span."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        self.names = list(batch.columns)

    def cells(self, name: str) -> Iterable[Any]:
        cells: Iterable[Any] = self.batch[name].array
        return cells

    def taken(self, rows: Sequence[int]) -> "_Frame":
        return _Frame(self.batch.iloc[list(rows)])

    def with_columns(self, fields: Sequence["Field"], columns: Sequence[Sequence[Any]]) -> Any:
        import pandas as pd
        import pyarrow as pa

        added = {
            field.name: pd.Series(pa.array(cells, field.type), self.batch.index, pd.ArrowDtype(field.type))
            for field, cells in zip(fields, columns)
        }
        return self.batch.assign(**added)


class _ArrowTable:
    """A pyarrow.Table or RecordBatch."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        self.names = batch.schema.names

    def cells(self, name: str) -> Iterable[Any]:
        cells: Iterable[Any] = self.batch.column(name).to_pylist()
        return cells

    def taken(self, rows: Sequence[int]) -> "_ArrowTable":
        return _ArrowTable(self.batch.take(rows))

    def with_columns(self, fields: Sequence["Field"], columns: Sequence[Sequence[Any]]) -> Any:
        import pyarrow as pa

        table = self.batch
        for field, cells in zip(fields, columns):
            table = table.append_column(field, pa.array(cells, field.type))
        return table


def _table_of(batch: Any) -> _Columns | _Frame | _ArrowTable:
    if isinstance(batch, Mapping):
        return _Columns(batch)
    if hasattr(batch, "iloc") and hasattr(batch, "columns"):
        return _Frame(batch)
    if hasattr(batch, "append_column"):
        return _ArrowTable(batch)
    raise UsageError(
        f"a batch is a dict of columns, a pandas.DataFrame or an Arrow table, not {type(batch).__name__}; for lists of "
        "texts there are predict_spans and predict of the model itself"
    )


def _taken(column: Any, rows: Sequence[int]) -> Any:
    return column[list(rows)] if isinstance(column, np.ndarray) else [column[i] for i in rows]


def _array(cells: Sequence[Any]) -> np.ndarray:
    """Give a column of numbers as numbers, any other one as objects."""
    if cells and all(isinstance(cell, (bool, int, float)) for cell in cells):
        return np.array(cells)
    array = np.empty(len(cells), object)
    array[:] = cells
    return array
