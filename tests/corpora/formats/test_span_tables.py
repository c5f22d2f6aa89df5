"""Datasets with a text and a list of spans per row."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError
from seqtag.models.tagging.inputs import training_splits

TEXTS = ["Ada Byron lives in Oslo.", "It rains."]
SPANS = [[{"start": 0, "end": 9, "label": "PER"}, {"start": 19, "end": 23, "label": "LOC"}], []]
TAGS = [["B-PER", "I-PER", "O", "O", "B-LOC", "O"], ["O", "O", "O"]]


def tags(dataset, **options):
    found = load_corpus(dataset, split="train", **options)
    names = found.features["tags"].feature.names
    return [[names[number] for number in row] for row in found["tags"]]


@pytest.mark.parametrize("key", ["spans", "entities", "ner"])
def test_a_text_and_spans(key, tmp_path):
    dataset = Dataset.from_dict({"id": ["a", "b"], "text": TEXTS, key: SPANS})
    assert tags(dataset) == TAGS
    dataset.to_parquet(tmp_path / "x.parquet")
    assert tags(str(tmp_path / "x.parquet")) == TAGS


def test_labels_with_numbers_and_an_object_of_lists():
    label = ClassLabel(names=["LOC", "PER"])
    features = {
        "text": Value("string"),
        "spans": ListOf({"start": Value("int32"), "end": Value("int32"), "label": label}),
    }
    spans = [{key: [span[key] for span in each] for key in ("start", "end", "label")} for each in SPANS]
    assert tags(Dataset.from_dict({"text": TEXTS, "spans": spans}, features=Features(features))) == TAGS


def test_a_tagger_cuts_texts_with_spans_by_its_language():
    dataset = Dataset.from_dict(
        {"text": ["Ada doesn't wait."] * 4, "spans": [[{"start": 8, "end": 11, "label": "NOT"}]] * 4}
    )
    train, dev = training_splits(dataset, None, None, dev_share=0.25, seed=0, language="en")
    assert [*train["tokens"], *dev["tokens"]] == [["Ada", "does", "n't", "wait", "."]] * 4


def test_columns_are_named_and_faults_have_rows():
    dataset = Dataset.from_dict({"title": ["a", "b"], "body": TEXTS, "x": SPANS, "y": [[], SPANS[0][:1]]})
    assert tags(dataset, token="body", tag="x") == TAGS
    with pytest.raises(DataError, match=r"split train.* 1 of 1 spans do not fit|train, row 1: .*9 does not lie|cuts"):
        load_corpus(dataset.select_columns(["title", "y"]), token="title")
