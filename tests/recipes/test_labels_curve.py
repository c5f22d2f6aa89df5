"""The recipe that holds forecasts against what came: its table, and the command that it runs."""

import json
import runpy
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "labels_curve.py"


def stored(number: int, scores: list[float], **more: object) -> str:
    trainings = [{"num_rows": number, "score": score, "labels": {"PER": score, "ORG": score / 2}} for score in scores]
    return json.dumps({"trainings": trainings, "forecasts": [], "labels": [], **more})


def test_forecasts_are_set_beside_what_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    score = {"value": 0.7, "low": 0.68, "high": 0.72}
    found = [{"number": 100, "score": score}, {"number": 200, "score": {**score, "value": 0.8}}]
    labels = [
        {"label": "PER", "support": 80, "forecasts": found},
        {"label": "ORG", "support": 10, "forecasts": found},
    ]
    (tmp_path / "news_web-parts.json").write_text(stored(50, [0.6], forecasts=found, labels=labels))
    (tmp_path / "news_web-all.json").write_text(stored(101, [0.71, 0.73]))
    runpy.run_path(str(RECIPE))["main"](["news/web", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "| news/web | 50 | 70.0 | 68.0-72.0 | 71.0, 73.0 | 1 of 2 |",
        "| news/web PER | 50 | 70.0 | 68.0-72.0 | 71.0, 73.0 | 1 of 2 |",
    ]
    assert lines[-2:] == [
        f"{name}: forecasts miss by 2.0 points on average, intervals are 4.0 wide, 1 of 2 in"
        for name in ("corpora", "labels")
    ]


def test_a_corpus_is_run_in_parts_and_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def run(words: list[str], **options: object) -> None:
        calls.append(words[3:])
        path = Path(words[words.index("--json") + 1])
        found = [{"number": 16, "score": {"value": 0.7, "low": 0.6, "high": 0.8}}]
        path.write_text(stored(8, [0.7], forecasts=found), encoding="utf-8")

    monkeypatch.setattr("subprocess.run", run)
    words = ["news", "--data", str(tmp_path), "--out", str(tmp_path), "--of", "1/2", "--set", "encoder=null"]
    runpy.run_path(str(RECIPE))["main"](words)
    assert [call[3] for call in calls] == ["1/32,1/16,1/8,1/4", "1/2"]
    assert all(call[:2] == ["curve", str(tmp_path / "news")] for call in calls)
    assert all(call[-2:] == ["--set", "encoder=null"] for call in calls)
