"""brat's standoff form: folders of documents, a lone file of annotations, and what is left out."""

import pytest

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError

TEXT = "Ada Byron lives in Oslo.\nShe works for St. Olav\nHospital. Bo left."
ANN = (
    "T1\tPER 0 9\tAda Byron\nT2\tLOC 19 23\tOslo\nT3\tORG 39 47;48 56\tSt. Olav Hospital\n"
    "T4\tJOB 0 3;10 15\tAda lives\nR1\tlives Arg1:T1 Arg2:T2\n*\tEquiv T1 T2\n#1\tAnnotatorNotes T1\tsure?\n"
)


def write(folder, name, text=TEXT, ann=ANN):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(ann.encode())


def rows(path, split="train", **options):
    dataset = load_corpus(path, split=split, **options)
    names = dataset.features["tags"].feature.names
    return [list(zip(row["tokens"], (names[number] for number in row["tags"]))) for row in dataset]


def entities(path, **options):
    return [" ".join(f"{token}/{tag}" for token, tag in row if tag != "O") for row in rows(path, **options)]


def test_a_folder_of_documents_is_read_sentence_by_sentence(tmp_path, caplog):
    caplog.set_level("INFO", "seqtag")
    write(tmp_path / "brat", "a")
    write(tmp_path / "brat", "b", ann="")
    (tmp_path / "brat" / "c.txt").write_text("Nobody looked here.")
    found = entities(tmp_path / "brat")
    whole = ["Ada/B-PER Byron/I-PER Oslo/B-LOC", "St/B-ORG ./I-ORG Olav/I-ORG Hospital/I-ORG", ""]
    assert found == [*whole, *[""] * (len(found) - 3)]
    assert {message.rpartition("brat: ")[2] for message in caplog.messages[:4]} == {
        "texts without an .ann file left out: 1",
        "discontinuous annotations left out: 1",
        "relations, events, attributes and notes left out: 3",
        "borders of sentences left out, because a span goes over them: 1",
    }
    assert load_corpus(tmp_path / "brat")["train"]["document"][:3] == [1, 1, 1]


def test_a_lone_file_of_annotations_names_its_text(tmp_path):
    write(tmp_path, "doc")
    assert entities(tmp_path / "doc.ann")[0] == "Ada/B-PER Byron/I-PER Oslo/B-LOC"
    (tmp_path / "doc.txt").unlink()
    with pytest.raises(DataError, match=r"doc\.ann: the text that it annotates, doc\.txt, is not beside it"):
        load_corpus(tmp_path / "doc.ann")


def test_splits_have_their_names_from_folders_or_files(tmp_path):
    for split in ("train", "dev"):
        write(tmp_path / "folders" / split, "a")
        write(tmp_path / "files", split)
    assert list(load_corpus(tmp_path / "folders")) == list(load_corpus(tmp_path / "files")) == ["train", "dev"]


def test_folders_within_a_folder_are_read_too(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, "doc", text="Ada left.", ann="T1\tPER 0 3\tAda\n")
    assert entities(tmp_path) == ["Ada/B-PER"] * 2
    write(tmp_path, "top", text="Ada left.", ann="T1\tPER 0 3\tAda\n")
    assert entities(tmp_path) == ["Ada/B-PER"] * 3


def test_offsets_count_line_ends_as_the_words_show(tmp_path):
    windows = TEXT.replace("\n", "\r\n")
    for number, start in enumerate((58, 60)):
        write(tmp_path / str(number), "a", text=windows, ann=f"T1\tPER {start} {start + 2}\tBo\n")
        assert "Bo/B-PER" in entities(tmp_path / str(number))


def test_annotations_that_fall_short(tmp_path):
    write(tmp_path / "a", "a", ann="T1\tPER 0 900\n")
    with pytest.raises(DataError, match=r"a\.ann:1: the PER span 0:900 does not lie in the text"):
        load_corpus(tmp_path / "a")
    write(tmp_path / "a", "a", ann="T1\tPER 0 3\tAda\nPER 0 3\n")
    with pytest.raises(DataError, match=r"a\.ann:2: 'PER 0 3' is no annotation of brat"):
        load_corpus(tmp_path / "a")
    write(tmp_path / "a", "a", ann="T1\tPER 0 9\tAda Byron\nT2\tLAST 4 9\tByron\n")
    with pytest.raises(DataError, match=r"1 spans overlap .*a\.ann: PER span 0:9 'Ada Byron' and LAST span 4:9"):
        load_corpus(tmp_path / "a")
