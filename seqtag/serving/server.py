"""Run the service on uvicorn: one process or several, with its own socket, limits, logs and a quiet end."""

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from seqtag.errors import UsageError
from seqtag.serving.app import make_app
from seqtag.serving.collecting import Collector
from seqtag.serving.guard import STOPPING
from seqtag.serving.served_models import load_models
from seqtag.serving.settings import Settings

logger = logging.getLogger("seqtag.serving")

_SETTINGS = "SEQTAG_SERVING"  # the variable through which a worker is told everything
_FIGURES = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus-client adds up the figures of several processes
_HEAD_SECONDS = 10.0  # that the head of a request may take to arrive
_READ_SECONDS = 30.0  # in which a client must read a part of what waits for it
_MOST_CONNECTIONS = 2_000
_ON_THE_WAY_SECONDS = 0.1  # in which requests are answered that were sent before the service was told to end
_LAST_SECONDS = 1.0  # after that, in which an open connection may bring a request and is told that the service stops
_CLOSE = (b"connection", b"close")


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 for clients that send and read.

    A connection is closed that brings no whole head of a request in time, or reads nothing of an answer for as long.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch = self.loop.call_later(_HEAD_SECONDS, self._give_up)
        self._reading: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the head of a request is whole, and wait anew when the next one begins."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._watch.cancel()
        elif self.cycle is not None and self.cycle.response_complete and self._watch.cancelled():
            # The next request has begun to arrive on a connection that is kept.
            self._watch = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def shutdown(self) -> None:
        """End after the answer that is under way; a connection without one ends if no request comes in a second.

        Uvicorn closes such connections at once, and the request that a client is just sending would be lost.
        """
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LAST_SECONDS, self._end)
        else:
            self.cycle.default_headers = [*self.cycle.default_headers, _CLOSE]
            super().shutdown()

    def _end(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def pause_writing(self) -> None:
        """Begin to watch a client that does not read what it was sent."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(_READ_SECONDS, self._look_at_unread)

    def resume_writing(self) -> None:
        """Stop watching: the client reads."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()

    def _look_at_unread(self) -> None:
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if self._unread >= before:
            self.transport.abort()
        else:
            self._reading = self.loop.call_later(_READ_SECONDS, self._look_at_unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._watch.cancel()
        if self._reading is not None:
            self._reading.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class PatientServer(uvicorn.Server):
    """Ends without losing a request that has reached it.

    What the kernel has accepted is taken and answered, then nobody can connect any more; requests that still come on
    open connections get 503 with Retry-After. Every answer from then on says that its connection closes.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what waits at the port, close it, answer, and say to what comes later that the service stops."""
        listeners = sockets or []
        accepted = [connection for listener in listeners for connection in _waiting(listener)]
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        loop, state = asyncio.get_running_loop(), self.server_state
        for connection in accepted:
            connection.setblocking(False)
            with suppress(OSError):  # its client has gone
                await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(_ON_THE_WAY_SECONDS)
        self.lifespan.state[STOPPING] = True  # each request gets a copy
        state.default_headers = [*state.default_headers, _CLOSE]
        await super().shutdown()

    def _protocol(self) -> asyncio.Protocol:
        return ImpatientProtocol(self.config, self.server_state, self.lifespan.state)


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Give the connections that the kernel has accepted and the event loop has not seen yet."""
    with suppress(OSError):  # none is left
        while True:
            yield listener.accept()[0]


class _Worker(Process):
    """A worker process whose server is a patient one."""

    @property
    def server(self) -> uvicorn.Server:
        """The server of the process, made there."""
        if self._server is None:
            self._server = PatientServer(self.config)
        return self._server


class WorkerWatch(Multiprocess):
    """Starts the workers, and replaces those that die, at once.

    Uvicorn asks each worker in turn for a sign of life, and waits for that of one that was just killed until the
    timeout, which has to be long for workers under load. Here a worker lives as long as its process.
    """

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended; one that can't start ends the service, as others could not either."""
        for number, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.process.is_alive():
                continue
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                logger.error("a worker could not start, so the service ends")
                self.should_exit.set()
            else:
                self.processes[number] = self._started()

    def terminate_all(self) -> None:
        """Let the workers end; the port is closed here too, or clients would wait at it for nobody."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def _started(self) -> Process:
        worker = _Worker(self.config, self.sockets)
        worker.start()
        return worker


def listen(host: str, port: int) -> socket.socket:
    """Open the port; UsageError where it is taken or may not be opened, or where there is no such host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
        except OSError:
            opened.close()
            raise
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: {error.strerror or error}; choose others") from None
    opened.set_inheritable(True)
    return opened


def serve(settings: Settings, *, port: int, workers: int = 1) -> None:
    """Serve until the process is told to end; then what was asked is answered, and nothing new is taken.

    Raises UsageError or ModelError for a model that can't be loaded, and DataError for a file that can't collect,
    before anything is served.
    """
    set_up_logs(as_json=settings.logs_json)
    _allow_connections()
    if settings.collect is not None:
        Collector(settings.collect)
    models = load_models(settings.models, engine=settings.engine, threads=settings.threads)
    opened = listen(settings.host, port)
    place = opened.getsockname()
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    logger.warning("serving %s at http://%s:%d", ", ".join(models), host, place[1])
    if settings.token is None and not settings.is_local:
        logger.warning("without --token, anybody who reaches this address may ask")
    try:
        # Ctrl-C and SIGTERM are how a service ends; uvicorn has answered what was asked when it hands them on.
        with suppress(KeyboardInterrupt):
            if workers == 1:
                app = make_app(settings, models=models)
                PatientServer(uvicorn.Config(app, **_options(settings))).run(sockets=[opened])
            else:
                del models  # each worker loads its own
                _serve_in_workers(settings, opened, workers)
    finally:
        opened.close()


def _serve_in_workers(settings: Settings, opened: socket.socket, workers: int) -> None:
    with TemporaryDirectory(prefix="seqtag-figures-") as figures:
        os.environ[_SETTINGS], os.environ[_FIGURES] = settings.dumped(), figures
        try:
            config = uvicorn.Config(
                "seqtag.serving.server:worker_app",
                factory=True,
                workers=workers,
                timeout_worker_healthcheck=int(settings.limits.seconds) + 10,
                **_options(settings),
            )
            WorkerWatch(config, sockets=[opened]).run()
        finally:
            del os.environ[_SETTINGS], os.environ[_FIGURES]


def worker_app() -> Any:
    """Build the application in a worker, from what its parent has left in the environment."""
    settings = Settings.parsed(os.environ[_SETTINGS])
    set_up_logs(as_json=settings.logs_json)
    _forget_dead_workers(Path(os.environ[_FIGURES]))
    return make_app(settings, among_workers=True)


def _forget_dead_workers(figures: Path) -> None:
    """Take what a killed worker had waiting out of the figures; what it has answered stays counted."""
    from prometheus_client.multiprocess import mark_process_dead

    for pid in {int(path.stem.rpartition("_")[2]) for path in figures.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except OSError:
            mark_process_dead(pid, str(figures))


def _allow_connections() -> None:
    """Raise the number of files that the process may open, as far as it may, to what the connections need."""
    try:
        import resource
    except ModuleNotFoundError:  # not a POSIX system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MOST_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "http": ImpatientProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": int(settings.limits.seconds) + 5,
        "timeout_keep_alive": 30,
        "limit_concurrency": _MOST_CONNECTIONS,
    }


class _JsonLines(logging.Formatter):
    """One JSON object per message, for programs that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        known = ("request_id", "status", "path", "seconds")
        line |= {key: getattr(record, key) for key in known if hasattr(record, key)}
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(*, as_json: bool) -> None:
    """Send the messages of the service and of uvicorn to standard error; those of predictions name no texts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if as_json else logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    for name, level in (("seqtag.serving", logging.INFO), ("uvicorn.error", logging.WARNING)):
        one = logging.getLogger(name)
        one.handlers, one.propagate = [handler], False
        one.setLevel(level)
    # A text without a word makes a classifier warn, once a request: here that is the client's business.
    logging.getLogger("seqtag").setLevel(logging.ERROR)
