"""`seqtag score --task classify`: the labels of any system against gold, text by text."""

import json
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score
from small_corpus import Run

TEXTS = ["A fine day", "A sad day", "So so", "Never again", "Lovely", 'Fine, "fine"']
GOLD = ["pos", "neg", "neu", "neg", "pos", "neu"]
PREDICTED = ["pos", "neg", "pos", "neg", "neu", "neu"]


def write(path: Path, labels: list, texts: list[str] = TEXTS) -> Path:
    if path.suffix == ".jsonl":
        rows = [json.dumps({"text": text, "labels": labels_of_text}) for text, labels_of_text in zip(texts, labels)]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    else:
        cells = [['"' + text.replace('"', '""') + '"', label] for text, label in zip(texts, labels)]
        path.write_text("\n".join(map(",".join, [["text", "mood"], *cells])) + "\n", encoding="utf-8")
    return path


def test_the_figures_are_those_of_scikit_learn(run: Run, tmp_path: Path):
    sides = [
        f"{write(tmp_path / name, content)}:label=mood" for name, content in (("a.csv", GOLD), ("b.csv", PREDICTED))
    ]
    result = run("score", *sides, "--task", "classify", "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert figures["accuracy"] == pytest.approx(accuracy_score(GOLD, PREDICTED))
    assert figures["macro"]["f1"] == pytest.approx(f1_score(GOLD, PREDICTED, average="macro"))
    assert [(e["text"], e["note"]) for e in figures["errors"]["examples"]] == [
        ("So so", "gold neu; predicted pos"),
        ("Lovely", "gold pos; predicted neu"),
    ]
    assert {cut["group"] for cut in figures["slices"]} == {"characters of the text"}
    assert "accuracy 66.67, 95% interval" in result.stdout


def test_lists_of_labels_are_scored_as_such(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold.jsonl", [["a", "b"], ["a"], [], ["b"], [], ["a"]])
    other = write(tmp_path / "other.jsonl", [["a"], ["a"], [], ["b"], ["b"], ["a"]])
    result = run("score", gold, other, "--task", "classify")
    assert result.exit_code == 0, result.stderr
    assert "micro F1 80.00" in result.stdout
    assert "missed label" in result.stdout


def test_texts_written_otherwise_are_reported_and_counted(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold.csv", GOLD)
    other = write(tmp_path / "other.csv", PREDICTED, [TEXTS[1], TEXTS[0], *TEXTS[2:]])
    result = run("score", gold, other, "--task", "classify")
    assert result.exit_code == 0
    assert "warning: 2 texts differ between the two files; the first is text 1" in result.stderr


def test_sides_that_cannot_be_compared(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold.csv", GOLD)
    short = write(tmp_path / "short.csv", GOLD[:4], TEXTS[:4])
    result = run("score", gold, short, "--task", "classify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {gold} holds 6 texts and {short} 4; both must hold the same texts in one order" in result.stderr
    lists = write(tmp_path / "lists.jsonl", [[label] for label in GOLD])
    result = run("score", gold, lists, "--task", "classify")
    assert (result.exit_code, "one has lists of labels, the other one label per text" in result.stderr) == (1, True)
    result = run("score", gold, gold, "--task", "classify", "--train", gold)
    assert (result.exit_code, "--train: is for --task tag" in result.stderr) == (2, True)
    result = run("score", gold, gold, "--task", "lm")
    assert (result.exit_code, "--task lm: unknown" in result.stderr) == (2, True)
