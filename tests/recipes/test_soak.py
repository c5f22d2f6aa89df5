"""Under load: many threads that share one model, and the recipe that soaks models with words that never repeat."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seqtag import Tagger
from seqtag.text import vocabulary

REPOSITORY = Path(__file__).resolve().parents[2]
LINE = re.compile(r"onnx +(\d+)/10 +[\d,]+ sentences/s +(\d+) MB +(\d+) MB")


def test_many_threads_that_share_a_torch_tagger_get_what_one_thread_gets(exported_tagger: Path, monkeypatch):
    """Words never repeat, so the cache of the vocabulary is emptied while other threads look up."""
    tagger = Tagger.load(exported_tagger, engine="torch")
    texts = [[f"Ada W{i:x}{j:x} met {i}-{j} in Oslo. Hedy w{j:x}{i:x} left." for j in range(5)] for i in range(40)]
    expected = [tagger.predict_spans(some) for some in texts]
    monkeypatch.setattr(vocabulary, "_MOST_CACHED_WORDS", 20)
    tagger.vocabulary_._cache.clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tagger.predict_spans, texts))
    assert len(tagger.vocabulary_._cache) < 500
    assert any(spans for answer in expected for spans in answer)
    for ours, theirs in zip(*([s for answer in side for s in answer] for side in (found, expected)), strict=True):
        assert [(s.start, s.end, s.label, s.text) for s in ours] == [(s.start, s.end, s.label, s.text) for s in theirs]
        assert [s.score for s in ours] == pytest.approx([s.score for s in theirs], abs=1e-5)


def run_soak(commands: Path, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    program = [str(commands / "forked-python"), "recipes/soak.py"]
    command = [*program, str(folder), "--engines", "onnx", "--checked", "100", *options]
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def test_the_soak_says_how_memory_went_and_that_answers_agree(commands: Path, exported_tagger: Path):
    done = run_soak(commands, exported_tagger, "--sentences", "500", "--threads", "4", "--bound", "500")
    assert done.returncode == 0, done.stderr
    *tenths, last = done.stdout.splitlines()
    figures = [[int(part) for part in LINE.fullmatch(line).groups()] for line in tenths]
    assert [tenth for tenth, *_ in figures] == list(range(1, 11))
    grown = max(max(column[3:]) - max(column[:3]) for column in list(zip(*figures))[1:])
    found = re.fullmatch(r"onnx +grew by ([-+][\d.]+) MB after the warm-up; answers agree", last)
    assert float(found[1]) == pytest.approx(grown, abs=1)  # the lines are rounded
    assert len(re.findall(r"onnx, process \d+: 10/10, \d+ MB", done.stderr)) == 2


def test_the_soak_ends_with_1_where_memory_grew_past_the_bound(commands: Path, exported_tagger: Path):
    options = ["--sentences", "50", "--threads", "2", "--processes", "1", "--bound", "-1000"]
    done = run_soak(commands, exported_tagger, *options)
    assert (done.returncode, done.stdout.count("answers agree")) == (1, 1), done.stderr
