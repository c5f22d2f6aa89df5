"""The recipe for clusters on an engine and in one process: the same folder of texts, byte for byte the same answers."""

import runpy
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tiny import TEXTS, TOKENS

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = [*(" ".join(tokens) for tokens in TOKENS), *TEXTS, ""]


def assert_same_files(engine: str, model: Path, place: Path) -> None:
    """Run the recipe on an engine, with two workers, and alone."""
    texts = place / "texts"
    texts.mkdir()
    for number in range(3):
        pq.write_table(pa.table({"text": ROWS[number:]}), texts / f"part-{number}.parquet")
    main = runpy.run_path(str(REPOSITORY / "recipes" / "cluster.py"))["main"]
    call = [str(model), str(texts)]
    assert main([*call, str(place / "alone")]) == 0
    assert main([*call, str(place / "together"), "--on", engine, "--workers", "2"]) == 0
    alone, together = (
        {path.name: path.read_bytes() for path in (place / name).iterdir()} for name in ("alone", "together")
    )
    assert len(alone) == 3
    assert together == alone


def rounded(spans: list) -> list[dict]:
    """Spans without the last digits of their scores, which differ between batches of other sizes."""
    rows = [span.asDict() if hasattr(span, "asDict") else span for span in spans]  # rows of Spark are no dicts
    return [{**span, "score": round(span["score"], 5)} for span in rows]
