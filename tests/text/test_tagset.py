"""Tag ids of whole batches against one sentence at a time."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.text.schemes import illegal_positions
from seqtag.text.tagset import TagSet

TAGS = {
    "plain": ["NOUN", "VERB"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B"],
    "IOB2": ["O", "B-A", "I-A", "B-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B"],
}


@pytest.mark.parametrize("scheme", TAGS)
@given(seed=st.integers(0, 10**6), lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_a_batch_is_decoded_as_each_of_its_sentences_is_and_to_legal_tags(scheme, seed, lengths):
    """Ids at random: legal and illegal rows side by side, and anything at all on padding."""
    tagset = TagSet.build(TAGS[scheme], scheme)
    ids_BT = np.random.default_rng(seed).integers(0, len(tagset.names), size=(len(lengths), max(lengths)))
    rows = tagset.decode_rows(ids_BT, np.array(lengths))
    assert rows == [tagset.decode(ids_T[:length]) for ids_T, length in zip(ids_BT, lengths)]
    assert not any(illegal_positions(row, scheme) for row in rows)


def _sequences(names, length):
    return product(range(len(names)), repeat=length)


@pytest.mark.parametrize("scheme", TAGS)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 4), share=st.sampled_from([0.3, 0.6]))
def test_allowed_tags_let_exactly_the_sequences_through_that_agree_with_what_is_known(scheme, seed, length, share):
    """All legal sequences of the model are enumerated, and read as tags of the data."""
    tagset = TagSet.build(TAGS[scheme], scheme)
    start_L, moves_LL, end_L = tagset.legal
    legal = [
        path
        for path in _sequences(tagset.names, length)
        if start_L[path[0]] and end_L[path[-1]] and all(moves_LL[pair] for pair in pairwise(path))
    ]
    random = np.random.default_rng(seed)
    true = tagset.decode(np.array(legal[random.integers(len(legal))]))
    given_tags = ["?" if random.random() < share else tag for tag in true]
    seen = [*tagset.data_tags, "?"]
    allowed = tagset.allowed(np.array([seen.index(tag) for tag in given_tags]), np.array([length]), seen, [None])
    for path in legal:
        read = tagset.decode(np.array(path))
        agrees = all(tag in ("?", found) for tag, found in zip(given_tags, read))
        assert all(allowed[t, tag] for t, tag in enumerate(path)) == agrees


def test_where_some_labels_were_annotated_other_tokens_may_have_the_others():
    tagset = TagSet.build(["O", "B-A", "I-A", "B-B"], "IOB2")
    seen = [*tagset.data_tags, "?"]
    tags = np.array([seen.index(tag) for tag in ("B-A", "O", "O")])
    rows = tagset.allowed(tags, np.array([2, 1]), seen, [["A"], None])
    named = [{name for name, fits in zip(tagset.names, row) if fits} for row in rows]
    assert named == [{"S-A"}, {"O", "S-B"}, {"O"}]
