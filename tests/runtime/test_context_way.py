"""Models with a context, the whole way: export, load without torch, every engine, and what int8 is held to."""

import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from answers import assert_taggers_agree, runs_on
from hypothesis import given, settings
from hypothesis import strategies as st
from imports import heavy_imports
from tiny import LABELS, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier, tiny_tagger

from seqtag import Classifier, LanguageModel, ModelError, Tagger
from seqtag.models.tagging import engine as tag_engine
from seqtag.runtime import load
from seqtag.runtime.onnx_session import EXPORT_FORMAT
from seqtag.text import context_layout as layout

SMALL = {"hidden_size": 10, "embedding_size": 6, "bptt": 10, "batch_size": 4, "epochs": 1, "device": "cpu"}
READ = ["\n".join(" ".join(tokens) for tokens in TOKENS)] * 3
SENTENCES = [*TOKENS, *UNSEEN, ["東京", "", "☃"], ["x" * 80] * 3]
LONG = " ".join(TEXTS)  # some hundred words, read in segments
SPOKEN = ["Marie met Ada in Oslo. It rained.", "", LONG]
words = st.sampled_from([*{word for sentence in TOKENS for word in sentence}, "東京", "", "☃", "Ada"])


@pytest.fixture(scope="module")
def models():
    """One of each direction; the backward one with two layers, and another cell."""
    return [
        LanguageModel(**SMALL, **options).fit(READ, watchers=())
        for options in ({}, {"direction": "backward", "encoder": "gru", "num_layers": 2})
    ]


def fitted(context, **options):
    tagger = tiny_tagger(context=context, context_size=5, **{"epochs": 6, **options})
    return tagger.fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())


@pytest.fixture(scope="module")
def tagger(models):
    return fitted(models)


@pytest.fixture(scope="module")
def folder(tagger, tmp_path_factory):
    folder = tagger.save(tmp_path_factory.mktemp("models") / "ner")
    twin = Tagger.load(folder, device="cpu")
    twin.export(folder, dev=(TOKENS, TAGS))
    twin.export(folder, int8=True, dev=(TOKENS, TAGS), force=True)
    return folder


@pytest.fixture(scope="module")
def served(folder):
    return load(folder, threads=1)


@pytest.fixture(scope="module", params=["attention", "max"])
def classified(request, models, tmp_path_factory):
    """A classifier that reads longer texts in segments, and the same one without torch."""
    made = tiny_classifier(context=models, context_size=5, pooling=request.param, segment_size=7, epochs=4).fit(
        TEXTS, LABELS, dev=(TEXTS, LABELS), watchers=()
    )
    folder = made.save(tmp_path_factory.mktemp("models") / "mood")
    Classifier.load(folder, device="cpu").export(folder, dev=(TEXTS, LABELS))
    return made, load(folder, threads=1), folder


# -- taggers ----------------------------------------------------------------------------------


def test_the_runtime_gives_what_the_tagger_gives(tagger, served):
    assert_taggers_agree(served, tagger, SENTENCES, SPOKEN)
    assert list(served.predict_stream(SENTENCES)) == tagger.predict(SENTENCES)


@settings(max_examples=25)
@given(sentences=st.lists(st.lists(words, max_size=6), max_size=6), most=st.integers(1, 60))
def test_a_prediction_depends_on_its_sentence_alone(served, sentences, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "MAX_CHARACTERS", most)
        together = served.predict_proba(sentences)
    for tokens, probability_TL in zip(sentences, together, strict=True):
        np.testing.assert_allclose(served.predict_proba([tokens])[0], probability_TL, atol=1e-5)


def test_no_batch_has_more_characters_than_it_may(served, monkeypatch):
    seen = []
    lay_out = type(served.engine.context).lay_out

    def spy(self, sentences):
        laid_out = lay_out(self, sentences)
        seen.append((len(sentences), laid_out[0][0].size))
        return laid_out

    monkeypatch.setattr(type(served.engine.context), "lay_out", spy)
    monkeypatch.setattr(layout, "MAX_CHARACTERS", 150)
    served.predict(SENTENCES)
    assert sum(count for count, _ in seen) == len(SENTENCES) - 1  # but for the empty one
    assert all(size <= 150 or count == 1 for count, size in seen)


def test_auto_and_onnx_take_the_export_and_a_folder_without_one_still_predicts(tagger, folder, tmp_path):
    for name, runs in ((None, "onnx"), ("auto", "onnx"), ("onnx", "onnx"), ("torch", "torch")):
        loaded = Tagger.load(folder, device="cpu", engine=name)
        assert runs_on(loaded) == runs
        assert_taggers_agree(loaded, tagger, SENTENCES, SPOKEN)
        assert [best[0][0] for best in loaded.predict_nbest(UNSEEN, n=1)] == tagger.predict(UNSEEN)
    bare = tagger.save(tmp_path / "m")
    for name, runs in ((None, "torch"), ("onnx", "onnx")):  # onnx: a graph in memory
        loaded = Tagger.load(bare, device="cpu", engine=name)
        assert runs_on(loaded) == runs
        assert_taggers_agree(loaded, tagger, SENTENCES, SPOKEN)


def test_a_tagger_can_be_trained_for_onnx(models, tagger):
    trained = fitted(models, engine="onnx")
    assert runs_on(trained) == "onnx"
    assert_taggers_agree(trained, tagger, SENTENCES, SPOKEN)


def test_int8_is_measured_on_dev_smaller_and_what_the_engine_takes(folder, tmp_path, caplog):
    place = Path(shutil.copytree(folder, tmp_path / "ner"))
    with caplog.at_level(logging.INFO, logger="seqtag"):
        Tagger.load(place, device="cpu").export(place, int8=True, dev=(TOKENS, TAGS), force=True)
    assert "F1 on the 20 dev sentences" in caplog.text
    assert (folder / "model.int8.onnx").stat().st_size < (folder / "model.onnx").stat().st_size
    exact = Tagger.load(folder, device="cpu", engine="torch").predict_proba(SENTENCES)
    rounded = Tagger.load(folder, device="cpu", engine="onnx-int8")
    assert runs_on(rounded) == "onnx"
    for side in (rounded, load(folder, int8=True, threads=1)):
        away = max(
            np.abs(mine - other).max(initial=0)
            for mine, other in zip(side.predict_proba(SENTENCES), exact, strict=True)
        )
        assert 1e-6 < away < 0.1


def test_an_int8_export_that_costs_too_much_is_refused(folder, tmp_path, monkeypatch):
    place = Path(shutil.copytree(folder, tmp_path / "ner"))
    (place / "model.int8.onnx").unlink()
    quantised = tag_engine.build_graph

    def worse(weights, spec, **options):
        names = [name for name in weights if "context.linear" in name]
        assert names
        return quantised({**weights, **{name: 50 - weights[name] for name in names}}, spec, **options)

    monkeypatch.setattr(tag_engine, "build_graph", worse)
    trained = Tagger.load(place, device="cpu")
    with pytest.raises(ModelError, match=r"a loss of more than 0\.5 points; nothing was written"):
        trained.export(place, int8=True, dev=(TOKENS, TAGS))
    with pytest.raises(ModelError, match=r"onnxruntime gives other tags than torch for \d+ of 20 sentences"):
        trained.export(place, dev=(TOKENS, TAGS))
    assert not (place / "model.int8.onnx").exists()


def test_an_export_with_context_says_that_earlier_releases_cannot_read_it(folder):
    (stored,) = (entry.value for entry in onnx.load(folder / "model.onnx").metadata_props if entry.key == "seqtag")
    assert '"format": 2' in stored
    assert EXPORT_FORMAT == 1  # all others


# -- classifiers ------------------------------------------------------------------------------


def test_the_runtime_gives_what_the_classifier_gives(classified):
    made, served, _ = classified
    texts = [*UNSEEN_TEXTS, LONG, "\u2603" * 50, LONG[:70]]
    assert served.predict(texts) == made.predict(texts)
    np.testing.assert_allclose(served.predict_proba(texts), made.predict_proba(texts), atol=1e-5)
    alone = np.concatenate([served.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(served.predict_proba(texts), alone, atol=1e-5)
    if made.pooling == "attention":
        for mine, other in zip(served.predict_attention(texts), made.predict_attention(texts), strict=True):
            assert [weight.text for weight in mine] == [weight.text for weight in other]
            np.testing.assert_allclose([w.weight for w in mine], [w.weight for w in other], atol=1e-5)


@settings(max_examples=25)
@given(texts=st.lists(st.lists(words, min_size=1, max_size=20), min_size=1, max_size=6), most=st.integers(1, 200))
def test_any_token_lists_get_the_probabilities_of_torch_in_batches_of_any_size(classified, texts, most):
    made, served, _ = classified
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "MAX_CHARACTERS", most)
        found_NL = served.predict_proba(texts)
    np.testing.assert_allclose(found_NL, made.predict_proba(texts), atol=1e-5)


def test_a_classifier_in_int8_stays_near_torch(classified, tmp_path):
    made, _, folder = classified
    place = Path(shutil.copytree(folder, tmp_path / "mood"))
    Classifier.load(place, device="cpu").export(place, int8=True, dev=(TEXTS, LABELS), force=True)
    away_NL = np.abs(load(place, int8=True, threads=1).predict_proba(TEXTS) - made.predict_proba(TEXTS))
    assert 1e-7 < away_NL.max() < 0.1


# -- what is imported -------------------------------------------------------------------------


def test_neither_torch_nor_datasets_nor_spacy_is_imported_for_tokens(folder, classified):
    script = (
        "from seqtag.runtime import load\n"
        f"for folder in ({str(folder)!r}, {str(classified[2])!r}):\n"
        "    model = load(folder)\n"
        "    model.predict([['Ada', 'met', 'Bo'], ['東京']]), model.predict_proba([['Ada', 'met', 'Bo'], ['東京']])\n"
    )
    assert heavy_imports(script) == []
