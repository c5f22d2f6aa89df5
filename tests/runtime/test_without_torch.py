"""The runtime by itself: a tagger with thresholds and language models, and a classifier, from folders of an export.

What they have to answer was written down by torch. This file needs no torch, so `make test-runtime` runs it where the
wheel of seqtag-runtime is all that is installed, on each Python.
"""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from seqtag import SeqtagError
from seqtag.runtime import RuntimeClassifier, RuntimeTagger, load

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FOLDER = FIXTURES / "models-b235350"
EXPECTED = json.loads((FIXTURES / "models-b235350.expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tagger() -> RuntimeTagger:
    return load(FOLDER / "tagger", threads=2)


@pytest.fixture(scope="module")
def classifier() -> RuntimeClassifier:
    return load(FOLDER / "classifier", threads=np.int64(1))


def test_tags_spans_and_probabilities_are_those_of_torch(tagger):
    assert tagger.predict(EXPECTED["tokens"]) == EXPECTED["tags"]
    for ours, theirs in zip(tagger.predict_proba(EXPECTED["tokens"]), EXPECTED["probabilities"], strict=True):
        np.testing.assert_allclose(ours, np.reshape(theirs, ours.shape), atol=1e-4)
    found = tagger.predict_token_spans(EXPECTED["tokens"])
    places = [[[span.start, span.end, span.label] for span in spans] for spans in found]
    assert places == [[span[:3] for span in spans] for spans in EXPECTED["spans"]]
    scores = [span.score for spans in found for span in spans]
    np.testing.assert_allclose(scores, [span[3] for spans in EXPECTED["spans"] for span in spans], atol=1e-4)


def test_classes_and_their_probabilities_are_those_of_torch(classifier):
    assert classifier.predict(EXPECTED["texts"]) == EXPECTED["classes"]
    np.testing.assert_allclose(classifier.predict_proba(EXPECTED["texts"]), EXPECTED["class_probabilities"], atol=1e-4)


def test_spans_of_texts_have_their_places(tagger):
    text = "Grace  Turing flew to Lisbon."
    (spans,) = tagger.predict_spans([text])
    assert [(span.text, span.label) for span in spans] == [("Grace  Turing", "PER"), ("Lisbon", "ORG")]
    assert all(text[span.start : span.end] == span.text for span in spans)


def test_what_was_loaded_is_pickled_and_copied(tagger, classifier):
    for twin in (pickle.loads(pickle.dumps(tagger)), copy.deepcopy(tagger)):
        assert twin.predict(EXPECTED["tokens"]) == EXPECTED["tags"]
    assert copy.deepcopy(classifier).predict(EXPECTED["texts"]) == EXPECTED["classes"]


def test_other_folders_are_refused(tmp_path):
    for folder, message in ((tmp_path, "has no config.json"), (FOLDER / "language-model", "the task 'lm'")):
        with pytest.raises(SeqtagError, match=message):
            load(folder)
