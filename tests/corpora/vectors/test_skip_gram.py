"""Word vectors of one's own text."""

import sys

import numpy as np
import pytest

from seqtag.corpora.vectors.skip_gram import learn_vectors
from seqtag.errors import UsageError

SENTENCES = [["cats", "eat", "fish", "daily"], ["dogs", "eat", "meat", "daily"], ["rare"]] * 30 + [["once"]]


def test_each_word_that_is_frequent_enough_gets_a_vector():
    found = learn_vectors(SENTENCES, size=8, min_freq=2, seed=0)
    assert set(found) == {"cats", "dogs", "eat", "fish", "meat", "daily", "rare"}
    assert {vector.shape for vector in found.values()} == {(8,)}


def test_the_seed_decides():
    first, again, other = (learn_vectors(SENTENCES, size=8, min_freq=2, seed=seed)["eat"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_nothing_frequent_gives_nothing():
    assert learn_vectors([["a", "b"]], size=4, min_freq=2, seed=0) == {}


def test_without_gensim_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models.word2vec", None)
    with pytest.raises(UsageError, match=r'pip install "seqtag\[vectors\]"'):
        learn_vectors(SENTENCES, size=8, min_freq=2, seed=0)
