"""Files of phrases: how they are cut, what is said of them, and each mistake by file and line."""

import gzip
import logging

import numpy as np
import pytest
from datasets import Dataset

from seqtag import DataError, UsageError
from seqtag.corpora.phrase_lists import log_coverage, read_gazetteers


def written(folder, name="cities.txt", content=b"Turin\nNew York\nSt. John's\n"):
    (folder / name).write_bytes(content)
    return str(folder / name)


def found(lists, *tokens):
    return lists.find(tokens, np.arange(len(tokens)), np.array([len(tokens)])).tolist()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_each_line_is_a_phrase_cut_as_texts_are(tmp_path, packed, end):
    content = b"\xef\xbb\xbfTurin\n  New  York \nSt. John's" + end
    path = written(tmp_path, content=gzip.compress(content) if packed else content)
    lists = read_gazetteers({"CITY": path}, language="en")
    assert lists.num_phrases == (3,)
    assert found(lists, "in", "New", "York") == [[0, 1, 3, 0]]
    assert found(lists, "St.", "John", "'s") == [[0, 0, 3, 0]]
    assert found(lists, "St.", "John's") == []


def test_case_counts_unless_it_is_ignored(tmp_path):
    files = {"CITY": written(tmp_path)}
    assert found(read_gazetteers(files, language="xx"), "TURIN") == []
    assert found(read_gazetteers(files, language="xx", ignores_case=True), "TURIN") == [[0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (None, UsageError, r"cities.txt: there is no such file"),
        (b"", DataError, r"cities.txt: the file is empty"),
        (b"Turin\n \t \nOslo\n", DataError, r"cities.txt:2: no token in this line; .* take the line out"),
        (b"Turin\n\n", DataError, r"cities.txt:2: no token in this line"),
        (b"PK\x03\x04\0\0\0", DataError, r"cities.txt.*a zip archive"),
        (b"Turin\n\0\x01\x02\n", DataError, r"cities.txt:2: "),
        (b"Turin\nM\xfcnchen\n", DataError, r"cities.txt:2: .*UTF-8"),
        (
            gzip.compress(b"Turin\n" * 999, mtime=0)[:-9],
            DataError,
            r"cities.txt: the gzip file is damaged or breaks off",
        ),
    ],
)
def test_a_mistake_is_told_by_file_and_line(tmp_path, content, kind, message):
    path = str(tmp_path / "cities.txt") if content is None else written(tmp_path, content=content)
    with pytest.raises(kind, match=message):
        read_gazetteers({"CITY": path}, language="xx")


def test_a_list_that_training_has_nothing_of_is_told(tmp_path, caplog):
    files = {"CITY": written(tmp_path), "MONTH": written(tmp_path, "months.txt", b"may\n")}
    lists = read_gazetteers(files, language="xx")
    data = Dataset.from_dict({"tokens": [["New", "York", "and", "Turin"], [], ["Turin", "in", "May"]]})
    with caplog.at_level(logging.INFO, "seqtag"):
        log_coverage(lists, data)
    warning, info = caplog.records
    assert (warning.levelname, warning.getMessage()[:33]) == ("WARNING", "no phrase of the list MONTH stand")
    assert info.getMessage() == "lists: phrases in the training data: 3 of CITY, 0 of MONTH"
