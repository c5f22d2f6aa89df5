"""The runtime's classifier against the trained one: the same answers, the same mistakes told, and no torch."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from answers import assert_classifiers_agree
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import LABELS, SEVERAL, TEXTS, UNSEEN_TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier
from seqtag.errors import DataError, ModelError, UsageError
from seqtag.nn.pooling import POOLINGS
from seqtag.runtime import RuntimeClassifier, load
from seqtag.runtime.word_table import WordTable
from seqtag.store import read_model, write_model

REPOSITORY = Path(__file__).resolve().parents[2]
LONG = " ".join(TEXTS * 3)
EVERY = [*TEXTS, "", *UNSEEN_TEXTS, None, LONG, ["Fresh", "bread", ""], [], "\u2603", " \n "]
words = st.sampled_from([*sorted({word for text in TEXTS for word in text.split()}), "unheard", "42", "é", ""])
texts = st.lists(st.one_of(st.lists(words, max_size=30), st.lists(words, max_size=9).map(" ".join)), max_size=6)


def exported(classifier: Classifier, folder: Path) -> tuple[Classifier, RuntimeClassifier]:
    classifier.export(classifier.save(folder))
    found = load(folder, threads=1)
    assert isinstance(found, RuntimeClassifier)
    return classifier, found


@pytest.fixture(
    scope="module", params=[(pooling, lexical) for pooling in sorted(POOLINGS) for lexical in (True, False)]
)
def pair(request, tmp_path_factory):
    """A trained classifier of each pooling, with and without n-grams, and the runtime; some of them multi-label."""
    pooling, lexical = request.param
    y = SEVERAL if (pooling in ("mean", "max")) == lexical else LABELS
    classifier = tiny_classifier(pooling=pooling, lexical=lexical, segment_size=7).fit(TEXTS, y, dev=(TEXTS, y))
    return exported(classifier, tmp_path_factory.mktemp("models") / "m")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = fitted_classifier().save(tmp_path_factory.mktemp("models") / "m")
    Classifier.load(folder, device="cpu").export(folder)
    return folder


def test_the_answers_are_those_of_the_classifier(pair):
    theirs, ours = pair
    assert_classifiers_agree(ours, theirs, EVERY)
    assert ours.predict([]) == []
    assert ours.predict_proba([]).shape == theirs.predict_proba([]).shape


@settings(max_examples=12)
@given(X=texts)
def test_any_texts_have_the_answers_of_the_classifier(pair, X):
    theirs, ours = pair
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "gru", "characters": "lstm", "shape_size": 0, "affix_size": 0},
        {"encoder": "rnn_relu", "characters": None, "merge": "sum", "pooling": "last"},
        {"proj_size": 4, "num_layers": 2, "characters": "gru", "pooling": "mean"},
        {"bidirectional": False, "pooling": "last", "lowercase": False},
    ],
    ids=str,
)
def test_options_of_the_classifier_reach_the_runtime(options, tmp_path):
    classifier = tiny_classifier(epochs=1, segment_size=6, **options).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
    theirs, ours = exported(classifier, tmp_path / "m")
    assert_classifiers_agree(ours, theirs, EVERY)


@pytest.mark.parametrize("kinds", [[3, 1], [False, True]], ids=str)
def test_labels_come_as_they_went_in(kinds, tmp_path):
    y = [kinds[label == "good"] for label in LABELS]
    theirs, ours = exported(tiny_classifier(epochs=1).fit(TEXTS, y, dev=(TEXTS, y)), tmp_path / "m")
    found = ours.predict(TEXTS)
    assert found == theirs.predict(TEXTS)
    assert {type(label) for label in found} == {type(kinds[0])}


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_series_of_numbers_are_classified_too(pooling, tmp_path):
    random = np.random.default_rng(0)
    X = [random.normal(3, 2, (n, 2)) for n in random.integers(1, 20, 20)]
    y = ["up", "down"] * 10
    classifier = tiny_classifier(pooling=pooling, segment_size=6).fit(X, y, dev=(X, y))
    _, ours = exported(classifier, tmp_path / "m")
    rows = [*X, np.zeros((0, 2)), [[1.0, 2.0]]]
    np.testing.assert_allclose(ours.predict_proba(rows), classifier.predict_proba(rows), atol=1e-5)
    assert ours.predict(X) == classifier.predict(X)
    if pooling == "attention":
        mine, other = ours.predict_attention(X), classifier.predict_attention(X)
        assert [[(t.text, t.start, t.end) for t in weights] for weights in mine] == [
            [(t.text, t.start, t.end) for t in weights] for weights in other
        ]
    with pytest.raises(UsageError, match="this model was trained on series of numbers and takes such"):
        ours.predict(["a text"])
    with pytest.raises(DataError, match="the series have 3 features per step, those of the training data 2"):
        ours.predict([np.ones((4, 3))])


def test_int8_answers_from_its_own_file(saved, folder):
    theirs = Classifier.load(folder, device="cpu", engine="torch")
    theirs.export(folder, int8=True, dev=(TEXTS, LABELS))
    away_NL = np.abs(load(folder, int8=True).predict_proba(TEXTS) - theirs.predict_proba(TEXTS))
    assert 1e-7 < away_NL.max() < 0.05


def test_texts_without_a_word_are_told_with_their_numbers(saved, caplog):
    with caplog.at_level(logging.WARNING, "seqtag"):
        load(saved).predict(["fine", "", "fine", None])
    assert "predict: 2 of the texts without a word (number 2, 4)" in caplog.text


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("predict", "one text", "predict takes a list of texts, not one string"),
        ("predict_proba", 7, "not int"),
        ("predict_stream", {"text": "a"}, "not dict"),
        ("predict", ["a", 3], "number 2 is int"),
        ("predict_attention", "a", "predict_attention takes a list of texts"),
        ("predict", [[1.0, 2.0]], "this model was trained on texts and takes such"),
    ],
)
def test_a_wrong_call_is_told_the_right_one(saved, verb, given, message):
    with pytest.raises(UsageError, match=message):
        list(getattr(load(saved), verb)(given))


def test_attention_needs_attention(tmp_path):
    _, ours = exported(fitted_classifier(pooling="max", epochs=1), tmp_path / "m")
    with pytest.raises(UsageError, match="predict_attention needs pooling='attention'; this model has 'max'"):
        ours.predict_attention(["a"])


def test_many_threads_that_share_one_classifier_get_right_answers(saved):
    """Words never repeat, so the table of words starts anew while others look up."""
    shared = load(saved, threads=1)
    ngrams, vocabulary = shared.engine.ngrams, shared.engine.words.vocabulary
    words = WordTable(vocabulary, pieces=ngrams.pieces, most_words=50)
    object.__setattr__(shared.engine, "words", words)
    asked = [[[*TEXTS[i % 32].split(), f"w{i}-{j}"] for j in range(4)] for i in range(80)]
    alone = load(saved, threads=1)
    expected = [alone.predict_proba(X) for X in asked]
    with ThreadPoolExecutor(8) as pool:
        for mine, other in zip(pool.map(shared.predict_proba, asked), expected, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-6)


# -- the folder -------------------------------------------------------------------------------


def test_config_vocabulary_and_export_are_enough(folder, saved):
    (folder / "model.safetensors").unlink()
    (folder / "history.json").unlink()
    assert load(folder).predict_proba(TEXTS).tobytes() == load(saved).predict_proba(TEXTS).tobytes()


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors", "model.onnx"])
@pytest.mark.parametrize(
    "damage",
    [lambda c: b"", lambda c: c[: len(c) // 2], lambda c: c[:-200] + bytes([c[-200] ^ 1]) + c[-199:]],
    ids=["empty", "half", "bit"],
)
def test_a_damaged_file_is_named(folder, name, damage):
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert str(path) in str(caught.value)


def test_an_export_of_other_weights_or_of_another_form_is_refused(folder, tmp_path):
    fitted_classifier(seed=1, epochs=1).save(tmp_path / "other")
    shutil.copy(folder / "model.onnx", tmp_path / "other")
    with pytest.raises(ModelError, match="made from other weights than those of this model"):
        load(tmp_path / "other")
    # as after a change by hand, in a folder whose config.json has no hash of exports
    Classifier.load(folder).save(folder)
    classifier = Classifier.load(folder, device="cpu")
    path = classifier.export(folder)
    model = onnx.load(path)
    classifier.save(folder)
    del model.graph.output[0]
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"model\.onnx: damaged, it takes .* and gives"):
        load(folder)


def test_a_task_without_an_export_is_refused(folder):
    stored = read_model(folder)
    stored.config["task"] = "lm"
    write_model(folder, stored)
    with pytest.raises(UsageError, match="holds a model for the task 'lm', the runtime needs 'tag' or 'classify'"):
        load(folder)
