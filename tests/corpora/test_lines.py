"""Lines end at a line feed, a carriage return or both, in files, pipes and blocks of any size."""

import bz2
import io
import lzma
import pickle
import tempfile
from pathlib import Path

import pytest
from column_files import read_columns
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.formats.conll import iter_sentences
from seqtag.corpora.lines import handle_blocks, line_blocks, numbered_lines, raw_lines
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.plain_text import read_text
from seqtag.errors import DataError

pieces = st.lists(st.sampled_from(["a", "é", "\u2028", "\x85", "\r", "\n", "\r\n", ""]), max_size=30).map("".join)


def cut(text: str) -> list[str]:
    """Cut at the three line ends with Python's own reader."""
    return [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]


@given(pieces.filter(bool), st.integers(1, 5))
def test_lines_are_those_of_universal_newlines_whatever_the_block(text, size):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        path.write_bytes(text.encode())
        blocks = list(line_blocks(path, block_size=size))
        assert [line for _, lines in blocks for line in lines] == cut(text)
        firsts = [first for first, _ in blocks]
        assert firsts == [1 + sum(len(lines) for _, lines in blocks[:i]) for i in range(len(blocks))]
        assert "".join(raw_lines(path)) == text
        assert len(list(raw_lines(path))) == len(cut(text))
        assert list(numbered_lines(path)) == list(enumerate(cut(text), 1))
    for handle in (io.BytesIO(text.encode()), io.StringIO(text, newline="")):
        read = [(first + i, line) for first, lines in handle_blocks(handle, "x") for i, line in enumerate(lines)]
        assert read == list(enumerate(cut(text), 1))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_each_kind_of_source_has_the_same_lines_with_each_line_end(tmp_path, end):
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.replace("\n", end).encode())
        return path

    columns = write("a.conll", "Ada B-PER\nspoke O\n\nYes O\n")
    assert read_columns(columns) == ([["Ada", "spoke"], ["Yes"]], [["B-PER", "O"], ["O"]])
    with columns.open("rb") as handle:
        assert [tokens for tokens, _ in iter_sentences(handle)] == [["Ada", "spoke"], ["Yes"]]
    table = write("b.csv", 'text,label\n"fine, \n two lines",pos\nbad,neg\n')
    assert load_corpus(table, task="classify")["train"]["text"][:] == [f"fine, {end} two lines", "bad"]
    assert "".join(read_text(table)) == "fine, \n two lines\nbad"
    tabs = write("c.tsv", "fine film\tpos\nbad film\tneg\n")
    assert load_corpus(tabs, task="classify")["train"]["text"][:] == ["fine film", "bad film"]
    assert "".join(read_text(write("d.txt", "one\ntwo\n"))) == "one\ntwo\n"
    for name in ("good", "bad"):
        write(f"classes/{name}.txt", "one\ntwo\n")
    assert load_corpus(tmp_path / "classes", task="classify")["train"]["text"][:] == ["one", "two"] * 2


def test_a_byte_that_is_no_utf8_is_named_by_its_line_after_each_line_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\rb\r\nc\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"a\.txt:4: byte 4 of the line is 0xe9.*Latin-1: iconv -f LATIN1"):
        list(line_blocks(path))
    path.write_bytes(b"a\rb\0\n")
    with pytest.raises(DataError, match=r"a\.txt:2: a zero byte"):
        list(raw_lines(path))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("Ada O\n".encode("utf-32"), "1: the file is UTF-32; write it as UTF-8: iconv -f UTF-32"),
        (b"\xfe\xff\0A", "1: the file is UTF-16"),
        (b"PK\x03\x04\x14\0\x06\0", " this is a zip archive, or a file of an office program"),
        (b"%PDF-1.4\n%\xe2\xe3\n", " this is a PDF: take the text out of it"),
        (bz2.compress(b"Ada O\n"), " this is packed by bzip2"),
        (lzma.compress(b"Ada O\n"), " this is packed by xz"),
        (pickle.dumps(["Ada"]), " this is a pickle"),
        (b"PAR1\x15\0", " this is Parquet"),
    ],
)
def test_files_that_are_no_text_are_named(tmp_path, content, found):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        list(line_blocks(path))
    assert str(error.value).startswith(f"{path}:{found}")


def test_text_may_begin_as_other_files_do(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("PAR1 B-GENE\n", encoding="utf-8")
    assert list(numbered_lines(path)) == [(1, "PAR1 B-GENE")]


@pytest.mark.parametrize("content", [b"\x93fine\x94\n", "café ".encode() + b"na\xefve \x96 this\n"])
def test_quotes_and_dashes_of_windows_are_told_from_latin_1(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"in Windows-1252: iconv -f WINDOWS-1252 -t UTF-8"):
        list(raw_lines(path))


def test_a_byte_order_mark_alone_is_an_empty_file(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("\ufeff", encoding="utf-8")
    with pytest.raises(DataError, match="the file is empty"):
        list(line_blocks(path))
    with pytest.raises(DataError, match="the file is empty"):
        load_corpus(path)
    for handle in (io.BytesIO("\ufeff".encode()), io.StringIO("\ufeff")):
        assert list(handle_blocks(handle, "x")) == []
