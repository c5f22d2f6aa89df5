"""`seqtag demo`, `--help` and `--version`: what a newcomer sees first."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from small_corpus import Run

import seqtag
from seqtag import Tagger
from seqtag.cli.app import app
from seqtag.cli.demo import TEXTS
from seqtag.demo import demo_folder
from seqtag.text.columnfiles import read_columns

COMMANDS = ["train", "predict", "evaluate", "score", "demo"]


def test_the_demo_goes_from_data_to_new_text(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = run("demo", "--epochs", "1")
    assert result.exit_code == 0
    assert "micro average" in result.stdout
    unmarked = re.sub(r"\[([^]]*)\]\([A-Z]+ [01]\.\d\d\)", r"\1", result.stdout)
    assert all(f"  {text}\n" in unmarked for text in TEXTS)
    # The two commands that it ends with work as they are printed.
    tag, train = (line.strip() for line in result.stdout.splitlines()[-2:])
    echo, _, predict = tag.partition(" | seqtag ")
    text = shlex.split(echo)[1]
    answer = run(*shlex.split(predict), stdin=text).stdout
    assert re.sub(r"\[([^]]*)\]\([A-Z]+ [01]\.\d\d\)", r"\1", answer) == f"{text}\n"
    train_command = typer.main.get_command(app).get_command(None, "train")
    assert train_command.make_context("train", shlex.split(train)[2:]).params["data"] == "YOUR.conll"
    assert Tagger.load("seqtag-demo-model").labels_ == ["LOC", "MISC", "ORG", "PER"]


def test_the_demo_leaves_other_models_alone(run: Run, model: Path):
    before = (model / "config.json").read_bytes()
    result = run("demo", "--out", model)
    assert (result.exit_code, "holds a model already" in result.stderr) == (2, True)
    assert (model / "config.json").read_bytes() == before


def test_the_demo_s_texts_are_in_no_split():
    known = {"".join(tokens) for path in demo_folder().glob("*.conll") for tokens in read_columns(path)[0]}
    assert len(known) > 700
    assert [text for text in TEXTS if "".join(text.split()) in known] == []


def examples() -> list[tuple[str, str]]:
    """Every line of the help that shows a command, as a command's name and its words."""
    found = []
    for name in COMMANDS:
        epilog = typer.main.get_command(app).get_command(None, name).epilog or ""
        for line in re.sub(r"\[/?cyan\]", "", epilog).splitlines():
            if "seqtag " in line:
                words = line.split("seqtag ", 1)[1].partition(" >")[0]
                found.append((words.split()[0], words.partition(" ")[2]))
    return found


@pytest.mark.parametrize(("name", "words"), examples())
def test_the_examples_of_the_help_are_commands(name: str, words: str):
    command = typer.main.get_command(app).get_command(None, name)
    assert command.make_context(name, shlex.split(words)).params


def test_each_command_has_examples_but_the_one_that_needs_none():
    assert {name for name, _ in examples()} == set(COMMANDS) - {"demo"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str):
    parameters = typer.main.get_command(app).get_command(None, command).params
    assert [parameter.name for parameter in parameters if not parameter.help] == []


def test_wrong_use_of_the_shell_exits_with_2(run: Run):
    for words in (
        ["trian"],
        ["train"],
        ["train", "data"],
        ["predict", "m", "--fromat", "text"],
        ["demo", "--epochs", "0"],
    ):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (2, ""), words
    assert "No such option: --fromat" in run("predict", "m", "--fromat", "text").stderr


def test_version(run: Run):
    assert run("--version").stdout == f"seqtag {seqtag.__version__}\n"


def test_help_needs_no_torch():
    script = (
        "import sys; from seqtag.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "sys.exit(repr(sorted({'torch', 'datasets', 'spacy', 'sklearn', 'numpy'} & set(sys.modules))))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"
    assert "--resume" in result.stdout
