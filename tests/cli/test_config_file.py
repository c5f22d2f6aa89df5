"""Options from a file: what it says, what the command line says over it, and what is no option."""

import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from small_corpus import Run

from seqtag.cli.app import app
from seqtag.cli.config_file import toml_value, write_toml
from seqtag.corpora.lines import limit_unpacking

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)


@given(VALUES)
def test_values_are_read_back(value: object):
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}


def test_a_file_says_what_the_command_line_leaves_open(run: Run, corpus: Path, tmp_path: Path):
    config = tmp_path / "train.toml"
    settings = {"hidden_size": 8, "epochs": 1, "characters": None, "class_weights": None, "language": "en"}
    config.write_text(write_toml({"data": str(corpus), "out": str(tmp_path / "m"), "task": "tag"}, settings))
    result = run("train", "--config", config, "--seed", "3")
    assert result.exit_code == 0, result.stderr
    kept = tomllib.loads((tmp_path / "m" / "train.toml").read_text())
    assert kept["data"] == str(corpus)
    assert kept["set"] == {"hidden_size": 8, "epochs": 1, "characters": "none", "language": "en", "seed": 3}
    again = run("train", "--config", tmp_path / "m" / "train.toml", "--out", tmp_path / "n")
    assert again.exit_code == 0, again.stderr
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("m", "n")]
    assert weights[0] == weights[1]
    words = ("--epochs", "2", "--set", "word_size=7", "--set", "characters=cnn", "--out", tmp_path / "o")
    other = run("train", "--config", tmp_path / "m" / "train.toml", *words)
    assert other.exit_code == 0, other.stderr
    changed = tomllib.loads((tmp_path / "o" / "train.toml").read_text())["set"]
    assert changed == {"hidden_size": 8, "epochs": 2, "word_size": 7, "language": "en", "seed": 3}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hiden_size = 3", "'hiden_size' is no option of train"),
        ("epoch = 3", "did you mean 'epochs'?"),
        ("epochs = [1, 2]", "it takes one value"),
        ("[epochs]\na = 1", "it takes one value"),
        ("epochs = 'many'", "integer"),
        ("[set]\nhiden_size = 3", "did you mean 'hidden_size'?"),
        ("epochs = ", "no TOML in UTF-8"),
        ("[" * 100_000, "no TOML in UTF-8"),
        (b"\xff", "no TOML in UTF-8"),
    ],
)
def test_what_is_no_option_is_said(run: Run, corpus: Path, tmp_path: Path, content: str | bytes, words: str):
    config = tmp_path / "c.toml"
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run("train", corpus, "--out", tmp_path / "m", "--config", config)
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert words in said
    assert "Traceback" not in said


def test_a_file_that_is_missing_is_said(run: Run, tmp_path: Path):
    result = run("check", "x.conll", "--config", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "No such file" in " ".join(result.stderr.split())


def test_the_template_sets_nothing_and_has_every_option(run: Run, tmp_path: Path):
    template = run("options", "--toml", "classifier").stdout
    assert tomllib.loads(template) == {"task": "classify", "set": {}}
    bare = template.replace("# hidden_size", "hidden_size").replace("# pooling", "pooling")
    assert set(tomllib.loads(bare)["set"]) == {"hidden_size", "pooling"}
    assert run("options", "--toml", "hidden_size").exit_code == 2


COMMANDS: dict[str, Any] = typer.main.get_command(app).commands


def example_of(kind: Any) -> Any:
    """A value for a parameter that is annotated so."""
    kinds = {each for each in get_args(kind) if each is not type(None)} or {kind}
    for each in (kind, *kinds):
        if get_origin(each) is list:
            return [example_of(get_args(each)[0])]
    return next((value for each, value in ((bool, True), (int, 100), (float, 0.5)) if each in kinds), "some-name")


def words_of(parameter: Any, value: Any) -> list[str]:
    """The same on the command line."""
    if parameter.param_type_name == "argument":
        return list(map(str, value if isinstance(value, list) else [value]))
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for one in (value if isinstance(value, list) else [value]) for word in (parameter.opts[0], str(one))]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_file_may_hold_every_option_and_argument_of_every_command(name: str, tmp_path: Path):
    command, config = COMMANDS[name], tmp_path / "all.toml"
    kinds = get_type_hints(getattr(import_module(f"seqtag.cli.commands.{name}"), name))
    values = {p: example_of(kinds[p.name]) for p in command.params if p.name in kinds}
    assert {p.name for p in command.params} - {"help"} == {"config", *kinds} - {"return"}
    longest = {p: max((option.lstrip("-") for option in p.opts), key=len).lower() for p in values}
    config.write_text(write_toml({longest[p]: value for p, value in values.items()}, {}), encoding="utf-8")
    try:
        by_file = command.make_context(name, ["--config", str(config)]).params
        typed = [word for p, value in values.items() for word in words_of(p, value)]
        by_hand = command.make_context(name, typed).params
    finally:
        limit_unpacking(None)  # which --max-bytes sets for the process
    assert {**by_file, "config": None} == {**by_hand, "config": None}
    for p, value in values.items():
        found = by_file[p.name]
        assert str(list(found) if isinstance(value, list) else found) == str(value), p.name
    config.write_text("no-such-option = 1")
    with pytest.raises(typer.BadParameter, match=f"'no-such-option' is no option of {name}"):
        command.make_context(name, ["--config", str(config)])


# Options of a run that ends quickly, by names of what the fixtures hold.
RUNS: dict[str, dict[str, Any]] = {
    "check": {"data": ["CORPUS"], "json": "-"},
    "score": {"gold": "CORPUS/test.conll", "predicted": "CORPUS/test.conll", "json": "-"},
    "split": {"data": "CORPUS/train.conll", "out": "NEW", "test": "0.25"},
    "convert": {"data": "CORPUS/test.conll", "out": "NEW.jsonl"},
    "evaluate": {"model": "MODEL", "data": "CORPUS", "split": "dev", "json": "-"},
    "predict": {"model": "MODEL", "input": "CORPUS/test.conll", "format": "conll", "output": "-"},
    "tune": {"dir": "MODEL", "data": "CORPUS", "recall": 0.5, "out": "NEW"},
    "export": {"dir": "MODEL"},
    "generate": {"model": "WRITER", "num-tokens": 5, "seed": 3},
    "options": {"name": "hidden_size"},
}


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_command_runs_by_its_file_alone(run: Run, corpus: Path, model: Path, writer: Path, tmp_path: Path, name: str):
    own = shutil.copytree(model, tmp_path / "own-model")  # export and tune write into it
    places = {"CORPUS": corpus, "MODEL": own, "WRITER": writer, "NEW": tmp_path / "new"}

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return list(map(placed, value))
        if not isinstance(value, str):
            return value
        return re.sub("CORPUS|MODEL|WRITER|NEW", lambda found: str(places[found[0]]), value)

    (tmp_path / "c.toml").write_text(write_toml({key: placed(value) for key, value in RUNS[name].items()}, {}))
    result = run(name, "--config", tmp_path / "c.toml")
    assert result.exit_code == 0, result.stderr


def test_a_model_that_went_on_is_trained_again_by_its_file(run: Run, corpus: Path, saved_tagger: Path, tmp_path: Path):
    old = ("--from", saved_tagger, "--keep", "0.5", "--replay", corpus / "train.conll")
    words = ("--dev", corpus / "test.conll", "--epochs", "1", "--out", tmp_path / "m")
    result = run("train", corpus / "dev.conll", *old, *words)
    assert result.exit_code == 0, result.stderr
    again = run("train", "--config", tmp_path / "m" / "train.toml", "--out", tmp_path / "n")
    assert again.exit_code == 0, again.stderr
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("m", "n")]
    assert weights[0] == weights[1]
