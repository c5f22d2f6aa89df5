"""Series as users hand them over: data frames, masked arrays, dates, and numbers that 32 bits can't tell apart."""

import logging

import numpy as np
import pandas as pd
import pytest

from seqtag.errors import DataError, UsageError
from seqtag.inference.series_input import SeriesLayout, feature_names, series_rows

FIRST = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
SWAPPED = FIRST[["b", "a"]]


def test_columns_of_data_frames_go_by_name():
    assert [row.tolist() for row in series_rows([FIRST, SWAPPED], "fit")] == [[[1.0, 3.0], [2.0, 4.0]]] * 2
    other = FIRST.rename(columns={"a": "c"})[["b", "c"]]
    with pytest.raises(DataError, match="number 2 lacks 'a' and has besides 'c'; each series needs the columns a, b"):
        series_rows([FIRST, other], "fit")
    with pytest.raises(DataError, match="number 1 has several columns of one name: a, a; rename them"):
        series_rows([FIRST[["a", "a"]]], "fit")


def test_names_of_a_model_come_before_those_of_the_first_frame():
    layout = SeriesLayout(np.array([1.0, 3.0]), feature_names([FIRST]))
    for row in (FIRST, SWAPPED, FIRST.to_numpy(), pd.DataFrame(FIRST.to_numpy())):
        assert layout.read([row], "predict")[0].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    with pytest.raises(DataError, match="predict: series number 4 lacks 'b'; each series needs the columns a, b, in a"):
        layout.read([FIRST[["a"]]], "predict", first=4)
    with pytest.raises(DataError, match="has besides 'c'"):
        layout.read([FIRST.assign(c=1.0)], "predict")
    with pytest.raises(DataError, match="the series have 1 features per step, those of the training data 2"):
        layout.read([np.ones((3, 1))], "predict")
    unnamed = SeriesLayout.from_dict(None, 2)
    assert unnamed.read([SWAPPED], "predict")[0].tolist() == [[3.0, 1.0], [4.0, 2.0]]


def test_columns_that_are_only_counted_have_no_names():
    assert feature_names([np.ones((2, 2)), pd.DataFrame(np.ones((2, 2)))]) is None
    assert feature_names([np.ones((2, 2)), SWAPPED, FIRST]) == ("b", "a")
    assert feature_names([pd.DataFrame(np.ones((2, 2)), columns=[2019, 2020])]) == ("2019", "2020")


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([[1.0], [9.0]], [[False], [True]])
    for row in (masked, np.ma.masked_array(np.ones((2, 1))), list(masked)):
        with pytest.raises(UsageError, match="series number 2 is a masked array, and what is masked would count"):
            series_rows([np.ones((2, 1)), row], "fit")


def test_what_is_no_number_is_refused():
    dates = np.array([["2020-01-01"], ["NaT"]], "datetime64[s]")
    for row, found in ((dates, "dates"), (pd.DataFrame(dates), "dates"), (np.array([[1j]]), "complex numbers")):
        with pytest.raises(UsageError, match=f"series number 1 holds {found}; turn them into numbers of one unit"):
            series_rows([row], "fit")
    with pytest.raises(UsageError, match="fit: row 1 is neither a text"):
        series_rows([[["x"]]], "fit")


@pytest.mark.parametrize("spread", [1e-3, 1.0, 86_400.0])
def test_unix_seconds_keep_their_differences(spread):
    seconds = [1_700_000_000 + spread * np.random.default_rng(n).random((10, 1)) for n in range(4)]
    layout, scale_D = SeriesLayout.learn(series_rows(seconds, "fit"), None)
    steps_N1 = np.concatenate(seconds)
    wanted_N1 = (steps_N1 - steps_N1.mean()) / steps_N1.std()
    found_N1 = np.concatenate(layout.read(seconds, "fit")) / scale_D
    np.testing.assert_allclose(found_N1, wanted_N1, atol=1e-6)
    stored = SeriesLayout.from_dict(layout.to_dict(), 1)
    assert stored.read(seconds, "fit")[2].tobytes() == layout.read(seconds, "fit")[2].tobytes()


def test_a_feature_that_varies_by_rounding_alone_counts_as_a_constant(caplog):
    with caplog.at_level(logging.WARNING, "seqtag"):
        layout, scale_D = SeriesLayout.learn([np.array([[0.3, 7.0], [0.1 + 0.2, 7.0]])], ("sum", "seven"))
    assert scale_D.tolist() == [1.0, 1.0]
    assert layout.shift_D.tolist() == pytest.approx([0.3, 7.0])
    assert [record.getMessage()[:60] for record in caplog.records] == [
        "feature 'sum' of the series varies by 5.55e-17 around 0.3, w"
    ]


def test_numbers_beyond_32_bits_are_refused():
    layout = SeriesLayout(np.array([1e300]))
    assert layout.read([[[1e300]]], "predict")[0].tolist() == [[0.0]]
    with pytest.raises(DataError, match=r"predict: series number 3, step 2 holds \[2.e\+300\], which is too large for"):
        layout.read([[[1e300], [2e300]]], "predict", first=3)


def test_a_shift_of_another_width_than_the_network_is_refused():
    with pytest.raises(ValueError, match="shifts 1 features, and the network has 2"):
        SeriesLayout.from_dict({"shift": [1.0]}, 2)
