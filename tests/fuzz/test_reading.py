"""Damaged files: `check` and `predict` answer, or say in a message what is wrong, and never hang.

hypothesis shows the damage that an input failed with.
"""

import gzip
import io
import json
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from small_corpus import LABELLED, SENTENCES, conll, table
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from typer.testing import CliRunner

from seqtag.cli.app import app

LONGEST = 20  # seconds that one command may take; most take some hundredths
CODES = {0, 1, 2}


def _docbin() -> bytes:
    docs = []
    for sentence in SENTENCES[:4]:
        doc = Doc(Vocab(), words=[token for token, _ in sentence])
        doc.ents = [Span(doc, 0, 1, label="PER")]
        docs.append(doc)
    return DocBin(docs=docs).to_bytes()


def _zip(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return content.getvalue()


_MARKED = [
    {"text": "Ada met Alan in Turin.", "label": [[0, 3, "PER"], [16, 21, "LOC"]]},
    {"text": "It rained.", "label": []},
]
_ROWS = [{"tokens": ["Ada", "met"], "tags": ["B-PER", "O"]}, {"tokens": ["It"], "tags": ["O"]}]
_TEXTS = [{"text": "What a lovely day!", "label": "good"}, {"text": "Awful.", "label": "bad"}]


def _lines(records: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _parquet(rows: list[dict[str, object]]) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), content)
    return content.getvalue()


def _arrow(rows: list[dict[str, object]], compression: str | None) -> bytes:
    table, content = pa.Table.from_pylist(rows), io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(content, table.schema, options=options) as stream:
        stream.write_table(table)
    return content.getvalue()


# What is damaged: the name of a file, its task and its content.
FILES: dict[str, tuple[str, bytes]] = {
    "x.conll": ("tag", conll(SENTENCES[:4]).encode()),
    "x.conllu": (
        "tag",
        b"# text = Ada met\n1\tAda\tAda\tPROPN\t_\t_\t0\troot\t_\t_\n2\tmet\tmeet\tVERB\t_\t_\t1\tdep\t_\t_\n\n",
    ),
    "x.jsonl": ("tag", _lines(_MARKED)),
    "rows.jsonl": ("tag", _lines(_ROWS)),
    "x.json": ("tag", json.dumps(_MARKED).encode()),
    "x.jsonl.gz": ("tag", gzip.compress(_lines(_MARKED), mtime=0)),
    "x.conll.gz": ("tag", gzip.compress(conll(SENTENCES[:4]).encode(), mtime=0)),
    "x.spacy": ("tag", _docbin()),
    "x.csv": ("classify", table(LABELLED[:8]).encode()),
    "x.tsv": ("classify", table(LABELLED[:8]).replace(",", "\t").encode()),
    "x.parquet": ("tag", _parquet(_ROWS)),
    "texts.parquet": ("classify", _parquet(_TEXTS)),
    "x.arrow": ("tag", _arrow(_ROWS, None)),
    "texts.arrow": ("classify", _arrow(_TEXTS, "zstd")),
    "texts.jsonl": ("classify", _lines(_TEXTS)),
    "texts.json": ("classify", json.dumps({"train": [["Fine.", "good"], ["Bah!", "bad"]]}).encode()),
    "x.csv.gz": ("classify", gzip.compress(table(LABELLED[:8]).encode(), mtime=0)),
    "x.zip": ("classify", _zip(train_csv=table(LABELLED[:8]).encode(), test_csv=table(LABELLED[8:12]).encode())),
    "reviews.txt": (
        "classify",
        b"[t]phone\nbattery[+2], size[-1][u]##it lasts , but it is heavy .\n##no opinion\n" * 3,
    ),
}
# Pieces that have broken readers of text, tables and JSON.
PIECES = (
    *(
        b"null",
        b"[",
        b"{",
        b"]",
        b"}",
        b'"',
        b"'",
        b",",
        b"\t",
        b";",
        b"|",
        b"\r",
        b"\n",
        b"\n\n",
        b" ",
        b"\0",
        b"\\",
        b"#",
    ),
    *(
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\x1f\x8b",
        b"PK\x03\x04",
    ),
    *(
        b"9" * 30,
        b"-1",
        b"1e999",
        b"NaN",
        b"Infinity",
        b"\\ud800",
        b"[" * 3000,
        b'{"a":' * 1500,
        b"9" * 5000,
        b"(" * 3000,
    ),
    *(
        b"[[0,99999999999999999999,1]]",
        b"true",
        b'"label"',
        b'"text"',
        b"##",
        b"[+99999999999999999999]",
        b"[t]",
        b"-DOCSTART-",
    ),
)
mutations = st.lists(
    st.tuples(
        st.sampled_from(("cut", "insert", "replace", "delete", "repeat", "flip", "swap")),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 40),
        st.sampled_from(PIECES),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, steps: list[tuple[str, float, int, bytes]]) -> bytes:
    """Damage content at one to four places."""
    for kind, share, length, piece in steps:
        at = int(share * len(content))
        before, here, after = content[:at], content[at : at + length], content[at + length :]
        changed = {
            "cut": before,
            "insert": before + piece + here + after,
            "replace": before + piece + after,
            "delete": before + after,
            "repeat": before + here * 30 + after,
            "flip": before + bytes(byte ^ 1 << length % 8 for byte in here[:1]) + here[1:] + after,
            "swap": after + here + before,
        }
        content = changed[kind]
    return content


def exit_code(*words: str | Path) -> int:
    """Run a command in this process; an error that is no message for the user fails the test."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).exit_code


@contextmanager
def no_longer_than(seconds: int, what: object) -> Iterator[None]:
    """Fail where a block takes longer, even in a loop of Python code that never ends."""

    def fail(*_: object) -> None:
        pytest.fail(f"it hangs: {what!r}")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs an alarm")
def test_check_names_what_is_wrong(fuzz, tmp_path: Path):
    def check(damaged: tuple[str, list[tuple[str, float, int, bytes]]]) -> str:
        name, steps = damaged
        task, whole = FILES[name]
        path = tmp_path / name
        path.write_bytes(content := mutated(whole, steps))
        with no_longer_than(LONGEST, content):
            code = exit_code("check", path, "--task", task)
        assert code in CODES
        return f"exit code {code}"

    fuzz(check, st.tuples(st.sampled_from(sorted(FILES)), mutations), examples=500)


INPUTS: dict[str, tuple[str, ...]] = {
    "x.conll": (),
    "x.jsonl": ("--jsonl",),
    "rows.jsonl": (),
    "x.jsonl.gz": (),
    "x.txt": ("--text",),
}


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs an alarm")
def test_predict_names_what_is_wrong(fuzz, saved_tagger: Path, tmp_path: Path):
    def check(damaged: tuple[str, list[tuple[str, float, int, bytes]]]) -> str:
        name, steps = damaged
        whole = b"Ada Lovelace lived in London.\nIt rained.\n" if name == "x.txt" else FILES[name][1]
        path = tmp_path / name
        path.write_bytes(content := mutated(whole, steps))
        with no_longer_than(LONGEST, content):
            code = exit_code("predict", saved_tagger, path, *INPUTS[name], "--output", tmp_path / "out")
        assert code in CODES
        return f"exit code {code}"

    fuzz(check, st.tuples(st.sampled_from(sorted(INPUTS)), mutations), examples=200)


def test_the_damage_is_what_it_says():
    assert mutated(b"abcdef", [("cut", 0.5, 1, b"")]) == b"abc"
    assert mutated(b"abcdef", [("insert", 0.5, 1, b"X"), ("delete", 0, 2, b"")]) == b"cXdef"
