"""Unknown tags from every kind of source: read as ?, kept, and told."""

import json
import logging

import pytest
import spacy
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from spacy.tokens import DocBin

from seqtag import load_corpus
from seqtag.corpora.conversion import content, count, losses, read_tagged, reading_suffix
from seqtag.corpora.formats.writers.formats import FORMATS
from seqtag.errors import DataError, UsageError

TAGS = [["B-PER", "?", "O"], ["O"]]


def names_of(data):
    names = data.features["tags"].feature.names
    return [[names[i] for i in row] for row in data["tags"]]


def test_a_column_file_has_unknown_tags(tmp_path, caplog):
    path = tmp_path / "data.conll"
    path.write_text("Ada B-PER\nmet ?\nBo O\n\nYes O\n")
    with caplog.at_level(logging.WARNING, "seqtag"):
        data = load_corpus(path)["train"]
    assert names_of(data) == TAGS
    assert data.features["tags"].feature.names == ["O", "B-PER", "?"]
    assert "1 of 4 tags are unknown" in caplog.text
    path.write_text("Ada B-PER\nmet XX\nBo O\n\nYes O\n")
    assert names_of(load_corpus(path, unknown="XX")["train"]) == TAGS
    assert names_of(load_corpus(f"{path}:unknown=XX")["train"]) == TAGS


def test_a_tag_that_is_written_as_unknown_ones_are_needs_another_name(tmp_path):
    path = tmp_path / "data.conll"
    path.write_text("Ada PROPN\n? ?\n")
    with pytest.raises(DataError, match=r"has the tag \?.*another name"):
        load_corpus(path, unknown=None)


@pytest.mark.parametrize("missing", [-1, -100, None])
def test_a_dataset_has_unknown_tags_by_number(missing):
    features = Features({"tokens": Sequence(Value("string")), "tags": Sequence(ClassLabel(names=["O", "B-PER"]))})
    numbers = [[1, -1 if missing is None else missing, 0], [0]]
    if missing == -100:  # which datasets does not take for a class
        plain = Features({"tokens": Sequence(Value("string")), "tags": Sequence(Value("int64"))})
        data = Dataset.from_dict({"tokens": [["Ada", "met", "Bo"], ["Yes"]], "tags": numbers}, plain)
        data = Dataset(data.data.cast(features.arrow_schema), info=data.info)
        data.info.features = features
    else:
        rows = [[1, missing, 0], [0]]
        data = Dataset.from_dict({"tokens": [["Ada", "met", "Bo"], ["Yes"]], "tags": rows}, features)
    corpus = load_corpus(data)
    assert names_of(corpus["train"]) == TAGS
    assert names_of(load_corpus(corpus)["train"]) == TAGS  # settled once, it stays as it is


def test_a_dataset_has_unknown_tags_by_name():
    data = Dataset.from_dict({"tokens": [["Ada", "met", "Bo"], ["Yes"]], "tags": [["B-PER", None, "O"], ["O"]]})
    assert names_of(load_corpus(data)["train"]) == TAGS


def test_what_spacy_calls_missing_is_unknown(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp("Ada met Bo")
    doc.set_ents([doc.char_span(0, 3, "PER")], missing=[doc[1:2]], default="outside")
    DocBin(docs=[doc], store_user_data=False).to_disk(tmp_path / "data.spacy")
    assert names_of(load_corpus(tmp_path / "data.spacy")["train"]) == TAGS[:1]


def test_spans_of_the_label_unknown_and_annotated_labels_of_records(tmp_path):
    path = tmp_path / "data.jsonl"
    records = [
        {"text": "Ada met Bo", "spans": [[0, 3, "PER"], [4, 7, "?"]]},
        {"text": "Bo in Rome", "spans": [{"start": 0, "end": 2, "label": "PER"}], "labels": ["PER"]},
        {"text": "in Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    data = load_corpus(path)["train"]
    assert names_of(data) == [["B-PER", "?", "O"], ["B-PER", "O", "O"], ["O", "B-LOC"]]
    assert data["annotated_labels"][:] == [None, ["PER"], None]
    assert load_corpus(data)["train"]["annotated_labels"][:] == [None, ["PER"], None]


def test_labels_of_a_whole_text_are_no_annotated_labels(tmp_path, caplog):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"text": "Ada met", "spans": [[0, 3, "PER"]], "labels": ["sports"]}) + "\n")
    with caplog.at_level(logging.INFO, "seqtag"):
        assert load_corpus(path)["train"].column_names == ["tokens", "tags"]
    assert "so all labels count as annotated there: 1" in caplog.text


def test_annotated_labels_without_a_span_are_told(caplog):
    rows = {"tokens": [["Ada"], ["Bo"]], "tags": [["B-PER"], ["O"]], "annotated_labels": [None, ["PRE"]]}
    load_corpus(Dataset.from_dict(rows))
    assert "names 'PRE', of which there is no span; choose from PER; did you mean 'PER'?" in caplog.text


def test_annotated_labels_are_of_spans(tmp_path):
    rows = {"tokens": [["Ada"], ["is"]], "tags": [["NOUN"], ["VERB"]], "annotated_labels": [None, ["VERB"]]}
    with pytest.raises(DataError, match="annotated_labels names labels of spans, and the tags are plain; leave it out"):
        load_corpus(Dataset.from_dict(rows))
    path = tmp_path / "rows.jsonl"
    path.write_text('{"tokens": ["Ada"], "tags": ["B-PER"], "labels": ["PER"]}\n')
    with pytest.raises(
        UsageError, match="pass tag='tags'; labels that were annotated in a row stand in a column annot"
    ):
        load_corpus(path)


@pytest.mark.parametrize("name", ["jsonl", "doccano", "prodigy"])
def test_formats_that_hold_annotated_labels(name, tmp_path):
    source = tmp_path / "source.jsonl"
    records = [{"text": "Bo in Rome", "spans": [[0, 2, "PER"]], "labels": ["PER"]}, {"text": "In Oslo", "spans": []}]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    corpus = read_tagged(str(source))
    assert losses(corpus, name) == []
    form = FORMATS[name]
    path = tmp_path / f"out{form.ending}"
    path.write_text("".join(content(corpus, "train", form)))
    assert load_corpus(path)["train"]["annotated_labels"][:] == [["PER"], None]


def test_other_spellings_and_schemes_keep_unknown_tags():
    data = Dataset.from_dict({"tokens": [["Ada", "met", "Bo", "B"]], "tags": [["b_per", "?", "o", "b_per"]]})
    assert names_of(load_corpus(data)["train"]) == [["B-per", "?", "O", "B-per"]]
    assert names_of(load_corpus(data, scheme="BIOES")["train"]) == [["?", "?", "O", "S-per"]]


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if "tag" in form.tasks and form.is_read])
def test_each_format_holds_unknown_tags(name, tmp_path):
    source = tmp_path / "source.conll"
    source.write_text("Ada B-PER\nLovelace I-PER\nmet ?\nBo ?\nin O\nRome B-LOC\n\nYes O\n")
    corpus = read_tagged(str(source))
    form = FORMATS[name]
    path = tmp_path / f"out{form.ending}"
    pieces = content(corpus, "train", form)
    path.write_bytes(b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces))
    again = load_corpus(f"{path}{reading_suffix(corpus, name)}")["train"]
    assert names_of(again) == [["B-PER", "I-PER", "?", "?", "O", "B-LOC"], ["O"]]
    assert count(again).labels == count(corpus.splits["train"]).labels
