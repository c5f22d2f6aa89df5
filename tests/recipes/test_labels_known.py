"""The recipe of known spans: its patterns, and that its rows are strict scores under what is known."""

import doctest
import json
import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest
from tiny import TAGS, TOKENS

from seqtag import Patterns, Tagger

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_its_examples_hold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    assert doctest.testmod(import_module("labels_known")) == (0, 3)


def test_patterns_that_are_always_right_make_certain_spans_right(
    saved_tagger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for split in ("train", "dev", "test"):
        rows = ["".join(f"{t}\t{tag}\n" for t, tag in zip(*pair)) for pair in zip(TOKENS, TAGS, strict=True)]
        (tmp_path / f"{split}.conll").write_text("\n".join(rows), encoding="utf-8")
    recipe = runpy.run_path(str(RECIPES / "labels_known.py"))

    class Trained:
        """Stands for a tagger that `fit` would train."""

        def __init__(self, **options: object) -> None:
            assert options == {"seed": 0, "hidden_size": 8}

        def fit(self, train, *, dev):
            assert len(train) == 5
            return Tagger.load(saved_tagger, device="cpu")

    recipe["measure"].__globals__["Tagger"] = Trained
    words = ["--data", str(tmp_path), ".", "--sentences", "5", "--hidden-size", "8", "--share", "1"]
    recipe["main"]([*words, "--write", str(tmp_path / "patterns.jsonl")])
    lines = capsys.readouterr().out.splitlines()
    [counted] = [line for line in lines if "sentences" in line]
    num_right, num_matches = map(int, re.search(r"(\d+) of (\d+) matches", counted).groups())
    assert num_right == num_matches == sum(tag[0] == "B" for tags in TAGS for tag in tags)
    without, *others, certain = [line for line in lines if line.startswith("| .")]
    assert len(others) == len(recipe["STRENGTHS"]) + 1
    assert certain.endswith("| 100.0 | 100.0 | 100.0 |")
    assert not without.endswith("| 100.0 | 100.0 | 100.0 |")
    entries = [json.loads(line) for line in (tmp_path / "patterns.jsonl").read_text().splitlines()]
    assert len(Patterns.load(tmp_path / "patterns.jsonl")) == len(entries) > 20
