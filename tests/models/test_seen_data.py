"""Data that a model was trained on are recognised in any order, and others are not."""

import logging

import numpy as np
import pytest
from datasets import Dataset
from tiny import TAGS, TOKENS

from seqtag import Tagger
from seqtag.models.seen_data import rows_key, seen_keys, warn_of_seen

TRAIN, DEV = [["a", "b"], ["c"], []], [["d"], ["d"]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (TRAIN[::-1], "these are the data that the model was trained on:"),
        (DEV, "these are the dev data"),
        ([DEV[0], *TRAIN, DEV[1]], "with those that were held out as dev"),
        (Dataset.from_dict({"tokens": TRAIN}), "these are the data that the model was trained on:"),
        (TRAIN[1:], ""),
        ([["a b"], ["c"], []], ""),
        ([["d"]], ""),
    ],
)
def test_rows_are_recognised_by_their_words(rows, message, caplog):
    warn_of_seen(seen_keys(TRAIN, DEV), rows)
    assert message in caplog.text
    assert bool(message) == bool(caplog.records)


def test_series_have_keys_too_and_an_earlier_model_has_none(caplog):
    series = [np.ones((2, 3)), np.zeros((1, 3))]
    assert rows_key(series) == rows_key(series[::-1]) != rows_key(series[:1])
    warn_of_seen(None, TRAIN)
    assert not caplog.records


def test_evaluating_on_the_training_data_says_so(caplog):
    caplog.set_level(logging.WARNING, "seqtag")
    tagger = Tagger(hidden_size=4, epochs=1, encoder="gru").fit(TOKENS, TAGS)
    tagger.evaluate(TOKENS, TAGS, resamples=0)
    assert "with those that were held out as dev: the scores are higher than on new data" in caplog.text
    caplog.clear()
    tagger.evaluate(TOKENS[:1], TAGS[:1], resamples=0)
    assert not caplog.records
