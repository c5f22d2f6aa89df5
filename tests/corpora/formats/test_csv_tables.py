"""CSV and TSV: what csv.writer writes is read back equal, lone quotes swallow nothing, and columns are found."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from datasets import Dataset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqtag.corpora.formats.csv_tables import delimited_layout
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError


def rows_of(dataset: Dataset) -> list[tuple[str, str]]:
    names = dataset.features["label"].names
    return [(text, names[number]) for text, number in zip(dataset["text"], dataset["label"])]


def read(path: Path | str, **options: object) -> list[tuple[str, str]]:
    return rows_of(load_corpus(path, task="classify", split="train", **options))


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


# A zero byte makes a binary file, and half of a surrogate pair is no UTF-8.
letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from('",;\t\r\n\u0085\u2028\f')
texts = st.text(letters, min_size=1).filter(lambda text: text.strip() != "")
labels = st.text(letters, min_size=1).map(str.strip).filter(bool)


@settings(max_examples=60)
@given(st.lists(st.tuples(texts, labels), min_size=1, max_size=6), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@example([('a "quoted" word', "x"), ("two\r\nlines", "y\u2028z"), ("a\u0085\u2028b", "x")], csv.QUOTE_MINIMAL)
def test_whatever_csv_writer_writes_is_read_back_equal(rows, quoting):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=quoting).writerows([("text", "label"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "rows.csv", buffer.getvalue())
        assert read(path, text="text", label="label") == [(text, label) for text, label in rows]


@settings(max_examples=60)
@given(st.lists(st.tuples(texts.filter(lambda text: "\t" not in text), labels), min_size=1, max_size=6))
def test_tabs_with_quotes_are_read_back_equal_where_no_text_holds_a_tab(rows):
    rows = [(text, label.replace("\t", " ")) for text, label in rows]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t").writerows([("text", "label"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "rows.tsv", buffer.getvalue())
        assert read(path, text="text", label="label") == rows


@settings(max_examples=60)
@given(st.lists(st.text(st.sampled_from('ab "'), min_size=1).filter(str.strip), min_size=2, max_size=8))
@example(['"never closed', 'b"', "a"])
@example(['a "b', '"'])
def test_tabs_without_quotes_lose_no_row_and_no_quote(rows):
    rows = [*rows, '"lone']  # one row that can't be CSV, so quotes are characters in all
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "rows.tsv", "".join(f"{text}\tx\n" for text in rows))
        assert read(path, text=0, label=1) == [(text, "x") for text in rows]


def test_well_quoted_tabs_are_csv(tmp_path):
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"say ""hi"""\tgreet\n"a\tb"\tother\nplain "word"\tother\n')
    assert read(path) == [('say "hi"', "greet"), ("a\tb", "other"), ('plain "word"', "other")]
    path = write(tmp_path, "b.tsv", 'text\tlabel\n"two\nlines"\tx\n')
    assert read(path) == [("two\nlines", "x")]


def test_a_quote_that_is_never_closed_is_an_error_by_its_line(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\nfine,x\n"open,x\nmore,y\n')
    with pytest.raises(DataError, match=r"a\.csv:3: the row that begins here is not well quoted"):
        read(path)
    path = write(tmp_path, "b.csv", 'text,label\n"Hi" she said,x\n')
    with pytest.raises(DataError, match=r"b\.csv:2: .*text may not follow a closing quote"):
        read(path)


def test_rows_of_another_width_are_errors_by_their_line(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"a\nb",x\nno label\n')
    with pytest.raises(DataError, match=r"a\.csv:4: 1 column, where line 1 has 2; put a text .* in quotes"):
        read(path)
    path = write(tmp_path, "b.tsv", "good film\tpos\nbad\tfilm\tneg\n")
    with pytest.raises(DataError, match=r"b\.tsv:2: 3 columns, where line 1 has 2; a text has no tabs"):
        read(path)
    with pytest.raises(DataError, match=r"c\.csv:1: a single column"):
        read(write(tmp_path, "c.csv", "text\nfine\n"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.tsv", "pos\ta good film\nneg\ta bad film\n"),
        ("swapped.tsv", "a good film\tpos\na bad film\tneg\n"),
        ("three.csv", "7,a good film,pos\n8,a bad film,neg\n9,the best film,pos\n10,the worst one,neg\n"),
        ("header.csv", "Stars,Review\npos,a good film\nneg,a bad film\n"),
        ("ids.csv", ",sentiment,id,TEXT\n0,pos,a,a good film\n1,neg,b,a bad film\n"),
        ("plainly.csv", "title,stars,rating,text,label\nT,1,2,a good film,pos\nU,1,2,a bad film,neg\n"),
        ("semicolons.csv", 'text;label\n"a good film";pos\na bad film;neg\n'),
        ("tabs.csv", "text\tlabel\na good film\tpos\na bad film\tneg\n"),
        ("windows.txt", "\ufeffpos\ta good film\r\nneg\ta bad film\r\n\r\n"),
        ("name_is_a_label.tsv", "review\tx y z u v\nreview\ta good film, this\npos\ta\nneg\tb\n"),
    ],
)
def test_columns_are_found_by_header_or_content(tmp_path, name, content):
    found = read(write(tmp_path, name, content))
    if name.startswith("name_is"):
        assert [label for _, label in found] == ["review", "review", "pos", "neg"]
    else:
        assert found[:2] == [("a good film", "pos"), ("a bad film", "neg")]


def test_columns_may_be_named_in_the_source(tmp_path):
    path = write(tmp_path, "a.csv", "one,two,three\ngood film,x,pos\nbad film,y,neg\n")
    expected = [("good film", "pos"), ("bad film", "neg")]
    assert read(f"{path}:text=one,label=three") == expected
    assert read(path, text="one", label=-1) == expected
    assert read(f"{path}:label=two", text="one") == [("good film", "x"), ("bad film", "y")]
    with pytest.raises(UsageError, match=r"a\.csv:1: no column 'thre' for label= in the header; .*mean 'three'"):
        read(path, label="thre")
    with pytest.raises(UsageError, match=r"no column 3 for text=; there are 3, numbered from 0"):
        read(path, text=3)
    with pytest.raises(UsageError, match=r"column 0 is asked for both text and label"):
        read(path, text=0, label=-3)
    with pytest.raises(UsageError, match="label= is given twice"):
        read(f"{path}:label=2", label=1)
    with pytest.raises(UsageError, match=r"token=0 is not understood; write PATH:text=0,label=3; .*for task='tag'"):
        read(f"{path}:token=0")


def test_columns_that_are_not_clear_are_errors_that_say_what_to_pass(tmp_path):
    with pytest.raises(UsageError, match=r"ambiguous label column \(stars, rating\): pass label='rating'"):
        read(write(tmp_path, "a.csv", "text,stars,rating\ngood,1,2\n"))
    with pytest.raises(UsageError, match=r"ambiguous label column \(0, 2\): pass label=2"):
        read(write(tmp_path, "b.csv", "x,a good film,pos\nx,a bad film,neg\n" * 3))
    with pytest.raises(UsageError, match=r"ambiguous text column \(0, 1\)"):
        read(write(tmp_path, "c.csv", "good,film\nmore,than\n"))


def test_a_header_of_unknown_names_is_no_text(tmp_path, caplog):
    path = write(tmp_path, "a.csv", "Phrasing,Mood\n" + "a fine day,up\na grey day,down\n" * 2)
    with pytest.raises(UsageError, match=r"a\.csv:1: 'Mood' stands nowhere else .*: text='Phrasing', label='Mood'"):
        read(path)
    assert read(path, text="Phrasing", label="Mood")[0] == ("a fine day", "up")
    assert read(path, text=0, label=1)[0] == ("Phrasing", "Mood")
    assert "a.csv:1: read as a text with its label, but 'Mood' stands nowhere else" in caplog.text
    with pytest.raises(UsageError, match=r"'Level' stands nowhere else"):
        read(write(tmp_path, "b.csv", "Phrasing,Level\na fine day,1\na grey day,2\nrain again,3\nrain once more,3\n"))


def test_splits_without_a_header_share_their_columns(tmp_path):
    write(tmp_path, "train.tsv", "1\tgood film\tpos\n2\tbad film\tneg\n3\tbest film\tpos\n4\tworst film\tneg\n")
    write(tmp_path, "test.tsv", "5\tok\tpos\n")  # by itself not clear
    corpus = load_corpus(tmp_path, task="classify")
    assert rows_of(corpus["test"]) == [("ok", "pos")]
    write(tmp_path, "dev.tsv", "label\ttext\tid\npos\tok\t6\n")
    assert rows_of(load_corpus(tmp_path, task="classify")["dev"]) == [("ok", "pos")]


def test_bad_bytes_are_named_by_line(tmp_path):
    for name, content, message in (
        ("a.csv", b"text,label\nfine,x\ncaf\xe9,y\n", r"a\.csv:3: byte 4 of the line is 0xe9, which is not UTF-8"),
        ("b.tsv", b"text\tlabel\nfi\0ne\tx\n", r"b\.tsv:2: a zero byte, so this is a binary file"),
        ("c.csv", "text,label\n".encode("utf-16"), r"c\.csv:1: the file is UTF-16"),
        ("d.csv.gz", b"\x1f\x8b\x08\x00\x00", r"d\.csv\.gz: the gzip file is damaged"),
        ("e.csv", b"", r"e\.csv: the file is empty; it should hold texts and their labels"),
        ("f.csv", b"text,label\n", r"f\.csv: no text in it"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)


def test_a_text_longer_than_the_csv_modules_limit_is_read_whole(tmp_path):
    long = "word " * 40_000
    assert read(write(tmp_path, "a.csv", f'text,label\n"{long}",x\nshort,y\n')) == [(long, "x"), ("short", "y")]


def test_layout_says_how_quotes_are_read(tmp_path):
    assert delimited_layout(write(tmp_path, "a.tsv", "text\tlabel\nfive\tx\n")).dialect.quoted is False
    assert delimited_layout(write(tmp_path, "b.tsv", 'text\tlabel\n"fi\tve"\tx\n')).dialect.quoted is True
    assert delimited_layout(write(tmp_path, "c.csv", "text,label\nfive,x\n")).dialect.delimiter == ","


def test_empty_columns_hold_neither_texts_nor_labels(tmp_path):
    rows = "ham,See you at the corner,,,\nspam,Win a free prize,,,\nham,We talk later,,,\n"
    expected = [("See you at the corner", "ham"), ("Win a free prize", "spam"), ("We talk later", "ham")]
    assert read(write(tmp_path, "a.csv", rows)) == expected
    assert read(write(tmp_path, "b.csv", "label,said,,comment,\n" + rows)) == expected
    for names in ("v1,v2,,,", "v1,v2,Unnamed: 2,Unnamed: 3,"):
        path = write(tmp_path, "c.csv", f"{names}\n{rows}")
        with pytest.raises(UsageError, match=r"c\.csv:1: 'v1' stands nowhere else .*: text='v2', label='v1'; if not"):
            read(path)
        assert read(path, text="v2", label="v1") == expected
    with pytest.raises(UsageError, match=r"d\.csv: no column is left for the label, as the cells of all others are"):
        read(write(tmp_path, "d.csv", "text,label\none,\ntwo,\n"))


def test_fasttext_is_named(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("__label__good What a day\n__label__bad Awful\n")
    with pytest.raises(DataError, match=r"x\.txt:1: this is the form of fastText; put a tab between"):
        load_corpus(path, task="classify")
