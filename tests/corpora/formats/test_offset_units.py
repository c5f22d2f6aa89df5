"""What offsets count: found out by the words that spans fit, said by the user, and never changed without a word."""

import json
import logging
from pathlib import Path

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from seqtag import DataError, UsageError
from seqtag.corpora.loading import load_corpus

TEXTS = [
    ("😀 Ada met Bo in Turin. 👩‍🚒", ["Ada", "Bo", "Turin"]),
    ("Nothing wide: Ada.", ["Ada"]),
    ("𝔸 b 😀😀 Kurt Gödel!", ["Kurt Gödel"]),
]


def units(text: str, at: int) -> int:
    return len(text[:at].encode("utf-16-le")) // 2


def records(unit: str, texts=TEXTS, **more) -> list[dict]:
    """Texts as Doccano exports them, which says nothing of what it counts."""
    count = units if unit == "utf-16" else lambda text, at: at
    return [
        {
            "text": text,
            "label": [
                [count(text, text.index(each)), count(text, text.index(each) + len(each)), "X"] for each in words
            ],
            **more,
        }
        for text, words in texts
    ]


def spans(source, **options) -> list[list[str]]:
    rows = load_corpus(source, split="train", **options)
    names = rows.features["tags"].feature.names
    return [[token for token, tag in zip(row["tokens"], row["tags"]) if names[tag] != "O"] for row in rows]


WANTED = [["Ada", "Bo", "Turin"], ["Ada"], ["Kurt", "Gödel"]]


@pytest.fixture
def written(tmp_path: Path):
    def write(rows: list[dict], name: str = "export.jsonl") -> Path:
        path = tmp_path / name
        lines = [json.dumps(row, ensure_ascii=len(name) % 2 == 0) for row in rows]
        path.write_text("\n".join(lines) + "\n" if name.endswith("jsonl") else json.dumps(rows), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", ["export.jsonl", "exports.jsonl", "export.json"])
@pytest.mark.parametrize("unit", ["characters", "utf-16"])
def test_the_unit_is_found_out_and_said(unit: str, name: str, written, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert spans(written(records(unit), name)) == WANTED
    counted = "UTF-16 units" if unit == "utf-16" else "characters"
    (said,) = [each.getMessage() for each in caplog.records if "behind an emoji" in each.getMessage()]
    assert f"{name}: offsets count {counted}, as 4 of 4 spans" in said


@pytest.mark.parametrize("unit", ["characters", "utf-16"])
def test_the_user_says_it(unit: str, written, caplog: pytest.LogCaptureFixture):
    path = written(records(unit))
    assert spans(f"{path}:offsets={unit}") == spans(path, offsets=unit) == WANTED
    assert not any("emoji" in each.getMessage() for each in caplog.records)
    other = "utf-16" if unit == "characters" else "characters"
    with pytest.raises(DataError):
        spans(path, offsets=other)


def test_a_record_that_says_it_itself_is_believed(written):
    stated = records("utf-16", TEXTS[:1], offset_unit="utf-16")
    assert spans(written([*stated, *records("characters", TEXTS[1:])])) == WANTED
    assert spans(written(records("characters", offset_unit="utf-16")), offsets="characters") == WANTED  # the user knows


@pytest.mark.parametrize("unit", ["characters", "utf-16"])
def test_tables_and_other_forms(unit: str, written, tmp_path: Path):
    marked = [
        {"text": row["text"], "spans": [dict(zip(("start", "end", "label"), mark)) for mark in row["label"]]}
        for row in records(unit)
    ]
    assert spans(written(marked)) == WANTED  # Prodigy's form
    Dataset.from_list(marked).to_parquet(tmp_path / "x.parquet")
    assert spans(str(tmp_path / "x.parquet")) == spans(f"{tmp_path / 'x.parquet'}:offsets={unit}") == WANTED
    of_spacy = [[row["text"], {"entities": row["label"]}] for row in records(unit)]
    assert spans(written(of_spacy, "spacy.json")) == WANTED


def test_what_can_not_be_told_is_said(written, caplog: pytest.LogCaptureFixture):
    path = written([{"text": "😀 他来自都灵市", "label": [[4, 6, "LOC"]]}])
    assert spans(path, language="zh", max_misaligned=1.0) is not None
    assert "can't be told by the 1 spans behind such a character; read as characters" in caplog.text


def test_words_that_a_span_states_go_before_all(written, caplog: pytest.LogCaptureFixture):
    rows = [
        {
            "text": row["text"],
            "spans": [{"start": a, "end": b, "label": c, "text": w} for (a, b, c), w in zip(row["label"], words)],
        }
        for row, (_, words) in zip(records("utf-16"), TEXTS)
    ]
    assert spans(written(rows)) == WANTED
    assert "behind" not in caplog.text


def test_wrong_uses(written, tmp_path: Path):
    with pytest.raises(UsageError, match="unknown offsets='utf16'; choose from auto, characters, utf-16; did you mean"):
        spans(written(records("utf-16")), offsets="utf16")
    (tmp_path / "x.conll").write_text("Ada B-PER\nleft O\n", encoding="utf-8")
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text("Ada", encoding="utf-8")
    (tmp_path / "brat" / "a.ann").write_text("T1\tPER 0 3\tAda\n", encoding="utf-8")
    Dataset.from_dict({"tokens": [["Ada"]], "tags": [["O"]]}).to_parquet(tmp_path / "x.parquet")
    for name in ("x.conll", "brat", "x.parquet"):
        with pytest.raises(UsageError, match="offsets= is for texts with spans"):
            spans(f"{tmp_path / name}:offsets=utf-16")
    task = {"data": {"text": "Ada"}, "annotations": [{"result": []}]}
    with pytest.raises(UsageError, match="an export of Label Studio counts characters, or states the words"):
        spans(written([task], "tasks.json"), offsets="utf-16")
    with pytest.raises(UsageError, match="offsets= is for task='tag'"):
        load_corpus("x.csv", task="classify", offsets="utf-16")


@given(
    st.lists(st.text("a𝔸😀é .", min_size=1, max_size=12), min_size=1, max_size=4),
    st.sampled_from(["characters", "utf-16"]),
)
def test_a_stated_unit_is_read_without_a_change(texts: list[str], unit: str):
    from seqtag.corpora.formats.annotation_records import read_record

    for text in texts:
        for start in range(len(text)):
            count = units if unit == "utf-16" else lambda text, at: at
            mark = [count(text, start), count(text, start + 1), "X"]
            (found,) = read_record({"text": text, "label": [mark]}, "x:1", 1, utf16=unit == "utf-16")
            assert [(span.start, span.end) for span in found.spans] == [(start, start + 1)]
