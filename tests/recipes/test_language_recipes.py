"""The recipes for language models: what they print, and how they cut the texts that published figures are for."""

import gzip
import runpy
import sys
from pathlib import Path

import pytest

from seqtag import LanguageModel

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
LINE = "the cat saw the <unk> and the dog met the owl .\n"


@pytest.fixture
def tables():
    return runpy.run_path(str(RECIPES / "language_model.py"))


def test_text_generation_prints_a_loss_an_epoch_and_writes_on(monkeypatch, capsys):
    words = ["text_generation.py", "--epochs", "2", "--prompt", "The soup"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(RECIPES / "text_generation.py"), run_name="__main__")
    first, second, blank, text = capsys.readouterr().out.splitlines()
    losses = [float(line.split("cross-entropy ")[1].split(",")[0]) for line in (first, second)]
    assert first.startswith("epoch 1: ")
    assert losses[1] < losses[0] < 8
    assert blank == ""
    assert text.startswith("The soup")
    assert len(text) > len("The soup")


def test_text_generation_learns_from_any_column(monkeypatch, capsys, tmp_path):
    data = tmp_path / "reviews.csv"
    data.write_text("stars,review\n" + '5,"the soup was warm, and good"\n' * 150, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["x.py", f"{data}:review", "--epochs", "40", "--prompt", "the soup"])
    runpy.run_path(str(RECIPES / "text_generation.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == "the soup was warm, and good"


def test_short_recipes_stay_short():
    assert len((RECIPES / "text_generation.py").read_text(encoding="utf-8").splitlines()) < 50


def test_a_row_of_the_table_holds_what_the_saved_model_measures(tables, capsys, tmp_path):
    folder = tmp_path / "wikitext2"
    folder.mkdir()
    for split, times in (("train", 60), ("valid", 5), ("test", 5)):
        with gzip.open(folder / f"{split}.txt.gz", "wt", encoding="utf-8") as file:
            file.write(f" \n {LINE}" * times)
    small = ["hidden_size=8", "embedding_size=8", "epochs=1", "batch_size=4", "bptt=10", 'device="cpu"']
    options = [word for value in small for word in ("--set", value)]
    tables["main"](["--data", str(tmp_path), "wikitext2_words", *options, "--save", str(tmp_path / "models")])
    _, _, row, cached, *published = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    model = LanguageModel.load(tmp_path / "models" / "wikitext2_words", device="cpu")
    assert (model.level, model.language, len(model.vocabulary_)) == ("word", None, 10)
    assert cells[:2] == ["wikitext2_words", "seqtag"]
    assert float(cells[4]) == pytest.approx(model.perplexity(folder / "test.txt.gz"), abs=0.01)
    assert float(cells[5]) == pytest.approx(model.bits_per_character(folder / "test.txt.gz"), abs=0.001)
    cached = [cell.strip() for cell in cached.strip("|").split("|")]
    figures = model.evaluate(folder / "test.txt.gz", cache=model.fit_cache(folder / "valid.txt.gz"))
    assert cached[:2] == ["wikitext2_words", "seqtag, with a cache"]
    assert float(cached[4]) == pytest.approx(figures.perplexity, abs=0.01)
    assert figures.perplexity < model.perplexity(folder / "test.txt.gz")
    assert len(published) == 3
    assert all(line.count("|") == row.count("|") for line in published)


def test_shakespeare_is_cut_90_5_5_in_order(tables, shared_data):
    parts = [text for (text,) in tables["read_splits"](shared_data, "tinyshakespeare")]
    with gzip.open(shared_data / "tinyshakespeare" / "input.txt.gz", "rt", encoding="utf-8") as file:
        assert "".join(parts) == file.read()
    assert [len(part) for part in parts] == [1_003_854, 55_770, 55_770]


def test_an_unknown_name_is_told_before_anything_is_read(tables, capsys):
    with pytest.raises(SystemExit):
        tables["main"](["--data", "nowhere", "wikitext3"])
    assert "unknown: wikitext3; choose from tinyshakespeare, wikitext2_words" in capsys.readouterr().err
