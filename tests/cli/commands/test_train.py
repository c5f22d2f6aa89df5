"""`seqtag train`: what it leaves behind, what it refuses and how it can be interrupted."""

import errno
import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset
from small_corpus import SENTENCES, SMALL, Run, conll

import seqtag.store
from seqtag import Tagger, load_corpus
from seqtag.cli.commands.train import parse_settings
from seqtag.errors import UsageError


def state_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.checkpoint")


def test_it_saves_a_model_and_prints_its_scores_on_test(run: Run, corpus: Path, tmp_path: Path):
    out = tmp_path / "deep" / "ner"
    result = run("train", corpus, "--out", out, *SMALL)
    assert result.exit_code == 0
    report = Tagger.load(out).evaluate(load_corpus(str(corpus), split="test"))
    assert result.stdout == f"{replace(report, source=f'{corpus}, test', model=str(out)).summary()}\n"
    assert result.stderr.count("epoch 1/3") == result.stderr.count("epoch 3/3") == 1
    assert f"saved in {out}" in result.stderr
    assert f"seqtag evaluate {out} DATA --html report.html" in result.stderr
    assert [path.name for path in out.parent.iterdir()] == ["ner"]  # the state of the run is gone


def test_a_page_is_written_of_the_report_on_test_with_the_curve_of_the_training(run: Run, corpus: Path, tmp_path: Path):
    page = tmp_path / "report.html"
    result = run("train", corpus, "--out", tmp_path / "ner", "--html", page, *SMALL)
    assert result.exit_code == 0
    written = page.read_text(encoding="utf-8")
    assert f"model {tmp_path / 'ner'}" in written
    assert "Training: dev score by epoch" in written
    assert "In short" in result.stdout


def test_a_page_of_a_report_that_there_will_not_be_is_refused_before_the_training(
    run: Run, corpus: Path, tmp_path: Path
):
    refused = run("train", corpus / "train.conll", "--out", tmp_path / "ner", "--html", tmp_path / "a.html", *SMALL)
    assert (refused.exit_code, "there is no test split to report on" in refused.stderr) == (2, True)
    assert not (tmp_path / "ner").exists()


def test_options_reach_the_model(run: Run, corpus: Path, tmp_path: Path):
    out = tmp_path / "ner"
    words = ["--set", "encoder=gru", "--set", 'class_weights={"PER": 2}', "--seed", "7", "--language", "de"]
    assert run("train", corpus, "--out", out, *SMALL, *words).exit_code == 0
    params = json.loads((out / "config.json").read_text(encoding="utf-8"))["params"]
    wanted = {"encoder": "gru", "class_weights": {"PER": 2}, "seed": 7, "language": "de"}
    wanted |= {"hidden_size": 16, "characters": None, "epochs": 3}
    assert {name: params[name] for name in wanted} == wanted


def test_dev_and_test_may_come_from_elsewhere(run: Run, corpus: Path, tmp_path: Path):
    train = tmp_path / "all.conll"
    train.write_text(conll(SENTENCES[:40]), encoding="utf-8")
    alone = run("train", train, "--out", tmp_path / "a", *SMALL)
    assert alone.exit_code == 0
    assert "4 of 40 training sentences are held out" in alone.stderr
    assert alone.stdout == ""  # there is no test split, so there are no results
    others = ["--dev", corpus, "--test", f"{corpus / 'test.conll'}:token=0,tag=1"]
    result = run("train", train, "--out", tmp_path / "b", *SMALL, *others)
    assert "held out" not in result.stderr
    assert result.stdout.startswith(f"{corpus / 'test.conll'}:token=0,tag=1\n\nIn short\n")
    assert "\n\nScores\n36 sentences" in result.stdout


def test_the_same_seed_gives_the_same_model(run: Run, corpus: Path, tmp_path: Path):
    outs = [tmp_path / name for name in "abc"]
    for out, seed in zip(outs, "112"):
        run("train", corpus, "--out", out, *SMALL, "--seed", seed)
    first, second, other = [(out / "model.safetensors").read_bytes() for out in outs]
    assert first == second != other


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("3", 3),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("True", True),
        ("false", False),
        ("None", None),
        ("null", None),
        ("lstm", "lstm"),
        ("a=b", "a=b"),
        ("[1, 2]", [1, 2]),
        ("nan", "nan"),  # a language: Min Nan Chinese
    ],
)
def test_values_are_json_or_else_strings(value: str, parsed: object):
    assert parse_settings([f"weight-decay={value}"]) == {"weight_decay": parsed}


@pytest.mark.parametrize("pair", ["hidden_size", "=3", "seed="])
def test_a_setting_is_a_pair(pair: str):
    with pytest.raises(UsageError, match="write --set KEY=VALUE"):
        parse_settings([pair])


ROWS = conll(SENTENCES[:3])


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, 2, "DATA: there is no such file or folder"),
        (b"", 1, "DATA: the file is empty"),
        (b"\n \n\n", 1, "DATA: the file holds blank lines only"),
        (b"\x7fELF\0\0\1\tO\n", 1, "DATA:1: a zero byte, so this is a binary file"),
        ("Zoë\tB-PER\n".encode("latin-1"), 1, "DATA:1: byte 3 of the line is 0xeb, which is not UTF-8"),
        ((ROWS + "Ada\n").encode(), 1, "1 column separated by tabs, where line 1 has 2"),
        (b"Ada\nLovelace\n", 1, "DATA:1: one column per row"),
        (b"Ada\tO\nspoke\tO\n\nYes\tO\n", 1, "has no tag but O: there is nothing to learn"),
        (b"Ada\tB-PER\n", 1, "one training sentence and no dev data"),
    ],
)
def test_data_that_falls_short(content: bytes | None, code: int, message: str, run: Run, tmp_path: Path):
    data = tmp_path / "bad.conll"
    if content is not None:
        data.write_bytes(content)
    result = run("train", data, "--out", tmp_path / "out" / "ner", *SMALL)
    assert result.exit_code == code
    assert result.stdout == ""
    complaint = result.stderr.splitlines()[-1]
    assert complaint.startswith("error: ")
    assert message.replace("DATA", str(data)) in complaint
    assert list(tmp_path.glob("**/*ner*")) == []  # neither a model nor the state of a run


def test_the_line_of_a_bad_row_is_named(run: Run, tmp_path: Path):
    data = tmp_path / "bad.conll"
    data.write_text(ROWS + "Ada\n", encoding="utf-8")
    assert f"error: {data}:{ROWS.count(chr(10)) + 1}: " in run("train", data, "--out", tmp_path / "m", *SMALL).stderr


def test_tokens_and_tags_of_unequal_length(run: Run, tmp_path: Path):
    rows = {"tokens": [["Ada", "spoke"], ["Yes"]], "tags": [["B-PER", "O"], ["O", "O"]]}
    Dataset.from_dict(rows).to_parquet(tmp_path / "train.parquet")
    result = run("train", tmp_path / "train.parquet", "--out", tmp_path / "m", *SMALL)
    assert result.exit_code == 1
    assert "row 1: 1 tokens but 2 tags" in result.stderr


def test_a_hub_name_while_offline(run: Run, tmp_path: Path):
    result = run("train", "somebody/some-corpus", "--out", tmp_path / "m", *SMALL)
    assert result.exit_code == 2
    assert "somebody/some-corpus: there is no such file or folder" in result.stderr
    assert "offline, download the data set first" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "encoder=ltsm"], "encoder='ltsm': unknown; choose from None, gru, lstm, rnn_relu, rnn_tanh; did"),
        (["--set", "encoder=none"], "and these options are about an encoder: word_size=8; leave them out, or choose"),
        (["--set", "hiden_size=3"], "--set hiden_size: there is no such option for --task tag;"),
        (["--set", "hiden_size=3"], "did you mean 'hidden_size'?"),
        (["--set", "seed=1", "--seed", "1"], "--seed and --set seed=...: the option is given twice"),
        (["--set", "seed=1", "--set", "seed=2"], "seed is set twice"),
        (["--set", 'gazetteers={"CITY": "a.txt", "CITY": "b.txt"}'], "has 'CITY' twice; leave out one"),
        (["--set", "dropout=2", "--set", "head=crff"], "head='crff': unknown; choose from crf, linear; did you mean"),
        (["--set", "head=crff", "--set", "dropout=2"], "dropout=2: must be a number, at least 0 and less than 1"),
        (["--device", "gpu"], "unknown device 'gpu'"),
        (["--language", "klingon"], "spaCy can't tokenise language 'klingon'"),
        (["--task", "tga"], "--task tga: unknown; choose from classify, lm, tag; did you mean 'tag'?"),
        (["--test", "nowhere.conll"], "nowhere.conll: there is no such file or folder"),
    ],
)
def test_wrong_options_are_named_before_the_training(
    words: list[str], message: str, run: Run, corpus: Path, tmp_path: Path
):
    result = run("train", corpus, "--out", tmp_path / "m", "--set", "word_size=8", *words)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: ") or "train: " in result.stderr
    assert message in result.stderr
    assert "epoch" not in result.stderr.replace("epochs", "")
    assert list(tmp_path.iterdir()) == []


def test_splits_that_leave_a_question_open(run: Run, corpus: Path, tmp_path: Path):
    two = tmp_path / "two"
    two.mkdir()
    for name in ("dev", "test"):
        (two / f"{name}.conll").write_bytes((corpus / f"{name}.conll").read_bytes())
    result = run("train", two, "--out", tmp_path / "m", *SMALL)
    assert (result.exit_code, "has the splits dev, test, and none is called train" in result.stderr) == (2, True)
    (two / "test.conll").rename(two / "train.conll")
    result = run("train", corpus, "--test", two, "--out", tmp_path / "m", *SMALL)
    assert (result.exit_code, "no split 'test' among train, dev" in result.stderr) == (2, True)


def test_a_place_that_holds_something_else_is_refused(run: Run, corpus: Path, tmp_path: Path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("keep me", encoding="utf-8")
    for place in (tmp_path / "notes", tmp_path / "notes" / "todo.txt", tmp_path / "notes" / "todo.txt" / "m"):
        result = run("train", corpus, "--out", place, *SMALL, "--overwrite")
        assert result.exit_code == 2
        assert str(place) in result.stderr
        assert "epoch 1" not in result.stderr
    assert (tmp_path / "notes" / "todo.txt").read_text(encoding="utf-8") == "keep me"


def test_a_model_is_replaced_only_when_asked_for(run: Run, corpus: Path, tmp_path: Path):
    out = tmp_path / "ner"
    run("train", corpus, "--out", out, *SMALL)
    before = (out / "model.safetensors").read_bytes()
    for flags, what in (([], "which would be lost"), (["--resume"], "there is no interrupted run to resume")):
        result = run("train", corpus, "--out", out, *SMALL, "--seed", "5", *flags)
        assert result.exit_code == 2
        assert f"{out}: holds a model already, " in result.stderr
        assert what in result.stderr
    assert (out / "model.safetensors").read_bytes() == before
    assert run("train", corpus, "--out", out, *SMALL, "--seed", "5", "--overwrite").exit_code == 0
    assert (out / "model.safetensors").read_bytes() != before


def test_resume_without_a_run_says_that_it_starts_anew(run: Run, corpus: Path, tmp_path: Path):
    result = run("train", corpus, "--out", tmp_path / "ner", *SMALL, "--resume")
    assert result.exit_code == 0
    assert "--resume: there is no interrupted run" in result.stderr


def test_a_full_disk_costs_no_training(run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "ner"

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(seqtag.store, "_write_files", fail)
        result = run("train", corpus, "--out", out, *SMALL)
    assert result.exit_code == 1
    assert "no space is left on the disk" in result.stderr
    assert not out.exists()
    result = run("train", corpus, "--out", out, *SMALL, "--resume")
    assert result.exit_code == 0
    assert "epoch 1/3" not in result.stderr  # all epochs were done; only the saving was not
    run("train", corpus, "--out", tmp_path / "other", *SMALL)
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "other" / "model.safetensors").read_bytes()


def test_an_old_run_is_discarded_or_must_fit(run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "ner"

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(seqtag.store, "_write_files", fail)
        run("train", corpus, "--out", out, *SMALL)
    result = run("train", corpus, "--out", out, *SMALL, "--seed", "0", "--set", "hidden_size=8", "--resume")
    assert result.exit_code == 2
    result = run("train", corpus, "--out", out, *SMALL, "--set", "dropout=0.1", "--resume")
    assert (result.exit_code, "from other data, other options" in result.stderr) == (2, True)
    result = run("train", corpus, "--out", out, *SMALL, "--set", "dropout=0.1")
    assert (result.exit_code, "the interrupted run beside" in result.stderr) == (0, True)
    assert not state_of(out).exists()


def test_an_interruption_before_the_first_epoch_saves_nothing(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tagger, "fit", interrupt)
    result = run("train", corpus, "--out", tmp_path / "ner", *SMALL)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.splitlines()[-1] == "error: interrupted; nothing was saved"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_the_best_model_and_resume_ends_as_if_it_had_not_been(
    sent: signal.Signals, run: Run, commands: Path, corpus: Path, tmp_path: Path
):
    out, straight, temporary = tmp_path / "ner", tmp_path / "straight", tmp_path / "temporary"
    temporary.mkdir()
    words = ["train", str(corpus), *SMALL, "--epochs", "20", "--out"]
    process = subprocess.Popen(
        [str(commands / "seqtag"), *words, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch  2/20"):
            process.send_signal(sent)
            break
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (128 + sent, "")
    assert "interrupted in epoch" in stderr
    assert list(temporary.glob("seqtag-*")) == []
    assert f"saved in {out}" in stderr
    assert "--resume goes on with it" in stderr
    assert Tagger.load(out).predict([["Ada", "spoke"]])[0] != []
    if sent != signal.SIGINT:  # from here on both are alike
        return
    assert run(*words, out, "--resume").exit_code == 0
    assert run(*words, straight).exit_code == 0
    assert (out / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()
    assert not state_of(out).exists()
