"""Offsets index the text and nothing is lost, for any text."""

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.errors import UsageError
from seqtag.text.tokenizer import Tokenizer

PIPELINES = {language: Tokenizer(language, max_tokens=6) for language in ("xx", "en", "de", "zh")}

texts = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["Dr. Who", "can't", "e.g.", "…", "\n\n", "\t", " ", "\u00a0", "😀", "U.S.", "a", "!", "(", "10%"]
        )
    ).map(" ".join),
    st.lists(st.sampled_from(["ab", " ", "  ", "\n", ".", "\u2028", "\x85", "中文", "é"])).map("".join),
)


@given(texts, st.sampled_from(sorted(PIPELINES)))
@settings(deadline=None)
def test_offsets_index_the_text_and_cover_it(text, language):
    tokenizer = PIPELINES[language]
    tokens = tokenizer.tokens(text)
    assert all(text[token.start : token.end] == token.text and token.text.strip() for token in tokens)
    assert all(left.end <= right.start for left, right in pairwise(tokens))
    covered = {place for token in tokens for place in range(token.start, token.end)}
    assert all(letter.isspace() for place, letter in enumerate(text) if place not in covered)
    sentences = tokenizer.sentences(text)
    assert [token for sentence in sentences for token in sentence] == tokens
    assert all(1 <= len(sentence) <= 6 for sentence in sentences)


@given(st.lists(texts, max_size=5), st.sampled_from(sorted(PIPELINES)))
@settings(deadline=None)
def test_a_stream_gives_the_sentences_of_each_text(batch, language):
    tokenizer = PIPELINES[language]
    assert list(tokenizer.stream(iter(batch))) == [tokenizer.sentences(text) for text in batch]


def words(sentences):
    return [" ".join(token.text for token in sentence) for sentence in sentences]


def test_sentences_end_where_they_end():
    text = "It rains. Does it? A headline\n\nThe text\ngoes on!"
    assert words(Tokenizer().sentences(text)) == ["It rains .", "Does it ?", "A headline", "The text goes on !"]


def test_long_sentences_are_cut_after_punctuation_else_at_wide_space_else_at_the_limit():
    tokenizer = Tokenizer(max_tokens=6)
    assert words(tokenizer.sentences("a b c d , e f g")) == ["a b c d ,", "e f g"]
    assert words(tokenizer.sentences("a b c d  e f g")) == ["a b c d", "e f g"]
    assert words(tokenizer.sentences("a b c d ( e f g")) == ["a b c d ( e", "f g"]
    assert words(tokenizer.sentences("a , b c d e f g")) == ["a , b c d e", "f g"]  # too early: the rest would be long


def test_the_stream_can_be_read_while_the_tokenizer_is_used():
    tokenizer = Tokenizer()
    stream = tokenizer.stream(["one two"] * 600)
    assert all(words(sentences) == words(tokenizer.sentences("one two")) for sentences in stream)


def test_languages_that_there_are_not():
    with pytest.raises(UsageError, match=r"spaCy can't tokenise language 'qq': .*; give a code such as 'en'"):
        Tokenizer("qq")
    with pytest.raises(UsageError, match="max_tokens is 0"):
        Tokenizer(max_tokens=0)


def test_importing_costs_no_spacy_and_no_torch():
    code = "import sys, seqtag.text.readers; sys.exit('spacy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
