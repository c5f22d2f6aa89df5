"""`POST /models/NAME/explain`: what the model itself explains, as JSON; limits and refusals as elsewhere."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from seqtag import Span
from seqtag.runtime import load
from seqtag.serving.batching import Batcher, QueueFullError
from seqtag.serving.bodies import Explained
from seqtag.serving.settings import Limits

TEXT = "Ada met Marie in Oslo. Siemens opened a plant near Porto."


def test_what_was_found_is_explained(client: TestClient, exported_tagger: Path):
    answer = client.post("/models/ner/explain", json={"text": TEXT}).json()
    tagger = load(exported_tagger, threads=1)
    assert answer == {"model": "ner", **tagger.explain_text(TEXT).to_dict()}
    assert answer["explanations"]
    Explained.model_validate(answer)  # what the document promises
    tokens = ["Ada", "met", "Bo"]
    answer = client.post("/models/ner/explain", json={"tokens": tokens}).json()
    assert answer["explanations"] == tagger.explain(tokens).to_dict()["explanations"]


def test_a_span_and_a_class_can_be_asked_for(client: TestClient, exported_tagger: Path, exported_classifier: Path):
    asked = {"text": TEXT, "span": {"start": 17, "end": 21, "label": "PER"}}
    [one] = client.post("/models/ner/explain", json=asked).json()["explanations"]
    [expected] = load(exported_tagger).explain_text(TEXT, Span(17, 21, "PER"))
    assert one == expected.to_dict()
    assert one["span"]["text"] == "Oslo"
    for label in ("good", "bad"):
        [one] = client.post("/models/mood/explain", json={"text": "A dull day.", "label": label}).json()["explanations"]
        assert one == load(exported_classifier).explain("A dull day.", label)[0].to_dict()
    answer = client.post("/models/mood/explain", json={"text": "A dull day."}).json()
    Explained.model_validate(answer)
    assert len(answer["explanations"][0]["weights"]) == 4


def test_what_is_known_is_said(client: TestClient, exported_tagger: Path):
    known = [{"start": 17, "end": 21, "label": "PER"}, {"start": 0, "end": 3, "label": "ORG", "strength": 3.0}]
    answer = client.post("/models/ner/explain", json={"text": TEXT, "known": known}).json()
    tagger = load(exported_tagger)
    assert (
        answer["explanations"]
        == tagger.explain_text(TEXT, known=[(17, 21, "PER"), (0, 3, "ORG", 3.0)]).to_dict()["explanations"]
    )
    [oslo] = [one for one in answer["explanations"] if one["span"]["text"] == "Oslo"]
    assert (oslo["probability"], oslo["known"]) == (1.0, "for certain")
    Explained.model_validate(answer)
    tokens = {"tokens": ["Ada", "met", "Bo"], "known": [{"start": 2, "end": 3, "label": "LOC"}], "strength": 30.0}
    [*_, last] = client.post("/models/ner/explain", json=tokens).json()["explanations"]
    assert (last["span"]["label"], last["known"]) == ("LOC", "with a strength of 30")


@pytest.mark.parametrize(
    ("model", "body", "words", "field"),
    [
        ("ner", {}, "give text or tokens, one of the two", None),
        ("ner", {"text": "a", "tokens": ["a"]}, "give text or tokens, one of the two", None),
        ("ner", {"text": "a", "spann": 1}, "unknown; choose from known, label, span, strength, text, tokens", "spann"),
        ("ner", {"text": TEXT, "span": {"start": 0, "end": 5, "label": "PER"}}, "the tokens there are: 'Ada'", "span"),
        ("ner", {"text": TEXT, "span": {"start": 0, "end": 3, "label": "X"}}, "no label 'X'; choose from", "span"),
        ("ner", {"text": TEXT, "span": {"start": -1, "end": 3, "label": "PER"}}, "greater than or equal", "span.start"),
        ("ner", {"text": TEXT, "known": [{"start": 0, "end": 2, "label": "PER"}]}, "PER at 0-2, 'Ad'", "known"),
        ("ner", {"text": TEXT, "known": [{"start": 0, "end": 3, "label": "X"}]}, "X at 0-3; its label is", "known"),
        ("ner", {"text": TEXT, "strength": 2.0}, "strength is that of known spans", None),
        ("mood", {"text": "a", "known": [{"start": 0, "end": 1, "label": "bad"}]}, "spans are what a tagger", "known"),
        ("ner", {"text": TEXT, "label": "PER"}, "ner is a tagger of spans; leave it out", "label"),
        ("mood", {"text": "a", "span": {"start": 0, "end": 1, "label": "bad"}}, "mood is a classifier", "span"),
        ("mood", {"text": "a", "label": "X"}, "no such class", "label"),
        ("nobody", {"text": "a"}, "no model is called", None),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(client: TestClient, model: str, body: dict, words: str, field: str):
    answer = client.post(f"/models/{model}/explain", json=body)
    assert answer.status_code == (404 if model == "nobody" else 422)
    assert words in answer.json()["error"]
    assert answer.json().get("field") == field


def test_too_long_a_text_is_refused(serve: Callable[..., TestClient]):
    client = serve(limits=Limits(batch_characters=20))
    answer = client.post("/models/ner/explain", json={"text": "Ada met Bo in Oslo. "})
    assert answer.status_code == 200
    answer = client.post("/models/ner/explain", json={"text": "Ada met Bo in Oslo. !"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "21 characters, and at most 20 are explained at once", "field": "text"}


def test_explanations_that_wait_count():
    async def run() -> list[object]:
        batcher: Batcher[str, str] = Batcher(list, most=10, most_waiting=10)
        batcher.start()
        works = [batcher.run(lambda: time.sleep(0.05), 6) for _ in range(2)]
        found = await asyncio.gather(*works, return_exceptions=True)
        assert batcher.waiting == 0
        await batcher.stop()
        return found

    first, second = asyncio.run(run())
    assert first is None
    assert isinstance(second, QueueFullError)


def test_a_language_model_is_told_where_to_ask(serve: Callable[..., TestClient]):
    answer = serve(with_lm=True).post("/models/lm/explain", json={"text": "a"})
    assert answer.status_code == 422
    assert "/models/lm/next" in answer.json()["error"]
