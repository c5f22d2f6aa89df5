"""`--engine` of `seqtag predict` and `seqtag evaluate`: what answers, and mistakes before anything is read."""

import shutil
from pathlib import Path

import pytest
from small_corpus import Run

from seqtag import Classifier, LanguageModel, Tagger
from seqtag.models.tagging.engine import OnnxNbestEngine
from seqtag.runtime.classifying_engine import OnnxClassEngine


@pytest.fixture(scope="module")
def exported(run: Run, model: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with both of its exports."""
    folder = Path(shutil.copytree(model, tmp_path_factory.mktemp("exported") / "ner"))
    for words in ([], ["--int8", "--dev", corpus, "--force"]):
        result = run("export", folder, *words)
        assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def exported_classifier(
    run: Run, classifier_folder: Path, labelled: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The classifier with both of its exports."""
    folder = Path(shutil.copytree(classifier_folder, tmp_path_factory.mktemp("exported") / "mood"))
    for words in ([], ["--int8", "--dev", labelled, "--force"]):
        result = run("export", folder, *words)
        assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which engine is asked, and what it comes to."""
    noted: list[str] = []

    def watch(kind: type[Tagger] | type[Classifier]) -> None:
        ask = kind._engine

        def spy(model: Tagger | Classifier):
            engine = ask(model)
            is_onnx = isinstance(engine, (OnnxNbestEngine, OnnxClassEngine))
            noted.append(f"{model.engine}: {'onnx' if is_onnx else 'torch'}")
            return engine

        monkeypatch.setattr(kind, "_engine", spy)

    watch(Tagger)
    watch(Classifier)
    return noted


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "auto: onnx"),
        (["--engine", "auto"], "auto: onnx"),
        (["--engine", "torch"], "torch: torch"),
        (["--engine", "onnx"], "onnx: onnx"),
        (["--engine", "onnx-int8"], "onnx-int8: onnx"),
    ],
    ids=" ".join,
)
def test_predict_and_evaluate_run_on_the_engine_that_is_named(
    run: Run, exported: Path, corpus: Path, answered: list[str], words: list[str], expected: str
):
    source = corpus / "test.conll"
    before = run("predict", exported, source, "--engine", "torch"), run("evaluate", exported, source)
    answered.clear()
    after = run("predict", exported, source, *words), run("evaluate", exported, source, *words)
    assert set(answered) == {expected}
    for result, other in zip(after, before):
        assert result.exit_code == 0, result.stderr
        if words != ["--engine", "onnx-int8"]:
            assert result.stdout == other.stdout


@pytest.mark.parametrize("name", ["predict", "evaluate"])
def test_a_wrong_engine_is_named_with_the_nearest_one(run: Run, model: Path, corpus: Path, name: str):
    result = run(name, model, corpus / "test.conll", "--engine", "onxx")
    assert (result.exit_code, result.stdout) == (2, "")
    message = "error: --engine onxx: unknown; choose from auto, onnx, onnx-int8, torch; did you mean 'onnx'?\n"
    assert result.stderr == message


def test_int8_without_an_export_names_the_command(run: Run, model: Path, corpus: Path, tmp_path: Path):
    output = tmp_path / "out.conll"
    result = run("predict", model, corpus / "test.conll", "--engine", "onnx-int8", "--output", output)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"run: seqtag export {model} --int8 --dev DATA" in result.stderr
    assert not output.exists()


def test_a_damaged_export_is_an_error_only_where_it_was_asked_for(
    run: Run, exported: Path, corpus: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(exported, tmp_path / "ner"))
    (folder / "model.onnx").write_bytes(b"no graph")
    source = corpus / "test.conll"
    result = run("predict", folder, source, "--engine", "onnx")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {folder / 'model.onnx'}: damaged" in result.stderr
    result = run("predict", folder, source)
    assert result.exit_code == 0
    assert result.stdout == run("predict", folder, source, "--engine", "torch").stdout
    assert f"warning: {folder / 'model.onnx'}: damaged" in result.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "auto: onnx"),
        (["--engine", "torch"], "torch: torch"),
        (["--engine", "onnx"], "onnx: onnx"),
        (["--engine", "onnx-int8"], "onnx-int8: onnx"),
    ],
    ids=" ".join,
)
def test_a_classifier_runs_on_the_engine_that_is_named(
    run: Run, exported_classifier: Path, labelled: Path, answered: list[str], words: list[str], expected: str
):
    source = labelled / "test.csv"
    before = [run(name, exported_classifier, source, "--engine", "torch") for name in ("predict", "evaluate")]
    answered.clear()
    after = [run(name, exported_classifier, source, *words) for name in ("predict", "evaluate")]
    assert set(answered) == {expected}
    for result, other in zip(after, before):
        assert result.exit_code == 0, result.stderr
        if words != ["--engine", "onnx-int8"]:
            assert result.stdout == other.stdout


def test_a_classifier_without_an_int8_export_names_the_command(run: Run, classifier_folder: Path, labelled: Path):
    result = run("evaluate", classifier_folder, labelled, "--engine", "onnx-int8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"run: seqtag export {classifier_folder} --int8 --dev DATA" in result.stderr


def test_a_language_model_has_no_engines(run: Run, tmp_path: Path):
    small = {"hidden_size": 4, "embedding_size": 4, "bptt": 10, "batch_size": 4, "epochs": 1}
    LanguageModel(**small).fit(["Ada met Bo.\n" * 40], watchers=()).save(tmp_path / "lm")
    result = run("evaluate", tmp_path / "lm", tmp_path / "text.txt", "--engine", "onnx")
    assert (result.exit_code, result.stdout) == (2, "")
    message = f"--engine onnx: {tmp_path / 'lm'} holds a language model, and engines are for taggers and classifiers"
    assert message in result.stderr


def test_a_training_for_int8_ends_before_it_begins(run: Run, corpus: Path, tmp_path: Path):
    result = run("train", corpus, "--out", tmp_path / "m", "--set", "engine=onnx-int8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "train with another engine" in result.stderr
    assert not (tmp_path / "m").exists()
