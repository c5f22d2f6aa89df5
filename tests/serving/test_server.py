"""The service as a process: one start, many clients, its end, and workers that die."""

import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from services import free_port, running

from seqtag.runtime import load

TEXTS = [f"Ada met Marie in Oslo on day {number}." for number in range(40)]


def ask(port: int, path: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", data), timeout=60) as answer:
        return json.load(answer)


def test_many_clients_get_what_each_alone_would_get(exported_tagger: Path):
    expected = load(exported_tagger).predict_spans(TEXTS)
    with running(exported_tagger) as (port, process, log):
        with ThreadPoolExecutor(16) as clients:
            answers = clients.map(lambda text: ask(port, "/models/ner/predict", {"texts": [text]}), TEXTS)
            found = [answer["answers"][0]["spans"] for answer in answers]
        assert [[(s["start"], s["label"], s["score"]) for s in spans] for spans in found] == [
            [(span.start, span.label, round(span.score, 6)) for span in spans] for spans in expected
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        log.seek(0)
        logged = log.read()
    assert b"Ada" not in logged
    assert b"Traceback" not in logged


def test_what_was_asked_is_answered_when_the_service_ends(exported_tagger: Path):
    with running(exported_tagger) as (port, process, _), ThreadPoolExecutor(1) as client:
        asked = client.submit(ask, port, "/models/ner/predict", {"texts": TEXTS * 20})
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert len(asked.result()["answers"]) == 20 * len(TEXTS)
        assert process.wait(60) == 0
        with pytest.raises(OSError, match="refused"):
            ask(port, "/health")


def test_a_worker_that_dies_is_replaced_and_the_others_answer(exported_tagger: Path):
    with running(exported_tagger, "--workers", "2") as (port, process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("needs /proc to find the workers")
        workers = [
            int(child)
            for child in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        lost = 0
        for text in TEXTS:
            try:
                ask(port, "/models/ner/predict", {"texts": [text]})
            except (OSError, HTTPError):
                lost += 1
        assert lost <= 1  # what the dead worker had accepted
        assert "seqtag_requests_total" in urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()


def test_a_client_that_sends_no_request_is_not_waited_for(monkeypatch):
    from starlette.applications import Starlette
    from uvicorn import Config, Server

    from seqtag.serving import server

    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.2)
    port = free_port()
    run = Server(Config(Starlette(), port=port, http=server.ImpatientProtocol, log_config=None, lifespan="off"))
    thread = threading.Thread(target=run.run)
    thread.start()
    try:
        while not run.started:
            time.sleep(0.01)
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"Not Found"):
                answer += slow.recv(1000)
            slow.sendall(b"GET / HTTP/1.1\r\nHo")
            slow.settimeout(10)
            assert slow.recv(1000) == b""
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.settimeout(10)
            assert silent.recv(1000) == b""
    finally:
        run.should_exit = True
        thread.join(10)


def test_a_port_that_is_taken_is_said():
    from seqtag import UsageError
    from seqtag.serving.server import listen

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"--port \d+: Address already in use; choose others"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(UsageError, match=r"--host no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 8000)
