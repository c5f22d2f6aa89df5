"""`seqtag pretrain`: from a text file to a start for `seqtag train --from`."""

from pathlib import Path

import pytest
from small_corpus import SENTENCES, SMALL, Run

from seqtag import Tagger


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "plain.txt"
    path.write_text("\n".join(" ".join(token for token, _ in row) for row in SENTENCES * 8), encoding="utf-8")
    return path


def test_a_text_becomes_a_start_for_training(run: Run, text: Path, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "text-model"
    result = run("pretrain", text, "--out", out, *SMALL, "--language", "en", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / ".text-model.checkpoint").exists()
    result = run("train", corpus, "--from", out, "--out", tmp_path / "ner", "--epochs", "1")
    assert result.exit_code == 0, result.output
    tagger = Tagger.load(tmp_path / "ner", device="cpu")
    assert tagger.language == "en"
    assert tagger.start_from == "text-model"
    assert tagger.labels_
    result = run("predict", out, text)
    assert result.exit_code == 2
    assert "knows no labels" in result.stderr


def test_mistakes_are_found_before_anything_is_read(run: Run, corpus: Path, text: Path, tmp_path: Path) -> None:
    for words, message in [
        ((text, "--set", "num_layers=2"), "num_layers=2: pretraining needs num_layers=1"),
        ((text, "--set", "hiden_size=2"), "hidden_size"),
        ((text, "--set", "epochs=2"), "say how often the text is read by --epochs N"),
        ((corpus / "train.conll",), "holds tokens with tags"),
        ((tmp_path / "none.txt",), "no such file"),
    ]:
        result = run("pretrain", *words, "--out", tmp_path / "m")
        assert result.exit_code == 2, result.output
        assert message in result.stderr
        assert not (tmp_path / "m").exists()
