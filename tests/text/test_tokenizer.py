"""Offsets index the text and nothing is lost, for any text."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.errors import UsageError
from seqtag.text.tokenizer import _IDLE, Tokenizer

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


@settings(max_examples=30)
@given(
    units=st.lists(
        st.sampled_from(["(", "a", ".", "😀", "'", " ", "\n", "日", "http://a/", '"', "e\u0301"]),
        min_size=1,
        max_size=5,
    ),
    length=st.integers(1001, 2500),
    language=st.sampled_from(["xx", "en", "de"]),
)
def test_too_many_characters_without_a_space_are_cut_and_stay_where_they_are(units, length, language):
    text = "Ada met " + ("".join(units) * length)[:length] + " in Turin."
    tokens = Tokenizer(language).tokens(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split())
    assert [token for sentence in Tokenizer(language).sentences(text) for token in sentence] == tokens
    assert tokens[:2] == Tokenizer(language).tokens("Ada met")
    if not {" ", "\n"} & set(units):
        assert max(len(token.text) for token in tokens) <= 250


def test_a_long_chunk_is_cut_after_punctuation_and_one_of_a_thousand_characters_is_left_to_spacy():
    text = "ab, " + ("x" * 198 + ")" + "y" * 101) * 5
    assert [len(token.text) for token in Tokenizer("en").tokens("z" * 1000)] == [1000]
    assert {token.text for token in Tokenizer("en").tokens(text)} >= {"x" * 198, ")"}


@pytest.mark.parametrize("unit", ["(", '"', "😀", "'", ".", "http://a/"])
def test_the_cost_of_a_character_does_not_grow_with_the_text(unit):
    tokenizer = Tokenizer("en")

    def seconds(length: int) -> float:
        started = time.perf_counter()
        tokenizer.tokens((unit * length)[:length])
        return time.perf_counter() - started

    seconds(100)
    assert seconds(20_000) < 8 * max(min(seconds(5_000) for _ in range(3)), 0.02)


def test_the_stream_can_be_read_while_the_tokenizer_is_used():
    tokenizer = Tokenizer()
    stream = tokenizer.stream(["one two"] * 600)
    assert all(words(sentences) == words(tokenizer.sentences("one two")) for sentences in stream)


def new_words(numbers):
    """A text in which no word comes twice, nor in the text of another number."""
    return " ".join(f"W{number:x}z" for number in numbers) + "."


def test_a_million_new_words_would_leave_nothing_behind():
    """spaCy keeps every word that it sees outside a memory zone, in `strings`; here are 24,000."""
    tokenizer = Tokenizer("fi")  # no other test's
    (pipeline,) = _IDLE["fi"]
    before = len(pipeline.vocab.strings)
    streams = [tokenizer.stream, tokenizer.token_stream, lambda ts: map(tokenizer.sentences, ts)]
    streams.append(lambda ts: map(tokenizer.tokens, ts))
    for number, stream in enumerate(streams):
        start = number * 10**6
        given = [new_words(range(start + i, start + i + 10)) for i in range(0, 6_000, 10)]
        for text, cut in zip(given, stream(iter(given)), strict=True):
            tokens = [token for part in cut for token in (part if isinstance(part, list) else [part])]
            assert " ".join(token.text for token in tokens) == text.replace(".", " .")
        assert "W1z" not in pipeline.vocab.strings
    assert len(pipeline.vocab.strings) == before
    assert _IDLE["fi"] == [pipeline]


def test_threads_that_share_a_tokenizer_get_what_one_thread_gets():
    tokenizer, barrier = Tokenizer("sv"), Barrier(8)
    draw = random.Random(0)
    given = [
        [new_words(draw.sample(range(50_000), draw.randint(1, 12))) + "\n\nEn. Två." for _ in range(20)]
        for _ in range(32)
    ]
    expected = [[tokenizer.sentences(text) for text in texts] for texts in given]

    def cut(numbers):
        barrier.wait()
        return [[list(tokenizer.stream(given[i])), [tokenizer.tokens(text) for text in given[i]]] for i in numbers]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cut, [range(start, 32, 8) for start in range(8)]))
    for start, found in enumerate(answers):
        for i, (sentences, tokens) in zip(range(start, 32, 8), found, strict=True):
            assert sentences == expected[i]
            assert tokens == [[token for sentence in text for token in sentence] for text in expected[i]]
    assert 1 <= len(_IDLE["sv"]) <= 8


def test_a_pipeline_is_lent_again_but_not_after_an_error():
    tokenizer = Tokenizer("nb")
    (pipeline,) = _IDLE["nb"]
    with pytest.raises(TypeError, match="expected string"):
        tokenizer.sentences(7)
    assert _IDLE["nb"] == []
    assert words(tokenizer.sentences("Hei verden!")) == ["Hei verden !"]
    assert _IDLE["nb"] != [pipeline]
    kept = list(_IDLE["nb"])
    assert words(tokenizer.sentences("Takk!")) == ["Takk !"]
    assert _IDLE["nb"] == kept


def test_a_worn_pipeline_is_replaced(monkeypatch):
    tokenizer = Tokenizer("is")
    (pipeline,) = _IDLE["is"]
    monkeypatch.setattr("seqtag.text.tokenizer._MOST_WORDS", len(pipeline.vocab) + 10)
    assert words(tokenizer.sentences("Einn.")) == ["Einn ."]
    assert _IDLE["is"] == [pipeline]
    given = new_words(range(30))
    assert words(tokenizer.sentences(given)) == [given.replace(".", " .")]
    assert _IDLE["is"] == []
    assert words(tokenizer.sentences(given)) == [given.replace(".", " .")]


def test_without_spacy_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UsageError, match=r'raw text needs spaCy, .* run: pip install "spacy>=3\.8", or hand in tokens'):
        Tokenizer("da")


def test_languages_that_there_are_not():
    with pytest.raises(UsageError, match=r"spaCy can't tokenise language 'qq': .*; give a code such as 'en'"):
        Tokenizer("qq")
    with pytest.raises(UsageError, match="max_tokens is 0"):
        Tokenizer(max_tokens=0)


def test_importing_costs_no_spacy_and_no_torch():
    code = "import sys, seqtag.corpora.loading; sys.exit('spacy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
