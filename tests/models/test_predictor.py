"""What loads a model to predict: the export without torch where there is one, torch where there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import TAGS, TOKENS

from seqtag import Classifier, ModelError, Tagger, UsageError
from seqtag.models.predictor import load_predictor
from seqtag.runtime import RuntimeClassifier, RuntimeTagger


def test_an_export_is_taken_where_there_is_one(exported_tagger: Path, exported_classifier: Path):
    tagger = load_predictor(exported_tagger, device="cpu")
    assert isinstance(tagger, RuntimeTagger)
    assert tagger.predict(TOKENS) == Tagger.load(exported_tagger).predict(TOKENS)
    assert isinstance(load_predictor(exported_classifier, device="cpu"), RuntimeClassifier)


def test_without_an_export_torch_answers(saved_tagger: Path, saved_classifier: Path):
    assert isinstance(load_predictor(saved_tagger), Tagger)
    assert isinstance(load_predictor(saved_classifier), Classifier)


def test_an_engine_that_is_named_is_taken(exported_tagger: Path, saved_tagger: Path):
    assert isinstance(load_predictor(exported_tagger, engine="torch"), Tagger)
    assert isinstance(load_predictor(exported_tagger, engine="onnx"), RuntimeTagger)
    assert isinstance(load_predictor(saved_tagger, engine="onnx"), Tagger)  # which makes the graph in memory
    with pytest.raises(UsageError, match="export"):
        load_predictor(saved_tagger, engine="onnx-int8")
    with pytest.raises(UsageError, match="onxx"):
        load_predictor(saved_tagger, engine="onxx")


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_a_wrong_number_of_threads_is_named_with_and_without_an_export(threads, exported_tagger, saved_tagger):
    for folder in (exported_tagger, saved_tagger):
        with pytest.raises(UsageError, match=r"threads=.*: give a whole number of threads, at least 1"):
            load_predictor(folder, threads=threads)


def test_the_engine_that_was_saved_is_kept(exported_tagger: Path, tmp_path: Path):
    tagger = Tagger.load(exported_tagger).set_params(engine="torch")
    tagger.save(tmp_path / "model")
    shutil.copy(exported_tagger / "model.onnx", tmp_path / "model")
    assert isinstance(load_predictor(tmp_path / "model"), Tagger)


def test_a_saved_engine_of_int8_takes_its_export(exported_tagger: Path, tmp_path: Path):
    tagger = Tagger.load(exported_tagger).set_params(engine="onnx-int8")
    tagger.save(tmp_path / "model")
    assert isinstance(load_predictor(tmp_path / "model"), Tagger)  # which says that there is no such export
    tagger.set_params(engine="torch").export(tmp_path / "model", int8=True, dev=(TOKENS, TAGS), force=True)
    predictor = load_predictor(tmp_path / "model")
    assert isinstance(predictor, RuntimeTagger)
    assert predictor.predict(TOKENS) == load_predictor(exported_tagger, engine="onnx-int8").predict(TOKENS)


def test_a_damaged_model_is_named(saved_tagger: Path, tmp_path: Path):
    shutil.copytree(saved_tagger, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged"):
        load_predictor(tmp_path / "model")
    with pytest.raises(UsageError, match="not a model folder"):
        load_predictor(tmp_path / "nowhere")


def test_torch_is_not_imported_for_an_export(exported_tagger: Path):
    script = (
        "import sys\nfrom seqtag.models.predictor import load_predictor\n"
        f"load_predictor({str(exported_tagger)!r}, device='cpu').predict([['Ada']])\n"
        "assert not {'torch', 'spacy', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_classifier_of_series_is_refused_when_it_is_opened(tmp_path: Path):
    import numpy as np
    import spacy

    from seqtag.integrations.batches import BatchPredictor
    from seqtag.serving.served_models import ServedModel

    series = np.random.default_rng(0).normal(size=(8, 5, 2))
    classifier = Classifier(hidden_size=4, epochs=1, device="cpu").fit(series, [0, 1] * 4, watchers=())
    folder = str(classifier.save(tmp_path / "series"))
    said = rf"^{folder}: this classifier was trained on series of numbers, and only texts come here; name a model of"
    nlp = spacy.blank("en")
    nlp.add_pipe("seqtag", config={"model": folder})
    for call in (
        lambda: load_predictor(folder),
        lambda: BatchPredictor(folder),
        lambda: ServedModel("series", folder),
        nlp.initialize,
    ):
        with pytest.raises(UsageError, match=said):
            call()
