"""What people keep is on disk at once, each text once, and never written over what something else wrote."""

from pathlib import Path

import pytest

from seqtag import DataError
from seqtag.serving.collecting import Collector


def test_a_text_that_is_kept_again_takes_the_place_of_the_first(tmp_path: Path):
    collector = Collector(tmp_path / "kept.jsonl")
    assert collector.keep({"text": "a", "label": "x"}) == 1
    assert collector.keep({"text": "b", "label": "x"}) == 2
    assert collector.keep({"text": "a", "label": "y"}) == 2
    assert collector.keep({"id": "1", "text": "a", "label": "z"}) == 3
    lines = (tmp_path / "kept.jsonl").read_text().splitlines()
    assert lines == [
        '{"text": "a", "label": "y"}',
        '{"text": "b", "label": "x"}',
        '{"id": "1", "text": "a", "label": "z"}',
    ]
    assert len(Collector(tmp_path / "kept.jsonl")) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["kept.jsonl"]


@pytest.mark.parametrize("content", ["no json\n", "[1]\n", '{"label": "x"}\n'])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: str):
    path = tmp_path / "kept.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=r"kept.jsonl:1: .* name another file"):
        Collector(path)
    assert path.read_text() == content


def test_whatever_stands_in_a_text_is_read_again(tmp_path: Path):
    path = tmp_path / "kept.jsonl"
    texts = ["a\u2028b", "a\x85b\x0cc\x1cd", "x\r\ny", "#1", "\x00"]
    collector = Collector(path)
    for text in texts:
        collector.keep({"text": text, "spans": []})
    collector.keep({"id": "1", "text": "other", "spans": []})
    assert len(Collector(path)) == len(texts) + 1
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert Collector(path).keep({"text": "last", "spans": []}) == len(texts) + 2
    assert len(Collector(path)) == len(texts) + 2


def test_a_file_holds_one_kind_of_texts(tmp_path: Path):
    collector = Collector(tmp_path / "kept.jsonl")
    collector.keep({"text": "a", "spans": []})
    with pytest.raises(DataError, match="holds texts with spans, and this one has a class"):
        collector.keep({"text": "b", "label": "x"})
    with pytest.raises(DataError, match="holds texts with spans, and this one has a class"):
        Collector(tmp_path / "kept.jsonl").keep({"text": "b", "label": "x"})


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path):
    with pytest.raises(DataError, match="can't be read and written: Is a directory"):
        Collector(tmp_path)
