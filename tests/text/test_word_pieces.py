"""The rows of the pieces of words: floret's against spaCy, fastText's against gensim, for any word."""

from collections import Counter

import numpy as np
import pytest
from gensim.models.fasttext_inner import ft_hash_bytes
from hypothesis import given
from hypothesis import strategies as st
from spacy.strings import StringStore
from spacy.vectors import Vectors

from seqtag.text.word_pieces import FasttextNgrams, FloretNgrams, pieces_from_dict

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@given(word=words, minn=st.integers(0, 3), more=st.integers(0, 3), hash_count=st.integers(1, 4), seed=st.integers(0, 9))
def test_floret_counts_as_spacy_does(word, minn, more, hash_count, seed):
    settings = {"minn": minn, "maxn": minn + more, "hash_count": hash_count, "hash_seed": seed, "bow": "<", "eow": ">"}
    strings = StringStore([word])
    spacys = Vectors(strings=strings, data=np.eye(31, dtype=np.float32), mode="floret", **settings)
    rows = FloretNgrams(**settings, num_rows=31).rows(word)
    shares = np.bincount(rows, minlength=31) / len(rows)
    np.testing.assert_allclose(spacys.get_batch([word])[0], shares, atol=1e-6)


@given(word=words, minn=st.integers(1, 4), maxn=st.integers(1, 6))
def test_fasttext_hashes_every_ngram_but_the_lone_ends(word, minn, maxn):
    marked = f"<{word}>"
    pieces = (marked[i:j] for i in range(len(marked)) for j in range(i + 1, len(marked) + 1) if minn <= j - i <= maxn)
    expected = Counter(7 + ft_hash_bytes(piece.encode()) % 101 for piece in pieces)
    if minn == 1:
        expected -= Counter(7 + ft_hash_bytes(end) % 101 for end in (b"<", b">"))
    assert Counter(FasttextNgrams(minn, maxn, 101, 7).rows(word)) == expected


@pytest.mark.parametrize("pieces", [FasttextNgrams(3, 6, 100, 5), FloretNgrams(2, 3, "<", ">", 2, 9, 50)])
def test_pieces_come_back_from_what_is_stored(pieces):
    again = pieces_from_dict(pieces.to_dict(), b"")
    assert again == pieces
    assert max(again.rows("any word"), default=0) <= again.last_row()


def test_half_characters_of_a_token_list_have_rows_too():
    for pieces in (FasttextNgrams(3, 6, 100, 5), FloretNgrams(2, 3, "<", ">", 2, 9, 50)):
        assert pieces.rows("a\ud800b")
