"""`seqtag demo`, `--help` and `--version`: what a newcomer sees first."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from column_files import read_columns
from small_corpus import Run

import seqtag
from seqtag import Classifier, Tagger, load_corpus
from seqtag.cli.app import app
from seqtag.cli.commands.demo import SHOWS
from seqtag.demo import demo_folder

COMMANDS = ["train", "predict", "evaluate", "score", "demo"]
TEXTS = SHOWS["tag"].texts


def train_source(line: str) -> str:
    """The data of a `seqtag train` command as the demo prints it; fails where it is none."""
    train_command = typer.main.get_command(app).get_command(None, "train")
    return train_command.make_context("train", shlex.split(line)[2:]).params["data"]


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
    assert train_source(train) == "YOUR.conll"
    assert Tagger.load("seqtag-demo-model").labels_ == ["LOC", "MISC", "ORG", "PER"]
    page = Path("seqtag-demo-model", "report.html")
    assert f"is the page {page}; open it in a browser" in result.stdout
    assert "<svg" in page.read_text(encoding="utf-8")


def test_the_demo_of_classification_does_so_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    texts = SHOWS["classify"].texts
    result = run("demo", "--task", "classify", "--epochs", "1")
    assert result.exit_code == 0
    classifier = Classifier.load("seqtag-demo-classifier")
    assert classifier.classes_.tolist() == ["negative", "neutral", "positive"]
    # The report is that of the test split.
    test = load_corpus(str(demo_folder("classify")), task="classify", split="test")
    heading, report = result.stdout.split("\n\nAll of the report")[0].split("\n\n", 1)
    assert (heading, report) == ("the test split, which training never saw", classifier.evaluate(test).summary())
    # Each text has a line with its class, and one with the words that weigh most.
    lines = result.stdout.split("attention:\n\n")[1].splitlines()[: 2 * len(texts)]
    for text, line, words in zip(texts, lines[::2], lines[1::2]):
        label, share, shown = line.split(maxsplit=2)
        assert (label, shown) == (classifier.predict([text])[0], text)
        assert float(share) == pytest.approx(classifier.predict_proba([text]).max(), abs=0.006)
        weights = sorted((weight.weight for weight in classifier.predict_attention([text])[0]), reverse=True)
        assert [float(w) for w in re.findall(r"\((\d\.\d\d)\)", words)] == [round(w, 2) for w in weights[:3]]
    # The two commands that it ends with work as they are printed.
    classify, train = (line.strip() for line in result.stdout.splitlines()[-2:])
    echo, _, predict = classify.partition(" | seqtag ")
    text = shlex.split(echo)[1]
    assert run(*shlex.split(predict), stdin=text).stdout.split("\t")[3:] == [f"{text}\n"]
    assert train_source(train) == "YOUR.csv"
    # Its model is its own to replace.
    assert run("demo", "--task", "classify", "--epochs", "1").stdout == result.stdout


@pytest.mark.parametrize("task", ["tag", "classify"])
def test_the_demo_leaves_other_models_alone(task: str, run: Run, model: Path):
    before = (model / "config.json").read_bytes()
    result = run("demo", "--task", task, "--out", model)
    assert (result.exit_code, "holds a model already" in result.stderr) == (2, True)
    assert (model / "config.json").read_bytes() == before


def test_the_demo_s_texts_are_in_no_split():
    known = {"".join(tokens) for path in demo_folder().glob("*.conll") for tokens in read_columns(path)[0]}
    assert len(known) > 700
    assert [text for text in TEXTS if "".join(text.split()) in known] == []
    splits = load_corpus(str(demo_folder("classify")), task="classify")
    words = [set(re.findall(r"\w+", text.lower())) for split in splits.values() for text in split["text"]]
    assert len(words) > 1000
    for text in SHOWS["classify"].texts:
        own = set(re.findall(r"\w+", text.lower()))
        assert max(len(own & other) / len(own | other) for other in words) < 0.6, text


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
