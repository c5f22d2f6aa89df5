"""The public corpora of labelled texts, each against a reading of its own that shares no code with the readers."""

import csv
import gzip
import io
import json
import logging
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from datasets import Dataset

from seqtag.corpora.loading import load_corpus

Rows = list[tuple[str, str]]


def rows_of(dataset: Dataset) -> Rows:
    names = dataset.features["label"].names
    return [(text, names[number]) for text, number in zip(dataset["text"], dataset["label"])]


def lines_of(path: Path) -> list[str]:
    raw = path.read_bytes().decode("utf-8")
    return raw.removesuffix("\n").split("\n")


def test_sentence_polarity_is_a_file_a_class(shared_data):
    folder = shared_data / "mr_sentence_polarity"
    corpus = load_corpus(folder, task="classify")
    expected = [(line, name) for name in ("neg", "pos") for line in lines_of(folder / f"rt-polarity.{name}")]
    assert rows_of(corpus["train"]) == expected
    assert (list(corpus), Counter(label for _, label in expected)) == (["train"], {"neg": 5331, "pos": 5331})


def test_subjectivity_labels_are_what_is_left_of_the_file_names(shared_data):
    train = load_corpus(shared_data / "subj", task="classify", split="train")
    expected = [(line, n) for n in ("plot", "quote") for line in lines_of(shared_data / "subj" / f"{n}.tok.gt9.5000")]
    assert rows_of(train) == expected
    assert len(expected) == 10000


def test_uci_files_are_joined_and_their_odd_line_ends_and_quotes_stay_in_the_texts(shared_data, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    folder = shared_data / "uci_sentiment_labelled"
    train = load_corpus(folder, task="classify", split="train")
    files = ["amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt"]
    expected = [tuple(line.rsplit("\t", 1)) for name in files for line in lines_of(folder / name)]
    assert rows_of(train) == expected
    assert Counter(label for _, label in expected) == {"0": 1500, "1": 1500}
    assert sum("\u0085" in text for text, _ in expected) == 2
    assert sum(text.startswith('"') for text, _ in expected) == 6
    assert f"no file is named after a split; joined: {', '.join(files)}" in caplog.text


def test_poem_sentiment_has_its_columns_found_without_a_header(shared_data):
    folder = shared_data / "poem_sentiment"
    corpus = load_corpus(folder, task="classify")
    expected = {split: [line.split("\t") for line in lines_of(folder / f"{split}.tsv")] for split in corpus}
    assert {split: rows_of(data) for split, data in corpus.items()} == {
        split: [(text, label) for _, text, label in rows] for split, rows in expected.items()
    }
    assert {split: len(data) for split, data in corpus.items()} == {"train": 892, "dev": 105, "test": 104}
    # in order as numbers; the one that dev and test lack is there all the same
    assert [data.features["label"].names for data in corpus.values()] == [["-1", "0", "1", "2"]] * 3


def test_banking_has_line_breaks_inside_quotes(shared_data, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    folder = shared_data / "banking77"
    corpus = load_corpus(folder, task="classify")
    for split, count in (("train", 10003), ("test", 3080)):
        with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as handle:
            expected = [(row["text"], row["category"]) for row in csv.DictReader(handle)]
        assert rows_of(corpus[split]) == expected
        assert len(expected) == count
        assert any("\n" in text for text, _ in expected)
    assert sorted(corpus) == ["test", "train"]
    names = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    assert corpus["train"].features["label"].names == sorted(names)
    assert "left out: categories.json" in caplog.text


@pytest.mark.parametrize("name", ["", "data_full.json.gz"])
def test_clinc_keeps_the_out_of_scope_splits_apart(shared_data, name):
    corpus = load_corpus(shared_data / "clinc150" / name, task="classify")
    content = json.loads(gzip.decompress((shared_data / "clinc150" / "data_full.json.gz").read_bytes()))
    content["dev"] = content.pop("val")
    assert {split: rows_of(data) for split, data in corpus.items()} == {
        split: [(text, label) for text, label in pairs] for split, pairs in content.items()
    }
    assert {split: len(data) for split, data in corpus.items()} == {
        **{"train": 15000, "dev": 3000, "test": 4500},
        **{"oos_train": 100, "oos_val": 100, "oos_test": 1000},
    }
    assert list(corpus)[:3] == ["train", "dev", "test"]
    assert len(corpus["train"].features["label"].names) == 151


@pytest.mark.parametrize("name", ["", "movie_reviews.zip"])
def test_movie_reviews_are_read_out_of_their_zip(shared_data, name):
    train = load_corpus(shared_data / "movie_reviews_v2" / name, task="classify", split="train")
    with zipfile.ZipFile(shared_data / "movie_reviews_v2" / "movie_reviews.zip") as archive:
        files = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        expected = [(archive.read(name).decode("utf-8").removesuffix("\n"), name.split("/")[1]) for name in files]
    assert rows_of(train) == expected
    assert Counter(label for _, label in expected) == {"neg": 1000, "pos": 1000}
    assert max(text.count("\n") for text, _ in expected) > 50  # the equality above holds line breaks too


def test_product_reviews_have_the_sign_of_their_opinions(shared_data, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    folder = shared_data / "cr_product_reviews"
    train = load_corpus(folder, task="classify", split="train")
    expected: Rows = []
    num_neutral = 0
    for path in sorted(folder.glob("*_*.txt")):
        for line in lines_of(path):
            if "##" not in line or line.startswith("[t]"):
                continue
            features, text = line.split("##")
            # a second way to the sum: pluses and minuses are counted one by one
            balance = sum(n * (features.count(f"[+{n}]") - features.count(f"[-{n}]")) for n in range(1, 10))
            if balance:
                expected.append((text, "positive" if balance > 0 else "negative"))
            num_neutral += not features
    assert rows_of(train) == expected
    assert Counter(label for _, label in expected) == {"positive": 1081, "negative": 638}
    logged = caplog.text
    neutral, even = (
        sum(map(int, re.findall(pattern, logged)))
        for pattern in (r"left out: (\d+) without", r"without one, (\d+) whose opinions add up to 0")
    )
    assert (neutral, even) == (num_neutral, 8)
    odd = re.findall(r"(\w+)\.txt:(\d+) '", logged)
    assert sorted((name.split("_")[0], int(line)) for name, line in odd if name != "player") == [
        *(("Canon", 523), ("Creative", 90), ("Creative", 157), ("Creative", 334), ("Nokia", 155), ("Nokia", 480)),
    ]
    assert [int(line) for name, line in odd if name == "player"] == [485, 578]  # "Apex ... DVD player.txt"


def test_snips_intents(shared_data):
    folder = shared_data / "snips_slots"
    corpus = load_corpus(folder, task="classify")
    for split, name in (("train", "train"), ("dev", "valid"), ("test", "test")):
        expected = list(zip(lines_of(folder / name / "seq.in"), lines_of(folder / name / "label")))
        assert rows_of(corpus[split]) == expected
    assert {split: len(data) for split, data in corpus.items()} == {"train": 13084, "dev": 700, "test": 700}
    assert len(corpus["train"].features["label"].names) == 7


def test_the_plain_forms_of_all_corpora_read_back_equal(shared_data, tmp_path):
    """`label<TAB>text` without quoting, as other tools write and read it, of texts that begin with quotes and all."""
    folder = shared_data / "uci_sentiment_labelled"
    rows = [line.rsplit("\t", 1) for line in lines_of(folder / "imdb_labelled.txt")]
    path = tmp_path / "train.tsv"
    path.write_bytes("".join(f"{label}\t{text}\n" for text, label in rows).encode())
    assert rows_of(load_corpus(tmp_path, task="classify", split="train")) == [tuple(row) for row in rows]
    quoted = io.StringIO()
    csv.writer(quoted, delimiter="\t").writerows(rows)
    path.write_bytes(quoted.getvalue().encode())
    assert rows_of(load_corpus(tmp_path, task="classify", split="train")) == [tuple(row) for row in rows]
