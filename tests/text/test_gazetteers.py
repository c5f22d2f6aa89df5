"""Matches of phrases against a search through all runs of tokens, and what is stored of lists."""

import hashlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.text import gazetteers
from seqtag.text.gazetteers import PARTS, Gazetteers, match_cells

words = st.sampled_from(["New", "new", "York", "City", "é", "纽约", "", "\ud800"])
phrases = st.lists(st.lists(words, min_size=1, max_size=7), min_size=1, max_size=12)
many_lists = st.dictionaries(st.sampled_from(["CITY", "ORG", "X"]), phrases, min_size=1)
some_sentences = st.lists(st.lists(words, max_size=12), max_size=5)


def runs(sentence, known, *, ignores_case):
    """The runs of a sentence that are a phrase and lie in no longer one."""
    fold = str.lower if ignores_case else str
    known = {tuple(map(fold, phrase)) for phrase in known}
    found = [
        (start, end)
        for start in range(len(sentence))
        for end in range(start + 1, len(sentence) + 1)
        if tuple(map(fold, sentence[start:end])) in known
    ]
    return [run for run in found if not any(a <= run[0] and run[1] <= b and (a, b) != run for a, b in found)]


def found_by(lists, sentences):
    """What `find` gives for sentences whose words are numbered as `collate` does; few tokens and many find the same."""
    flat = list(chain.from_iterable(sentences))
    distinct = list(dict.fromkeys(flat))
    slots_N = np.array([distinct.index(word) for word in flat], np.int64)
    lengths_B = np.array(list(map(len, sentences)), np.int64)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for few in (-1, len(flat)):  # -1: even no token is not few
            patch.setattr(gazetteers, "_FEW_TOKENS", few)
            found.append((lists.find(distinct, slots_N, lengths_B), lists.codes(sentences, lengths_B)))
    (matches, codes), again = found
    for one, other in zip((matches, codes), again):
        assert (one.dtype, one.shape, one.tolist()) == (other.dtype, other.shape, other.tolist())
    rows_S, tokens_S, columns_S, _ = match_cells(matches).T
    assert set(zip(*codes.nonzero())) == set(zip(rows_S, tokens_S, columns_S))
    return matches


@given(many_lists, some_sentences, st.booleans())
def test_matches_are_the_longest_runs_of_tokens_that_are_phrases(known, sentences, ignores_case):
    lists = Gazetteers.build(known, ignores_case=ignores_case)
    expected = [
        (row, start, end, number)
        for number, phrases in enumerate(known.values())
        for row, sentence in enumerate(sentences)
        for start, end in runs(sentence, phrases, ignores_case=ignores_case)
    ]
    for _ in range(2):  # words are known the second time
        assert list(map(tuple, found_by(lists, sentences).tolist())) == expected
    fold = str.lower if ignores_case else str
    assert lists.num_phrases == tuple(len({tuple(map(fold, p)) for p in phrases}) for phrases in known.values())


@given(many_lists, some_sentences, st.booleans())
def test_lists_come_back_from_their_file(known, sentences, ignores_case):
    lists = Gazetteers.build(known, ignores_case=ignores_case)
    again = Gazetteers.from_store(lists.to_dict(), lists.content)
    assert (again.to_dict(), again.content, again.describe()) == (lists.to_dict(), lists.content, lists.describe())
    assert found_by(again, sentences).tolist() == found_by(lists, sentences).tolist()


@given(many_lists, st.integers(1, 4))
def test_the_order_of_phrases_and_how_many_are_read_together_change_nothing(known, size):
    lists = Gazetteers.build(known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gazetteers, "_PHRASES", size)
        again = Gazetteers.build({name: list(reversed(phrases)) * 2 for name, phrases in known.items()})
    assert (again.content, again.to_dict()) == (lists.content, lists.to_dict())


@given(many_lists, some_sentences)
def test_the_words_that_are_remembered_are_bounded_and_change_nothing(known, sentences):
    lists = Gazetteers.build(known)
    expected = found_by(lists, sentences).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gazetteers, "_MOST_CACHED", 2)
        patch.setattr(gazetteers, "_LONGEST_CACHED", 3)
        small = Gazetteers.build(known)
        for _ in range(2):
            assert found_by(small, sentences).tolist() == expected


def test_each_token_of_a_match_is_its_begin_inside_end_or_all_of_it():
    cells = match_cells(np.array([[0, 1, 4, 0], [0, 3, 5, 0], [2, 0, 1, 1]]))
    begin, inside, end, single = range(PARTS)
    assert cells.tolist() == [
        [0, 1, begin, 0],
        [0, 2, inside, 0],
        [0, 3, end, 0],
        [0, 3, begin, 1],
        [0, 4, end, 1],
        [2, 0, PARTS + single, 2],
    ]


def test_the_codes_of_an_export_are_one_at_these_tokens():
    lists = Gazetteers.build({"CITY": [["New", "York"]], "X": [["York"]]})
    codes_BTG = lists.codes([["in", "New", "York"], ["York"]], np.array([3, 1]))
    assert (codes_BTG.shape, codes_BTG.dtype) == ((2, 3, 8), np.float32)
    assert list(zip(*map(np.ndarray.tolist, codes_BTG.nonzero()))) == [(0, 1, 0), (0, 2, 2), (0, 2, 7), (1, 0, 7)]


def test_as_many_lists_as_a_mark_has_bits_for():
    known = {f"list{number}": [[f"word{number}"], ["all", "of", "them"]] for number in range(gazetteers.MOST_LISTS)}
    lists = Gazetteers.build(known)
    assert Gazetteers.from_store(lists.to_dict(), lists.content).num_phrases == (2,) * gazetteers.MOST_LISTS
    found = lists.find(["word62", "all", "of", "them"], np.arange(4), np.array([4]))
    assert found.tolist() == [[0, 1, 4, number] for number in range(62)] + [[0, 0, 1, 62], [0, 1, 4, 62]]


def test_a_stored_hash_is_that_of_the_definition():
    """Folders outlive releases: BLAKE2b of 8 bytes per word, and a polynomial of them; then a byte of marks."""

    def hashed(word):
        return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")

    key = (hashed("new") * 0x9E3779B97F4A7C15 + hashed("york")) % 2**64
    marks = {hashed("new"): 1, key: 2}  # a longer phrase begins so; a whole phrase of the first list
    rising = sorted(marks)
    expected = b"".join(key.to_bytes(8, "little") for key in rising) + bytes(marks[key] for key in rising)
    assert Gazetteers.build({"CITY": [["New", "York"]]}, ignores_case=True).content == expected


def test_no_word_can_be_read_in_what_is_stored_and_a_beginning_costs_nine_bytes():
    lists = Gazetteers.build({"PER": [["Ada", f"Lovelace{number}"] for number in range(10_000)]})
    assert len(lists.content) == 9 * 10_001
    assert b"Ada" not in lists.content


def alike(num_keys):
    """Keys that no hash gives: searching among them would take as many steps."""
    return np.arange(num_keys, dtype="<u8").tobytes() + bytes([2]) * num_keys


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no gazetteers.bin to look them up in"),
        (b"", "does not hold the 1 lists"),
        (bytes(10), "does not hold the 1 lists"),
        (bytes(18), "hashes do not rise"),
        (bytes(8) + b"\x04", "of more lists than config.json has"),
        (alike(1000), "no hashes"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(content, message):
    about = Gazetteers.build({"CITY": [["Turin"]]}).to_dict()
    with pytest.raises(ValueError, match=message):
        Gazetteers.from_store(about, content)
