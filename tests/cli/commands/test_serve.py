"""`seqtag serve` as it is typed: what is refused before anything is served."""

from pathlib import Path

import pytest
from small_corpus import Run

pytest.importorskip("fastapi", reason="needs the extra serve: pip install 'seqtag[serve]'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--collect", "kept.jsonl", "--workers", "2"], "--collect: one process writes the file"),
        (["--collect", "no/such/folder/kept.jsonl"], "there is no folder for it"),
        (["--host", "no.such.host.invalid", "--port", "0"], "--host no.such.host.invalid"),
        (["--engine", "onnx-int8"], "seqtag export"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, folder: Path, options: list[str], words: str):
    result = run("serve", folder, *options)
    assert result.exit_code in (1, 2), result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_is_missing_is_named(run: Run, tmp_path: Path):
    result = run("serve", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere: not a model folder" in result.stderr
