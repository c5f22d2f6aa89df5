"""The endpoints: our own, and the dialects of clients that people already have."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from seqtag.errors import DataError, UsageError
from seqtag.serving import answers as shapes
from seqtag.serving import label_studio
from seqtag.serving.bodies import (
    Answers,
    ExplainBody,
    Explained,
    HuggingFaceBody,
    Kept,
    KeptText,
    LabelStudioBody,
    ModelInfo,
    NextAnswer,
    NextBody,
    PredictBody,
    PresidioBody,
    Refusal,
    StreamLine,
    WebhookBody,
)
from seqtag.serving.collecting import Collector, widened
from seqtag.serving.guard import STREAMED, Guard, RefusedError, refusal
from seqtag.serving.metrics import Metrics
from seqtag.serving.served_models import Row, ServedModel, Tagged, load_models
from seqtag.serving.service import Service, check_known, json_answer, parsed
from seqtag.serving.settings import Settings
from seqtag.serving.streaming import Lines, stream
from seqtag.text.schemes import Span
from seqtag.version import __version__

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
        403: "A page of another site asks, which the service was not told to allow.",
        405: "The address means something with another method.",
        408: "The body did not arrive in time.",
        413: "The body is too large.",
        421: "The service is asked by another name than that of this machine.",
        422: "The request can't be understood; `field` says where.",
        429: "Too much is waiting; come again after Retry-After seconds.",
        503: "The answer took too long, or the service is stopping.",
    }.items()
}


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
        kinds = {"application/json": kind} if streamed is None else {"application/json": kind, STREAMED: streamed}
        content = {
            name: {"schema": each.model_json_schema(ref_template="#/components/schemas/{model}")}
            for name, each in kinds.items()
        }
        for described in content.values():
            nested.update(described["schema"].pop("$defs", {}))
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
            return Lines(stream(service(), model, request))
        given = parsed(PredictBody, await request.body())
        if given.threshold is not None and (reason := model.why_no_threshold):
            raise RefusedError(422, f"threshold: {reason}; leave it out", "body", field="threshold")
        check_known(model, given.known is not None)
        found = await service().ask(model, given.rows, "texts" if given.texts is not None else "tokens")
        records = [shapes.native(model, answer, given.threshold) for answer in found]
        if given.words and given.texts is not None:
            with_words = partial(_with_words, model, given.texts, records)
            records = await service().run(model, with_words, "words")
        return json_answer({"model": name, "answers": records})

    @app.post("/models/{name}/explain", response_model=Explained, openapi_extra=body(ExplainBody))
    async def explain(name: str, request: Request) -> Response:
        """Say why spans, or the class of a text, were chosen: the next best reading, and what decides against it.

        The log odds against it are split into the scores of the model, and `occlusions` say how they change where a
        word is hidden.
        """
        model, given = service().model(name), parsed(ExplainBody, await request.body())
        check_known(model, given.known)
        row, field = given.row, "text" if given.text is not None else "tokens"
        for other, value, is_meant in (
            ("span", given.span, model.is_tagger),
            ("label", given.label, not model.is_tagger),
        ):
            if value is not None:
                field = other
                if not is_meant:
                    raise RefusedError(422, f"{other}: {name} is a {model.kind}; leave it out", "body", field=other)
        asked = given.label if given.span is None else Span(given.span.start, given.span.end, given.span.label)
        found = await service().explain(model, row, asked, field)
        return json_answer({"model": name, "explanations": found})

    @app.post("/models/{name}/next", response_model=NextAnswer, openapi_extra=body(NextBody))
    async def next_symbols(name: str, request: Request) -> Response:
        """Say what may follow a text, by a language model: characters or words with their probabilities."""
        model = service().model(name, goes_on=True)
        given = parsed(NextBody, await request.body())
        found = await service().ask(model, [given.text], "text")
        return json_answer(shapes.continued(found[0], given.k))

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
        taggers = [model for model in service().models.values() if model.kind == "tagger of spans"]
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
            record = label_studio.finished(given.action, given.task, given.annotation, given.project)
            if record is not None:
                # What holds for a text of the page holds for one of Label Studio.
                parsed(KeptText, json.dumps({key: value for key, value in record.items() if key != "id"}))
        except (UsageError, RefusedError) as error:
            raise RefusedError(422, f"annotation: {error}", "body", field="annotation") from None
        return await _kept(service(), collector, record)

    @app.post("/collect", response_model=Kept, openapi_extra=body(KeptText))
    async def collect(request: Request) -> Response:
        """Keep a text that a person has corrected, as a line of the file that --collect names.

        A span that cuts a token is kept as far as its tokens go, which is how `load_corpus` reads it; `moved` says so.
        """
        given, collector = parsed(KeptText, await request.body()), _collector(service())
        record = given.model_dump(exclude_none=True, exclude={"model"})
        return await _kept(service(), collector, record, model=given.model)

    if settings.has_page:
        _add_page(app, service)
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


async def _kept(
    service: Service, collector: Collector, record: dict[str, Any] | None, *, model: str | None = None
) -> Response:
    kept, moved = len(collector), list[str]()
    if record is not None:

        def keep(given: dict[str, Any]) -> tuple[int, list[str]]:
            said: list[str] = []
            if "spans" in given:
                given, said = widened(given, service.tokenizer(model).tokens(given["text"]))
            return collector.keep(given), said

        try:
            kept, moved = await asyncio.get_running_loop().run_in_executor(None, keep, record)
        except DataError as error:
            raise RefusedError(422, str(error), "collect", field="spans" if "spans" in record else None) from None
        except OSError as error:
            raise RefusedError(503, f"the file of --collect can't be written: {error.strerror}", "collect") from None
    return json_answer({"kept": kept, "moved": moved})


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
