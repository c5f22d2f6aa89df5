"""The endpoints, asked over HTTP: ours and the dialects, and what is refused with which words."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from seqtag import LanguageModel, load_corpus
from seqtag.runtime import load
from seqtag.serving.served_models import ServedModel
from seqtag.serving.settings import Limits

TEXTS = ["Marie met Ada in Oslo. It rained.", "", "Nobody at Siemens knew.", "Ada 😀 met Marie in Oslo"]


def refused(response, status: int, words: str, field: str | None = None) -> None:
    assert response.status_code == status, response.text
    assert words in response.json()["error"]
    assert response.json()["field"] == field


def test_health_and_models_tell_what_is_served(client: TestClient):
    health = client.get("/health").json()
    assert (health["status"], health["models"]) == ("UP", ["ner", "mood"])
    ner, mood = client.get("/models").json()
    assert (ner["task"], mood["task"]) == ("tag", "classify")
    assert ner["labels"]
    assert mood["labels"]


def test_texts_get_the_spans_that_the_model_finds(client: TestClient, exported_tagger: Path):
    answers = client.post("/models/ner/predict", json={"texts": TEXTS}).json()["answers"]
    for answer, spans in zip(answers, load(exported_tagger).predict_spans(TEXTS)):
        found = [(s["start"], s["end"], s["label"], s["text"], s["score"]) for s in answer["spans"]]
        assert found == [(s.start, s.end, s.label, s.text, round(s.score, 6)) for s in spans]
    assert any(answer["spans"] for answer in answers)


def test_token_lists_get_tags_and_spans_of_tokens(client: TestClient, exported_tagger: Path):
    lists = [["Ada", "met", "Marie"], [], ["Oslo"]]
    answers = client.post("/models/ner/predict", json={"tokens": lists}).json()["answers"]
    assert [answer["tags"] for answer in answers] == load(exported_tagger).predict(lists)


def test_texts_get_the_classes_that_the_model_finds(client: TestClient, exported_classifier: Path):
    classifier = load(exported_classifier)
    answers = client.post("/models/mood/predict", json={"texts": TEXTS[:1]}).json()["answers"]
    assert answers[0]["label"] == str(classifier.predict(TEXTS[:1])[0])
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_a_threshold_leaves_out_spans_and_their_tags(client: TestClient):
    tokens = [["Ada", "met", "Marie", "in", "Oslo"]]
    answer = client.post("/models/ner/predict", json={"tokens": tokens, "threshold": 1.0}).json()["answers"][0]
    assert (answer["spans"], answer["tags"]) == ([], ["O"] * 5)


def test_a_stream_is_answered_line_by_line_in_order(client: TestClient):
    lines = ['{"text": "Ada met Marie in Oslo"}', '{"txt": 1}', "", '{"tokens": ["Ada"]}', "nonsense"] * 3
    response = client.post(
        "/models/ner/predict", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
    )
    answers = list(map(json.loads, response.text.splitlines()))
    assert len(answers) == 4 * 3
    whole = client.post("/models/ner/predict", json={"texts": ["Ada met Marie in Oslo"]}).json()["answers"][0]
    assert answers[0] == answers[4] == answers[8] == whole
    assert answers[1]["error"] == "txt: unknown; choose from known, strength, text, tokens; did you mean 'text'?"
    assert answers[2]["tags"]
    assert "JSON" in answers[3]["error"]


@pytest.mark.parametrize(
    ("body", "words", "field"),
    [
        (b"", "JSON", None),
        (b"[" * 100_000, "", None),
        (b'{"texts": "Ada"}', "array", "texts"),
        (b'{"texts": ["Ada", 3]}', "string", "texts.1"),
        (b'{"texts": ["\\ud800"]}', "", None),
        (b'{"text": ["Ada"]}', "did you mean 'texts'?", "text"),
        (b'{"texts": [], "tokens": []}', "one of the two", None),
        (b'{"texts": ["Ada"], "threshold": 2}', "less than or equal to 1", "threshold"),
        (b'{"texts": ["Ada"], "threshold": NaN}', "", None),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_its_field(client: TestClient, body: bytes, words: str, field: str | None):
    response = client.post("/models/ner/predict", content=body)
    assert response.status_code == 422
    assert words in response.json()["error"]
    if field is not None:
        assert response.json()["field"] == field


def test_what_does_not_exist_is_said_in_json(client: TestClient):
    refused(
        client.post("/models/pos/predict", json={"texts": []}), 404, "no model is called 'pos'; there are: ner, mood"
    )
    refused(client.get("/nowhere"), 404, "nothing at this address")
    refused(client.put("/models"), 405, "PUT means nothing here")


def test_what_is_too_much_is_refused(serve: Callable[..., TestClient]):
    client = serve(limits=Limits(body_bytes=2_000, texts=3, characters=500))
    refused(client.post("/models/ner/predict", json={"texts": ["a"] * 4}), 422, "at most 3", "texts")
    refused(client.post("/models/ner/predict", json={"texts": ["a" * 600]}), 422, "at most 500", "texts")
    refused(client.post("/models/ner/predict", content=b" " * 3_000), 413, "more than 2,000 bytes")
    refused(client.post("/models/ner/predict", content=b" " * 100_000), 413, "more than 2,000 bytes")
    line = client.post("/models/ner/predict", content=b"x" * 3_000, headers={"content-type": "application/x-ndjson"})
    assert "more than 2,000 bytes" in json.loads(line.text)["error"]


def test_a_token_is_needed_where_one_is_set(serve: Callable[..., TestClient]):
    client = serve(token="secret")
    refused(client.get("/models"), 401, "Authorization: Bearer")
    refused(client.get("/models", headers={"authorization": "Bearer secre"}), 401, "Authorization")
    assert client.get("/models", headers={"authorization": "Bearer secret"}).status_code == 200
    assert client.get("/models", auth=("anybody", "secret")).status_code == 200
    assert client.get("/health").status_code == 200
    assert client.get("/").status_code == 200


def test_another_host_name_is_refused_on_this_machine_alone(client: TestClient, serve: Callable[..., TestClient]):
    refused(client.get("/models", headers={"host": "evil.example"}), 421, "localhost")
    assert client.get("/models", headers={"host": "[::1]:8000"}).status_code == 200
    assert serve(host="0.0.0.0").get("/models", headers={"host": "box.example"}).status_code == 200


def test_no_other_site_may_ask_from_a_browser_unless_it_is_named(client: TestClient, serve: Callable[..., TestClient]):
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.get("/models", headers=asked).headers
    allowed = serve(origins=("https://app.example",), token="secret").options("/models/ner/predict", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"


def test_each_answer_has_an_id(client: TestClient):
    assert client.get("/health", headers={"x-request-id": "a-1"}).headers["x-request-id"] == "a-1"
    assert len(client.get("/health", headers={"x-request-id": "no\ttabs"}).headers["x-request-id"]) == 16


def test_hugging_faces_shape(client: TestClient):
    spans = client.post("/models/ner/predict", json={"texts": TEXTS[:1]}).json()["answers"][0]["spans"]
    found = client.post("/models/ner", json={"inputs": TEXTS[0]}).json()
    assert [(e["entity_group"], e["word"], e["start"]) for e in found] == [
        (s["label"], s["text"], s["start"]) for s in spans
    ]
    each = client.post(
        "/models/ner", json={"inputs": TEXTS, "parameters": {"aggregation_strategy": "none", "other": 1}}
    ).json()
    assert len(each) == len(TEXTS)
    assert all(entity["entity"][:2] in ("B-", "I-") for entity in each[0])
    classes = client.post("/models/mood", json={"inputs": "good", "parameters": {"top_k": 1}}).json()
    assert [len(one) for one in classes] == [1]
    refused(
        client.post("/models/ner", json={"inputs": "a", "parameters": {"aggregation_strategy": "best"}}),
        422,
        "none",
        "parameters.aggregation_strategy",
    )


def test_presidios_shape(client: TestClient, served: dict[str, ServedModel]):
    language = served["ner"].predictor.language
    found = client.post("/analyze", json={"text": TEXTS[0], "language": language}).json()
    assert {entity["entity_type"] for entity in found} <= set(served["ner"].labels)
    assert found
    kept = client.post(
        "/analyze", json={"text": TEXTS[0], "language": language, "entities": [], "correlation_id": "x"}
    ).json()
    assert kept == []
    if language != "xx":
        refused(client.post("/analyze", json={"text": "", "language": "zz"}), 422, "no tagger for language", "language")


def labelling(labels: list[str]) -> str:
    inner = "".join(f'<Label value="{label}"/>' for label in labels)
    return f'<View><Labels name="who" toName="t">{inner}</Labels><Text name="t" value="$body"/></View>'


def test_label_studio_is_answered_in_its_shape(client: TestClient, served: dict[str, ServedModel]):
    labels = served["ner"].labels
    config = labelling(labels)
    assert client.post("/setup", json={"project": "1", "schema": config}).json() == {"model_version": "ner"}
    tasks = [{"id": 7, "data": {"body": text}} for text in TEXTS]
    results = client.post("/predict", json={"tasks": tasks, "label_config": config}).json()["results"]
    assert len(results) == len(TEXTS)
    for text, result in zip(TEXTS, results):
        for each in result["result"]:
            assert (each["from_name"], each["to_name"], each["type"]) == ("who", "t", "labels")
            assert text[each["value"]["start"] : each["value"]["end"]] == each["value"]["text"]
    refused(
        client.post("/predict", json={"tasks": tasks, "label_config": labelling(["no"])}),
        422,
        "no model here",
        "label_config",
    )
    refused(client.post("/setup", json={"schema": "<View"}), 422, "not XML", "label_config")
    refused(client.post("/setup", json={"schema": "<!DOCTYPE a><View/>"}), 422, "document type", "label_config")
    refused(client.post("/predict", json={"tasks": [{"id": 1}], "label_config": config}), 422, "task 1", "tasks")


def test_a_span_that_cuts_a_token_is_kept_whole_and_said(serve: Callable[..., TestClient], tmp_path: Path):
    client = serve(collect=str(tmp_path / "kept.jsonl"))
    text = "Ada met Marie."
    record = {"text": text, "spans": [{"start": 0, "end": 2, "label": "PER"}], "model": "ner"}
    assert client.post("/collect", json=record).json() == {
        "kept": 1,
        "moved": ["PER span 0:2 'Ad' cuts a token; moved to 0:3 'Ada'"],
    }
    twice = {"text": text, "spans": [{"start": 8, "end": 10, "label": "PER"}, {"start": 10, "end": 13, "label": "LOC"}]}
    refused(client.post("/collect", json=twice), 422, "two spans lie in one token, 'Marie'", "spans")
    assert [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()] == [
        {"text": text, "spans": [{"start": 0, "end": 3, "label": "PER"}]}
    ]


def test_what_people_finish_is_collected_and_can_be_read(serve: Callable[..., TestClient], tmp_path: Path):
    kept = tmp_path / "kept.jsonl"
    client = serve(collect=str(kept))
    record = {"text": TEXTS[3], "spans": [{"start": 0, "end": 3, "label": "PER"}]}
    assert client.post("/collect", json=record).json() == {"kept": 1, "moved": []}
    annotation = {
        "result": [
            {"type": "labels", "value": {"start": 6, "end": 9, "labels": ["PER"], "text": "met"}},
            {"type": "rating", "value": {"rating": 3}},
        ]
    }
    event = {"action": "ANNOTATION_CREATED", "task": {"id": 4, "data": {"t": TEXTS[3]}}, "annotation": annotation}
    assert client.post("/webhook", json=event).json() == {"kept": 2, "moved": []}
    annotation["result"][0]["value"] = {"start": 10, "end": 15, "labels": ["PER"]}
    assert client.post("/webhook", json={**event, "action": "ANNOTATION_UPDATED"}).json() == {"kept": 2, "moved": []}
    assert client.post("/webhook", json={"action": "PROJECT_UPDATED"}).json() == {"kept": 2, "moved": []}
    rows = load_corpus(str(kept), split="train")
    names = rows.features["tags"].feature.names
    marked = [[t for t, tag in zip(row["tokens"], row["tags"]) if names[tag] != "O"] for row in rows]
    assert marked == [["Ada"], ["Marie"]]
    refused(
        client.post("/collect", json={**record, "spans": [{"start": 5, "end": 99, "label": "PER"}]}), 422, "must lie"
    )
    refused(client.post("/webhook", json={**event, "annotation": {"result": 3}}), 422, "annotation", "annotation")


def test_without_a_file_nothing_is_collected(client: TestClient):
    refused(client.post("/collect", json={"text": "a", "label": "b"}), 404, "--collect FILE")


def test_the_figures_count(serve: Callable[..., TestClient]):
    client = serve()
    client.post("/models/ner/predict", json={"texts": ["Ada met Marie."]})
    client.get("/nowhere")
    figures = client.get("/metrics").text
    assert 'seqtag_requests_total{path="/models/{name}/predict",status="200"} 1.0' in figures
    assert 'seqtag_tokens_total{model="ner"} 4.0' in figures
    assert 'seqtag_rejected_total{reason="address"} 1.0' in figures
    assert "nowhere" not in figures


def test_an_error_of_the_service_says_no_text(serve: Callable[..., TestClient], monkeypatch, caplog):
    monkeypatch.setattr(ServedModel, "answer", lambda self, rows: {}[rows[0]])
    client = serve()
    response = client.post("/models/ner/predict", json={"texts": ["a secret"]})
    refused(response, 500, response.headers["x-request-id"])
    assert "secret" not in caplog.text + response.text


def test_the_document_describes_every_body(client: TestClient):
    document = client.get("/openapi.json").json()
    assert document["paths"]["/models/{name}/predict"]["post"]["requestBody"]["required"]

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            here = {node["$ref"]} if "$ref" in node else set()
            return here.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_a_language_model_says_what_may_follow(serve: Callable[..., TestClient], saved_language_model: Path):
    client = serve(with_lm=True)
    expected = LanguageModel.load(saved_language_model, device="cpu").predict_next("to b", k=3)
    found = client.post("/models/lm/next", json={"text": "to b", "k": 3}).json()["next"]
    assert found == [{"symbol": symbol, "probability": round(p, 6)} for symbol, p in expected]
    described = client.get("/models").json()[-1]
    assert (described["task"], described["kind"]) == ("lm", "language model of characters")
    refused(client.post("/models/lm/predict", json={"texts": ["a"]}), 422, "ask POST /models/lm/next")
    refused(client.post("/models/lm", json={"inputs": "a"}), 422, "ask POST /models/lm/next")
    refused(client.post("/models/ner/next", json={"text": "a"}), 422, "ask POST /models/ner/predict")


def test_tokens_of_requests_that_go_together_are_counted_once(serve: Callable[..., TestClient]):
    client = serve()
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(lambda _: client.post("/models/ner/predict", json={"tokens": [["Ada", "met"]]}), range(40)))
    assert 'seqtag_tokens_total{model="ner"} 80.0' in client.get("/metrics").text


def test_a_threshold_is_for_models_that_choose_by_one(client: TestClient):
    response = client.post("/models/mood/predict", json={"texts": ["good"], "threshold": 0.9})
    refused(response, 422, "always the most probable one", "threshold")


# -- known spans ----------------------------------------------------------------------------------


KNOWN = [[{"start": 0, "end": 9, "label": "ORG"}], [], [], [{"start": 6, "end": 9, "label": "LOC", "strength": 2.0}]]


def test_known_spans_are_those_of_the_model(client: TestClient, exported_tagger: Path):
    answers = client.post("/models/ner/predict", json={"texts": TEXTS, "known": KNOWN}).json()["answers"]
    known = [[tuple(span.values()) for span in spans] for spans in KNOWN]
    expected = load(exported_tagger).predict_spans(TEXTS, known=known)
    for answer, spans in zip(answers, expected, strict=True):
        found = [(s["start"], s["end"], s["label"], s["text"], s["score"]) for s in answer["spans"]]
        assert found == [(s.start, s.end, s.label, s.text, round(s.score, 6)) for s in spans]
    assert answers[0]["spans"][0] == {"start": 0, "end": 9, "label": "ORG", "score": 1.0, "text": "Marie met"}
    tokens, known = [["Ada", "met", "Marie"], []], [[{"start": 1, "end": 3, "label": "LOC"}], []]
    answers = client.post("/models/ner/predict", json={"tokens": tokens, "known": known}).json()["answers"]
    assert answers[0]["tags"][1:] == ["B-LOC", "I-LOC"]
    body = {"tokens": tokens, "known": known, "strength": 1e-6}
    assert client.post("/models/ner/predict", json=body).json()["answers"][0]["tags"][1:] != ["B-LOC", "I-LOC"]
    line = json.dumps({"tokens": tokens[0], "known": known[0]})
    streamed = client.post("/models/ner/predict", content=line, headers={"content-type": "application/x-ndjson"})
    assert json.loads(streamed.text) == answers[0]


def test_requests_that_go_together_keep_what_each_knows(serve: Callable[..., TestClient]):
    client = serve()
    bodies = [
        {
            "tokens": [["Ada", "met", "Marie"]],
            **({"known": [[{"start": 0, "end": 1 + i % 3, "label": "ORG"}]]} if i % 4 else {}),
        }
        for i in range(24)
    ]
    alone = [client.post("/models/ner/predict", json=body).json() for body in bodies]
    with ThreadPoolExecutor(8) as clients:
        together = list(clients.map(lambda body: client.post("/models/ner/predict", json=body).json(), bodies))
    assert together == alone


@pytest.mark.parametrize(
    ("changes", "words", "field"),
    [
        ({"known": [[]]}, "a list of spans for each text", None),
        ({"strength": 1.0}, "strength is that of known spans", None),
        ({"known": KNOWN, "strength": 0}, "greater than 0", "strength"),
        ({"known": KNOWN, "strength": "1"}, "number", "strength"),
        ({"known": [[{"start": 0, "end": 3, "label": "PERS"}], [], [], []]}, "none of the model's", "known"),
        ({"known": [[{"start": 1, "end": 3, "label": "PER"}], [], [], []]}, "does not begin and end where", "known"),
        ({"known": [[], [{"start": 0, "end": 1, "label": "PER"}], [], []]}, "does not lie within", "known"),
        ({"known": [[{"start": 0, "end": 5, "label": "PER"}] * 2, [], [], []]}, None, None),
        ({"known": [[{"start": -1, "end": 5, "label": "PER"}], [], [], []]}, "greater than", "known.0.0.start"),
        ({"known": [[[0, 5, "PER"]], [], [], []]}, "", "known.0.0"),
        ({"known": [[{"start": 0, "end": 2**70, "label": "PER"}], [], [], []]}, "does not lie within", "known"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_field(client: TestClient, changes: dict, words: str, field: str):
    response = client.post("/models/ner/predict", json={"texts": TEXTS, **changes})
    if words is None:
        assert response.status_code == 200
    else:
        refused(response, 422, words, field)


def test_a_classifier_knows_no_spans(client: TestClient):
    body = {"texts": ["good"], "known": [[{"start": 0, "end": 4, "label": "PER"}]]}
    refused(client.post("/models/mood/predict", json=body), 422, "spans are what a tagger finds", "known")
    line = json.dumps({"text": "good", "known": body["known"][0]})
    streamed = client.post("/models/mood/predict", content=line, headers={"content-type": "application/x-ndjson"})
    assert "spans are what a tagger finds" in json.loads(streamed.text)["error"]
