"""Errors: which are whose fault, and the near miss in their messages."""

import pytest

from seqtag.errors import DataError, ModelError, SeqtagError, UsageError, listed, near_miss


@pytest.mark.parametrize(
    ("error", "code", "is_value_error"), [(DataError, 1, True), (ModelError, 1, False), (UsageError, 2, True)]
)
def test_each_error_has_its_exit_code_and_can_be_caught_as_what_it_is(error, code, is_value_error):
    assert issubclass(error, SeqtagError)
    assert error.exit_code == code
    assert issubclass(error, ValueError) == is_value_error


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("ltsm", "choose from gru, lstm, rnn_relu; did you mean 'lstm'?"),
        ("GRU", "choose from gru, lstm, rnn_relu; did you mean 'gru'?"),
        ("transformer", "choose from gru, lstm, rnn_relu"),
    ],
)
def test_the_nearest_name_is_named_if_one_is_near(name, ending):
    assert near_miss(name, ["lstm", "gru", "rnn_relu"]) == ending


def test_names_are_shown_as_far_as_a_reader_can_take_them_in():
    shown = listed([*(f"n{number}" for number in range(1_049)), "x" * 10_000])
    assert shown.endswith("n48, n49 and 1,000 more")
    assert listed(["x" * 10_000, "y"]) == "x" * 100 + "..., y"
    assert len(near_miss("z", map(str, range(100_000)))) < 500
