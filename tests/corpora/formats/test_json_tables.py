"""Tables from JSON: the values as they stand, one type for each key over all blocks, faults by line."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqtag.corpora.formats import json_tables
from seqtag.corpora.formats.json_tables import json_table
from seqtag.errors import DataError


def write(path, records, *, as_array=False):
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text(f"[{', '.join(lines)}]" if as_array else "\n".join(lines), encoding="utf-8")
    return path


records = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(max_size=9)},
        optional={
            "tokens": st.lists(st.text(max_size=3), max_size=3),
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        },
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=records, as_array=st.booleans(), size=st.integers(1, 5))
def test_rows_are_the_records(records, as_array, size, tmp_path, monkeypatch):
    monkeypatch.setattr(json_tables, "_RECORDS", size)
    path = write(tmp_path / "x.jsonl", records, as_array=as_array)
    names = {key for record in records for key in record}
    assert list(json_table(path)) == [{name: record.get(name) for name in names} for record in records]


def test_a_string_that_looks_like_a_date_stays_a_string(tmp_path):
    path = write(tmp_path / "x.jsonl", [{"text": "2020-01-01", "label": "2020-01-01 00:00:00"}])
    assert json_table(path)[0] == {"text": "2020-01-01", "label": "2020-01-01 00:00:00"}


def test_types_grow_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(json_tables, "_RECORDS", 1)
    path = write(
        tmp_path / "x.jsonl", [{"a": [], "b": None, "c": {"d": 1}}, {"a": ["x"], "b": 1}, {"c": {"e": "f"}, "b": 0.5}]
    )
    assert json_table(path)["a"][:] == [[], ["x"], None]
    assert json_table(path)["b"][:] == [None, 1.0, 0.5]
    assert json_table(path)["c"][:] == [{"d": 1, "e": None}, None, {"d": None, "e": "f"}]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": 10**23}, "x.jsonl:4: the value of 'label' is 10000000000"),
        ({"label": "pos"}, "x.jsonl:4: "),
        ({"label": [1]}, "x.jsonl:4: "),
    ],
)
def test_a_value_of_another_kind_is_named_by_its_line(size, wrong, message, tmp_path, monkeypatch):
    monkeypatch.setattr(json_tables, "_RECORDS", size)
    path = write(tmp_path / "x.jsonl", [{"label": 1}, {"label": 2}, {"label": None}, wrong, {"label": 3}])
    with pytest.raises(DataError, match=message):
        json_table(path)


def test_objects_without_keys(tmp_path):
    with pytest.raises(DataError, match="no record in the file has a key"):
        json_table(write(tmp_path / "x.jsonl", [{}, {}]))
