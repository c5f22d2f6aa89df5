"""Pipelines are lent to one caller at a time and keep no word; rules are read only where they are data."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from seqtag.errors import UsageError
from seqtag.text import spacy_pipelines
from seqtag.text.spacy_pipelines import _IDLE, lent_pipeline, spacy_rules


@pytest.mark.parametrize("language", ["zh", "ms"])
def test_a_tokeniser_that_is_a_program_has_no_rules_nor_has_one_with_a_line_break_in_an_exception(language):
    assert spacy_rules(language) is None


def test_rules_are_none_where_a_function_decides():
    with lent_pipeline("fo") as pipeline:
        pipeline.tokenizer.token_match = lambda text: None
    try:
        assert spacy_rules.__wrapped__("fo") is None
    finally:
        _IDLE.pop("fo")


def new_words(numbers):
    """A text in which no word comes twice, nor in the text of another number."""
    return " ".join(f"W{number:x}z" for number in numbers)


def words(pipeline, text):
    return [token.text for token in pipeline(text)]


def test_a_pipeline_forgets_the_words_of_a_loan():
    with lent_pipeline("fi") as pipeline:  # no other test's
        pass
    before = len(pipeline.vocab.strings)
    for start in range(0, 6_000, 1_000):
        with lent_pipeline("fi") as lent:
            assert lent is pipeline
            assert len(words(pipeline, new_words(range(start, start + 1_000)))) == 1_000
        assert "W1z" not in pipeline.vocab.strings
    assert len(pipeline.vocab.strings) == before
    assert _IDLE["fi"] == [pipeline]


def test_threads_never_share_a_pipeline():
    barrier, draw = Barrier(8), random.Random(0)
    given = [new_words(draw.sample(range(50_000), 50)) for _ in range(64)]

    def cut(numbers):
        barrier.wait()
        found = []
        for number in numbers:
            with lent_pipeline("sv") as pipeline:
                found.append(words(pipeline, given[number]))
        return found

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cut, [range(start, 64, 8) for start in range(8)]))
    for start, found in enumerate(answers):
        assert found == [given[number].split() for number in range(start, 64, 8)]
    assert 1 <= len(_IDLE["sv"]) <= 8


def test_a_pipeline_is_lent_again_but_not_after_an_error():
    with lent_pipeline("nb") as pipeline:
        pass
    assert _IDLE["nb"] == [pipeline]
    with pytest.raises(ValueError, match="odd"), lent_pipeline("nb"):
        raise ValueError("odd")
    assert _IDLE["nb"] == []
    with lent_pipeline("nb") as another:
        assert words(another, "Hei verden!") == ["Hei", "verden", "!"]
    assert _IDLE["nb"] == [another] != [pipeline]


def test_a_worn_pipeline_is_replaced(monkeypatch):
    with lent_pipeline("is") as pipeline:
        pass
    monkeypatch.setattr(spacy_pipelines, "_MOST_WORDS", len(pipeline.vocab) + 10)
    with lent_pipeline("is"):
        words(pipeline, "Einn")
    assert _IDLE["is"] == [pipeline]
    with lent_pipeline("is"):
        words(pipeline, new_words(range(30)))
    assert _IDLE["is"] == []


def test_without_spacy_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UsageError, match=r'raw text needs spaCy, .* run: pip install "spacy>=3\.8", or hand in tokens'):
        spacy_rules("lb")


def test_languages_that_there_are_not():
    with pytest.raises(UsageError, match=r"spaCy can't tokenise language 'qq': .*; give a code such as 'en'"):
        spacy_rules("qq")
