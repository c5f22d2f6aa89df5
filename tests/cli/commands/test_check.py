"""`seqtag check`: every form of DATA, exit codes, what is printed where, and what a wrong call is told."""

import json
import os
import pty
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from datasets import Dataset
from rich.cells import cell_len
from small_corpus import Run, table

from seqtag.cli.commands.check import name_data
from seqtag.errors import UsageError
from seqtag.linter.findings import SEVERITIES
from seqtag.linter.linter import check_corpus

CLEAN = "".join(f"Ada\tB-PER\nspoke\tO\nfor\tO\n{n}\tO\nhours\tO\n\n" for n in range(5))
ORPHAN = "in\tO\nNew\tI-LOC\nYork\tI-LOC\n"
TEXTS = [(f"Number {n} was {word}.", label) for n in range(6) for word, label in (("fine", "good"), ("dull", "bad"))]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def kinds(run: Run, *words: str | Path) -> list[str]:
    return [finding["kind"] for finding in json.loads(run("check", *words, "--json", "-").stdout)["findings"]]


def splits(run: Run, *words: str | Path) -> dict[str, int]:
    return {
        split["name"]: split["num_rows"] for split in json.loads(run("check", *words, "--json", "-").stdout)["splits"]
    }


def test_the_report_is_all_that_is_printed_and_is_that_of_the_linter(run: Run, tmp_path: Path):
    path = write(tmp_path, {"train.conll": CLEAN + ORPHAN}) / "train.conll"
    result = run("check", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{check_corpus(path)}\n", "")
    assert "\x1b" not in result.stdout
    assert all(cell_len(line) <= 80 or str(tmp_path) in line for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (CLEAN, 0),  # nothing at all
        (CLEAN + "New\u200b\tO\n", 0),  # a warning
        (CLEAN + "in\tO\nRome\tB-LOC\n", 0),  # a note
        (CLEAN + ORPHAN, 0),  # training repairs it, with a warning
        (CLEAN + "broken\n", 1),
    ],
)
def test_the_exit_code_says_whether_there_are_errors(run: Run, tmp_path: Path, content: str, code: int):
    path = write(tmp_path, {"train.conll": content}) / "train.conll"
    assert run("check", path).exit_code == code
    assert run("check", path, "--json", tmp_path / "findings.json").exit_code == code
    figures = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert (figures["num_errors"] > 0) == bool(code)


def test_json_is_that_of_the_findings_and_its_keys_stay(run: Run, tmp_path: Path):
    folder = write(tmp_path / "corpus", {"train.conll": CLEAN, "test.conll": ORPHAN})
    result = run("check", folder, "--json", tmp_path / "findings.json")
    figures = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert figures == check_corpus(str(folder)).to_dict()
    assert result.stdout == f"{check_corpus(str(folder))}\n"
    assert json.loads(run("check", folder, "--json", "-").stdout) == figures
    assert list(figures) == [
        *("source", "task", "scheme", "num_errors", "num_warnings", "num_notes", "splits", "findings"),
    ]
    assert list(figures["splits"][0]) == ["name", "origin", "num_rows", "num_tokens", "labels"]
    assert list(figures["findings"][0]) == ["kind", "severity", "count", "counts", "message", "examples"]
    assert list(figures["findings"][0]["examples"][0]) == ["split", "place", "text"]


def test_tagged_data_comes_in_every_form_that_load_corpus_takes(run: Run, tmp_path: Path):
    rows = {"tokens": [["Ada", "spoke"]] * 5, "tags": [["B-PER", "O"]] * 5}
    Dataset.from_dict(rows).to_parquet(tmp_path / "a.parquet")
    marked = json.dumps({"text": "Ada Lovelace spoke", "label": [[0, 5, "PER"]]}) + "\n"
    three = CLEAN.replace("\tB-PER", "\tx\tB-PER").replace("\tO", "\tx\tO")
    write(
        tmp_path,
        {
            **{"a.conll": CLEAN, "a.jsonl": marked, "three.conll": three, "folder/train.conll": CLEAN},
            **{"folder/valid.conll": ORPHAN, "slots/seq.in": "Ada spoke\n", "slots/seq.out": "B-PER O\n"},
            **{"loose/one.conll": CLEAN, "loose/two.conll": CLEAN},
        },
    )
    assert splits(run, tmp_path / "a.conll") == {"train": 5}
    assert splits(run, tmp_path / "a.parquet") == {"train": 5}
    assert splits(run, tmp_path / "slots") == {"train": 1}
    assert splits(run, tmp_path / "folder") == {"train": 5, "dev": 1}
    assert splits(run, tmp_path / "loose") == {"one.conll": 5, "two.conll": 5}
    assert "misaligned_span" in kinds(run, tmp_path / "a.jsonl", "--language", "en")
    assert "illegal_tag" not in kinds(run, f"{tmp_path / 'three.conll'}:token=0,tag=2")
    assert json.loads(run("check", f"{tmp_path / 'three.conll'}:tag=1", "--json", "-").stdout)["scheme"] == "plain"


def test_labelled_texts_come_in_every_form_too(run: Run, tmp_path: Path):
    write(
        tmp_path,
        {
            **{"a.csv": table(TEXTS), "named.csv": table(TEXTS, header=("review", "stars"))},
            **{
                f"classes/{label}.txt": "\n".join(text for text, label_of_text in TEXTS if label_of_text == label)
                for label in ("good", "bad")
            },
            "corpus/train.tsv": table(TEXTS, delimiter="\t"),
            "corpus/test.tsv": table(TEXTS[:4], delimiter="\t"),
        },
    )
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("pos/1.txt", "What a \x85 day")
        archive.writestr("neg/1.txt", "Not a good day")
    classify = "--task", "classify"
    assert splits(run, tmp_path / "a.csv", *classify) == {"train": 12}
    assert splits(run, tmp_path / "classes", *classify) == {"train": 12}
    assert splits(run, tmp_path / "corpus", *classify) == {"train": 12, "test": 4}
    assert "shared_with_train" in kinds(run, tmp_path / "corpus", *classify)
    shown = json.loads(run("check", tmp_path / "a.zip", *classify, "--json", "-").stdout)["findings"]
    place = next(finding for finding in shown if finding["kind"] == "invisible_character")["examples"][0]["place"]
    assert place == f"{tmp_path / 'a.zip'}/pos/1.txt"
    # columns that are named as those of texts say the task
    assert splits(run, f"{tmp_path / 'named.csv'}:text=review,label=stars") == {"train": 12}


def test_several_files_are_splits_that_are_looked_at_together(run: Run, tmp_path: Path):
    write(tmp_path, {"a/my-train.conll": CLEAN, "b/test.tsv": CLEAN, "b/web.conll": ORPHAN})
    files = tmp_path / "b" / "test.tsv", tmp_path / "a" / "my-train.conll", f"{tmp_path / 'b' / 'web.conll'}:tag=1"
    assert splits(run, *files) == {"train": 5, "test": 5, "web.conll": 1}
    result = run("check", *files)
    assert "warning: shared_with_train, 5 (test in train 5)" in result.stdout.splitlines()
    assert "    b/test.tsv:1  as a/my-train.conll:1: 'Ada spoke for 0 hours'" in result.stdout.splitlines()


def test_splits_are_named_by_file_else_by_folder_else_as_the_file_is():
    assert list(name_data(["x/train/a.conll", "x/test/a.conll"], "tag")) == ["train", "test"]
    assert list(name_data(["x/train/dev.conll", "x/train/a.conll"], None)) == ["dev", "a.conll"]
    assert list(name_data(["one/a.conll", "two/a.conll:tag=1"], "tag")) == ["one/a.conll", "two/a.conll"]
    assert list(name_data(["r.csv:text=0,label=1", "test.csv"], "classify")) == ["r.csv", "test"]
    with pytest.raises(UsageError, match=r"a/train.conll and b/train.conll: each is the split 'train'"):
        name_data(["a/train.conll", "b/train.conll", "c/dev.conll"], "tag")
    with pytest.raises(UsageError, match=r"a.conll and a.conll: each is the split 'a.conll'; give one of them"):
        name_data(["a.conll", "a.conll"], "tag")


def test_a_folder_among_several_data_is_one_split_or_wrong(run: Run, tmp_path: Path):
    write(
        tmp_path, {"train/seq.in": "a b\n", "train/seq.out": "O O\n", "all/train.conll": CLEAN, "all/test.conll": CLEAN}
    )
    write(tmp_path, {"dev.conll": CLEAN})
    assert splits(run, tmp_path / "train", tmp_path / "dev.conll") == {"train": 1, "dev": 5}
    result = run("check", tmp_path / "all", tmp_path / "dev.conll")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "all: it has the splits train, test, but has to be the one split 'all'; give it alone, or a" in result.stderr


def test_labelled_texts_without_their_task_are_told_to_name_it(run: Run, tmp_path: Path):
    write(tmp_path, {"a.csv": table(TEXTS), "b.tsv": table(TEXTS, delimiter="\t"), "c/train.csv": table(TEXTS)})
    for name in ("a.csv", "b.tsv", "c"):
        result = run("check", tmp_path / name)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "as labelled texts, there are 12 with the labels good, bad." in result.stderr
        assert "add --task classify" in result.stderr
    # who says that they are tags is shown what is wrong with them
    assert run("check", tmp_path / "c", "--task", "tag").exit_code == 1


def test_one_sentence_with_plain_tags_is_not_taken_for_texts(run: Run, tmp_path: Path):
    path = write(tmp_path, {"a.tsv": "".join(f"word{n}\tNOUN\nruns\tVERB\n" for n in range(9))}) / "a.tsv"
    assert splits(run, path) == {"train": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.conll"], "nowhere.conll: there is no such file or folder"),
        (["train.conll", "nowhere.conll"], "nowhere.conll: there is no such file or folder"),
        (
            ["train.conll", "--task", "clasify"],
            "--task clasify: unknown; choose from classify, tag; did you mean 'classify'?",
        ),
        (["train.conll", "train.conll"], "train.conll and train.conll: each is the split 'train'"),
        (["train.conll:tga=1"], "tga=1 is not understood"),
        (["train.conll:tag=7"], "no column 7 for tag="),
        (["train.conll", "--json", "no/such/folder.json"], "no/such/folder.json: can't be written"),
        (["train.conll:text=0", "--task", "tag"], "text= is for task='classify'"),
    ],
)
def test_a_wrong_call_is_one_message_and_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
):
    monkeypatch.chdir(write(tmp_path, {"train.conll": CLEAN}))
    result = run("check", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]


def test_files_that_cannot_be_read_are_findings_and_the_rest_is_looked_at(run: Run, tmp_path: Path):
    write(tmp_path, {"train.conll": CLEAN, "dev.conll": "one\tO\ttwo\tO\n\nAda\tO\n"})
    result = run("check", tmp_path)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "error: unreadable, 1 (dev 1)" in result.stdout.splitlines()
    assert "train                5     25" in result.stdout


def test_the_help_names_every_kind_under_its_severity(run: Run):
    shown = run("check", "--help").stdout
    words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())
    for severity in ("error", "warning", "note"):
        start = words.index(f"{'An' if severity == 'error' else 'A'} {severity} ")
        listed = set(re.findall(r"\w+", words[start : words.index(". ", start + 20)]))
        assert {kind for kind, severity_of_kind in SEVERITIES.items() if severity_of_kind == severity} <= listed
    assert "Exit codes: 1 if there are errors" in words


def test_findings_are_written_as_a_page_and_as_markdown(run: Run, tmp_path: Path):
    path = write(tmp_path, {"train.conll": CLEAN + ORPHAN}) / "train.conll"
    files = tmp_path / "page.htm", tmp_path / "table.text"
    result = run("check", path, "--html", files[0], "--markdown", files[1])
    findings = check_corpus(path)
    assert (result.exit_code, result.stdout) == (0, f"{findings}\n")
    assert [file.read_text(encoding="utf-8") for file in files] == [findings.to_html(), findings.to_markdown()]
    assert run("check", path, "--markdown", "-").stdout == findings.to_markdown()


def test_colours_are_for_terminals_alone(tmp_path: Path):
    path = write(tmp_path, {"train.conll": ORPHAN + "New\u200b\tO\n"}) / "train.conll"  # one sentence is too little
    words = [sys.executable, "-m", "seqtag.cli", "check", str(path)]
    environment = {"PATH": "", "TERM": "xterm-256color", "COLUMNS": "80", "HF_HUB_OFFLINE": "1"}
    ours, theirs = pty.openpty()
    # a terminal keeps what a program wrote until it is read: some thousand characters
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        _, messages = process.communicate(timeout=120)
    shown = os.read(ours, 1 << 16).decode("utf-8")
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, messages) == (1, b"")  # standard error is a pipe: no progress in it
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert plain.replace("\r\n", "\n") == f"{check_corpus(path)}\n"
    assert set(re.findall(r"\x1b\[[\d;]+m(\w+)\x1b\[0m", shown)) == {"error", "warning", "note"}
