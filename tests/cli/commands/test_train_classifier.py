"""`seqtag train` and `evaluate` for texts with labels: what they leave behind, print and refuse."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from small_corpus import LABELLED, SEVERAL, SMALL, Run, table

import seqtag.store
from seqtag import Classifier, load_corpus

CLASSIFY = ["--task", "classify", *SMALL]


def test_it_saves_a_model_and_prints_its_scores_on_test(run: Run, labelled: Path, tmp_path: Path):
    out = tmp_path / "deep" / "mood"
    result = run("train", labelled, "--out", out, *CLASSIFY)
    assert result.exit_code == 0
    report = Classifier.load(out).evaluate(load_corpus(str(labelled), split="test", task="classify"))
    assert result.stdout == f"{replace(report, source=f'{labelled}, test', model=str(out)).summary()}\n"
    assert f"saved in {out}" in result.stderr
    assert [path.name for path in out.parent.iterdir()] == ["mood"]  # the state of the run is gone


def test_options_reach_the_model(run: Run, labelled: Path, tmp_path: Path):
    out = tmp_path / "mood"
    words = ["--set", "pooling=max", "--set", "label_smoothing=.1", "--seed", "7", "--language", "en"]
    assert run("train", labelled, "--out", out, *CLASSIFY, *words).exit_code == 0
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    wanted = {"pooling": "max", "label_smoothing": 0.1, "seed": 7, "language": "en", "hidden_size": 16, "epochs": 3}
    assert config["task"] == "classify"
    assert {name: config["params"][name] for name in wanted} == wanted


def test_columns_are_named_and_dev_and_test_may_come_from_elsewhere(run: Run, labelled: Path, tmp_path: Path):
    # Of these columns nobody could guess the two that are meant.
    rows = [(label, text, "one", str(i % 2)) for i, (text, label) in enumerate(LABELLED)]
    data = tmp_path / "answers.tsv"
    data.write_text(table(rows, ["mood", "said", "who", "odd"], "\t"), encoding="utf-8")
    columns = f"{data}:text=said,label=mood"
    alone = run("train", columns, "--out", tmp_path / "a", *CLASSIFY)
    assert alone.exit_code == 0, alone.stderr
    assert f"14 of {len(rows)} training texts are held out" in alone.stderr
    assert alone.stdout == ""  # there is no test split, so there are no results
    assert Classifier.load(tmp_path / "a").classes_.tolist() == ["bad", "good", "plain"]
    words = ["--dev", labelled, "--test", f"{labelled / 'test.csv'}:text=0,label=-1"]
    both = run("train", columns, "--out", tmp_path / "b", *CLASSIFY, *words)
    assert "held out" not in both.stderr
    assert both.stdout.startswith(f"{labelled / 'test.csv'}:text=0,label=-1\n\nIn short\n")
    assert "\n\nScores\n36 texts, 3 classes" in both.stdout


def test_a_run_whose_saving_failed_is_resumed(
    run: Run, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "mood"

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(seqtag.store, "_write_files", fail)
        result = run("train", labelled, "--out", out, *CLASSIFY)
    assert (result.exit_code, "no space is left on the disk" in result.stderr) == (1, True)
    result = run("train", labelled, "--out", out, *CLASSIFY, "--resume")
    assert (result.exit_code, "epoch 1/3" in result.stderr) == (0, False)
    assert run("train", labelled, "--out", tmp_path / "other", *CLASSIFY).exit_code == 0
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "other" / "model.safetensors").read_bytes()


def test_a_model_of_another_task_is_replaced_only_when_asked_for(run: Run, labelled: Path, model: Path, tmp_path: Path):
    out = tmp_path / "m"
    out.mkdir()
    for path in model.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    result = run("train", labelled, "--out", out, *CLASSIFY)
    assert (result.exit_code, f"{out}: holds a model already, which would be lost" in result.stderr) == (2, True)
    assert run("train", labelled, "--out", out, *CLASSIFY, "--overwrite").exit_code == 0
    assert run("predict", out, stdin="lovely\n").stdout.count("\t") == 2


def test_lists_of_labels_make_a_model_that_gives_any_number(run: Run, several_folder: Path, tmp_path: Path):
    data = tmp_path / "test.jsonl"
    data.write_text(SEVERAL, encoding="utf-8")
    result = run("evaluate", several_folder, data, "--json", "-")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert (figures["multi_label"], figures["num_texts"], figures["score"]) == (True, 48, 1.0)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, 2, "DATA: there is no such file"),
        ("", 1, "DATA"),
        ("text,label\nFine.,good\nBad.,\n", 1, "DATA:3: the label is missing"),
        ("text,label\nFine.,good\nBad.,bad,x\n", 1, "DATA:3: 3 columns, where line 1 has 2"),
        ("text,label\nFine.,good\nSo fine.,good\n", 1, "has no class but good: there is nothing to learn"),
        ("text,label\nFine.,good\n", 1, "one training text and no dev data"),
        ('text,label\nFine.,good\n"Bad.,bad\n', 1, "DATA:3: the row that begins here is not well quoted"),
        ("a,b\nFine.,good\nBad.,bad\n", 2, "DATA"),
    ],
)
def test_data_that_falls_short(content: str | None, code: int, message: str, run: Run, tmp_path: Path):
    data = tmp_path / "answers.csv"
    if content is not None:
        data.write_text(content, encoding="utf-8")
    result = run("train", data, "--out", tmp_path / "out" / "mood", *CLASSIFY)
    assert (result.exit_code, result.stdout) == (code, "")
    complaint = result.stderr.splitlines()[-1]
    assert complaint.startswith("error: ")
    assert message.replace("DATA", str(data)) in complaint
    assert list(tmp_path.glob("**/*mood*")) == []  # neither a model nor the state of a run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "clasify"], "--task clasify: unknown; choose from classify, lm, tag; did you mean 'classify'?"),
        (["--set", "poling=max"], "--set poling: there is no such option for --task classify; choose from "),
        (["--set", "poling=max"], "did you mean 'pooling'?"),
        (["--set", "head=crf"], "--set head: there is no such option for --task classify"),
        (["--set", "pooling=maks"], "pooling='maks': unknown; choose from attention, last, max, mean; did you mean"),
        (["--set", "label_smoothing=1"], "label_smoothing=1: must be a number, at least 0 and less than 1"),
        (["--set", 'class_weights={"god": 2}'], "class_weights: unknown label 'god'; choose from bad, good, plain"),
        (["--test", "nowhere.csv"], "nowhere.csv: there is no such file or folder"),
        (["--dev", "x.csv:txt=1"], "x.csv:txt=1: txt=1 is not understood"),
        (["--dev", "x.csv:token=1"], "token= is for task='tag'"),
    ],
)
def test_wrong_options_are_named(words: list[str], message: str, run: Run, labelled: Path, tmp_path: Path):
    result = run("train", labelled, "--out", tmp_path / "m", *CLASSIFY, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "epoch 1/" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_options_of_classifiers_are_none_of_taggers(run: Run, corpus: Path, tmp_path: Path):
    result = run("train", corpus, "--out", tmp_path / "m", *SMALL, "--set", "pooling=max")
    assert (
        result.exit_code,
        "--set pooling: there is no such option for --task tag; choose from" in result.stderr,
    ) == (2, True)
