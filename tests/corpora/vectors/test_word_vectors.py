"""The reader of word vectors: tiny files of each format, faults of each kind, and the public extracts."""

import gzip
import logging
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqtag.corpora.vectors.word_vectors import read_vectors
from seqtag.errors import DataError, UsageError

WORDS = ["the", ". . . infinity", "at\u00a0night", "naïve", "7", "\u0085"]
MATRIX = np.array([[0.5, -1, 2e-3], [1, 2, 3], [0, 0, 0], [4, 5, 6], [7, 8, 9], [-1, -2, -3]], np.float32)


def glove(words: list[str], matrix: np.ndarray, *, header: bool = False, tail: str = "") -> bytes:
    rows = [" ".join([word, *(repr(float(value)) for value in row)]) + tail for word, row in zip(words, matrix)]
    if header:
        rows.insert(0, f"{matrix.shape[0]} {matrix.shape[1]}")
    return ("\n".join(rows) + "\n").encode("utf-8")


def word2vec_binary(words: list[str], matrix: np.ndarray, *, newline: bytes = b"\n") -> bytes:
    rows = [
        word.encode("utf-8") + b" " + struct.pack(f"<{matrix.shape[1]}f", *row) + newline
        for word, row in zip(words, matrix.tolist())
    ]
    return f"{matrix.shape[0]} {matrix.shape[1]}\n".encode() + b"".join(rows)


def write(folder: Path, content: bytes, name: str = "vectors") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


FORMATS = {
    "glove": glove(WORDS, MATRIX),
    "glove with BOM and CRLF": b"\xef\xbb\xbf" + glove(WORDS, MATRIX).replace(b"\n", b"\r\n"),
    "word2vec text": glove(WORDS, MATRIX, header=True),
    "fasttext": glove(WORDS, MATRIX, header=True, tail=" "),
    "no last newline": glove(WORDS, MATRIX).rstrip(b"\n"),
    "blank line at the end": glove(WORDS, MATRIX) + b"\n",
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_every_text_format_reads_the_same(tmp_path, caplog, name, zipped):
    content = gzip.compress(FORMATS[name]) if zipped else FORMATS[name]
    with caplog.at_level(logging.INFO, "seqtag.corpora.vectors.word_vectors"):
        vectors = read_vectors(write(tmp_path, content))
    assert vectors.words == WORDS
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert vectors.matrix.dtype == np.float32
    assert "kept 6 of 6 rows, width 3" in caplog.text
    assert "left out" not in caplog.text


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("newline", [b"\n", b""])
def test_word2vec_binary_with_and_without_newlines(tmp_path, newline, zipped):
    words = [word.replace(" ", "_") for word in WORDS]
    content = word2vec_binary(words, MATRIX, newline=newline)
    vectors = read_vectors(write(tmp_path, gzip.compress(content) if zipped else content))
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, MATRIX)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    words=st.lists(st.text("ab.1é☃-", min_size=1, max_size=3), min_size=1, max_size=4, unique=True),
    data=st.data(),
    size=st.integers(2, 5),
)
def test_what_is_written_is_read(tmp_path, words, data, size):
    values = st.floats(-100, 100, width=32)
    matrix = data.draw(hnp.arrays(np.float32, (len(words), size), elements=values))
    for content in (glove(words, matrix), glove(words, matrix, header=True)):
        vectors = read_vectors(write(tmp_path, content))
        assert vectors.words == words
        np.testing.assert_array_equal(vectors.matrix, matrix)
        last = read_vectors(write(tmp_path, content), words={words[-1], "absent"})
        assert last.words == words[-1:]
        np.testing.assert_array_equal(last.matrix, matrix[-1:])


def test_a_long_binary_file_is_read_across_chunks(tmp_path):
    random = np.random.default_rng(0)
    matrix = random.normal(size=(4000, 200)).astype(np.float32)  # 3.2 MB
    words = [f"w{index}" for index in range(4000)]
    path = write(tmp_path, word2vec_binary(words, matrix))
    vectors = read_vectors(path)
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, matrix)
    some = read_vectors(path, words={"w17", "w3999"})
    np.testing.assert_array_equal(some.matrix, matrix[[17, 3999]])


@pytest.mark.parametrize(("write_as", "size"), [(glove, 20), (word2vec_binary, 100)])
def test_memory_grows_with_the_rows_kept_and_not_with_the_file(tmp_path, write_as, size):
    words = [f"w{index}" for index in range(20_000)]
    matrix = np.random.default_rng(0).normal(size=(20_000, size)).astype(np.float32)
    path = write(tmp_path, write_as(words, matrix))
    del words, matrix
    tracemalloc.start()
    try:
        assert read_vectors(path, words={"w9999"}).words == ["w9999"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000 < 7_500_000 < path.stat().st_size


@pytest.mark.parametrize("content", [glove(WORDS, MATRIX), glove(WORDS, MATRIX, header=True)])
def test_limit_counts_rows_from_the_top_wanted_or_not(tmp_path, content):
    path = write(tmp_path, content)
    assert read_vectors(path, limit=2).words == WORDS[:2]
    assert read_vectors(path, limit=2, words={"7", "the"}).words == ["the"]
    assert read_vectors(path, limit=99).words == WORDS


def test_limit_of_a_binary_file(tmp_path):
    path = write(tmp_path, word2vec_binary(["a", "b", "c"], MATRIX[:3]))
    assert read_vectors(path, limit=2).words == ["a", "b"]


def test_no_wanted_word_gives_no_rows_of_the_right_width(tmp_path):
    vectors = read_vectors(write(tmp_path, glove(WORDS, MATRIX)), words={"absent"})
    assert (vectors.words, vectors.matrix.shape) == ([], (0, 3))


def test_the_first_of_two_rows_wins_and_the_loss_is_logged(tmp_path, caplog):
    content = glove(["sea", "sky", "sea"], MATRIX[:3]) + b"caf\xe9 1 2 3\n"
    with caplog.at_level(logging.INFO, "seqtag.corpora.vectors.word_vectors"):
        vectors = read_vectors(write(tmp_path, content))
    assert vectors.words == ["sea", "sky"]
    np.testing.assert_array_equal(vectors.matrix, MATRIX[:2])
    assert "kept 2 of 4 rows" in caplog.text
    assert "left out 1 rows with a word seen before and 1 with a word that is not UTF-8" in caplog.text


HEAD = glove(["the", "sea"], MATRIX[:2])
BINARY = word2vec_binary(["the", "sea"], MATRIX[:2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "vectors: is empty"),
        (b"\n\n", "vectors: is empty"),
        (b"hello\nworld\n", "vectors:1: starts with b'hello', which is neither a header"),
        (b"0 300\n", "vectors:1: starts with b'0 300'"),
        (b"3 0\n", "vectors:1: starts with b'3 0'"),
        (
            HEAD + b"sky 1 2\n",
            "vectors:3: expected a word and 3 numbers, as above in the file, found 'sky' and 2 fields",
        ),
        (
            HEAD + b"sky 1 2 3.5 4\n",
            "vectors:3: expected a word and 3 numbers, as above in the file, found 'sky' and 4",
        ),
        (HEAD + b"new york 2 3\n", "vectors:3: .* found 'new' and 3 fields, of which 'york' is not a finite number"),
        (HEAD + b"sky 1 x 3\n", "vectors:3: .* of which 'x' is not a finite number"),
        (HEAD + b"sky 1 nan 3\n", "vectors:3: .* of which 'nan' is not a finite number"),
        (HEAD + b"sky inf -inf 3\n", "vectors:3: .* of which 'inf' is not a finite number"),
        (HEAD + b"sky 1 2 1e39\n", "vectors:3: .* of which '1e39' is not a finite number"),
        (b"3 3\n" + HEAD, "the header promises 3 words, found 2"),
        (b"1 3\n" + HEAD, "the header promises 1 words, found 2"),
        (b"2 4\n" + HEAD, "vectors:2: expected a word and 4 numbers"),
        (BINARY[:-6], "ends inside word 2 of the 2 that its header promises"),
        (BINARY[:10], "ends inside word 1 of the 2"),
        (BINARY + b"more", "goes on after the 2 words that its header promises"),
        (b"9 3\nsea " + b"\0" * 40000, "word 2 of 9 does not end; the file is damaged"),
        (
            BINARY.replace(struct.pack("<f", 3), struct.pack("<f", np.nan)),
            "word 2 of 2, 'sea', has a value that is not",
        ),
        (gzip.compress(glove(WORDS, MATRIX), mtime=0)[:-12], "the gzip file is damaged or cut off"),
        (gzip.compress(b"x" * 99, mtime=0)[:10] + b"garbage", "the gzip file is damaged or cut off"),
        (b"PK\x03\x04rest", "is a zip archive; unpack it"),
        (
            b"1 99999999999999999999\nsea 1 2\n",
            "vectors:1: the header promises 1 words of 99999999999999999999 numbers",
        ),
        (b"1 " + b"9" * 6000 + b"\nsea 1 2\n", "vectors:1: the header promises 1 words of 9999"),
        (b"9" * 6000 + b" 3\nsea 1 2 3\n", "vectors:1: the header promises 9999"),
        ("é 1 2\nü 3 4\n".encode("latin-1"), "none of 2 words is UTF-8; convert the file"),
    ],
)
def test_a_malformed_file_is_refused_by_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write(tmp_path, content))


def test_width_is_checked_where_the_row_is_not_kept(tmp_path):
    for row in (b"sky 1 2\n", b"new york 2 3\n", b"sky 1 2 3.5 4\n"):
        with pytest.raises(DataError, match="vectors:3: expected a word and 3 numbers"):
            read_vectors(write(tmp_path, HEAD + row), words={"the"})


def test_wrong_calls_name_the_right_one(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_vectors(tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="limit=0"):
        read_vectors(write(tmp_path, HEAD), limit=0)
    with pytest.raises(UsageError, match="words='sea' is one string"):
        read_vectors(write(tmp_path, HEAD), words="sea")


@pytest.mark.parametrize(
    ("name", "num_words", "size"),
    [
        ("glove_6B_50d_5k/glove.6B.50d.subset5k.txt.gz", 5050, 50),
        ("glove_twitter_25d_12k/glove.twitter.27B.25d.subset12k.txt.gz", 11925, 25),
        ("glove_840B_char_300d/glove.840B.300d-char.txt", 94, 300),
    ],
)
def test_public_glove_extracts_equal_a_plain_loop(shared_data, name, num_words, size):
    path = shared_data / name
    raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    lines = [line.split(" ") for line in raw.decode("utf-8").split("\n") if line]
    vectors = read_vectors(path)
    assert vectors.words == [line[0] for line in lines]
    assert vectors.matrix.shape == (num_words, size)
    np.testing.assert_array_equal(vectors.matrix, np.array([line[1:] for line in lines], np.float64).astype(np.float32))


def test_emoji2vec_equals_a_loop_over_struct(shared_data):
    path = shared_data / "emoji2vec" / "emoji2vec.bin"
    words, rows = [], []
    with path.open("rb") as file:
        num_words, size = map(int, file.readline().split())
        for _ in range(num_words):
            word = b""
            while (byte := file.read(1)) != b" ":
                word += byte
            words.append(word.decode("utf-8").strip("\n"))
            rows.append(struct.unpack(f"<{size}f", file.read(4 * size)))
    vectors = read_vectors(path)
    assert (num_words, size) == (1661, 300) == vectors.matrix.shape
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, np.array(rows, np.float32))
    assert "😀" in vectors.words
