"""Streams: a body of any length as JSON lines, answered line by line while it is still read."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from seqtag.serving import answers as shapes
from seqtag.serving.bodies import StreamLine
from seqtag.serving.guard import STREAMED, RefusedError
from seqtag.serving.served_models import Answer, Row, ServedModel
from seqtag.serving.service import Service, check_known, cost_of, parsed

_PIECES_WAITING = 64  # pieces of a stream that are answered before the client reads them


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
        failed: list[Exception] = []

        async def answer() -> None:
            try:
                async for piece in self.pieces:
                    await waiting.put(piece)
            except Exception as error:
                failed.append(error)
            await waiting.put(None)

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        task = asyncio.create_task(answer())
        try:
            while (piece := await waiting.get()) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if failed:
                raise failed[0]
            await send({"type": "http.response.body", "body": b""})
        finally:
            task.cancel()


async def stream(service: Service, model: ServedModel, request: Request) -> AsyncIterator[bytes]:
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
    limits = service.settings.limits
    most = min(limits.batch_characters, limits.characters)
    rows: list[Row | RefusedError] = []
    for line in lines:
        if line.strip():
            try:
                given = parsed(StreamLine, line)
                check_known(model, given.known)
                rows.append(given.row)
            except RefusedError as refused:
                rows.append(refused)
    place = 0
    while place < len(rows):
        # What belongs together for the model: rows up to the size of a batch, and at least one.
        run: list[Row] = []
        size, end = 0, place
        while end < len(rows):
            row = rows[end]
            if not isinstance(row, RefusedError):
                size += cost_of(row)
                if run and size > most:
                    break
                run.append(row)
            end += 1
        found = iter(await _patiently(service, model, run))
        answers = [row if isinstance(row, RefusedError) else next(found) for row in rows[place:end]]
        yield b"".join(
            _line({"error": str(answer)} if isinstance(answer, RefusedError) else shapes.native(model, answer))
            for answer in answers
        )
        place = end


async def _patiently(service: Service, model: ServedModel, rows: Sequence[Row]) -> Sequence[Answer | RefusedError]:
    """Answer rows, or say why not; of several, only the one at fault is refused.

    Asks again while the queue is full: a stream can wait, and its client with it.
    """
    while True:
        try:
            return await service.ask(model, rows) if rows else []
        except RefusedError as refused:
            if refused.status == 422 and len(rows) > 1:
                return [answer for row in rows for answer in await _patiently(service, model, [row])]
            if refused.status != 429:
                return [refused] * len(rows)
            await asyncio.sleep(0.05)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
