"""What users hand over: tables of strings and masked arrays."""

import numpy as np
import pytest

from seqtag.errors import UsageError
from seqtag.inference.user_input import text_rows


def test_a_table_of_strings_is_taken_by_its_only_column_or_refused():
    texts = ["What a day!", "Never again."]
    for kind in (object, str):
        assert text_rows(np.array(texts, kind).reshape(2, 1), "fit") == texts
        with pytest.raises(UsageError, match=r"not an array of strings of shape \(1, 2\): fit\(X\[:, 0\]\)"):
            text_rows(np.array(texts, kind).reshape(1, 2), "fit")


def test_masked_arrays_are_refused():
    with pytest.raises(UsageError, match="fit: a masked array is given"):
        text_rows(np.ma.masked_array(np.ones((1, 2, 1))), "fit")
