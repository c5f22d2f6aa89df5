"""The script for a machine with a GPU, tried without one."""

import importlib.util
import json
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "gpu_check.py"
specification = importlib.util.spec_from_file_location("gpu_check", RECIPE)
gpu_check = importlib.util.module_from_spec(specification)
specification.loader.exec_module(gpu_check)


@pytest.fixture
def quick(shared_data, monkeypatch, tmp_path):
    """Run the script on 100 sentences; `checks` replaces its own. Gives the exit code and what it wrote."""

    def run(checks, *options):
        monkeypatch.setattr(gpu_check, "checks_of", checks)
        file = tmp_path / "gpu.json"
        arguments = ["--data", str(shared_data), "--device", "cpu", "--quick", "--json", str(file), *options]
        with pytest.raises(SystemExit) as ended:
            gpu_check.main(arguments)
        return ended.value.code, json.loads(file.read_text(encoding="utf-8"))["checks"]

    return run


def test_it_trains_predicts_alike_in_any_batch_and_resumes(quick):
    def checks(job):
        yield "tagger", lambda: gpu_check.check_tagger(job, {"hidden_size": 8}, "bf16")
        yield "resume", lambda: gpu_check.check_resume(job, "fp32")

    code, rows = quick(checks)
    assert [row["outcome"] for row in rows] == ["ok", "ok"]
    assert code == 0
    assert rows[0]["train tokens/s"] > 0
    assert rows[0]["moved by a batch"] <= gpu_check.MOST_MOVED["bf16"]
    assert rows[1]["equal weights"] > 10


def test_the_other_checks_go_on_after_one_that_failed_and_the_exit_code_tells(quick, capsys):
    def checks(job):
        yield "odd", lambda: 1 / 0
        yield "good", lambda: {"figure": 7}

    code, rows = quick(checks)
    assert [row["outcome"] for row in rows] == ["failed: ZeroDivisionError: division by zero", "ok"]
    assert code == 1
    assert "figure 7" in capsys.readouterr().out


def test_checks_after_the_time_is_up_are_left_out_by_name(quick):
    code, rows = quick(lambda job: [("late", lambda: {})], "--minutes", "0")
    assert rows == [{"check": "late", "outcome": "left out: the time was up"}]
    assert code == 1


def test_without_a_gpu_it_says_so(shared_data, monkeypatch, capsys):
    monkeypatch.setattr(gpu_check.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        gpu_check.main(["--data", str(shared_data)])
    assert "torch sees no GPU here" in capsys.readouterr().err
