"""Options from a file: what it says, what the command line says over it, and what is no option."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpus import Run

from seqtag.cli.config_file import toml_value, write_toml

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
