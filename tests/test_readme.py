"""The README: its Python examples run as they stand, its commands exist, its paths lead somewhere."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from seqtag.cli.app import app

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Run all Python blocks in order, as one session in a folder that has the demo corpus; give what they left."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(REPOSITORY / "data")
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), names)
    return {**names, "folder": folder}


def test_there_are_eleven_python_examples():
    assert len(blocks("python")) == 11


def test_the_examples_give_what_they_promise(examples):
    assert examples["report"].f1 > 0.3
    assert "<svg" in (examples["folder"] / "report.html").read_text(encoding="utf-8")
    assert examples["comparison"].difference.b < examples["report"].f1
    saved = type(examples["tagger"]).load(examples["folder"] / "models" / "news")
    tokens = examples["corpus"]["test"]["tokens"][:20]
    assert examples["served"].predict(tokens) == saved.predict(tokens)
    tagger = examples["tagger"]
    assert set(tagger.thresholds_) == {"LOC", "MISC", "ORG", "PER"}
    spans = tagger.predict_spans(["Ada Lovelace lived in London."])[0]
    assert all("Ada Lovelace lived in London."[s.start : s.end] == s.text and 0 < s.score <= 1 for s in spans)
    assert examples["marginals"].shape == (3, len(tagger.tags_))
    assert examples["marginals"].sum(axis=1) == pytest.approx([1, 1, 1])
    assert examples["best"][1] >= examples["second"][1] > 0
    assert examples["scores"].min() > 0.5
    assert examples["labels"] == ["positive", "neutral"]
    assert examples["probabilities"].shape == (2, 3)
    assert sum(token.weight for token in examples["classifier"].predict_attention(examples["texts"])[0]) == (
        pytest.approx(1)
    )
    assert examples["fluency"] < 0
    assert examples["model"].bits_per_character(examples["lines"]) < 5  # of some 80 characters, 6.3 by chance
    assert examples["trend"].score(examples["series"], examples["kinds"]) == 1.0


def test_every_command_of_the_readme_exists():
    known = set(get_command(app).commands)
    named = {word for block in blocks("sh") for word in re.findall(r"(?:^|\| )seqtag (\w+)", block, flags=re.MULTILINE)}
    assert named == known - {"demo"}
    targets = set(re.findall(r"^make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_every_path_and_option_of_the_readme_exists():
    from seqtag import Classifier, Tagger

    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\((?!http)([^)]+)\)", prose):
        assert (REPOSITORY / link).exists(), link
    for recipe in re.findall(r"`(\w+\.py)`", README.split("- `recipes/`")[1].split("- [data")[0]):
        assert (REPOSITORY / "recipes" / recipe).exists(), recipe
    table = README.split("## Options")[1].split("## How it works")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    values = {"cnn", "lstm", "gru", "None", "all", "corpus", "fp32", "bf16", "attention", "last", "mean", "max"}
    values |= {"auto", "torch", "onnx"}
    options = set(Tagger().get_params()) | set(Classifier().get_params())
    assert named - values == options, "the README's tables of options and the constructors must agree"


def test_the_message_shown_for_a_bad_option_is_the_real_one():
    from seqtag import Tagger, UsageError

    shown = next(line for line in README.splitlines() if line.startswith("Tagger: encoder="))
    with pytest.raises(UsageError) as error:
        Tagger(encoder="ltsm").fit([["a"]], [["B-X"]])
    assert str(error.value) == shown
