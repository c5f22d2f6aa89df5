"""`seqtag demo`, `--help` and `--version`: what a newcomer sees first."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from column_files import read_columns
from small_corpus import Run

from seqtag import Classifier, Tagger, load_corpus
from seqtag.cli.app import app
from seqtag.cli.commands.demo import SHOWS
from seqtag.corpora.demo_corpora import demo_folder

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
    assert heading == "the test split, which training never saw"
    assert report == replace(classifier.evaluate(test), model="seqtag-demo-classifier").summary()
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
        words_of_text = set(re.findall(r"\w+", text.lower()))
        assert max(len(words_of_text & other) / len(words_of_text | other) for other in words) < 0.6, text
