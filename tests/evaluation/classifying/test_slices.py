"""Slices of texts against slow code that asks each text by itself, and the limits of each share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import DataError
from seqtag.evaluation.classifying.slices import score_slices, unknown_shares

LIMITS = {"none": (-1, 0), "up to 10%": (0, 0.1), "10% to 25%": (0.1, 0.25), "over 25%": (0.25, 1)}
texts = st.lists(
    st.tuples(st.integers(0, 40), st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.1, 0.25])), st.booleans()),
    max_size=40,
)


@given(texts, st.sampled_from(["tokens", "characters"]))
def test_each_slice_holds_just_the_texts_that_it_names(rows, unit):
    lengths, shares, right = ([row[column] for row in rows] for column in range(3))
    slices = score_slices(lengths, shares, right, unit=unit)

    def holds(found, length, share):
        if found.group == f"{unit} of the text":
            low, _, high = found.name.partition("-")
            return int(low) <= length <= int(high or low)
        assert found.group == "unknown words"
        if share is None or found.name not in LIMITS:
            return share is None and found.name == "no word at all"
        low, high = LIMITS[found.name]
        return low < share <= high

    for found in slices:
        held = [is_right for length, share, is_right in rows if holds(found, length, share)]
        assert (found.num_gold, found.num_predicted, found.num_right) == (len(held), len(held), sum(held))
        assert found.f1 == (pytest.approx(sum(held) / len(held)) if held else None)
    for group in {f"{unit} of the text", "unknown words"}:
        assert sum(found.num_gold for found in slices if found.group == group) == len(rows)
    assert len({found.name for found in slices if found.group != "unknown words"}) <= 4
    assert ("no word at all" in {found.name for found in slices}) == (None in shares)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8), max_size=8))
def test_the_share_of_unknown_words_is_counted_by_token(texts):
    known = {"a", "b"}
    for text, share in zip(texts, unknown_shares(texts, known), strict=True):
        assert share == (sum(word in "cd" for word in text) / len(text) if text else None)


def test_without_shares_there_are_slices_of_length_alone():
    assert [s.group for s in score_slices([2, 2, 9], None, [True, False, True])] == ["tokens of the text"] * 2


def test_unequal_numbers_and_impossible_shares_are_refused():
    with pytest.raises(DataError, match=r"2 lengths, 1 shares of unknown words and 2 texts"):
        score_slices([1, 2], [0.0], [True, True])
    with pytest.raises(DataError, match="1 lengths and 2 texts"):
        score_slices([1], None, [True, True])
    for share in (-0.1, 1.5, float("nan")):
        with pytest.raises(DataError, match=r"text 2: .* is no share of unknown words"):
            score_slices([1, 2], [0.0, share], [True, True])
