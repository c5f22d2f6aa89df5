"""The benchmark's figures are what they are called, its workers keep to their words, and the whole of it runs."""

import doctest
import json
import shlex
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import Tagger, UsageError
from seqtag.cli import main as seqtag_command

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


@pytest.mark.parametrize(("name", "examples"), [("benchmark", 1), ("benchmark_measures", 7), ("benchmark_systems", 2)])
def test_the_examples_in_the_files_hold(recipe, name, examples):
    tried = doctest.testmod(recipe(name))
    assert tried.attempted == examples
    assert tried.failed == 0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values, share):
    sys.path.insert(0, str(RECIPES))
    try:
        percentile = import_module("benchmark_measures").percentile
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
    count = recipe("benchmark_measures").multiply_adds
    counted = count(tagger.get_params(), num_tags=num_tags, num_characters=num_characters, tokens_per_batch=12)
    recurrent = [shape for name, shape in shapes.items() if name.startswith("encoder.") and len(shape) == 2]
    assert counted["encoder"] == sum(rows * columns for rows, columns in recurrent)
    rows, columns = shapes["head.output.weight"]
    assert counted["output"] == rows * columns
    outputs, inputs, width = shapes["embedder.characters.convolution.weight"]
    assert counted["characters"] == num_characters * outputs * inputs * width / 12


def test_medians_ranges_and_ratios_are_taken_round_by_round(recipe):
    speeds = {("seqtag torch", 1): 100.0, ("seqtag torch", 2): 400.0, ("peer", 1): 50.0, ("peer", 2): 100.0}
    runs = [{"system": name, "threads": 1, "round": i, "predict": value} for (name, i), value in speeds.items()]
    measures = recipe("benchmark_measures")
    completed = measures.completed(runs, {(1, 1): 1.0, (1, 2): 1.0})
    found = measures.summary(completed, recipe("benchmark").FIGURES)
    assert found[1, "peer"] == {"predict": (75.0, 50.0, 100.0), "predict_ratio": (0.375, 0.25, 0.5)}
    assert found[1, "seqtag torch"]["predict_ratio"] == (1.0, 1.0, 1.0)


def test_the_share_of_the_limit_counts_two_operations_a_multiply_add_and_three_passes_of_training(recipe):
    share = recipe("benchmark_measures").share_of_limit
    assert share({"encoder": 500, "output": 500}, 1e6, 4, passes=1) == pytest.approx(0.5)
    assert share({"encoder": 500, "output": 500}, 1e6, 4, passes=3) == pytest.approx(1.5)


def test_made_sentences_have_their_length_and_streams_new_words_only(recipe):
    measures = recipe("benchmark_measures")
    assert {len(sentence) for sentence in measures.of_length(["a", "b", "c"], 2000)} == {2000}
    made = list(islice(measures.endless([["a"], ["b"]]), 5))
    assert [sentence[0] for sentence in made] == ["a", "b", "a", "b", "a"]
    assert len({sentence[1] for sentence in made}) == 5


def test_f1_is_the_strict_one(recipe):
    gold = [["B-PER", "I-PER", "O"], ["B-LOC"]]
    strict_f1 = recipe("benchmark").strict_f1
    assert strict_f1(gold, [["B-PER", "O", "O"], ["B-LOC"]]) == 50
    assert strict_f1(gold, [["O", "O", "O"], ["O"]]) == 0


def test_f1_is_that_of_the_score_command(recipe, tmp_path):
    """Gold is well-formed; what is predicted has every tag in every place."""
    rng = np.random.default_rng(0)
    names = ["O", "B-PER", "I-PER", "B-creative-work", "I-creative-work"]
    predicted = [rng.choice(names, size=rng.integers(1, 9)).tolist() for _ in range(300)]
    gold = [[tag.replace("I-", "B-") if rng.random() < 0.8 else "O" for tag in tags] for tags in predicted]
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        text = "\n\n".join("\n".join(f"token\t{tag}" for tag in tags) for tags in corpus)
        (tmp_path / f"{name}.tsv").write_text(f"{text}\n", encoding="utf-8")
    paths = [str(tmp_path / f"{name}.tsv") for name in ("gold", "predicted")]
    with pytest.raises(SystemExit):
        seqtag_command(["score", *paths, "--json", str(tmp_path / "score.json")])
    score = json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))["f1"]
    assert 0.1 < score < 0.9
    assert recipe("benchmark").strict_f1(gold, predicted) == pytest.approx(100 * score)


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """Make an interpreter's packages: a crfsuite that prints, and no seqtag."""
    folder = tmp_path / "packages"
    for name, source in (
        ("sklearn_crfsuite", "print('a greeting')\nCRF = dict\n"),
        ("seqtag", "raise ImportError('a peer has no seqtag')\n"),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source, encoding="utf-8")
    (folder / "sklearn_crfsuite-0.5.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: sklearn-crfsuite\nVersion: 0.5\n"
    (folder / "sklearn_crfsuite-0.5.dist-info" / "METADATA").write_text(metadata, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_worker_says_json_only_and_a_failed_one_says_why(recipe, peer):
    measures = recipe("benchmark_measures")
    command = [sys.executable, "benchmark_systems.py", '{"system": "crfsuite", "stage": "check"}']
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=RECIPES)
    assert json.loads(done.stdout) == {"version": "0.5"}
    assert "a greeting" in done.stderr
    with pytest.raises(measures.FailedError, match="nowhere"):
        measures.ask({"system": "crfsuite", "stage": "predict", "model": "nowhere", "corpus": "nowhere", "threads": 1})
    found, absent = measures.find_peers(["crfsuite", "flair"], {"crfsuite": sys.executable, "flair": sys.executable})
    assert found == {"crfsuite": (sys.executable, "0.5")}
    assert list(absent) == ["flair"]


def test_a_corpus_without_dev_is_refused_by_name(recipe, tiny_corpus, tmp_path):
    (tiny_corpus / "dev.conll").unlink()
    with pytest.raises(UsageError, match="no split dev"):
        recipe("benchmark").write_corpus(str(tiny_corpus), tmp_path)


def test_an_unknown_peer_is_refused_with_the_known_ones(recipe, capsys):
    with pytest.raises(SystemExit):
        recipe("benchmark").main(["--peer-python", f"spcay={sys.executable}"])
    assert "a name of crfsuite, spacy, flair" in capsys.readouterr().err


@pytest.fixture
def quick_workers(recipe, commands, tmp_path, monkeypatch):
    """Let workers begin as forks, but for the one whose memory shows that it imports no torch."""
    python = tmp_path / "python"
    forked = shlex.quote(str(commands / "forked-python"))
    python.write_text(
        "#!/bin/sh\n"
        f'case $2 in *\'seqtag onnx\'*) exec {shlex.quote(sys.executable)} "$@";; *) exec {forked} "$@";; esac\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setitem(recipe("benchmark_measures").ask.__kwdefaults__, "python", str(python))


@pytest.mark.usefixtures("quick_workers")
def test_a_whole_run_gives_one_table_and_all_runs(recipe, tiny_corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe("benchmark"), "PRODUCT_SIZE", 64)  # the real one takes seconds
    small = ["--data", str(tiny_corpus), "--hidden-size", "4", "--epochs", "1", "--threads", "1", "--rounds", "1"]
    files = ["--json", str(tmp_path / "runs.json"), "--markdown", str(tmp_path / "table.md")]
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
    written = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    assert written[0].startswith("`python recipes/benchmark.py ")
    rows = [line for line in written if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {rows[0].count("|")}
    assert [row.split(" | ")[1] for row in rows[2:]][:3] == ["seqtag torch", "seqtag onnx", "seqtag int8"]


@pytest.mark.usefixtures("quick_workers")
def test_training_stops_at_the_f1_that_is_wanted(recipe, tiny_corpus, tmp_path, capsys):
    small = ["--data", str(tiny_corpus), "--hidden-size", "4", "--epochs", "3", "--threads", "1", "--rounds", "1"]
    recipe("benchmark").main([*small, "--peers", "--until", "0", "--json", str(tmp_path / "runs.json")])
    [run] = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))["runs"]
    assert len(run["epochs_seen"]) == 1
    assert f"{run['epochs_seen'][0][0]:.1f}" in capsys.readouterr().out
