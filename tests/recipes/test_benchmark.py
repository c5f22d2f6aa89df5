"""The benchmark's figures are what they are called, its workers keep to their words, and the whole of it runs."""

import doctest
import json
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import Tagger, UsageError

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TINY = {"train": 24, "dev": 8, "test": 8}


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    monkeypatch.setenv("PYTHONPATH", str(RECIPES.parent))  # what workers import is this tree
    return import_module


@pytest.fixture
def tiny_corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, size in TINY.items():
        sentences = (RECIPES.parent / "data" / f"{split}.conll").read_text(encoding="utf-8").split("\n\n")
        (folder / f"{split}.conll").write_text("\n\n".join(sentences[:size]) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["figures", "table", "limit", "measures", "until"])
def test_the_examples_in_the_files_hold(recipe, name):
    tried = doctest.testmod(recipe(f"benchmarking.{name}"))
    assert tried.attempted > 0
    assert tried.failed == 0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values, share):
    sys.path.insert(0, str(RECIPES))
    try:
        percentile = import_module("benchmarking.measures").percentile
    finally:
        sys.path.remove(str(RECIPES))
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert all(sum(other <= value for other in values) < share * len(values) for value in values if value < found)


def test_operations_are_those_of_the_matrices_of_a_real_network(recipe):
    tagger = Tagger(hidden_size=6, epochs=1, device="cpu")
    tagger.fit([["Ada", "met", "Bo"]] * 4, [["B-PER", "O", "B-PER"]] * 4, dev=([["Ada"]], [["B-PER"]]))
    shapes = {name: tuple(weight.shape) for name, weight in tagger.network_.named_parameters()}
    num_tags, num_characters = len(tagger.tagset_.names), tagger.vocabulary_.num_characters
    counted = recipe("benchmarking.limit").multiply_adds(tagger.get_params(), num_tags, num_characters, 12)
    recurrent = [shape for name, shape in shapes.items() if name.startswith("encoder.") and len(shape) == 2]
    assert counted["encoder"] == sum(rows * columns for rows, columns in recurrent)
    rows, columns = shapes["head.output.weight"]
    assert counted["output"] == rows * columns
    outputs, inputs, width = shapes["embedder.characters.convolution.weight"]
    assert counted["characters"] == num_characters * outputs * inputs * width / 12


def test_medians_ranges_and_ratios_are_taken_round_by_round(recipe):
    speeds = {("seqtag torch", 1): 100.0, ("seqtag torch", 2): 400.0, ("peer", 1): 50.0, ("peer", 2): 100.0}
    runs = [{"system": name, "threads": 1, "round": i, "predict": value} for (name, i), value in speeds.items()]
    figures = recipe("benchmarking.figures")
    found = figures.summary(figures.completed(runs, {(1, 1): 1.0, (1, 2): 1.0}))
    assert found[1, "peer"] == {"predict": (75.0, 50.0, 100.0), "predict_ratio": (0.375, 0.25, 0.5)}
    assert found[1, "seqtag torch"]["predict_ratio"] == (1.0, 1.0, 1.0)


def test_the_share_of_the_limit_counts_two_operations_a_multiply_add_and_three_passes_of_training(recipe):
    share = recipe("benchmarking.limit").share_of_limit
    assert share({"encoder": 500, "output": 500}, 1e6, 4, passes=1) == pytest.approx(0.5)
    assert share({"encoder": 500, "output": 500}, 1e6, 4, passes=3) == pytest.approx(1.5)


def test_made_sentences_have_their_length_and_streams_new_words_only(recipe):
    scaling = recipe("benchmarking.scaling")
    assert {len(sentence) for sentence in scaling.of_length(["a", "b", "c"], 2000)} == {2000}
    made = list(islice(scaling.endless([["a"], ["b"]]), 5))
    assert [sentence[0] for sentence in made] == ["a", "b", "a", "b", "a"]
    assert len({sentence[1] for sentence in made}) == 5


def test_f1_is_the_strict_one(recipe):
    gold = [["B-PER", "I-PER", "O"], ["B-LOC"]]
    strict_f1 = recipe("benchmarking.corpus").strict_f1
    assert strict_f1(json.dumps(gold), json.dumps([["B-PER", "O", "O"], ["B-LOC"]])) == 50
    assert strict_f1(json.dumps(gold), json.dumps([["O", "O", "O"], ["O"]])) == 0


def test_a_worker_says_json_only_and_a_failed_one_says_why(recipe):
    runs = recipe("benchmarking.runs")
    command = [sys.executable, "-m", "benchmarking.worker", '{"system": "spacy", "stage": "check"}']
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=RECIPES)
    assert set(json.loads(done.stdout)) == {"version"}
    with pytest.raises(runs.FailedError, match="nowhere"):
        runs.ask({"system": "spacy", "stage": "predict", "model": "nowhere", "corpus": "nowhere", "threads": 1})


def test_a_corpus_without_dev_is_refused_by_name(recipe, tiny_corpus, tmp_path):
    (tiny_corpus / "dev.conll").unlink()
    with pytest.raises(UsageError, match="no split dev"):
        recipe("benchmarking.corpus").write_corpus(str(tiny_corpus), tmp_path)


def test_an_unknown_peer_is_refused_with_the_known_ones(recipe, capsys):
    with pytest.raises(SystemExit):
        recipe("benchmark").main(["--peer-python", f"spcay={sys.executable}"])
    assert "a name of crfsuite, spacy, flair" in capsys.readouterr().err


def test_a_whole_run_gives_one_table_and_all_runs(recipe, tiny_corpus, tmp_path, capsys):
    small = ["--data", str(tiny_corpus), "--hidden-size", "4", "--epochs", "1", "--threads", "1", "--rounds", "1"]
    files = ["--json", str(tmp_path / "runs.json"), "--html", str(tmp_path / "table.html")]
    recipe("benchmark").main([*small, "--peers", "--seconds", "0", *files])
    printed = capsys.readouterr().out
    runs = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))["runs"]
    assert [run["system"] for run in runs] == ["seqtag torch", "seqtag onnx", "seqtag int8"]
    assert all(f" {run['system']} " in printed for run in runs)
    for run in runs:
        assert run["p50_ms"] <= run["p99_ms"]
        assert {"predict", "raw", "predict_mib", "size_mb", "f1", "predict_share"} <= set(run)
    torch, onnx, int8 = runs
    assert onnx["f1"] == torch["f1"]
    assert int8["size_mb"] < onnx["size_mb"]
    assert onnx["predict_mib"] < torch["predict_mib"]  # no torch in that process
    assert "seqtag int8" in (tmp_path / "table.html").read_text(encoding="utf-8")


def test_training_stops_at_the_f1_that_is_wanted(recipe, tiny_corpus, tmp_path, capsys):
    small = ["--data", str(tiny_corpus), "--hidden-size", "4", "--epochs", "3", "--threads", "1", "--rounds", "1"]
    recipe("benchmark").main([*small, "--peers", "--until", "0", "--json", str(tmp_path / "runs.json")])
    [run] = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))["runs"]
    assert len(run["epochs_seen"]) == 1
    assert f"{run['epochs_seen'][0][0]:.1f}" in capsys.readouterr().out
