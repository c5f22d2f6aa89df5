"""`seqtag export`: what it writes and says, and calls that don't make sense."""

import shutil
from pathlib import Path

import pytest
from small_corpus import Run


@pytest.fixture(scope="module")
def saved(model: Path) -> Path:
    return model


def test_an_export_is_tried_written_and_named(run: Run, folder: Path, corpus: Path):
    result = run("export", folder)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{folder / 'model.onnx'}  {(folder / 'model.onnx').stat().st_size / 1e6:.1f} MB\n"
    assert "gives the tags of torch for 200 sentences" in result.stderr
    result = run("export", folder, "--dev", corpus)
    assert "gives the tags of torch for 36 sentences" in result.stderr


def test_int8_says_what_it_costs(run: Run, folder: Path, corpus: Path):
    result = run("export", folder, "--int8", "--dev", corpus, "--split", "test")
    assert result.exit_code == 0, result.stderr
    assert "F1 on the 36 dev sentences is" in result.stderr
    assert (folder / "model.int8.onnx").is_file()
    (folder / "model.int8.onnx").unlink()
    result = run("export", folder, "--int8", "--force")
    assert "warning: no dev data: what int8 costs is not known" in result.stderr
    assert (folder / "model.int8.onnx").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--force"], "only an --int8 export may differ from the model"),
        (["--int8"], "give --dev DATA, or --force"),
        (["--split", "dev"], "give --dev DATA too"),
        (["--dev", "CORPUS", "--split", "dve"], "no split 'dve'; choose from dev, test, train; did you mean 'dev'?"),
        (["--dev", "nowhere.conll"], "nowhere.conll"),
    ],
)
def test_mistakes_are_one_message_and_write_nothing(run: Run, folder: Path, corpus: Path, words: list, message: str):
    result = run("export", folder, *(corpus if word == "CORPUS" else word for word in words))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not list(folder.glob("*.onnx"))


def test_a_classifier_is_exported_and_measured_too(
    run: Run, classifier_folder: Path, several_folder: Path, labelled: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(classifier_folder, tmp_path / "mood"))
    result = run("export", folder, "--dev", labelled)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{folder / 'model.onnx'}  {(folder / 'model.onnx').stat().st_size / 1e6:.1f} MB\n"
    assert "gives the classes of torch for" in result.stderr
    result = run("export", folder, "--int8", "--dev", labelled, "--split", "test")
    assert result.exit_code == 0, result.stderr
    assert "dev texts is" in result.stderr
    several = Path(shutil.copytree(several_folder, tmp_path / "several"))
    result = run("export", several, "--dev", labelled)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the model was trained with a list of labels per text, the dev data have another form" in result.stderr
    assert not list(several.glob("*.onnx"))
