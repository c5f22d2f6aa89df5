"""Calls in the manner of transformers' pipelines, on torch and in the runtime: shapes, values, JSON."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

from seqtag import Classifier, Tagger, UsageError, load_corpus
from seqtag.runtime import load

SENTENCE = "Ada Lovelace met Tim.  In Paris it rained."


@pytest.fixture(scope="module", params=["torch", "runtime"])
def tagger(request: pytest.FixtureRequest, exported_tagger: Path) -> Any:
    return Tagger.load(exported_tagger, device="cpu") if request.param == "torch" else load(exported_tagger, threads=1)


@pytest.fixture(scope="module", params=["torch", "runtime"])
def classifier(request: pytest.FixtureRequest, exported_classifier: Path) -> Any:
    is_torch = request.param == "torch"
    return Classifier.load(exported_classifier, device="cpu") if is_torch else load(exported_classifier, threads=1)


def test_a_text_gives_its_spans_and_several_texts_a_list_each(tagger):
    [spans, nothing] = tagger([SENTENCE, ""])
    assert nothing == []
    assert spans == tagger(SENTENCE)
    assert [list(span) for span in spans] == [["entity_group", "score", "word", "start", "end"]] * len(spans)
    expected = tagger.predict_spans([SENTENCE])[0]
    assert expected
    assert [(s["entity_group"], s["word"], s["start"], s["end"]) for s in spans] == [
        (span.label, SENTENCE[span.start : span.end], span.start, span.end) for span in expected
    ]
    assert [span["score"] for span in spans] == pytest.approx([span.score for span in expected])
    assert tagger([]) == tagger(text for text in ()) == []


def test_the_strategies_of_transformers_that_keep_words_whole_give_the_same_spans(tagger):
    for strategy in ("simple", "first", "average", "max"):
        assert tagger(SENTENCE, aggregation_strategy=strategy) == tagger(SENTENCE)
    with pytest.raises(UsageError, match=r"aggregation_strategy='simpel': .* did you mean 'simple'"):
        tagger(SENTENCE, aggregation_strategy="simpel")


def test_without_a_strategy_each_tagged_token_has_its_tag_and_its_probability(tagger):
    found = tagger(SENTENCE, aggregation_strategy="none")
    tokens = ["Ada", "Lovelace", "met", "Tim", "."], ["In", "Paris", "it", "rained", "."]
    tags, proba = tagger.predict(tokens), np.concatenate(tagger.predict_proba(tokens))
    expected = [
        (tag, index, word, proba[index - 1][tagger.tags_.index(tag)])
        for index, (word, tag) in enumerate(zip(chain(*tokens), chain(*tags)), 1)
        if tag != "O"
    ]
    assert expected
    assert [(each["entity"], each["index"], each["word"]) for each in found] == [each[:3] for each in expected]
    assert [each["score"] for each in found] == pytest.approx([each[3] for each in expected], abs=1e-5)
    assert all(SENTENCE[each["start"] : each["end"]] == each["word"] for each in found)
    assert tagger(["", "  "], aggregation_strategy="none") == [[], []]


def test_all_answers_are_json(tagger, classifier):
    answers = [tagger(TEXTS[:3]), tagger(SENTENCE, aggregation_strategy="none"), classifier(TEXTS[:3], top_k=None)]
    assert json.loads(json.dumps(answers)) == answers
    for score in (answers[1][0]["score"], answers[2][0][0]["score"]):
        assert type(score) is float


def test_plain_tags_are_spans_of_one_token():
    plain = [["X"] + ["Y"] * (len(tokens) - 1) for tokens in TOKENS]
    tagger = tiny_tagger(epochs=1).fit(TOKENS, plain, dev=(TOKENS, plain), watchers=())
    assert len(tagger("Ada met Tim")) == len(tagger("Ada met Tim", aggregation_strategy="none")) == 3


def test_another_spelling_of_outside_is_left_out_too():
    tags = [[tag.replace("O", "_") if tag == "O" else tag for tag in row] for row in TAGS]

    corpus = load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": tags}), outside="_")
    tagger = tiny_tagger(epochs=8).fit(corpus["train"], dev=corpus["train"], watchers=())
    assert "_" in tagger.tags_
    assert {each["entity"] for each in tagger(SENTENCE, aggregation_strategy="none")} <= set(tagger.tags_) - {"_"}


def test_a_wrong_input_shows_the_right_call(tagger):
    with pytest.raises(UsageError, match="takes texts, but number 1 is list"):
        tagger(TOKENS)
    with pytest.raises(UsageError, match="takes a list of texts, not int"):
        tagger(3)


def test_a_classifier_answers_as_a_text_classification_pipeline(classifier):
    proba = classifier.predict_proba(TEXTS[:2])
    best = [
        {"label": str(classifier.classes_[row.argmax()]), "score": pytest.approx(float(row.max()))} for row in proba
    ]
    assert classifier(TEXTS[:2]) == best
    assert classifier(TEXTS[0]) == [best[0]]  # one text gives a list of one, as in transformers
    assert classifier(TEXTS[:2], top_k=1) == [[each] for each in best]
    ranked = classifier(TEXTS[0], top_k=None)
    assert [each["score"] for each in ranked] == pytest.approx(sorted(proba[0].tolist(), reverse=True))
    assert classifier(TEXTS[0], top_k=99) == ranked
    assert classifier([]) == []
    for wrong in (0, -1, True, "all", 1.5):
        with pytest.raises(UsageError, match="top_k="):
            classifier(TEXTS[0], top_k=wrong)


def test_labels_that_are_numbers_are_given_as_strings():
    y = [int(label == "good") for label in LABELS]
    classifier = tiny_classifier(epochs=1).fit(TEXTS, y, dev=(TEXTS, y), watchers=())
    assert {each["label"] for each in classifier(TEXTS[0], top_k=None)} == {"0", "1"}
