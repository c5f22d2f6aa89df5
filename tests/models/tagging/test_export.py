"""`Tagger.export`: an export is written only where it predicts what torch predicts, and belongs to its weights."""

import hashlib
import json
import logging
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import DataError, ModelError, Tagger, UsageError
from seqtag.models.estimator import NotFittedModelError
from seqtag.models.export_trial import invented_sentences
from seqtag.models.tagging import engine
from seqtag.models.tagging.engine import TagExports
from seqtag.models.tagging.inference import NbestTagEngine
from seqtag.onnx_export import nodes as graph_nodes
from seqtag.runtime.onnx_session import start_export


@pytest.fixture
def tagger(folder: Path) -> Tagger:
    return Tagger.load(folder, device="cpu")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def metadata(path: Path) -> dict:
    return json.loads({entry.key: entry.value for entry in onnx.load(path).metadata_props}["seqtag"])


def exported_tags(tagger: Tagger, path: Path, sentences: list[list[str]]) -> list[list[str]]:
    """Predict with what is in the file."""
    return opened(tagger, path).tags(sentences)


def opened(tagger: Tagger, path: Path) -> NbestTagEngine:
    on_torch = tagger._torch_engine()
    return TagExports(on_torch).take(start_export(path, str(path), threads=1))(on_torch)


@pytest.mark.parametrize("dev", [None, (TOKENS, TAGS)], ids=["made_up", "dev"])
def test_an_export_predicts_the_same_and_leaves_the_model_alone(tagger: Tagger, folder: Path, dev, caplog):
    before = files(folder)
    with caplog.at_level(logging.INFO, "seqtag"):
        path = tagger.export(folder, dev=dev)
    assert path == folder / "model.onnx"
    assert f"gives the tags of torch for {200 if dev is None else 20} sentences" in caplog.text
    after = files(folder)
    content, config = after.pop("model.onnx"), json.loads(after.pop("config.json"))
    assert config["files"].pop("model.onnx") == hashlib.sha256(content).hexdigest()
    assert config["sizes"].pop("model.onnx") == len(content)
    as_before = json.loads(before.pop("config.json"))
    assert config | {"checksum": ""} == as_before | {"checksum": ""}
    assert after == before
    assert exported_tags(tagger, path, [*TOKENS, *UNSEEN]) == tagger.predict([*TOKENS, *UNSEEN])


@pytest.mark.parametrize(
    "options",
    [
        {"head": "linear", "encoder": "gru", "characters": "lstm", "shape_size": 0},
        {"encoder": "rnn_tanh", "characters": None, "lexical": False, "merge": "sum"},
        {"proj_size": 4, "num_layers": 2, "characters": "gru", "affix_size": 0},
    ],
    ids=str,
)
def test_options_of_the_tagger_reach_the_graph(options: dict, tmp_path: Path):
    tagger = fitted_tagger(**options)
    path = tagger.export(tagger.save(tmp_path / "m"), dev=(TOKENS, TAGS))
    assert exported_tags(tagger, path, UNSEEN) == tagger.predict(UNSEEN)
    expected, found = map(emissions, (tagger._torch_engine(), opened(tagger, path)))
    assert expected.keys() == found.keys() == {i for i, sentence in enumerate(UNSEEN) if sentence}
    for i, expected_TL in expected.items():
        np.testing.assert_allclose(found[i], expected_TL, atol=1e-5)


def emissions(tag_engine: NbestTagEngine) -> dict[int, np.ndarray]:
    """Give the emissions of each unseen sentence that has a token, (T, L)."""
    return {
        int(i): scores_TL[:length].numpy()
        for indices, emissions_BTL, lengths_B in tag_engine.emissions(UNSEEN)
        for i, scores_TL, length in zip(indices, emissions_BTL, lengths_B.tolist())
    }


def test_the_metadata_say_what_the_head_adds(tagger: Tagger, folder: Path):
    tagger.network_.head.temperature.fill_(1.25)
    tagger.save(folder)
    about = metadata(tagger.export(folder))
    weights = (folder / "model.safetensors").read_bytes()
    assert about["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert (about["format"], about["head"], about["temperature"]) == (1, "crf", 1.25)
    for name, scores in zip(("start", "transitions", "end"), tagger.network_.head.scores()):
        stored = torch.tensor(about[name])
        legal = scores > -torch.inf
        assert torch.equal(stored[legal], scores[legal])
        assert (stored[~legal] == -1e30).all()
        assert name == "end" or not legal.all()


def test_the_metadata_of_a_linear_head_have_no_chain(tmp_path: Path):
    tagger = fitted_tagger(head="linear", epochs=1)
    about = metadata(tagger.export(tagger.save(tmp_path / "m")))
    assert set(about) == {"format", "head", "temperature", "weights_sha256"}
    assert about["head"] == "linear"


def network_size(path: Path) -> int:
    """Give the bytes of an export without the rules of its language, which are as long in each."""
    model = onnx.load(path)
    del model.metadata_props[:]
    return model.ByteSize()


def test_int8_is_measured_on_dev_and_smaller(tagger: Tagger, folder: Path, caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        path = tagger.export(folder, int8=True, dev=(TOKENS, TAGS))
    before = 100 * tagger.score(TOKENS, TAGS)
    assert path == folder / "model.int8.onnx"
    assert f"F1 on the 20 dev sentences is {before:.2f} with int8, {before:.2f} without" in caplog.text
    assert network_size(path) < 0.6 * network_size(tagger.export(folder))
    assert metadata(path) == metadata(folder / "model.onnx")


def test_thresholds_count_where_int8_is_measured(tagger: Tagger, folder: Path, caplog):
    tagger.tune(TOKENS, TAGS, precision=1.0).save(folder)
    before = 100 * tagger.score(TOKENS, TAGS)
    tagger.tuning_, thresholds = None, tagger.tuning_
    assert 100 * tagger.score(TOKENS, TAGS) != before
    tagger.tuning_ = thresholds
    with caplog.at_level(logging.INFO, "seqtag"):
        tagger.export(folder, int8=True, dev=(TOKENS, TAGS), force=True)
    assert f"{before:.2f} without" in caplog.text


def test_an_export_that_differs_is_refused_and_nothing_is_left(tagger: Tagger, folder: Path, monkeypatch):
    tagger.export(folder)
    before = files(folder)
    build = engine.build_graph

    def wrong(weights, *rest, **options):
        weights = {**weights, "head.output.weight": -weights["head.output.weight"]}
        return build(weights, *rest, **options)

    monkeypatch.setattr(engine, "build_graph", wrong)
    expected = tagger.predict(TOKENS)
    content = TagExports(tagger._torch_engine()).content("")
    (folder / "wrong.onnx").write_bytes(content)
    found = exported_tags(tagger, folder / "wrong.onnx", TOKENS)
    (folder / "wrong.onnx").unlink()
    num_different = sum(a != b for a, b in zip(expected, found))
    assert num_different
    with pytest.raises(ModelError, match=f"other tags than torch for {num_different} of 20 sentences"):
        tagger.export(folder, dev=(TOKENS, TAGS))
    with pytest.raises(ModelError, match=r"a loss of more than 0\.5 points; nothing was written"):
        tagger.export(folder, int8=True, dev=(TOKENS, TAGS))
    assert files(folder) == before


def test_a_tie_that_rounding_decides_is_no_difference(tagger: Tagger, folder: Path, monkeypatch, caplog):
    # With all scores alike every path is the best one, and the smallest change decides between them.
    with torch.no_grad():
        for values in tagger.network_.parameters():
            values.zero_()
        tagger.network_.head.shift_L.zero_()
    tagger.save(folder)
    build = engine.build_graph

    def rounded(weights, *rest, **options):
        shift_L = np.linspace(0, 1e-6, len(weights["head.shift_L"]), dtype=np.float32)
        return build({**weights, "head.shift_L": shift_L}, *rest, **options)

    monkeypatch.setattr(engine, "build_graph", rounded)
    with caplog.at_level(logging.INFO, "seqtag"):
        tagger.export(folder, dev=(TOKENS, TAGS))
    assert "which decides 20 ties" in caplog.text


def test_a_loss_can_be_forced(tagger: Tagger, folder: Path, monkeypatch, caplog):
    build = engine.build_graph
    monkeypatch.setattr(
        engine,
        "build_graph",
        lambda weights, *rest, **options: build(
            {**weights, "head.output.weight": -weights["head.output.weight"]}, *rest, **options
        ),
    )
    path = tagger.export(folder, int8=True, dev=(TOKENS, TAGS), force=True)
    assert path.is_file()
    assert "a loss of" in caplog.text
    assert exported_tags(tagger, path, TOKENS) != tagger.predict(TOKENS)


def test_int8_without_dev_data_is_forced_or_refused(tagger: Tagger, folder: Path, caplog):
    with pytest.raises(UsageError, match="give dev data, or force it"):
        tagger.export(folder, int8=True)
    assert tagger.export(folder, int8=True, force=True).is_file()
    assert "no dev data: what int8 costs is not known" in caplog.text


@pytest.mark.parametrize(
    ("options", "found"), [({"encoder": "gru"}, "encoder='gru'"), ({"proj_size": 4}, "proj_size=4")], ids=str
)
def test_int8_is_for_a_plain_lstm(options: dict, found: str, tmp_path: Path):
    tagger = fitted_tagger(epochs=1, characters=None, **options)
    folder = tagger.save(tmp_path / "m")
    with pytest.raises(UsageError, match=f"and this model has {found}; export it without int8"):
        tagger.export(folder, int8=True, dev=(TOKENS, TAGS))
    assert not list(folder.glob("*.onnx"))


def test_only_the_folder_of_the_same_weights_is_written_to(tagger: Tagger, folder: Path, tmp_path: Path):
    with torch.no_grad():
        tagger.network_.head.output.bias.add_(1)
    with pytest.raises(UsageError, match="holds another model than the one to be exported; save that there first"):
        tagger.export(folder)
    with pytest.raises(UsageError, match="not a model folder, it does not exist"):
        tagger.export(tmp_path / "nothing")
    with pytest.raises(NotFittedModelError):
        tiny_tagger().export(folder)
    assert not list(folder.glob("*.onnx"))


def test_a_new_model_drops_the_exports_of_the_old_one_and_keeps_other_files(tagger: Tagger, folder: Path):
    tagger.export(folder)
    tagger.export(folder, int8=True, dev=(TOKENS, TAGS))
    (folder / "notes.txt").write_text("mine")
    fitted_tagger(epochs=1, seed=7).save(folder)
    assert not list(folder.glob("*.onnx"))
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("dev", "error", "message"),
    [
        ((TOKENS,), UsageError, "dev is a tuple of 1"),
        (TOKENS, UsageError, "the dev data needs tags"),
        ((TOKENS, TAGS[1:]), DataError, "20 token lists but 19 tag lists"),
        (([], []), DataError, "the dev data holds no sentence"),
        (([["a"]], [["B-GPE"]]), DataError, "the dev data has only the label 'GPE' not known to the model"),
    ],
)
def test_wrong_dev_data_are_one_message(tagger: Tagger, folder: Path, dev, error, message: str):
    with pytest.raises(error, match=message):
        tagger.export(folder, dev=dev)
    assert not list(folder.glob("*.onnx"))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_says_what_to_install(tagger: Tagger, folder: Path, package: str, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r'pip install "seqtag\[onnx\]"'):
        tagger.export(folder)


def test_weights_beyond_what_a_file_can_hold_are_an_error(tagger: Tagger, folder: Path, monkeypatch):
    monkeypatch.setattr(graph_nodes, "_MOST_BYTES", 10_000)
    with pytest.raises(ModelError, match="an ONNX file holds less than 2"):
        tagger.export(folder)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tagger: Tagger, folder: Path, monkeypatch):
    before = tagger.export(folder).read_bytes()

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelError, match=r"can't be written: No space left on device; what stood there before"):
        tagger.export(folder)
    assert (folder / "model.onnx").read_bytes() == before


def test_made_up_sentences_are_the_same_each_time_and_hold_known_and_unknown_words(tagger: Tagger):
    sentences = invented_sentences(tagger.vocabulary_)
    assert sentences == invented_sentences(tagger.vocabulary_)
    known = [word in tagger.vocabulary_ for sentence in sentences for word in sentence]
    assert 0.6 < np.mean(known) < 0.95
    assert {len(sentence) for sentence in sentences} >= {1, 40}
