"""Vectors from elsewhere inside models: what words that training lacks are known by, in torch, ONNX and the runtime."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import spacy
from hostile_folders import reseal
from optional_tools import need
from spacy.vectors import Vectors
from tiny import LABELS, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier, tiny_tagger

from seqtag import Classifier, Tagger, runtime
from seqtag.corpora.vectors.pretrained_vectors import read_pretrained
from seqtag.errors import ModelError, UsageError
from seqtag.inference.explaining.occlusion import Occluded
from seqtag.store import read_model

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FASTTEXT = FIXTURES / "fasttext" / "ngrams.bin"
# Only the word itself speaks, so what a vector does can be seen.
ONLY_WORDS = {"characters": None, "shape_size": 0, "affix_size": 0, "lexical": False}
FLORET = {"kind": "floret", "minn": 2, "maxn": 3, "bow": "", "eow": "", "hash_count": 1, "hash_seed": 0, "num_rows": 9}
ODD = [["zebra", "in", "Oslos", "..."], ["東京都"], ["zebra"], [], ["The", "1950s", "x" * 300]]


def tagger_with(source, **options):
    return tiny_tagger(vectors=str(source), **options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    place = tmp_path_factory.mktemp("vectors")
    random = np.random.default_rng(0)
    words = ["zebra", "oslo", "was", "Lisbon", "0000", "nobody"]
    rows = random.normal(size=(len(words), 5))
    text = "".join(f"{word} {' '.join(f'{x:.4f}' for x in row)}\n" for word, row in zip(words, rows))
    (place / "list.txt").write_text(text, encoding="utf-8")
    nlp = spacy.blank("xx")
    table, settings = random.normal(size=(40, 6)).astype(np.float32), {"minn": 2, "maxn": 3, "hash_count": 2}
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=table, mode="floret", **settings)
    nlp.to_disk(place / "floret")
    return {"text": place / "list.txt", "floret": place / "floret", "fasttext": FASTTEXT}


@pytest.fixture(scope="module")
def folders(sources, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    models = {}
    for name, source in sources.items():
        tagger = tagger_with(source, vectors_precision="int8")
        tagger.export(tagger.save(place / name))
        models[name] = tagger
    return place, models


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_unseen_word_has_the_vector_of_its_pieces(precision, caplog):
    with caplog.at_level("INFO", "seqtag"):
        tagger = tagger_with(FASTTEXT, vectors_precision=precision, freeze_vectors=True, **ONLY_WORDS)
    assert "2 of 15 words have upper case or digits that are not looked up" in caplog.text
    assert f"MB stand beside the network, in {precision}" in caplog.text
    vocabulary, table = tagger.vocabulary_, tagger.network_.embedder.word.weight.numpy()
    given = read_pretrained(FASTTEXT).find(["was", "oslo", "zebra"])[0]
    # Words of training have a row of the network's table, which starts with their vectors; no other word has one.
    np.testing.assert_array_equal(table[vocabulary.indices["word"]["was"]], given[0])
    np.testing.assert_array_equal(table[vocabulary.indices["word"]["oslo"]], given[1])
    assert "zebra" not in vocabulary.indices["word"]
    asked = ["was", "Zebra", "oslo"]
    unseen = vocabulary.unseen_vectors(asked, vocabulary.encode(asked).features_UF[:, 0])
    assert not unseen[[0, 2]].any()
    np.testing.assert_allclose(unseen[1], given[2], atol=0.0 if precision == "float32" else 2e-3)
    first, second = (tagger.predict_proba([["The", word, "."]])[0] for word in ("zebra", "gnu"))
    assert np.abs(first - second).max() > 1e-5


def test_a_word_that_training_has_too_seldom_keeps_the_vector_of_its_pieces():
    tagger = tagger_with(FASTTEXT, min_freq=2, vectors_keep="all")
    assert "rhine" not in tagger.vocabulary_.indices["word"]
    given = tagger.vocabulary_.unseen_vectors(["Rhine"], np.array([1]))
    np.testing.assert_allclose(given, read_pretrained(FASTTEXT).find(["rhine"])[0], atol=1e-7)


def test_the_words_of_training_alone_are_kept_if_asked_for(tmp_path):
    tagger = tagger_with(FASTTEXT, vectors_keep="corpus")
    assert tagger.vocabulary_.unseen is None
    assert not (tagger.save(tmp_path / "m") / "vectors.bin").exists()


def test_int8_knows_the_same_words_of_a_list_beside_the_network(sources, tmp_path):
    options = {"freeze_vectors": True, **ONLY_WORDS}
    exact, rounded = (tagger_with(sources["text"], vectors_precision=p, **options) for p in ("float32", "int8"))
    assert exact.vocabulary_.unseen is None
    assert "zebra" in exact.vocabulary_.indices["word"]
    assert "zebra" not in rounded.vocabulary_.indices["word"]
    row = exact.network_.embedder.word.weight[exact.vocabulary_.indices["word"]["lisbon"]].numpy()
    asked = ["Lisbon", "1955", "Unheard"]  # by their forms in the file, "Lisbon" and "0000"
    found = rounded.vocabulary_.unseen_vectors(asked, np.ones(3))
    np.testing.assert_allclose(found[0], row, atol=0.02)
    assert found.any(1).tolist() == [True, True, False]


def test_torch_the_exports_and_the_runtime_give_the_same(folders):
    place, models = folders
    for name, tagger in models.items():
        expected = tagger.predict_proba(UNSEEN + ODD)
        loaded = Tagger.load(place / name, device="cpu", engine="torch")
        for one, two in zip(expected, loaded.predict_proba(UNSEEN + ODD), strict=True):
            np.testing.assert_array_equal(one, two)
        served = runtime.load(place / name)
        for other in (
            Tagger.load(place / name, device="cpu", engine="onnx"),
            served,
            pickle.loads(pickle.dumps(served)),
        ):
            for one, two in zip(expected, other.predict_proba(UNSEEN + ODD), strict=True):
                np.testing.assert_allclose(one, two, atol=1e-5)
        again = pickle.loads(pickle.dumps(tagger))
        np.testing.assert_array_equal(again.predict_proba(UNSEEN + ODD)[len(UNSEEN)], expected[len(UNSEEN)])
        # Whatever stands beside a sentence in a batch changes nothing.
        np.testing.assert_allclose(served.predict_proba(ODD[2:3])[0], expected[len(UNSEEN) + 2], atol=1e-5)


def test_an_int8_export_keeps_the_vectors(sources, tmp_path):
    tagger = tagger_with(sources["fasttext"], vectors_precision="int8")
    tagger.export(tagger.save(tmp_path / "m"), int8=True, dev=(TOKENS, TAGS), force=True)
    served = runtime.load(tmp_path / "m", int8=True).predict_proba(ODD)
    for one, two in zip(tagger.predict_proba(ODD), served, strict=True):
        np.testing.assert_allclose(one, two, atol=0.05)


@pytest.mark.parametrize("pooling", ["attention", "max"])
def test_classifiers_too(sources, tmp_path, pooling):
    options = {"vectors": str(sources["fasttext"]), "vectors_precision": "int8", "pooling": pooling}
    classifier = tiny_classifier(**options).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
    classifier.export(classifier.save(tmp_path / "m"))
    expected = classifier.predict_proba(UNSEEN_TEXTS)
    np.testing.assert_array_equal(Classifier.load(tmp_path / "m", engine="torch").predict_proba(UNSEEN_TEXTS), expected)
    np.testing.assert_allclose(runtime.load(tmp_path / "m").predict_proba(UNSEEN_TEXTS), expected, atol=1e-5)


def test_static_embeddings_go_into_a_model_with_their_tokenizer(tmp_path):
    need("tokenizers")
    tagger = tagger_with(FIXTURES / "model2vec" / "normalised", vectors_precision="int8")
    tagger.export(tagger.save(tmp_path / "m"))
    expected = tagger.predict_proba(UNSEEN + ODD)
    for one, two in zip(expected, runtime.load(tmp_path / "m").predict_proba(UNSEEN + ODD), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert Tagger.load(tmp_path / "m").vocabulary_.unseen.find(["Riverside"])[1].all()


def test_no_path_to_elsewhere_is_stored(folders):
    place, _ = folders
    for file in (place / "floret").iterdir():
        assert str(place.parent).encode() not in file.read_bytes()


def test_a_hidden_word_has_no_vector_and_hidden_spelling_leaves_it(sources):
    tagger = tagger_with(sources["fasttext"], **ONLY_WORDS)
    occluded = Occluded.build(["The", "zebra", "slept"], [1])
    vocabulary = occluded.vocabulary(tagger.vocabulary_)
    hidden = [sentence[1] for sentence in occluded.sentences]
    assert [what for _, what in occluded.places] == ["word", "spelling"]
    vectors = vocabulary.unseen_vectors(hidden, vocabulary.encode(hidden).features_UF[:, 0])
    assert not vectors[0].any()
    np.testing.assert_array_equal(vectors[1:], tagger.vocabulary_.unseen.look_up(["zebra"]))


def test_a_model_that_goes_on_keeps_the_vectors(folders, tmp_path):
    place, models = folders
    more = [["Kim", "saw", "zebras", "in", "Oslo"]], [["B-PER", "O", "O", "O", "B-LOC"]]
    options = {"start_from": str(place / "fasttext"), "word_size": 4, "freeze_vectors": True}
    tagger = tiny_tagger(**options).fit(*more, dev=more)
    row = tagger.network_.embedder.word.weight[tagger.vocabulary_.indices["word"]["zebras"]]
    np.testing.assert_array_equal(row, models["fasttext"].vocabulary_.unseen.find(["zebras"])[0][0])
    assert tagger.vocabulary_.unseen.content == models["fasttext"].vocabulary_.unseen.content
    again = Tagger.load(tagger.save(tmp_path / "m"), device="cpu")
    for one, two in zip(again.predict_proba(ODD), tagger.predict_proba(ODD), strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_vectors_of_unseen_words_are_another_run(sources, tmp_path):
    path = Path(shutil.copy(sources["text"], tmp_path / "list.txt"))
    options = {"vectors": str(path), "vectors_precision": "int8"}
    run = {"dev": (TOKENS, TAGS), "checkpoint": tmp_path / "c", "resume": True}
    tiny_tagger(**options).fit(TOKENS, TAGS, **run)
    path.write_text(path.read_text().replace("zebra", "horse"))
    with pytest.raises(UsageError, match="from other data"):
        tiny_tagger(**options).fit(TOKENS, TAGS, **run)


# -- damaged folders --------------------------------------------------------------------------


def refusals(folder):
    for load in (Tagger.load, runtime.load):
        with pytest.raises(ModelError) as error:
            load(folder)
        assert "\n" not in str(error.value)
        yield str(error.value)


@pytest.fixture
def folder(folders, tmp_path):
    return Path(shutil.copytree(folders[0] / "fasttext", tmp_path / "m"))


def changed(folder, **fields):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["unseen_vectors"] |= fields
    reseal(folder, config)


def test_a_file_that_is_not_the_one_that_was_saved_is_named(folder):
    content = (folder / "vectors.bin").read_bytes()
    (folder / "vectors.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert all("vectors.bin: damaged" in message for message in refusals(folder))
    (folder / "vectors.bin").unlink()
    assert all("vectors.bin: missing from the model folder" in message for message in refusals(folder))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_rows": 64}, "vectors.bin does not hold the vectors"),
        ({"num_words": 2**40}, "vectors.bin does not hold the vectors"),
        ({"num_rows": -1}, "'unseen_vectors.num_rows' must be a whole number, at least 0"),
        ({"size": 0}, "'unseen_vectors.size' must be a whole number, at least 1"),
        ({"precision": "int4"}, "'unseen_vectors.precision' must be one of float32, int8"),
        ({"pieces": {"kind": "other"}}, "'unseen_vectors.pieces.kind' must be one of fasttext, floret, tokenizer"),
        ({"pieces": {"kind": "fasttext"}}, "'unseen_vectors.pieces.minn' is missing"),
        (
            {"pieces": {**FLORET, "bow": "<" * 1_000_000}},
            "'unseen_vectors.pieces.bow' must be a string of at most 9 characters",
        ),
        ({"more": 1}, "'unseen_vectors.more' is no field of this file"),
    ],
)
def test_what_no_model_has_is_refused_by_both_loaders(folder, fields, message):
    changed(folder, **fields)
    for found in refusals(folder):
        assert message in found


def test_vectors_of_another_width_than_the_network_are_refused(folder):
    stored = read_model(folder).config["unseen_vectors"]
    content = (folder / "vectors.bin").read_bytes()
    head = 12 * stored["num_words"] + 4 * stored["num_rows"]
    (folder / "vectors.bin").write_bytes(content[:head] + bytes(5 * stored["num_rows"]))
    changed(folder, size=5)
    on_torch, served = refusals(folder)
    assert "'unseen_vectors.size' must be the width of the word vectors" in on_torch
    assert "model.onnx" in served


def test_an_export_without_the_input_is_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["unseen_vectors"]
    reseal(folder, config)
    with pytest.raises(ModelError, match="unseen_UE"):
        runtime.load(folder)
