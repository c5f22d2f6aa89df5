"""Files of a model folder that may come from anywhere: what is opened, how large it may be, and which JSON is read."""

import hashlib
import os
from pathlib import Path

import pytest

from seqtag import ModelError, model_files
from seqtag.model_files import parse_json, read_inside, sha256_of, shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "m"
    place.mkdir()
    (place / "real.json").write_bytes(b"[1, 2]")
    (tmp_path / "outside.json").write_bytes(b"secret")
    return place


def test_a_regular_file_is_read_and_hashed_whole(folder: Path):
    content = os.urandom((1 << 20) + 17)  # more than one piece
    (folder / "weights").write_bytes(content)
    assert read_inside(folder / "weights", size=len(content)) == content
    assert sha256_of(folder / "weights") == hashlib.sha256(content).hexdigest()


def test_links_may_lead_to_files_of_the_same_folder(folder: Path):
    (folder / "near").symlink_to("real.json")
    assert read_inside(folder / "near") == b"[1, 2]"
    folder.with_name("other").symlink_to(folder)  # the folder itself may be reached over a link
    assert read_inside(folder.with_name("other") / "real.json") == b"[1, 2]"


REFUSED = {
    "out": (lambda path: path.symlink_to("../outside.json"), "a link that leads out of the model folder"),
    "out by two": (lambda path: (path.with_name("by").symlink_to(".."), path.symlink_to("by/outside.json")), "out of"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a link that leads out of the model folder"),
    "pipe": (os.mkfifo, "a pipe, a device or the like, not a regular file"),
    "folder": (Path.mkdir, "it is a folder, not a regular file"),
    "loop": (lambda path: path.symlink_to(path.name), "can't be read"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "missing from the model folder"),
    "missing": (lambda path: None, "missing from the model folder"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("read", [read_inside, sha256_of])
def test_anything_else_is_refused_without_being_opened(folder: Path, kind: str, read):
    make, message = REFUSED[kind]
    make(folder / "x.json")
    with pytest.raises(ModelError, match=message) as caught:
        read(folder / "x.json")
    assert str(caught.value).startswith(f"{folder / 'x.json'}: ")


def test_a_name_that_holds_a_null_character_is_refused(folder: Path):
    with pytest.raises(ModelError, match="can't be read"):
        read_inside(folder / "a\0b")


def test_a_file_of_another_size_than_was_saved_or_of_an_absurd_one_is_refused(folder: Path, monkeypatch):
    with pytest.raises(ModelError, match="it has 6 bytes instead of 7; save the model again"):
        read_inside(folder / "real.json", size=7)
    monkeypatch.setattr(model_files, "_MOST_OTHER_BYTES", 5)
    with pytest.raises(ModelError, match="has 6 bytes, and no such file has more than 5"):
        read_inside(folder / "real.json")
    (folder / "config.json").touch()
    os.truncate(folder / "config.json", 1 << 40)  # a hole that takes no room on the disk
    with pytest.raises(ModelError, match="has 1,099,511,627,776 bytes, and no such file has more"):
        read_inside(folder / "config.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 5000, "a whole number of 5,000 digits"),
        (b'{"a": [-' + b"9" * 20 + b"]}", "a whole number of 21 digits"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
    ],
)
def test_json_that_no_model_holds_is_refused_in_one_line(content: bytes, message: str):
    with pytest.raises(ModelError, match=message) as caught:
        parse_json(Path("m/config.json"), content)
    assert str(caught.value).startswith("m/config.json: damaged, ")
    assert len(str(caught.value)) < 300


def test_json_of_models_is_read():
    assert parse_json(Path("x"), b'{"a": [-9223372036854775808, 18446744073709551615, 0.5, "\xc3\xa9"]}') == {
        "a": [-(2**63), 2**64 - 1, 0.5, "é"]
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("a\n\x1b[2J", r"'a\n\x1b[2J'"),
        ("\ud800", r"'\ud800'"),
        (list(range(6)), "a list of 6"),
        (dict.fromkeys(range(1_000)), "an object of 1,000"),
        ([1], "[1]"),
    ],
)
def test_values_are_shown_in_one_short_line(value: object, text: str):
    assert shown(value) == text


def test_lists_nested_deeper_than_python_recurses_are_shown():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "lists in lists"


def test_the_links_of_the_cache_of_the_hub_lead_to_its_own_files_and_to_no_other(tmp_path: Path):
    repository = tmp_path / "hub" / "models--me--ner"
    folder = repository / "snapshots" / "0a1b"
    folder.mkdir(parents=True)
    for place in (repository / "blobs" / "c0", tmp_path / "hub" / "blobs" / "d1" / "d1e2", tmp_path / "hub" / "secret"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
    (folder / "config.json").symlink_to("../../blobs/c0")
    (folder / "model.onnx").symlink_to("../../../blobs/d1/d1e2")
    (folder / "vocabulary.json").symlink_to("../../../secret")
    assert read_inside(folder / "config.json") == read_inside(folder / "model.onnx") == b"{}"
    with pytest.raises(ModelError, match="a link that leads out of the model folder"):
        read_inside(folder / "vocabulary.json")
    # Of a folder that is no snapshot the same links lead out, and blobs that are elsewhere are no blobs.
    other = tmp_path / "hub" / "models--me--ner" / "refs" / "0a1b"
    other.mkdir(parents=True)
    (other / "config.json").symlink_to("../../blobs/c0")
    with pytest.raises(ModelError, match="leads out"):
        read_inside(other / "config.json")
    moved = tmp_path / "elsewhere"
    (repository / "blobs").rename(moved)
    (repository / "blobs").symlink_to(moved)
    with pytest.raises(ModelError, match="leads out"):
        read_inside(folder / "config.json")
