"""Which reader a name leads to; the readers have tests of their own."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from seqtag.corpora.vectors.pretrained_vectors import read_pretrained, telling_source
from seqtag.errors import DataError, UsageError
from seqtag.text.word_vectors import WordVectors

FASTTEXT = Path(__file__).resolve().parents[2] / "fixtures" / "fasttext" / "ngrams.bin"


def test_a_file_is_told_by_its_content(tmp_path):
    (tmp_path / "a.bin").write_text("sea 1 2\nsky 3 4\n")
    (tmp_path / "b.txt").write_bytes(FASTTEXT.read_bytes())
    text = read_pretrained(tmp_path / "a.bin", words={"sky"})
    np.testing.assert_array_equal(text.find(["sea", "sky"])[0], [[0, 0], [3, 4]])
    assert read_pretrained(tmp_path / "b.txt").pieces.num_buckets == 50


def test_a_zipped_model_has_to_be_unpacked(tmp_path):
    (tmp_path / "m.bin.gz").write_bytes(gzip.compress(FASTTEXT.read_bytes()))
    with pytest.raises(DataError, match=r"m\.bin\.gz: is a fastText model in a zipped file; unpack it"):
        read_pretrained(tmp_path / "m.bin.gz")


def test_a_folder_of_something_else_says_what_is_read(tmp_path):
    with pytest.raises(UsageError, match="a folder without word vectors; a pipeline of spaCy has vocab/vectors"):
        read_pretrained(tmp_path)
    (tmp_path / "vocabulary.json").write_text("{}")
    with pytest.raises(
        UsageError, match=r"the folder of a model of seqtag, .*go on from the whole model with start_from"
    ):
        read_pretrained(tmp_path)


def test_an_error_of_vectors_says_where_they_are_from():
    vectors = WordVectors({"sea": 0}, np.array([[np.nan]], np.float32))
    with pytest.raises(DataError, match=r"^glove: the vector of 'sea' has a value"), telling_source("glove"):
        vectors.find(["sea"])
