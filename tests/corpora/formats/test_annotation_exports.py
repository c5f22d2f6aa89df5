"""Annotated texts from each tool, and spans that do not fit."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.corpora.formats.annotation_exports import annotation_part
from seqtag.corpora.formats.annotation_records import record_kind
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.span_alignment import SpanRules
from seqtag.errors import DataError
from seqtag.text.schemes import spans_from_tags
from seqtag.text.tokenizer import Tokenizer

TEXT = "Ada Lovelace lives in Turin."
SPANS = [(0, 12, "PER"), (22, 27, "LOC")]
TOKENS = ["Ada", "Lovelace", "lives", "in", "Turin", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]


def label_studio(text, spans, **extra):
    result = [
        {"type": "labels", "value": {"start": s, "end": e, "text": text[s:e], "labels": [label]}}
        for s, e, label in spans
    ]
    choice = {"type": "choices", "value": {"choices": ["news"]}}
    return {"id": 7, "data": {"text": text}, "annotations": [{"result": [choice, *result], **extra}]}


EXPORTS = {
    "doccano": {"id": 1, "text": TEXT, "label": [list(span) for span in SPANS]},
    "doccano labels": {"text": TEXT, "labels": [list(span) for span in SPANS], "Comments": []},
    "doccano entities": {
        "text": TEXT,
        "entities": [{"id": n, "label": lb, "start_offset": s, "end_offset": e} for n, (s, e, lb) in enumerate(SPANS)],
        "relations": [],
    },
    "prodigy": {"text": TEXT, "spans": [{"start": s, "end": e, "label": lb} for s, e, lb in SPANS], "answer": "accept"},
    "label-studio": label_studio(TEXT, SPANS),
    "label-studio minimal": {
        "text": TEXT,
        "label": [{"start": s, "end": e, "text": TEXT[s:e], "labels": [lb]} for s, e, lb in SPANS],
        "annotator": 1,
    },
}


def write(path, *records, array=False):
    lines = json.dumps(records) if array else "\n".join(json.dumps(record) for record in records) + "\n"
    path.write_text(lines, encoding="utf-8")
    return path


def rows(path, **options):
    dataset = load_corpus(path, split="train", **options)
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[number] for number in row["tags"]]) for row in dataset]


def moved_spans(path) -> list[str]:
    part = annotation_part(path, SpanRules(only_listed=True))
    assert sum(len(block.lengths) for block in part.blocks)
    return [str(fault) for fault in part.faults]


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_recognised_and_read(tmp_path, name, array):
    path = write(tmp_path / ("x.json" if array else "x.jsonl"), EXPORTS[name], EXPORTS[name], array=array)
    assert record_kind(EXPORTS[name]) == name.split()[0]
    assert rows(path) == [(TOKENS, TAGS)] * 2
    assert moved_spans(path) == []


def test_a_folder_of_exports(tmp_path):
    for name in ("train.jsonl", "valid.jsonl"):
        write(tmp_path / name, EXPORTS["doccano"])
    assert list(load_corpus(tmp_path)) == ["train", "dev"]


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_aligned_spans_come_back(tmp_path_factory, data):
    text = data.draw(st.text(st.sampled_from("ab .,-\n'é😀"), max_size=40).filter(str.strip))
    tokens = Tokenizer().tokens(text)
    borders = sorted(data.draw(st.sets(st.integers(0, len(tokens)), max_size=6)))
    pairs = list(zip(borders[::2], borders[1::2]))
    marks = [[tokens[start].start, tokens[end - 1].end, "X"] for start, end in pairs]
    path = write(tmp_path_factory.mktemp("aligned") / "x.jsonl", {"text": text, "label": marks})
    assert moved_spans(path) == []
    # IOB2 whatever the rest: one text alone may look like another scheme
    ((read_tokens, tags),) = rows(path)
    assert read_tokens == [token.text for token in tokens]
    assert [(span.start, span.end) for span in spans_from_tags(tags, "IOB2")] == pairs


def test_misaligned_spans_are_moved_outwards_and_listed(tmp_path, caplog):
    good = EXPORTS["doccano"]
    path = write(tmp_path / "x.jsonl", good, {"text": TEXT, "label": [[1, 6, "PER"], [24, 28, "LOC"]]})
    assert moved_spans(path) == [
        "PER span 1:6 'da Lo' cuts a token; moved to 0:12 'Ada Lovelace'",
        "LOC span 24:28 'rin.' cuts a token; moved to 22:28 'Turin.'",
    ]
    with pytest.raises(
        DataError, match=r"x\.jsonl: 2 of 4 spans do not fit .*x\.jsonl:2: PER span 1:6 'da Lo' cuts a token"
    ):
        load_corpus(path)
    caplog.set_level(logging.WARNING, "seqtag")
    caplog.clear()
    assert rows(path, max_misaligned=0.5)[1] == (TOKENS, ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC"])
    assert [record.getMessage().rpartition("/")[2] for record in caplog.records] == [
        "x.jsonl:2: PER span 1:6 'da Lo' cuts a token; moved to 0:12 'Ada Lovelace'",
        "x.jsonl:2: LOC span 24:28 'rin.' cuts a token; moved to 22:28 'Turin.'",
    ]


@pytest.mark.parametrize(
    "record", ['{"text": "a \\ud800", "label": []}', '{"text": "ab", "label": [[0, 2, "P\\udc00"]]}']
)
def test_half_a_character_is_named_by_line(tmp_path, record):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "\\ud83d\\ude00 ab", "label": [[2, 4, "X"]]}\n' + record, encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.jsonl:2: it holds half of a surrogate pair"):
        load_corpus(path)


def test_white_space_at_the_borders_is_no_misalignment(tmp_path):
    path = write(tmp_path / "x.jsonl", {"text": TEXT, "label": [[0, 13, "PER"], [21, 27, "LOC"]]})
    assert moved_spans(path) == []
    assert rows(path) == [(TOKENS, TAGS)]


def test_spans_that_share_a_token_after_the_move(tmp_path):
    path = write(tmp_path / "x.jsonl", {"text": "abcd ef", "label": [[0, 2, "A"], [2, 4, "B"], [4, 5, "C"]]})
    assert moved_spans(path) == [
        "A span 0:2 'ab' cuts a token; moved to 0:4 'abcd'",
        "B span 2:4 'cd' cuts a token and has no room of its own; left out",
        "C span 4:5 ' ' cuts a token and has no room of its own; left out",
    ]
    assert rows(path, max_misaligned=1.0) == [(["abcd", "ef"], ["B-A", "O"])]


def test_prodigy_answers_and_tokens(tmp_path):
    listed = [
        {"text": "Ada Lovelace", "start": 0, "end": 12, "id": 0},
        {"text": "lives", "start": 13, "end": 18, "id": 1},
    ]
    accepted = {
        "text": TEXT[:18],
        "tokens": listed,
        "spans": [{"start": 0, "end": 12, "label": "PER"}],
        "answer": "accept",
    }
    path = write(tmp_path / "x.jsonl", accepted, accepted | {"answer": "reject"}, accepted | {"answer": "ignore"})
    assert rows(path) == [(["Ada Lovelace", "lives"], ["B-PER", "O"])]


def test_label_studio_counts_in_utf16(tmp_path):
    text = "😀😀 Ada lives 😀"
    value = {"start": 5, "end": 8, "text": "Ada", "labels": ["PER"]}
    task = {"data": {"body": text}, "annotations": [{"result": [{"value": value}]}]}
    ((tokens, tags),) = rows(write(tmp_path / "x.json", task, array=True))
    assert [token for token, tag in zip(tokens, tags) if tag == "B-PER"] == ["Ada"]


def test_label_studio_annotations_that_do_not_count(tmp_path):
    cancelled = label_studio(TEXT, SPANS, was_cancelled=True)
    several = label_studio(TEXT, SPANS)
    several["annotations"].insert(0, {"result": []})
    several["annotations"].append({"result": [], "was_cancelled": True})
    path = write(tmp_path / "x.json", {"data": {"text": "Nobody"}, "annotations": []}, cancelled, several, array=True)
    assert rows(path) == [(TOKENS, TAGS)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": TEXT, "label": [[0, 99, "PER"]]}, "x.jsonl:2: the PER span 0:99 does not lie in the text of 28"),
        ({"text": TEXT, "label": [[3, 3, "PER"]]}, "x.jsonl:2: the PER span 3:3 does not lie"),
        (
            {"text": TEXT, "label": [[0, 12, "PER"], [4, 12, "LAST"]]},
            "x.jsonl:2: PER span 0:12 'Ada Lovelace' and LAST span 4:12 'Lovelace' overlap; remove one of each two",
        ),
        ({"text": TEXT, "label": [[0, 12]]}, r"x.jsonl:2: the mark \[0, 12\] is no \[start, end, label\]"),
        ({"text": TEXT, "label": [["0", 12, "PER"]]}, "needs a start and an end in characters and a label"),
        ({"text": TEXT, "tags": "PER"}, "x.jsonl:2: the record has the keys text, tags; expected a text with spans"),
        ([1, 2], "x.jsonl:2: the record is list; each must be an object"),
        (label_studio(TEXT, SPANS), "x.jsonl:2: the record has the keys id, data, annotations; expected a text with"),
        (
            {"text": TEXT, "label": [{"start": 0, "end": 3, "labels": ["A", "B"]}]},
            "x.jsonl:2: A span 0:3 'Ada' and B span 0:3 'Ada' overlap",
        ),
        (
            {"text": "a b", "spans": [], "tokens": [{"start": 2, "end": 9}]},
            "does not lie in the text after the one before",
        ),
    ],
)
def test_records_that_fall_short(tmp_path, record, message):
    path = write(tmp_path / "x.jsonl", EXPORTS["doccano"], record)
    with pytest.raises(DataError, match=message):
        load_corpus(path)


def test_what_is_not_json(tmp_path):
    path = write(tmp_path / "x.jsonl", EXPORTS["doccano"])
    path.write_text(path.read_text(encoding="utf-8") + "{'text'\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"x\.jsonl:2: not JSON: .* at column 2; export the file again, with one record per"
    ):
        load_corpus(path)
    path.write_text('[{"text": "a"},\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.jsonl:\d: not JSON"):
        load_corpus(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.jsonl: no record in the file"):
        load_corpus(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"x\.jsonl: the file is empty"):
        load_corpus(path)
