"""A run that was killed, at whatever moment, ends in the same weights; a checkpoint that is not its own is refused."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import runs_that_are_killed
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from tiny import TAGS, TOKENS, tiny_tagger
from trainers import OPTIONS, Watch, assert_same, copy_of, make_trainer

from seqtag import ModelError, UsageError
from seqtag.models import fitting
from seqtag.training.checkpoint import read_checkpoint, write_checkpoint

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def killed_and_whole(commands, tmp_path_factory):
    """Folders of the same runs: killed again and again in a program with another hash seed, and left alone here."""
    folders = {mode: tmp_path_factory.mktemp(mode) for mode in ("killed", "whole")}
    (folders["killed"] / "tmp").mkdir()  # what a killed process leaves behind stays here
    environment = os.environ | {"TMPDIR": str(folders["killed"] / "tmp")}
    program = TESTS / "support" / "runs_that_are_killed.py"
    command = [str(commands / "forked-python"), str(program), str(folders["killed"])]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        for name in runs_that_are_killed.RUNS:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fitting, "Trainer", fitting.Trainer)  # `train` sets another one, which ends here
                runs_that_are_killed.train(folders["whole"], name, None)
        _, errors = program.communicate(timeout=300)
    assert program.returncode == 0, errors[-3000:]
    return folders


@pytest.mark.parametrize("name", runs_that_are_killed.RUNS)
def test_a_run_killed_at_any_moment_ends_in_the_same_weights(killed_and_whole, name):
    killed, whole = (killed_and_whole[mode] / name for mode in ("killed", "whole"))
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()

    def history(folder):
        records = json.loads((folder / "history.json").read_text())
        return [{k: v for k, v in r.items() if k not in ("seconds", "tokens_per_second")} for r in records]

    assert history(killed) == history(whole)
    assert [r["epoch"] for r in history(whole)] == list(range(1, len(history(whole)) + 1))
    assert not list(killed_and_whole["killed"].glob("checkpoints/*/*.partial"))


def test_a_finished_run_resumes_to_its_end_without_a_step(rows, tmp_path):
    options = {"checkpoint": tmp_path / "c", "ema": 0.9}
    first = make_trainer(rows, **options)
    history = first.run()
    watch = Watch()
    again = make_trainer(rows, watchers=[watch], **options)
    assert again.run(resume=True) == history
    assert "step" not in [kind for kind, _ in watch.events]
    assert_same(copy_of(first.network), copy_of(again.network))


def test_without_resume_a_checkpoint_is_begun_anew(rows, tmp_path):
    first, again = (make_trainer(rows, checkpoint=tmp_path / "c") for _ in range(2))
    first.run()
    watch = Watch()
    again.watchers = [watch]
    again.run()
    assert [kind for kind, _ in watch.events].count("epoch") == OPTIONS.epochs
    assert_same(copy_of(first.network), copy_of(again.network))


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"learning_rate": 0.02}, {"epochs": 4}, {"ema": 0.5}, {"fingerprint": "other data"}],
    ids=str,
)
def test_a_checkpoint_of_another_run_is_refused(rows, tmp_path, change):
    make_trainer(rows, checkpoint=tmp_path / "c", fingerprint="data").run()
    with pytest.raises(UsageError, match=r"c: this checkpoint is from other data, other options.*delete it"):
        make_trainer(rows, checkpoint=tmp_path / "c", **{"fingerprint": "data", **change}).run(resume=True)


@pytest.mark.parametrize(
    "change",
    [
        {"dropout": 0.1},
        {"hidden_size": 9},
        {"encoder": "gru"},
        {"class_weights": {"PER": 2.0}},
        {"balance": False},
        None,
    ],
    ids=str,
)
def test_a_tagger_with_other_options_or_data_does_not_resume(tmp_path, change):
    tiny_tagger(epochs=1).fit(TOKENS, TAGS, checkpoint=tmp_path)
    tokens = TOKENS if change is not None else [*TOKENS[:-1], ["Hedy", *TOKENS[-1][1:]][::-1]]
    with pytest.raises(UsageError, match="this checkpoint is from other data, other options"):
        tiny_tagger(epochs=1, **(change or {})).fit(tokens, TAGS, checkpoint=tmp_path, resume=True)


def test_more_seeds_may_follow_a_finished_run(tmp_path):
    tiny_tagger().fit(TOKENS, TAGS, checkpoint=tmp_path)
    watch = Watch()
    resumed = tiny_tagger(seeds=2).fit(TOKENS, TAGS, checkpoint=tmp_path, resume=True, watchers=[watch])
    at_once = tiny_tagger(seeds=2).fit(TOKENS, TAGS)
    assert [kind for kind, _ in watch.events].count("epoch") == 2  # of the second seed alone
    assert resumed.seed_scores_ == at_once.seed_scores_
    assert_same(copy_of(resumed.network_), copy_of(at_once.network_))


# -- checkpoints ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "c.safetensors"
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "network/a": torch.randn(3, 4, generator=generator),
        "empty": torch.zeros(0, 2),
        "optimizer/0/0/step": torch.tensor(7),
        "half": torch.randn(5, generator=generator).bfloat16(),
        "random/cpu": torch.get_rng_state(),
    }
    write_checkpoint(path, tensors, {"state": {"epoch": 3, "loss_sum": 0.1}, "history": []})
    read, about = read_checkpoint(path)
    assert about == {"state": {"epoch": 3, "loss_sum": 0.1}, "history": []}
    assert_same(read, tensors)
    return path


@given(data=st.data())
def test_a_checkpoint_with_any_changed_byte_is_refused(checkpoint, data):
    content = bytearray(checkpoint.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    damaged = checkpoint.with_name("damaged")
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged: .*delete it to start anew"):
        read_checkpoint(damaged)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0" * 1000, None], ids=["empty", "text", "zeros", "half"])
def test_a_file_that_is_no_checkpoint_is_refused(rows, checkpoint, tmp_path, content):
    path = tmp_path / "c"
    whole = checkpoint.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError, match=r"c: .*delete it to start anew"):
        make_trainer(rows, checkpoint=path).run(resume=True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O: No space left")])
def test_a_full_disk_leaves_the_checkpoint_before_it(checkpoint, monkeypatch, error):
    before = checkpoint.read_bytes()

    def fails(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(safetensors.torch, "save_file", fails)
    with pytest.raises(ModelError, match=r"could not be written: no space is left on the disk; .*resume"):
        write_checkpoint(checkpoint, {"a": torch.zeros(2)}, {})
    assert checkpoint.read_bytes() == before
    assert not checkpoint.with_name(checkpoint.name + ".partial").exists()


def test_a_checkpoint_that_has_no_place_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="file/c: the checkpoint could not be written"):
        write_checkpoint(tmp_path / "file" / "c", {"a": torch.zeros(2)}, {})
