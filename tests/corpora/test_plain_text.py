"""Reading plain text: every source gives the same pieces, in memory that does not grow, and bad ones are told."""

import csv
import gzip
import logging
import tracemalloc
from itertools import pairwise

import pytest
from datasets import Dataset, DatasetDict, Features, Value
from hypothesis import given
from hypothesis import strategies as st

from seqtag import DataError, UsageError
from seqtag.corpora.plain_text import read_text

LINES = ["To be,", "", "or not  to be: ", "naïve 東京"]
TEXT = "".join(f"{line}\n" for line in LINES)


def read(source):
    return "".join(read_text(source))


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a", "a.md"])
def test_a_file_is_its_lines(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT.encode()) if name.endswith(".gz") else TEXT.encode())
    assert read(path) == read(str(path)) == TEXT


@pytest.mark.parametrize("text", ["\ufeffa\r\nb\r\n", "a\nb"], ids=["windows", "open end"])
def test_lines_end_in_one_line_feed_each(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert read(tmp_path / "a.txt") == "a\nb\n"


def test_pieces_hold_whole_lines_and_stay_small(tmp_path):
    line = "x" * 99 + "\n"
    (tmp_path / "large.txt").write_text(line * 400_000)  # 40 MB
    tracemalloc.start()
    total = 0
    for piece in read_text(tmp_path / "large.txt"):
        total += len(piece)
        assert piece.endswith("\n")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 40_000_000
    assert most < 8_000_000


def test_a_folder_is_its_text_files_by_name(tmp_path, caplog):
    for name, text in {"b.txt": "two\n", "a.txt.gz": "one", "README.md": "no", "x.pdf": "no", "empty.txt": ""}.items():
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    (tmp_path / "inside").mkdir()
    (tmp_path / "table.csv").write_text("text\nno\n")
    with caplog.at_level(logging.INFO, "seqtag"):
        assert read(tmp_path) == "one\ntwo\n"
    assert "3 text files, in the order of their names; left out: table.csv, inside" in caplog.text


def test_a_folder_of_splits_is_refused_as_its_test_file_would_be_trained_on(tmp_path):
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).write_text("a\n")
    with pytest.raises(UsageError, match=r"its files are splits \(train.txt, test.txt\); give .*train.txt"):
        read(tmp_path)


cells = st.text("ab\",;\n\t '", max_size=8).filter(str.strip)


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6), mark=st.sampled_from(",;\t"))
def test_a_column_of_a_csv_file_is_the_list_of_its_cells(tmp_path_factory, rows, mark):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    if mark == "\t":  # between tabs, a line break within a cell leaves open whether quotes are quotes
        rows = [tuple(cell.replace("\n", " ") for cell in row) for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=mark, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "note"), *rows])
    texts, notes = [row[0] for row in rows], [row[1] for row in rows]
    assert read(path) == read(f"{path}:text") == read(f"{path}:text=text") == read(f"{path}:0") == read(texts)
    assert read(f"{path}:note") == read(f"{path}:note") == read(notes)


def test_a_file_without_a_header_has_its_columns_by_number(tmp_path):
    (tmp_path / "t.tsv").write_text('1\tHe said "no".\n2\tIt rained.\n')
    assert read(f"{tmp_path / 't.tsv'}:1") == read(f"{tmp_path / 't.tsv'}:-1") == 'He said "no".\nIt rained.'


@given(st.lists(st.text("ab\n", max_size=4), min_size=1, max_size=6).filter(any))
def test_between_texts_stands_one_line_break_unless_the_first_ends_in_one(texts):
    expected = texts[0]
    for before, text in pairwise(texts):
        expected += text if before.endswith("\n") else "\n" + text
    assert read(texts) == read(iter(texts)) == expected
    assert read(Dataset.from_dict({"id": range(len(texts)), "text": texts})) == expected


def test_a_dataset_has_its_text_by_name_else_by_type(tmp_path):
    data = {"title": ["x", "y"], "review": ["one", "two"], "stars": [1, 2]}
    assert read(Dataset.from_dict(data)) == "one\ntwo"
    assert read(Dataset.from_dict({"prose": ["one"], "n": [1]})) == "one"
    Dataset.from_dict(data).save_to_disk(tmp_path / "saved")
    assert read(tmp_path / "saved") == "one\ntwo"
    Dataset.from_dict(data).to_parquet(tmp_path / "t.parquet")
    assert read(f"{tmp_path / 't.parquet'}:title") == "x\ny"


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("nowhere.txt", UsageError, "'nowhere.txt': there is no such file or folder.*put it in a list"),
        ("to be " * 100, UsageError, r"put it in a list: \[text\]"),
        ("to be\nor not", UsageError, r"put it in a list: \[text\]"),
        ("", UsageError, "there is no such file"),
        ([], DataError, "the text: there is no text in it"),
        (["", ""], None, "\n"),
        ([""], DataError, "there is no text in it"),
        (["a", 7], DataError, "text number 2: the text is int, no string"),
        (["a", "b\ud800"], DataError, "text number 2 holds .*surrogate"),
        (b"bytes", UsageError, "not bytes"),
        (7, UsageError, "a text is a path, a dataset or a list of strings, not int"),
        (DatasetDict(train=Dataset.from_dict({"text": ["a"]})), UsageError, "several splits are given: train"),
        (Dataset.from_dict({"n": [1]}), DataError, "no column of it holds strings"),
        (
            Dataset.from_dict({"a": ["x"], "b": ["y"]}),
            UsageError,
            r"ambiguous text column \(a, b\)",
        ),
        (
            Dataset.from_dict({"text": ["x", None]}, features=Features({"text": Value("string")})),
            DataError,
            "row 2: the text is missing",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[:12],
)
def test_what_is_no_text_is_told(source, kind, message):
    if kind is None:
        assert read(source) == message
    else:
        with pytest.raises(kind, match=message):
            read(source)


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.txt", b"fine\nbad \xff\n", "", r"a.txt:2: byte 5 of the line is 0xff, which is not UTF-8"),
        ("a.txt", b"", "", "a.txt: the file is empty"),
        ("a.txt", b"fine\n", ":text", "which has no columns; leave out :text"),
        ("a.csv", b"id,name\n1,x\n", "", r"ambiguous text column \(0, 1\)"),
        (
            "a.csv",
            b"id,text\n1,x\n",
            ":tekst",
            "a.csv:1: no column 'tekst' for text= in the header.*did you mean 'text'",
        ),
        ("a.csv", b"id,text\n1,x\n", ":2", "no column 2 for text=; there are 2, numbered from 0"),
        ("a.csv", b"id,text\n1\n", "", r"a.csv:2: 1 column, where line 1 has 2"),
        ("a.csv", b'id,text\n1,"x\n', "", r"a.csv:2: the row that begins here is not well quoted"),
        ("a.csv", b"text\n", "", "a.csv: there is no text in it"),
    ],
)
def test_damaged_files_are_named_with_the_line(tmp_path, name, content, column, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, UsageError), match=message):
        read(f"{tmp_path / name}{column}")


def test_a_folder_without_text_is_told(tmp_path):
    with pytest.raises(DataError, match="no text file"):
        read(tmp_path)
