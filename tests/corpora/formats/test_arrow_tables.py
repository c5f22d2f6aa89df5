"""Labelled texts in datasets and in files that `datasets` opens: columns by type and name, labels of every kind."""

import json
import logging
import math

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.corpora import labelled_drafts as labelled
from seqtag.corpora.column_roles import labelled_columns
from seqtag.corpora.labelled_drafts import LabelledBlock, LabelledForm, LabelledPart, gather_texts, settle_labels
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError

TEXT, STARS = Value("string"), ClassLabel(names=["good", "bad"])


def read(rows: dict[str, list], features: dict | None = None, **options: object) -> Dataset:
    dataset = Dataset.from_dict(rows, features=None if features is None else Features(features))
    return load_corpus(dataset, task="classify", split="train", **options)


def labels_of(dataset: Dataset) -> list:
    if "labels" in dataset.column_names:
        names = dataset.features["labels"].feature.names
        return [[names[number] for number in row] for row in dataset["labels"]]
    names = dataset.features["label"].names
    return [names[number] for number in dataset["label"]]


def test_a_class_label_keeps_its_names_and_order():
    found = read({"id": ["a", "b"], "review": ["Fine.", "Bah!"], "y": [1, 1]}, {"id": TEXT, "review": TEXT, "y": STARS})
    assert found.column_names == ["text", "label"]
    assert found.features["label"].names == ["good", "bad"]  # neither sorted nor without the one that does not occur
    assert found["text"][:] == ["Fine.", "Bah!"]
    assert found["label"][:] == [1, 1]


@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        (["b", " a", "b "], ["a", "b"], [1, 0, 1]),
        ([10, 9, -1], ["-1", "9", "10"], [2, 1, 0]),
        ([3.0, 1.0, 20.0], ["1", "3", "20"], [1, 0, 2]),
        ([0.5, 3.0, 10.0], ["0.5", "3", "10"], [0, 1, 2]),
        ([True, False, True], ["false", "true"], [1, 0, 1]),
        (["10", "9", "nine"], ["10", "9", "nine"], [0, 1, 2]),
    ],
)
def test_labels_become_class_names(labels, names, numbers):
    found = read({"text": ["x", "y", "z"], "label": labels})
    assert (found.features["label"].names, found["label"][:]) == (names, numbers)


def test_several_labels_a_text():
    rows = {"text": ["x", "y", "z"], "labels": [["b", "a"], [], ["b"]]}
    found = read(rows)
    assert found.column_names == ["text", "labels"]
    assert labels_of(found) == rows["labels"]
    assert found.features["labels"].feature.names == ["a", "b"]
    classes = {"text": TEXT, "labels": Sequence(STARS)}
    assert labels_of(read({"text": ["x", "y"], "labels": [[1, 0], []]}, classes)) == [["bad", "good"], []]
    assert labels_of(read({"text": ["x"], "topics": [[7, 3]]}, label="topics")) == [["7", "3"]]
    with pytest.raises(DataError, match="train, row 1: the label is missing"):
        read({"text": ["x", "y"], "labels": [["a"], None]})
    with pytest.raises(DataError, match="train, row 2: the label is missing"):
        read({"text": ["x", "y", "z"], "labels": [["a", "b"], [], ["a", None]]})
    with pytest.raises(DataError, match="train, row 2: label number -1 has no name among the 2 of column 'labels'"):
        read({"text": ["x", "y", "z"], "labels": [[1, 0], [], [0, -1]]}, classes)


def test_tokens_stand_in_for_a_text():
    rows = {"id": ["0", "1", "2"], "tokens": [["go", "on"], [], None], "intent": ["x", "y", "x"]}
    found = read(rows)
    assert found.column_names == ["tokens", "label"]
    assert found["tokens"][:] == [["go", "on"], [], []]
    assert labels_of(found) == ["x", "y", "x"]
    assert read({"text": ["go on"], "tokens": [["go", "on"]], "label": ["x"]}).column_names == ["text", "label"]
    with pytest.raises(DataError, match="train, row 1: a null in column 'tokens'"):
        read({"tokens": [["a"], ["b", None]], "label": ["x", "y"]})
    with pytest.raises(UsageError, match=r"both hold lists, as for tagging; .* label='labels', for tags task='tag'"):
        read({"tokens": [["a"]], "labels": [["B-X"]]})
    assert labels_of(read({"tokens": [["a"]], "labels": [["x", "y"]]}, label="labels")) == [["x", "y"]]


def test_unlabelled_rows_are_named():
    with pytest.raises(DataError, match=r"train, row 1: label number -1 has no name .*-1 stands for unlabelled rows"):
        read({"text": ["x", "y"], "label": [0, -1]}, {"text": TEXT, "label": STARS})
    with pytest.raises(DataError, match="train, row 1: the label is missing"):
        read({"text": ["x", "y"], "label": [0, None]}, {"text": TEXT, "label": STARS})
    for missing in (None, " ", math.nan):
        other = 1.0 if isinstance(missing, float) else "a"
        with pytest.raises(DataError, match="train, row 2: the label is missing"):
            read({"text": ["x", "y", "z"], "label": [other, other, missing]})


def test_blank_texts_of_tables_are_reported_by_row(caplog):
    found = read({"text": ["x", None, "", " \u00a0\u2028\n"], "label": ["a"] * 4})
    assert found["text"][:] == ["x", "", "", ""]
    assert "train: 3 texts are blank and kept as empty ones: split train, row 1, split train, row 2" in caplog.text


def test_what_is_in_the_final_form_is_returned_as_it_is(caplog):
    corpus = load_corpus(
        DatasetDict(
            train=Dataset.from_dict({"text": ["x", "y"], "label": ["b", "a"]}),
            validation=Dataset.from_dict({"text": ["z"], "label": ["c"]}),
        ),
        task="classify",
    )
    assert {split: data.features["label"].names for split, data in corpus.items()} == {
        "train": ["a", "b", "c"],
        "dev": ["a", "b", "c"],
    }
    again = load_corpus(corpus, task="classify")
    assert [data.cache_files for data in again.values()] == [data.cache_files for data in corpus.values()]
    assert load_corpus(corpus["train"], task="classify", split="train").cache_files == corpus["train"].cache_files
    blank = Dataset.from_dict({"text": ["x", ""], "label": [0, 1]}, features=Features({"text": TEXT, "label": STARS}))
    assert load_corpus(blank, task="classify")["train"] is blank
    assert "train: 1 text is blank and kept as an empty one: row 1" in caplog.text
    for texts, labels in ((["x", " "], [0, 1]), (["x", None], [0, 1])):
        untidy = Dataset.from_dict({"text": texts, "label": labels}, features=blank.features)
        assert load_corpus(untidy, task="classify")["train"]["text"][:] == ["x", ""]
    two_lists = {
        "train": blank,
        "test": Dataset.from_dict(
            {"text": ["z"], "label": [0]}, features=Features({"text": TEXT, "label": ClassLabel(names=["bad", "odd"])})
        ),
    }
    merged = load_corpus(two_lists, task="classify")
    assert merged["test"].features["label"].names == ["good", "bad", "odd"]
    assert (labels_of(merged["train"]), labels_of(merged["test"])) == (["good", "bad"], ["bad"])


def test_splits_of_datasets_keep_names_of_several_words():
    one = Dataset.from_dict({"text": ["x"], "label": ["a"]})
    corpus = load_corpus({"oos-test": one, "test": one, "validation": one, "train": one}, task="classify")
    assert list(corpus) == ["train", "dev", "test", "oos-test"]
    assert len(load_corpus({"oos-test": one, "test": one}, task="classify", split="oos-test")) == 1


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "arrow", "save_to_disk", "hub", "configured"])
def test_files_that_datasets_opens(tmp_path, ending):
    dataset = Dataset.from_dict({"idx": [0, 1], "sentence": ["x\u0085y", "z\u2028"], "label": ["b", "a"]})
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        dataset.to_parquet(path)
    elif ending in ("jsonl", "json"):
        dataset.to_json(path, lines=ending == "jsonl", force_ascii=False)
    elif ending in ("hub", "configured"):
        (path / "data").mkdir(parents=True)
        for number in (0, 1):
            dataset.select([number]).to_parquet(path / "data" / f"train-0000{number}-of-00002.parquet")
        if ending == "configured":
            header = "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n"
            (path / "README.md").write_text(f"---\n{header}---\n# A corpus\n", encoding="utf-8")
    else:
        dataset.save_to_disk(tmp_path / "saved")
        path = tmp_path / "saved" / "data-00000-of-00001.arrow" if ending == "arrow" else tmp_path / "saved"
    found = load_corpus(path, task="classify")["train"]
    assert (found["text"][:], labels_of(found)) == (["x\u0085y", "z\u2028"], ["b", "a"])


def test_a_hub_name_while_offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match=r"nobody/none: there is no such file or folder .*give its folder"):
        load_corpus("nobody/none", task="classify")


def test_categories_and_large_strings_of_other_tools_are_read(tmp_path):
    table = pa.table(
        {
            "review": pa.array(["x", "y", "z"], pa.large_string()),
            "label": pa.array(["b", "a", "b"]).dictionary_encode(),
            "flag": pa.array([1, 2, 3], pa.uint8()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    found = load_corpus(tmp_path / "rows.parquet", task="classify", split="train")
    assert (found["text"][:], labels_of(found)) == (["x", "y", "z"], ["b", "a", "b"])


def test_several_labels_in_jsonl_with_empty_lists_first(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": "x", "labels": []}, {"text": "y", "labels": ["b", "a"]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert labels_of(load_corpus(path, task="classify", split="train")) == [[], ["b", "a"]]


def test_columns_of_tables():
    def columns(features: dict, **asked: str) -> tuple[str, str]:
        found = labelled_columns(Features(features), **asked)
        return found.text, found.label

    number = Value("int64")
    tags = Sequence(ClassLabel(names=["O", "B-X"]))
    words = Sequence(TEXT)
    assert columns({"label": number, "label_text": TEXT, "text": TEXT}) == ("text", "label")
    assert columns({"title": TEXT, "content": TEXT, "stars": number}) == ("content", "stars")
    assert columns({"utt": TEXT, "intent": TEXT}) == ("utt", "intent")
    assert columns({"text": TEXT, "mood": TEXT}) == ("text", "mood")
    assert columns({"id": TEXT, "tokens": words, "ner_tags": tags, "intent": STARS}) == ("tokens", "intent")
    assert columns({"a": TEXT, "b": TEXT, "c": number}, text="b", label="c") == ("b", "c")
    with pytest.raises(UsageError, match=r"ambiguous label column \(coarse, fine\): pass label='fine'"):
        columns({"text": TEXT, "coarse": STARS, "fine": STARS})
    with pytest.raises(UsageError, match=r"ambiguous text column \(premise, hypothesis\)"):
        columns({"premise": TEXT, "hypothesis": TEXT, "label": STARS})
    with pytest.raises(DataError, match="no column holds a label; the columns are: id, tokens, ner_tags"):
        columns({"id": TEXT, "tokens": words, "ner_tags": tags})
    with pytest.raises(DataError, match="no column holds a text; the columns are: label"):
        columns({"label": STARS})
    with pytest.raises(UsageError, match=r"no column 'txt' for text=; .*did you mean 'text'"):
        columns({"text": TEXT, "label": STARS}, text="txt")
    with pytest.raises(DataError, match="column 'label' holds no texts; name another with text="):
        columns({"text": TEXT, "label": STARS, "y": TEXT}, text="label", label="y")
    with pytest.raises(DataError, match="column 'spans' holds no labels"):
        columns({"text": TEXT, "spans": Sequence(words)}, label="spans")
    with pytest.raises(UsageError, match="asked for both text and label"):
        columns({"text": TEXT, "label": TEXT}, text="text", label="text")
    with pytest.raises(UsageError, match="label=1 counts columns of a file; those of a table have names"):
        read({"text": ["x"], "label": ["a"]}, label=1)
    with pytest.raises(DataError, match="split train: no text in it"):
        read({"text": [], "label": []}, {"text": TEXT, "label": TEXT})


def test_parts_of_two_forms_are_no_corpus(tmp_path):
    rows = [("x", "a", "f:1")]
    parts = [LabelledPart("f", gather_texts(rows)), LabelledPart("g", gather_texts(rows), LabelledForm(several=True))]
    with pytest.raises(DataError, match="g: its columns are text and labels, but those of f are text and label"):
        settle_labels({"train": parts}, tmp_path)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text("ab \n", max_size=9), st.sampled_from("xyz")), min_size=1, max_size=12))
def test_rows_stay_in_order_whatever_the_size_of_the_blocks(rows):
    """Nothing is lost between blocks, and class numbers mean the same names in all of them."""
    saved = labelled._BLOCK_ROWS, labelled._BLOCK_CHARACTERS
    try:
        labelled._BLOCK_ROWS, labelled._BLOCK_CHARACTERS = 3, 12
        blocks = list(gather_texts((text, label, str(i)) for i, (text, label) in enumerate(rows)))
    finally:
        labelled._BLOCK_ROWS, labelled._BLOCK_CHARACTERS = saved
    assert [text for block in blocks for text in block.texts] == [text for text, _ in rows]
    assert [block.place(i) for block in blocks for i in range(len(block.texts))] == [str(i) for i in range(len(rows))]
    found = read({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    assert found["text"][:] == [text if text.strip() else "" for text, _ in rows]
    assert labels_of(found) == [label for _, label in rows]


def test_a_full_disk_is_named_and_a_fault_of_the_reader_is_not(tmp_path, monkeypatch):
    def broken():
        yield LabelledBlock(["x"], ["a"], str)
        raise OSError(5, "the network went away")

    with pytest.raises(OSError, match="network went away"):
        settle_labels({"train": [LabelledPart("f", broken())]}, tmp_path)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqtag.corpora.labelled_drafts.pa.OSFile", full)
    with pytest.raises(Exception, match=r"can't write the rows of the corpus: .*No space left.*set TMPDIR"):
        settle_labels({"train": [LabelledPart("f", gather_texts([("x", "a", "f:1")]))]}, tmp_path)


def test_the_log_says_how_many_classes_there_are(caplog):
    caplog.set_level(logging.INFO, "seqtag")
    read({"text": ["x"] * 25, "label": [f"c{i:02}" for i in range(25)]})
    shown = ", ".join(f"c{i:02}" for i in range(20))
    assert f"25 texts, 25 classes ({shown}, ...): train 25 from split train" in caplog.text


@pytest.mark.parametrize("task", ["tag", "classify"])
def test_json_in_hub_layout_that_would_end_the_process_is_named(task, tmp_path):
    (tmp_path / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: rows.json\n---\n")
    (tmp_path / "rows.json").write_text('[null, {"text": "a", "label": "b"}]')
    with pytest.raises(DataError, match=r"rows\.json:1: the record is null"):
        load_corpus(tmp_path, task=task)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_table_with_bytes_that_are_no_text_is_damaged(ending, tmp_path):
    path = tmp_path / f"x.{ending}"
    rows = {"tokens": [["Ada", "met"]] * 3, "tags": [["B-PER", "O"]] * 3}
    table = pa.table(rows)
    if ending == "parquet":
        pq.write_table(table, path, compression="none")
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"Ada", b"A\xc5a"))
    with pytest.raises(DataError, match=rf"x\.{ending}: damaged \(.*UTF8"):
        load_corpus(path)
