"""A real server with many clients and with bad ones: nothing is lost, mixed up or answered with an error of its own."""

import http.client
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import pytest
from services import asked, running

from seqtag.serving.served_models import Answer, Classified, ServedModel, Tagged

MIXED = [
    *(f"Ada met Marie in Oslo on day {number}." for number in range(20)),
    *("It rained. " * number + "Hedy left Porto." for number in range(1, 9)),
    *("", "?", "王小明在北京工作。", "😀 Ada"),
]


class Service(NamedTuple):
    """A service that runs, and where it keeps what people correct."""

    port: int
    process: "Popen[bytes]"
    kept: Path


@pytest.fixture(scope="module")
def service(exported_tagger: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    kept = tmp_path_factory.mktemp("kept") / "kept.jsonl"
    limits = ("--max-queue", "120000", "--timeout", "5", "--collect", str(kept), "--threads", "1")
    with running(exported_tagger, *limits) as started:
        yield Service(started.port, started.process, kept)
        assert asked(started.port, "GET", "/health")[0] == 200  # whatever the tests have done to it
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(60) == 0
        for words in ("Traceback", "Ada", " 500 "):
            assert words not in started.logged()


def test_answers_to_many_clients_are_those_to_one_alone(service: Service):
    bodies = [{"texts": [text]} for text in MIXED] + [{"texts": MIXED[i : i + 5]} for i in range(0, 30, 5)]
    alone = [asked(service.port, "POST", "/models/ner/predict", body) for body in bodies]
    assert {status for status, _, _ in alone} == {200}
    with ThreadPoolExecutor(32) as clients:
        for _ in range(3):
            together = list(clients.map(lambda body: asked(service.port, "POST", "/models/ner/predict", body), bodies))
            assert [answer for _, _, answer in together] == [answer for _, _, answer in alone]


def numbers_of(answer: Answer) -> tuple[list[object], list[float]]:
    """What an answer says, and how probable each part of it is."""
    if isinstance(answer, Tagged):
        return [(span.start, span.end, span.label) for span in answer.spans], [span.score for span in answer.spans]
    assert isinstance(answer, Classified)
    return [*answer.chosen, *answer.probabilities], list(answer.probabilities.values())


@pytest.mark.parametrize("name", ["ner", "mood"])
def test_a_model_gives_the_same_numbers_in_any_company(served: dict[str, ServedModel], name: str):
    """To the last bits of float64; answers have six digits."""
    rows = [*MIXED, ["Ada", "met", "Marie"], ["Oslo"]]
    together = served[name].answer(rows)
    for row, answer in zip(rows, together):
        found, expected = numbers_of(answer), numbers_of(served[name].answer([row])[0])
        assert found[0] == expected[0]
        assert found[1] == pytest.approx(expected[1], abs=1e-14, rel=0)


def test_a_full_queue_says_when_to_come_again(service: Service):
    large = {"texts": ["Ada met Marie in Oslo. " * 2_000]}
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda body: asked(service.port, "POST", "/models/ner/predict", body), [large] * 16))
    counts = Counter(status for status, _, _ in found)
    assert counts[429] > 0
    assert set(counts) <= {200, 429, 503}
    assert {headers.get("retry-after") for status, headers, _ in found if status == 429} == {"1"}
    assert {answer["error"] for status, _, answer in found if status == 429} == {
        "too much is waiting for this model; come again"
    }


def test_a_body_that_comes_too_slowly_is_refused(service: Service):
    head = b"POST /models/ner/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as slow:
        slow.sendall(head + b'{"te')
        answer = b""
        began = time.monotonic()
        while b'"field"' not in answer and time.monotonic() < began + 15:
            answer += slow.recv(1000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within 5 s" in answer


def test_clients_that_go_away_harm_nobody(service: Service):
    body = json.dumps({"texts": MIXED}).encode()
    head = f"POST /models/ner/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (b"POST", head, head + body[:10], head + body, head + body + head):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", service.port)) as gone:
                gone.sendall(sent)
    assert asked(service.port, "POST", "/models/ner/predict", {"texts": ["Ada"]})[0] == 200


def test_a_body_of_100_megabytes_is_refused_and_not_kept(service: Service):
    statm = Path(f"/proc/{service.process.pid}/statm")
    before = int(statm.read_text().split()[1]) if statm.exists() else 0
    piece = b"a" * 1_000_000
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("POST", "/models/ner/predict", iter([piece] * 100), {"Content-Length": str(100 * len(piece))})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (
        413,
        "the body has more than 8,000,000 bytes; send several requests",
    )
    connection.close()
    if statm.exists():
        assert (int(statm.read_text().split()[1]) - before) * 4096 < 60e6


@pytest.mark.parametrize("text", ["(" * 50_000, "a" * 100_000, "\u0301" * 50_000, "\n" * 50_000, "(a" * 25_000])
def test_a_text_that_is_hard_to_cut_is_answered(service: Service, text: str):
    began = time.monotonic()
    status, _, answer = asked(service.port, "POST", "/models/ner/predict", {"texts": [text]})
    assert status == 200
    assert time.monotonic() - began < 5
    assert all(span["end"] <= len(text) for span in answer["answers"][0]["spans"])


def test_texts_that_are_kept_at_once_are_lines_of_their_own(service: Service):
    bodies = [
        {"text": f"Ada {'x' * number}", "spans": [{"start": 0, "end": 3, "label": "PER"}]} for number in range(1, 60)
    ]
    bodies += bodies[::3]  # some are corrected again in the meantime
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda body: asked(service.port, "POST", "/collect", body), bodies))
    assert {status for status, _, _ in found} == {200}
    lines = [json.loads(line) for line in service.kept.read_text(encoding="utf-8").splitlines()]
    assert sorted(line["text"] for line in lines) == sorted({body["text"] for body in bodies})
    assert all(line["spans"] == [{"start": 0, "end": 3, "label": "PER"}] for line in lines)


def closed_loop(port: int, until: threading.Event, outcomes: "Counter[str]", lock: threading.Lock) -> None:
    """Ask again and again on a connection that is kept, as a client does, until one is told that the service stops."""
    body = json.dumps({"texts": MIXED[:3]})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not until.is_set():
        outcome, is_over = "", True
        try:
            if connection.sock is None:
                outcome = "refused, nothing was sent"
                connection.connect()
            outcome = "lost"
            connection.request("POST", "/models/ner/predict", body)
            answer: Any = connection.getresponse()
            answer.read()
            outcome = f"{answer.status}, retry after {answer.headers['retry-after']}"
            is_over = answer.status == 503
        except OSError as error:
            outcome += f": {error!r}" if outcome == "lost" else ""
        except http.client.HTTPException as error:
            outcome += f": {error!r}"
        with lock:
            outcomes[outcome] += 1
        if is_over:
            break
    connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_is_lost_when_the_service_ends_under_load(exported_tagger: Path, workers: str):
    outcomes: Counter[str] = Counter()
    until, lock = threading.Event(), threading.Lock()
    with running(exported_tagger, "--threads", "1", "--workers", workers) as service:
        told = (service.port, until, outcomes, lock)
        clients = [threading.Thread(target=closed_loop, args=told, daemon=True) for _ in range(16)]
        for client in clients:
            client.start()
        time.sleep(1)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
        until.set()
        for client in clients:
            client.join(60)
    assert outcomes["200, retry after None"] > 16
    harmless = {"200, retry after None", "503, retry after 1", "refused, nothing was sent"}
    assert {outcome: count for outcome, count in outcomes.items() if outcome not in harmless} == {}
