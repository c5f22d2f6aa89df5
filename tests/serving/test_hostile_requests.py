"""Whatever a client sends, it is answered with a refusal that says why, and never with an error of the service.

`FUZZ_REQUESTS=5000 python -m pytest tests/serving` sends so many random bodies.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from seqtag.serving.settings import Limits

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "0"))  # 0: the same few ones each time
STREAM = {"content-type": "application/x-ndjson"}
CONFIG = '<View><Labels name="l" toName="t"><Label value="PER"/></Labels><Text name="t" value="$text"/></View>'
PATHS = (
    "/models/ner/predict",
    "/models/mood/predict",
    "/models/lm/predict",
    "/models/lm/next",
    "/models/ner/next",
    "/models/ner",
    "/models/mood",
    "/analyze",
    "/setup",
    "/predict",
    "/webhook",
    "/collect",
)
KEYS = [
    "texts",
    "tokens",
    "threshold",
    "known",
    "strength",
    "words",
    "text",
    "k",
    "inputs",
    "parameters",
    "top_k",
    "aggregation_strategy",
    "language",
    "score_threshold",
    "entities",
    "tasks",
    "label_config",
    "schema",
    "action",
    "task",
    "annotation",
    "project",
    "spans",
    "label",
    "labels",
    "start",
    "end",
    "result",
    "data",
    "id",
    "value",
    "type",
    "choices",
]
leaves = (st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | st.text(max_size=8)) | st.sampled_from(
    ["labels", "choices", "ANNOTATION_CREATED", CONFIG, "none", "PER", "xx"]
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(KEYS), values, max_size=5).map(json.dumps).map(str.encode)
marks = st.fixed_dictionaries(
    {}, optional={"start": leaves, "end": leaves, "labels": values, "choices": values, "text": leaves}
)
events = st.builds(
    lambda kind, value, text: json.dumps(
        {
            "action": "ANNOTATION_CREATED",
            "task": {"id": 1, "data": {"text": text}},
            "annotation": {"result": [{"type": kind, "value": value}]},
        }
    ).encode(),
    st.sampled_from(["labels", "choices"]),
    marks,
    st.text(max_size=5),
)


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient], tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    kept = tmp_path_factory.mktemp("kept") / "kept.jsonl"
    return serve(with_lm=True, collect=str(kept), limits=Limits(body_bytes=2_000_000, characters=3_000))


@settings(
    max_examples=REQUESTS or 250,
    deadline=None,
    derandomize=not REQUESTS,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(path=st.sampled_from(PATHS), body=bodies | events | st.binary(max_size=30), is_stream=st.booleans())
def test_no_body_makes_the_service_fail(client: TestClient, path: str, body: bytes, is_stream: bool):
    response = client.post(path, content=body, headers=STREAM if is_stream else {})
    assert response.status_code < 500, (path, body, response.text)
    assert "Traceback" not in response.text
    if response.status_code != 200:
        assert response.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/ner/predict", json.dumps({"texts": [1] * 500_000})),
        ("/models/ner/predict", json.dumps({str(number): 1 for number in range(50_000)})),
        ("/models/ner/predict", json.dumps({"k" * 1_000_000: 1})),
        ("/models/ner", json.dumps({"inputs": [1] * 500_000})),
        ("/setup", json.dumps({"schema": "<View>" + "<Labels>" * 30_000 + "</Labels>" * 30_000 + "</View>"})),
        ("/models/ner/predict", '{"texts": ' + "[" * 100_000),
    ],
)
def test_a_body_with_very_many_faults_is_refused_briefly(client: TestClient, path: str, body: str):
    response = client.post(path, content=body)
    assert response.status_code == 422
    assert len(response.content) < 500


def test_only_the_address_of_streams_takes_a_body_without_a_limit(client: TestClient):
    body = json.dumps({"text": "a" * 3_000_000, "label": "x"}).encode()
    assert client.post("/collect", content=body, headers=STREAM).status_code == 413


def test_a_line_at_fault_in_a_stream_harms_no_other(client: TestClient):
    lines = [{"text": "Ada met Marie"}, {"text": "a" * 5_000}, {"text": "Ada"}, *[{"text": "b" * 900}] * 5]
    answer = client.post("/models/ner/predict", content="\n".join(map(json.dumps, lines)), headers=STREAM).text
    found = [json.loads(line) for line in answer.splitlines()]
    assert ["error" in one for one in found] == [False, True, *[False] * 6]
    assert "5,000 characters" in found[1]["error"]


@pytest.mark.parametrize("key", ["threshold", "words", "k"])
def test_values_of_another_type_are_not_guessed_at(client: TestClient, key: str):
    path, body = ("/models/lm/next", {"text": "a"}) if key == "k" else ("/models/ner/predict", {"texts": ["a"]})
    response = client.post(path, json={**body, key: "1"})
    assert response.status_code == 422
    assert response.json()["field"] == key


def test_a_page_of_another_site_may_not_ask(client: TestClient, serve: Callable[..., TestClient]):
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://example.org"}
    assert client.post("/models/ner/predict", json={"texts": ["a"]}, headers=foreign).status_code == 403
    own = {**foreign, "sec-fetch-site": "same-origin"}
    assert client.post("/models/ner/predict", json={"texts": ["a"]}, headers=own).status_code == 200
    allowing = serve(origins=("https://example.org",))
    assert allowing.post("/models/ner/predict", json={"texts": ["a"]}, headers=foreign).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        {"start": float("inf"), "end": 3, "labels": ["PER"]},
        {"start": 0.5, "end": 3, "labels": ["PER"]},
        {"start": 0, "end": 3, "labels": "PER"},
        {"start": 0, "end": 3, "labels": [1]},
        {"start": 0, "end": 3, "labels": ["PER", "LOC"]},
        {"start": 3, "end": 4, "labels": ["PER"]},
    ],
)
def test_an_annotation_that_is_no_span_is_refused(client: TestClient, value: dict):
    event = {
        "action": "ANNOTATION_CREATED",
        "task": {"id": 1, "data": {"text": "Ada met"}},
        "annotation": {"result": [{"type": "labels", "value": value}]},
    }
    response = client.post("/webhook", content=json.dumps(event))
    assert (response.status_code, response.json()["field"]) == (422, "annotation")


def test_the_project_says_which_text_was_annotated(serve: Callable[..., TestClient], tmp_path: Path):
    config = '<View><Text name="t" value="$body"/><Choices name="c" toName="t" choice="multiple"/></View>'
    event = {
        "action": "ANNOTATION_CREATED",
        "project": {"label_config": config},
        "task": {"id": 1, "data": {"body": "good", "url": "https://example.org/long"}},
        "annotation": {"result": [{"type": "choices", "from_name": "c", "value": {"choices": ["pos"]}}]},
    }
    assert serve(collect=str(tmp_path / "kept.jsonl")).post("/webhook", json=event).json() == {"kept": 1, "moved": []}
    assert json.loads((tmp_path / "kept.jsonl").read_text()) == {"id": "1", "text": "good", "labels": ["pos"]}
