"""A language model whose run was broken off, at whatever step, ends in the same weights: its state goes on too."""

from functools import partial

import pytest
import torch
from trainers import Watch, assert_same, copy_of

from seqtag import LanguageModel, UsageError
from seqtag.models import fitting
from seqtag.training.checkpoint import read_checkpoint

TEXT = ["the rain in spain falls on the plain, and then it stays.\n" * 8]
OPTIONS = {
    "hidden_size": 6,
    "embedding_size": 5,
    "bptt": 9,
    "batch_size": 4,
    "epochs": 3,
    "device": "cpu",
    "num_layers": 2,
    "weight_drop": 0.2,
    "embedding_dropout": 0.1,
}


class Killed(BaseException):
    """What nothing catches, as a kill is not caught."""


def kill_at(moment):
    def step(epoch, number):
        if (epoch, number) == moment:
            raise Killed

    return Watch(step=step)


def history(model):
    return [(r.epoch, r.loss, r.dev_score, r.best, r.learning_rate) for r in model.history_]


@pytest.fixture(autouse=True)
def checkpoint_at_every_step(monkeypatch):
    monkeypatch.setattr(fitting, "Trainer", partial(fitting.Trainer, checkpoint_seconds=0.0))


@pytest.mark.parametrize("options", [{}, {"encoder": "gru", "ema": 0.9, "direction": "backward"}], ids=["lstm", "gru"])
@pytest.mark.parametrize("moments", [[(1, 1)], [(1, 2), (1, 5), (2, 1)], [(3, 4)]], ids=str)
def test_a_run_killed_at_any_step_ends_in_the_same_weights(tmp_path, options, moments):
    whole = LanguageModel(**OPTIONS | options).fit(TEXT, watchers=())
    for moment in moments:
        with pytest.raises(Killed):
            LanguageModel(**OPTIONS | options).fit(TEXT, checkpoint=tmp_path, resume=True, watchers=[kill_at(moment)])
    resumed = LanguageModel(**OPTIONS | options).fit(TEXT, checkpoint=tmp_path, resume=True, watchers=())
    assert_same(copy_of(resumed.network_), copy_of(whole.network_))
    assert history(resumed) == history(whole)


def test_a_checkpoint_holds_where_the_streams_stand_and_a_model_does_not(tmp_path):
    with pytest.raises(Killed):
        LanguageModel(**OPTIONS).fit(TEXT, checkpoint=tmp_path, watchers=[kill_at((1, 4))])
    tensors, about = read_checkpoint(tmp_path / "seed-0.safetensors")
    assert about["state"]["step"] == 3
    assert tensors["carried/carried_0"].shape == tensors["carried/carried_1"].shape == (2, 4, 6)
    assert all(bool(tensors[f"carried/carried_{i}"].any()) for i in range(2))
    assert not any("carried" in name for name in tensors if name.startswith(("network/", "best/")))


@pytest.mark.parametrize("change", [{"bptt": 8}, {"direction": "backward"}, {"level": "word"}, None], ids=str)
def test_a_checkpoint_of_another_text_or_other_options_is_refused(tmp_path, change):
    LanguageModel(**OPTIONS).fit(TEXT, checkpoint=tmp_path, watchers=())
    text = TEXT if change else [TEXT[0].replace("rain", "snow")]
    smaller = {"batch_size": 2} if change == {"level": "word"} else {}
    with pytest.raises(UsageError, match="this checkpoint is from other data, other options"):
        LanguageModel(**OPTIONS | (change or {}) | smaller).fit(text, checkpoint=tmp_path, resume=True, watchers=())


def test_other_dev_text_is_another_run(tmp_path):
    LanguageModel(**OPTIONS).fit(TEXT, dev=["the rain"], checkpoint=tmp_path, watchers=())
    with pytest.raises(UsageError, match="this checkpoint is from other data"):
        LanguageModel(**OPTIONS).fit(TEXT, dev=["the plain"], checkpoint=tmp_path, resume=True, watchers=())


def test_ctrl_c_keeps_the_best_epoch():
    def interrupt(epoch, step):
        if (epoch, step) == (3, 2):
            raise KeyboardInterrupt

    model = LanguageModel(**OPTIONS).fit(TEXT, watchers=[Watch(step=interrupt)])
    assert model.interrupted_
    assert len(model.history_) == 2
    assert torch.isfinite(torch.tensor(model.perplexity(TEXT)))
