"""The whole way: train, save, export, load without torch, and get from the runtime what the tagger gives."""

import numpy as np
import pytest
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import ModelError
from seqtag.runtime import load
from seqtag.text.schemes import convert_tags

TEXTS = ["Marie met Ada in Oslo. It rained.", "", "Nobody at Siemens knew."]
PLAIN = [["X" if token.istitle() else "." if token == "." else "Y" for token in tokens] for tokens in TOKENS]


def tags_in(scheme):
    return PLAIN if scheme == "plain" else [convert_tags(tags, "IOB2", scheme) for tags in TAGS]


def assert_same(ours, theirs):
    sentences = TOKENS + UNSEEN
    assert ours.predict(sentences) == theirs.predict(sentences)
    assert list(ours.predict_stream(sentences)) == theirs.predict(sentences)
    for mine, other in zip(ours.predict_proba(sentences), theirs.predict_proba(sentences), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    for mine, other in (
        (ours.predict_token_spans(sentences), theirs.predict_token_spans(sentences)),
        (ours.predict_spans(TEXTS), theirs.predict_spans(TEXTS)),
    ):
        places = [[[(s.start, s.end, s.label, s.text) for s in spans] for spans in side] for side in (mine, other)]
        assert places[0] == places[1]
        np.testing.assert_allclose(*([s.score for spans in side for s in spans] for side in (mine, other)), atol=1e-5)
    for name in ("tags_", "labels_", "scheme_", "thresholds_"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("scheme", ["plain", "IO", "IOB1", "IOB2", "BIOES"])
def test_the_runtime_gives_what_the_tagger_gives(tmp_path, scheme, head):
    tags = tags_in(scheme)
    tagger = tiny_tagger(head=head, epochs=6).fit(TOKENS, tags, dev=(TOKENS, tags))
    if scheme != "plain":
        tagger.tune(TOKENS, tags, calibrate=True)
    tagger.save(tmp_path / "m")
    tagger.export(tmp_path / "m")
    assert_same(load(tmp_path / "m", threads=1), tagger)


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_thresholds_and_temperature_come_along(tmp_path, head):
    tagger = fitted_tagger(head=head, epochs=4).tune(TOKENS, TAGS, recall=0.9, calibrate=True)
    assert tagger.thresholds_ is not None
    tagger.save(tmp_path / "m")
    tagger.export(tmp_path / "m")
    assert_same(load(tmp_path / "m"), tagger)


def test_an_export_of_other_weights_is_refused(tmp_path):
    """As when a new model is copied over the files of an old one."""
    for name, seed in (("old", 0), ("new", 1)):
        fitted_tagger(epochs=1, seed=seed).save(tmp_path / name)
    fitted_tagger(epochs=1, seed=0).export(tmp_path / "old")
    (tmp_path / "old" / "model.onnx").rename(tmp_path / "new" / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx: made from other weights"):
        load(tmp_path / "new")
