"""The command line as a whole: its help, its version and its exit codes."""

import re
import shlex
import subprocess
import sys

import pytest
import typer
from small_corpus import Run

import seqtag
from seqtag.cli.app import app

COMMANDS = sorted(typer.main.get_command(app).commands)


def examples() -> list[tuple[str, str]]:
    """Every line of the help that shows a command, as a command's name and its words."""
    found = []
    for name in COMMANDS:
        epilog = typer.main.get_command(app).get_command(None, name).epilog or ""
        for line in re.sub(r"\[/?cyan\]", "", epilog).splitlines():
            if "seqtag " in line:
                words = line.split("seqtag ", 1)[1].partition(" >")[0].partition(" <")[0]
                found.append((words.split()[0], words.partition(" ")[2]))
    return found


@pytest.mark.parametrize(("name", "words"), examples())
def test_the_examples_of_the_help_are_commands(name: str, words: str):
    command = typer.main.get_command(app).get_command(None, name)
    assert command.make_context(name, shlex.split(words)).params


def test_each_command_has_examples():
    assert {name for name, _ in examples()} == set(COMMANDS)


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
        ["demo", "--task", "tga"],
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
