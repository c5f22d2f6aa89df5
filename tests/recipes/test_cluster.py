"""The recipe for clusters in one process; test_ray.py and test_spark.py compare the others with it."""

import runpy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny import TEXTS, TOKENS

from seqtag import UsageError
from seqtag.integrations.batches import BatchPredictor

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "cluster.py"
ROWS = [*(" ".join(tokens) for tokens in TOKENS), *TEXTS]


@pytest.fixture
def cluster() -> Callable[[list[str]], int]:
    main: Callable[[list[str]], int] = runpy.run_path(str(RECIPE))["main"]
    return main


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        table = pa.table({"id": range(40), "text": (ROWS * 2)[number : number + 40]})
        pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=7)
    pq.write_table(table.slice(0, 0), folder / "part-none.parquet")
    return folder


def test_each_file_gets_its_spans_and_is_skipped_once_it_is_finished(
    cluster, exported_tagger: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    call = [str(exported_tagger), str(texts), str(out)]
    assert cluster(call) == 0
    assert "4 files finished, 0 were so already; 120 rows in" in capsys.readouterr().out
    predictor = BatchPredictor(exported_tagger)
    for file in texts.iterdir():
        found = pq.read_table(out / file.name)
        assert found.equals(predictor(pq.read_table(file)))
        assert found.num_rows == (0 if "none" in file.name else 40)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert cluster(call) == 0
    assert "0 files finished, 4 were so already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_what_a_kill_left_and_what_is_out_of_date_is_made_anew(
    cluster, exported_tagger: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    call = [str(exported_tagger), str(texts), str(out)]
    cluster(call)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "part-0.parquet").unlink()
    (out / ".part-0.parquet.0123.partial").write_bytes(b"half of it")
    pq.write_table(pq.read_table(texts / "part-1.parquet").slice(0, 5), texts / "part-1.parquet")
    (out / "part-2.parquet").write_bytes(whole["part-2.parquet"][:100])
    capsys.readouterr()
    cluster(call)
    assert "3 files finished, 1 were so already" in capsys.readouterr().out
    now = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {name for name in whole if now[name] != whole[name]} == {"part-1.parquet"}
    assert now.keys() == whole.keys()
    cluster([*call, "--on-error", "null"])
    assert "4 files finished, 0 were so already" in capsys.readouterr().out


def test_a_file_that_falls_short_is_named_and_the_others_are_finished(
    cluster, exported_classifier: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pq.write_table(pa.table({"id": [1, 2], "text": ["Fine.", None]}), texts / "part-1.parquet")
    (texts / "part-2.parquet").write_bytes(b"no Parquet")
    out = tmp_path / "out"
    call = [str(exported_classifier), str(texts), str(out)]
    assert cluster(call) == 1
    said = capsys.readouterr()
    assert "2 files finished" in said.out
    assert f"error: {texts / 'part-1.parquet'}, in the batch from row 0: row 1 of a batch of 2" in said.err
    assert f"error: {texts / 'part-2.parquet'}, in the batch from row 0: " in said.err
    assert sorted(path.name for path in out.iterdir()) == ["part-0.parquet", "part-none.parquet"]
    (texts / "part-2.parquet").unlink()
    assert cluster([*call, "--on-error", "drop"]) == 0
    assert pq.read_table(out / "part-1.parquet").column("id").to_pylist() == [1]


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("spark", "pyspark")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    engine: str, package: str, cluster, exported_tagger: Path, texts: Path, tmp_path: Path, capsys
):
    cluster.__globals__["find_spec"] = lambda name: None if name == package else find_spec(name)
    with pytest.raises(SystemExit):
        cluster([str(exported_tagger), str(texts), str(tmp_path / "out"), "--on", engine])
    assert f'pip install "seqtag[{engine}]"' in capsys.readouterr().err


def test_wrong_calls_end_before_the_work(cluster, exported_tagger: Path, texts: Path, tmp_path: Path, capsys):
    out = str(tmp_path / "out")
    with pytest.raises(UsageError, match="no column 'body'; choose from id, text"):
        cluster([str(exported_tagger), str(texts), out, "--column", "body"])
    with pytest.raises(UsageError, match="nowhere"):
        cluster([str(tmp_path / "nowhere"), str(texts), out])
    with pytest.raises(SystemExit):
        cluster([str(exported_tagger), str(texts), str(texts)])
    assert "the answers would replace the texts" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cluster([str(exported_tagger), out, str(tmp_path)])
    assert "no file *.parquet is there" in capsys.readouterr().err
