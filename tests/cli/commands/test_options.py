"""`seqtag options`: the list is that of the code, and each option can be found by its name."""

import json
import re
from pathlib import Path

import pytest
from small_corpus import Run

from seqtag import Classifier, LanguageModel, Tagger
from seqtag.cli.tasks import TASKS
from seqtag.models.options import option_table

KINDS = [Tagger, Classifier, LanguageModel]


def test_all_options_of_all_estimators_are_listed_with_their_sentences(run: Run, tmp_path: Path):
    result = run("options", "--json", tmp_path / "options.json")
    assert (result.exit_code, result.stderr) == (0, "")
    listed = json.loads((tmp_path / "options.json").read_text(encoding="utf-8"))
    assert {kind: [option["name"] for option in options] for kind, options in listed.items()} == {
        kind.__name__: [option.name for option in option_table(kind)] for kind in KINDS
    }
    for kind in KINDS:
        assert {option["name"]: option["default"] for option in listed[kind.__name__]} == kind().get_params(deep=False)
    printed = " ".join(result.stdout.split())
    for kind in KINDS:
        for option in option_table(kind):
            assert f" {option.name} = {option.default!r} " in printed
            assert f"{' '.join(option.doc.split())} Takes {option.allowed}." in printed
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert json.loads(run("options", "--json", "-").stdout) == listed


@pytest.mark.parametrize("name", ["LanguageModel", "languagemodel", "language-model", "language_model"])
def test_one_estimator_is_listed_alone(name: str, run: Run):
    assert list(json.loads(run("options", name, "--json", "-").stdout)) == ["LanguageModel"]


def test_an_option_is_shown_for_each_estimator_that_has_it(run: Run):
    for name, kinds in (("hidden-size", ["Tagger", "Classifier", "LanguageModel"]), ("head", ["Tagger"])):
        found = json.loads(run("options", name, "--json", "-").stdout)
        assert {kind: [option["name"] for option in options] for kind, options in found.items()} == {
            kind: [name.replace("-", "_")] for kind in kinds
        }


@pytest.mark.parametrize(("name", "nearest"), [("hiden_size", "hidden_size"), ("Taggr", "Tagger")])
def test_an_unknown_name_is_answered_with_the_nearest_one(name: str, nearest: str, run: Run):
    result = run("options", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {name}: neither an estimator nor an option; choose from ")
    assert f"did you mean '{nearest}'?" in result.stderr


def test_the_help_of_train_names_each_list(run: Run):
    shown = " ".join(re.sub("│", " ", run("train", "--help").stdout).split())
    assert "seqtag options" in shown
    assert all(task.estimator().__name__ in shown for task in TASKS.values())
