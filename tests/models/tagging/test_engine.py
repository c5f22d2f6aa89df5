"""`engine=`: all methods answer alike on torch and on onnxruntime, nothing stale answers, and "auto" is predictable."""

import copy
import logging
import multiprocessing
import os
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import SENTENCES, assert_taggers_agree, runs_on
from sklearn.base import clone
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import ModelError, Tagger, UsageError
from seqtag.models.tagging.engine import runtime_head
from seqtag.runtime import heads, onnx_session
from seqtag.runtime import load as load_runtime
from seqtag.text.schemes import spans_from_tags

PLAIN = [["X" if token.istitle() else "Y" for token in tokens] for tokens in TOKENS]


@pytest.fixture(scope="module")
def saved(exported_tagger: Path) -> Path:
    return exported_tagger


def load(folder: Path, engine: str | None = None) -> Tagger:
    return Tagger.load(folder, device="cpu", engine=engine)


@pytest.mark.parametrize("source", ["file", "memory"])
def test_all_methods_answer_alike_on_both_engines(saved_tagger: Path, folder: Path, source: str):
    onnx = load(folder if source == "file" else saved_tagger, "onnx")
    assert runs_on(onnx) == "onnx"
    assert_taggers_agree(onnx, load(saved_tagger, "torch"))


@pytest.mark.parametrize(
    "options",
    [
        {"head": "linear", "encoder": "gru", "characters": "lstm", "shape_size": 0},
        {"encoder": "rnn_tanh", "characters": None, "lexical": False, "merge": "sum"},
        {"proj_size": 4, "num_layers": 2, "characters": "gru", "affix_size": 0, "bidirectional": False},
    ],
    ids=str,
)
def test_a_tagger_that_was_never_saved_runs_on_onnx_too(options: dict):
    tagger = fitted_tagger(epochs=6, engine="onnx", calibrate=True, **options)
    assert runs_on(tagger) == "onnx"
    on_torch = copy.copy(tagger.__dict__)
    torch_tagger = tiny_tagger()
    torch_tagger.__dict__.update(on_torch, engine="torch")
    assert runs_on(torch_tagger) == "torch"
    assert_taggers_agree(tagger, torch_tagger)


def test_plain_tags_are_the_same_on_both_engines():
    tagger = tiny_tagger(epochs=4, engine="onnx", calibrate=True).fit(TOKENS, PLAIN, dev=(TOKENS, PLAIN))
    found, sure = tagger.predict(SENTENCES), tagger.predict_proba(SENTENCES)
    assert runs_on(tagger) == "onnx"
    tagger.set_params(engine="torch")
    assert tagger.predict(SENTENCES) == found
    for mine, other in zip(tagger.predict_proba(SENTENCES), sure, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_options_that_changed_after_the_training_do_not_reach_the_graph(saved_tagger: Path):
    tagger, expected = load(saved_tagger), load(saved_tagger, "torch").predict(SENTENCES)
    tagger.set_params(encoder="gru", merge="sum", characters=None, engine="onnx")
    assert tagger.predict(SENTENCES) == expected
    assert runs_on(tagger) == "onnx"


# -- auto ---------------------------------------------------------------------------------------


def test_auto_takes_the_export_of_the_folder_and_else_torch(saved_tagger: Path, folder: Path):
    assert load(saved_tagger).engine == "auto"
    assert runs_on(load(saved_tagger)) == "torch"
    assert runs_on(fitted_tagger(epochs=1)) == "torch"
    tagger = load(folder)
    assert runs_on(tagger) == "onnx"
    assert_taggers_agree(tagger, load(saved_tagger))
    tagger.set_params(engine="torch")
    assert runs_on(tagger) == "torch"
    # int8 is for those who ask for it.
    (folder / "model.onnx").unlink()
    assert runs_on(load(folder)) == "torch"


def test_auto_does_not_change_between_two_predictions(saved_tagger: Path, tmp_path: Path):
    folder = Path(shutil.copytree(saved_tagger, tmp_path / "ner"))
    tagger = load(folder)
    tagger.export(folder)
    assert runs_on(tagger) == "torch"
    loaded = load(folder)
    assert runs_on(loaded) == "onnx"
    loaded.save(folder)  # which drops the export
    assert not (folder / "model.onnx").exists()
    assert runs_on(loaded) == "onnx"


def test_auto_needs_no_onnxruntime(folder: Path, saved_tagger: Path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    tagger = load(folder)
    assert runs_on(tagger) == "torch"
    assert caplog.text == ""
    assert tagger.predict(SENTENCES) == load(saved_tagger).predict(SENTENCES)
    with pytest.raises(UsageError, match="onnxruntime is not installed; run: pip install"):
        load(folder, "onnx")


def test_auto_stays_on_the_device_of_the_network(folder: Path, monkeypatch):
    tagger = load(folder)

    class OnGPU:
        device = torch.device("cuda")

    class Network:
        def parameters(self):
            return iter([OnGPU])

    monkeypatch.setattr(tagger.engines_, "network", Network())
    assert runs_on(tagger) == "torch"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: b"", "damaged"),
        (lambda content: content.replace(b'"head": "crf"', b'"head": "crt"'), "damaged"),
        (None, "made from other weights"),
    ],
    ids=["cut", "empty", "edited", "foreign"],
)
def test_an_export_that_cannot_be_used_is_named_and_torch_takes_over(
    folder: Path, saved_tagger: Path, tmp_path: Path, damage, message: str, caplog
):
    path = folder / "model.onnx"
    if damage is None:
        other = fitted_tagger(epochs=1, seed=5)
        other.export(other.save(tmp_path / "other"))
        shutil.copy(tmp_path / "other" / "model.onnx", path)
        config = folder / "config.json"  # as an earlier release wrote it, without a hash of the export
        shutil.copy(saved_tagger / "config.json", config)
    else:
        path.write_bytes(damage(path.read_bytes()))
    tagger = load(folder)
    with caplog.at_level(logging.WARNING, "seqtag"):
        found = [tagger.predict(SENTENCES) for _ in range(2)]
    assert found == [load(saved_tagger).predict(SENTENCES)] * 2
    [record] = caplog.records
    assert str(path) in record.getMessage()
    assert message in record.getMessage()
    assert f"seqtag export {folder}; until then torch runs this model" in record.getMessage()
    with pytest.raises(ModelError, match=message):
        load(folder, "onnx")
    tagger.set_params(engine="onnx")
    with pytest.raises(ModelError, match=message):
        tagger.predict(SENTENCES)


# -- nothing stale ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "onnx", "onnx-int8"])
def test_tuning_after_the_export_counts(folder: Path, engine: str):
    tagger = load(folder, engine)
    before = tagger.predict_proba(TOKENS)
    assert runs_on(tagger) == "onnx"
    tagger.tune(TOKENS, TAGS, precision=0.999, calibrate=True)
    temperature = float(tagger.network_.head.temperature)
    assert temperature != 1.0
    assert runs_on(tagger) == "onnx"
    assert not np.allclose(np.concatenate(before), np.concatenate(tagger.predict_proba(TOKENS)), atol=1e-4)
    if engine != "onnx-int8":
        on_torch = load(folder, "torch").tune(TOKENS, TAGS, precision=0.999, calibrate=True)
        assert float(on_torch.network_.head.temperature) == pytest.approx(temperature, abs=1e-3)
        on_torch.network_.head.temperature.fill_(temperature)
        on_torch.tuning_ = tagger.tuning_
        assert_taggers_agree(tagger, on_torch)
    tagger.tune(TOKENS, TAGS)
    assert tagger.thresholds_ is None


def test_thresholds_are_chosen_on_what_the_engine_gives(folder: Path):
    """int8 moves probabilities, and with them the thresholds; what they reached is what its predictions reach."""
    tagger, on_torch = (load(folder, engine).tune(TOKENS, TAGS, recall=0.8) for engine in ("onnx-int8", "torch"))
    assert all(value != on_torch.thresholds_[label] for label, value in tagger.thresholds_.items())
    gold = [{(s.start, s.end, s.label) for s in spans_from_tags(tags, "IOB2")} for tags in TAGS]
    found = [{(s.start, s.end, s.label) for s in spans} for spans in tagger.predict_token_spans(TOKENS)]
    for label, reached in tagger.tuning_.labels.items():
        ours, theirs = ([{s for s in spans if s[2] == label} for spans in side] for side in (found, gold))
        num_right = sum(len(a & b) for a, b in zip(ours, theirs))
        assert reached.recall == num_right / sum(map(len, theirs))


def test_weights_that_were_changed_in_place_answer_at_once(folder: Path):
    expected = load(folder, "torch")
    default, onnx, int8 = (load(folder, engine) for engine in (None, "onnx", "onnx-int8"))
    assert default.predict(SENTENCES) == onnx.predict(SENTENCES) == expected.predict(SENTENCES)
    for tagger in (expected, default, onnx, int8):
        tagger.network_.head.shift_L[tagger.tagset_.names.index("O")] = -3.0
    assert (runs_on(default), runs_on(onnx)) == ("torch", "onnx")
    changed = expected.predict(SENTENCES)
    assert changed != load(folder).predict(SENTENCES)
    assert default.predict(SENTENCES) == onnx.predict(SENTENCES) == changed
    with torch.no_grad():
        for tagger in (expected, onnx):
            tagger.network_.head.start_L.add_(torch.arange(len(tagger.tagset_.names)))
    assert_taggers_agree(onnx, expected)
    with pytest.raises(UsageError, match="no folder is known to hold these weights"):
        int8.predict(SENTENCES)


def test_a_second_training_forgets_the_export_of_the_first(folder: Path):
    tagger = load(folder)
    tagger.predict(SENTENCES)
    tagger.set_params(seed=3, epochs=1).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert runs_on(tagger) == "torch"
    expected = tagger.predict(SENTENCES)
    tagger.set_params(engine="onnx")
    assert runs_on(tagger) == "onnx"
    assert tagger.predict(SENTENCES) == expected


def test_an_export_after_saving_belongs_to_what_was_saved(folder: Path, tmp_path: Path):
    tagger = load(folder).tune(TOKENS, TAGS, calibrate=True)
    tagger.save(folder)
    load(folder).export(folder)  # as the command does it, in a process of its own
    tagger.set_params(engine="onnx")
    assert runs_on(tagger) == "onnx"
    assert_taggers_agree(tagger, load(folder, "torch"))
    assert_taggers_agree(load(folder), load(folder, "torch"))


def test_a_graph_is_opened_once(folder: Path, saved_tagger: Path, monkeypatch):
    opened = []
    start = onnx_session.open_session
    monkeypatch.setattr(
        onnx_session, "open_session", lambda *given, **named: opened.append(given[0]) or start(*given, **named)
    )
    for place in (folder, saved_tagger):
        tagger = load(place, "onnx")
        for _ in range(3):
            tagger.predict(UNSEEN)
        tagger.tune(TOKENS, TAGS, calibrate=True).predict(UNSEEN)
    assert opened == [folder / "model.onnx", Path("the graph in memory")]


def test_threads_are_those_of_torch(folder: Path):
    tagger = load(folder)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert tagger._engine().session.threads == threads
    finally:
        torch.set_num_threads(before)


def test_many_callers_of_one_tagger_get_right_answers(folder: Path, saved_tagger: Path):
    tagger, expected = load(folder), load(saved_tagger).predict(SENTENCES)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(tagger.predict, [SENTENCES] * 32):
            assert found == expected
    assert runs_on(tagger) == "onnx"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs a system that can fork")
def test_a_forked_process_opens_its_own(folder: Path, monkeypatch):
    tagger = load(folder)
    mine = tagger._engine().session
    assert tagger._engine().session is mine
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert tagger._engine().session is not mine


# -- int8 ---------------------------------------------------------------------------------------


def test_int8_answers_as_the_runtime_does(folder: Path):
    tagger, served = load(folder, "onnx-int8"), load_runtime(folder, int8=True, threads=torch.get_num_threads())
    assert tagger.predict(SENTENCES) == served.predict(SENTENCES)
    for mine, other in zip(tagger.predict_proba(SENTENCES), served.predict_proba(SENTENCES), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-12)
    exact = np.concatenate(load(folder, "torch").predict_proba(SENTENCES))
    assert not np.allclose(np.concatenate(tagger.predict_proba(SENTENCES)), exact, atol=1e-5)


def test_int8_without_an_export_says_how_to_make_one(saved_tagger: Path, tmp_path: Path):
    wanted = rf"no model\.int8\.onnx in {saved_tagger}.*seqtag export {saved_tagger} --int8 --dev DATA"
    with pytest.raises(UsageError, match=wanted):
        load(saved_tagger, "onnx-int8")
    tagger = fitted_tagger(epochs=1)
    tagger.set_params(engine="onnx-int8")
    with pytest.raises(UsageError, match="seqtag export DIR --int8 --dev DATA"):
        tagger.predict(TOKENS)
    path = tagger.export(tagger.save(tmp_path / "m"), int8=True, dev=(TOKENS, TAGS), force=True)
    assert len(tagger.predict(TOKENS)) == len(TOKENS)
    assert runs_on(tagger) == "onnx"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.int8\.onnx: damaged"):
        load(tmp_path / "m", "onnx-int8")


def test_nobody_trains_for_an_engine_that_the_result_cannot_have(monkeypatch):
    tagger = tiny_tagger(engine="onnx-int8")
    with pytest.raises(UsageError, match="which no new one has; train with another engine"):
        tagger.fit(TOKENS, TAGS)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert find_spec("onnx") is None
    with pytest.raises(UsageError, match=r"engine='onnx' needs onnx, .* pip install \"seqtag\[onnx\]\""):
        tagger.set_params(engine="onnx").fit(TOKENS, TAGS)


def test_a_graph_in_memory_needs_onnx_and_says_so(saved_tagger: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r'pip install "seqtag\[onnx\]"'):
        load(saved_tagger, "onnx")


# -- the option ---------------------------------------------------------------------------------


def test_a_wrong_name_is_named_wherever_it_is_given(saved_tagger: Path):
    message = "engine='onx': unknown; choose from auto, onnx, onnx-int8, torch; did you mean 'onnx'"
    with pytest.raises(UsageError, match=message):
        load(saved_tagger, "onx")
    with pytest.raises(UsageError, match=message):
        load(saved_tagger).set_params(engine="onx").predict(TOKENS)
    with pytest.raises(UsageError, match=message):
        tiny_tagger(engine="onx").fit(TOKENS, TAGS)


def test_the_engine_is_saved_and_can_be_replaced(folder: Path, tmp_path: Path):
    tagger = load(folder, "torch")
    place = tagger.save(tmp_path / "saved")
    assert load(place).engine == "torch"
    assert load(place, "onnx").engine == "onnx"
    assert "--set engine" not in (place / "README.md").read_text()


def test_a_model_of_an_earlier_release_has_auto():
    folder = Path(__file__).resolve().parents[2] / "fixtures" / "model-v1"
    tagger = Tagger.load(folder, device="cpu")
    assert (tagger.engine, runs_on(tagger)) == ("auto", "torch")
    assert tagger.predict(UNSEEN) == Tagger.load(folder, device="cpu", engine="onnx").predict(UNSEEN)


def test_a_killed_run_goes_on_with_another_engine(tmp_path: Path):
    whole = fitted_tagger(epochs=2)
    tiny_tagger(epochs=2).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), checkpoint=tmp_path)
    again = tiny_tagger(epochs=2, engine="torch").fit(
        TOKENS, TAGS, dev=(TOKENS, TAGS), checkpoint=tmp_path, resume=True
    )
    assert again.predict(UNSEEN) == whole.predict(UNSEEN)


def test_copies_are_as_before(folder: Path):
    tagger = load(folder, "onnx")
    twin = clone(tagger)
    assert (twin.engine, hasattr(twin, "network_")) == ("onnx", False)
    # A fit that failed leaves nothing of the old model that could not be copied.
    with pytest.raises(UsageError):
        tagger.set_params(class_weights={"NONE": 2.0}).fit(TOKENS, TAGS)
    assert copy.deepcopy(tagger).get_params() == tagger.get_params()
    assert pickle.loads(pickle.dumps(tagger)).engine == "onnx"


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_the_head_is_handed_over_as_an_export_has_it(head: str, tmp_path: Path):
    tagger = fitted_tagger(head=head, epochs=1)
    tagger.network_.head.temperature.fill_(1.7)
    tagger.export(tagger.save(tmp_path / "m"))
    ours, theirs = runtime_head(tagger.network_.head), load_runtime(tmp_path / "m").engine.head
    assert ours.temperature == theirs.temperature == 1.7
    assert type(ours) is type(theirs)
    if isinstance(ours, heads.CRFHead):
        for mine, other in zip((*ours.scores, *ours.cooled), (*theirs.scores, *theirs.cooled), strict=True):
            np.testing.assert_array_equal(mine, other)
