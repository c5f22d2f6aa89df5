"""`seqtag tune`: what it prints and saves, what the other commands make of it, and calls that don't make sense."""

import json
from pathlib import Path

import pytest
from small_corpus import SENTENCES, Run, conll

from seqtag import Tagger, load_corpus

TOKENS = [[token for token, _ in rows] for rows in SENTENCES[:12]]


@pytest.fixture(scope="module")
def saved(model: Path) -> Path:
    return model


def test_thresholds_are_chosen_on_dev_printed_and_saved(run: Run, folder: Path, corpus: Path):
    result = run("tune", folder, corpus, "--recall", "0.9")
    assert result.exit_code == 0, result.stderr
    tagger = Tagger.load(folder, device="cpu")
    expected = Tagger.load(folder, device="cpu").tune(load_corpus(str(corpus), split="dev"), recall=0.9)
    assert tagger.tuning_ == expected.tuning_
    assert "what they give on these 36 sentences" in result.stdout
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    for label, found in tagger.tuning_.labels.items():
        figures = [f"{100 * share:.2f}" for share in (found.precision, found.recall, 0.9)]
        assert rows[label] == [f"{found.value:.4f}", *figures]
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "temperature" not in result.stdout


def test_predict_honours_what_tune_saved(run: Run, folder: Path, corpus: Path, tmp_path: Path):
    run("tune", folder, corpus, "--recall", "1.0")
    least = Tagger.load(folder).thresholds_
    lines = "".join(json.dumps({"tokens": tokens}) + "\n" for tokens in TOKENS)
    answers = [json.loads(line) for line in run("predict", folder, "--jsonl", stdin=lines).stdout.splitlines()]
    assert [answer["tags"] for answer in answers] == Tagger.load(folder).predict(TOKENS)
    assert all(span["score"] >= least[span["label"]] - 1e-4 for answer in answers for span in answer["spans"])


def test_one_label_may_want_another_share(run: Run, folder: Path, corpus: Path):
    result = run("tune", folder, corpus, "--precision", "0.5", "--label", "PER=0.99", "--split", "test")
    assert result.exit_code == 0, result.stderr
    assert dict(Tagger.load(folder).tuning_.wanted) == {"LOC": 0.5, "PER": 0.99}
    assert Tagger.load(folder).tuning_.figure == "precision"


def test_the_temperature_alone_takes_thresholds_away(run: Run, folder: Path, corpus: Path):
    before = Tagger.load(folder).predict(TOKENS)
    run("tune", folder, corpus, "--recall", "0.9")
    result = run("tune", folder, corpus, "--calibrate")
    assert result.exit_code == 0, result.stderr
    tagger = Tagger.load(folder)
    assert tagger.thresholds_ is None
    assert f"temperature {tagger.data_['temperature']:.3f}" in result.stdout
    assert "no thresholds: the best tags are predicted" in result.stdout
    assert "log loss of" in result.stderr
    assert tagger.predict(TOKENS) == before
    assert run("tune", folder, corpus).stdout.splitlines()[-1] == "no thresholds: the best tags are predicted"


def test_another_folder_gets_the_tuned_model_and_the_first_stays(
    run: Run, model: Path, folder: Path, corpus: Path, tmp_path: Path
):
    (tmp_path / "one.conll").write_text(conll(SENTENCES[1::4]), encoding="utf-8")
    result = run("tune", folder, tmp_path / "one.conll", "--recall", "0.9", "--out", tmp_path / "tuned")
    assert result.exit_code == 0, result.stderr
    assert Tagger.load(folder).thresholds_ is None
    assert set(Tagger.load(tmp_path / "tuned").thresholds_) == {"LOC", "PER"}
    result = run("tune", folder, corpus, "--out", tmp_path / "tuned")
    assert (result.exit_code, "holds a model already; name another folder" in result.stderr) == (2, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    result = run("tune", folder, corpus, "--out", tmp_path / "full")
    assert (result.exit_code, "is not a model folder" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recall", "0.9", "--precision", "0.9"], "thresholds can be chosen for one of the two; leave out the other"),
        (["--label", "PER=0.9"], "say with --recall or --precision what it is a share of"),
        (["--recall", "0.9", "--label", "PER"], "write --label LABEL=SHARE"),
        (["--recall", "0.9", "--label", "PER=much"], "write --label LABEL=SHARE"),
        (["--recall", "0.9", "--label", "PER=0.9", "--label", "PER=0.8"], "PER comes twice"),
        (["--recall", "0.9", "--label", "PRE=0.9"], "unknown label 'PRE'; choose from LOC, PER; did you mean 'PER'?"),
        (["--recall", "90"], "90.0 is no share; give a number above 0 and at most 1"),
        (["--recall", "0"], "0.0 is no share"),
        (["--recall", "0", "--label", "PER=0.9"], "0.0 is no share"),
        (["--split", "dve"], "no split 'dve'; choose from dev, test, train; did you mean 'dev'?"),
    ],
)
def test_mistakes_are_one_message_and_change_nothing(run: Run, folder: Path, corpus: Path, words: list, message: str):
    before = (folder / "config.json").read_bytes()
    result = run("tune", folder, corpus, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert (folder / "config.json").read_bytes() == before


def test_a_classifier_is_not_tuned(run: Run, classifier_folder: Path, labelled: Path):
    result = run("tune", classifier_folder, labelled, "--recall", "0.9")
    assert (result.exit_code, "holds a classifier;" in result.stderr) == (2, True)
