"""The endpoints: our own, and the dialects of clients that people already have."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from seqtag.errors import SeqtagError, UsageError, near_miss
from seqtag.serving import answers as shapes
from seqtag.serving import label_studio
from seqtag.serving.batching import Batcher, QueueFullError
from seqtag.serving.bodies import (
    Answers,
    HuggingFaceBody,
    KeptText,
    LabelStudioBody,
    ModelInfo,
    PredictBody,
    PresidioBody,
    Refusal,
    StreamLine,
    WebhookBody,
)
from seqtag.serving.collecting import Collector
from seqtag.serving.guard import STREAMED, Guard, RefusedError, refusal
from seqtag.serving.metrics import Metrics
from seqtag.serving.served_models import Answer, Row, ServedModel, Tagged, load_models
from seqtag.serving.settings import Settings
from seqtag.version import __version__

BodyT = TypeVar("BodyT", bound=BaseModel)

_PIECES_WAITING = 64  # pieces of a stream that are answered before the client reads them
_PAGE = {"/page.js": "text/javascript", "/page.css": "text/css", "/icon.svg": "image/svg+xml"}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": description}
    for status, description in {
        401: "A token is needed.",
        404: "There is no such model.",
        408: "The body did not arrive in time.",
        413: "The body is too large.",
        422: "The request can't be understood; `field` says where.",
        429: "Too much is waiting; come again after Retry-After seconds.",
        503: "The answer took too long, or the service is stopping.",
    }.items()
}


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


class Lines(Response):
    """Answers that are sent while the request is still read.

    Some of them wait here for a client that sends all before it reads anything. Starlette's response for streams looks
    for messages of the client itself, and would take away pieces of the body.
    """

    media_type = STREAMED

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as they come."""
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_WAITING)

        async def answer() -> None:
            try:
                async for piece in self.pieces:
                    await waiting.put(piece)
            finally:
                await waiting.put(None)

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        task = asyncio.create_task(answer())
        try:
            while (piece := await waiting.get()) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await task
            await send({"type": "http.response.body", "body": b""})
        finally:
            task.cancel()


def parsed(kind: type[BodyT], content: bytes | str, place: str = "") -> BodyT:
    """Read JSON as a body; RefusedError with the field that is at fault, and without what stood there."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            problem = f"unknown; {near_miss(where, kind.model_fields)}"
        raise RefusedError(
            422, f"{place}{where + ': ' if where else ''}{problem}", "body", field=where or None
        ) from None


def json_answer(content: Any) -> Response:
    """Write an answer as JSON."""
    return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), media_type="application/json")


def make_app(
    settings: Settings, *, models: dict[str, ServedModel] | None = None, among_workers: bool = False
) -> FastAPI:
    """Build the application; `models` that are not given are loaded when it starts, before the first request."""
    metrics = Metrics(among_workers=among_workers)
    running: list[Service] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loaded = models or load_models(settings.models, engine=settings.engine, threads=settings.threads)
        service = Service(settings, loaded, metrics)
        for batcher in service.batchers.values():
            batcher.start()
        running.append(service)
        service.is_ready = True
        yield
        service.is_ready = False
        await asyncio.gather(*(batcher.stop() for batcher in service.batchers.values()))

    app = FastAPI(
        title="seqtag",
        version=__version__,
        description="Trained taggers and classifiers. Every refusal is JSON with `error` and, where one is at fault, "
        "`field`.",
        lifespan=lifespan,
        docs_url=None,  # both pages of FastAPI load their scripts from another host
        redoc_url=None,
        responses=_REFUSALS,
    )

    def service() -> Service:
        if not running or not running[0].is_ready:
            raise RefusedError(503, "the service is starting or stopping", "not ready", retry_after=1)
        return running[0]

    @app.exception_handler(RefusedError)
    async def _refused(_: Request, refused: RefusedError) -> Response:
        metrics.rejected.labels(refused.reason).inc()
        status, headers, body = refusal(refused)
        return Response(body, status, {name.decode(): value.decode() for name, value in headers})

    @app.exception_handler(HTTPException)
    async def _no_route(request: Request, error: HTTPException) -> Response:
        what = {404: "there is nothing at this address", 405: f"{request.method} means nothing here"}
        refused = RefusedError(error.status_code, what.get(error.status_code, str(error.detail)), "address")
        response = await _refused(request, refused)
        response.headers.update(error.headers or {})
        return response

    def body(kind: type[BaseModel], streamed: type[BaseModel] | None = None) -> dict[str, Any]:
        """Document a body that the endpoint reads itself."""
        content = {"application/json": {"schema": kind.model_json_schema(ref_template="#/components/schemas/{model}")}}
        schemas = [content["application/json"]["schema"]]
        if streamed is not None:
            content[STREAMED] = {"schema": streamed.model_json_schema()}
        for schema in schemas:
            nested.update(schema.pop("$defs", {}))
        return {"requestBody": {"required": True, "content": content}}

    nested: dict[str, Any] = {}

    @app.get("/health", response_model=None)
    async def health() -> Response:
        """Say that the service is ready: all models are loaded and warm."""
        return json_answer(
            {
                "status": "UP",
                "version": __version__,
                "models": list(service().models),
                "collects": service().collector is not None,
            }
        )

    @app.get("/metrics", response_model=None, responses={200: {"content": {"text/plain": {}}}})
    async def metrics_page() -> Response:
        """Give the figures of the service in the text format of Prometheus."""
        return Response(metrics.written(), media_type=metrics.content_type)

    @app.get("/models", response_model=list[ModelInfo])
    async def list_models() -> Response:
        """List the models that are served, with their labels."""
        return json_answer([model.described() for model in service().models.values()])

    @app.post("/models/{name}/predict", response_model=Answers, openapi_extra=body(PredictBody, StreamLine))
    async def predict(name: str, request: Request) -> Response:
        """Tag or classify texts, or sentences as token lists, in order.

        A body of type application/x-ndjson is a stream of any length, an object with `text` or `tokens` per line: the
        answers come as lines in the same order, and a line that can't be understood is answered with its `error`. Read
        while you send.
        """
        model = service().model(name)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == STREAMED:
            return Lines(_stream(service(), model, request))
        given = parsed(PredictBody, await request.body())
        found = await service().ask(model, given.rows, "texts" if given.texts is not None else "tokens")
        records = [shapes.native(model, answer, given.threshold) for answer in found]
        if given.words and given.texts is not None and not model.is_tagger:
            records = await asyncio.get_running_loop().run_in_executor(None, _with_words, model, given.texts, records)
        return json_answer({"model": name, "answers": records})

    @app.post("/models/{name}", response_model=None, openapi_extra=body(HuggingFaceBody))
    async def hugging_face(name: str, request: Request) -> Response:
        """Answer in the shape of Hugging Face's inference API for token and text classification."""
        model, given = service().model(name), parsed(HuggingFaceBody, await request.body())
        rows = [given.inputs] if isinstance(given.inputs, str) else given.inputs
        wished = given.parameters
        found = [
            shapes.hugging_face(answer, strategy=wished.aggregation_strategy, top_k=wished.top_k)
            for answer in await service().ask(model, rows, "inputs")
        ]
        # A single text is answered with its entities, but a classifier always answers with a list per text.
        return json_answer(found[0] if isinstance(given.inputs, str) and model.is_tagger else found)

    @app.post("/analyze", response_model=None, openapi_extra=body(PresidioBody))
    async def analyze(request: Request) -> Response:
        """Answer as Presidio's analyzer does, with the first tagger of spans of the language that is asked for."""
        given = parsed(PresidioBody, await request.body())
        taggers = [model for model in service().models.values() if model.is_tagger]
        chosen = [model for model in taggers if model.predictor.language in (given.language, "xx")]
        if not chosen:
            spoken = ", ".join(sorted({model.predictor.language for model in taggers})) or "none"
            raise RefusedError(
                422, f"no tagger for language {given.language!r}; there is: {spoken}", "body", field="language"
            )
        rows = [given.text] if isinstance(given.text, str) else given.text
        found = [
            shapes.presidio(answer, threshold=given.score_threshold, entities=given.entities)
            for answer in await service().ask(chosen[0], rows, "text")
            if isinstance(answer, Tagged)
        ]
        return json_answer(found[0] if isinstance(given.text, str) else found)

    @app.post("/setup", response_model=None, openapi_extra=body(LabelStudioBody))
    async def setup(request: Request) -> Response:
        """Tell Label Studio which model answers for a labelling project, by the labels of its configuration."""
        given = parsed(LabelStudioBody, await request.body())
        model, _ = _chosen(service(), given.label_schema or given.label_config)
        return json_answer({"model_version": model.name})

    @app.post("/predict", response_model=None, openapi_extra=body(LabelStudioBody))
    async def label_studio_predict(request: Request) -> Response:
        """Pre-annotate tasks of Label Studio, with the probability of each span."""
        given = parsed(LabelStudioBody, await request.body())
        model, project = _chosen(service(), given.label_config or given.label_schema)
        try:
            rows: list[Row] = [label_studio.text_of(task, project) for task in given.tasks]
        except UsageError as error:
            raise RefusedError(422, str(error), "body", field="tasks") from None
        found = await service().ask(model, rows, "tasks")
        return json_answer({"results": [label_studio.prediction(model, project, answer) for answer in found]})

    @app.post("/webhook", response_model=None, openapi_extra=body(WebhookBody))
    async def webhook(request: Request) -> Response:
        """Collect a finished annotation of Label Studio; other events are passed over. Needs --collect."""
        given, collector = parsed(WebhookBody, await request.body()), _collector(service())
        try:
            record = label_studio.finished(given.action, given.task, given.annotation)
        except (UsageError, KeyError, TypeError, ValueError, IndexError) as error:
            what = str(error) if isinstance(error, UsageError) else "not the form of Label Studio's annotations"
            raise RefusedError(422, f"annotation: {what}", "body", field="annotation") from None
        return await _kept(collector, record)

    @app.post("/collect", response_model=None, openapi_extra=body(KeptText))
    async def collect(request: Request) -> Response:
        """Keep a text that a person has corrected, as a line of the file that --collect names."""
        given, collector = parsed(KeptText, await request.body()), _collector(service())
        return await _kept(collector, given.model_dump(exclude_none=True))

    if settings.has_page:
        _add_page(app, service)
    app.openapi_schema = None
    plain_openapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain_openapi()
        document.setdefault("components", {}).setdefault("schemas", {}).update(nested)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"], allow_headers=["*"])
    return app


def _with_words(model: ServedModel, texts: list[str], records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for text, record in zip(texts, records):
        weights = model.weights(text)
        if weights is not None:
            record["words"] = [
                {"start": w.start, "end": w.end, "text": w.text, "weight": round(w.weight, 6)} for w in weights
            ]
    return records


def _chosen(service: Service, config: str | None) -> tuple[ServedModel, label_studio.Project]:
    try:
        if not config:
            raise UsageError("label_config: missing; Label Studio sends the configuration of the project")
        return label_studio.choose_model(service.models, label_studio.read_projects(config))
    except UsageError as error:
        raise RefusedError(422, str(error), "body", field="label_config") from None


def _collector(service: Service) -> Collector:
    if service.collector is None:
        raise RefusedError(404, "nothing is collected here; start the service with --collect FILE", "collect")
    return service.collector


async def _kept(collector: Collector, record: dict[str, Any] | None) -> Response:
    kept = len(collector)
    if record is not None:
        kept = await asyncio.get_running_loop().run_in_executor(None, collector.keep, record)
    return json_answer({"kept": kept})


async def _stream(service: Service, model: ServedModel, request: Request) -> AsyncIterator[bytes]:
    """Answer a stream of lines: those that have arrived go through the model together."""
    limits = service.settings.limits
    rest = b""
    chunks = request.stream().__aiter__()
    is_open = True
    while is_open:
        try:
            rest += await asyncio.wait_for(chunks.__anext__(), limits.seconds)
        except StopAsyncIteration:
            is_open, rest = False, rest + b"\n"
        except asyncio.TimeoutError:
            yield _line({"error": f"nothing arrived for {limits.seconds:g} s"})
            return
        *lines, rest = rest.split(b"\n")
        if len(rest) > limits.body_bytes:
            yield _line({"error": f"a line has more than {limits.body_bytes:,} bytes"})
            return
        for start in range(0, len(lines), limits.texts):
            async for piece in _answered(service, model, lines[start : start + limits.texts]):
                yield piece


async def _answered(service: Service, model: ServedModel, lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    rows: list[Row | RefusedError] = []
    for line in lines:
        if line.strip():
            try:
                given = parsed(StreamLine, line)
                rows.append(given.text if given.text is not None else given.tokens or [])
            except RefusedError as refused:
                rows.append(refused)
    place = 0
    while place < len(rows):
        # What belongs together for the model: rows up to the size of a batch, and at least one.
        run: list[Row] = []
        size, end = 0, place
        while end < len(rows) and (not run or size < service.settings.limits.batch_characters):
            row = rows[end]
            if not isinstance(row, RefusedError):
                run.append(row)
                size += sum(map(len, row))
            end += 1
        try:
            found = iter(await _patiently(service, model, run))
            records = [
                {"error": str(row)} if isinstance(row, RefusedError) else shapes.native(model, next(found))
                for row in rows[place:end]
            ]
        except RefusedError as refused:
            records = [{"error": str(row if isinstance(row, RefusedError) else refused)} for row in rows[place:end]]
        yield b"".join(map(_line, records))
        place = end


async def _patiently(service: Service, model: ServedModel, rows: Sequence[Row]) -> list[Answer]:
    """Ask again while the queue is full: a stream can wait, and its client with it."""
    while True:
        try:
            return await service.ask(model, rows)
        except RefusedError as refused:
            if refused.status != 429:
                raise
            await asyncio.sleep(0.05)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _add_page(app: FastAPI, service: Any) -> None:
    folder = files("seqtag.serving") / "page"

    def add(path: str, name: str, kind: str) -> None:
        content = (folder / name).read_bytes()

        @app.get(path, include_in_schema=False, response_model=None)
        async def page() -> Response:
            return Response(content, media_type=kind, headers=_PAGE_HEADERS)

    add("/", "index.html", "text/html")
    for path, kind in _PAGE.items():
        add(path, path[1:], kind)
