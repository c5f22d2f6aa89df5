"""Symbols: what a text is cut into, that ids give it back, and where spaces stand between words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import DataError
from seqtag.text.symbol_vocabulary import GLUED, LINE_START, SPACED, SymbolVocabulary, words_with_gaps
from seqtag.text.tokenizer import Tokenizer

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def by_hand(text, language):
    """Words of each line by spaCy, line breaks between the lines."""
    lines = [[token.text for token in Tokenizer(language).tokens(line)] for line in text.split("\n")]
    return [word for number, line in enumerate(lines) for word in (["\n"] if number else []) + line]


@given(texts)
def test_characters_that_are_known_come_back(text):
    vocabulary = SymbolVocabulary("character", None, sorted(set(text)))
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert [vocabulary.symbols[i] for i in ids] == list(text) == vocabulary.cut(text)


@given(texts, texts)
def test_a_character_is_known_where_it_was_given_and_unknown_elsewhere(known, text):
    vocabulary = SymbolVocabulary("character", None, sorted(set(known)))
    expected = [vocabulary.symbols.index(c) if c in known or c == "\n" else 0 for c in text]
    assert vocabulary.encode(text).tolist() == expected == [vocabulary.find(c) for c in text]


@pytest.mark.parametrize("language", ["en", "xx"])
@given(text=st.text("ab.,'! \n\t(", max_size=30))
def test_words_are_spacys_tokens_and_line_breaks(language, text):
    found = list(words_with_gaps([text], language))
    assert [word for word, _ in found] == by_hand(text, language)


@given(text=st.text("ab. \n\t(", max_size=30))
def test_gaps_say_what_stands_before_each_word(text):
    place = 0
    for word, gap in words_with_gaps([text], "en"):
        at = text.index(word, place)
        before = text[place:at]
        starts_line = text[:at].rpartition("\n")[2].strip() == ""
        assert gap == (LINE_START if word == "\n" or starts_line else SPACED if before else GLUED)
        place = at + len(word)


@given(pieces=st.lists(st.text("ab.c \n", max_size=12), max_size=4))
def test_pieces_of_whole_lines_are_cut_as_the_whole_text(pieces):
    pieces = [piece + "\n" for piece in pieces]
    assert list(words_with_gaps(pieces, "en")) == list(words_with_gaps(["".join(pieces)], "en"))


def test_a_written_unknown_is_one_symbol_and_unknown():
    words = list(words_with_gaps(["the <unk>'s hat ( <unk> )\n<unk>"], "en"))
    assert [word for word, _ in words] == ["the", "<unk>", "'s", "hat", "(", "<unk>", ")", "\n", "<unk>"]
    assert [gap for _, gap in words[:3]] == [LINE_START, SPACED, GLUED]
    assert [gap for _, gap in words[3:]] == [SPACED] * 4 + [LINE_START] * 2
    assert SymbolVocabulary("word", "en", ["the"]).encode("the <unk> x").tolist() == [2, 0, 0]


@given(text=st.text("ab<>. \n\u00a0", max_size=20))
def test_without_a_language_words_stand_between_white_space(text):
    expected = [w for n, line in enumerate(text.split("\n")) for w in (["\n"] if n else []) + line.split()]
    assert [word for word, _ in words_with_gaps([text], None)] == expected


def test_words_are_put_together_with_spaces_where_they_mostly_have_them():
    text = 'She said (so it goes), "never again."\nRain.'
    vocabulary = SymbolVocabulary(
        "word", "en", sorted({w for w, _ in words_with_gaps([text], "en")}), glued_before=".,)", glued_after="("
    )
    words = ["Rain", ",", "(", "so", ")", ".", "\n", "She"]
    assert vocabulary.decode([vocabulary.find(word) for word in words]) == "Rain, (so).\nShe"


@given(st.lists(st.integers(0, 6), max_size=12), st.integers(0, 12))
def test_the_text_of_the_first_ids_begins_the_text_of_all(ids, number):
    vocabulary = SymbolVocabulary("word", "en", ["a", "b", ".", "(", "c"], glued_before=".", glued_after="(")
    assert vocabulary.decode(ids).startswith(vocabulary.decode(ids[:number]))


@pytest.mark.parametrize("level", ["character", "word"])
def test_what_is_laid_out_for_json_comes_back(level):
    import json

    vocabulary = SymbolVocabulary(level, "en", ["a", "é", "."], glued_before=["."], glued_after=["é"])
    again = SymbolVocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again.to_dict() == vocabulary.to_dict()
    assert again.encode("a é .\n東").tolist() == vocabulary.encode("a é .\n東").tolist()
    assert again.symbols == ["<unk>", "\n", "a", "é", "."]


@pytest.mark.parametrize("level", ["character", "word"])
def test_half_a_character_is_refused(level):
    with pytest.raises(DataError, match="surrogate"):
        SymbolVocabulary(level, "en", ["a"]).encode("a\ud800")
