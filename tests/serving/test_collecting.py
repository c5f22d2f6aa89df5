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
