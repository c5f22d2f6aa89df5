"""Trained models in pickles, copies and workers: they come back as from their folder, and by the same code."""

import copy
import io
import pickle
import shutil
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from answers import runs_on
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from tiny import LABELS, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier, tiny_tagger

from seqtag import Classifier, LanguageModel, ModelError, Tagger, UsageError


@pytest.fixture(scope="module")
def language_model() -> LanguageModel:
    options = {"hidden_size": 8, "bptt": 10, "batch_size": 4, "epochs": 1, "device": "cpu"}
    return LanguageModel(**options).fit(["to be or not to be"] * 40, watchers=())


@pytest.fixture(params=["tagger", "classifier", "language model"])
def model(request, saved_tagger, saved_classifier, language_model):
    if request.param == "language model":
        return language_model
    kind, folder = (Tagger, saved_tagger) if request.param == "tagger" else (Classifier, saved_classifier)
    return kind.load(folder, device="cpu")


def answers(model):
    if isinstance(model, LanguageModel):
        return model.generate(["to", "be"], num_tokens=20), model.score("not so")
    if isinstance(model, Tagger):
        return model.predict_spans(UNSEEN_TEXTS), [array.tolist() for array in model.predict_proba(UNSEEN)]
    return model.predict(UNSEEN_TEXTS), model.predict_proba(UNSEEN_TEXTS).tolist()


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPYINGS = [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy, copy.copy, by_joblib]


@pytest.mark.parametrize("copied", COPYINGS, ids=["pickle", "deepcopy", "copy", "joblib"])
def test_a_copy_predicts_the_same_bit_for_bit_and_shares_nothing(model, copied):
    twin = copied(model)
    assert answers(twin) == answers(model)
    assert twin.get_params() == model.get_params()
    assert (twin.history_, twin.seed_scores_, twin.data_) == (model.history_, model.seed_scores_, model.data_)
    with torch.no_grad():
        for values in twin.network_.parameters():
            values.zero_()
    assert answers(twin) != answers(model)


def test_unpickling_looks_up_nothing_but_the_class(model):
    found = []

    class Watched(pickle.Unpickler):
        def find_class(self, module, name):
            found.append(name)
            return super().find_class(module, name)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        found.clear()
        Watched(io.BytesIO(pickle.dumps(model, protocol))).load()
        assert set(found) - {type(model).__name__} <= {"_reconstructor", "object", "encode", "__newobj__"}


def test_the_state_is_the_files_of_the_folder(model, tmp_path):
    state = model.__getstate__()
    assert state["files"] == {path.name: path.read_bytes() for path in model.save(tmp_path / "m").iterdir()}


def test_a_damaged_pickle_is_refused_as_a_damaged_folder_is(model):
    state = model.__getstate__()
    weights = bytearray(state["files"]["model.safetensors"])
    weights[-1] ^= 1
    state["files"]["model.safetensors"] = bytes(weights)
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged"):
        type(model)().__setstate__(state)


def test_a_pickle_writes_no_file_but_those_of_a_model(model, tmp_path):
    state = model.__getstate__()
    state["files"] |= {"../escaped": b"x", str(tmp_path / "escaped"): b"x"}
    type(model)().__setstate__(state)
    assert list(tmp_path.rglob("escaped")) == []
    assert not Path(tmp_path.parent, "escaped").exists()


def test_options_that_were_set_since_and_an_interruption_come_along(model):
    model.interrupted_ = True
    twin = copy.deepcopy(model.set_params(epochs=7))
    assert (twin.epochs, twin.interrupted_) == (7, True)


def test_without_training_or_after_a_fit_that_failed_only_options_are_there(saved_classifier):
    classifier = Classifier.load(saved_classifier, device="cpu")
    with pytest.raises(UsageError):
        classifier.set_params(class_weights={"NONE": 2.0}).fit(TEXTS, LABELS)
    twin = pickle.loads(pickle.dumps(classifier))
    assert (vars(twin), hasattr(twin, "classes_")) == (classifier.get_params(), False)


@pytest.mark.parametrize("engine", ["auto", "onnx", "onnx-int8"])
@pytest.mark.parametrize("kind", [Tagger, Classifier])
def test_exports_come_along_when_the_folder_does_not(kind, engine, exported_tagger, exported_classifier, tmp_path):
    source = exported_tagger if kind is Tagger else exported_classifier
    model = kind.load(shutil.copytree(source, tmp_path / "m"), device="cpu", engine=engine)
    expected = answers(model)
    content = pickle.dumps(model)
    shutil.rmtree(tmp_path / "m")
    for twin in (pickle.loads(content), copy.deepcopy(pickle.loads(content))):
        assert (runs_on(twin), answers(twin)) == ("onnx", expected)


def test_an_export_that_auto_did_not_take_is_not_taken_by_the_copy_either(saved_tagger, tmp_path):
    tagger = Tagger.load(saved_tagger, device="cpu")
    tagger.save(tmp_path / "m")
    tagger.export(tmp_path / "m")
    assert (runs_on(tagger), runs_on(copy.deepcopy(tagger))) == ("torch", "torch")
    assert runs_on(copy.deepcopy(tagger).set_params(engine="onnx")) == "onnx"


def test_exports_of_other_weights_are_left_behind(exported_tagger, saved_tagger, tmp_path):
    folder = shutil.copytree(exported_tagger, tmp_path / "m")
    tagger = Tagger.load(folder, device="cpu")
    with torch.no_grad():
        tagger.network_.head.output.weight.mul_(2)
    assert runs_on(copy.deepcopy(tagger)) == "torch"
    tagger = Tagger.load(folder, device="cpu")
    tiny_tagger(epochs=1, seed=9).fit(TOKENS, TAGS).save(folder)
    assert runs_on(copy.deepcopy(tagger)) == "torch"


def test_language_models_of_a_context_come_along_once(language_model, tmp_path):
    tagger = tiny_tagger(epochs=1, context=[language_model], context_size=4).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    twin = pickle.loads(pickle.dumps(tagger))
    assert twin.predict(UNSEEN) == tagger.predict(UNSEEN)
    assert answers(twin.context[0]) == answers(language_model)  # the option, as it was given
    loaded = Tagger.load(tagger.save(tmp_path / "m"), device="cpu")
    assert len(pickle.dumps(loaded)) < len(pickle.dumps(tagger))
    again = copy.deepcopy(loaded)
    assert again.context == list(again.context_.models)
    assert again.predict(UNSEEN) == tagger.predict(UNSEEN)


def test_a_fitted_pipeline_can_be_dumped(saved_classifier):
    pipeline = Pipeline([("classify", Classifier.load(saved_classifier, device="cpu"))])
    assert by_joblib(pipeline).predict(UNSEEN_TEXTS) == pipeline.predict(UNSEEN_TEXTS)


def test_workers_send_trained_models_back():
    """Two processes train, and what they trained predicts in this one."""
    classifier = tiny_classifier(epochs=1)
    with joblib.parallel_config(backend="multiprocessing"):  # forks; joblib's own processes would import torch first
        found = cross_validate(classifier, TEXTS, LABELS, cv=2, n_jobs=2, return_estimator=True)
    here = cross_validate(classifier, TEXTS, LABELS, cv=2, return_estimator=True)
    for one, other in zip(found["estimator"], here["estimator"], strict=True):
        np.testing.assert_array_equal(one.predict_proba(UNSEEN_TEXTS), other.predict_proba(UNSEEN_TEXTS))
    voting = VotingClassifier([("a", classifier), ("b", tiny_classifier(epochs=1, seed=1))], voting="soft", n_jobs=2)
    with joblib.parallel_config(backend="multiprocessing"):
        chosen = voting.fit(TEXTS, LABELS).predict(UNSEEN_TEXTS)
    assert set(chosen) <= set(LABELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(voting)).predict(UNSEEN_TEXTS), chosen)
