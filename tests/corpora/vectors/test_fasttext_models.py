"""Models of fastText and the vectors that it gives, written by tests/fixtures/make_fasttext.py; damaged copies."""

import json
import logging
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gensim.models.fasttext import load_facebook_vectors

from seqtag.corpora.vectors.fasttext_models import read_fasttext
from seqtag.errors import DataError

MODELS = Path(__file__).resolve().parents[2] / "fixtures" / "fasttext"
EXPECTED = json.loads((MODELS / "expected.json").read_text(encoding="utf-8"))
NGRAMS = (MODELS / "ngrams.bin").read_bytes()
_SIZE, _BUCKETS, _NUM_WORDS = 8, 40, 68  # where the header has them


@pytest.mark.parametrize("name", EXPECTED)
def test_words_have_the_vectors_of_fasttext(name):
    found, is_known = read_fasttext(MODELS / f"{name}.bin").find(list(EXPECTED[name]))
    np.testing.assert_allclose(found, list(EXPECTED[name].values()), atol=1e-6)
    # Where a model has no n-grams, fastText gives a word that it does not know the vector 0.
    np.testing.assert_array_equal(is_known, np.array(list(EXPECTED[name].values())).any(1))


def test_unseen_words_have_the_vectors_of_gensim():
    theirs, words = load_facebook_vectors(str(MODELS / "ngrams.bin")), ["ΑΒΓ", "rivère", "東京都", "ab", "c" * 90]
    found, _ = read_fasttext(MODELS / "ngrams.bin").find(words)
    np.testing.assert_allclose(found, [theirs[word] for word in words], atol=1e-6)


def test_a_word_beyond_all_measure_costs_no_time():
    vectors = read_fasttext(MODELS / "ngrams.bin")
    assert len(vectors.pieces.rows("a" * 10_000_000)) < 1000


def changed(tmp_path, at, *numbers, layout="<i"):
    content = bytearray(NGRAMS)
    struct.pack_into(layout, content, at, *numbers)
    return written(tmp_path, bytes(content))


def written(tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    return path


def test_what_is_cut_off_anywhere_is_refused(tmp_path):
    # The output matrix, 4 numbers for each of 15 words with its sizes and a mark, is not read.
    needed = len(NGRAMS) - (1 + 16 + 15 * 4 * 4)
    for length in range(4, needed):
        with pytest.raises(DataError, match=r"model\.bin: .*(is cut off|does not end)"):
            read_fasttext(written(tmp_path, NGRAMS[:length]))
    read_fasttext(written(tmp_path, NGRAMS[:needed]))


@pytest.mark.parametrize(
    ("at", "number", "message"),
    [
        (4, 99, "has version 99"),
        (_SIZE, 5, "a table of 65 x 4 for 15 words and 50 n-grams of 5 numbers"),
        (_SIZE, 2**31 - 1, "of 2,147,483,647 numbers"),
        (_BUCKETS, -1, "15 words, 0 labels and -1 n-grams"),
        (_BUCKETS, 2**31 - 1, "65 x 4 for 15 words and 2,147,483,647 n-grams"),
        (_NUM_WORDS, 2**31 - 1, "2,147,483,647 words"),
    ],
)
def test_a_header_that_can_not_be_is_refused(tmp_path, at, number, message):
    with pytest.raises(DataError, match=message):
        read_fasttext(changed(tmp_path, at, number))


def test_two_billion_words_in_the_header_end_where_the_file_does(tmp_path):
    path = changed(tmp_path, _NUM_WORDS - 4, 2**31 - 1, 2**31 - 1, layout="<ii")
    with pytest.raises(DataError, match=r"is cut off|does not end"):
        read_fasttext(path)


def test_any_damaged_byte_gives_vectors_or_one_message(tmp_path):
    random = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(NGRAMS)
        content[random.integers(4, 400)] = random.integers(256)
        with suppress(DataError):
            found, _ = read_fasttext(written(tmp_path, bytes(content))).find(["sea", "unseen"])
            assert np.isfinite(found).all()


def test_a_quantised_model_is_refused():
    with pytest.raises(DataError, match=r"quantised\.ftz: a quantised fastText model .* name the \.bin"):
        read_fasttext(MODELS / "quantised.ftz")


def test_a_value_that_is_not_finite_is_named(tmp_path):
    start = NGRAMS.index(struct.pack("<qq", 65, 4)) + 16
    vectors = read_fasttext(changed(tmp_path, start, np.nan, layout="<f"))
    first = next(iter(vectors.words))
    with pytest.raises(DataError, match=f"the vector of {first!r} has a value that is not finite"):
        vectors.find(["東京", first])
    with pytest.raises(DataError, match="have a value that is not finite"):
        vectors.kept(vectors.words, precision="int8")


def test_words_that_are_not_utf8_are_left_out_and_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "seqtag"):
        vectors = read_fasttext(written(tmp_path, NGRAMS.replace("naïve".encode(), "naïve".encode("latin-1") + b"e")))
    assert "left out 1 words that are not UTF-8" in caplog.text
    assert len(vectors.words) == 14
