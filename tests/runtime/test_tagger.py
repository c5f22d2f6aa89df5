"""The runtime's tagger against the torch one on the same scores, for every scheme and head; its mistakes and bounds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_export import TAGS, VOCABULARY, WORDS, toy_engine, write_toy

from seqtag.errors import DataError, ModelError, UsageError
from seqtag.runtime import load
from seqtag.runtime.word_table import WordTable
from seqtag.text.tokenizer import Tokenizer

REPOSITORY = Path(__file__).resolve().parents[2]
TEXTS = ["Ada met Bo.  Ada met\n\nTurin in Ada.", "", "東京 met Bo"]
# No word twice in a sentence: of two spans that are equally probable, the last bit of a sum decides which one is taken.
POOL = [*WORDS, "new", "unknown", "B-52"]
sentences_of_words = st.lists(st.lists(st.sampled_from(POOL), max_size=12, unique=True), max_size=9)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Every scheme and head, with and without thresholds: the torch predictor and the loaded runtime."""
    made = {}
    for scheme in TAGS:
        for kind in ("crf", "linear"):
            for thresholds in (None, {"A": 0.2, "B": 0.05, "C": 0.5}):
                if thresholds and scheme == "plain":
                    continue
                known = thresholds and {label: v for label, v in thresholds.items() if scheme != "IO" or label != "C"}
                theirs = toy_engine(scheme, kind, seed=len(made), temperature=1.7, thresholds=known)
                folder = write_toy(tmp_path_factory.mktemp("toy") / "m", theirs)
                made[scheme, kind, bool(thresholds)] = theirs, load(folder, threads=1)
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy") / "m", toy_engine("IOB2", "crf"))


def assert_same_spans(ours, theirs):
    flat = [[(s.start, s.end, s.label) for s in spans] for spans in ours]
    assert flat == [[(s.start, s.end, s.label) for s in spans] for spans in theirs]
    scores = [[s.score for spans in side for s in spans] for side in (ours, theirs)]
    np.testing.assert_allclose(*scores, atol=1e-5)


CASES = [(s, k, t) for s in TAGS for k in ("crf", "linear") for t in (False, True) if not (t and s == "plain")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
@settings(max_examples=12)
@given(sentences=sentences_of_words)
def test_tags_spans_and_probabilities_are_those_of_torch(pairs, case, sentences):
    theirs, ours = pairs[case]
    assert ours.predict(sentences) == theirs.tags(sentences)
    assert list(ours.predict_stream(iter(sentences))) == theirs.tags(sentences)
    for mine, other in zip(ours.predict_proba(sentences), theirs.marginals(sentences), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    assert_same_spans(ours.predict_token_spans(sentences), theirs.spans(sentences)[1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_spans_of_texts_are_those_of_torch(pairs, case):
    theirs, ours = pairs[case]
    expected = list(theirs.texts(Tokenizer("en"), TEXTS))
    found = ours.predict_spans(TEXTS)
    for text, spans, sentences in zip(TEXTS, found, expected, strict=True):
        places = [(tokens[s.start].start, tokens[s.end - 1].end, s.label) for tokens, _, ss in sentences for s in ss]
        assert [(s.start, s.end, s.label) for s in spans] == places
        assert [s.text for s in spans] == [text[start:end] for start, end, _ in places]
        scores = [s.score for _, _, ss in sentences for s in ss]
        np.testing.assert_allclose([s.score for s in spans], scores, atol=1e-5)


@given(data=st.data(), sentences=sentences_of_words)
def test_a_prediction_depends_on_no_neighbour_and_no_order(pairs, data, sentences):
    _, ours = pairs["IOB2", "crf", False]
    order = data.draw(st.permutations(range(len(sentences))))
    together, alone = ours.predict_proba(sentences), [ours.predict_proba([s])[0] for s in sentences]
    moved = ours.predict_proba([sentences[i] for i in order])
    for place, i in enumerate(order):
        np.testing.assert_allclose(moved[place], together[i], atol=1e-6)
        np.testing.assert_allclose(alone[i], together[i], atol=1e-6)
    assert ours.predict(sentences) == [ours.predict([s])[0] for s in sentences]


def test_what_is_known_of_the_model_is_said(pairs):
    theirs, ours = pairs["IOB1", "crf", True]
    assert ours.thresholds_ == theirs.thresholds
    assert (ours.scheme_, ours.tags_, ours.labels_) == ("IOB1", TAGS["IOB1"], ["A", "B", "C"])
    plain = pairs["plain", "linear", False][1]
    assert (plain.thresholds_, plain.labels_) == (None, TAGS["plain"])


def test_many_threads_that_share_one_tagger_get_right_answers(saved):
    """Words never repeat, so the table of words starts anew while others look up."""
    tagger = load(saved, threads=1)
    object.__setattr__(tagger.engine, "words", WordTable(VOCABULARY, most_words=50))
    random = np.random.default_rng(0)
    asked = [[[random.choice([*WORDS, f"w{i}-{j}"]) for j in range(9)] for _ in range(4)] for i in range(120)]
    expected = [load(saved, threads=1).predict(sentences) for sentences in asked[:20]]
    expected += [tagger.predict(sentences) for sentences in asked[20:]]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tagger.predict, asked)) == expected


@settings(max_examples=60)
@given(
    batches=st.lists(st.lists(st.text("aAß東1-", max_size=40), min_size=1, max_size=9), max_size=9),
    most_words=st.integers(1, 20),
    most_letters=st.integers(1, 60),
)
def test_a_table_that_forgets_gives_what_the_vocabulary_gives(batches, most_words, most_letters):
    table = WordTable(VOCABULARY, most_words=most_words, most_letters=most_letters)
    largest = 0  # a batch is kept whole, even one with more words than the table may hold
    for words in batches:
        largest = max(largest, len(set(words)))
        looked = table.look_up(words)
        ids = VOCABULARY.encode(words)
        np.testing.assert_array_equal(
            looked.features_UF[looked.slots_N].reshape(ids.features_UF.shape), ids.features_UF
        )
        characters = looked.characters_UC[looked.slots_N].reshape(len(words), -1)
        assert [[c for c in row if c] for row in characters.tolist()] == [VOCABULARY.describe(w)[1] for w in words]
        assert not looked.features_UF[0].any()
        assert not looked.characters_UC[0].any()
        assert len(looked.features_UF) == len(set(words)) + 1
        assert len(table) <= max(most_words, largest)


def test_the_table_grows_past_its_first_size_and_stays_bounded():
    table = WordTable(VOCABULARY, most_words=5000)
    for start in range(0, 20_000, 700):
        words = [f"{number:x}" for number in range(start, start + 700)]
        looked = table.look_up(words)
        np.testing.assert_array_equal(looked.features_UF[looked.slots_N], VOCABULARY.encode(words).features_UF)
    assert 700 <= len(table) <= 5000


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("predict", "Ada met Bo", "predict takes token lists, not a string"),
        ("predict", ["Ada met Bo"], "sentence 1 is the string 'Ada met Bo'"),
        ("predict_proba", [["Ada"], ["met", 3]], "sentence 2 holds 3, which is no string"),
        ("predict_token_spans", 7, "not int"),
        ("predict_spans", "Ada met Bo", "takes a list of texts, not one string"),
        ("predict_spans", [["Ada"]], "number 1 is list"),
    ],
)
def test_a_wrong_call_is_told_the_right_one(pairs, verb, given, message):
    with pytest.raises(UsageError, match=message):
        getattr(pairs["IOB2", "crf", False][1], verb)(given)


def test_half_a_character_is_refused(pairs):
    with pytest.raises(DataError, match=r"predict: sentence 2 holds '\\ud800', a surrogate"):
        pairs["IOB2", "crf", False][1].predict([["Ada"], ["\ud800"]])


# -- the folder -------------------------------------------------------------------------------


def test_the_weights_themselves_need_not_be_there(folder, saved):
    (folder / "model.safetensors").unlink()
    (folder / "history.json").unlink()
    assert load(folder).predict([WORDS]) == load(saved).predict([WORDS])


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors", "model.onnx"])
@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: c[: len(c) // 2], lambda c: bytes(len(c))], ids=["empty", "half", "zeros"]
)
def test_a_damaged_file_is_named(folder, name, damage):
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert str(path) in str(caught.value)


def test_a_missing_part_is_named(folder):
    with pytest.raises(UsageError, match=r"there is no model\.int8\.onnx in it; .*seqtag export .* --int8"):
        load(folder, int8=True)
    (folder / "model.onnx").unlink()
    with pytest.raises(UsageError, match=r"there is no model\.onnx in it; .*seqtag export"):
        load(folder)
    (folder / "vocabulary.json").unlink()
    with pytest.raises(ModelError, match=r"vocabulary\.json: missing"):
        load(folder)
    with pytest.raises(UsageError, match="not a model folder, it does not exist"):
        load(folder / "elsewhere")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"weights_sha256": "0" * 64}, "made from other weights than those of this model; export the model again"),
        ({"format": 6}, r"format version 6 is newer than this release reads \(5\); upgrade"),
        ({"format": None}, "damaged, its metadata can't be read"),
        ({"head": "none"}, "damaged, its metadata can't be read"),
        ({"temperature": 0.0}, "damaged, its metadata can't be read"),
        ({"start": [0.0]}, "damaged, its metadata can't be read"),
        ({"transitions": "x"}, "damaged, its metadata can't be read"),
    ],
    ids=str,
)
def test_an_export_that_does_not_fit_is_refused(tmp_path, metadata, message):
    folder = write_toy(tmp_path / "m", toy_engine("IOB2", "crf"), **metadata)
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert str(folder / "model.onnx") in str(caught.value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_are_a_whole_number(saved, threads):
    with pytest.raises(UsageError, match="give a whole number of threads, at least 1"):
        load(saved, threads=threads)
