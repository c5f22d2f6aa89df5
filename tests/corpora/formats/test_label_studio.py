"""Exports of Label Studio: whose annotation of a task counts, and in which of its texts the spans lie."""

import json

import pytest

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError

TEXT = "Ada Byron lives in Oslo."
PER = ["B-PER", "I-PER", "O", "O", "O", "O"]
LOC = ["O", "O", "O", "O", "B-LOC", "O"]
NOTHING = ["O"] * 6


def region(start, end, *labels, text=TEXT, to="text", control="label", **extra):
    value = {"start": start, "end": end, "text": text[start:end], "labels": list(labels)} | extra
    return {"from_name": control, "to_name": to, "type": "labels", "value": value}


def task(*annotations, **data):
    return {"id": 1, "data": data or {"text": TEXT}, "annotations": list(annotations), "predictions": []}


def by(person, *regions, **extra):
    return {"completed_by": person, "result": list(regions)} | extra


def tags(tmp_path, *tasks, suffix="", **options):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    dataset = load_corpus(f"{path}{suffix}", split="train", **options)
    names = dataset.features["tags"].feature.names
    return [[names[number] for number in row] for row in dataset["tags"]]


A, B, C = by(1, region(0, 9, "PER")), by({"id": 2, "email": "bo@x.org"}, region(19, 23, "LOC")), by(3)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ([A, B], LOC),
        ([B, A], PER),
        ([A | {"ground_truth": True}, B], PER),
        ([A, B | {"was_cancelled": True}], PER),
        ([A, B, C | {"ground_truth": True, "was_cancelled": True}], LOC),
        ([A, C], NOTHING),
    ],
)
def test_ground_truth_counts_otherwise_the_last_that_was_not_cancelled(tmp_path, annotations, expected):
    assert tags(tmp_path, task(A), task(*annotations)) == [PER, expected]


def test_tasks_with_several_annotations_are_counted(tmp_path, caplog):
    caplog.set_level("INFO", "seqtag")
    tags(tmp_path, task(A, B), task(A), task(B, C), task())
    assert [message.partition(": ")[2] for message in caplog.messages[:2]] == [
        "tasks with several annotations, of which the one marked ground_truth counts, otherwise the last "
        "(annotator= chooses): 2",
        "tasks without an annotation that counts left out: 1",
    ]


def test_an_annotator_is_chosen_by_number_or_address(tmp_path):
    tasks = task(A, B), task(A | {"ground_truth": True}, B), task(C)
    assert tags(tmp_path, *tasks, annotator=1) == [PER, PER]
    assert tags(tmp_path, *tasks, annotator="bo@x.org") == [LOC, LOC]
    assert tags(tmp_path, *tasks, suffix=":annotator=2") == [LOC, LOC]
    with pytest.raises(UsageError, match=r"no annotation by '7'; choose from 1, 2, 3, bo@x\.org"):
        tags(tmp_path, *tasks, annotator=7)


def test_the_spans_of_one_object_count(tmp_path, caplog):
    title = "The big win"
    both = task(by(1, region(14, 18, "LOC", text="We all met in Oslo."), region(8, 11, "EVT", text=title, to="title")))
    both["data"] = {"text": "We all met in Oslo.", "title": title}
    with pytest.raises(DataError, match=r"several texts of a task \('text', 'title'\).*export\.json:token=text"):
        tags(tmp_path, both)
    assert tags(tmp_path, both, suffix=":token=text") == [["O", "O", "O", "O", "B-LOC", "O"]]
    caplog.set_level("INFO", "seqtag")
    assert tags(tmp_path, both, token="title") == [["O", "O", "B-EVT"]]
    assert any("spans of other texts or labels left out: 1" in message for message in caplog.messages)
    with pytest.raises(UsageError, match=r"no text named 'titel'; .*did you mean 'title'"):
        tags(tmp_path, both, token="titel")


def test_the_object_may_have_another_name_than_its_text(tmp_path):
    found = task(by(1, region(0, 9, "PER", to="t")), body=TEXT, url="http://x.org/a")
    unmarked = task(by(1), body=TEXT, url="http://x.org/b")
    assert tags(tmp_path, unmarked, found) == [NOTHING, PER]
    with pytest.raises(DataError, match=r'"data" has 2 strings \(body, url\).*token=body'):
        tags(tmp_path, unmarked)


def test_exports_without_an_annotation_or_a_text(tmp_path):
    with pytest.raises(DataError, match="no sentence in it"):
        tags(tmp_path, task())
    marked = by(1, region(0, 3, "PER"))
    with pytest.raises(DataError, match='no task has a text among its "data"'):
        tags(tmp_path, task(marked, dialogue=[{"text": TEXT}]))
    with pytest.raises(DataError, match=r"export\.json:2: the task has no text 'text' in its data"):
        tags(tmp_path, task(marked), task(marked, text=None))
    with pytest.raises(DataError, match=r"export\.json:1: spans in dialogues \(paragraphlabels\) are not read"):
        tags(tmp_path, task(by(1, {"type": "paragraphlabels", "value": {"start": "0"}})))


def test_results_that_are_no_labels_are_passed_over(tmp_path):
    sure = {
        "to_name": "text",
        "type": "choices",
        "value": {"start": 0, "end": 9, "text": "Ada Byron", "choices": ["y"]},
    }
    others = [
        {"to_name": "text", "type": "rating", "value": {"start": 0, "end": 9, "rating": 3}},
        {"to_name": "text", "type": "textarea", "value": {"start": 0, "end": 9, "text": ["a note"]}},
        {"type": "relation", "from_id": "a", "to_id": "b"},
        region(10, 15),
    ]
    assert tags(tmp_path, task(by(1, region(0, 9, "PER"), sure, *others))) == [PER]


def test_labels_of_one_control_are_chosen(tmp_path):
    marked = task(by(1, region(0, 9, "PER"), region(0, 3, "FIRST", control="part")))
    with pytest.raises(DataError, match=r"PER span 0:9 'Ada Byron' and FIRST span 0:3|FIRST span 0:3 'Ada' and PER"):
        tags(tmp_path, marked)
    assert tags(tmp_path, marked, tag="part") == [["B-FIRST", "O", "O", "O", "O", "O"]]


def test_hypertext_counts_in_global_offsets(tmp_path):
    value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 9}
    value |= {"globalOffsets": {"start": 0, "end": 9}, "text": "Ada Byron", "hypertextlabels": ["PER"]}
    assert tags(tmp_path, task(by(1, {"type": "hypertextlabels", "to_name": "text", "value": value}))) == [PER]


def minimal(number, *marks, key="label", text="text", **extra):
    found = [region(*mark)["value"] for mark in marks]
    return {"id": number, text: TEXT, "annotator": 1} | ({key: found} if marks else {}) | extra


def test_json_min_with_texts_without_marks_and_other_names(tmp_path):
    marked = minimal(2, (0, 9, "PER"), key="entities_of", text="body", sentiment="good", url="http://x.org")
    bare = minimal(1, text="body", sentiment="bad", url="http://x.org/b")
    assert tags(tmp_path, bare, marked, bare) == [NOTHING, PER, NOTHING]
    assert tags(tmp_path, minimal(1), minimal(2, (19, 23, "LOC"))) == [NOTHING, LOC]


def test_json_min_gives_each_task_once(tmp_path):
    first, second = minimal(1, (0, 9, "PER"), annotation_id=10), minimal(1, (19, 23, "LOC"), annotation_id=11)
    other = minimal(2, (0, 9, "PER"), annotation_id=12) | {"annotator": 2}
    assert tags(tmp_path, first, second, other) == [LOC, PER]
    assert tags(tmp_path, first, second | {"annotator": 2}, other, annotator=1) == [PER]
