"""A tagger with lists, from its options to the runtime: what is stored, what resumes, and that the lists are used."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hostile_folders import reseal
from tiny import TAGS, TOKENS, UNSEEN, tiny_tagger
from trainers import Watch

from seqtag import ModelError, Tagger, UsageError, runtime

CITIES = ["London", "Manchester", "New Bridge", "Kigali", "Quito", "Lisbon", "New York"]
# An encoder that is told of words without an id in the vocabulary what lists say, and nothing else.
BLIND = {"lexical": False, "min_freq": 2, "characters": None, "affix_size": 0, "shape_size": 0, "hidden_size": 8}
PEOPLE = ["ada lovelace", "marie curie", "grace turing"]


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    (folder / "cities.txt").write_text("\n".join(CITIES), encoding="utf-8")
    (folder / "people.txt").write_text("\n".join(PEOPLE), encoding="utf-8")
    return {"CITY": str(folder / "cities.txt"), "PERSON": str(folder / "people.txt")}


def fitted(lists, **options):
    tagger = tiny_tagger(gazetteers=lists, gazetteer_case="ignore", **options)
    return tagger.fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


@pytest.fixture(scope="module", params=["lstm", None])
def tagger(request, lists):
    if request.param is None:
        quick = {"encoder": None, "epochs": 3, "device": "cpu"}
        return Tagger(gazetteers=lists, gazetteer_case="ignore", **quick).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    return fitted(lists)


@pytest.fixture(scope="module")
def exported(tagger, tmp_path_factory):
    folder = tagger.save(tmp_path_factory.mktemp("exported") / "m")
    tagger.export(folder)
    if tagger.encoder is not None:
        tagger.export(folder, int8=True, dev=(TOKENS, TAGS), force=True)
    return folder


def test_it_is_saved_loaded_pickled_exported_and_served_as_every_model_is(tagger, exported, tmp_path):
    tags, scores = tagger.predict(UNSEEN), tagger.predict_proba(UNSEEN)
    again = Tagger.load(exported, device="cpu", engine="torch")
    assert again.gazetteers == {"CITY": "cities.txt", "PERSON": "people.txt"}  # no path of this machine
    for copied in (again, pickle.loads(pickle.dumps(again)), Tagger.load(again.save(tmp_path / "again"))):
        assert copied.predict(UNSEEN) == tags
        for mine, theirs in zip(copied.predict_proba(UNSEEN), scores, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    served = runtime.load(exported)
    for other in (Tagger.load(exported, engine="onnx"), served, pickle.loads(pickle.dumps(served))):
        assert other.predict(UNSEEN) == tags
        for mine, theirs in zip(other.predict_proba(UNSEEN), scores, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
    if tagger.encoder is not None:
        int8 = runtime.load(exported, int8=True)
        for mine, theirs in zip(int8.predict_proba(UNSEEN), scores, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=0.1)


def test_neighbours_in_a_batch_change_nothing(tagger, exported):
    for engine in (tagger, runtime.load(exported)):
        together = engine.predict_proba(UNSEEN + TOKENS)
        for sentence, scores in zip(UNSEEN + TOKENS, together, strict=True):
            np.testing.assert_allclose(engine.predict_proba([sentence])[0], scores, atol=1e-6)


def test_texts_find_the_phrases_that_token_lists_find(tagger, exported):
    text = "Ada Lovelace flew to New York."
    for engine in (tagger, runtime.load(exported)):
        (spans,) = engine.predict_spans([text])
        (tokens,) = engine.predict_token_spans([["Ada", "Lovelace", "flew", "to", "New", "York", "."]])
        assert [(span.label, round(span.score, 5)) for span in spans] == [
            (span.label, round(span.score, 5)) for span in tokens
        ]


@pytest.mark.parametrize("options", [{"encoder": None}, BLIND], ids=["linear", "lstm"])
def test_where_a_list_alone_tells_names_from_words_it_tells_them_of_words_never_seen(options, tmp_path):
    random = np.random.default_rng(0)
    made = list(dict.fromkeys("".join(random.choice(list("abcdefgh"), 6)) for _ in range(160)))
    names, others = made[:80], made[80:160]
    (tmp_path / "names.txt").write_text("\n".join(names), encoding="utf-8")
    tokens = [["we", "saw", word, "."] for word in names[:50] + others[:50]]
    tags = [["O", "O", tag, "O"] for tag in ["B-NAME"] * 50 + ["O"] * 50]
    tagger = Tagger(gazetteers={"NAME": str(tmp_path / "names.txt")}, epochs=12, device="cpu", **options)
    tagger.fit(tokens, tags, dev=(tokens, tags))
    unseen = tagger.predict([["we", "saw", word, "."] for word in names[50:] + others[50:]])
    right = [found[2] == tag for found, tag in zip(unseen, ["B-NAME"] * 30 + ["O"] * 30, strict=True)]
    assert sum(right) >= 57


def test_the_card_and_the_configuration_name_the_lists(exported):
    card = (exported / "README.md").read_text(encoding="utf-8")
    assert "| lists | CITY (7 phrases), PERSON (3 phrases); case is ignored |" in card
    assert """--set 'gazetteers={"CITY": "cities.txt", "PERSON": "people.txt"}'""" in card
    config = config_of(exported)
    assert config["gazetteers"] == {"names": ["CITY", "PERSON"], "ignores_case": True, "num_phrases": [7, 3]}
    assert "gazetteers.bin" in config["files"]


def test_a_model_without_lists_takes_those_of_the_one_before_away(exported, saved_tagger, tmp_path):
    folder = Path(shutil.copytree(exported, tmp_path / "m"))
    Tagger.load(saved_tagger).save(folder)
    assert not (folder / "gazetteers.bin").exists()
    assert "gazetteers" not in config_of(folder)


def test_a_killed_run_ends_in_the_same_weights_and_other_lists_do_not_resume(lists, tmp_path):
    class KilledError(Exception):
        pass

    def kill(record):
        if record.epoch == 2:
            raise KilledError

    def run(**options):
        return tiny_tagger(gazetteers=lists, epochs=3).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), **options)

    with pytest.raises(KilledError):
        run(checkpoint=tmp_path / "c", watchers=[Watch(epoch=kill)])
    shutil.copytree(tmp_path / "c", tmp_path / "kept")
    resumed, whole = run(checkpoint=tmp_path / "c", resume=True).network_.state_dict(), run().network_.state_dict()
    assert all(np.array_equal(resumed[name], values) for name, values in whole.items())
    cities = Path(lists["CITY"])
    other = {**lists, "CITY": str(tmp_path / cities.name)}
    Path(other["CITY"]).write_text(cities.read_text(encoding="utf-8") + "\nPorto", encoding="utf-8")
    with pytest.raises(UsageError, match="from other data, other options"):
        tiny_tagger(gazetteers=other, epochs=3).fit(
            TOKENS, TAGS, dev=(TOKENS, TAGS), checkpoint=tmp_path / "kept", resume=True
        )


def test_the_runtime_gets_the_lists_from_the_hub_and_leaves_the_weights_there(tagger, exported, hub):
    hub.add("me/lists", exported)
    served = runtime.load("me/lists")
    names = sorted(path.name for path in served.source.folder.iterdir())
    assert names == ["config.json", "gazetteers.bin", "model.onnx", "vocabulary.json"]
    assert served.predict(UNSEEN) == tagger.predict(UNSEEN)


@pytest.mark.parametrize(
    "bad", ["cities.txt", ["cities.txt"], {}, {"CITY": 3}, {"CITY": ""}, {"": "a"}, {f"l{n}": "a" for n in range(64)}]
)
def test_what_is_no_mapping_of_names_to_files_is_refused(bad):
    with pytest.raises(UsageError, match=r"gazetteers=.*a mapping of at most 63 names of lists to files"):
        tiny_tagger(gazetteers=bad).fit(TOKENS, TAGS)


def test_the_size_is_that_of_the_encoders_input(lists):
    assert fitted(lists, epochs=1).network_.embedder.gazetteers.output_size == 8
    assert fitted(lists, epochs=1, gazetteer_size=3).network_.embedder.gazetteers.output_size == 3
    with pytest.raises(UsageError, match="these options are about an encoder: gazetteer_size=3"):
        Tagger(encoder=None, gazetteers=lists, gazetteer_size=3).fit(TOKENS, TAGS)


# -- damaged folders --------------------------------------------------------------------------


@pytest.fixture
def folder(exported, tmp_path):
    return Path(shutil.copytree(exported, tmp_path / "m"))


def config_of(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def refusals(folder):
    for load in (Tagger.load, runtime.load):
        with pytest.raises(ModelError) as error:
            load(folder)
        yield str(error.value)


def test_a_file_that_is_not_the_one_that_was_saved_is_named(folder):
    content = (folder / "gazetteers.bin").read_bytes()
    (folder / "gazetteers.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert all("gazetteers.bin: damaged" in message for message in refusals(folder))
    (folder / "gazetteers.bin").unlink()
    assert all("gazetteers.bin: missing from the model folder" in message for message in refusals(folder))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["CITY"], "'gazetteers.num_phrases' must have a number for each of the 1 lists"),
        (["CITY", "CITY"], "'gazetteers.names' must be a list of 1 to 63 different strings"),
        ([], "'gazetteers.names' must be a list of 1 to 63 different strings"),
        (None, "'gazetteers.names' must be a list of 1 to 63 different strings"),
    ],
)
def test_lists_that_can_not_be_are_refused_by_both_loaders(folder, names, message):
    config = config_of(folder)
    config["gazetteers"]["names"] = names
    reseal(folder, config)
    for found in refusals(folder):
        assert message in found


def test_hashes_that_are_none_and_lists_without_weights_are_refused(folder):
    content = (folder / "gazetteers.bin").read_bytes()
    (folder / "gazetteers.bin").write_bytes(bytes(len(content)))
    reseal(folder)
    assert all("gazetteers.bin is damaged: its hashes do not rise" in message for message in refusals(folder))
    (folder / "gazetteers.bin").write_bytes(content)
    config = config_of(folder)
    del config["gazetteers"]
    reseal(folder, config)
    on_torch, served = refusals(folder)
    assert "model.safetensors does not fit config.json" in on_torch
    assert "matches_BTG" in served
