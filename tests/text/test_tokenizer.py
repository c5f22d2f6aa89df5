"""Offsets index the text and nothing is lost, for any text."""

import os
import random
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from threading import Barrier, Event, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.errors import UsageError
from seqtag.text import language_rules
from seqtag.text.language_rules import Cutter
from seqtag.text.spacy_pipelines import spacy_rules
from seqtag.text.tokenizer import Token, Tokenizer, TokenRun

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
    return [" ".join(sentence.words) for sentence in sentences]


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
    assert tokens[:2] == Tokenizer(language).tokens("Ada met")[:]
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


def test_new_words_leave_no_more_than_a_bounded_number_behind(monkeypatch):
    monkeypatch.setattr(language_rules, "_MOST_KNOWN", 100)
    tokenizer = Tokenizer("xx", cutter=Cutter(spacy_rules("xx")))
    tokenizer.tokens("Ada met Grace.")
    tracemalloc.start()
    sizes = []
    for start in range(0, 6_000, 2_000):
        for text in (new_words(range(at, at + 10)) for at in range(start, start + 2_000, 10)):
            assert "".join(tokenizer.tokens(text).words) == "".join(text.split())
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < sizes[0] + 100_000  # bytes


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_forks_while_another_thread_cuts_has_a_child_that_can():
    tokenizer, stop = Tokenizer("en"), Event()
    expected = words(tokenizer.sentences("It rains. Stay in."))

    def cut():
        for number in count():
            tokenizer.tokens(new_words(range(number * 100, number * 100 + 100)))
            if stop.is_set():
                return

    thread = Thread(target=cut)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                os._exit(words(tokenizer.sentences("It rains. Stay in.")) != expected)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def test_languages_that_there_are_not():
    with pytest.raises(UsageError, match=r"spaCy can't tokenise language 'qq': .*; give a code such as 'en'"):
        Tokenizer("qq")
    with pytest.raises(UsageError, match="max_tokens is 0"):
        Tokenizer(max_tokens=0)


def test_importing_costs_no_spacy_and_no_torch():
    code = "import sys, seqtag.corpora.loading; sys.exit('spacy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_of_tokens_is_a_sequence_whose_places_are_found_on_demand():
    run = TokenRun("a  b\na b", ["b", "a", "b"], 1)
    assert list(run) == [Token("b", 3, 4), Token("a", 5, 6), Token("b", 7, 8)] == run
    assert (len(run), run[-1], run[1:], Token("a", 5, 6) in run) == (3, run[2], [run[1], run[2]], True)
    assert run.part(1, 3) == run[1:] != run
    assert repr(run.part(2, 3)) == "[Token(text='b', start=7, end=8)]"
    with pytest.raises(IndexError):
        run[3]
