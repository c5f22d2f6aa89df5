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


@pytest.mark.parametrize(("name", "examples"), [("benchmark", 4), ("benchmark_measures", 4), ("benchmark_systems", 2)])
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
    counted = count(tagger.get_params(), num_outputs=num_tags, num_characters=num_characters, tokens_per_batch=12)
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
    completed = recipe("benchmark").completed(runs, {(1, 1): 1.0, (1, 2): 1.0})
    found = measures.summary(completed, recipe("benchmark").FIGURES)
    assert found[1, "peer"] == {"predict": (75.0, 50.0, 100.0), "predict_ratio": (0.375, 0.25, 0.5)}
    assert found[1, "seqtag torch"]["predict_ratio"] == (1.0, 1.0, 1.0)


def test_the_share_of_the_limit_counts_two_operations_a_multiply_add_and_three_passes_of_training(recipe):
    ours = {"system": "seqtag torch", "threads": 1, "round": 1}
    ours |= {f"{stage}_operations": {"encoder": 500, "output": 500} for stage in ("train", "predict")}
    completed = recipe("benchmark").completed
    [run] = completed([ours | {"train": 1e6, "predict": 1e6}], {(1, 1): 4})
    assert (run["predict_share"], run["train_share"]) == pytest.approx((50, 150))
    [run] = completed([ours | {"train": 1e5, "predict": 1e5}], {(1, 1): 4}, tokens_per_row=10)  # 1e5 texts of 10 words
    assert (run["predict_share"], run["train_share"]) == pytest.approx((50, 150))


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 100)), min_size=1))
def test_quality_is_reached_when_no_later_score_is_more_than_a_point_better(epochs):
    sys.path.insert(0, str(RECIPES))
    try:
        time_to_quality = import_module("benchmark_measures").time_to_quality
    finally:
        sys.path.remove(str(RECIPES))
    seconds, best = time_to_quality(epochs)
    assert best == max(score for _, score in epochs)
    assert (seconds, True) in {(at, score >= best - 1) for at, score in epochs}
    assert all(score < best - 1 for at, score in epochs if at < seconds)


def test_growing_tells_the_seconds_of_each_number_alone(recipe):
    told, fitted = [], []
    growing = recipe("benchmark_measures").growing
    fit = lambda number: fitted.append(number) or f"model {number}"  # noqa: E731
    model, seconds = growing({"figures": ["quality"]}, (1, 2, 5), fit, lambda *step: told.append(step))
    assert (model, seconds) == ("model 5", told[-1][0])
    assert [model for _, model in told] == ["model 1", "model 2", "model 5"]
    growing({"figures": ["train"]}, (1, 2, 5), fit, lambda *step: None)
    assert fitted == [1, 2, 5, 5]


def test_markdown_is_renewed_between_its_marks(recipe, tmp_path):
    page, write = tmp_path / "speed.md", recipe("benchmark").write_markdown
    page.write_text("# Speed\n\nBefore.\n", encoding="utf-8")
    write(page, "tags", "tag")
    write(page, "classes", "classify")
    page.write_text(page.read_text(encoding="utf-8") + "\nAfter.\n", encoding="utf-8")
    write(page, "new tags", "tag")
    expected = "<!-- benchmark tag -->\nnew tags\n<!-- end of benchmark tag -->\n"
    expected += "<!-- benchmark classify -->\nclasses\n<!-- end of benchmark classify -->\n"
    assert page.read_text(encoding="utf-8") == f"# Speed\n\nBefore.\n{expected}\nAfter.\n"


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
        measures.ask({"system": "crfsuite", "stage": "train", "task": "tag", "corpus": "nowhere", "threads": 1})
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
    assert "a name of crfsuite, spacy, flair, tfidf, fasttext" in capsys.readouterr().err


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
def test_a_whole_run_gives_one_table_and_all_runs(recipe, tiny_corpus, tmp_path, capsys):
    small = ["--data", str(tiny_corpus), "--set", "hidden_size=4", "--epochs", "2", "--threads", "1", "--rounds", "1"]
    files = ["--json", str(tmp_path / "runs.json"), "--markdown", str(tmp_path / "table.md")]
    recipe("benchmark").main([*small, "--peers", "--seconds", "0", *files])
    printed = capsys.readouterr().out
    runs = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))["runs"]
    assert [run["system"] for run in runs] == ["seqtag torch", "seqtag onnx", "seqtag int8"]
    assert all(f" {run['system']} " in printed for run in runs)
    for run in runs:
        assert run["predict_ms"] <= run["predict_p99_ms"]
        assert run["raw_ms"] <= run["raw_p99_ms"]
        assert {"first_ms", "predict", "raw", "predict_mib", "size_mb", "score", "predict_share"} <= set(run)
        assert "answers" not in run
    torch, onnx, int8 = runs
    assert torch["quality_s"] > 0
    assert onnx["score"] == torch["score"] <= torch["best"]
    assert int8["size_mb"] < onnx["size_mb"]
    assert onnx["predict_mib"] < torch["predict_mib"]  # no torch in that process
    written = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    assert written[1].startswith("`python recipes/benchmark.py ")
    rows = [line for line in written if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {rows[0].count("|")}
    assert [row.split(" | ")[1] for row in rows[2:]][:3] == ["seqtag torch", "seqtag onnx", "seqtag int8"]


@pytest.mark.usefixtures("quick_workers")
def test_texts_are_measured_beside_a_solver(recipe, tmp_path, capsys):
    """TF-IDF with logistic regression runs here, since seqtag needs scikit-learn; fastText may be absent."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for split in ("train", "dev"):
        rows = [f"{text}\t{label}\n" for text, label in [("a kind day", "good"), ("a rude night", "very bad")] * 6]
        (folder / f"{split}.tsv").write_text(f"text\tlabel\n{''.join(rows)}", encoding="utf-8")
    small = ["--task", "classify", "--data", str(folder), "--set", "hidden_size=4", "--threads", "1", "--quick"]
    figures = ["--figures", "train", "raw", "quality", "--seconds", "0", "--json", str(tmp_path / "runs.json")]
    recipe("benchmark").main([*small, "--peers", "tfidf", *figures])
    printed = capsys.readouterr().out
    runs = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))["runs"]
    assert [run["system"] for run in runs] == ["seqtag torch", "seqtag onnx", "seqtag int8", "tfidf"]
    assert runs[-1]["score"] == 100
    assert "predict" not in runs[0]  # only what is asked for is measured
    assert "quality_s" not in runs[0]  # --quick leaves it out
    assert "texts/s" in printed
    assert "ms" not in printed.split()


@pytest.mark.usefixtures("recipe")
def test_fasttext_reads_and_answers_labels_of_any_spelling(recipe, tmp_path):
    pytest.importorskip("fasttext", reason="a peer, which seqtag does not need")
    systems = recipe("benchmark_systems")
    texts, labels = ["a kind day"] * 9 + ["a rude\nnight"] * 9, ["good"] * 9 + ["very bad"] * 9
    job = {"figures": [], "threads": 1}
    model, *_ = systems.train_fasttext(job, {"rows": texts, "gold": labels}, None, None)
    assert systems.fasttext_classes(model, texts) == labels
