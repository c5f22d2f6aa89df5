"""`seqtag curve`: which data is trained on and measured, what is printed and written, and what is refused."""

import json
from pathlib import Path

import pytest
from small_corpus import SENTENCES, SMALL, Run, conll

QUICK = ("--seeds", "1", "--fractions", "1/4,1/2,1", "--epochs", "1")
TINY = tuple(word for word in SMALL if word not in ("--epochs", "3"))


def test_a_corpus_has_a_curve_with_forecasts(run: Run, corpus: Path, tmp_path: Path):
    places = {form: tmp_path / f"out.{form}" for form in ("json", "html")}
    options = [word for form, place in places.items() for word in (f"--{form}", place)]
    result = run("curve", corpus, *TINY, *QUICK, "--more", "50", *options)
    assert result.exit_code == 0, result.stderr
    values = json.loads(places["json"].read_text(encoding="utf-8"))
    assert [each["num_rows"] for each in values["trainings"]] == [18, 36, 72]
    assert [each["number"] for each in values["forecasts"]] == [122, 144, 288]
    assert values["num_test"] == 36
    assert "Another 50 sentences (122 in all): about" in " ".join(result.stdout.split())
    assert "<svg" in places["html"].read_text(encoding="utf-8")
    assert "36 sentences, seed 0: " in result.stderr


def test_without_test_data_some_is_held_out(run: Run, tmp_path: Path):
    path = tmp_path / "all.conll"
    path.write_text(conll(SENTENCES), encoding="utf-8")
    words = ("--seeds", "1", "--fractions", "1/2", "--epochs", "1", "--json", "-")
    result = run("curve", path, *TINY, *words)
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert (values["num_rows"], values["num_test"]) == (115, 29)
    assert "29 of 144 rows of train are held out as test" in result.stderr
    assert values["law"] is None


def test_texts_have_a_curve_too(run: Run, labelled: Path):
    result = run("curve", labelled, "--task", "classify", *TINY, *QUICK, "--json", "-")
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert (values["score_name"], values["unit"]) == ("accuracy", "texts")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fractions", "2"], "fraction '2': is a share of the rows"),
        (["--fractions", ","], "no fractions are given"),
        (["--task", "lm"], "--task lm: unknown"),
        (["--set", "hiden_size=3"], "did you mean 'hidden_size'"),
        (["--test-share", "1"], "--test-share 1: is a share of the rows"),
        (["--html", "no-folder/a.html"], "name a file in an existing folder"),
    ],
)
def test_wrong_use_is_one_message(run: Run, corpus: Path, words: list[str], message: str):
    result = run("curve", corpus, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
