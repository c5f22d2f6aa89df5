"""Runs of the classifier: seeds, what is held out, resuming, and what a saved model holds."""

import json
import logging
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import LABELS, SEVERAL, TAGS, TEXTS, TOKENS, UNSEEN_TEXTS, fitted_classifier, tiny_classifier, tiny_tagger
from trainers import Watch, assert_same, copy_of

from seqtag import Classifier, Tagger, UsageError
from seqtag.models.classifying.inputs import training_splits

SERIES = [np.random.default_rng(i).normal(i % 2, 1.0, (1 + i % 7, 3)) for i in range(24)]
NUMBERS = [i % 2 for i in range(24)]
# What is trained on, and options that bring in every kind of chance and state.
RUNS = {
    "texts": (TEXTS, LABELS, {"ema": 0.9, "pooling": "attention"}),
    "no n-grams": (TEXTS, LABELS, {"lexical": False, "pooling": "last", "segment_size": 4, "num_layers": 2}),
    "several labels": (TEXTS, SEVERAL, {"pooling": "max", "optimizer": "sgd"}),
    "integers": (TEXTS, [int(label == "good") for label in LABELS], {"pooling": "mean", "characters": None}),
    "series": (SERIES, NUMBERS, {"encoder": "gru", "label_smoothing": 0.1}),
}


def train(name, **given):
    X, y, options = RUNS[name]
    return tiny_classifier(epochs=3, **options).fit(X, y, dev=(X, y), **given)


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    return request.param, train(request.param)


def bits(classifier, X):
    attention = classifier.predict_attention(X) if classifier.pooling == "attention" else None
    return classifier.predict_proba(X).tobytes(), repr(classifier.predict(X)), attention


# -- the same again ---------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(run):
    name, whole = run
    X, y, options = RUNS[name]
    assert_same(copy_of(train(name).network_), copy_of(whole.network_))
    other = tiny_classifier(epochs=3, seed=1, **options).fit(X, y, dev=(X, y))
    assert not torch.equal(other.network_.head.output.weight, whole.network_.head.output.weight)


@pytest.mark.parametrize("moment", ["in an epoch", "between epochs"])
def test_a_run_stopped_by_ctrl_c_and_resumed_ends_in_the_same_weights(run, moment, tmp_path):
    name, whole = run

    def stop(epoch, step):
        if (epoch, step) == (2, 2):
            raise KeyboardInterrupt

    def stop_after(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    watch = Watch(step=stop) if moment == "in an epoch" else Watch(epoch=stop_after)
    stopped = train(name, checkpoint=tmp_path, watchers=[watch])
    assert stopped.interrupted_
    assert len(stopped.history_) == (1 if moment == "in an epoch" else 2)
    assert len(stopped.predict(RUNS[name][0])) == len(RUNS[name][0])  # a model all the same, the best so far
    resumed = train(name, checkpoint=tmp_path, resume=True)
    assert not resumed.interrupted_
    assert_same(copy_of(resumed.network_), copy_of(whole.network_))
    assert [(r.epoch, r.loss, r.dev_score) for r in resumed.history_] == [
        (r.epoch, r.loss, r.dev_score) for r in whole.history_
    ]


def test_a_run_stopped_before_its_first_epoch_leaves_no_model(tmp_path):
    def stop(epoch, step):
        raise KeyboardInterrupt

    classifier = tiny_classifier()
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(TEXTS, LABELS, checkpoint=tmp_path, watchers=[Watch(step=stop)])
    with pytest.raises(UsageError, match="not trained yet"):
        classifier.predict(TEXTS)


@pytest.mark.parametrize("change", [{"pooling": "max"}, {"segment_size": 7}, {"label_smoothing": 0.3}, None], ids=str)
def test_other_options_or_data_do_not_resume(tmp_path, change):
    tiny_classifier(epochs=1).fit(TEXTS, LABELS, checkpoint=tmp_path)
    y = LABELS if change is not None else [*LABELS[1:], "bad"]
    with pytest.raises(UsageError, match="this checkpoint is from other data, other options"):
        tiny_classifier(epochs=1, **(change or {})).fit(TEXTS, y, checkpoint=tmp_path, resume=True)


def test_several_seeds_keep_the_best():
    train, dev = (TEXTS[:20], LABELS[:20]), (TEXTS[20:], LABELS[20:])
    alone = [tiny_classifier(seed=seed).fit(*train, dev=dev) for seed in (4, 5)]
    both = tiny_classifier(seed=4, seeds=2).fit(*train, dev=dev)
    scores = [max(record.dev_score for record in one.history_) for one in alone]
    assert both.seed_scores_ == scores
    assert_same(copy_of(both.network_), copy_of(alone[int(np.argmax(scores))].network_))


def test_the_best_epoch_on_dev_is_what_remains():
    train, dev = (TEXTS[:20], LABELS[:20]), (TEXTS[20:], LABELS[20:])
    classifier = tiny_classifier(epochs=5).fit(*train, dev=dev)
    assert classifier.score(*dev) == pytest.approx(max(record.dev_score for record in classifier.history_))
    several = tiny_classifier(epochs=5).fit(TEXTS[:20], SEVERAL[:20], dev=(TEXTS[20:], SEVERAL[20:]))
    best = max(record.dev_score for record in several.history_)
    assert several.score(TEXTS[20:], SEVERAL[20:]) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(
    ("train", "dev"),
    [
        ((["one"], [["a"]]), (["x"], [[]])),
        ((["one", "two"], ["a", "b"]), (["x", "y"], ["never seen in training", "a"])),
        ((["", "one"], ["a", "b"]), (["", " "], ["a", "b"])),
    ],
    ids=["one text, one label", "a dev label is unknown", "no dev text has a word"],
)
def test_next_to_no_data_is_enough(train, dev):
    classifier = tiny_classifier(epochs=1).fit(*train, dev=dev)
    assert np.isfinite(classifier.predict_proba(["one", "x", ""])).all()
    assert classifier.history_[0].dev_score == pytest.approx(classifier.score(*dev))


# -- what is held out -------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5).filter(lambda sizes: max(sizes) > 1),
    share=st.floats(0.01, 0.5),
    seed=st.integers(0, 9),
)
def test_the_same_share_of_each_class_is_held_out_and_none_is_lost(sizes, share, seed):
    y = [label for label, size in enumerate(sizes) for _ in range(size)]
    X = [[f"w{number}"] for number in range(len(y))]
    splits = training_splits(X, y, None, language="xx", dev_share=share, seed=seed)
    train, dev = splits
    assert sorted(tokens[0] for split in splits for tokens in split.rows) == sorted(tokens[0] for tokens in X)
    assert all(y[int(tokens[0][1:])] == label for s in splits for tokens, label in zip(s.rows, s.labels, strict=True))
    shared = sum(size for size in sizes if size > 1)
    assert len(dev) == max(1, round(share * shared))
    held, kept = Counter(dev.labels), Counter(train.labels)
    for label, size in enumerate(sizes):
        assert kept[label] >= 1  # training knows every class
        if size > 1:
            assert math.floor(size * len(dev) / shared) <= held[label] <= math.ceil(size * len(dev) / shared)
    again = training_splits(X, y, None, language="xx", dev_share=share, seed=seed)
    assert [split.rows for split in again] == [split.rows for split in splits]


def test_what_is_held_out_is_said_and_depends_on_the_seed(caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        classifier = tiny_classifier(dev_share=0.25, seed=3, epochs=1).fit(TEXTS, LABELS)
    assert "no dev data given: 8 of 32 training texts are held out (dev_share=0.25, seed=3)" in caplog.text
    assert (classifier.data_["train"], classifier.data_["dev"]) == (24, 8)
    held = [training_splits(TEXTS, LABELS, None, language="xx", dev_share=0.25, seed=seed)[1] for seed in range(3)]
    assert all(Counter(split.labels) == {"good": 4, "bad": 4} for split in held)
    assert len({repr(split.rows) for split in held}) == 3


def test_the_fingerprint_is_of_rows_and_labels():
    def of(X, y):
        return tiny_classifier(epochs=1).fit(X, y, dev=(X[:2], y[:2])).data_["fingerprint"]

    texts, series = ["a b", "c", "a"], [np.ones((2, 1)), np.zeros((1, 1))]
    found = [
        of(texts, ["x", "y", "x"]),
        of(texts, ["y", "x", "x"]),
        of(["a", "b c", "a"], ["x", "y", "x"]),
        of([["a b"], ["c"], ["a"]], ["x", "y", "x"]),
        of(series, [0, 1]),
        of(series, ["0", "1"]),
        of([2 * values for values in series], [0, 1]),
        of([np.ones((1, 2)), np.zeros((1, 2))], [0, 1]),
    ]
    assert len(set(found)) == len(found)
    assert of(texts, ["x", "y", "x"]) == found[0]


# -- saved models -----------------------------------------------------------------------------


def test_a_saved_model_answers_the_same_bit_for_bit(run, tmp_path):
    name, whole = run
    X = SERIES if name == "series" else [*UNSEEN_TEXTS, "", *TEXTS]
    first = whole.save(tmp_path / "m")
    loaded = Classifier.load(first)
    assert bits(loaded, X) == bits(whole, X)
    assert loaded.get_params() == whole.get_params() | {"device": "auto"}
    assert loaded.history_ == whole.history_
    assert loaded.classes_.tolist() == whole.classes_.tolist()
    again = loaded.save(tmp_path / "again")
    for path in first.iterdir():  # a copy of a copy is the same, but for the device that it was loaded on
        if path.name != "config.json":
            assert (again / path.name).read_bytes() == path.read_bytes()
    assert bits(Classifier.load(again), X) == bits(whole, X)


def test_the_folder_holds_no_text_of_the_training_data(run, tmp_path):
    name, whole = run
    content = b"\n".join(path.read_bytes() for path in whole.save(tmp_path / "m").iterdir())
    assert b"seqtag_version" in content
    if name == "series":
        assert json.loads((tmp_path / "m" / "vocabulary.json").read_text()) == {}
        assert not [values for values in SERIES if values.astype(np.float32).tobytes() in content]
        return
    for text in TEXTS:
        words = text.split()
        assert [
            three for three in zip(words, words[1:], words[2:], strict=False) if " ".join(three).encode() in content
        ] == []


def test_a_model_of_the_other_task_is_refused(tmp_path):
    tagger = tiny_tagger(epochs=1).fit(TOKENS, TAGS).save(tmp_path / "tagger")
    classifier = fitted_classifier(epochs=1).save(tmp_path / "classifier")
    with pytest.raises(UsageError, match=r"tagger: holds a model for the task 'tag', Classifier needs 'classify'"):
        Classifier.load(tagger)
    with pytest.raises(UsageError, match=r"classifier: holds a model for the task 'classify', Tagger needs 'tag'"):
        Tagger.load(classifier)
