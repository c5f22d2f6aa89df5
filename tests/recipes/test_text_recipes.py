"""The recipes for texts and series: they run, and split the corpora as the peers' figures need it."""

import runpy
import sys
from pathlib import Path

import pytest

from seqtag import Classifier, load_corpus

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def text_corpora(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    return runpy.run_path(str(RECIPES / "text_corpora.py"))


def test_the_sentiment_recipe_trains_reports_and_shows_words(monkeypatch, capsys):
    monkeypatch.setattr(Classifier, "MOST_EPOCHS", 1)
    monkeypatch.setattr(Classifier, "LEAST_EPOCHS", 1)
    monkeypatch.setattr(sys, "argv", ["sentiment.py", "What a lovely day!"])
    runpy.run_path(str(RECIPES / "sentiment.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "196 texts" in printed
    answer, words = printed.splitlines()[-2:]
    assert answer.startswith("positive 0.")
    assert answer.endswith("What a lovely day!")
    assert words.startswith("  looked at: ")
    assert len(words.split(", ")) == 3


def test_the_recipe_that_takes_names_out_prints_figures_and_texts_without_them(capsys, tmp_path):
    corpus = load_corpus(str(RECIPES.parent / "data"))
    for split, size in (("train", 200), ("dev", 40), ("test", 40)):
        rows = corpus[split].select(range(size))
        names = rows.features["tags"].feature.names
        lines = ["\n".join(f"{token} {names[tag]}" for token, tag in zip(row["tokens"], row["tags"])) for row in rows]
        (tmp_path / f"{split}.conll").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    main = runpy.run_path(str(RECIPES / "anonymise.py"))["main"]
    main(["--data", str(tmp_path), "--epochs", "4", "--recall", "0.8", "Ada Lovelace met Charles Babbage in London."])
    head, *rows, blank, text = capsys.readouterr().out.splitlines()
    assert head.split()[-5:] == ["P", "R", "F1", "touched", "ECE"]
    figures = [[float(cell) for cell in row.split()[-5:]] for row in rows]
    assert len(figures) == 3
    assert figures[0][:4] == figures[1][:4]  # a temperature changes no span
    assert figures[2][3] >= figures[0][3]
    assert blank == ""
    assert "[" in text
    assert "Ada Lovelace" not in text


def test_the_recipe_for_series_learns_by_heart_and_makes_waves(capsys):
    recipe = runpy.run_path(str(RECIPES / "numeric_sequences.py"))
    recipe["learn_by_heart"]()
    assert "1.00 of the series learned by heart" in capsys.readouterr().out
    import numpy as np

    series, names = recipe["observe"](np.random.default_rng(0), 200)
    assert set(names) == set(recipe["WAVES"])
    assert {values.shape[1] for values in series} == {1}
    assert min(map(len, series)) >= 40
    assert max(map(len, series)) <= 120
    # noise of 0.3 around waves of strength 0.7 to 1.5
    assert np.concatenate(series).std() == pytest.approx(0.75, abs=0.15)


def test_published_splits_stay_and_others_are_made_the_same_way_each_time(text_corpora, shared_data):
    read = text_corpora["read"]
    assert {name: len(part) for name, part in read(shared_data / "poem_sentiment").items()} == {
        **{"train": 892, "dev": 105, "test": 104}
    }
    first, second = (read(shared_data / "uci_sentiment_labelled") for _ in range(2))
    assert {name: len(part) for name, part in first.items()} == {"train": 2385, "dev": 310, "test": 305}
    assert all(first[name]["text"][:] == second[name]["text"][:] for name in first)
    whole = load_corpus(shared_data / "uci_sentiment_labelled", task="classify")["train"]
    assert sorted(text for part in first.values() for text in part["text"]) == sorted(whole["text"])


def test_every_corpus_of_the_table_is_there(text_corpora, shared_data):
    assert len(text_corpora["PEERS"]) == 9
    for folder, peers in text_corpora["PEERS"].values():
        assert (shared_data / folder).is_dir()
        assert all(50 < figure < 100 for figure in peers.values())
