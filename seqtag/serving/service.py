"""The models behind their queues, and how they are asked; how bodies are read and answers written."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from seqtag.errors import SeqtagError, near_miss
from seqtag.serving.batching import Batcher, QueueFullError
from seqtag.serving.collecting import Collector
from seqtag.serving.guard import RefusedError
from seqtag.serving.metrics import Metrics
from seqtag.serving.served_models import Answer, Row, ServedModel
from seqtag.serving.settings import Settings

BodyT = TypeVar("BodyT", bound=BaseModel)


class Service:
    """The models behind their queues, and how they are asked."""

    def __init__(self, settings: Settings, models: dict[str, ServedModel], metrics: Metrics) -> None:
        self.settings, self.models, self.metrics = settings, models, metrics
        self.collector = None if settings.collect is None else Collector(settings.collect)
        self.is_ready = False
        limits = settings.limits
        self.batchers: dict[str, Batcher[Row, Answer]] = {
            name: Batcher(
                model.answer,
                most=limits.batch_characters,
                most_waiting=limits.queue_characters,
                wait=limits.batch_wait,
                on_batch=metrics.batches.labels(name).observe,
            )
            for name, model in models.items()
        }

    def model(self, name: str) -> ServedModel:
        """Find a model by its name."""
        if name not in self.models:
            raise RefusedError(404, f"no model is called {name!r}; there are: {', '.join(self.models)}", "model")
        return self.models[name]

    async def ask(self, model: ServedModel, rows: Sequence[Row], field: str = "texts") -> list[Answer]:
        """Give a model's answers; RefusedError where they are too many, or come too late."""
        limits, name = self.settings.limits, model.name
        if len(rows) > limits.texts:
            raise RefusedError(
                422, f"{len(rows):,} rows, and at most {limits.texts:,} go into a request", "texts", field=field
            )
        cost = sum(len(row) if isinstance(row, str) else sum(map(len, row)) + len(row) for row in rows)
        if cost > limits.characters:
            most = f"{limits.characters:,}"
            raise RefusedError(
                422, f"{cost:,} characters, and at most {most} go into a request", "characters", field=field
            )
        batcher, before = self.batchers[name], model.tokens
        try:
            found = await asyncio.wait_for(batcher.submit(rows, cost), limits.seconds)
        except QueueFullError:
            raise RefusedError(429, "too much is waiting for this model; come again", "queue", retry_after=1) from None
        except asyncio.TimeoutError:
            raise RefusedError(503, f"no answer within {limits.seconds:g} s", "timeout", retry_after=5) from None
        except SeqtagError as error:
            raise RefusedError(422, str(error), "model", field=field) from None
        finally:
            self.metrics.waiting.labels(name).set(batcher.waiting)
        self.metrics.texts.labels(name).inc(len(rows))
        self.metrics.characters.labels(name).inc(cost)
        self.metrics.tokens.labels(name).inc(max(model.tokens - before, 0))
        return found


def parsed(kind: type[BodyT], content: bytes | str) -> BodyT:
    """Read JSON as a body; RefusedError with the field that is at fault, and without what stood there."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            problem = f"unknown; {near_miss(where, kind.model_fields)}"
        raise RefusedError(422, f"{where + ': ' if where else ''}{problem}", "body", field=where or None) from None


def json_answer(content: Any) -> Response:
    """Write an answer as JSON."""
    return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), media_type="application/json")
