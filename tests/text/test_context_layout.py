"""Sentences laid out for language models: against each sentence joined, encoded and turned round by itself."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import DataError
from seqtag.text.context_layout import MOST_OF_TOKEN, CharacterLayout, num_characters
from seqtag.text.joining import join_tokens
from seqtag.text.length_batches import bounded_batches
from seqtag.text.symbol_vocabulary import SymbolVocabulary

words = st.one_of(
    st.sampled_from(["Ada", "met", "", "中", "国人", "カタカナ", "、", "！", "(", "서울", "𠀀", "a\nb", "☃", " "]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
sentences_of_words = st.lists(st.lists(words, max_size=6), max_size=5)
directions_of_models = st.lists(st.sampled_from(["forward", "backward"]), min_size=1, max_size=3)
VOCABULARIES = [SymbolVocabulary("character", None, list(symbols)) for symbols in ("Adametn (", "中国、カ☃𠀀", "xyz")]


@given(sentences=sentences_of_words, directions=directions_of_models)
def test_each_sentence_is_laid_out_as_it_is_by_itself(sentences, directions):
    vocabularies = VOCABULARIES[: len(directions)]
    symbols_MBC, picks_MBT = CharacterLayout(vocabularies, directions).lay_out(sentences)
    assert symbols_MBC.shape == (
        len(directions),
        len(sentences),
        1 + max((len(join_tokens(tokens)[0]) for tokens in sentences), default=0),
    )
    assert picks_MBT.shape == (len(directions), len(sentences), max(map(len, sentences), default=0))
    for vocabulary, direction, symbols_BC, picks_BT in zip(
        vocabularies, directions, symbols_MBC, picks_MBT, strict=True
    ):
        for tokens, symbols_C, picks_T in zip(sentences, symbols_BC, picks_BT, strict=True):
            text, offsets = join_tokens(tokens)
            ids = vocabulary.encode(text).tolist()
            read = [1, *(ids if direction == "forward" else ids[::-1])]
            assert symbols_C.tolist() == read + [0] * (len(symbols_C) - len(read))
            picks = [end if direction == "forward" else len(text) - start for start, end in offsets]
            assert picks_T.tolist() == picks + [0] * (len(picks_T) - len(picks))


@given(sentences=sentences_of_words)
def test_characters_are_counted_without_laying_them_out_and_never_too_low(sentences):
    counted = num_characters(sentences)
    exact = np.array([1 + len(join_tokens(tokens)[0]) if tokens else 0 for tokens in sentences], np.int64)
    assert (counted >= exact).all()
    for tokens, count, length in zip(sentences, counted, exact, strict=True):
        if tokens and "".join(tokens).isascii():
            assert count == length


def test_half_a_character_is_an_error():
    layout = CharacterLayout(VOCABULARIES[:1], ["forward"])
    with pytest.raises(DataError, match="a surrogate, which is half a character"):
        layout.lay_out([["Ada"], ["\ud800"]])


def test_a_model_folder_without_context_has_no_layout_and_one_with_it_has_the_models_in_order():
    assert CharacterLayout.from_store({}, {}) is None
    assert CharacterLayout.from_store({"context": None}, {}) is None
    directions = ["backward", "forward"]
    layout = CharacterLayout.from_store(
        {"context": [{"params": {"direction": direction}} for direction in directions]},
        {"context": [vocabulary.to_dict() for vocabulary in VOCABULARIES[:2]]},
    )
    expected = CharacterLayout(VOCABULARIES[:2], directions)
    for mine, other in zip(layout.lay_out([["Ada", "中"]]), expected.lay_out([["Ada", "中"]]), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_middle_of_an_endless_token_is_not_read(direction):
    layout = CharacterLayout(VOCABULARIES[:1], [direction])
    half = MOST_OF_TOKEN // 2
    longest = "A" * half + "d" * half
    for token in (longest, "A" * half + "n" * 10_000_000 + "d" * half):
        sentences = [["met", token, "("], ["Ada"]]
        for mine, other in zip(
            layout.lay_out(sentences), layout.lay_out([["met", longest, "("], ["Ada"]]), strict=True
        ):
            np.testing.assert_array_equal(mine, other)
        assert num_characters(sentences).tolist() == [MOST_OF_TOKEN + 7, 4]
    symbols_MBC, _ = layout.lay_out([[longest]])
    assert symbols_MBC.shape[-1] == MOST_OF_TOKEN + 1


@given(
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=40),
    max_tokens=st.integers(1, 40),
    max_characters=st.integers(1, 90),
    batch_size=st.integers(1, 9),
)
def test_batches_hold_every_sentence_once_and_keep_all_bounds(sizes, max_tokens, max_characters, batch_size):
    lengths = np.array([length for length, _ in sizes], np.int64)
    characters = np.array([length + more if length else 0 for length, more in sizes], np.int64)
    bounds = {"max_tokens": max_tokens, "max_characters": max_characters, "batch_size": batch_size}
    batches = list(bounded_batches(lengths, characters, **bounds))
    assert sorted(i for batch in batches for i in batch) == np.flatnonzero(lengths).tolist()

    def fits(batch):
        return (
            len(batch) <= batch_size
            and len(batch) * lengths[batch].max() <= max_tokens
            and len(batch) * characters[batch].max() <= max_characters
        )

    assert all(len(batch) == 1 or fits(batch) for batch in batches)
    # and none is cut before it has to be: the first of the next one would not have fitted
    for batch, following in pairwise(batches):
        assert characters[batch].min() >= characters[following].max()
        assert not fits(np.append(batch, following[0]))
