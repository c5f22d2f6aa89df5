"""Folders of Model2Vec and the vectors that it gives, written by tests/fixtures/make_model2vec.py; damaged copies."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from optional_tools import need
from safetensors.numpy import load_file, save_file

from seqtag.corpora.vectors.pretrained_vectors import read_pretrained
from seqtag.errors import DataError, UsageError

need("tokenizers")

MODELS = Path(__file__).resolve().parents[2] / "fixtures" / "model2vec"
EXPECTED = json.loads((MODELS / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(MODELS / "plain", tmp_path / "m"))


@pytest.mark.parametrize("name", EXPECTED)
def test_words_have_the_vectors_of_model2vec(name):
    found, is_known = read_pretrained(MODELS / name).find(list(EXPECTED[name]))
    np.testing.assert_allclose(found, list(EXPECTED[name].values()), atol=2e-3 if name == "normalised" else 1e-4)
    # What is unknown to a tokenizer has no piece, and Model2Vec gives it 0.
    np.testing.assert_array_equal(is_known, np.array(list(EXPECTED[name].values())).any(1))


def test_a_folder_of_sentence_transformers_has_the_same_vectors(folder, tmp_path):
    inside = tmp_path / "st" / "0_StaticEmbedding"
    inside.mkdir(parents=True)
    shutil.copy(folder / "tokenizer.json", inside)
    save_file({"embedding.weight": load_file(folder / "model.safetensors")["embeddings"]}, inside / "model.safetensors")
    expected = read_pretrained(folder).find(["rivers", "sea"])[0]
    np.testing.assert_array_equal(read_pretrained(tmp_path / "st").find(["rivers", "sea"])[0], expected)
    modules = [
        {"type": "sentence_transformers.models.StaticEmbedding"},
        {"type": "sentence_transformers.models.Normalize"},
    ]
    (tmp_path / "st" / "modules.json").write_text(json.dumps(modules))
    lengths = np.linalg.norm(read_pretrained(tmp_path / "st").find(["rivers", "sea"])[0], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_a_folder_of_another_model_is_refused(folder):
    save_file({"embeddings.word_embeddings.weight": np.ones((3, 2), np.float32)}, folder / "model.safetensors")
    with pytest.raises(
        DataError, match=r"has the weights embeddings\.word_embeddings\.weight; .* another kind of model"
    ):
        read_pretrained(folder)


BAD = {
    "a row too far": {"embeddings": np.ones((9, 4), np.float32), "mapping": np.full(70, 9)},
    "rows below 0": {"embeddings": np.ones((9, 4), np.float32), "mapping": np.full(70, -1)},
    "weights of others": {"embeddings": np.ones((70, 4), np.float32), "weights": np.ones(3, np.float32)},
    "no table": {"embeddings": np.ones(70, np.float32)},
    "empty": {"embeddings": np.ones((70, 0), np.float32)},
    "truth values": {"embeddings": np.ones((70, 4), bool)},
    "far too wide": {"embeddings": np.ones((1, 4_000_000), np.int8), "mapping": np.zeros(1000, np.int64)},
}


@pytest.mark.parametrize("name", BAD)
def test_weights_that_can_not_be_are_refused(folder, name):
    save_file(BAD[name], folder / "model.safetensors")
    with pytest.raises(DataError, match=r"model\.safetensors: the weights .* are no static embeddings"):
        read_pretrained(folder)


def test_damaged_files_are_named(folder):
    weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    whole = weights.read_bytes()
    for content in (b"", whole[:-1], b"\xff" * 8 + whole[8:], b"PK\x03\x04" + whole):
        weights.write_bytes(content)
        with pytest.raises(DataError, match=r"model\.safetensors: can't be read"):
            read_pretrained(folder)
    save_file({"embeddings": np.ones((5, 4), np.float32)}, weights)
    with pytest.raises(DataError, match=r"tokenizer\.json: has tokens up to number 6\d for 5 vectors"):
        read_pretrained(folder)
    weights.write_bytes(whole)
    for content in (b"", b"{}", b'{"model": 1}', b"[" * 100_000, b"\x80", tokenizer.read_bytes()[:-9]):
        tokenizer.write_bytes(content)
        with pytest.raises(DataError, match=r"tokenizer\.json: its tokenizer can't be read") as error:
            read_pretrained(folder)
        assert "\n" not in str(error.value)


def test_a_damaged_configuration_is_named(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json: is no JSON"):
        read_pretrained(folder)


def test_without_tokenizers_the_install_line_is_given(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(UsageError, match="need tokenizers, which is not installed; run: pip install tokenizers"):
        read_pretrained(folder)


def with_normalizer(folder, normalizer):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **normalizer}), encoding="utf-8")
    return folder


BOMB = [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 60}] * 9


@pytest.mark.parametrize(
    ("normalizer", "message"),
    [
        (
            {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
            r"tokenizer\.json: its tokenizer can't",
        ),
        (
            {"normalizer": {"type": "Prepend", "prepend": "a" * 3_000}},
            r"tokenizer\.json: its tokenizer can't be read",
        ),
        (
            {"normalizer": {"type": "Sequence", "normalizers": BOMB}},
            r"can't cut 'aaa' \(it makes 648,000 characters of 3",
        ),
        (
            {
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"Regex": "(a|aa)+$"},
                    "behavior": "Isolated",
                    "invert": False,
                }
            },
            "can't cut 'aaaaa.* retry-limit",
        ),
    ],
    ids=["no table", "a long text", "a bomb", "an endless search"],
)
def test_a_hostile_tokenizer_gives_one_message(folder, capfd, normalizer, message):
    with pytest.raises(DataError, match=message) as error:
        read_pretrained(with_normalizer(folder, normalizer)).find(["aaa", "a" * 200 + "!"])
    assert "\n" not in str(error.value)
