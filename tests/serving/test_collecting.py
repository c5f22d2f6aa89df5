"""What people keep is on disk at once, each text once, and never written over what something else wrote."""

import json
from pathlib import Path

import pytest

from seqtag import DataError, load_corpus
from seqtag.serving.collecting import Collector, widened
from seqtag.text.tokenizer import Token, Tokenizer


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


SPACED = [Token("Ada", 0, 3), Token("-", 3, 4), Token("Byron", 4, 9), Token("left", 10, 14)]


@pytest.mark.parametrize(
    ("given", "kept", "said"),
    [
        ((0, 9), (0, 9), None),
        ((9, 14), (9, 14), None),  # white space does no harm
        ((1, 6), (0, 9), "PER span 1:6 'da-By' cuts a token; moved to 0:9 'Ada-Byron'"),
        ((9, 12), (10, 14), "PER span 10:12 'le' cuts a token; moved to 10:14 'left'"),
    ],
)
def test_a_span_that_cuts_a_token_is_kept_as_it_will_be_read(
    given: tuple[int, int], kept: tuple[int, int], said: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    record = {"text": "Ada-Byron left", "spans": [{"start": given[0], "end": given[1], "label": "PER"}]}
    found, words = widened(record, SPACED)
    assert found["spans"] == [{"start": kept[0], "end": kept[1], "label": "PER"}]
    assert words == ([] if said is None else [said])
    # `load_corpus` moves what was given to the same tokens, with a warning, and finds nothing to move in what is kept.
    tags = []
    for name, one in (("given", record), ("kept", widened(record, Tokenizer("xx").tokens(record["text"]))[0])):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(one) + "\n")
        caplog.clear()
        tags.append(load_corpus(str(tmp_path / f"{name}.jsonl"), split="train", max_misaligned=1.0)["tags"][0])
        assert ("cuts a token" in caplog.text) == (name == "given" and said is not None)
    assert tags[0] == tags[1]


def test_two_spans_in_one_token_are_refused():
    spans = [{"start": 0, "end": 1, "label": "PER"}, {"start": 1, "end": 3, "label": "ORG"}]
    with pytest.raises(DataError, match="two spans lie in one token, 'Ada', and a token has one tag"):
        widened({"text": "Ada-Byron left", "spans": spans}, SPACED)


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path):
    with pytest.raises(DataError, match="can't be read and written: Is a directory"):
        Collector(tmp_path)
