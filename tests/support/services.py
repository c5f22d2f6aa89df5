"""The service as a process of its own: start it, ask it, end it."""

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple


class Running(NamedTuple):
    """A service that runs, with a model called `ner`."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: IO[bytes]  # a file: a pipe that nobody reads would stop the service when it is full

    def logged(self) -> str:
        """What it has written to standard error so far."""
        self.log.seek(0)
        return self.log.read().decode()


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def asked(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], Any]:
    """Ask on a connection of its own; give the status, the headers and what JSON the answer holds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(content)
    finally:
        connection.close()


@contextmanager
def running(model: Path, *options: str) -> Iterator[Running]:
    """Run `seqtag serve` with a model called `ner`; it ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "seqtag.cli", "serve", f"ner={model}", "--port", str(port), *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stderr=log)
        service = Running(port, process, log)
        try:
            for _ in range(600):
                try:
                    if asked(port, "GET", "/health")[0] == 200:
                        break
                except OSError:
                    assert process.poll() is None, service.logged()
                time.sleep(0.1)
            yield service
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(90)
