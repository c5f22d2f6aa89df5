"""Series of numbers in the place of texts: the same promises, with what only numbers can do."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hostile_folders import reseal
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_classifier

from seqtag import Classifier
from seqtag.batching import collate_series
from seqtag.errors import DataError
from seqtag.models.classifying.inputs import Labelled
from seqtag.runtime import load
from seqtag.text.classes import ClassSet

EASY = {"dropout": 0.0}
RANDOM = np.random.default_rng(0)
# Rising or falling lines under noise, of 1 to 20 steps; the second feature says nothing.
DIRECTIONS = ["down", "up"] * 16
LINES = [
    np.column_stack([np.linspace(0, 3 if way == "up" else -3, n), np.zeros(n)]) + RANDOM.normal(0, 0.3, (n, 2))
    for n, way in zip(RANDOM.integers(4, 20, 32), DIRECTIONS, strict=True)
]


@pytest.fixture(scope="module")
def classifier():
    return tiny_classifier(epochs=8, **EASY).fit(LINES, DIRECTIONS, dev=(LINES, DIRECTIONS))


def test_it_learns_series_of_different_lengths(classifier, tmp_path):
    assert classifier.predict(LINES) == DIRECTIONS
    probability_NL = classifier.predict_proba(LINES)
    np.testing.assert_allclose(probability_NL.sum(1), 1.0, atol=1e-9)
    loaded = Classifier.load(classifier.save(tmp_path / "m"), device="cpu")
    assert loaded.predict_proba(LINES).tobytes() == probability_NL.tobytes()
    assert loaded.evaluate(LINES, DIRECTIONS).accuracy == 1.0


def test_one_array_of_all_series_is_as_good_as_a_list():
    array = np.stack([line[:4] for line in LINES]).astype(np.float32).astype(float)  # numbers that 32 bits hold too
    assert array.shape == (32, 4, 2)
    models = [
        tiny_classifier().fit(X, DIRECTIONS, dev=(X, DIRECTIONS))
        for X in (array, list(array), array.tolist(), array.astype(np.float32), torch.from_numpy(array))
    ]
    expected = models[0].predict_proba(array)
    for model in models:
        assert model.predict_proba(list(array)).tobytes() == expected.tobytes()


def test_the_loop_of_a_tutorial():
    """Inputs (32, 10, 64), two layers, ten classes."""
    y = np.arange(32) % 10
    X = RANDOM.normal(size=(32, 10, 64)) + 2 * np.eye(64)[y][:, None]
    classifier = tiny_classifier(num_layers=2, hidden_size=16, epochs=12, **EASY).fit(X, y, dev=(X, y))
    assert classifier.predict(X) == y.tolist()
    assert classifier.predict_proba(X).shape == (32, 10)


@settings(max_examples=15)
@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    random=st.randoms(use_true_random=False),
    budget=st.sampled_from([1, 20, 4096]),
)
def test_neighbours_order_and_budget_change_nothing(classifier, lengths, random, budget):
    rng = np.random.default_rng(lengths)
    X = [rng.normal(size=(length, 2)) for length in lengths]
    order = random.sample(range(len(X)), len(X))
    together_NL = classifier.predict_proba(X)
    classifier.max_tokens = budget
    try:
        shuffled_NL = classifier.predict_proba([X[i] for i in order])
        alone_NL = np.concatenate([classifier.predict_proba([values_TD]) for values_TD in X])
    finally:
        classifier.max_tokens = 4096
    np.testing.assert_allclose(shuffled_NL, together_NL[order], atol=1e-5)
    np.testing.assert_allclose(alone_NL, together_NL, atol=1e-5)


def test_a_series_without_a_step_gets_the_prior_in_its_place(caplog):
    X, y = [*LINES, np.zeros((0, 2))], [*DIRECTIONS, "up"]
    classifier = tiny_classifier(batch_size=1, epochs=1).fit(X, y, dev=(X, y))
    caplog.clear()
    probability_NL = classifier.predict_proba([LINES[0], np.zeros((0, 2)), LINES[1]])
    np.testing.assert_allclose(probability_NL[1], [16 / 33, 17 / 33], atol=1e-12)
    assert probability_NL[[0, 2]].tobytes() == classifier.predict_proba(LINES[:2]).tobytes()
    assert "1 of the texts without a word (number 2)" in caplog.text


def test_attention_tells_the_steps(classifier):
    for line, weights in zip(LINES, classifier.predict_attention(LINES), strict=True):
        assert [(step.text, step.start, step.end) for step in weights] == [("", t, t + 1) for t in range(len(line))]
        assert sum(step.weight for step in weights) == pytest.approx(1.0, abs=1e-6)
    assert classifier.predict_attention([]) == []


# -- scaling ----------------------------------------------------------------------------------


def test_features_are_shifted_and_scaled_as_the_training_steps_want_it(classifier):
    embedder, layout = classifier.network_.embedder, classifier.series_
    steps_ND = np.concatenate(LINES)
    np.testing.assert_allclose(layout.shift_D, steps_ND.mean(0), rtol=1e-12)
    np.testing.assert_allclose(embedder.scale_D, steps_ND.std(0), rtol=1e-5)
    scaled_BTD = embedder.eval()(collate_series(layout.read(LINES, "predict")))
    for values_TD, line in zip(scaled_BTD, LINES, strict=True):
        wanted_TD = (line - steps_ND.mean(0)) / steps_ND.std(0)
        np.testing.assert_allclose(values_TD[: len(line)], wanted_TD, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1.0, 1e6])
def test_the_unit_of_a_feature_does_not_matter(classifier, unit):
    X = [line * unit for line in LINES]
    other = tiny_classifier(epochs=8, **EASY).fit(X, DIRECTIONS, dev=(X, DIRECTIONS))
    np.testing.assert_allclose(other.predict_proba(X), classifier.predict_proba(LINES), atol=0.02)


@pytest.mark.parametrize("constant", [0.0, 5.0, 0.1, -1e6, 1e-20])
def test_a_constant_feature_drowns_nothing_though_it_changes_later(constant):
    X = [np.column_stack([line, np.full(len(line), constant)]) for line in LINES]
    classifier = tiny_classifier(epochs=8, **EASY).fit(X, DIRECTIONS, dev=(X, DIRECTIONS))
    assert classifier.predict(X) == DIRECTIONS
    changed = [np.column_stack([line, np.full(len(line), constant + 0.01)]) for line in LINES]
    assert np.isfinite(classifier.predict_proba(changed)).all()
    assert classifier.predict(changed) == DIRECTIONS


def test_the_mean_of_many_steps_is_exact():
    """Summed one by one in single precision, 400,000 steps of 0.1 would have a mean of 0.10005."""
    X = [np.full((50_000, 2), 0.1, np.float32) + np.float32([0, 1]) * (i % 2) for i in range(8)]
    classifier = tiny_classifier()
    classifier.class_set_ = ClassSet.build([0, 1])
    classifier._index(Labelled([0, 1] * 4, False, series=X), [0, 1] * 4)
    _, scale_D = classifier.scale_
    assert classifier.series_.shift_D.tolist() == pytest.approx([0.1, 0.6], rel=1e-6)
    assert scale_D.tolist() == pytest.approx([1.0, 0.5], rel=1e-6)


def test_unix_seconds_are_learned_and_stored(classifier, tmp_path):
    """A model of frames with times says what the one of plain numbers says, from torch, a folder and an export."""
    frames = [pd.DataFrame(1_700_000_000 + 60 * line, columns=["begin", "end"]) for line in LINES]
    timed = tiny_classifier(epochs=8, **EASY).fit(frames, DIRECTIONS, dev=(frames, DIRECTIONS))
    assert timed.predict(frames) == DIRECTIONS
    expected_NL = timed.predict_proba(frames)
    np.testing.assert_allclose(expected_NL, classifier.predict_proba(LINES), atol=1e-4)
    folder = timed.save(tmp_path / "m")
    timed.export(folder, dev=([frame[["end", "begin"]] for frame in frames], DIRECTIONS))
    loaded, runtime = (
        Classifier.load(
            folder,
            device="cpu",
        ),
        load(folder, threads=1),
    )
    swapped = [frame[["end", "begin"]] for frame in frames]
    for rows in (frames, swapped, [frame.to_numpy() for frame in frames]):
        assert timed.predict_proba(rows).tobytes() == expected_NL.tobytes()
        np.testing.assert_allclose(loaded.predict_proba(rows), expected_NL, atol=1e-5)
        np.testing.assert_allclose(runtime.predict_proba(rows), expected_NL, atol=1e-5)
    assert loaded.evaluate(swapped, DIRECTIONS).accuracy == 1.0
    for model in (timed, loaded, runtime):
        with pytest.raises(DataError, match="number 2 lacks 'end'; each series needs the columns begin, end, in any"):
            model.predict([frames[0], frames[1][["begin"]]])
    with pytest.raises(DataError, match="lacks 'end' and has besides 'stop'"):
        loaded.evaluate([frame.rename(columns={"end": "stop"}) for frame in frames], DIRECTIONS)


def test_a_model_that_shifts_nothing_answers_as_it_did(classifier, tmp_path):
    """Folders of earlier releases have no field `series`, and their network subtracts the mean itself."""
    folder = classifier.save(tmp_path / "m")
    config = json.loads((folder / "config.json").read_bytes())
    del config["series"]
    reseal(folder, config)
    old = Classifier.load(folder, device="cpu")
    centred = classifier.series_.read(LINES, "predict")
    assert old.predict_proba(centred).tobytes() == classifier.predict_proba(LINES).tobytes()
    assert (
        old.predict_proba([values_TD.astype(float) for values_TD in centred]).tobytes()
        == old.predict_proba(centred).tobytes()
    )
