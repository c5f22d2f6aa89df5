"""JSON that is damaged, or made to do harm: always a DataError with its place, in time linear in its length."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.json_text import MOST_NESTED, json_records, parse_json
from seqtag.errors import DataError

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(values)
def test_whatever_is_json_is_read(value):
    for form in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse_json(form, "x.json", advice="") == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "more than 100 deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "more than 100 deep"),
        ("[" * (MOST_NESTED + 1) + "]" * (MOST_NESTED + 1), "more than 100 deep"),
        ("[" * MOST_NESTED, "not JSON: Expecting value at column 101"),
        ('\n{"a": ' + "9" * 5000 + "}", "a number has thousands of digits"),
        ("{\n}\n}", "not JSON: Extra data at column 1"),
        ("", "not JSON: Expecting value at column 1"),
    ],
)
def test_faults_are_named(text, problem):
    with pytest.raises(DataError, match=problem) as raised:
        parse_json(text, "x.json", 5, advice="write it again")
    assert str(raised.value).startswith("x.json:")
    assert str(raised.value).endswith("; write it again")


def test_brackets_in_strings_and_side_by_side_are_not_depth():
    assert parse_json(json.dumps(["[" * 500, '"[' * 500, [[]] * 500]), "x", advice="")[0] == "[" * 500
    assert parse_json("[" * MOST_NESTED + "]" * MOST_NESTED, "x", advice="") is not None


@pytest.mark.parametrize("piece", ['\\"', '"', '"[', "\\", '{"', "[1,"])
def test_the_look_at_the_depth_takes_time_linear_in_the_text(piece):
    text = '["' + "[" * (MOST_NESTED + 1) + piece * 300_000
    started = time.monotonic()
    with pytest.raises(DataError):
        parse_json(text, "x.json", advice="")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("null", "x.json:1: the record is null"),
        ('[null, {"text": "a"}]', "x.json:1: the record is null"),
        ('{"text": "a"}\n3\n', "x.json:2: the record is int"),
        ('[{"text": "a"}, ["b"]]', "x.json:2: the record is list"),
        ('{"text": "\\ud800"}', "x.json:1: it holds half of a surrogate pair"),
    ],
)
def test_records_are_objects(content, message, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        list(json_records(path))
    assert message in str(raised.value)
