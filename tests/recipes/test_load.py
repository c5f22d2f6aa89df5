"""The load recipe asks a service, counts what came back and looks at its memory, beside a service by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from optional_tools import need

need("httpx")
need("fastapi")

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURES = ("requests/s", "tokens/s", "p50 ms", "p99 ms", "memory MB")


def load(folder: Path, tmp_path: Path, *options: str) -> tuple[dict, str]:
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"Ada met Marie in Oslo on day {number}.\n\n" for number in range(30)))
    figures = tmp_path / "figures.json"
    command = [sys.executable, "recipes/load.py", str(folder), str(texts), "--seconds", "0.3", "--threads", "1"]
    command += ["--clients", "1", "4", "--long", "5", "--json", str(figures), *options]
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(figures.read_text()), done.stdout


def test_a_service_is_measured_and_soaked(exported_tagger: Path, tmp_path: Path):
    report, printed = load(exported_tagger, tmp_path, "--soak", "50")
    rows = report["rows"]
    assert [(row["texts per request"], row["clients"]) for row in rows] == [(1, 1), (1, 4), (5, 1), (5, 4)]
    assert all(row[name] > 0 for row in rows for name in FIGURES)
    for row in rows:  # the texts have nine tokens each
        assert row["tokens/s"] == pytest.approx(row["requests/s"] * row["texts per request"] * 9)
        assert row["p50 ms"] <= row["p99 ms"]
    assert len(report["soak_megabytes"]) == 11
    assert all(20 < size < 2_000 for size in report["soak_megabytes"])
    assert report["plain_tokens_per_second"] > 0
    assert "memory over 50 requests, MB:" in printed


def test_a_service_by_hand_is_measured_in_the_same_way(exported_tagger: Path, tmp_path: Path):
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    pipeline.to_disk(tmp_path / "pipeline")
    report, _ = load(exported_tagger, tmp_path, "--spacy", str(tmp_path / "pipeline"))
    services = [row["service"] for row in report["rows"]]
    assert services == ["seqtag"] * 4 + ["spaCy by hand"] * 4
    assert all(row["requests/s"] > 0 for row in report["rows"])
