"""The runtime's n-grams against those of torch: what is found, how often, and what it scores."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.batching import collate
from seqtag.nn.ngrams import Ngrams, NgramScores, occurrences
from seqtag.runtime.ngrams import NgramTable
from seqtag.runtime.word_table import WordTable
from seqtag.text.vocabulary import Vocabulary

WORDS = ["a", "be", "Bee", "BEE", "bees", "42", "17", "état", "ÉTAT", "ßß", "", "beebeebee", "ab" * 20, "x", "."]
words = st.one_of(st.sampled_from(WORDS), st.text("abAB1éÉ", min_size=1, max_size=40))
texts_of_words = st.lists(st.lists(words, min_size=1, max_size=8), min_size=1, max_size=6)


def both(known: list[list[str]], share: float, num_classes: int, *, lowercase: bool = True, seed: int = 0):
    """The same random scores of some of the n-grams of texts, in torch and in numpy, and the vocabulary."""
    counts = dict.fromkeys((word for text in known for word in text), 2)
    vocabulary = Vocabulary.build(counts, lowercase=lowercase)
    folded = vocabulary.folded_characters()
    num_words = vocabulary.feature_sizes["word"]
    random = np.random.default_rng(seed)
    keys = occurrences(collate(vocabulary, known), torch.tensor(folded), num_words=num_words)[1].unique().numpy()
    keys = keys[random.random(len(keys)) < share]
    parts = [
        keys,
        random.uniform(1, 3, len(keys)).astype(np.float32),
        random.normal(size=(len(keys), num_classes)).astype(np.float32),
        random.normal(size=num_classes).astype(np.float32),
    ]
    theirs = NgramScores(Ngrams(*map(torch.from_numpy, parts)), torch.tensor(folded), num_words=num_words).eval()
    return theirs, NgramTable(*parts, np.array(folded), num_words), vocabulary


@settings(max_examples=80)
@given(
    training=texts_of_words,
    unseen=texts_of_words,
    share=st.sampled_from([0.0, 0.4, 1.0]),
    num_classes=st.integers(1, 3),
    lowercase=st.booleans(),
)
def test_what_is_found_and_scored_is_that_of_torch(training, unseen, share, num_classes, lowercase):
    theirs, ours, vocabulary = both(training, share, num_classes, lowercase=lowercase)
    texts = [*unseen, *training, unseen[0]]
    looked = WordTable(vocabulary, pieces=ours.pieces).look_up([word for text in texts for word in text])
    lengths_B = np.array([len(text) for text in texts])
    found = ours.find(looked, lengths_B)
    assert (np.diff(found.text_O) >= 0).all()
    order = np.lexsort((found.place_O, found.text_O))
    found = [part[order] for part in found]
    for mine, other in zip(found, theirs._find(collate(vocabulary, texts)), strict=True):
        np.testing.assert_array_equal(mine, other.numpy())
    with torch.inference_mode():
        expected_BL = theirs(collate(vocabulary, texts)).numpy()
    np.testing.assert_allclose(ours.scores(looked, lengths_B), expected_BL, atol=1e-5)


def test_many_different_characters_wrap_as_in_torch():
    """Of more than 2,600 characters the numbers of n-grams overflow, in both the same way."""
    alphabet = [chr(number) for number in range(0x4E00, 0x4E00 + 4000)]
    texts = [["".join(alphabet[start : start + 9])] for start in range(0, 4000, 7)]
    theirs, ours, vocabulary = both(texts, 0.5, 2)
    looked = WordTable(vocabulary, pieces=ours.pieces).look_up([text[0] for text in texts])
    lengths_B = np.ones(len(texts), np.int64)
    assert vocabulary.num_characters > 4000
    with torch.inference_mode():
        expected_BL = theirs(collate(vocabulary, texts)).numpy()
    np.testing.assert_allclose(ours.scores(looked, lengths_B), expected_BL, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 3, 5000])
def test_a_word_counts_as_often_as_it_stands_there(length):
    theirs, ours, vocabulary = both([["bees", "a"], ["a", "bees"]], 1.0, 2)
    text = ["bees", "a"] * length
    looked = WordTable(vocabulary, pieces=ours.pieces).look_up(text)
    with torch.inference_mode():
        expected_BL = theirs(collate(vocabulary, [text])).numpy()
    np.testing.assert_allclose(ours.scores(looked, np.array([2 * length])), expected_BL, atol=1e-5)
