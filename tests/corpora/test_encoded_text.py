"""Texts as numbers on disk: the same ids as in memory, whatever the source; a vocabulary of what is frequent."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import DataError
from seqtag.corpora import encoded_text as home
from seqtag.corpora.encoded_text import build_vocabulary, encode_draft, encode_text, write_draft

LEVELS = [("character", None), ("word", "en"), ("word", None)]
texts = st.text("ab.( \n", min_size=1, max_size=60).filter(str.strip)


def both_ways(text, level, language, *, min_freq=1, share=1.0):
    draft = write_draft([text], level=level, language=language)
    stop = max(1, round(share * draft.num_symbols))
    vocabulary = build_vocabulary(draft, stop=stop, min_freq=min_freq)
    return draft, vocabulary, stop, encode_draft(draft, vocabulary)


@pytest.mark.parametrize(("level", "language"), LEVELS)
@given(text=texts, share=st.sampled_from([0.3, 1.0]), min_freq=st.integers(1, 3), block=st.sampled_from([1, 3, 99]))
def test_a_draft_becomes_what_the_vocabulary_gives_at_once(level, language, text, share, min_freq, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "_BLOCK", block)
        _, vocabulary, stop, encoded = both_ways(text, level, language, share=share, min_freq=min_freq)
        expected = vocabulary.encode(text)
        assert encoded.ids_N[1:-1].tolist() == expected.tolist()
        assert (encoded.ids_N[0], encoded.ids_N[-1]) == (1, 1)
        assert encoded.num_characters == len(text)
        assert encoded.num_unknown == (expected == 0).sum()
        counts = Counter(vocabulary.cut(text)[:stop])
        frequent = {symbol for symbol, count in counts.items() if count >= min_freq}
        assert set(vocabulary.symbols) == frequent | {"<unk>", "\n"}
        assert len(vocabulary.symbols) == len(set(vocabulary.symbols))
        part = encoded.part(stop, len(encoded))
        assert part.ids_N.tolist() == [1, *expected[stop:].tolist(), 1]
        assert part.num_unknown == (expected[stop:] == 0).sum()
        for each in (encoded, part):
            each.discard()


@pytest.mark.parametrize(("level", "language"), LEVELS)
@given(text=texts)
def test_a_reading_backward_is_one_of_the_reversed_text(level, language, text):
    _, vocabulary, _, encoded = both_ways(text, level, language)
    ids = vocabulary.encode(text).tolist()
    assert encoded.reading("forward").tolist() == [1, *ids]
    assert encoded.reading("backward").tolist() == [1, *ids[::-1]]


def test_words_are_ordered_by_count_and_know_their_spaces():
    text = "b ( a ) .\n" + "(a), (c). " * 3 + "b b b b"
    _, vocabulary, _, _ = both_ways(text, "word", "en")
    counts = Counter(vocabulary.cut(text))
    expected = sorted((w for w in counts if w != "\n"), key=lambda w: (-counts[w], w))
    assert vocabulary.symbols[2:] == expected
    assert vocabulary.glued_after >= {"("}
    assert vocabulary.glued_before >= {")", ",", "."}
    assert not vocabulary.glued_before & {"b", "("}


def test_a_word_keeps_its_spaces_though_a_stop_always_follows_or_a_bracket_comes_before():
    text = "We met again. They came again. Rain (sic), and (sic) rain.\n" * 2
    _, vocabulary, _, _ = both_ways(text, "word", "en")
    assert vocabulary.glued_after == {"("}
    assert vocabulary.glued_before == {")", ",", "."}


def test_text_put_together_again_is_the_text_where_spaces_are_regular():
    text = 'He came (late), and said: "no".\nThey didn\'t wait; it rained.\n' * 3
    _, vocabulary, _, encoded = both_ways(text.replace('"', ""), "word", "en")
    assert vocabulary.decode(encoded.ids_N[1:-1]) == text.replace('"', "")


@pytest.mark.parametrize(("level", "language"), LEVELS[:1] + LEVELS[2:])
def test_memory_does_not_grow_with_the_text(level, language):
    def pieces(number):
        for _ in range(number):
            yield "the same old words again and again\n" * 2_000

    def most(number):
        tracemalloc.start()
        draft = write_draft(pieces(number), level=level, language=language)
        encoded = encode_draft(draft, build_vocabulary(draft, stop=draft.num_symbols, min_freq=1))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(encoded) == number * 2_000 * (35 if level == "character" else 8)
        encoded.discard()
        return peak

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "_BLOCK", 1 << 14)
        assert most(30) < most(3) + 2_000_000  # the text is 2 MB, its numbers 8 MB


@pytest.mark.parametrize(("level", "language"), LEVELS)
def test_the_hash_is_that_of_the_text_however_it_comes(level, language, tmp_path):
    (tmp_path / "a.txt").write_text("to be\nor not\n")
    hashes = [
        write_draft(source, level=level, language=language).sha256
        for source in (["to be", "or not\n"], ["to be\nor not\n"], tmp_path / "a.txt", ["to be\nor not"])
    ]
    assert len(set(hashes[:3])) == 1
    assert hashes[3] != hashes[0]


def test_text_of_which_nothing_is_known_is_refused():
    _, vocabulary, _, _ = both_ways("abc", "character", None)
    assert encode_text(["xaz\n"], vocabulary).num_unknown == 2
    with pytest.raises(DataError, match=r"none of its 4 characters was in the training data.*in the language"):
        encode_text(["東京\n東京"], vocabulary)


def test_white_space_alone_is_no_text_of_words():
    with pytest.raises(DataError, match="nothing but white space"):
        write_draft(["  "], level="word", language="en")
    _, vocabulary, _, _ = both_ways("a b", "word", None)
    with pytest.raises(DataError, match="nothing but white space"):
        encode_text(["  "], vocabulary)


def test_large_vocabularies_have_wide_numbers():
    text = " ".join(f"w{i}" for i in range(70_000))
    _, vocabulary, _, encoded = both_ways(text, "word", None)
    assert encoded.ids_N.dtype == np.uint32
    assert encoded.ids_N[1:-1].tolist() == vocabulary.encode(text).tolist()


def test_wikitext2_has_the_counts_of_its_paper(shared_data):
    # Merity et al. 2016, table 1: tokens of the test part with <eos>, where we have the line break
    draft = write_draft(shared_data / "wikitext2" / "test.txt.gz", level="word", language=None)
    assert draft.num_symbols == 245_569
