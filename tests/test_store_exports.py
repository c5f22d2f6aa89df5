"""Exports in a model folder: each has its hash in config.json, whatever is interrupted; the model stays the same."""

import errno
import hashlib
import json
from pathlib import Path

import pytest
from tiny import TOKENS, fitted_tagger

from seqtag import ModelError, Tagger, UsageError
from seqtag.runtime import load
from seqtag.store import read_model, read_without_weights, write_export

NAMES = ("model.onnx", "model.int8.onnx")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = fitted_tagger(epochs=1).save(tmp_path_factory.mktemp("models") / "ner")
    Tagger.load(folder, device="cpu").export(folder)
    return folder


def hashes(folder: Path) -> dict[str, str | None]:
    stored = read_without_weights(folder)
    return {name: stored.sha256(name) for name in NAMES}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_each_export_has_its_own_hash_and_the_rest_stays(folder):
    before = json.loads((folder / "config.json").read_bytes())
    content = (folder / "model.onnx").read_bytes()
    write_export(folder, "model.int8.onnx", b"small")
    assert hashes(folder) == {"model.onnx": sha256(content), "model.int8.onnx": sha256(b"small")}
    write_export(folder, "model.onnx", b"new")
    assert hashes(folder) == {"model.onnx": sha256(b"new"), "model.int8.onnx": sha256(b"small")}
    after = json.loads((folder / "config.json").read_bytes())
    for config in (before, after):
        for name in NAMES:
            config["files"].pop(name, None)
            config["sizes"].pop(name, None)
        config.pop("checksum")
    assert list(after.items()) == list(before.items())
    assert not list(folder.glob(".*"))


def test_the_tagger_is_the_same_after_an_export_and_a_new_save_forgets_the_hash(folder):
    tagger = Tagger.load(folder, device="cpu")
    expected = tagger.predict(TOKENS)
    tagger.export(folder)
    assert Tagger.load(folder, device="cpu").predict(TOKENS) == load(folder).predict(TOKENS) == expected
    tagger.save(folder)
    assert hashes(folder) == dict.fromkeys(NAMES)
    assert not (folder / "model.onnx").exists()


@pytest.mark.parametrize("at", [0, 20, -200, -1], ids=str)
def test_one_changed_byte_of_an_export_is_refused_by_name(folder, at):
    path = folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged, it is not the file that was exported; export the model again") as e:
        load(folder)
    assert str(path) in str(e.value)
    assert Tagger.load(folder, device="cpu").export(folder) == path
    assert load(folder).predict(TOKENS) == Tagger.load(folder, device="cpu").predict(TOKENS)


def test_an_export_of_an_earlier_release_without_a_hash_loads(folder):
    content = (folder / "model.onnx").read_bytes()
    expected = load(folder).predict(TOKENS)
    tagger = Tagger.load(folder, device="cpu")
    tagger.save(folder)
    (folder / "model.onnx").write_bytes(content)
    assert hashes(folder) == dict.fromkeys(NAMES)
    assert load(folder).predict(TOKENS) == expected


@pytest.mark.parametrize("at", range(4))
def test_a_kill_at_any_rename_leaves_an_export_that_loads(folder, monkeypatch, at):
    old, new = (folder / "model.onnx").read_bytes(), b"the new one"
    replace, done = Path.replace, []

    class Killed(BaseException):
        pass

    def killed(self, target):
        if len(done) == at:
            raise Killed
        done.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    if at < 3:
        with pytest.raises(Killed):
            write_export(folder, "model.onnx", new)
    else:
        write_export(folder, "model.onnx", new)
    monkeypatch.undo()
    content, noted = (folder / "model.onnx").read_bytes(), hashes(folder)["model.onnx"]
    assert content == (old if at < 2 else new)
    assert noted in (None, sha256(content))
    assert (noted is None) == (at in (1, 2))
    read_model(folder)


@pytest.mark.parametrize("at", range(3))
def test_a_full_disk_changes_nothing(folder, monkeypatch, at):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write, done = Path.write_bytes, []

    def full(self, content):
        if len(done) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(self)
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelError, match=r"model\.onnx: can't be written: No space left on device; what stood there"):
        write_export(folder, "model.onnx", b"new")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_there_is_no_export_without_a_model(tmp_path):
    with pytest.raises(UsageError, match="not a model folder"):
        write_export(tmp_path, "model.onnx", b"x")
    assert not list(tmp_path.iterdir())
