"""Classes that texts got in annotation tools: whose answer counts, one label or several, and what is left out."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError


def choice(*labels):
    return {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def task(text, *annotations, **more):
    return {"data": {"text": text}, "annotations": list(annotations)} | more


def read(tmp_path: Path, content, name="export.json", suffix=""):
    path = tmp_path / name
    lines = json.dumps(content) if name.endswith(".json") else "".join(json.dumps(each) + "\n" for each in content)
    path.write_text(lines, encoding="utf-8")
    rows = load_corpus(f"{path}{suffix}", split="train", task="classify")
    several = "labels" in rows.features
    names = rows.features["labels"].feature.names if several else rows.features["label"].names
    labels = [[names[i] for i in ids] for ids in rows["labels"]] if several else [names[i] for i in rows["label"]]
    return list(zip(rows["text"], labels))


def test_choices_of_label_studio(tmp_path):
    tasks = [
        task("Fine.", {"result": [choice("good")]}),
        task("Bah!", {"result": [choice("good")]}, {"result": [choice("bad")]}),
        task("Hm.", {"result": [choice("bad")], "ground_truth": True}, {"result": [choice("good")]}),
        task("Oh.", {"result": [choice("bad")], "was_cancelled": True}),
        task("New.", predictions=[{"result": [choice("good")]}]),
    ]
    assert read(tmp_path, tasks) == [("Fine.", "good"), ("Bah!", "bad"), ("Hm.", "bad")]


def test_texts_with_no_choice_or_two_have_lists(tmp_path):
    tasks = [task("a", {"result": [choice("x", "y")]}), task("b", {"result": []})]
    assert read(tmp_path, tasks) == [("a", ["x", "y"]), ("b", [])]


def test_predictions_count_where_nobody_was_asked_yet(tmp_path):
    tasks = [{"data": {"text": "a", "id": 3}, "predictions": [{"result": [choice("x")], "score": 0.7}]}]
    assert read(tmp_path, tasks) == [("a", "x")]


def test_the_text_of_a_task_is_named(tmp_path):
    tasks = [{"data": {"title": "t", "body": "b"}, "annotations": [{"result": [choice("x")]}]}]
    assert read(tmp_path, tasks, suffix=":text=body") == [("b", "x")]
    with pytest.raises(
        UsageError, match=r"export.json:1: which string is the text is not clear \(found: title, body\)"
    ):
        read(tmp_path, tasks)


def test_choices_of_prodigy(tmp_path):
    options = [{"id": "x", "text": "X"}, {"id": "y", "text": "Y"}]
    lines = [
        {"text": "a", "options": options, "accept": ["x"], "answer": "accept"},
        {"text": "b", "options": options, "accept": ["y"], "answer": "reject"},
        {"text": "c", "options": options, "accept": ["y"], "answer": "ignore"},
    ]
    assert read(tmp_path, lines, "export.jsonl") == [("a", "x")]
    assert read(tmp_path, [*lines, lines[0] | {"accept": []}], "export.jsonl") == [("a", ["x"]), ("a", [])]


@pytest.mark.parametrize(
    ("cats", "labels"),
    [
        ([{"x": 0.9, "y": 0.1}, {"x": 0.4, "y": 0.6}], ["x", "y"]),
        ([{"x": 1.0, "y": 1.0}, {"x": 0.4, "y": 0.6}, {"x": 0.0, "y": 0.0}], [["x", "y"], ["y"], []]),
    ],
)
def test_cats_of_spacy(tmp_path, cats, labels):
    nlp = spacy.blank("en")
    docs = [nlp(f"text {number}") for number in range(len(cats))]
    for doc, own in zip(docs, cats):
        doc.cats = own
    DocBin(docs=docs).to_disk(tmp_path / "x.spacy")
    rows = load_corpus(tmp_path / "x.spacy", split="train", task="classify")
    several = "labels" in rows.features
    names = rows.features["labels"].feature.names if several else rows.features["label"].names
    found = [[names[i] for i in ids] for ids in rows["labels"]] if several else [names[i] for i in rows["label"]]
    assert (found, rows["text"][0]) == (labels, "text 0")


def test_documents_without_cats_are_named(tmp_path):
    DocBin(docs=[spacy.blank("en")("a")]).to_disk(tmp_path / "x.spacy")
    with pytest.raises(DataError, match=r"x.spacy: document 1 has no classes \(doc.cats\)"):
        load_corpus(tmp_path / "x.spacy", task="classify")
