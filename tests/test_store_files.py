"""Files of a model folder from anywhere: what is no regular file inside it is not opened, whatever it says."""

import os
from pathlib import Path

import pytest
from hostile_folders import reseal

from seqtag import ModelError, Tagger
from seqtag.model_files import read_inside, sha256_of
from seqtag.runtime import load
from seqtag.store import model_identity, read_contents, read_model, read_without_weights, write_contents

FILES = ("config.json", "vocabulary.json", "model.safetensors", "history.json")


@pytest.fixture
def saved(exported_tagger: Path) -> Path:
    return exported_tagger


STAND_INS = {
    "pipe": (lambda path: os.mkfifo(path), "can't be read: it is a pipe"),
    "folder": (lambda path: path.mkdir(), "can't be read: it is a folder"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a link that leads out of the model folder"),
    "link out": (lambda path: path.symlink_to(path.parent.parent / "elsewhere"), "a link that leads out of"),
    "link to itself": (lambda path: path.symlink_to(path), "can't be read"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "missing from the model folder"),
    "far too large": (
        lambda path: path.touch() or os.truncate(path, 1 << 42),
        "has 4,398,046,511,104 bytes|it has 4,398",
    ),
}


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("name", [*FILES, "model.onnx"])
def test_what_is_no_file_of_the_folder_is_refused_by_both_loaders(folder, name, kind):
    make, message = STAND_INS[kind]
    path = folder / name
    (folder.parent / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    make(path)
    loaders = [load] if name == "model.onnx" else [Tagger.load] if name == "history.json" else [load, Tagger.load]
    for loader in loaders:
        with pytest.raises(ModelError, match=message) as caught:
            loader(folder)
        assert str(path) in str(caught.value)


def test_a_link_to_another_file_of_the_folder_and_a_link_to_the_folder_are_followed(folder):
    (folder / "vocabulary.json").rename(folder / "words")
    (folder / "vocabulary.json").symlink_to("words")
    (folder.parent / "link").symlink_to(folder)
    assert read_model(folder.parent / "link").vocabulary == read_model(folder).vocabulary != {}


@pytest.mark.parametrize("card", [b"\xff\xfe caf\xe9", "pipe", "folder", "link out"])
def test_no_card_is_in_the_way_of_loading(folder, card):
    path = folder / "README.md"
    path.unlink()
    if isinstance(card, bytes):
        path.write_bytes(card)
    else:
        STAND_INS[card][0](path)
    sentence = [["Ada", "spoke"]]
    assert Tagger.load(folder).predict(sentence) == load(folder).predict(sentence)


def test_a_folder_says_how_large_its_files_are_and_an_older_one_does_not(folder):
    config = read_model(folder).config
    for name in (*FILES[1:], "model.onnx", "model.int8.onnx"):
        assert config["sizes"][name] == len(read_inside(folder / name))
        assert config["files"][name] == sha256_of(folder / name)
    del config["sizes"]
    reseal(folder, config)
    assert Tagger.load(folder).predict([["Ada"]])
    with pytest.raises(ModelError, match="it has 3 bytes instead of 4"):
        (folder / "three").write_bytes(b"abc") and read_inside(folder / "three", size=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
        (b"[" * 400 + b"]" * 400, "no JSON object|nested too deeply"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "a whole number of 5,000 digits"),
        (b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        (b"\xff\xff", "it is not JSON"),
        (b"", "it is not JSON"),
        (b"null", "no JSON object"),
    ],
    ids=["lists", "fewer lists", "digits", "lists in an object", "no text", "nothing", "null"],
)
def test_json_that_nothing_here_ever_wrote_is_refused(folder, content, message):
    (folder / "config.json").write_bytes(content)
    for loader in (Tagger.load, load):
        with pytest.raises(ModelError, match=rf"config\.json: damaged.*({message})"):
            loader(folder)


def test_a_model_is_carried_to_another_place_with_all_its_files_and_no_others(folder):
    (folder / "notes.txt").write_text("my own", encoding="utf-8")
    contents = read_contents(folder)
    assert set(contents) == {*FILES, "README.md", "model.onnx", "model.int8.onnx"}
    assert contents == {name: (folder / name).read_bytes() for name in contents}
    write_contents(folder.parent / "other", {**contents, "notes.txt": b"x", "../outside.txt": b"x", "/outside": b"x"})
    assert {path.name for path in (folder.parent / "other").iterdir()} == set(contents)
    assert {path.name for path in folder.parent.iterdir()} == {"model", "other"}
    assert load(folder.parent / "other").predict([["Ada"]]) == load(folder).predict([["Ada"]])


def test_a_model_without_weights_or_card_and_with_an_older_export_is_carried_too(folder):
    (folder / "model.safetensors").unlink()
    (folder / "README.md").unlink()
    STAND_INS["folder"][0](folder / "README.md")
    config = read_without_weights(folder).config
    for part in ("files", "sizes"):
        del config[part]["model.int8.onnx"]
    reseal(folder, config)
    write_contents(folder.parent / "other", read_contents(folder))
    assert not (folder.parent / "other" / "model.safetensors").exists()
    assert load(folder.parent / "other", int8=True).predict([["Ada"]]) == load(folder, int8=True).predict([["Ada"]])


@pytest.mark.parametrize("name", [*FILES, "model.onnx"])
def test_a_damaged_file_is_not_carried(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-20] + b"x" + content[-19:])
    with pytest.raises(ModelError, match=f"{name}: damaged"):
        read_contents(folder)


def test_exports_come_and_go_and_the_model_is_the_same(folder, saved_classifier):
    before = model_identity(read_without_weights(folder).config)
    Tagger.load(folder, device="cpu").export(folder)
    assert model_identity(read_without_weights(folder).config) == before
    assert model_identity(read_without_weights(saved_classifier).config) != before
