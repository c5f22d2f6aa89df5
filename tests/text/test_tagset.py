"""Tag ids of whole batches against one sentence at a time."""

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
