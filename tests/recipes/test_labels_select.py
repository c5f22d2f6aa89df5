"""The recipe that simulates choosing what to label: a curve for each way, made once, and figures read off it."""

import json
import runpy
from pathlib import Path

import pytest
from small_corpus import SENTENCES, conll

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "labels_select.py"


@pytest.fixture(scope="module")
def recipe() -> dict:
    return runpy.run_path(str(RECIPE))


def test_each_way_has_a_curve_and_a_finished_one_is_not_made_again(recipe, tmp_path, capsys):
    folder = tmp_path / "news"
    folder.mkdir()
    for name, rows in (("train", SENTENCES[:48:2]), ("dev", SENTENCES[1:20:4]), ("test", SENTENCES[3:40:4])):
        (folder / f"{name}.conll").write_text(conll(rows), encoding="utf-8")
    out, picture = tmp_path / "curves.jsonl", tmp_path / "curves.svg"
    words = ["--out", str(out), "--data", str(tmp_path), "news", "--seeds", "1", "--start", "6", "--growth", "2"]
    small = ["characters=null", "hidden_size=8", "epochs=2"]
    words += [word for option in small for word in ("--set", option)] + ["--set", 'device="cpu"']
    recipe["main"]([*words, "--ways", "random", "longest"])
    first = out.read_text(encoding="utf-8")
    recipe["main"]([*words, "--ways", "random", "longest", "seqtag select", "--picture", str(picture)])
    lines = out.read_text(encoding="utf-8")
    assert lines.startswith(first)
    records = {record["way"]: record["points"] for record in map(json.loads, lines.splitlines())}
    assert list(records) == ["all labels", "random", "longest", "seqtag select"]
    total = sum(map(len, SENTENCES[:48:2]))
    assert records["all labels"][0][:2] == [total, 24]
    starts = {tuple(points[0]) for way, points in records.items() if way != "all labels"}
    assert len(starts) == 1
    for way in ("random", "longest", "seqtag select"):
        sizes = [number for _, number, _ in records[way]]
        assert sizes == sorted(set(sizes))
        assert sizes[1] == 12
    assert records["longest"][1][0] >= records["random"][1][0]
    with pytest.raises(SystemExit):
        recipe["main"]([*words, "--dev", "4"])
    assert out.read_text(encoding="utf-8") == lines
    assert "| seqtag select |" in capsys.readouterr().out
    assert picture.read_text(encoding="utf-8").count("<polyline") == 3


def test_tokens_are_read_off_the_curve_between_rounds(recipe):
    points = [(100, 5, 20.0), (200, 9, 15.0), (300, 14, 40.0), (400, 18, 50.0)]
    needed = recipe["tokens_needed"]
    assert needed(points, 10.0) == 100
    assert needed(points, 30.0) == pytest.approx(250)  # from the best so far, at the round before
    assert needed(points, 40.0) == 300
    assert needed(points, 51.0) is None
    assert recipe["area"](points, 200) == pytest.approx(17.5)
    assert recipe["area"](points, 900) == pytest.approx((17.5 + 27.5 + 45) / 3)
