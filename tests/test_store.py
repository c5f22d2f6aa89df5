"""The model folder: what was saved comes back bit for bit; what was damaged is refused by name; no pickle is read."""

import errno
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_folders import reseal
from safetensors.torch import load_file, save
from tiny import UNSEEN, fitted_tagger

from seqtag import Classifier, LanguageModel, ModelError, Tagger, UsageError, store
from seqtag.store import StoredModel, check_place, read_model, write_export, write_model

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("config.json", "vocabulary.json", "model.safetensors", "history.json", "README.md")
CHECKED = NAMES[:-1]


def stored(value=1.0):
    weights = {"a": torch.full((2, 3), value), "b": torch.tensor([7, 8])}
    return StoredModel({"task": "tag", "params": {"x": 1}}, {"words": ["é", "x"]}, weights, [{"epoch": 1}], "# card\n")


def assert_same(a: StoredModel, b: StoredModel) -> None:
    for part in ("vocabulary", "history", "card"):
        assert getattr(a, part) == getattr(b, part)
    assert a.config.items() <= b.config.items()
    assert a.weights.keys() == b.weights.keys()
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)


@pytest.fixture(scope="module")
def tagger():
    return fitted_tagger()


@pytest.fixture(scope="module")
def saved(tagger, tmp_path_factory):
    return tagger.save(tmp_path_factory.mktemp("models") / "ner")


def bits(tagger):
    return [
        tagger.predict(UNSEEN),
        [p.tobytes() for p in tagger.predict_proba(UNSEEN)],
        tagger.predict_nbest(UNSEEN, n=3),
        tagger.predict_token_spans(UNSEEN),
        tagger.predict_spans(["Marie met Ada in Oslo. It rained."]),
    ]


def test_what_was_written_is_read(tmp_path):
    assert write_model(tmp_path / "deep" / "m", stored()) == tmp_path / "deep" / "m"
    assert_same(stored(), read_model(tmp_path / "deep" / "m"))
    assert sorted(p.name for p in (tmp_path / "deep" / "m").iterdir()) == sorted(NAMES)


def test_a_saved_tagger_predicts_the_same_bit_for_bit(tagger, saved, tmp_path):
    loaded = Tagger.load(saved)
    assert bits(loaded) == bits(tagger)
    again = loaded.save(tmp_path / "again")
    for name in NAMES:  # a copy of a copy is the same, but for the device that it was loaded on
        if name != "config.json":
            assert (again / name).read_bytes() == (saved / name).read_bytes()
    assert bits(Tagger.load(again)) == bits(tagger)
    params = tagger.get_params() | {"device": "auto"}
    assert loaded.get_params() == params
    assert loaded.history_ == tagger.history_


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a byte less": lambda content: content[:-2],
    "a flipped bit": lambda content: (
        content[: len(content) // 3] + bytes([content[len(content) // 3] ^ 1]) + content[len(content) // 3 + 1 :]
    ),
    "a flipped bit at the end": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "zeros": lambda content: bytes(len(content)),
    "more": lambda content: content + b"}",
    "other JSON": lambda content: b'{"a": 1}',
    "a list": lambda content: b"[1, 2]",
    "no text": lambda content: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", CHECKED)
def test_a_damaged_file_is_named(folder, name, damage):
    path = folder / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ModelError) as caught:
        Tagger.load(folder)
    assert str(path) in str(caught.value)
    assert "damaged" in str(caught.value)


@pytest.mark.parametrize("name", CHECKED)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    expected = (UsageError, "not a model folder") if name == "config.json" else (ModelError, f"{name}: missing")
    with pytest.raises(expected[0], match=expected[1]):
        Tagger.load(folder)


def test_a_folder_in_the_place_of_a_file_is_refused(folder):
    (folder / "history.json").unlink()
    (folder / "history.json").mkdir()
    with pytest.raises(ModelError, match=r"history\.json: can't be read"):
        Tagger.load(folder)


def test_the_card_is_for_people_and_may_change(folder, tagger):
    (folder / "README.md").write_text("my notes")
    assert bits(Tagger.load(folder)) == bits(tagger)
    (folder / "README.md").unlink()
    assert bits(Tagger.load(folder)) == bits(tagger)


def test_a_newer_format_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"format_version": store.FORMAT_VERSION + 1, "seqtag_version": "9.8", "something": "new"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"format version 2 is newer than this release reads \(1\).*9\.8: upgrade"):
        Tagger.load(folder)


@pytest.mark.parametrize("change", [{"hidden_size": 16}, {"encoder": "gru"}, {"lowercase": False}], ids=str)
def test_a_config_edited_by_hand_is_refused(folder, change):
    config = json.loads((folder / "config.json").read_text())
    config["params"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json: damaged, or edited by hand"):
        Tagger.load(folder)


def test_a_config_laid_out_anew_is_the_same_config(folder, tagger):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(dict(reversed(config.items())), indent=7))
    assert bits(Tagger.load(folder)) == bits(tagger)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: {**w, "head.output.bias": torch.zeros(99)},
        lambda w: {**w, "embedder.word.weight": torch.zeros(5, 11)},
        lambda w: {**w, "embedder.word.weight": torch.zeros(3)},
        lambda w: {name: t for name, t in w.items() if name != "embedder.word.weight"},
        lambda w: {**w, "extra": torch.zeros(1)},
        lambda w: {},
    ],
    ids=["shape", "rows", "dimensions", "missing", "extra", "none"],
)
def test_weights_that_do_not_fit_are_refused_though_the_checksum_does(folder, change):
    weights = change(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").write_bytes(save(weights))
    reseal(folder)
    with pytest.raises(ModelError, match=r"model\.safetensors does not fit config\.json"):
        Tagger.load(folder)


def test_nothing_is_unpickled(folder, tmp_path):
    marker = tmp_path / "owned"

    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    content = pickle.dumps(Malicious())
    pickle.loads(content)
    assert marker.is_dir()  # it does what it should, if anybody unpickles it
    marker.rmdir()
    for name in ("model.safetensors", "vocabulary.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        reseal(folder)
        with pytest.raises(ModelError, match=f"{name}: damaged"):
            Tagger.load(folder)
        (folder / name).write_bytes(kept)
    torch.save(Malicious(), folder / "model.safetensors")
    reseal(folder)
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged"):
        Tagger.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("place", ["nothing", "file", "empty", "full"])
def test_a_place_without_a_model_is_no_model(tmp_path, place):
    path = tmp_path / "m"
    if place == "file":
        path.write_text("text")
    elif place != "nothing":
        path.mkdir()
    if place == "full":
        (path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"not a model folder.*seqtag train --out") as caught:
        Tagger.load(path)
    assert str(path) in str(caught.value)


def test_a_model_of_another_task_is_refused(tmp_path):
    write_model(tmp_path / "m", StoredModel({"task": "classify", "params": {}}, {}, {"a": torch.zeros(1)}, [], ""))
    with pytest.raises(UsageError, match="task 'classify', Tagger needs 'tag'"):
        Tagger.load(tmp_path / "m")


@pytest.mark.parametrize("foreign", ["notes.txt", "config.json"])
def test_a_folder_that_is_no_model_is_never_overwritten(tmp_path, tagger, foreign):
    """Another program's model has a config.json as well."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / foreign).write_text('{"model_type": "other"}')
    with pytest.raises(UsageError, match="is not a model folder; choose another place, nothing was written"):
        tagger.save(path)
    assert {p.name: p.read_text() for p in path.iterdir()} == {foreign: '{"model_type": "other"}'}
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(UsageError, match="is not a model folder"):
        tagger.save(file)
    assert file.read_text() == "text"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine"]


def test_a_model_is_replaced_and_what_lies_beside_it_stays(tmp_path):
    path = write_model(tmp_path / "m", stored(1.0))
    (path / "report.html").write_text("mine")
    (path / "model.onnx").write_text("made from the old weights")
    (path / "runs").mkdir()
    (path / "runs" / "log").write_text("mine too")
    write_model(path, stored(2.0))
    assert_same(stored(2.0), read_model(path))
    assert sorted(p.name for p in path.iterdir()) == sorted([*NAMES, "report.html", "runs"])
    assert (path / "runs" / "log").read_text() == "mine too"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_an_empty_folder_and_a_link_take_a_model(tmp_path):
    (tmp_path / "empty").mkdir()
    write_model(tmp_path / "empty", stored())
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    write_model(tmp_path / "link", stored(3.0))
    assert (tmp_path / "link").is_symlink()
    assert_same(stored(3.0), read_model(tmp_path / "empty"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "link"]


@pytest.mark.parametrize("there", [False, True], ids=["new", "old model"])
@pytest.mark.parametrize("fails_at", NAMES)
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, there, fails_at):
    path = tmp_path / "m"
    if there:
        write_model(path, stored(1.0))
    before = {p.name: p.read_bytes() for p in path.iterdir()} if there else {}
    original = Path.write_bytes

    def full(self, content):
        if self.name == fails_at:
            original(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelError, match=r"m: the model could not be saved: no space is left on the disk.*unchanged"):
        write_model(path, stored(2.0))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == (["m"] if there else [])
    if there:
        assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_a_place_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"could not be saved: .*File exists: .*file"):
        write_model(tmp_path / "file" / "m", stored())


class Killed(BaseException):
    """As sudden as a signal: no handler of the library may catch it."""


def kill_at(monkeypatch, at):
    """Let the rename of this number, counted from 0, and all after it kill the process."""
    rename, done = Path.rename, []

    def stops(self, target):
        if self.name in ("new", "m"):
            if len(done) == at:
                raise Killed
            done.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stops)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # nor does a dead process clear up


@pytest.mark.parametrize("at", range(2))
def test_without_an_exchange_a_kill_between_two_renames_leaves_the_old_model_to_the_next_save(
    tmp_path, monkeypatch, caplog, at
):
    path = write_model(tmp_path / "m", stored(1.0))
    (path / "notes").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(store, "exchange", lambda *_: False)
        kill_at(patch, at)
        with pytest.raises(Killed):
            write_model(path, stored(2.0))
    if at == 0:
        assert_same(stored(1.0), read_model(path))
    else:
        with pytest.raises(UsageError, match="it does not exist"):  # reading moves nothing
            read_model(path)
    assert len(list(tmp_path.glob(".m.saving-*"))) == 1
    assert check_place(path)
    assert_same(stored(1.0), read_model(path))
    assert (path / "notes").read_text() == "mine"
    assert ("a save was broken off here; the model that stood there before is back" in caplog.text) == (at == 1)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("there", [False, True], ids=["new", "old model"])
def test_a_kill_when_all_is_written_leaves_the_old_model_and_one_after_the_exchange_the_new(
    tmp_path, monkeypatch, there
):
    path = tmp_path / "m"
    if there:
        write_model(path, stored(1.0))
        (path / "notes").write_text("mine")
    exchange = store.exchange
    for done in (False, True):

        def dies(*places, done=done):
            if done:
                exchange(*places)
            raise Killed

        with monkeypatch.context() as patch:
            if there:
                patch.setattr(store, "exchange", dies)
            else:
                kill_at(patch, 0)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(Killed):
                write_model(path, stored(2.0))
        if there:
            assert_same(stored(2.0 if done else 1.0), read_model(path))
            assert (path / "notes").read_text() == "mine"
        else:
            assert not path.exists()
    write_model(path, stored(3.0))
    assert_same(stored(3.0), read_model(path))
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_nothing_is_moved_or_removed_that_no_save_has_left(tmp_path):
    """Folders of earlier releases' names, links, and folders without the lock of a saving process."""
    home = tmp_path / "home"
    (home / "old").mkdir(parents=True)
    (home / "in-use.lock").touch()
    (tmp_path / "a").mkdir()
    for name in (".m.previous", ".m.partial", ".m.saving-1"):
        (tmp_path / "a" / name).symlink_to(home)
    (tmp_path / "a" / ".m.saving-2" / "old").mkdir(parents=True)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="it does not exist"):
        read_model(tmp_path / "a" / "m")
    assert not check_place(tmp_path / "a" / "m")
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    write_model(tmp_path / "a" / "m", stored(1.0))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *(".m.partial", ".m.previous", ".m.saving-1", ".m.saving-2", "m")
    ]
    assert sorted(path.name for path in home.iterdir()) == ["in-use.lock", "old"]


@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize("exchanges", [True, False])
def test_two_processes_that_save_into_one_folder_and_one_that_reads(tmp_path, monkeypatch, exchanges):
    path = write_model(tmp_path / "m", stored(0.0))
    if not exchanges:
        monkeypatch.setattr(store, "exchange", lambda *_: False)
    children = []
    for value in (1.0, 2.0):
        if not (child := os.fork()):
            try:
                for _ in range(60):
                    write_model(path, stored(value))
                    write_export(path, "model.onnx", b"an export" * int(value))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    running, seen = set(children), set()
    while running:
        running -= {os.waitpid(child, os.WNOHANG)[0] for child in running}
        if exchanges:
            seen.add(float(read_model(path).weights["a"][0, 0]))
    assert seen <= {0.0, 1.0, 2.0}
    model = read_model(path)
    assert_same(stored(float(model.weights["a"][0, 0])), model)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("name", NAMES)
def test_a_kill_while_writing_leaves_the_old_model(tmp_path, monkeypatch, name):
    path, original = write_model(tmp_path / "m", stored(1.0)), Path.write_bytes

    def stops(self, content):
        if self.name == name:
            original(self, content[:3])
            raise Killed
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", stops)
    with pytest.raises(Killed):
        write_model(path, stored(2.0))
    monkeypatch.undo()
    assert_same(stored(1.0), read_model(path))
    write_model(path, stored(2.0))
    assert_same(stored(2.0), read_model(path))
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("name", sorted(p.name for p in FIXTURES.glob("model-v*") if p.is_dir()))
def test_a_model_of_an_earlier_release_predicts_what_it_did(name):
    folder = FIXTURES / name
    expected = json.loads((FIXTURES / f"{name}.expected.json").read_text(encoding="utf-8"))
    tagger = Tagger.load(folder)
    assert tagger.predict(expected["tokens"]) == expected["tags"]
    for got, wanted in zip(tagger.predict_proba(expected["tokens"]), expected["probabilities"], strict=True):
        np.testing.assert_allclose(got, np.reshape(wanted, got.shape), atol=1e-5)
    for [(tags, probability)], (wanted_tags, wanted) in zip(
        tagger.predict_nbest(expected["tokens"], n=1), expected["best"], strict=True
    ):
        assert tags == wanted_tags
        assert probability == pytest.approx(wanted, abs=1e-5)
    size = sum(p.stat().st_size for p in folder.iterdir())
    assert size < 100_000


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_set_of_models_of_an_earlier_commit_answers_what_it_did(engine):
    folder = FIXTURES / "models-b235350"
    expected = json.loads((FIXTURES / "models-b235350.expected.json").read_text(encoding="utf-8"))
    tagger = Tagger.load(folder / "tagger", engine=engine)
    assert tagger.predict(expected["tokens"]) == expected["tags"]
    for got, wanted in zip(tagger.predict_proba(expected["tokens"]), expected["probabilities"], strict=True):
        np.testing.assert_allclose(got, np.reshape(wanted, got.shape), atol=1e-4)
    for spans, wanted in zip(tagger.predict_token_spans(expected["tokens"]), expected["spans"], strict=True):
        assert [[s.start, s.end, s.label] for s in spans] == [span[:3] for span in wanted]
        assert [s.score for s in spans] == pytest.approx([span[3] for span in wanted], abs=1e-4)
    classifier = Classifier.load(folder / "classifier", engine=engine)
    assert list(classifier.predict(expected["texts"])) == expected["classes"]
    np.testing.assert_allclose(classifier.predict_proba(expected["texts"]), expected["class_probabilities"], atol=1e-4)
    language_model = LanguageModel.load(folder / "language-model", device="cpu")
    assert language_model.generate("The ", num_tokens=40, seed=1) == expected["generated"]
    lines = [" ".join(tokens) for tokens in expected["tokens"]]
    assert language_model.bits_per_character(lines) == pytest.approx(expected["bits_per_character"], abs=1e-4)
