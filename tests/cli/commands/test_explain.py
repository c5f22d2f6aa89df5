"""`seqtag explain`: it says what the model's `explain` gives, in each form, and tells how to ask."""

import json
import re
from pathlib import Path

import pytest
from small_corpus import Run

from seqtag import Classifier, Patterns, Span, Tagger
from seqtag.cli.commands.explain import read_span
from seqtag.errors import UsageError

TEXT = "Ada Lovelace lives in San Marino ."


def test_what_a_tagger_found_is_explained(run: Run, model: Path, tmp_path: Path):
    explained = Tagger.load(model, device="cpu").explain_text(TEXT)
    assert explained
    page, notes = tmp_path / "why.html", tmp_path / "why.md"
    result = run("explain", model, TEXT, "--html", page, "--markdown", notes)
    assert (result.exit_code, result.stdout) == (0, f"{explained}\n")
    assert run("explain", model, "-", stdin=TEXT).stdout == result.stdout
    assert "What speaks for it" in page.read_text(encoding="utf-8")
    assert "encoder" in notes.read_text(encoding="utf-8")
    written = run("explain", model, TEXT, "--json", "-")
    assert json.loads(written.stdout) == json.loads(json.dumps(explained.to_dict()))


def test_a_span_or_a_class_may_be_asked_for(run: Run, model: Path, classifier_folder: Path):
    result = run("explain", model, TEXT, "--span", "0:12=LOC")
    assert result.stdout == f"{Tagger.load(model, device='cpu').explain_text(TEXT, Span(0, 12, 'LOC'))}\n"
    result = run("explain", classifier_folder, "The room was rude", "--label", "good")
    expected = Classifier.load(classifier_folder, device="cpu").explain("The room was rude", "good")
    assert result.stdout == f"{expected}\n"
    assert result.stdout.startswith("good: probability")


def test_patterns_are_known(run: Run, model: Path, tmp_path: Path):
    patterns = tmp_path / "patterns.jsonl"
    patterns.write_text('{"label": "LOC", "pattern": "Ada Lovelace"}\n', encoding="utf-8")
    result = run("explain", model, TEXT, "--known", patterns)
    expected = Tagger.load(model, device="cpu").explain_text(TEXT, known=Patterns.load(patterns))
    assert (result.exit_code, result.stdout) == (0, f"{expected}\n")
    assert "LOC 'Ada Lovelace': probability 1.000. It was known before the prediction, for certain." in result.stdout


def test_nothing_found_is_said(run: Run, model: Path):
    assert run("explain", model, "").stdout == "Nothing was found, so there is nothing to explain.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--label", "PER"), "--label: .* holds a tagger; ask it with --span START:END=LABEL"),
        (("--span", "0:12"), "--span 0:12: write START:END=LABEL"),
        (("--span", "0:12=X"), "X at 0-12: the model has no label 'X'; choose from LOC, PER"),
        (("--span", "0:2=PER"), "the tokens there are: 'Ada' 0 to 3"),
    ],
)
def test_a_wrong_question_is_told_the_right_one(run: Run, model: Path, words: tuple[str, ...], message: str):
    result = run("explain", model, TEXT, *words)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)


def test_a_classifier_has_no_spans_and_a_language_model_no_labels(run: Run, classifier_folder: Path, writer: Path):
    assert (
        "holds a classifier; ask it with --label LABEL"
        in run("explain", classifier_folder, TEXT, "--span", "0:3=A").stderr
    )
    assert run("explain", writer, TEXT).exit_code == 2


@pytest.mark.parametrize("written", ["", "a:b=X", "1:2", "1:2=", ":=X", "-1:2=X"])
def test_a_span_that_is_written_otherwise_is_refused(written: str):
    with pytest.raises(UsageError, match="write START:END=LABEL"):
        read_span(written)
