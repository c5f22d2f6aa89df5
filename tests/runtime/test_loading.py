"""The whole way: train, save, export, load without torch, and get from the runtime what the tagger gives."""

import copy
import os
import pickle
import shutil

import pytest
from answers import assert_taggers_agree
from imports import heavy_imports
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import ModelError, Tagger
from seqtag.runtime import load
from seqtag.text.schemes import convert_tags

PLAIN = [["X" if token.istitle() else "." if token == "." else "Y" for token in tokens] for tokens in TOKENS]


def tags_in(scheme):
    return PLAIN if scheme == "plain" else [convert_tags(tags, "IOB2", scheme) for tags in TAGS]


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("scheme", ["plain", "IO", "IOB1", "IOB2", "BIOES"])
def test_the_runtime_gives_what_the_tagger_gives(tmp_path, scheme, head):
    tags = tags_in(scheme)
    tagger = tiny_tagger(head=head, epochs=6).fit(TOKENS, tags, dev=(TOKENS, tags))
    if scheme != "plain":
        tagger.tune(TOKENS, tags, calibrate=True)
    tagger.save(tmp_path / "m")
    tagger.export(tmp_path / "m")
    assert_taggers_agree(load(tmp_path / "m", threads=1), tagger)


def test_neither_torch_nor_datasets_nor_spacy_is_imported(exported_tagger, exported_classifier):
    for_tokens = (
        "from seqtag.runtime import load\n"
        f"tagger = load({str(exported_tagger)!r}); sentences = [['Ada', 'met', 'Bo'], []]\n"
        "tagger.predict(sentences), list(tagger.predict_stream(sentences)), tagger.predict_proba(sentences)\n"
        "tagger.predict_token_spans(sentences)\n"
        f"mood = load({str(exported_classifier)!r}); texts = [['Fresh', 'bread'], []]\n"
        "mood.predict(texts), list(mood.predict_stream(texts)), mood.predict_proba(texts)\n"
        "mood.predict_attention(texts)\n"
    )
    assert heavy_imports(for_tokens) == []
    for_texts = "mood.predict(['Fresh bread.']), tagger.predict_spans(['Ada met Bo.'])"
    assert heavy_imports(for_tokens + for_texts, "torch spacy") == []


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_thresholds_and_temperature_come_along(tmp_path, head):
    tagger = fitted_tagger(head=head, epochs=4).tune(TOKENS, TAGS, recall=0.9, calibrate=True)
    assert tagger.thresholds_ is not None
    tagger.save(tmp_path / "m")
    tagger.export(tmp_path / "m")
    assert_taggers_agree(load(tmp_path / "m"), tagger)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("task", ["tag", "classify"])
def test_a_model_can_be_pickled_copied_and_sent_to_workers(task, int8, exported_tagger, exported_classifier, tmp_path):
    folder = shutil.copytree(exported_tagger if task == "tag" else exported_classifier, tmp_path / "m")
    (folder / "model.safetensors").unlink()  # which the runtime does not need
    model = load(folder, int8=int8, threads=1)
    expected = [probability.tolist() for probability in model.predict_proba(UNSEEN)]
    content = pickle.dumps(model)
    shutil.rmtree(folder)
    twin = pickle.loads(content)
    for one in (twin, copy.deepcopy(twin), pickle.loads(pickle.dumps(twin))):
        assert [probability.tolist() for probability in one.predict_proba(UNSEEN)] == expected
        assert (type(one), one.language) == (type(model), model.language)


def test_a_folder_that_holds_another_model_by_now_is_not_pickled(folder, tmp_path):
    tagger = Tagger.load(folder, device="cpu")
    tagger.export(folder)
    served = load(folder)
    tagger.export(folder, int8=True, force=True)  # another export leaves the model what it was
    pickle.dumps(served)
    tagger.tune(TOKENS, TAGS, recall=0.5).save(folder)
    tagger.export(folder)
    with pytest.raises(ModelError, match="the model that was loaded from it is no longer there, so it can't be pickle"):
        pickle.dumps(served)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="no longer there"):
        copy.deepcopy(served)


def test_an_export_of_other_weights_is_refused(tmp_path):
    """As when a new model is copied over the files of an old one."""
    for name, seed in (("old", 0), ("new", 1)):
        fitted_tagger(epochs=1, seed=seed).save(tmp_path / name)
    fitted_tagger(epochs=1, seed=0).export(tmp_path / "old")
    (tmp_path / "old" / "model.onnx").rename(tmp_path / "new" / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx: made from other weights"):
        load(tmp_path / "new")


def test_a_folder_whose_name_is_not_utf_8_works_with_an_export(exported_tagger, tmp_path):
    folder = tmp_path / os.fsdecode(b"mod\xe8le \xff")
    try:
        shutil.copytree(exported_tagger, folder)
    except OSError:
        pytest.skip("this file system has no such names")
    expected = load(exported_tagger).predict(TOKENS)
    assert load(folder).predict(TOKENS) == expected
    assert Tagger.load(folder, device="cpu", engine="onnx").predict(TOKENS) == expected
