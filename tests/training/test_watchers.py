"""What looks on while a model trains: lines, a bar, TensorBoard."""

import logging
import sys
import types

import pytest
from tiny import TAGS, TOKENS, tiny_tagger
from trainers import make_trainer

from seqtag import UsageError
from seqtag.training.watchers import BarWatcher, EpochRecord, LineWatcher, TensorBoardWatcher


def test_lines_say_what_each_epoch_did(rows, caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        history = make_trainer(rows, watchers=[LineWatcher()], evaluate=lambda network: 0.1234).run()
    lines = [line for line in caplog.messages if line.startswith("epoch")]
    assert len(lines) == 3
    for record, line in zip(history, lines, strict=True):
        assert line.startswith(
            f"epoch {record.epoch}/3  loss {record.loss:8.3f}  dev  12.34{' *' if record.best else '  '}"
        )
        assert "tokens/s" in line


def test_a_long_epoch_says_a_line_every_half_minute(monkeypatch, caplog):
    seconds = iter([0.0, 29.0, 31.0, 60.0, 62.0, 65.0, 91.0])
    monkeypatch.setattr("seqtag.training.watchers.time", types.SimpleNamespace(perf_counter=lambda: next(seconds)))
    lines = LineWatcher()
    lines.start(epochs=3, steps=9)
    with caplog.at_level(logging.INFO, "seqtag"):
        for step in range(1, 5):
            lines.step(epoch=2, step=step, steps=9, loss=1.23456, tokens=100)
        lines.epoch(EpochRecord(2, 1.2, 0.5, True, 0.1, 65.0, 100.0))
        lines.step(epoch=3, step=1, steps=9, loss=1.2, tokens=100)  # 26 seconds after the line of the epoch
    assert [line for line in caplog.messages if "step" in line] == [
        "epoch 2/3  step 2/9  loss 1.235",
        "epoch 2/3  step 4/9  loss 1.235",
    ]


def test_the_bar_writes_to_standard_error_and_leaves_a_line_an_epoch(rows, capsys):
    make_trainer(rows, watchers=[BarWatcher()]).run()
    out, err = capsys.readouterr()
    assert not out
    assert [line.split("  ")[0] for line in err.splitlines() if line.startswith("epoch")][:3] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]


def test_the_bar_shows_loss_speed_and_the_best_score(monkeypatch):
    clock = iter([10.0, 12.0, 12.5])
    monkeypatch.setattr("seqtag.training.watchers.time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    bar = BarWatcher()
    bar.start(epochs=2, steps=4)
    try:
        bar.epoch(EpochRecord(1, 2.0, 0.5, True, 0.1, 1.0, 100.0))
        bar.step(epoch=2, step=1, steps=4, loss=1.23456, tokens=100)
        bar.step(epoch=2, step=2, steps=4, loss=1.2, tokens=3100)
        task = bar.progress.tasks[0]
        assert task.description == "epoch 2/2 loss 1.200"
        assert (task.completed, task.total) == (6, 8)
        assert task.fields["speed"] == "1,500 tokens/s, dev 50.00"
    finally:
        bar.close()


def test_without_tensorboard_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r'TensorBoard is not installed; run: pip install "seqtag\[tensorboard\]"'):
        tiny_tagger().fit(TOKENS, TAGS, tensorboard=tmp_path)


def test_tensorboard_gets_a_point_an_epoch_on_each_curve(rows, monkeypatch, tmp_path):
    points = []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            points.append((name, value, step))

        def add_text(self, name, text):
            points.append((name, text))

        def add_hparams(self, options, scores, run_name):
            points.append(("hparams", options, scores))

        def close(self):
            points.append(("closed", self.folder))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    history = make_trainer(rows, watchers=[TensorBoardWatcher(tmp_path / "runs", {"size": 8, "x": None})]).run()
    assert points.pop() == ("closed", str(tmp_path / "runs"))
    best = max(record.dev_score for record in history)
    assert points.pop() == ("hparams", {"size": 8, "x": "None"}, {"best_dev_score": best})
    assert points.pop(0) == ("options", "| option | value |\n|---|---|\n| size | 8 |\n| x | None |\n")
    curves = {"loss/train": "loss", "loss/dev": "dev_loss"}
    curves |= {name: name for name in ("dev_score", "learning_rate", "tokens_per_second")}
    assert points == [(c, getattr(record, name), record.epoch) for record in history for c, name in curves.items()]
    assert {record.dev_loss for record in history} == {1.5}
