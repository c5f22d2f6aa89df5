"""What is held out: whole documents, the same share of each class, and the same rows for the same seed."""

from collections import Counter

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.held_out import sentences_to_hold_out, split_off, texts_to_hold_out
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError

sizes = st.lists(st.integers(1, 9), min_size=2, max_size=12)


@given(sizes, st.sampled_from([0.05, 0.1, 0.3, 0.6]), st.integers(0, 5))
def test_documents_are_held_out_whole_and_near_the_share(sizes, share, seed):
    documents = [number for number, size in enumerate(sizes) for _ in range(size)]
    held = sentences_to_hold_out(len(documents), share, seed, documents=documents)
    assert held.tolist() == sorted(set(held.tolist()))
    names = {documents[row] for row in held}
    assert 0 < len(names) < len(sizes)
    assert len(held) == sum(sizes[name] for name in names)
    assert abs(len(held) - share * len(documents)) <= max(sizes) + 0.5
    assert held.tolist() == sentences_to_hold_out(len(documents), share, seed, documents=documents).tolist()


@given(st.integers(2, 40), st.sampled_from([0.05, 0.25]), st.integers(0, 5))
def test_sentences_without_documents_are_any(num_rows, share, seed):
    held = sentences_to_hold_out(num_rows, share, seed)
    assert len(set(held.tolist())) == max(1, round(share * num_rows))
    assert held.tolist() == sorted(np.random.default_rng(seed).permutation(num_rows)[: len(held)].tolist())


def test_texts_of_each_class_are_held_out_alike():
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10 + ["rare"]
    held = texts_to_hold_out(labels, 0.1, 3, is_multi=False)
    assert Counter(labels[i] for i in held) == {"a": 6, "b": 3, "c": 1}
    assert len(texts_to_hold_out(["a", "b"], 0.5, 0, is_multi=False)) == 0


def test_a_corpus_is_cut_in_two():
    rows = {"tokens": [["w"]] * 9, "tags": [["B-X"]] * 9, "doc_id": list("aaabbbccc")}
    corpus = load_corpus(Dataset.from_dict(rows))["train"]
    left, held = split_off(corpus, 0.3, 0, source="x")
    assert (len(left), len(held), len(set(held["document"]))) == (6, 3, 1)
    assert not set(left["document"]) & set(held["document"])
    with pytest.raises(DataError, match=r"x: 1 rows are too few to hold out 0.3 of them"):
        split_off(corpus.select([0]), 0.3, 0, source="x")
