"""`Classifier.export`: an export is written only where it predicts what torch predicts, and belongs to its weights."""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import LABELS, SEVERAL, TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier, DataError, ModelError, UsageError
from seqtag.models.classifying import engine
from seqtag.models.classifying import export as export_class
from seqtag.models.estimator import NotFittedModelError
from seqtag.runtime import load

SERIES = [np.full((n, 2), n, np.float32) for n in range(1, 33)]


@pytest.fixture(scope="module")
def saved(saved_classifier: Path) -> Path:
    return saved_classifier


@pytest.fixture
def classifier(folder: Path) -> Classifier:
    return Classifier.load(folder, device="cpu")


@pytest.fixture
def swapped(monkeypatch):
    """An export whose classes are the wrong way round."""
    build = engine.build_graph

    def wrong(weights, *rest, **options):
        names = ("head.output.weight", "head.output.bias", "head.lexical.table.weight", "head.lexical.bias_L")
        return build({**weights, **{name: -weights[name] for name in names}}, *rest, **options)

    monkeypatch.setattr(engine, "build_graph", wrong)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dev", [None, (TEXTS, LABELS)], ids=["made_up", "dev"])
def test_an_export_predicts_the_same_and_leaves_the_model_alone(classifier: Classifier, folder: Path, dev, caplog):
    before = files(folder)
    with caplog.at_level(logging.INFO, "seqtag"):
        path = classifier.export(folder, dev=dev)
    assert f"gives the classes of torch for {201 if dev is None else 32} texts" in caplog.text
    after = files(folder)
    config = json.loads(after.pop("config.json"))
    assert config["files"]["model.onnx"] == hashlib.sha256(after.pop(path.name)).hexdigest()
    assert config["files"]["model.safetensors"] == json.loads(before.pop("config.json"))["files"]["model.safetensors"]
    assert after == before
    assert Classifier.load(folder, device="cpu", engine="torch").predict(TEXTS) == load(folder).predict(TEXTS)


def test_one_of_the_made_up_texts_has_several_segments(classifier: Classifier, folder: Path, monkeypatch):
    seen = []
    invent = export_class._invented
    monkeypatch.setattr(export_class, "_invented", lambda *args: seen.extend(invent(*args)) or seen)
    classifier.export(folder)
    assert len(seen[-1]) == 16
    assert len(seen[-1]) > 2 * classifier.segment_size


def test_series_are_made_up_as_they_are_scaled(tmp_path: Path, caplog):
    y = ["a", "b"] * 16
    folder = tiny_classifier(epochs=1).fit(SERIES, y, dev=(SERIES, y)).save(tmp_path / "m")
    loaded = Classifier.load(folder, device="cpu")
    with caplog.at_level(logging.INFO, "seqtag"):
        loaded.export(folder)
    assert "gives the classes of torch for 101 texts" in caplog.text
    rows = export_class._invented(loaded._torch_engine(), loaded.segment_size)
    # The mean of what training saw is subtracted before, its deviation of 7.6 is the network's to divide by.
    np.testing.assert_allclose(np.concatenate(rows).mean(0), 0.0, atol=0.1 * 22)
    np.testing.assert_allclose(np.concatenate(rows).std(0), np.concatenate(SERIES).std(0), rtol=0.1)
    with pytest.raises(UsageError, match="this model was trained on series of numbers and takes such"):
        loaded.export(folder, dev=(TEXTS, LABELS))


def test_int8_is_measured_on_dev_and_smaller(classifier: Classifier, folder: Path, caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        path = classifier.export(folder, int8=True, dev=(TEXTS, LABELS))
    before = 100 * classifier.score(TEXTS, LABELS)
    assert f"accuracy on the 32 dev texts is {before:.2f} with int8, {before:.2f} without" in caplog.text
    assert path.stat().st_size < classifier.export(folder).stat().st_size
    config = json.loads((folder / "config.json").read_bytes())
    assert {name for name in config["files"] if name.endswith(".onnx")} == {"model.onnx", "model.int8.onnx"}


def test_of_several_classes_the_micro_f1_is_measured(tmp_path: Path, caplog):
    folder = tiny_classifier(epochs=4).fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL)).save(tmp_path / "m")
    classifier = Classifier.load(folder, device="cpu")
    with caplog.at_level(logging.INFO, "seqtag"):
        classifier.export(folder, int8=True, dev=(TEXTS, SEVERAL), force=True)
    assert f"{100 * classifier.score(TEXTS, SEVERAL):.2f} without" in caplog.text
    assert "micro F1 on the 32 dev texts is" in caplog.text
    with pytest.raises(UsageError, match="trained with a list of labels per text, the dev data have another form"):
        classifier.export(folder, dev=(TEXTS, LABELS))


@pytest.mark.usefixtures("swapped")
def test_an_export_that_differs_is_refused_and_nothing_is_left(classifier: Classifier, folder: Path, caplog):
    before = files(folder)
    with pytest.raises(ModelError, match="other classes than torch for 32 of 32 texts"):
        classifier.export(folder, dev=(TEXTS, LABELS))
    with pytest.raises(ModelError, match=r"a loss of more than 0\.5 points; nothing was written"):
        classifier.export(folder, int8=True, dev=(TEXTS, LABELS))
    assert files(folder) == before
    classifier.export(folder, int8=True, dev=(TEXTS, LABELS), force=True)
    assert "a loss of" in caplog.text
    assert load(folder, int8=True).predict(TEXTS) != classifier.predict(TEXTS)


def test_a_tie_that_rounding_decides_is_no_difference(classifier: Classifier, folder: Path, monkeypatch, caplog):
    with torch.no_grad():
        for values in classifier.network_.parameters():
            values.zero_()
    classifier.save(folder)
    build = engine.build_graph

    def rounded(weights, *rest, **options):
        bias_L = np.array([0.0, 1e-6], np.float32)
        return build({**weights, "head.output.bias": bias_L}, *rest, **options)

    monkeypatch.setattr(engine, "build_graph", rounded)
    with caplog.at_level(logging.INFO, "seqtag"):
        classifier.export(folder, dev=(TEXTS, LABELS))
    assert "which decides 32 ties" in caplog.text


def test_int8_without_dev_data_is_forced_or_refused(classifier: Classifier, folder: Path, caplog):
    with pytest.raises(UsageError, match="give dev data, or force it"):
        classifier.export(folder, int8=True)
    assert classifier.export(folder, int8=True, force=True).is_file()
    assert "no dev data: what int8 costs is not known" in caplog.text


def test_int8_is_for_a_plain_lstm(tmp_path: Path):
    folder = fitted_classifier(epochs=1, characters=None, encoder="gru").save(tmp_path / "m")
    with pytest.raises(UsageError, match="and this model has encoder='gru'; export it without int8"):
        Classifier.load(folder).export(folder, int8=True, dev=(TEXTS, LABELS))


def test_only_the_folder_of_the_same_weights_is_written_to(classifier: Classifier, folder: Path, tmp_path: Path):
    with torch.no_grad():
        classifier.network_.head.output.bias.add_(1)
    with pytest.raises(UsageError, match="holds another model than the one to be exported; save that there first"):
        classifier.export(folder)
    with pytest.raises(UsageError, match="not a model folder, it does not exist"):
        classifier.export(tmp_path / "nothing")
    with pytest.raises(NotFittedModelError):
        tiny_classifier().export(folder)
    assert not list(folder.glob("*.onnx"))


@pytest.mark.parametrize(
    ("dev", "error", "message"),
    [
        ((TEXTS,), UsageError, "dev is a tuple of 1"),
        (TEXTS, UsageError, "the dev data needs labels"),
        ((TEXTS, LABELS[1:]), DataError, "32 texts but 31 labels"),
        (([], []), DataError, "the dev data holds no text"),
        ((["a"], ["fair"]), DataError, "the dev data has only the label 'fair' not known to the model"),
        ((SERIES, LABELS), UsageError, "this model was trained on texts and takes such"),
        ((TEXTS, SEVERAL), UsageError, "the model was trained with one label per text"),
    ],
)
def test_wrong_dev_data_are_one_message(classifier: Classifier, folder: Path, dev, error, message: str):
    with pytest.raises(error, match=message):
        classifier.export(folder, dev=dev)
    assert not list(folder.glob("*.onnx"))
