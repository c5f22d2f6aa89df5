"""Several labels in one string: read where it is asked for or written as a list, and warned of elsewhere."""

import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.label_lists import cut_labels, is_written_list
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError


def labels_of(corpus: DatasetDict) -> list[list[str]]:
    names = corpus["train"].features["labels"].feature.names
    return [[names[i] for i in row] for row in corpus["train"]["labels"]]


PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")


@given(st.lists(st.text(PRINTABLE, min_size=1)), st.sampled_from([list, tuple]))
def test_lists_that_python_prints_are_read_back(labels, kind):
    cell = repr(kind(labels))
    assert is_written_list(cell)
    assert cut_labels(cell, None) == labels


@pytest.mark.parametrize("separator", [",", "|", ";", "/", "\t"])
def test_labels_between_separators(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text(f'text,labels\nGreat film,"a{separator}b"\nBad film,b\nOk then,""\n')
    expected = [["a", "b"], ["b"], []]
    assert labels_of(load_corpus(path, task="classify", label_separator=separator)) == expected
    if separator != "\t":
        source = f"{path}:text=text,label_separator={separator}"
        assert labels_of(load_corpus(source, task="classify")) == expected
    rows = Dataset.from_dict({"text": ["x", "y", "z"], "label": [f"a{separator}b", "b", ""]})
    assert labels_of(load_corpus(rows, task="classify", label_separator=separator)) == expected


@pytest.mark.parametrize("cells", [["['a', 'b']", "['b']", "[]"], ['[""a"", ""b""]', '[""b""]', "[]"],
                                   ["['a' 'b']", "['b']", "[]"], ["('a', 'b')", "('b',)", "()"]])  # fmt: skip
def test_written_lists_in_a_csv_file_are_lists(tmp_path, cells):
    path = tmp_path / "a.csv"
    path.write_text("text,labels\n" + "".join(f'text {i},"{cell}"\n' for i, cell in enumerate(cells)))
    assert labels_of(load_corpus(path, task="classify")) == [["a", "b"], ["b"], []]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a,b", "b", "c"], "1 of the labels look like several in one: 'a,b'; if so, label_separator=',' cuts them"),
        (["a | b", "b|c", "c"], "2 of the labels look like several in one: 'a | b', 'b|c'; if so, label_separator='|'"),
        (["['a']", "b", "c"], "1 of the labels look like several in one: \"['a']\"; label_separator=',' reads such"),
        (["rock, pop", "rap", "folk"], ""),
    ],
)
def test_labels_that_look_like_several_are_warned_of(caplog, labels, message):
    load_corpus(Dataset.from_dict({"text": ["x", "y", "z"], "label": labels}), task="classify")
    assert message in caplog.text
    assert ("several in one" in caplog.text) == bool(message)


def test_what_cannot_be_cut_is_refused():
    rows = Dataset.from_dict({"text": ["x", "y"], "label": [1, 2]})
    with pytest.raises(DataError, match="the label is 1, which is no string"):
        load_corpus(rows, task="classify", label_separator=",")
    with pytest.raises(UsageError, match="label_separator is ''; it is what stands between"):
        load_corpus(rows, task="classify", label_separator="")
    with pytest.raises(UsageError, match="label_separator= is for task='classify'"):
        load_corpus(rows, label_separator=",")


@pytest.mark.parametrize("kind", [int, float, bool])
def test_indicators_in_a_dataset_are_no_names(kind):
    labels = [[kind(value) for value in row] for row in ([1, 0, 0], [0, 1, 1])]
    rows = Dataset.from_dict({"text": ["x", "y"], "labels": labels})
    with pytest.raises(
        DataError, match=r"each text has a list of 3 labels, and these are only .*: they look like indic"
    ):
        load_corpus(rows, task="classify")
    rows = Dataset.from_dict({"text": ["x", "y"], "labels": [[1], [0, 1]]})
    assert labels_of(load_corpus(rows, task="classify")) == [["1"], ["0", "1"]]
