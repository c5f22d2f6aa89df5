"""Files that hold more than they show, that never end or that can't be opened."""

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from seqtag import load_corpus
from seqtag.corpora.lines import limit_unpacking, max_unpacked, open_bytes
from seqtag.corpora.plain_text import read_text
from seqtag.errors import DataError, UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="needs pipes and devices")


@pytest.fixture
def small_bound():
    limit_unpacking(50_000)
    yield
    limit_unpacking(None)


def packed(content: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def test_by_default_a_packed_file_may_be_a_hundred_times_as_large():
    assert max_unpacked(10**9) == 10**11
    assert max_unpacked(10) == 256_000_000


@pytest.mark.parametrize("name", ["x.conll.gz", "x.jsonl.gz", "x.json.gz", "x.spacy", "x.spacy.gz"])
def test_what_unpacks_to_too_much_is_refused(name: str, small_bound: None, tmp_path: Path):
    content = b"[" + b" " * 60_000 if "json" in name else b"a O\n" * 20_000
    content = zlib.compress(content) if ".spacy" in name else content
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(DataError, match=r"would unpack to more than 50,000 bytes; .* --max-bytes"):
        load_corpus(tmp_path / name)


@pytest.mark.parametrize("names", [["a.csv"], [f"{i}.csv" for i in range(60)]], ids=["large", "many"])
def test_a_zip_file_of_too_much_is_refused(names: list[str], small_bound: None, tmp_path: Path):
    (tmp_path / "x.zip").write_bytes(packed(b" " * (60_000 // len(names) if len(names) == 1 else 0), *names))
    with pytest.raises(DataError, match=r"x\.zip: it would unpack to more than 50,000 bytes"):
        load_corpus(tmp_path / "x.zip", task="classify")


def test_zip_files_in_zip_files_share_one_bound(small_bound: None, tmp_path: Path):
    content = packed(b"text,label\n" + b" " * 30_000, "train.csv")
    for _ in range(60):
        content = packed(content, "inner.zip")
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="would unpack to more than"):
        load_corpus(tmp_path / "x.zip", task="classify")


def test_the_bound_can_be_raised_on_the_command_line(tmp_path: Path):
    from typer.testing import CliRunner

    from seqtag.cli.app import app

    path = tmp_path / "x.conll.gz"
    path.write_bytes(gzip.compress(b"Ada B-PER\n\nmet O\n" * 3))
    try:
        result = CliRunner().invoke(app, ["check", str(path), "--max-bytes", "10"])
        assert "would unpack to more than 10 bytes" in " ".join(result.stdout.split())
        assert CliRunner().invoke(app, ["check", str(path), "--max-bytes", "1000"]).exit_code == 0
    finally:
        limit_unpacking(None)


@posix
@pytest.mark.parametrize("task", ["tag", "classify"])
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "/dev/null"])
def test_a_pipe_or_a_device_is_no_corpus(kind: str, task: str, tmp_path: Path):
    if kind == "pipe":
        os.mkfifo(tmp_path / "x.conll")
        kind = str(tmp_path / "x.conll")
    with pytest.raises(UsageError, match="this is a pipe or a device"):
        load_corpus(kind, task=task)
    with pytest.raises(UsageError, match="this is a pipe or a device"):
        next(read_text(kind))


@posix
def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path):
    (tmp_path / "train.csv").write_text("text,label\nfine,good\nbad,bad\n")
    os.mkfifo(tmp_path / "test.csv")
    os.mkfifo(tmp_path / "dev.conll")
    assert list(load_corpus(tmp_path, task="classify")) == ["train"]


@posix
def test_a_device_is_not_opened_for_ever_and_a_zero_byte_is_no_path():
    with pytest.raises(UsageError, match="/dev/zero: this is a device, which may never end"):
        open_bytes("/dev/zero")
    with pytest.raises(UsageError, match=r"'a\\x00b': can't be opened: embedded null byte"):
        open_bytes("a\0b")
    with pytest.raises(UsageError, match="there is no such file"):
        load_corpus("a\0b.conll")
