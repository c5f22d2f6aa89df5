"""How names, figures and records are written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from seqtag.reporting.figures import printable, write_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.text(max_size=5), values, max_size=4),
    max_leaves=30,
)


@given(st.text())
def test_a_printable_name_is_one_line_that_shows_something(name):
    text = printable(name)
    assert text.isprintable()
    assert text.strip() == text != ""
    assert text == name or eval(text) == name


@given(JSON_VALUES)
def test_written_json_reads_as_the_same(value):
    assert json.loads(write_json(value)) == value


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_list_of_bare_numbers_stands_on_one_line(numbers):
    text = write_json({"numbers": numbers, "rows": [numbers]})
    assert text.count("\n") == 5
    assert json.loads(text)["rows"] == [numbers]


def test_text_that_looks_like_json_stays_as_it_is():
    value = {"[\n  1,\n  2\n]": "[\n  1,\n  2\n]", "list": ["[", 1, 2, "]"]}
    assert json.loads(write_json(value)) == value
