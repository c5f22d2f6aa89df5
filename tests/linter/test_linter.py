"""The linter on files that can't be read or have other names, on lines and columns, and how its findings read."""

import re

import pytest
from datasets import Dataset
from linting import write

from seqtag.errors import UsageError
from seqtag.linter import linter as check
from seqtag.linter.findings import SEVERITIES
from seqtag.linter.linter import check_corpus


def test_a_clean_corpus_has_no_findings():
    rows = {"tokens": [["Ada", "spoke", str(n)] for n in range(6)], "tags": [["B-PER", "O", "O"]] * 6}
    findings = check_corpus(Dataset.from_dict(rows))
    assert findings.findings == ()
    assert str(findings).endswith("Nothing was found.")


def test_a_column_that_holds_no_labels_is_all_that_is_said_of_them(tmp_path):
    rows = (f"word{number}\t{number / 7:.4f}\n" + "\n" * (number % 3) for number in range(60))
    path = write(tmp_path / "a.conll", "".join(rows))
    findings = check_corpus(path)
    assert [finding.kind for finding in findings.findings] == ["wrong_column"]
    assert (findings.of_kind("wrong_column").count, findings.has_errors) == (60, False)
    few_shot = Dataset.from_dict(
        {"text": [f"text {n}" for n in range(120)], "label": [f"intent {n % 60}" for n in range(120)]}
    )
    assert check_corpus(few_shot, task="classify").of_kind("wrong_column") is None


def test_those_who_wait_are_told_what_begins(tmp_path):
    events = []
    write(tmp_path / "train.conll", "We\tO\n")
    write(tmp_path / "test.conll", "We\tO\n")
    check_corpus(tmp_path, watch=events.append)
    assert events == [
        "reading train",
        "reading test",
        "looking at words and lines",
        "looking for copies",
        "looking at labels",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "clasify"}, "did you mean 'classify'?"),
        ({"text": 0}, "text= is for task='classify', and the task is 'tag': say token="),
        ({"task": "classify", "tag": 1}, "tag= is for task='tag', and the task is 'classify': say label="),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        check_corpus(Dataset.from_dict({"tokens": [["a"]], "tags": [["O"]]}), **options)


def test_a_source_that_is_not_there_is_wrong_use_and_no_finding(tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        check_corpus(tmp_path / "nowhere.conll")


def test_the_table_of_kinds_in_the_docstring_is_that_of_the_code():
    listed = re.findall(r"^\| (\w+) \| (error|warning|note) \|", check.__doc__, re.MULTILINE)
    assert listed == list(SEVERITIES.items())


@pytest.mark.parametrize(
    ("task", "rows", "message"),
    [
        ("tag", {"tokens": [["a"], ["b"]], "tags": [["O"], ["O"]]}, "there is no label but O"),
        ("tag", {"tokens": [["a"]], "tags": [["B-X"]]}, "there is one row, and no split dev"),
        ("tag", {"tokens": [["a"], ["b"]], "tags": [["NN"], ["NN"]]}, "the only label is 'NN'"),
        ("classify", {"text": ["a", "b"], "label": ["x", "x"]}, "the only label is 'x'"),
        ("tag", {"tokens": [["a"], ["b"]], "tags": [["B-X"], ["O"]]}, ""),
        ("classify", {"text": ["a", "b"], "label": ["x", "y"]}, "no class has two texts, so none can be held out"),
        ("classify", {"text": ["a", "b", "c"], "label": ["x", "y", "y"]}, ""),
        ("classify", {"text": ["a", "b"], "labels": [["x"], []]}, ""),
    ],
)
def test_what_training_refuses_is_an_error(task, rows, message):
    found = check_corpus(Dataset.from_dict(rows), task=task).of_kind("too_little")
    assert (found.examples[0].text if found else "").startswith(message)
    assert (found is not None) == bool(message)
