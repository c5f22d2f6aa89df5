"""The recipe about lists: what it takes out of a corpus, what it writes, and the table of what lists cost."""

import doctest
import importlib
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict
from tiny import TAGS, TOKENS

from seqtag import load_corpus

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    return importlib.import_module("labels_lists")


@pytest.fixture(scope="module")
def corpus() -> DatasetDict:
    rows = Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})
    return load_corpus(dict.fromkeys(("train", "dev", "test"), rows))


def test_the_lists_of_training_are_its_entities_each_once_and_one_per_line(recipe, corpus, tmp_path):
    assert not doctest.testmod(recipe).failed
    lists = recipe.training_lists(corpus["train"])
    assert sorted(lists) == ["train LOC", "train ORG", "train PER"]
    assert {"Remington Rand", "University of Oslo"} <= lists["train ORG"]
    files = recipe.write_lists(tmp_path, {"a list": {"New  York", " New York ", "", "Bath\nSpa"}})
    assert files == {"a list": str(tmp_path / "a_list.txt")}
    assert (tmp_path / "a_list.txt").read_text(encoding="utf-8") == "Bath Spa\nNew York\n"


def test_invented_phrases_are_as_many_as_asked_and_the_same_ones_each_time(recipe, corpus):
    phrases = recipe.invented_lists(corpus["train"], 200)["invented"]
    assert len(phrases) == 200
    assert phrases == recipe.invented_lists(corpus["train"], 200)["invented"]
    assert {word for phrase in phrases for word in phrase.split()} <= {word for words in TOKENS for word in words}


def test_the_table_of_what_lists_cost_has_a_ratio_for_each_engine_and_way(recipe, corpus, tmp_path, capsys):
    recipe.measure_speed("tiny", corpus, recipe.write_lists(tmp_path, recipe.invented_lists(corpus["train"], 50)))
    rows = [
        line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith(("| torch", "| onnx"))
    ]
    assert [(engine.strip("| "), way) for engine, way, *_ in rows] == [
        (engine, way) for engine in ("torch", "onnx") for way in ("all sentences", "one by one")
    ]
    assert all(float(ratio.strip(" |")) > 0 for *_, ratio in rows)
