"""What users hand over: tables of strings, data frames, masked arrays and numbers that are too fine."""

import numpy as np
import pandas as pd
import pytest

from seqtag.errors import DataError, UsageError
from seqtag.inference.user_input import check_precision, series_rows, text_rows


def test_a_table_of_strings_is_taken_by_its_only_column_or_refused():
    texts = ["What a day!", "Never again."]
    for kind in (object, str):
        assert text_rows(np.array(texts, kind).reshape(2, 1), "fit") == texts
        with pytest.raises(UsageError, match=r"not an array of strings of shape \(1, 2\): fit\(X\[:, 0\]\)"):
            text_rows(np.array(texts, kind).reshape(1, 2), "fit")


def test_columns_of_data_frames_go_by_name():
    first = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert [row.tolist() for row in series_rows([first, first[["b", "a"]]], "fit")] == [[[1.0, 3.0], [2.0, 4.0]]] * 2
    with pytest.raises(DataError, match="series number 2 has the columns b, c, number 1 has a, b; each step"):
        series_rows([first, first.rename(columns={"a": "c"})[["b", "c"]]], "fit")


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([[1.0], [9.0]], [[False], [True]])
    with pytest.raises(UsageError, match="series number 2 is a masked array, and what is masked would count"):
        series_rows([np.ones((2, 1)), masked], "fit")
    with pytest.raises(UsageError, match="fit: a masked array is given"):
        text_rows(np.ma.masked_array(np.ones((1, 2, 1))), "fit")


def test_features_that_32_bits_cannot_tell_apart_are_refused():
    seconds = 1_700_000_000 + np.arange(40.0).reshape(4, 10, 1)
    with pytest.raises(DataError, match=r"feature 1 of the series lies between 1700000000 and 1700000039, .* subtract"):
        check_precision(list(np.concatenate([np.zeros((4, 10, 1)), seconds], 2)))
    check_precision(list(seconds - seconds.min()))
    check_precision(list(seconds.astype(np.float32)))
    check_precision([np.full((3, 1), 0.1)])  # a constant has no values to tell apart
