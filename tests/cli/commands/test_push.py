"""`seqtag train --push`, and the commands that take a model on the hub by its name."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from small_corpus import SMALL, TEXT, TINY, Run

from seqtag import Tagger


def test_a_trained_model_is_pushed_with_its_figures_on_test(hub, run: Run, corpus: Path, tmp_path: Path):
    result = run(
        *("train", corpus, "--out", tmp_path / "ner", *SMALL, "--language", "en"),
        *("--push", "me/ner", "--private", "--license", "mit"),
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith(f"pushed to {hub.url}/me/ner/commit/")
    assert hub.repositories["me/ner"].private
    card = ModelCard(hub.files("me/ner")["README.md"].decode())
    assert (card.data.license, card.data.language) == ("mit", "en")
    assert [found.metric_type for found in card.data.eval_results] == ["f1", "precision", "recall"]
    assert {found.dataset_name for found in card.data.eval_results} == {"corpus0, test"}
    assert str(tmp_path) not in str(card)
    again = Tagger.from_pretrained("me/ner", device="cpu")
    assert again.labels_ == Tagger.load(tmp_path / "ner").labels_
    # The folder that was trained keeps its own card, which knows nothing of the hub.
    assert "from_pretrained" not in (tmp_path / "ner" / "README.md").read_text(encoding="utf-8")


def test_a_language_model_is_pushed_too(hub, run: Run, tmp_path: Path):
    text = tmp_path / "novel.txt"
    text.write_text(TEXT, encoding="utf-8")
    result = run("train", text, "--out", tmp_path / "m", "--task", "lm", *TINY, "--test", text, "--push", "writer")
    assert result.exit_code == 0
    found = ModelCard(hub.files("me/writer")["README.md"].decode()).data.eval_results
    assert [each.metric_type for each in found] == ["perplexity", "bits_per_character"]
    written = run("generate", "me/writer", "--num-tokens", "5", "--seed", "1")
    assert written.exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--push", "a/b/c"], "'a/b/c' can't be the name of a repository"),
        (["--private"], "--private: is for a model that goes to the hub; add --push OWNER/NAME"),
        (["--license", "mit"], "--license: is for a model that goes to the hub"),
        (["--push", "me/ner", "--license", " "], "license=' ': give its name"),
    ],
)
def test_a_wrong_push_is_told_before_the_training(hub, run: Run, corpus: Path, tmp_path: Path, words, message: str):
    result = run("train", corpus, "--out", tmp_path / "ner", *SMALL, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "epoch" not in result.stderr
    assert not (tmp_path / "ner").exists()


def test_who_is_not_logged_in_is_told_before_the_training(
    hub, run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    result = run("train", corpus, "--out", tmp_path / "ner", *SMALL, "--push", "me/ner")
    assert result.exit_code == 2
    assert "log in with `hf auth login`, or set HF_TOKEN" in result.stderr
    assert "epoch" not in result.stderr


def test_a_push_that_fails_loses_no_model(hub, run: Run, corpus: Path, tmp_path: Path):
    out = tmp_path / "ner"
    result = run("train", corpus, "--out", out, *SMALL, "--push", "you/ner")
    assert result.exit_code == 2
    assert "you/ner: the hub does not let you write there" in result.stderr
    assert f'the model is saved in {out}, and in Python Tagger.load("{out}").push_to_hub("you/ner")' in result.stderr
    assert Tagger.load(out).labels_


def test_a_model_on_the_hub_predicts_and_is_evaluated_by_its_name(hub, run: Run, model: Path, corpus: Path):
    hub.add("me/ner", model)
    text = "Ada Lovelace lived in London ."
    for words, stdin in ((("predict", "me/ner", "--text"), text), (("evaluate", "me/ner", corpus), None)):
        named = run(*words, stdin=stdin)
        local = run(*(model if word == "me/ner" else word for word in words), stdin=stdin)
        assert (named.exit_code, named.stdout.replace("model me/ner\n", f"model {model}\n")) == (0, local.stdout)
    missing = run("predict", "me/nowhere", "--text", stdin=text)
    assert missing.exit_code == 2
    assert "me/nowhere: there is no such folder here, and no such model on the hub, or it is private" in missing.stderr
