"""Joined texts: every token stands where its offsets say, and blanks stand where the script wants them."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.text.joining import blanks_before, join_tokens

words = st.one_of(
    st.sampled_from(["", "中", "国人", "カタカナ", "、", "（", "서울", "Ada", "محمد", "！", "ﾊﾝ", "𠀀", "ぁ"]),
    st.text(max_size=4),
)


def is_cjk(character):
    name = unicodedata.name(character, "")
    return name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER"))


@given(st.lists(words, max_size=12))
def test_offsets_give_the_tokens_back_and_only_blanks_lie_between(tokens):
    text, offsets = join_tokens(tokens)
    assert [text[start:end] for start, end in offsets] == tokens
    gaps = [text[left[1] : right[0]] for left, right in pairwise(offsets)]
    assert set(gaps) <= {"", " "}
    assert (offsets[0][0], offsets[-1][1]) == (0, len(text)) if tokens else (text, offsets) == ("", [])
    for gap, left, right in zip(gaps, tokens, tokens[1:]):
        if left and right and is_cjk(left[-1]) and is_cjk(right[0]):
            assert gap == ""
        if gap == "":  # nothing but these scripts and their marks does without a blank
            touching = left[-1] + right[0]
            assert any(unicodedata.east_asian_width(character) in "WFH" for character in touching)


# Letters of scripts with blanks, and ASCII marks: there it is what everybody writes.
@given(st.lists(st.text("abcÄßжשمד한글.,-'\"()0 ", max_size=4), max_size=10))
def test_other_scripts_have_a_blank_everywhere(tokens):
    assert join_tokens(tokens)[0] == " ".join(tokens)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["数百万", "的", "巧克力", "棒"], "数百万的巧克力棒"),
        (["1960", "年代", "，", "鳕鱼", "业"], "1960 年代，鳕鱼业"),
        (["游戏", "（", "A-AVG", "）", "："], "游戏（A-AVG）："),
        (["東京", "へ", "行く", "。"], "東京へ行く。"),
        (["서울", "에", "갔다", "."], "서울 에 갔다 ."),
        (["ولد", "محمد", "في", "القاهرة", "."], "ولد محمد في القاهرة ."),
        (["Zoë", "'s", "cat", "!"], "Zoë 's cat !"),
        (["", "a", "", ""], " a  "),
        (["中", "", "国"], "中  国"),
        ([""], ""),
        ([], ""),
    ],
)
def test_texts_as_they_are_read(tokens, text):
    assert join_tokens(tokens)[0] == text


@given(st.lists(words, max_size=12))
def test_blanks_for_machines_are_those_for_people(tokens):
    points_K = np.array([ord(character) for character in "".join(tokens)], np.uint32)
    found = blanks_before(points_K, np.array([len(token) for token in tokens], np.int64))
    _, offsets = join_tokens(tokens)
    assert found.tolist() == [False, *(left[1] < right[0] for left, right in pairwise(offsets))][: len(tokens)]


@pytest.mark.parametrize("plane", [0, 1, 2, 16])
def test_of_every_character_machines_know_what_people_do(plane):
    characters = [chr(i) for i in range(plane << 16, (plane + 1) << 16)]
    for other in ("a", "中"):
        tokens = [token for character in characters for token in (other, character)]
        points_K = np.array([ord(token) for token in tokens], np.uint32)
        _, offsets = join_tokens(tokens)
        gaps = [left[1] < right[0] for left, right in pairwise(offsets)]
        assert blanks_before(points_K, np.ones(len(tokens), np.int64)).tolist() == [False, *gaps]


def test_a_whole_corpus_in_chinese_has_no_blank_between_its_words(shared_data):
    from seqtag import load_corpus

    for tokens in load_corpus(str(shared_data / "uner_zh_gsdsimp"), split="test")["tokens"][:]:
        text, offsets = join_tokens(tokens)
        assert [text[start:end] for start, end in offsets] == tokens
        for left, right in pairwise(offsets):
            blank = text[left[1] : right[0]]
            assert blank == "" or not (is_cjk(text[left[1] - 1]) and is_cjk(text[right[0]]))
