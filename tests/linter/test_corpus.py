"""What the linter reads: files that can't be read, files of any name, and the splits that they are taken for."""

import pytest
from linting import counts_of, write

from seqtag.errors import UsageError
from seqtag.linter.linter import check_corpus


def test_a_split_that_cannot_be_read_is_an_error_and_is_compared_with_nothing(tmp_path):
    write(tmp_path / "dev.conll", "Ada\tB-PER\n\nin\tO\nRome\tI-LOC\n")
    (tmp_path / "train.conll").write_bytes("Zoë\tB-PER\n".encode("latin-1"))
    findings = check_corpus(tmp_path)
    unreadable = findings.of_kind("unreadable")
    assert dict(unreadable.counts) == {"train": 1}
    assert f"{tmp_path / 'train.conll'}:1: byte 3 of the line is 0xeb" in unreadable.examples[0].text
    assert "iconv" in str(findings)
    assert findings.has_errors
    assert {finding.kind for finding in findings.findings} == {"unreadable", "illegal_tag"}
    assert [split.name for split in findings.splits] == ["dev"]


@pytest.mark.parametrize("task", ["tag", "classify"])
def test_a_folder_without_a_corpus_is_an_error_among_the_findings(tmp_path, task):
    write(tmp_path / "README.md", "nothing here\n")
    findings = check_corpus(tmp_path, task=task)
    assert [finding.kind for finding in findings.findings] == ["unreadable"]
    assert (findings.splits, findings.scheme, findings.has_errors) == ((), None, True)
    assert str(tmp_path) in str(findings)


def test_rows_of_another_width_are_an_error_by_line_and_other_files_are_still_looked_at(tmp_path):
    write(tmp_path / "train.csv", "text,label\ngood,a\nbad,b,c\n")
    write(tmp_path / "test.csv", "text,label\n,a\nfine,b\n")
    findings = check_corpus(tmp_path, task="classify")
    assert f"{tmp_path / 'train.csv'}:3: 3 columns" in findings.of_kind("unreadable").examples[0].text
    assert [example.place for example in findings.of_kind("blank_row").examples] == [f"{tmp_path / 'test.csv'}:2"]


def test_files_of_any_name_are_checked_as_the_splits_that_they_are_given_as(tmp_path):
    first = write(tmp_path / "a" / "first.conll", "We\tO\nlike\tO\nRome\tB-LOC\n.\tO\n")
    second = write(tmp_path / "b" / "second.conll", "We\tO\nlike\tO\nRome\tB-LOC\n.\tO\n")
    findings = check_corpus({"testing": second, "train": first})
    assert [(split.name, split.origin) for split in findings.splits] == [("train", str(first)), ("test", str(second))]
    assert counts_of(findings, "shared_with_train") == {"test in train": 1}
    write(tmp_path / "c" / "train.conll", "We\tO\n")
    write(tmp_path / "c" / "test.conll", "We\tO\n")
    with pytest.raises(
        UsageError, match="it has the splits train, test, but has to be the one split 'dev'; give it alone"
    ):
        check_corpus({"train": first, "dev": tmp_path / "c"})


def test_one_file_that_cannot_be_opened_leaves_the_others_to_be_looked_at(tmp_path):
    good = write(tmp_path / "train.conll", "in\tO\nRome\tI-LOC\n")
    (tmp_path / "dev.jsonl").write_text("", encoding="utf-8")
    findings = check_corpus({"train": good, "dev": tmp_path / "dev.jsonl"})
    assert dict(findings.of_kind("unreadable").counts) == {"dev": 1}
    assert "dev.jsonl: the file is empty" in findings.of_kind("unreadable").examples[0].text
    assert [split.name for split in findings.splits] == ["train"]


def test_files_of_a_folder_that_name_no_split_are_each_one_and_that_is_said(tmp_path):
    write(tmp_path / "ads.conll", "Ada\tx\tB-PER\nspoke\ty\tO\nof\tz\tO\nRome\tz\tB-LOC\n")
    write(tmp_path / "news.conll", "Ada\tx\tB-PER\nspoke\ty\tO\nof\tz\tO\nRome\tz\tB-LOC\n")
    write(tmp_path / "README.md", "notes")
    findings = check_corpus(tmp_path)
    assert [split.name for split in findings.splits] == ["ads.conll", "news.conll"]
    assert [example.text for example in findings.of_kind("unnamed_splits").examples] == ["'ads.conll'", "'news.conll'"]
    assert counts_of(findings, "shared_held_out") == {"news.conll in ads.conll": 1}
    # columns that are named with the folder count for its files
    assert check_corpus(f"{tmp_path}:tag=1").scheme == "plain"
    (tmp_path / "ads.conll").unlink()
    findings = check_corpus(tmp_path)
    assert [split.name for split in findings.splits] == ["train"]  # as that file alone would be
    assert findings.of_kind("unnamed_splits").count == 1
    assert check_corpus(tmp_path / "news.conll").of_kind("unnamed_splits") is None
