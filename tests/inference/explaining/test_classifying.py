"""`explain` of classifiers: log odds of the probabilities, split into views, the same without torch; hidden words."""

from math import log
from pathlib import Path

import numpy as np
import pytest
from tiny import SEVERAL, TEXTS, UNSEEN_TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier, UsageError
from seqtag.runtime import load
from seqtag.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def classifier(exported_classifier: Path) -> Classifier:
    return Classifier.load(exported_classifier, device="cpu")


def test_the_parts_add_up_to_the_log_odds_of_the_probabilities(classifier: Classifier):
    for text, probability_L in zip(UNSEEN_TEXTS, classifier.predict_proba(UNSEEN_TEXTS), strict=True):
        [one] = classifier.explain(text)
        assert one.span.label == classifier.predict([text])[0]
        assert one.probability == pytest.approx(probability_L.max())
        assert one.log_odds == pytest.approx(log(probability_L.max() / probability_L.min()), abs=1e-6)
        assert sum(part.score for part in one.parts) == pytest.approx(one.log_odds)
        assert [part.kind for part in one.parts] == ["encoder", "lexical"]
        assert all(sum(share.score for share in part.shares) == pytest.approx(part.score) for part in one.parts)
        weights = [token.weight for token in classifier.predict_attention([text])[0]]
        assert one.weights == pytest.approx(weights)
        assert one.reading in ("good instead of bad", "bad instead of good")


def test_a_class_that_was_not_chosen_has_the_opposite_log_odds(classifier: Classifier):
    [chosen] = classifier.explain(TEXTS[0])
    [other] = classifier.explain(TEXTS[0], {"good": "bad", "bad": "good"}[chosen.span.label])
    assert other.log_odds == pytest.approx(-chosen.log_odds)
    with pytest.raises(UsageError, match="no such class; choose from bad, good; did you mean 'good'"):
        classifier.explain(TEXTS[0], "goood")


def test_a_hidden_word_is_the_unknown_word(classifier: Classifier):
    tokens = Tokenizer("xx").tokens(UNSEEN_TEXTS[0]).words
    [one] = classifier.explain(tokens)
    assert len(one.occlusions) == 2 * len(tokens)
    for occlusion in one.occlusions:
        if occlusion.hidden == "word":
            changed = [*tokens[: occlusion.token], "\u0b83", *tokens[occlusion.token + 1 :]]
            [there] = classifier.explain(changed, one.span.label)
            assert (occlusion.log_odds, occlusion.probability) == pytest.approx((there.log_odds, there.probability))


def test_without_torch_it_is_the_same(exported_classifier: Path, classifier: Classifier):
    alone = load(exported_classifier)
    for text in [*UNSEEN_TEXTS, ""]:
        for ours, theirs in zip(alone.explain(text), classifier.explain(text), strict=True):
            assert [(part.kind, part.chosen) for part in ours.parts] == [(p.kind, p.chosen) for p in theirs.parts]
            shares = [[share.score for part in one.parts for share in part.shares] for one in (ours, theirs)]
            np.testing.assert_allclose(*shares, atol=1e-4)
            hidden = [[(it.log_odds, it.probability) for it in one.occlusions] for one in (ours, theirs)]
            np.testing.assert_allclose(*np.reshape(hidden, (2, -1)), atol=1e-4)
            assert ours.weights == pytest.approx(theirs.weights, abs=1e-4)


def test_of_several_classes_each_is_explained_by_itself():
    several = Classifier(encoder=None, epochs=4, batch_size=4, device="cpu").fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL))
    for text, labels in zip(TEXTS[:6], several.predict(TEXTS[:6])):
        assert [one.span.label for one in several.explain(text)] == labels
    for label, probability in zip(several.classes_, several.predict_proba(TEXTS[:1])[0], strict=True):
        [one] = several.explain(TEXTS[0], label)
        assert one.log_odds == pytest.approx(log(probability / (1 - probability)), abs=1e-6)
        assert one.reading == f"without {one.span.label}"
        assert [part.kind for part in one.parts] == ["lexical"]
        assert not one.weights
    assert several.explain("", "loud")[0].parts[0].kind == "prior"


def test_a_text_without_a_word_goes_by_the_shares_in_training(classifier: Classifier):
    [one] = classifier.explain("")
    assert [part.kind for part in one.parts] == ["prior"]
    assert one.log_odds == pytest.approx(abs(log(classifier.prior_[0] / classifier.prior_[1])))
    assert one.occlusions == ()


def test_series_have_no_words_to_hide():
    series = [np.full((3, 1), number % 2, np.float32) for number in range(20)]
    model = tiny_classifier(epochs=1).fit(series, [number % 2 for number in range(20)])
    with pytest.raises(UsageError, match="series of numbers, which have none"):
        model.explain(series[0])


def test_pooling_without_weights_has_none():
    assert fitted_classifier(epochs=1, pooling="max").explain(TEXTS[0])[0].weights == ()
