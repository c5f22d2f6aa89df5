"""What stands before every endpoint: who may ask, how much, how long; request ids, logs and figures.

A body is read here, bounded in bytes and time, before anything looks into it, so the endpoints know no slow clients.
Nothing of a text is ever logged.
"""

import asyncio
import base64
import hmac
import json
import logging
import re
import time
import traceback
import uuid

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seqtag.serving.metrics import Metrics
from seqtag.serving.settings import Settings

logger = logging.getLogger("seqtag.serving")

STOPPING = "is_stopping"  # in the state of a request: it came after the service was told to end
STREAMED = "application/x-ndjson"  # bodies of this type are read by their endpoint, line by line
_OPEN = ("/", "/health", "/page.js", "/page.css", "/icon.svg")  # without a token: they hold nothing of anybody
_GONE = 499  # the status in the log of a request whose client went away before it was whole; nobody is told
_REQUEST_ID = re.compile(r"[\w.-]{1,64}")
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
_STREAM = re.compile(r"/models/[^/]+/predict")  # the address that reads streams
_DRAINED = 16  # times the limit: what is read and thrown away so that a client gets its answer and no broken pipe


class RefusedError(Exception):
    """A request that is not answered: the status, what the client is told, and the reason as the figures name it."""

    def __init__(
        self, status: int, error: str, reason: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.reason, self.field, self.retry_after = status, error, reason, field, retry_after


def refusal(refused: RefusedError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Give status, headers and body of a refusal."""
    body = json.dumps({"error": refused.error, "field": refused.field}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(refused.retry_after).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return refused.status, headers, body


class Guard:
    """The ASGI application around the endpoints."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: refuse it here, or hand it on with its body read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:16]
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            self._admit(scope, headers)
            bounded = await self._bounded(scope, headers, receive)
            if scope.get("state", {}).get(STOPPING):  # after the body is read: who is still sending reads no answer
                raise RefusedError(503, "the service is stopping; come again", "stopping", retry_after=1)
            await self.app(scope, bounded, answer)
        except RefusedError as refused:
            self.metrics.rejected.labels(refused.reason).inc()
            await _send_refusal(refused, answer)
        except ClientDisconnect:
            status = _GONE
        except Exception as error:
            # The message of an error may hold a piece of a text; its place in the code can't.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("request %s failed with %s\n%s", request_id, type(error).__name__, places)
            if status == 0:
                await _send_refusal(
                    RefusedError(500, f"an error of the service; its log names {request_id}", "error"), answer
                )
        finally:
            self._note(scope, request_id, status, time.perf_counter() - began)

    def _admit(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Refuse who may not ask, before anything of the body is read."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self.settings.is_local and not _LOCAL_HOST.fullmatch(host):
            # A page of another host that a browser takes for this one (DNS rebinding) could read texts otherwise.
            raise RefusedError(
                421, "this service answers to localhost alone; start it with --host for other names", "host"
            )
        if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and scope["method"] not in (
            "GET",
            "OPTIONS",
        ):
            # A browser asks for a page of another site, and may do so without asking first (CORS) for a plain body.
            origin = headers.get(b"origin", b"").decode("latin-1")
            if origin not in self.settings.origins and "*" not in self.settings.origins:
                raise RefusedError(403, "a page of another site may not ask; start with --allow-origin ORIGIN", "site")
        if self.settings.token is not None and scope["path"] not in _OPEN and scope["method"] != "OPTIONS":
            given = _token(headers.get(b"authorization", b""))
            if not hmac.compare_digest(given, self.settings.token.encode()):
                raise RefusedError(401, "a token is needed: Authorization: Bearer TOKEN", "token")

    async def _bounded(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Read the body, so far as it may be read; gives what hands it on. Streams are handed on as they come."""
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind == STREAMED.encode() and scope["method"] == "POST" and _STREAM.fullmatch(scope["path"]):
            return receive
        limits = self.settings.limits
        try:
            body = await asyncio.wait_for(_read(receive, limits.body_bytes), limits.seconds)
        except asyncio.TimeoutError:
            raise RefusedError(408, f"the body did not arrive within {limits.seconds:g} s", "slow") from None
        if body is None:
            return _replay({"type": "http.disconnect"})
        if len(body) > limits.body_bytes:
            raise RefusedError(
                413, f"the body has more than {limits.body_bytes:,} bytes; send several requests", "body"
            )
        return _replay({"type": "http.request", "body": bytes(body), "more_body": False}, receive)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "other")  # the pattern, so that the figures have few rows
        self.metrics.requests.labels(path, str(status)).inc()
        self.metrics.latency.labels(path).observe(seconds)
        client = scope["client"][0] if scope.get("client") else "-"
        logger.info(
            "%s %s %s %d %.1f ms",
            client,
            scope["method"],
            path,
            status,
            seconds * 1000,
            extra={"request_id": request_id, "status": status, "path": path, "seconds": round(seconds, 6)},
        )


def _token(authorization: bytes) -> bytes:
    """Give the token of a header; Label Studio knows names and passwords alone, so there it is the password."""
    kind, _, value = authorization.partition(b" ")
    if kind.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return value.strip() if kind.lower() in (b"bearer", b"token") else b""


async def _read(receive: Receive, most: int) -> bytearray | None:
    """Read a body to its end, keeping little more than `most` bytes of it; None where the client has gone."""
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if len(body) <= most:
            body += message.get("body", b"")
        if size > most * _DRAINED or not message.get("more_body", False):
            return body


def _replay(first: Message, later: Receive | None = None) -> Receive:
    """Hand on one message, and then what still comes, which is the client's going away."""
    waiting = [first]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        return first if later is None else await later()

    return receive


async def _send_refusal(refused: RefusedError, send: Send) -> None:
    status, headers, body = refusal(refused)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
