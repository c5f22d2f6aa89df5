"""Two models that have to answer alike: every method that predicts is asked of both, whatever engines they run on."""

from typing import Any

import numpy as np
from tiny import TAGS, TOKENS, UNSEEN

from seqtag import Classifier, Tagger
from seqtag.inference.classifying import TokenWeight
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.models.tagging.engine import OnnxNbestEngine
from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.runtime.classifying_engine import OnnxClassEngine

SENTENCES = [*TOKENS, *UNSEEN]
SHORT_TEXTS = ["Marie met Ada in Oslo. It rained.", "", "Nobody at Siemens knew."]


def runs_on(model: Tagger | Classifier) -> str:
    """Name the engine that predicts: the one that is asked, whatever is configured."""
    engine = model._engine()
    assert isinstance(engine, (OnnxNbestEngine, TorchTagEngine, OnnxClassEngine, TorchClassEngine))
    return "onnx" if isinstance(engine, (OnnxNbestEngine, OnnxClassEngine)) else "torch"


def assert_taggers_agree(ours: Any, theirs: Tagger, sentences: list = SENTENCES, texts: list = SHORT_TEXTS) -> None:
    """Compare two taggers; `ours` may be the runtime's, which has fewer methods."""
    assert ours.predict(sentences) == list(ours.predict_stream(sentences)) == theirs.predict(sentences)
    for name in ("tags_", "labels_", "scheme_", "thresholds_"):
        assert getattr(ours, name) == getattr(theirs, name)
    _assert_close(*(tagger.predict_proba(sentences) for tagger in (ours, theirs)))
    _assert_same_spans(*(tagger.predict_token_spans(sentences) for tagger in (ours, theirs)))
    _assert_same_spans(*(tagger.predict_spans(texts) for tagger in (ours, theirs)))
    if not isinstance(ours, Tagger):
        return
    for ask in (
        lambda tagger: tagger.score(TOKENS, TAGS),
        lambda tagger: [(tokens, tags) for _, cut in tagger.tag_texts(texts) for tokens, tags, _ in cut],
        lambda tagger: [[tags for tags, _ in found] for found in tagger.predict_nbest(sentences, n=3)],
        lambda tagger: tagger.evaluate(TOKENS, TAGS, resamples=0).f1,
    ):
        assert ask(ours) == ask(theirs)
    _assert_same_spans(*(list(tagger.spans_stream(texts)) for tagger in (ours, theirs)))
    best = [tagger.predict_nbest(sentences, n=3) for tagger in (ours, theirs)]
    _assert_close(*([np.array([p for _, p in found]) for found in side] for side in best))


def assert_classifiers_agree(ours: Any, theirs: Classifier, X: list, y: list | None = None) -> None:
    """Compare two classifiers; `ours` may be the runtime's, which has no scores: leave `y` out then."""
    expected_NL = theirs.predict_proba(X)
    np.testing.assert_allclose(ours.predict_proba(X), expected_NL, atol=1e-5)
    assert ours.choose(expected_NL) == theirs.choose(expected_NL)
    assert list(ours.predict_stream(iter(X))) == ours.predict(X) == theirs.predict(X)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    assert ours.classes_.dtype == theirs.classes_.dtype
    if theirs.pooling == "attention":
        attention = [classifier.predict_attention(X) for classifier in (ours, theirs)]
        assert all(isinstance(weight, TokenWeight) for weights in attention[0] for weight in weights)
        places = [[[(w.text, w.start, w.end) for w in weights] for weights in side] for side in attention]
        assert places[0] == places[1]
        _assert_close(*([np.array([w.weight for w in weights]) for weights in side] for side in attention))
    if y is not None:
        reports = [classifier.evaluate(X, y, resamples=0) for classifier in (ours, theirs)]
        assert ours.score(X, y) == theirs.score(X, y) == reports[0].score == reports[1].score


def _assert_close(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def _assert_same_spans(ours: list, theirs: list) -> None:
    places = [[[(s.start, s.end, s.label, s.text) for s in spans] for spans in side] for side in (ours, theirs)]
    assert places[0] == places[1]
    assert any(places[0])
    _assert_close(*([np.array([s.score for s in spans]) for spans in side] for side in (ours, theirs)))
