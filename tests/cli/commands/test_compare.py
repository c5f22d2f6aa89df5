"""`seqtag compare`: what it prints and writes of report files, and files that can't be compared."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from small_corpus import Run

from seqtag.evaluation.statistics.comparison import compare
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.ranking import rank
from seqtag.reporting.figures import write_json

LABELS = ("LOC", "PER")
QUICK = ("--resamples", "200")


class Report:
    def __init__(self, share: float, source: str, *, data: str = "a" * 64, unit: str = "sentences") -> None:
        gold = np.random.default_rng(0).poisson(0.8, (200, 2))
        right = np.random.default_rng(int(1000 * share)).binomial(gold, share)
        self.source = source
        self.score = float(right.sum() / gold.sum())
        self.measurement = Measurement("spans", data, unit, Counts(LABELS, right, gold, gold))

    def save(self, path: Path) -> Path:
        stored = {"source": self.source, "score": self.score, "measurement": self.measurement.to_dict()}
        path.write_text(write_json(stored), encoding="utf-8")
        return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    shares = {"weak": 0.5, "best": 0.9, "good": 0.88}
    return [Report(share, "corpus").save(tmp_path / f"{name}.json") for name, share in shares.items()]


def test_two_reports_are_ranked_and_set_beside_each_other(run: Run, files: list[Path]):
    result = run("compare", *files[:2], *QUICK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1 best" in result.stdout
    assert "2 weak" in result.stdout
    a, b = Report(0.5, "weak"), Report(0.9, "best")
    pair, ranking = compare(a, b, resamples=200), rank([a, b], resamples=200)
    assert str(pair) in result.stdout
    assert result.stdout.endswith(str(ranking).partition("\n\nScores and differences")[0] + "\n")
    assert max(map(cell_len, result.stdout.split("\n"))) <= 80
    assert "\x1b" not in result.stdout


def test_several_reports_are_ranked_with_their_labels(run: Run, files: list[Path]):
    result = run("compare", *files, *QUICK, "--seed", "3")
    reports = [Report(share, name) for share, name in ((0.5, "weak"), (0.9, "best"), (0.88, "good"))]
    assert result.stdout == f"{rank(reports, resamples=200, seed=3)}\n"
    assert "no difference shown between 1 and 2" in result.stdout


def test_all_forms_are_written(run: Run, files: list[Path], tmp_path: Path):
    places = {form: tmp_path / f"out.{form}" for form in ("json", "html", "markdown")}
    options = [word for form, place in places.items() for word in (f"--{form}", place)]
    result = run("compare", *files[:2], *QUICK, *options)
    assert result.exit_code == 0
    a, b = Report(0.5, "weak"), Report(0.9, "best")
    expected = {
        "ranking": rank([a, b], resamples=200).to_dict(),
        "comparison": compare(a, b, resamples=200).to_dict(),
    }
    assert json.loads(places["json"].read_text(encoding="utf-8")) == json.loads(json.dumps(expected))
    verdict = compare(a, b, resamples=200).verdict
    for form in ("html", "markdown"):
        text = places[form].read_text(encoding="utf-8")
        assert verdict in text
        assert f"{100 * b.score:.2f}" in text
    assert json.loads(run("compare", *files[:2], *QUICK, "--json", "-").stdout) == json.loads(
        places["json"].read_text(encoding="utf-8")
    )
    several = run("compare", *files, *QUICK, "--json", "-")
    assert list(json.loads(several.stdout)) == ["ranking"]


def test_names_are_those_of_the_files_or_else_what_tells_the_reports_apart(run: Run, tmp_path: Path):
    places = [tmp_path / name for name in ("lstm", "gru")]
    for place in places:
        place.mkdir()
    for sources, expected in (
        (("lstm.conll", "gru.conll"), ["lstm.conll", "gru.conll"]),
        (("test.conll", "test.conll"), [str(place / "report.json") for place in places]),
        (("", "gru.conll"), [str(place / "report.json") for place in places]),
    ):
        paths = [
            Report(share, source).save(place / "report.json")
            for share, source, place in zip((0.5, 0.9), sources, places)
        ]
        result = run("compare", *paths, *QUICK, "--json", "-")
        assert json.loads(result.stdout)["comparison"]["names"] == expected
    renamed = paths[0].rename(tmp_path / "weak.json")
    assert "a: weak\nb: report\n" in run("compare", renamed, paths[1], *QUICK).stdout


def test_what_seqtag_score_writes_is_ranked_as_published(run: Run, shared_data: Path, tmp_path: Path):
    # strict F1 of the shared task's overview paper (Derczynski et al., 2017)
    folder = shared_data / "wnut17"
    paths = [tmp_path / f"{system}.json" for system in ("arcada", "mic-cis", "spinningbytes")]
    for path in paths:
        gold, submission = folder / "emerging.test.annotated", folder / "submissions" / path.stem
        assert run("score", gold, submission, "--json", path).exit_code == 0
    ranking = json.loads(run("compare", *paths, "--json", "-", "--resamples", "500").stdout)["ranking"]
    found = [(system["name"], round(100 * system["score"]["value"], 2)) for system in ranking["systems"]]
    assert found == [("spinningbytes", 41.31), ("arcada", 39.98), ("mic-cis", 37.30)]
    assert [system["verdict"] for system in ranking["systems"]] == ["", "no difference shown", "the best is better"]


def test_a_byte_order_mark_does_no_harm(run: Run, files: list[Path]):
    files[0].write_bytes(b"\xef\xbb\xbf" + files[0].read_bytes())
    assert run("compare", *files, *QUICK).exit_code == 0


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 1, "bad.json:1: not JSON: Expecting value at column 1; give a file that `seqtag evaluate`"),
        (b'{\n"score": 1,\n', 1, "bad.json:3: not JSON: "),
        (b"\xff\xfe", 1, "bad.json: not JSON: byte 1 is not UTF-8"),
        (b"[1, 2]", 1, "bad.json: JSON, but no report of a model or a system; give a file that `seqtag evaluate`"),
        (b'{"tokens": ["a"]}', 1, "bad.json: JSON, but no report of a model"),
        (b'{"score": "high", "measurement": {}}', 1, "bad.json: JSON, but no report of a model"),
        (b'{"source": "x", "score": 0.5}', 1, "bad.json: a report of an older release, without the counts"),
        (b'{"score": 0.5, "measurement": {}}', 1, "bad.json: the measurement is damaged: it lacks task, data_hash"),
    ],
)
def test_a_file_that_is_no_report(run: Run, files: list[Path], tmp_path: Path, content: bytes, code: int, message: str):
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    result = run("compare", files[0], bad)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("error:") == 1


def test_reports_on_other_data(run: Run, files: list[Path], tmp_path: Path):
    for options, message in (
        (
            {"data": "b" * 64},
            "they measure different data (best: aaaaaaaaaaaa..., 200 sentences; other: bbbbbbbbbbbb...",
        ),
        ({"unit": "documents"}, "they count by different units (best: sentences; other: documents)"),
    ):
        other = Report(0.6, "corpus", **options).save(tmp_path / "other.json")
        result = run("compare", files[1], other)
        assert (result.exit_code, result.stdout) == (1, "")
        assert message in result.stderr


def test_files_that_are_too_few_or_named_twice_or_not_there(run: Run, files: list[Path], tmp_path: Path):
    for words, message in (
        (files[:1], "one report alone can't be compared; name two or more"),
        ([files[0], files[1], tmp_path / "." / "weak.json"], "this file is named twice"),
        ([files[0], tmp_path / "none.json"], "none.json: there is no such file"),
        ([files[0], tmp_path], "this is a folder where a file is needed"),
        ([*files, "--resamples", "0"], "resamples=0: pass at least 1"),
        ([*files, *QUICK, "--html", tmp_path / "no" / "out.html"], "out.html: can't be written"),
    ):
        result = run("compare", *words)
        assert result.exit_code == 2
        assert message in result.stderr
