"""What headers of Parquet and Arrow declare, beside what pyarrow says where it does, and damaged ones."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqtag.corpora.declared_sizes import arrow_buffer_size, parquet_page_sizes

ROWS = 900
TABLE = pa.table(
    {
        "tokens": [["Ada", "met"] * (row % 4) for row in range(ROWS)],
        "number": [row * 7 % 11 for row in range(ROWS)],
        "share": [row / ROWS for row in range(ROWS)],
        "truth": [True, None, False] * (ROWS // 3),
        "about": [{"id": row, "notes": [{"text": "x"}]} for row in range(ROWS)],
    }
)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_the_pages_of_parquet_hold_what_the_footer_says(compression: str, version: str, tmp_path: Path):
    path = tmp_path / "x.parquet"
    options = {"row_group_size": 250, "data_page_size": 500, "write_page_index": True, "write_page_checksum": True}
    pq.write_table(TABLE, path, compression=compression, data_page_version=version, use_dictionary=False, **options)
    footer = pq.read_metadata(path)
    chunks = [footer.row_group(i).column(j) for i in range(footer.num_row_groups) for j in range(footer.num_columns)]
    sizes = list(parquet_page_sizes(path))
    assert len(sizes) > len(chunks)
    # the footer counts the headers of pages as well, and not the room for indices
    packed = sum(chunk.total_uncompressed_size for chunk in chunks)
    assert sum(sizes) > packed - 100 * len(sizes)
    assert sum(sizes) >= 4 * sum(chunk.num_values for chunk in chunks)
    assert sum(sizes) <= packed + 4 * sum(chunk.num_values for chunk in chunks)


def test_a_page_that_holds_more_than_the_footer_says_is_seen(tmp_path: Path):
    path, many, few = tmp_path / "x.parquet", 3_000_000, 1_100_000
    pq.write_table(pa.table({"x": [["a"] * many]}), path, store_schema=False, data_page_size=1 << 40)
    content, old, new = path.read_bytes(), varint(2 * many), varint(2 * few)
    footer = content.rindex(b"PAR1") - int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[:footer] + content[footer:].replace(old, new))
    assert pq.read_metadata(path).row_group(0).column(0).num_values == few
    assert sum(parquet_page_sizes(path)) >= 4 * many


def varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 4, b"\x1c" * 90, b"PAR1" + b"\xff" * 90])
def test_damaged_headers_of_parquet(content: bytes, tmp_path: Path):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(ValueError, match="headers of its pages are damaged"):
        list(parquet_page_sizes(tmp_path / "x.parquet"))


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("is_coded", [False, True])
def test_the_buffers_of_arrow(compression: Any, is_coded: bool):
    texts = pa.array(["some words"] * 400)
    table = pa.table({"text": texts.dictionary_encode() if is_coded else texts, "n": range(400)})
    content = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(content, table.schema, options=options) as stream:
        stream.write_table(table)
    sizes = [arrow_buffer_size(message) for message in pa.ipc.MessageReader.open_stream(content.getvalue())]
    coded = 4 * 400  # the indices
    whole = 8 * 400 + (coded if is_coded else 4 * 401 + 10 * 400)
    assert sum(sizes[1:]) == 0 if compression is None else whole <= sum(sizes) <= whole + 40
