"""What the tests of the commands share: a way to run them, small corpora, and models trained on them."""

from pathlib import Path

import pytest
from small_corpus import LABELLED, LEARN, SENTENCES, SEVERAL, SMALL, TEXT, TINY, Run, conll, table
from typer.testing import CliRunner, Result

from seqtag.cli.app import app


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command in this process; an error that is no message for the user fails the test."""

    def call(*words: str | Path, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin, catch_exceptions=False)

    return call


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three splits."""
    folder = tmp_path_factory.mktemp("corpus")
    for number, name in enumerate(("train", "dev", "test")):
        part = SENTENCES[::2] if name == "train" else SENTENCES[2 * number - 1 :: 4]
        (folder / f"{name}.conll").write_text(conll(part), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model(run: Run, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, trained through the command line."""
    out = tmp_path_factory.mktemp("models") / "ner"
    result = run("train", corpus, "--out", out, *SMALL, "--epochs", "8", "--language", "en")
    assert result.exit_code == 0, result.stderr
    return out


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three splits of labelled texts."""
    folder = tmp_path_factory.mktemp("labelled")
    for number, name in enumerate(("train", "dev", "test")):
        part = LABELLED[::2] if name == "train" else LABELLED[2 * number - 1 :: 4]
        (folder / f"{name}.csv").write_text(table(part), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def classifier_folder(run: Run, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier, trained through the command line."""
    out = tmp_path_factory.mktemp("models") / "mood"
    result = run("train", labelled, "--out", out, "--task", "classify", *LEARN, "--epochs", "15")
    assert result.exit_code == 0, result.stderr
    return out


@pytest.fixture(scope="session")
def several_folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier that gives a text any number of classes."""
    folder = tmp_path_factory.mktemp("models")
    data = folder / "train.jsonl"
    data.write_text(SEVERAL, encoding="utf-8")
    words = ["--task", "classify", "--dev", data, *LEARN, "--epochs", "25"]
    result = run("train", data, "--out", folder / "m", *words)
    assert result.exit_code == 0, result.stderr
    return folder / "m"


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of running text."""
    path = tmp_path_factory.mktemp("text") / "novel.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def writer(run: Run, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language model, trained through the command line."""
    out = tmp_path_factory.mktemp("models") / "novel"
    result = run("train", text, "--out", out, *TINY, "--dev", text)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""  # there is no test text, so there are no results
    return out
