"""Every form of labelled texts on disk, as small files: folders, zips, JSON, slot files, reviews; and their faults."""

import json
import logging
import time
import zipfile
from pathlib import Path

import pytest
from datasets import Dataset

from seqtag.corpora.formats.class_files import class_names
from seqtag.corpora.formats.hu_liu_reviews import polarity
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.splits import group_by_split, name_splits
from seqtag.errors import DataError, UsageError

GOOD = [("a good film", "pos"), ("a bad film", "neg")]


def rows_of(dataset: Dataset) -> list[tuple[str, str]]:
    names = dataset.features["label"].names
    return [(text, names[number]) for text, number in zip(dataset["text"], dataset["label"])]


def corpus_of(source: Path | str, **options: object) -> dict[str, list[tuple[str, str]]]:
    corpus = load_corpus(source, task="classify", **options)
    assert len({tuple(data.features["label"].names) for data in corpus.values()}) == 1
    return {split: rows_of(data) for split, data in corpus.items()}


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return folder


def test_a_folder_with_a_table_a_split(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    lay_out(
        tmp_path,
        {
            "sms.valid.csv": "text,label\nmaybe,neg\n",
            "sms.train.tsv": "label\ttext\npos\ta good film\nneg\ta bad film\n",
            "sms.test.jsonl": '{"text": "fine", "label": "pos"}\n',
            "sms.txt": "left\tout\n",
            "README.md": "about",
            "LICENSE": "CC0",
        },
    )
    assert corpus_of(tmp_path) == {"train": GOOD, "dev": [("maybe", "neg")], "test": [("fine", "pos")]}
    assert list(load_corpus(tmp_path, task="classify")) == ["train", "dev", "test"]
    assert "no part of the corpus, and left out: sms.txt" in caplog.text
    assert rows_of(load_corpus(tmp_path, task="classify", split="valid")) == [("maybe", "neg")]
    assert f"4 texts, 2 classes (neg, pos): train 2 from {tmp_path / 'sms.train.tsv'}; dev 1 from" in caplog.text


def test_tags_that_lie_beside_labelled_texts_are_left_out(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    lay_out(tmp_path, {"train.conll": "Ada\tB-PER\n", "train.csv": "text,label\na good film,pos\na bad film,neg\n"})
    assert corpus_of(tmp_path) == {"train": GOOD}
    assert "left out: train.conll" in caplog.text


def test_a_folder_a_class_with_a_text_a_file(tmp_path):
    lay_out(
        tmp_path,
        {
            "top/pos/2.txt": "a good\n\nfilm\n",
            "top/pos/10": "fine",
            "top/neg/1.txt": "a bad\r\nfilm\n\n",
            "top/neg/README": "notes",
            "top/README.txt": "notes",
            "__MACOSX/pos/._1.txt": "junk",
        },
    )
    assert corpus_of(tmp_path) == {"train": [("a bad\nfilm\n", "neg"), ("fine", "pos"), ("a good\n\nfilm", "pos")]}


def test_a_folder_a_split_with_folders_or_files_of_a_class(tmp_path):
    lay_out(
        tmp_path,
        {
            "train/pos/a.txt": "a good film",
            "train/neg/a.txt": "a bad film",
            "test/reviews.pos": "fine\n",
            "test/reviews.neg": "dull\n\nlong\n",
            "vocabulary.txt": "good\nbad\n",
        },
    )
    assert corpus_of(tmp_path) == {
        "train": [("a bad film", "neg"), ("a good film", "pos")],
        "test": [("dull", "neg"), ("", "neg"), ("long", "neg"), ("fine", "pos")],
    }


def test_a_single_folder_keeps_the_name_of_its_split(tmp_path):
    lay_out(tmp_path, {"corpus/test/pos/1": "a good film", "corpus/test/neg/1": "a bad film"})
    assert corpus_of(tmp_path) == {"test": GOOD[::-1]}


def test_a_file_a_class_for_each_split(tmp_path):
    lay_out(
        tmp_path,
        {"train.pos.txt": "a good film\n", "train.neg.txt": "a bad film\n", "dev_pos": "fine\n", "dev_neg": "dull\n"},
    )
    assert corpus_of(tmp_path) == {
        "train": [("a bad film", "neg"), ("a good film", "pos")],
        "dev": [("dull", "neg"), ("fine", "pos")],
    }


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["rt-polarity.neg", "rt-polarity.pos"], ["neg", "pos"]),
        (["plot.tok.gt9.5000", "quote.tok.gt9.5000"], ["plot", "quote"]),
        (["negative.txt", "positive.txt"], ["negative", "positive"]),
        (["funny.txt", "not_funny.txt"], ["funny", "not_funny"]),
        (["a_1_x", "a_2_x", "a_3_x"], ["1", "2", "3"]),
        (["ärger", "freude"], ["ärger", "freude"]),
    ],
)
def test_labels_are_what_file_names_do_not_share(names, labels):
    assert class_names(names) == labels


def test_several_tables_that_are_no_splits_are_one(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    lay_out(tmp_path, {"amazon.txt": "good\t1\nbad\t0\n", "yelp.txt": "tasty\t1\nsalty\t0\n", "NOTICE.txt": "n"})
    assert corpus_of(tmp_path) == {"train": [("good", "1"), ("bad", "0"), ("tasty", "1"), ("salty", "0")]}
    assert "no file is named after a split; joined: amazon.txt, yelp.txt" in caplog.text


def test_a_zip_of_any_such_folder(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    with zipfile.ZipFile(tmp_path / "reviews.zip", "w") as archive:
        archive.writestr("v2/reviews/neg/1.txt", "a bad film")
        archive.writestr("v2/reviews/pos/1.txt", "a good film")
        archive.writestr("v2/README", "notes")
    expected = {"train": [("a bad film", "neg"), ("a good film", "pos")]}
    assert corpus_of(tmp_path / "reviews.zip") == expected
    lay_out(tmp_path, {"about.xml": "<notes/>", "NOTICE.txt": "n"})
    assert corpus_of(tmp_path) == expected
    inside = tmp_path / "reviews.zip" / "v2" / "reviews"
    assert f"train 2 from {inside / 'neg'} + {inside / 'pos'}" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["NOTICE.txt", "about.xml", "reviews.zip"]
    with zipfile.ZipFile(tmp_path / "table.zip", "w") as archive:
        archive.writestr("table.csv", "text,label\na good film,pos\na bad film,neg\n")
    assert corpus_of(tmp_path / "table.zip") == {"train": GOOD}


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("table.csv", "text,label\ngood,pos\n,\nbad,neg,x\n", "table.csv:4: 3 columns, where line 1 has 2"),
        ("a/train.csv", "text,label\ngood,pos\nbad,\n", "a/train.csv:3: the label is missing"),
        ("a/pos/1.txt", "", "a/pos/1.txt: the file is empty"),
        ("v2/inner.zip", "no zip file", "v2/inner.zip: the zip file can't be unpacked"),
    ],
)
def test_messages_about_what_is_in_a_zip_name_the_archive_and_its_member(tmp_path, member, content, message):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(DataError) as error:
        load_corpus(tmp_path / "a.zip", task="classify")
    assert str(error.value).startswith(f"{tmp_path / 'a.zip'}/{message}")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"])
def test_a_zip_that_would_write_elsewhere_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("pos/1.txt", "fine")
        archive.writestr(name, "x")
    with pytest.raises(DataError, match=r"a\.zip: '.*evil.txt' would be written outside of the folder"):
        load_corpus(tmp_path / "a.zip", task="classify")


def test_a_damaged_zip_is_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 not much of it")
    with pytest.raises(DataError, match=r"a\.zip: the zip file can't be unpacked .*give the folder"):
        load_corpus(tmp_path / "a.zip", task="classify")


def test_json_with_all_splits(tmp_path):
    content = {
        "oos_train": [["who knows", "oos"]],
        "val": [["maybe so", "yes"]],
        "train": [["yes please", "yes"], ["no thanks", "no"]],
    }
    expected = {
        "train": [("yes please", "yes"), ("no thanks", "no")],
        "dev": [("maybe so", "yes")],
        "oos_train": [("who knows", "oos")],
    }
    for indent in (None, 2):
        (tmp_path / "all.json").write_text(json.dumps(content, indent=indent), encoding="utf-8")
        assert corpus_of(tmp_path / "all.json") == expected
        assert list(load_corpus(tmp_path, task="classify")) == ["train", "dev", "oos_train"]
    objects = {split: [{"query": text, "intent": label} for text, label in rows] for split, rows in content.items()}
    (tmp_path / "all.json").write_text(json.dumps(objects), encoding="utf-8")
    assert corpus_of(tmp_path / "all.json") == expected
    swapped = {split: [[label, text] for text, label in rows] for split, rows in content.items()}
    (tmp_path / "all.json").write_text(json.dumps(swapped), encoding="utf-8")
    assert corpus_of(tmp_path / "all.json") == expected
    assert corpus_of(tmp_path / "all.json", text=1) == expected
    assert load_corpus(f"{tmp_path / 'all.json'}:text=0", task="classify", split="oos_train")["text"][:] == ["oos"]
    with pytest.raises(UsageError, match="pairs without names; say text=0, label=1 or text=1, label=0"):
        load_corpus(tmp_path, task="classify", text="query")
    (tmp_path / "all.json").write_text('{"train": [["fine", "x"], ["a\\ud800b", "y"]]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"all\.json, train, item 1: it holds half of a surrogate pair"):
        load_corpus(tmp_path, task="classify")
    content["train"][1].append("more")
    (tmp_path / "all.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"all\.json, train, item 1: .* is no pair \[text, label\]"):
        load_corpus(tmp_path, task="classify")


def test_json_records_are_not_taken_for_splits(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"spans": [[0, 1]], "text": "a", "label": "x"}\n' * 2, encoding="utf-8")
    assert corpus_of(path) == {"train": [("a", "x")] * 2}
    path.write_text('[{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]', encoding="utf-8")
    assert corpus_of(path.rename(tmp_path / "rows.json")) == {"train": [("a", "x"), ("b", "y")]}


def test_names_of_splits():
    assert name_splits(["test", "validation", "train"]) == {"train": "train", "validation": "dev", "test": "test"}
    assert name_splits(["oos_test", "test"]) == {"test": "test", "oos_test": "oos_test"}
    assert name_splits(["a_test", "a_train"]) == {"a_train": "train", "a_test": "test"}
    with pytest.raises(DataError, match="the splits val, dev are all 'dev'"):
        name_splits(["val", "dev"])
    assert group_by_split([Path("contest.txt"), Path("device.txt")]) == {}
    assert group_by_split([Path("mytrainset.csv"), Path("mytestset.csv")]) == {
        "train": [Path("mytrainset.csv")],
        "test": [Path("mytestset.csv")],
    }


def test_sentences_with_intents(tmp_path, caplog):
    lay_out(
        tmp_path,
        {
            "train/seq.in": "play  jazz \n\nstop\n",
            "train/label": "Play\n\nStop\n",
            "valid/seq.in": "go\n",
            "valid/label": "Play\n",
        },
    )
    expected = {"train": [("play  jazz ", "Play"), ("stop", "Stop")], "dev": [("go", "Play")]}
    assert corpus_of(tmp_path) == expected  # there need be no seq.out
    assert "seq.in: blank lines left out, as they hold no sentence: 1 (line 2)" in caplog.text
    assert corpus_of(tmp_path / "valid")["train"] == expected["dev"]
    (tmp_path / "valid" / "label").write_text("Play\nStop\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"seq\.in:2: the file ends before its partner"):
        load_corpus(tmp_path, task="classify")


def test_reviews_in_the_markup_of_hu_and_liu(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    path = tmp_path / "camera.txt"
    path.write_text(
        "* Annotated\n\n[t]title[+3]\nlens[+2], size[-1][u]##sharp , though big .\nbag[-1]##torn .\n##i bought it .\n"
        "a[+1],b[-1]##so so .\nlook##odd one .\nsize[2], lens[+1]##half marked .\nzoom[-3##cut off .\nzoom[+1]#one .\n",
        encoding="utf-8",
    )
    expected = [("sharp , though big .", "positive"), ("torn .", "negative"), ("half marked .", "positive")]
    assert corpus_of(path) == corpus_of(tmp_path) == {"train": expected}
    assert "3 sentences with an opinion; left out: 1 without one, 1 whose opinions add up to 0" in caplog.text
    odd = ["camera.txt:8 'look'", "camera.txt:9 'size[2], lens[+1]'", "camera.txt:10 'zoom[-3'"]
    odd.append("camera.txt:11 'zoom[+1]#one .'")
    assert f"in 4 lines, marks can't be read and don't count: {'; '.join(odd)}" in caplog.text
    assert (polarity("a[+3], b[-1], c[-2]"), polarity("look"), polarity("zoom[-3")) == (0, None, None)


def test_blank_texts_stay_and_are_reported_by_line(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n,x\nfine,y\n"  \n",x\n' + ",x\n" * 4, encoding="utf-8")
    assert corpus_of(path)["train"] == [("", "x"), ("fine", "y")] + [("", "x")] * 5
    places = ", ".join(f"{path}:{line}" for line in (2, 4, 6, 7, 8))
    assert f"train: 6 texts are blank and kept as empty ones: {places}, ..." in caplog.text
    caplog.clear()
    lay_out(tmp_path / "f", {"pos/1.txt": "", "neg/1.txt": "x"})
    assert corpus_of(tmp_path / "f")["train"] == [("x", "neg"), ("", "pos")]
    assert f"train: 1 text is blank and kept as an empty one: {tmp_path / 'f' / 'pos' / '1.txt'}" in caplog.text


def test_a_missing_label_is_an_error_by_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"two\nlines",x\nfine, \n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv:4: the label is missing; every text needs one"):
        load_corpus(path, task="classify")


def test_labels_are_stripped_and_numbers_in_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na, 10\nb,9 \nc,-1\nd,10\n", encoding="utf-8")
    corpus = load_corpus(path, task="classify", split="train")
    assert corpus.features["label"].names == ["-1", "9", "10"]
    assert corpus["label"][:] == [2, 1, 0, 2]


def test_folders_in_which_nothing_is_found_say_what_there_should_be(tmp_path):
    with pytest.raises(DataError, match=r"no labelled texts are found in it; .* it holds nothing"):
        load_corpus(lay_out(tmp_path / "a", {"README": "x"}), task="classify")
    with pytest.raises(DataError, match=r"a folder or a file for each class; it holds a\.tsv, b\.txt"):
        load_corpus(lay_out(tmp_path / "b", {"a.tsv": "x\ty\n", "b.txt": "text\n"}), task="classify")
    with pytest.raises(DataError, match=r"2 entries claim the split 'train': train.csv, train.tsv; leave one"):
        load_corpus(lay_out(tmp_path / "c", {"train.csv": "a,b\n", "train.tsv": "a\tb\n"}), task="classify")
    with pytest.raises(DataError, match=r"it has 2 folders, but .*rows.csv is a table and no text of a class"):
        load_corpus(lay_out(tmp_path / "d", {"one/rows.csv": "a,b\n", "two/rows.csv": "a,b\n"}), task="classify")
    with pytest.raises(DataError, match=r"pos\.txt: the file is empty"):
        load_corpus(lay_out(tmp_path / "e", {"pos.txt": "", "neg.txt": "x\n"}), task="classify")
    with pytest.raises(DataError, match=r"two files leave the same label: a.txt, a.txt.gz; rename"):
        load_corpus(lay_out(tmp_path / "f", {"a.txt": "x\n", "a.txt.gz": "x\n"}), task="classify")


def test_sources_that_are_none_are_usage_errors(tmp_path):
    with pytest.raises(UsageError, match=r"text= and label="):
        load_corpus(lay_out(tmp_path / "a", {"pos": "x\n", "neg": "y\n"}), task="classify", text="text")
    with pytest.raises(UsageError, match=r"a \.conll file holds tokens and tags, no labels of texts; .*task='tag'"):
        load_corpus(lay_out(tmp_path / "b", {"a.conll": "Ada\tB-PER\n"}) / "a.conll", task="classify")
    with pytest.raises(DataError, match=r"a\.txt:1: no tab in the line; give label and text separated by a tab"):
        load_corpus(lay_out(tmp_path / "c", {"a.txt": "only a text\n"}) / "a.txt", task="classify")
    with pytest.raises(UsageError, match="config= is for data sets in hub layout, and this is a file"):
        load_corpus(f"{tmp_path / 'c' / 'a.txt'}:config=x", task="classify")
    for missing in ("train.csv", "./corpus", "reviews.zip"):
        with pytest.raises(UsageError, match="there is no such file or folder; check the path"):
            load_corpus(missing, task="classify")
    with pytest.raises(UsageError, match="/dev/null: this is a pipe or a device"):
        load_corpus("/dev/null", task="classify")
    with pytest.raises(UsageError, match="there is no split 'tset'; choose from train"):
        load_corpus(tmp_path / "a", task="classify", split="tset")


def test_reading_marks_of_opinions_takes_time_linear_in_the_line(tmp_path):
    path = tmp_path / "reviews.txt"
    lines = ["battery[+2]##it lasts ."] * 9 + [
        " " * 200_000 + "##x",
        "a[+" + "1" * 200_000 + "]##y",
        "a[" * 100_000 + "##z",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    started = time.monotonic()
    assert [label for _, label in corpus_of(path)["train"]] == ["positive"] * 9
    assert time.monotonic() - started < 5
