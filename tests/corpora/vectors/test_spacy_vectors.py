"""The vectors of spaCy pipelines that are made here, against what spaCy itself gives a word."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from spacy.vectors import Vectors

from seqtag.corpora.vectors.pretrained_vectors import read_pretrained
from seqtag.errors import DataError, UsageError

WORDS = ["sea", "Sea", "sky", "naïve", "東京", "emoji😀", "a", "river", "rivers", "New York"]
UNSEEN = ["unseen", "Übung", "riverside", "x", "京", "long" * 20]
TABLE = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def pipelines():
    rows = spacy.blank("en")
    rows.vocab.vectors = Vectors(strings=rows.vocab.strings, data=TABLE.copy())
    for number, word in enumerate(WORDS):
        rows.vocab.vectors.add(rows.vocab.strings.add(word), row=number % len(TABLE))
    found = {"default": rows}
    for name, settings in {"two": {"minn": 2, "maxn": 3, "hash_count": 2}, "four": {"minn": 3, "maxn": 5}}.items():
        nlp = spacy.blank("xx")
        settings = {"hash_count": 4, "hash_seed": 2166136261, "bow": "<", "eow": ">", **settings}
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=TABLE.copy(), mode="floret", **settings)
        found[name] = nlp
    return found


@pytest.fixture
def folder(pipelines, tmp_path):
    pipelines["default"].to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.mark.parametrize("name", ["default", "two", "four"])
def test_words_have_the_vectors_of_spacy(pipelines, tmp_path, name):
    nlp = pipelines[name]
    nlp.to_disk(tmp_path / "p")
    found, is_known = read_pretrained(tmp_path / "p").find(WORDS + UNSEEN)
    np.testing.assert_allclose(found, [nlp.vocab[word].vector for word in WORDS + UNSEEN], atol=1e-5)
    assert is_known.tolist() == [True] * len(WORDS) + [name != "default"] * len(UNSEEN)


def test_a_pruned_table_and_one_of_half_numbers_are_read(pipelines, tmp_path):
    nlp = spacy.blank("en").from_disk(pipelines["default"].to_disk(tmp_path / "first") or tmp_path / "first")
    nlp.vocab.vectors.data = TABLE.astype(np.float16)
    nlp.to_disk(tmp_path / "p")
    found, _ = read_pretrained(tmp_path / "p").find(WORDS)
    np.testing.assert_allclose(found, [nlp.vocab[word].vector for word in WORDS])


def test_a_package_is_found_by_its_name_and_its_code_does_not_run(folder, tmp_path, monkeypatch):
    package = tmp_path / "site" / "xx_made_up_md"
    shutil.copytree(folder, package / "xx_made_up_md-1.2.3")
    (package / "__init__.py").write_text("raise SystemExit('this code must not run')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(package.parent))
    expected = read_pretrained(folder).find(WORDS)[0]
    for source in ("xx_made_up_md", package, package / "xx_made_up_md-1.2.3"):
        np.testing.assert_array_equal(read_pretrained(source).find(WORDS)[0], expected)
    assert "xx_made_up_md" not in sys.modules


def test_words_of_the_corpus_alone_are_read(folder):
    assert set(read_pretrained(folder, words={"sea", "nowhere"}).words) == {"sea"}


@pytest.mark.parametrize("name", ["nowhere", "__main__", "json", "../x", "a.b", "spacy"])
def test_a_name_that_leads_nowhere_says_what_is_read(name):
    with pytest.raises(UsageError, match=r"no such file or folder of word vectors, and no installed spaCy pipeline"):
        read_pretrained(name)


def test_a_pipeline_without_vectors_says_so(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "p")
    with pytest.raises(DataError, match="this pipeline has no word vectors; take a larger one"):
        read_pretrained(tmp_path / "p")


DAMAGES = {
    "vectors: cut off": ("vectors", lambda content: content[:-3], "is no table of numpy"),
    "vectors: empty": ("vectors", lambda content: b"", "is no table of numpy"),
    "vectors: a pickle": ("vectors", lambda content: b"\x80\x04K\x01.", "is no table of numpy"),
    "vectors: a zip": ("vectors", lambda content: b"PK\x03\x04" + content, "is no table of numpy"),
    "vectors: huge": ("vectors", lambda content: content.replace(b"(7, 5)", b"(9999999999999, 5)"), "is no table"),
    "vectors: whole numbers": ("vectors", lambda content: content.replace(b"<f4", b"<i4"), "is no table of vectors"),
    "key2row: cut off": ("key2row", lambda content: content[:-1], "key2row: is damaged"),
    "key2row: a list": ("key2row", lambda content: srsly.msgpack_dumps([1]), "does not give the rows"),
    "key2row: huge": ("key2row", lambda content: b"\xdf\xff\xff\xff\xff", "key2row: is damaged"),
    "key2row: deep": ("key2row", lambda content: b"\x91" * 100_000, "key2row: is damaged"),
    "key2row: a row too far": ("key2row", lambda content: srsly.msgpack_dumps({1: 7}), "rows of a table with 7"),
    "strings: none": ("strings.json", lambda content: b"{", "strings.json: is no JSON"),
    "strings: deep": ("strings.json", lambda content: b"[" * 100_000, "strings.json: is no JSON"),
    "strings: numbers": ("strings.json", lambda content: b"[1]", "strings.json: is no list of strings"),
    "mode": ("vectors.cfg", lambda content: b'{"mode": "other"}', "the mode 'other' is neither"),
    "floret": ("vectors.cfg", lambda content: b'{"mode": "floret", "minn": "a"}', "settings of floret can't be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_named(folder, damage):
    name, change, message = DAMAGES[damage]
    path = folder / "vocab" / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message) as error:
        read_pretrained(folder)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(folder):
    (folder / "vocab" / "strings.json").unlink()
    with pytest.raises(DataError, match=r"strings\.json: can't be read \(No such file"):
        read_pretrained(folder)


def test_floret_by_another_attribute_is_refused(pipelines, tmp_path):
    pipelines["two"].to_disk(tmp_path / "p")
    path = Path(tmp_path, "p", "vocab", "vectors.cfg")
    path.write_text(json.dumps({**json.loads(path.read_text()), "attr": 67}))
    with pytest.raises(DataError, match="settings of floret can't be read here"):
        read_pretrained(tmp_path / "p")
