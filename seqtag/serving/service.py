"""The models behind their queues, and how they are asked; how bodies are read and answers written."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from seqtag.errors import SeqtagError, near_miss
from seqtag.inference.held_batch import KnownError
from seqtag.serving.batching import Batcher, QueueFullError
from seqtag.serving.collecting import Collector
from seqtag.serving.guard import RefusedError
from seqtag.serving.metrics import Metrics
from seqtag.serving.served_models import Answer, KnownRow, Row, ServedModel
from seqtag.serving.settings import Settings
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Tokenizer

BodyT = TypeVar("BodyT", bound=BaseModel)
ResultT = TypeVar("ResultT")

_MOST_FAULTS = 1_000  # of a body, that are listed to find the first one
_KIND = re.compile(r"^function-after\[|^list\[")
_EXPLAINING = 250_000  # characters that an explanation counts for while it waits: it reads a text many times
_LONGEST_NAME = 100  # of a field, or of what stands in its place, that is repeated in an answer


class Service:
    """The models behind their queues, and how they are asked."""

    def __init__(self, settings: Settings, models: dict[str, ServedModel], metrics: Metrics) -> None:
        self.settings, self.models, self.metrics = settings, models, metrics
        self.collector = None if settings.collect is None else Collector(settings.collect)
        self.is_ready = False
        self._tokenizers: dict[str, Tokenizer] = {}  # by language
        limits = settings.limits
        self.batchers: dict[str, Batcher[Row, Answer]] = {
            name: Batcher(
                self._counted(model),
                most=limits.batch_characters,
                most_waiting=limits.queue_characters,
                wait=limits.batch_wait,
                on_batch=metrics.batches.labels(name).observe,
            )
            for name, model in models.items()
        }

    def _counted(self, model: ServedModel) -> Callable[[Sequence[Row]], list[Answer]]:
        """Let a model answer, and count the tokens that it has read; only the model's thread counts."""

        def answer(rows: Sequence[Row]) -> list[Answer]:
            before = model.tokens
            found = model.answer(rows)
            self.metrics.tokens.labels(model.name).inc(model.tokens - before)
            return found

        return answer

    def model(self, name: str, *, goes_on: bool = False) -> ServedModel:
        """Find a model by its name: one that tags or classifies, or a language model, which goes on with a text."""
        if name not in self.models:
            shown = name[:_LONGEST_NAME]
            raise RefusedError(404, f"no model is called {shown!r}; there are: {', '.join(self.models)}", "model")
        model = self.models[name]
        if (model.task == "lm") != goes_on:
            what = (
                f"which knows no next symbols; ask POST /models/{name}/predict"
                if goes_on
                else f"which knows no tags or classes; ask POST /models/{name}/next"
            )
            raise RefusedError(422, f"{name} is a {model.kind}, {what}", "model")
        return model

    def tokenizer(self, name: str | None = None) -> Tokenizer:
        """Give what cuts texts for a model, or for the first tagger; the rules that fit most languages without one."""
        taggers = [model for model in self.models.values() if model.is_tagger]
        named = [self.models[name]] if name in self.models else taggers
        language = str(named[0].predictor.language or "xx") if named else "xx"
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(language)
        return self._tokenizers[language]

    async def ask(self, model: ServedModel, rows: Sequence[Row], field: str = "texts") -> list[Answer]:
        """Give a model's answers; RefusedError where they are too many, or come too late."""
        limits, name = self.settings.limits, model.name
        if len(rows) > limits.texts:
            raise RefusedError(
                422, f"{len(rows):,} rows, and at most {limits.texts:,} go into a request", "texts", field=field
            )
        cost = sum(map(cost_of, rows))
        if cost > limits.characters:
            most = f"{limits.characters:,}"
            raise RefusedError(
                422, f"{cost:,} characters, and at most {most} go into a request", "characters", field=field
            )
        batcher = self.batchers[name]
        try:
            found = await self._in_time(batcher.submit(rows, cost), field)
        except QueueFullError:
            raise RefusedError(429, "too much is waiting for this model; come again", "queue", retry_after=1) from None
        finally:
            self.metrics.waiting.labels(name).set(batcher.waiting)
        self.metrics.texts.labels(name).inc(len(rows))
        self.metrics.characters.labels(name).inc(cost)
        return found

    async def run(self, model: ServedModel, work: Callable[[], ResultT], field: str, cost: int = 0) -> ResultT:
        """Do some other work with a model, in its thread, which is the only one that may use it."""
        try:
            return await self._in_time(self.batchers[model.name].run(work, cost), field)
        except QueueFullError:
            raise RefusedError(429, "too much is waiting for this model; come again", "queue", retry_after=1) from None

    async def explain(self, model: ServedModel, row: Row, asked: Span | str | None, field: str) -> list[dict[str, Any]]:
        """Explain what a model found in a row; RefusedError where the row is too long, or too much is waiting."""
        most, cost = self.settings.limits.batch_characters, cost_of(row)
        if cost > most:
            raise RefusedError(
                422, f"{cost:,} characters, and at most {most:,} are explained at once", "characters", field=field
            )
        found = await self.run(model, partial(model.explain, row, asked), field, _EXPLAINING)
        self.metrics.texts.labels(model.name).inc()
        self.metrics.characters.labels(model.name).inc(cost)
        return found

    async def _in_time(self, answer: Coroutine[Any, Any, ResultT], field: str) -> ResultT:
        seconds = self.settings.limits.seconds
        try:
            return await asyncio.wait_for(answer, seconds)
        except asyncio.TimeoutError:
            raise RefusedError(503, f"no answer within {seconds:g} s", "timeout", retry_after=5) from None
        except SeqtagError as error:
            field = "known" if isinstance(error, KnownError) else field
            raise RefusedError(422, str(error), "model", field=field) from None


def cost_of(row: Row) -> int:
    """Say how many characters a row counts for; a token counts for one more than it has."""
    if isinstance(row, KnownRow):
        return cost_of(row.row)
    return len(row) if isinstance(row, str) else sum(map(len, row)) + len(row)


def check_known(model: ServedModel, is_known: object) -> None:
    """Refuse known spans for a model that finds none."""
    if is_known and not model.is_tagger:
        raise RefusedError(
            422, "known: spans are what a tagger finds; leave it out for a classifier", "body", field="known"
        )


def parsed(kind: type[BodyT], content: bytes | str) -> BodyT:
    """Read JSON as a body; RefusedError with the field that is at fault, and without what stood there."""
    try:
        return kind.model_validate_json(content, strict=True)
    except ValidationError as error:
        if error.error_count() > _MOST_FAULTS:
            raise RefusedError(422, f"more than {_MOST_FAULTS:,} things are wrong with the body", "body") from None
        first = error.errors(include_input=False, include_url=False)[0]
        # Where a field may be of two kinds, pydantic adds what it calls the kind.
        where = ".".join(str(part) for part in first["loc"] if not _KIND.search(str(part)))[:_LONGEST_NAME]
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            problem = f"unknown; {near_miss(where, kind.model_fields)}"
        raise RefusedError(422, f"{where + ': ' if where else ''}{problem}", "body", field=where or None) from None


def json_answer(content: Any) -> Response:
    """Write an answer as JSON."""
    return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), media_type="application/json")
