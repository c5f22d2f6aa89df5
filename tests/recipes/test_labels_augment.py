"""The recipe about changed sentences: what each kind of change may touch, and a table from rows that are there."""

import doctest
import importlib
import json
import sys
from pathlib import Path

import pytest
from tiny import TAGS, TOKENS

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    return importlib.import_module("labels_augment")


def words_by_label(recipe, tokens, tags):
    return {
        (label, *map(str.lower, row[place]))
        for row, names in zip(tokens, tags)
        for place, label in recipe.mentions_of(names)
    }


@pytest.mark.parametrize("kind", ["copy", "word", "case", "drop"])
def test_a_copy_is_changed_in_one_way_and_drawn_by_the_seed(recipe, kind):
    assert not doctest.testmod(recipe).failed
    tokens, tags = recipe.changed(TOKENS, TAGS, kind, 0.5, 0)
    assert (tokens, tags) == recipe.changed(TOKENS, TAGS, kind, 0.5, 0)
    assert tokens != TOKENS
    assert [len(row) for row in tokens] == [len(row) for row in tags]
    assert kind == "copy" or tags == TAGS
    if kind == "word":
        assert {pair for rows in zip(tokens, tags) for pair in zip(*rows)} <= {
            pair for rows in zip(TOKENS, TAGS) for pair in zip(*rows)
        }
    elif kind != "drop":
        assert words_by_label(recipe, tokens, tags) <= words_by_label(recipe, TOKENS, TAGS)
    outside = [
        [[word for word, name in zip(*rows) if name == "O"] for rows in zip(*pair)]
        for pair in ((tokens, tags), (TOKENS, TAGS))
    ]
    if kind in ("copy", "drop"):
        assert outside[0] == outside[1]


def test_rows_that_are_there_are_shown_and_not_trained_again(recipe, monkeypatch, tmp_path, capsys):
    out = tmp_path / "rows.jsonl"
    about = {"data": "tiny", "kind": "none", "epochs": 20, "first": [100, 1000], "options": {}}
    rows = [{**about, "seed": seed, "dev": 50.0, "test": 40.0 + seed} for seed in range(2)]
    rows.append({**rows[0], "epochs": 3, "test": 0.0})
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(recipe, "load_corpus", lambda *_, **__: {"train": None, "dev": None, "test": None})
    monkeypatch.setattr(recipe, "sentences_of", lambda *_: None)
    call = ["labels_augment.py", "--data", "tiny", "--kinds", "none", "--seeds", "2", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", call)
    recipe.main()
    assert "40.5 ± 0.7" in capsys.readouterr().out
