"""The table of vectors: means of rows, what a model keeps of it, and the file that it is stored in."""

import threading

import numpy as np
import pytest

from seqtag.errors import DataError
from seqtag.text.word_pieces import FasttextNgrams
from seqtag.text.word_vectors import WordVectors, quantised

WORDS = {"sea": 0, "sky": 1, "ocean": 0}
TABLE = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
PIECES = FasttextNgrams(2, 3, 10, 2)


def read_back(vectors):
    return WordVectors.from_store(vectors.to_dict(), vectors.content)


def test_a_word_has_its_row_the_mean_of_its_pieces_or_of_both():
    found, is_known = WordVectors(WORDS, TABLE).find(["sky", "sand", "ocean", ""])
    np.testing.assert_array_equal(found, [TABLE[1], np.zeros(3), TABLE[0], np.zeros(3)])
    assert is_known.tolist() == [True, False, True, False]
    both = WordVectors(WORDS, TABLE, pieces=PIECES)
    found, is_known = both.find(["sand", "sky", ""])
    np.testing.assert_allclose(found[0], TABLE[PIECES.rows("sand")].mean(0), atol=1e-6)
    np.testing.assert_allclose(found[1], TABLE[[1, *PIECES.rows("sky")]].mean(0), atol=1e-6)
    assert is_known.tolist() == [True, True, False]
    lengths = np.linalg.norm(WordVectors(WORDS, TABLE, pieces=PIECES, is_unit=True).find(["sand", "sky"])[0], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_many_words_are_found_as_each_alone():
    vectors, words = WordVectors(WORDS, TABLE, pieces=PIECES), [f"w{n}" for n in range(2500)]
    together = vectors.find(words)[0]
    for place in (0, 999, 1000, 2499):
        np.testing.assert_array_equal(together[place], vectors.find([words[place]])[0][0])


@pytest.mark.parametrize("pieces", [None, PIECES])
def test_what_a_model_keeps_comes_back_from_its_file(pieces):
    vectors, asked = WordVectors(WORDS, TABLE, pieces=pieces), ["sky", "sand", "ocean", "Sky"]
    expected = vectors.find(asked)[0]
    exact, rounded = (vectors.kept(WORDS, precision=precision) for precision in ("float32", "int8"))
    np.testing.assert_array_equal(read_back(exact).find(asked)[0], expected)
    np.testing.assert_array_equal(read_back(rounded).find(asked)[0], rounded.find(asked)[0])
    np.testing.assert_allclose(rounded.find(asked)[0], expected, atol=np.abs(TABLE).max() / 254 + 1e-6)
    assert read_back(rounded).content == rounded.content
    # A word that is not among those that are kept has no row of its own.
    np.testing.assert_array_equal(vectors.kept({}, precision="float32").find(["sky"])[1], [pieces is not None])


def test_int8_takes_a_quarter_of_the_room():
    table = np.random.default_rng(0).normal(size=(1000, 100)).astype(np.float32)
    exact, rounded = (WordVectors({}, table).kept({}, precision=precision) for precision in ("float32", "int8"))
    assert len(rounded.content) == 1000 * (100 + 4)
    assert len(exact.content) == 1000 * 400


def test_no_file_that_does_not_fit_is_taken():
    kept = WordVectors(WORDS, TABLE, pieces=PIECES).kept(WORDS, precision="float32")
    about, content = kept.to_dict(), kept.content
    for other in (content[:-1], content + b"0", b""):
        with pytest.raises(ValueError, match=r"vectors\.bin does not hold the vectors"):
            WordVectors.from_store(about, other)
    with pytest.raises(ValueError, match=r"there is no vectors\.bin"):
        WordVectors.from_store(about, None)
    keys, rows, values = content[:24], content[24:36], content[36:]
    for other in (keys[::-1], bytes(24)):
        with pytest.raises(ValueError, match=r"vectors\.bin is damaged"):
            WordVectors.from_store(about, other + rows + values)
    for damaged in (keys + b"\xff" * 12 + values, keys + rows + b"\xff" * 4 + values[4:]):
        with pytest.raises(ValueError, match=r"vectors\.bin is damaged"):
            WordVectors.from_store(about, damaged)
    far = {**about["pieces"], "num_buckets": 11}
    with pytest.raises(ValueError, match=r"vectors\.bin is damaged"):
        WordVectors.from_store({**about, "pieces": far}, content)
    huge = {"num_rows": 2**62, "size": 2**62}
    with pytest.raises(ValueError, match=r"vectors\.bin does not hold"):
        WordVectors.from_store({**about, **huge}, content)


def test_values_that_are_not_finite_are_not_kept():
    table = TABLE.copy()
    table[1, 2] = np.inf
    vectors = WordVectors(WORDS, table)
    np.testing.assert_array_equal(vectors.find(["sea"])[0], TABLE[:1])
    with pytest.raises(DataError, match="the vector of 'sky' has a value that is not finite"):
        vectors.find(["sea", "sky"])
    with pytest.raises(DataError, match="a value that is not finite"):
        vectors.kept(WORDS, precision="float32")


def test_looking_up_is_finding_for_many_threads_and_more_words_than_are_kept():
    vectors = WordVectors(WORDS, TABLE, pieces=PIECES).kept(WORDS, precision="int8")
    wrong = []

    def ask(seed):
        random = np.random.default_rng(seed)
        for _ in range(10):
            words = [f"word{n}" for n in random.integers(0, 30_000, 2000)] + ["sky", "z" * 100]
            if not np.array_equal(vectors.look_up(words), vectors.find(words)[0]):
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert vectors.look_up([]).shape == (0, 3)
    assert len(vectors._known) <= 10_000


def test_quantised_numbers_are_within_half_a_step():
    values = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    values[3] = 0
    for largest in (63, 127):
        integers, scales = quantised(values, 1, largest=largest)
        assert np.abs(integers).max() == largest
        assert (np.abs(integers * scales - values) <= scales / 2 + 1e-7).all()
        assert not integers[3].any()
