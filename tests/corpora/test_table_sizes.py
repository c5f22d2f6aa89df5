"""Tables that take far more room than their files: repeated strings, long lists, and packed buffers and files."""

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from seqtag import load_corpus
from seqtag.corpora.table_sizes import check_unpacked
from seqtag.errors import DataError, UsageError

MOST = 1_000_000
LONG, ROWS = "word " * 1_000, 500  # 2.5 MB together
TEXTS = {"text": [LONG] * ROWS, "label": ["good", "bad"] * (ROWS // 2)}
REPEATED = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([LONG]))
TOO_LARGE = r"would unpack to more than 1,000,000 bytes; if so much is meant, allow it with --max-bytes, or in Python"


def write_arrow(path: Path, table: Any, compression: str | None = None) -> Path:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema, options=options) as stream:
        stream.write_table(table)
    return path


def labelled(texts: Any) -> Any:
    return pa.table({"text": texts, "label": TEXTS["label"]})


def large_parquet(path: Path, kind: str) -> None:
    token_lists = pa.ListArray.from_arrays([0, ROWS], REPEATED)
    tables = {
        "packed": (labelled(TEXTS["text"]), {"use_dictionary": False, "compression": "zstd"}),
        "repeated": (labelled(REPEATED), {}),
        "repeated in a list": (pa.table({"text": token_lists, "label": ["good"]}), {}),
        "one long list of nulls": (pa.table({"text": [[None] * 300_000], "label": ["good"]}), {}),
    }
    table, options = tables[kind]
    pq.write_table(table, path, store_schema=False, **options)


@pytest.mark.parametrize("kind", ["packed", "repeated", "repeated in a list", "one long list of nulls"])
def test_parquet_of_too_much_is_refused(kind: str, tmp_path: Path):
    large_parquet(path := tmp_path / "x.parquet", kind)
    assert path.stat().st_size < MOST / 10
    with pytest.raises(DataError, match=r"x\.parquet: it " + TOO_LARGE):
        load_corpus(path, task="classify", max_bytes=MOST)


def test_what_the_footer_says_is_not_believed(tmp_path: Path):
    # the footer counts the repeated string once, and is right in that; what is read is counted as it will stand
    large_parquet(path := tmp_path / "x.parquet", "repeated")
    assert pq.read_metadata(path).row_group(0).total_byte_size < MOST / 10
    with pytest.raises(DataError, match=TOO_LARGE):
        load_corpus(path, task="classify", max_bytes=MOST)
    assert load_corpus(path, task="classify", max_bytes=3 * MOST)["train"].num_rows == ROWS


@pytest.mark.parametrize("kind", ["packed", "repeated"])
def test_arrow_of_too_much_is_refused(kind: str, tmp_path: Path):
    table = labelled(TEXTS["text"] if kind == "packed" else REPEATED)
    path = write_arrow(tmp_path / "x.arrow", table, "zstd" if kind == "packed" else None)
    with pytest.raises(DataError, match=r"x\.arrow: it " + TOO_LARGE):
        load_corpus(path, task="classify", max_bytes=MOST)
    assert load_corpus(path, task="classify", max_bytes=3 * MOST)["train"]["text"][-1] == LONG


def test_arrow_that_is_not_packed_has_no_bound(tmp_path: Path):
    path = write_arrow(tmp_path / "x.arrow", pa.table(TEXTS))
    assert load_corpus(path, task="classify", max_bytes=10)["train"].num_rows == ROWS


def test_tables_in_folders_are_bounded_too(tmp_path: Path):
    DatasetDict(train=Dataset.from_dict(TEXTS)).save_to_disk(tmp_path / "saved")
    write_arrow(next((tmp_path / "saved").rglob("*.arrow")), pa.table(TEXTS), "zstd")
    (tmp_path / "hub").mkdir()
    large_parquet(tmp_path / "hub" / "train.parquet", "repeated")
    for folder in ("saved", "hub"):
        with pytest.raises(DataError, match=TOO_LARGE):
            load_corpus(tmp_path / folder, task="classify", max_bytes=MOST)
        assert load_corpus(tmp_path / folder, task="classify")["train"].num_rows == ROWS


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_packed_files_in_hub_layout_are_bounded(pack: Any, tmp_path: Path):
    (tmp_path / "train.csv").write_bytes(pack(b"text,label\n" + b"fine,good\n" * 200_000))
    (tmp_path / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: train.csv\n---\n")
    with pytest.raises(DataError, match=r"train\.csv: it " + TOO_LARGE):
        load_corpus(tmp_path, task="classify", max_bytes=MOST)


def test_zip_archives_count_what_they_hold_and_other_packing_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b" " * 300_000_000)
    with pytest.raises(DataError, match="would unpack to more than 256,000,000 bytes"):
        check_unpacked(tmp_path / "x.zip", ending=".zip")
    (tmp_path / "x.csv").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(DataError, match=r"x\.csv: the file is packed by zstandard, .*; unpack it first"):
        check_unpacked(tmp_path / "x.csv", ending=".csv")


@pytest.mark.parametrize("max_bytes", [0, -1, True, 1.5, "1"])
def test_max_bytes_is_a_number_of_bytes(max_bytes: Any, tmp_path: Path):
    with pytest.raises(UsageError, match=r"max_bytes=.*: give a whole number of bytes, at least 1"):
        load_corpus(tmp_path, max_bytes=max_bytes)


@pytest.mark.parametrize("damage", [slice(0, 40), slice(100, None)])
@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_damaged_tables_are_named(ending: str, damage: slice, tmp_path: Path):
    path = tmp_path / f"x{ending}"
    if ending == ".parquet":
        large_parquet(path, "packed")
    else:
        write_arrow(path, pa.table(TEXTS), "zstd")
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(DataError, match=rf"x{ending}: can't be read as {ending[1:]}"):
        load_corpus(path, task="classify")
