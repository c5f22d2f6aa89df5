"""One file has one dialect: training, plain text and `seqtag predict` read the same texts off it."""

import csv
import io
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.cli.prediction.tables import open_table
from seqtag.corpora.formats.csv_dialect import Dialect, file_dialect, find_dialect
from seqtag.corpora.lines import raw_lines
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.plain_text import read_text
from seqtag.errors import DataError, UsageError

TEXTS = ["Great, thanks", "Never; again", 'A "fine" day']


def trained(path: Path, text: int | str | None, label: int | str | None) -> list[str]:
    return load_corpus(path, task="classify", text=text, label=label)["train"]["text"][:]


def predicted(path: Path, text: int | str | None) -> list[str]:
    table = open_table(str(path), text)
    return [cells[table.text] for _, cells in table.rows()]


def plain(path: Path, text: int | str | None) -> str:
    return "".join(read_text(str(path) if text is None else f"{path}:{text}"))


@pytest.mark.parametrize(
    ("name", "content", "text", "label"),
    [
        ("semicolon.csv", '"Great, thanks";good\n"Never; again";bad\n"A ""fine"" day";good\n', 0, 1),
        ("comma.csv", 'good,"Great, thanks"\nbad,Never; again\ngood,"A ""fine"" day"\n', 1, 0),
        ("header.csv", 'text;label\n"Great, thanks";good\n"Never; again";bad\n"A ""fine"" day";good\n', None, None),
        ("asked.csv", '"id; no";said;mood\n1;"Great, thanks";up\n2;"Never; again";down\n3;"A ""fine"" day";up\n',
         "said", "mood"),
        ("tabs.csv", 'text\tlabel\nGreat, thanks\tgood\nNever; again\tbad\nA "fine" day\tgood\n', None, None),
        ("quotes.tsv", 'text\tlabel\n"Great, thanks"\tgood\nNever; again\tbad\n"A ""fine"" day"\tgood\n', None, None),
        ("characters.tsv", 'Great, thanks\t"good\nNever; again\tbad\nA "fine" day\t"good\n', 0, 1),
        ("blank.csv", '\n \ntext,label\r\n"Great, thanks",good\r\n\r\n"Never; again",bad\r\n"A ""fine"" day",good\r\n',
         None, None),
        ("again.csv", 'label,Great\nlabel,"Great, thanks"\nbad,Never; again\ngood,"A ""fine"" day"\n', 1, 0),
    ],
)  # fmt: skip
def test_three_readers_give_the_same_texts(tmp_path, name, content, text, label):
    path = tmp_path / name
    path.write_bytes(content.encode())
    expected = ["Great", *TEXTS] if name == "again.csv" else TEXTS  # a name that occurs again is no header
    assert trained(path, text, label) == expected
    assert predicted(path, text) == expected
    assert plain(path, text) == "\n".join(expected)


def test_a_quoted_cell_of_the_first_row_may_go_over_lines_and_hold_delimiters(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"Great,\nthanks";good\n"Never; again";bad\nAlways;good\n')
    assert trained(path, 0, 1) == predicted(path, 0) == ["Great,\nthanks", "Never; again", "Always"]
    assert plain(path, 0) == "Great,\nthanks\nNever; again\nAlways"


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.csv", 'text\n"Great, thanks"\n""\n\nNever\n', ["Great, thanks", "", "Never"]),
        ("b.csv", '"Great, thanks"\n"a; b"\n', ["Great, thanks", "a; b"]),
        ("c.tsv", "text\nGreat, thanks\n\nNever\n", ["Great, thanks", "", "Never"]),
        ("d.tsv", '\nGreat\n\n"Never\n', ["", "Great", "", '"Never']),
    ],
)
def test_a_lone_column_holds_texts_and_no_labels(tmp_path, name, content, texts):
    path = tmp_path / name
    path.write_text(content)
    assert predicted(path, None) == texts
    assert plain(path, None) == "".join(read_text(texts))
    with pytest.raises(DataError, match="a single column; a text and a label are needed"):
        trained(path, None, None)


@pytest.mark.parametrize("content", ['text;label\n"never closed;x\n', "text;label\na;b;c\n"])
def test_three_readers_refuse_the_same_row(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    messages = []
    for reader in (lambda: trained(path, None, None), lambda: predicted(path, None), lambda: plain(path, None)):
        with pytest.raises(DataError, match=r"a\.csv:2: ") as found:
            reader()
        messages.append(str(found.value))
    assert len(set(messages)) == 1


@pytest.mark.parametrize("content", ["", "\n", "\n \n"])
def test_a_file_without_a_row_has_no_dialect(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert file_dialect(path) is None


cells = st.text("ab\",;\n\t '", min_size=1, max_size=8).filter(str.strip)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.sampled_from(",;"), st.integers(1, 3))
def test_a_stream_is_read_by_its_first_block(rows, delimiter, num_lines):
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "more"), *rows])
    stream = iter(written.getvalue().splitlines(keepends=True))
    block = list(islice(stream, num_lines))
    dialect = find_dialect(lambda: block, "<stdin>")
    assert dialect == Dialect("<stdin>", delimiter, True, True, ("text", "more"), 1)
    from_stream = (line for lines in (block, stream) for line in lines)
    read = dialect.rows(from_stream)
    assert [tuple(cells) for _, cells in read] == rows


def test_raw_lines_keep_their_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffa\r\nb\u2028c\nd".encode())
    assert list(raw_lines(path)) == ["a\r\n", "b\u2028c\n", "d"]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("Great, really great film;pos\nBad, very bad;neg\nOk, fine;pos\nWell, so so;neg\n", ";"),
        ("Great; really great film,pos\nBad; very bad,neg\nOk; fine,pos\nWell; so so,neg\n", ","),
        ("Great, one; two|pos\nBad, very bad|neg\nOk; fine|pos\n", "|"),
        ("Great, one; two\tpos\nBad\tneg\nOk; fine\tpos\n", "\t"),
        ("good, very 1;pos\nbad, so 1;neg\ngood, very 2;pos\nbad, so 2;neg\n", ";"),
        ("text|label\nGreat film|pos\n", "|"),
        ("id,nr;text;label\n1,2;Great, film;pos\n", ";"),
        ("sep=;\ntext;label\nGreat, film;pos\n", ";"),
        ('"sep=|"\r\ntext|label\r\nGreat; film|pos\r\n', "|"),
        ("\ufeffsep=\t\nGreat, film\tpos\nBad, film\tneg\n", "\t"),
    ],
)
def test_of_several_delimiters_the_one_that_makes_a_table_is_taken(tmp_path, content, delimiter):
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode())
    dialect = file_dialect(path)
    assert dialect is not None
    assert dialect.delimiter == delimiter
    rows = list(dialect.rows(raw_lines(path)))
    assert "pos" in rows[0][1]
    assert len(rows) == content.count("\n") - (dialect.first_line - 1) - dialect.has_header
    assert rows[0][0] == dialect.first_line + dialect.has_header


def test_a_line_that_names_the_delimiter_is_no_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\nGreat, film;pos\nBad, film;neg\nMore;pos\n")
    assert trained(path, 0, 1) == predicted(path, 0) == ["Great, film", "Bad, film", "More"]
    assert plain(path, 0) == "Great, film\nBad, film\nMore"


def test_two_columns_of_one_name_are_told_apart_by_their_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,text,label\na,b,x\nc,d,y\n")
    with pytest.raises(UsageError, match=r"a\.csv:1: 2 columns are called 'text', with the numbers 0, 1; .* text=0"):
        trained(path, "text", None)
    with pytest.raises(UsageError, match=r"ambiguous text column \(text, text\): pass text=1"):
        trained(path, None, None)
    assert trained(path, 0, None) == ["a", "c"]
    with pytest.raises(DataError, match=r"a\.csv:1: two columns are called 'text'; rename one"):
        predicted(path, None)
