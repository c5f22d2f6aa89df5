"""`seqtag generate`: the text that it writes is the model's own, after the prompt."""

from pathlib import Path

import pytest
from small_corpus import Run

from seqtag import LanguageModel


def test_generate_prints_the_prompt_and_what_the_model_makes_of_it(run: Run, writer: Path):
    model = LanguageModel.load(writer, device="cpu")
    result = run("generate", writer, "--prompt", "the cat", "--num-tokens", "60", "--seed", "3")
    assert result.exit_code == 0, result.stderr
    written = "the cat" + model.generate("the cat", num_tokens=60, seed=3)
    assert result.stdout == written + "\n" * (not written.endswith("\n"))
    words = ["--prompt", "the", "--temperature", "0.7", "--top-k", "5", "--top-p", "0.9", "--stop", "\n", "--stop", "q"]
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "stop": ["\n", "q"]}
    assert run("generate", writer, *words).stdout == f"the{model.generate('the', **options)}\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_prompt_may_come_from_standard_input_without_its_last_line_break(run: Run, writer: Path, end: str):
    result = run("generate", writer, "--prompt", "-", "--num-tokens", "9", stdin=f"the cat saw\nthe d{end}")
    assert result.stdout == run("generate", writer, "--prompt", "the cat saw\nthe d", "--num-tokens", "9").stdout
    assert run("generate", writer, "--num-tokens", "9").stdout == (
        LanguageModel.load(writer, device="cpu").generate(num_tokens=9).removesuffix("\n") + "\n"
    )


def test_characters_that_the_model_does_not_know_are_named(run: Run, writer: Path):
    result = run("generate", writer, "--prompt", "the bée", "--num-tokens", "3")
    assert "warning: the prompt has characters that the model does not know: 'b', 'é'" in result.stderr
    assert result.stdout.startswith("the bée")
