"""The linter on files that can't be read or have other names, on lines and columns, and how its findings read."""

import re

import pytest
from datasets import Dataset
from rich.cells import cell_len

from seqtag.errors import UsageError
from seqtag.linter import linter as check
from seqtag.linter.findings import SEVERITIES
from seqtag.linter.linter import check_corpus


def counts_of(findings, kind):
    finding = findings.of_kind(kind)
    return dict(finding.counts) if finding else {}


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_clean_corpus_has_no_findings():
    rows = {"tokens": [["Ada", "spoke", str(n)] for n in range(6)], "tags": [["B-PER", "O", "O"]] * 6}
    findings = check_corpus(Dataset.from_dict(rows))
    assert findings.findings == ()
    assert str(findings).endswith("Nothing was found.")


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


def test_lines_that_other_readers_trip_over_are_found(tmp_path):
    text = "# a = comment\n1\t#go\tO\n2\tnow\tO\n\t\n# a = b\n1\t#\tO\n \n"
    numbered = check_corpus(write(tmp_path / "a.conllu", text))
    assert [e.place for e in numbered.of_kind("filled_separator").examples] == [
        f"{tmp_path / 'a.conllu'}:{n}" for n in (4, 7)
    ]
    assert numbered.of_kind("hash_token") is None  # a number stands before them
    path = write(tmp_path / "b.conll", "We\tO\n#go\tO\n\n#\tO\nx#\tO\n")
    assert [(e.place, e.text) for e in check_corpus(path).of_kind("hash_token").examples] == [
        (f"{path}:2", "'#go'"),
        (f"{path}:4", "'#'"),
    ]
    folder = tmp_path / "slots"
    write(folder / "seq.in", "go  home\n# now\nplay it \n")
    write(folder / "seq.out", "O O\nO O\nO O\n")
    findings = check_corpus(folder)
    assert [e.place for e in findings.of_kind("double_blank").examples] == [f"{folder / 'seq.in'}:1"]
    assert findings.of_kind("hash_token") is None
    path = write(tmp_path / "c.csv", 'text,label\n"one\ntwo",a\nthree,b\n')
    assert [e.place for e in check_corpus(path, task="classify").of_kind("line_break").examples] == [f"{path}:2"]


def test_a_column_that_holds_no_labels_is_an_error_and_all_that_is_said_of_them(tmp_path):
    path = write(tmp_path / "a.conll", "".join(f"word\t{number / 7:.4f}\n" for number in range(60)))
    findings = check_corpus(path)
    assert [finding.kind for finding in findings.findings] == ["wrong_column"]
    assert (findings.of_kind("wrong_column").count, findings.has_errors) == (60, True)
    few_shot = Dataset.from_dict(
        {"text": [f"text {n}" for n in range(120)], "label": [f"intent {n % 60}" for n in range(120)]}
    )
    assert check_corpus(few_shot, task="classify").of_kind("wrong_column") is None


def test_those_who_wait_are_told_what_begins(tmp_path):
    told = []
    write(tmp_path / "train.conll", "We\tO\n")
    write(tmp_path / "test.conll", "We\tO\n")
    check_corpus(tmp_path, watch=told.append)
    assert told == [
        "reading train",
        "reading test",
        "looking at words and lines",
        "looking for copies",
        "looking at labels",
    ]


def test_places_are_shown_without_the_folder_that_all_share(tmp_path):
    first = write(tmp_path / "a" / "train.conll", "We\tO\nlike\tO\nold\tO\nRome\tB-LOC\n")
    second = write(tmp_path / "b" / "test.conll", "We\tO\nlike\tO\nold\tO\nRome\tB-LOC\n")
    shown = str(check_corpus({"train": first, "test": second}))
    assert "    b/test.conll:1  as a/train.conll:1: 'We like old Rome'" in shown.splitlines()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "clasify"}, "did you mean 'classify'?"),
        ({"text": 0}, "text= is not an option of task='tag'"),
        ({"task": "classify", "tag": 1}, "tag= is not an option of task='classify'"),
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


def test_findings_come_in_the_order_of_the_table_and_json_keys_stay(tmp_path):
    text = "Ada\tB-PER\nspoke\u200b\tO\n\nin\tO\nNew York\tI-LOC\n"
    findings = check_corpus(write(tmp_path / "train.conll", text))
    content = findings.to_dict()
    kinds = [finding["kind"] for finding in content["findings"]]
    assert kinds == ["illegal_tag", "space_in_token", "invisible_character", "rare_label"]
    assert kinds == sorted(kinds, key=list(SEVERITIES).index)
    assert list(content) == [
        *("source", "task", "scheme", "num_errors", "num_warnings", "num_notes", "splits", "findings"),
    ]
    assert [content[f"num_{severity}s"] for severity in ("error", "warning", "note")] == [1, 2, 1]
    assert content["splits"] == [
        {
            **{"name": "train", "origin": str(tmp_path / "train.conll"), "num_rows": 2, "num_tokens": 4},
            "labels": {"LOC": 1, "PER": 1},
        }
    ]
    first = content["findings"][0]
    assert list(first) == ["kind", "severity", "count", "counts", "message", "examples"]
    assert (first["severity"], first["count"], first["counts"]) == ("error", 1, {"train": 1})
    assert first["examples"] == [
        {"split": "train", "place": f"{tmp_path / 'train.conll'}:5", "text": "'I-LOC' after 'O', at the end"}
    ]


def test_examples_are_the_first_of_each_split_and_the_count_is_of_all(tmp_path):
    for split, count in (("train", 30), ("test", 3)):
        write(tmp_path / f"{split}.conll", "".join(f"w{n}\tI-PER\n\nx{n}\tB-PER\n\n" for n in range(count)))
    finding = check_corpus(tmp_path).of_kind("illegal_tag")
    assert (finding.count, dict(finding.counts)) == (33, {"train": 30, "test": 3})
    assert [e.place.rpartition(":")[2] for e in finding.examples] == [
        *(str(4 * n + 1) for n in range(10)),
        *("1", "5", "9"),
    ]
    shown = [line.split()[0] for line in str(check_corpus(tmp_path)).splitlines() if ".conll:" in line][:5]
    assert shown == ["train.conll:1", "train.conll:5", "train.conll:9", "test.conll:1", "test.conll:5"]


def test_a_terminal_is_shown_escape_codes_and_wide_characters_without_harm(tmp_path):
    wide = "漢字" * 60
    path = write(tmp_path / "train.conll", f"\x1b[31mred\tI-LOC\n{wide}\tI-PER\n\n{wide} x\tB-\x1b]0;P\tO\n")
    shown = str(check_corpus(path, token=0, tag=1))
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
    assert all(cell_len(line) <= 80 or str(tmp_path) in line for line in shown.splitlines())
