"""`engine=` of a classifier: torch's classes and probabilities on every engine, nothing stale, errors that name it.

How an engine is chosen and opened is the same for taggers, see test_engine.py; here is what differs.
"""

import copy
import logging
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from answers import assert_classifiers_agree, runs_on
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from tiny import LABELS, SEVERAL, TEXTS, TOKENS, UNSEEN_TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier, LanguageModel, ModelError, UsageError
from seqtag.runtime import load as load_runtime
from seqtag.runtime import onnx_session

SERIES = [np.random.default_rng(n).normal(n % 2, 1, (n, 3)).astype(np.float32) for n in range(1, 25)]
SIDES = ["up" if n % 2 else "down" for n in range(1, 25)]
EVERY = [*TEXTS, "", *UNSEEN_TEXTS, None, " ".join(TEXTS), ["Fresh", "bread", ""], []]
words = st.sampled_from([*sorted({word for text in TEXTS for word in text.split()}), "unheard", "42", "é", ""])
texts = st.lists(st.one_of(st.lists(words, max_size=30), st.lists(words, max_size=9).map(" ".join)), max_size=6)


@pytest.fixture(scope="module")
def saved(exported_classifier: Path) -> Path:
    return exported_classifier


def load(folder: Path, engine: str | None = None) -> Classifier:
    return Classifier.load(folder, device="cpu", engine=engine)


def on_torch(classifier: Classifier) -> Classifier:
    twin = tiny_classifier()
    twin.__dict__.update(classifier.__dict__, engine="torch")
    assert runs_on(twin) == "torch"
    return twin


@pytest.mark.parametrize("source", ["file", "memory"])
def test_all_methods_answer_alike_on_both_engines(saved_classifier: Path, folder: Path, source: str):
    onnx, torch_one = load(folder if source == "file" else saved_classifier, "onnx"), load(saved_classifier, "torch")
    assert (runs_on(onnx), runs_on(torch_one)) == ("onnx", "torch")
    assert_classifiers_agree(onnx, torch_one, EVERY)
    assert_classifiers_agree(onnx, torch_one, TEXTS, LABELS)


@pytest.fixture(scope="module")
def pair(exported_classifier: Path) -> tuple[Classifier, Classifier]:
    return load(exported_classifier, "onnx"), load(exported_classifier, "torch")


@settings(max_examples=15)
@given(X=texts, max_tokens=st.sampled_from([1, 7, 4096]))
def test_any_texts_get_the_probabilities_of_torch(pair: tuple[Classifier, Classifier], X: list, max_tokens: int):
    onnx, torch_one = pair
    onnx.set_params(max_tokens=max_tokens)
    assert onnx._engine().max_tokens == min(max_tokens, onnx_session.MAX_TOKENS)
    np.testing.assert_allclose(onnx.predict_proba(X), torch_one.predict_proba(X), atol=1e-5)


def of_texts(**options: Any) -> Classifier:
    return fitted_classifier(epochs=3, segment_size=7, engine="onnx", **options)


def of_several() -> Classifier:
    return tiny_classifier(epochs=4, engine="onnx").fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL))


def of_series() -> Classifier:
    return tiny_classifier(epochs=3, segment_size=7, engine="onnx").fit(SERIES, SIDES, dev=(SERIES, SIDES))


def of_context() -> Classifier:
    small = {"hidden_size": 8, "embedding_size": 6, "bptt": 10, "batch_size": 4, "epochs": 1, "device": "cpu"}
    read = ["\n".join(" ".join(tokens) for tokens in TOKENS)] * 3
    models = [LanguageModel(direction=name, **small).fit(read, watchers=()) for name in ("forward", "backward")]
    return of_texts(context=models, context_size=5)


@pytest.mark.parametrize(
    ("make", "X", "y"),
    [
        (lambda: of_texts(pooling="mean", encoder="gru", lexical=False), EVERY, None),
        (lambda: of_texts(pooling="max", encoder="rnn_tanh", characters=None, merge="sum"), EVERY, None),
        (lambda: of_texts(pooling="last", proj_size=4, num_layers=2, shape_size=0), TEXTS, LABELS),
        (of_several, TEXTS, SEVERAL),
        (of_series, SERIES, SIDES),
        (of_context, EVERY, None),
    ],
    ids=["mean", "max", "last", "several", "series", "context"],
)
def test_a_classifier_that_was_never_saved_runs_on_onnx_too(make: Callable[[], Classifier], X: list, y: list | None):
    classifier = make()
    assert runs_on(classifier) == "onnx"
    assert_classifiers_agree(classifier, on_torch(classifier), X, y)


def test_a_file_answers_for_a_classifier_with_a_context(tmp_path: Path):
    classifier = of_context()
    classifier.export(classifier.save(tmp_path / "m"), dev=(TEXTS, LABELS))
    loaded = load(tmp_path / "m", "onnx")
    shutil.rmtree(tmp_path / "m")
    assert runs_on(loaded) == "onnx"
    assert_classifiers_agree(loaded, on_torch(classifier), EVERY)


def test_options_that_changed_after_the_training_do_not_reach_the_graph(saved_classifier: Path):
    classifier, expected_NL = load(saved_classifier), load(saved_classifier, "torch").predict_proba(EVERY)
    classifier.set_params(encoder="gru", merge="sum", pooling="max", segment_size=3, characters=None, engine="onnx")
    np.testing.assert_allclose(classifier.predict_proba(EVERY), expected_NL, atol=1e-5)
    assert runs_on(classifier) == "onnx"


# -- which engine -------------------------------------------------------------------------------


def test_auto_takes_the_export_that_lay_in_the_folder_at_loading(saved_classifier: Path, folder: Path, tmp_path: Path):
    assert (load(saved_classifier).engine, runs_on(load(saved_classifier))) == ("auto", "torch")
    classifier = load(folder)
    assert runs_on(classifier) == "onnx"
    assert_classifiers_agree(classifier, load(saved_classifier), EVERY)
    assert runs_on(classifier.set_params(engine="torch")) == "torch"
    # int8 is for those who ask for it.
    (folder / "model.onnx").unlink()
    assert runs_on(load(folder)) == "torch"
    # What is exported after the loading is there for the next one.
    place = Path(shutil.copytree(saved_classifier, tmp_path / "again"))
    classifier = load(place)
    classifier.export(place)
    assert (runs_on(classifier), runs_on(load(place))) == ("torch", "onnx")


def test_auto_needs_no_onnxruntime(folder: Path, saved_classifier: Path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    classifier = load(folder)
    assert runs_on(classifier) == "torch"
    assert caplog.text == ""
    with pytest.raises(UsageError, match="onnxruntime is not installed; run: pip install"):
        load(folder, "onnx")


def test_a_damaged_export_is_named_and_torch_takes_over(folder: Path, saved_classifier: Path, caplog):
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:1000])
    classifier = load(folder)
    with caplog.at_level(logging.WARNING, "seqtag"):
        found = [classifier.predict_proba(TEXTS) for _ in range(2)]
    np.testing.assert_array_equal(found, [load(saved_classifier, "torch").predict_proba(TEXTS)] * 2)
    [record] = caplog.records
    assert f"{path}: damaged" in record.getMessage()
    assert f"seqtag export {folder}; until then torch runs this model" in record.getMessage()
    with pytest.raises(ModelError, match="damaged"):
        load(folder, "onnx")


def test_a_graph_is_opened_once_and_the_classes_are_known_without(folder: Path, monkeypatch):
    opened = []
    start = onnx_session.open_session
    monkeypatch.setattr(
        onnx_session, "open_session", lambda *given, **named: opened.append(given[0]) or start(*given, **named)
    )
    classifier = load(folder)
    assert classifier.classes_.tolist() == ["bad", "good"]
    assert opened == []
    for _ in range(3):
        classifier.predict_attention(TEXTS)
        classifier.score(TEXTS, LABELS)
    assert opened == [folder / "model.onnx"]


def test_int8_answers_as_the_runtime_does_and_only_when_asked(folder: Path, saved_classifier: Path):
    classifier, served = load(folder, "onnx-int8"), load_runtime(folder, int8=True, threads=torch.get_num_threads())
    np.testing.assert_allclose(classifier.predict_proba(EVERY), served.predict_proba(EVERY), atol=1e-12)
    assert classifier.predict(EVERY) == served.predict(EVERY)
    assert np.abs(classifier.predict_proba(TEXTS) - load(folder).predict_proba(TEXTS)).max() > 1e-5
    wanted = rf"no model\.int8\.onnx in {saved_classifier}.*seqtag export {saved_classifier} --int8 --dev DATA"
    with pytest.raises(UsageError, match=wanted):
        load(saved_classifier, "onnx-int8")


# -- nothing stale ------------------------------------------------------------------------------


def test_weights_that_were_changed_in_place_answer_at_once(folder: Path):
    torch_one, default, onnx, int8 = (load(folder, engine) for engine in ("torch", None, "onnx", "onnx-int8"))
    before = torch_one.predict(EVERY)
    assert default.predict(EVERY) == onnx.predict(EVERY) == before
    int8.predict(EVERY)
    with torch.no_grad():
        for classifier in (torch_one, default, onnx, int8):
            classifier.network_.head.output.bias.add_(torch.tensor([-9.0, 9.0]))
    assert (runs_on(default), runs_on(onnx)) == ("torch", "onnx")
    assert default.predict(EVERY) == torch_one.predict(EVERY) != before
    assert_classifiers_agree(onnx, torch_one, EVERY)
    with pytest.raises(UsageError, match="no folder is known to hold these weights"):
        int8.predict(EVERY)


def test_thresholds_that_were_changed_in_place_count_at_once():
    classifier = of_several()
    assert classifier.predict(TEXTS) != [[]] * len(TEXTS)
    classifier.network_.head.threshold_L.fill_(1.1)
    assert runs_on(classifier) == "onnx"
    assert classifier.predict(TEXTS) == [[]] * len(TEXTS)


def test_a_second_training_forgets_the_export_of_the_first(folder: Path):
    classifier = load(folder)
    classifier.predict(EVERY)
    classifier.set_params(seed=3, epochs=1).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
    assert runs_on(classifier) == "torch"
    expected_NL = classifier.predict_proba(EVERY)
    classifier.set_params(engine="onnx")
    assert runs_on(classifier) == "onnx"
    np.testing.assert_allclose(classifier.predict_proba(EVERY), expected_NL, atol=1e-5)


def test_training_and_export_run_on_torch_whatever_the_engine(monkeypatch, tmp_path: Path):
    """The dev score and what an export is held to are torch's own."""
    asked = []
    answer = Classifier._engine
    monkeypatch.setattr(Classifier, "_engine", lambda classifier: asked.append(1) or answer(classifier))
    classifier = fitted_classifier(epochs=1, engine="onnx")
    classifier.export(classifier.save(tmp_path / "m"), dev=(TEXTS, LABELS))
    assert asked == []
    assert classifier.history_[0].dev_score == pytest.approx(on_torch(classifier).score(TEXTS, LABELS))


# -- the option ---------------------------------------------------------------------------------


def test_a_wrong_name_is_named_wherever_it_is_given(saved_classifier: Path):
    message = "Classifier: engine='onx': unknown; choose from auto, onnx, onnx-int8, torch; did you mean 'onnx'"
    with pytest.raises(UsageError, match=message):
        load(saved_classifier, "onx")
    with pytest.raises(UsageError, match=message):
        load(saved_classifier).set_params(engine="onx").predict(TEXTS)
    with pytest.raises(UsageError, match=message):
        tiny_classifier(engine="onx").fit(TEXTS, LABELS)


def test_nobody_trains_for_an_engine_that_the_result_cannot_have(monkeypatch):
    with pytest.raises(UsageError, match="Classifier: engine='onnx-int8' is for a model with an int8 export, which no"):
        tiny_classifier(engine="onnx-int8").fit(TEXTS, LABELS)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"Classifier: engine='onnx' needs onnx, .* pip install \"seqtag\[onnx\]\""):
        tiny_classifier(engine="onnx").fit(TEXTS, LABELS)


def test_the_engine_is_saved_and_can_be_replaced(folder: Path, tmp_path: Path):
    place = load(folder, "torch").save(tmp_path / "saved")
    assert load(place).engine == "torch"
    assert load(place, "onnx").get_params()["engine"] == "onnx"
    assert "--set engine" not in (place / "README.md").read_text()


def test_copies_are_untrained_and_keep_the_engine(folder: Path):
    classifier = load(folder, "onnx")
    twin = clone(classifier)
    assert (twin.engine, hasattr(twin, "network_")) == ("onnx", False)
    # A fit that failed leaves nothing of the old model that could not be copied.
    with pytest.raises(UsageError):
        classifier.set_params(class_weights={"NONE": 2.0}).fit(TEXTS, LABELS)
    assert copy.deepcopy(classifier).get_params() == classifier.get_params()
    assert pickle.loads(pickle.dumps(classifier)).engine == "onnx"
