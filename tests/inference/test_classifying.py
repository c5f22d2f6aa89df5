"""Attention shown to people: whose weights they are, what they sum to, and which part of the text each belongs to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TEXTS, UNSEEN_TEXTS, fitted_classifier

from seqtag import UsageError
from seqtag.text.tokenizer import Tokenizer

words = st.sampled_from([*sorted({word for text in TEXTS for word in text.split()}), "unheard", "42", "é", "A  B"])
texts = st.lists(st.lists(words, max_size=12).map(" ".join), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def classifier():
    return fitted_classifier()


@settings(max_examples=10)
@given(texts=texts)
def test_attention_weighs_the_tokens_of_each_text(classifier, texts):
    for text, found in zip(texts, classifier.predict_attention(texts), strict=True):
        assert [(t.text, t.start, t.end) for t in found] == [
            (t.text, t.start, t.end) for t in Tokenizer("xx").tokens(text)
        ]
        assert all(text[token.start : token.end] == token.text for token in found)
        assert sum(token.weight for token in found) == pytest.approx(float(bool(found)), abs=1e-6)
        assert all(token.weight > 0 for token in found)
        [alone] = classifier.predict_attention([text])
        np.testing.assert_allclose([t.weight for t in alone], [t.weight for t in found], atol=1e-5)


def test_attention_is_what_the_pooled_vector_is_made_of(classifier):
    """Of tokens as of texts; a token's place is its number then."""
    text = UNSEEN_TEXTS[0]
    tokens = [token.text for token in Tokenizer("xx").tokens(text)]
    by_text, by_tokens = classifier.predict_attention([text, tokens])
    assert [(t.text, t.start, t.end) for t in by_tokens] == [(t, i, i + 1) for i, t in enumerate(tokens)]
    assert [t.weight for t in by_text] == pytest.approx([t.weight for t in by_tokens], abs=1e-6)
    predictor = classifier._torch_engine()
    [(_, batch)] = predictor.batches([tokens])
    with torch.no_grad():
        hidden_1TH = classifier.network_.hidden(batch)
        pooled_1H = classifier.network_.head.pooling(hidden_1TH, batch.lengths_B)
    weighted_sum = sum(weight.weight * state for weight, state in zip(by_text, hidden_1TH[0], strict=True))
    torch.testing.assert_close(weighted_sum, pooled_1H[0], atol=1e-5, rtol=1e-4)
    assert classifier.predict_attention([]) == []


def test_the_pooling_that_counts_is_that_of_the_training():
    """Another one that was set since is there after the next training only."""
    classifier = fitted_classifier(pooling="max", epochs=1).set_params(pooling="attention")
    with pytest.raises(UsageError, match="needs pooling='attention'; this model has 'max'"):
        classifier.predict_attention(["a b"])
    classifier = fitted_classifier(epochs=1).set_params(pooling="max")
    assert [token.text for token in classifier.predict_attention(["a b"])[0]] == ["a", "b"]
