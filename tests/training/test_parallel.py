"""Parts of a batch on several cores: the gradient is that of the whole batch, and no timing shows in the weights."""

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger
from trainers import Watch, assert_same, copy_of, make_network, make_trainer

from seqtag import LanguageModel
from seqtag.nn.embedder import LockedDropout
from seqtag.training.parallel import divide

LINES = ["the rain in spain falls on the plain, and then it stays.\n" * 8]


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "a run gives torch its threads back"
    torch.set_num_threads(before)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40).map(np.array), st.integers(1, 5))
def test_parts_are_of_nearly_the_same_size_and_hold_every_row_once(lengths, num_parts):
    parts = divide(lengths, num_parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    sizes = [int((lengths[part] + 1).sum()) if len(part) else 0 for part in parts]
    assert max(sizes) - min(sizes) <= lengths.max() + 1
    if len(lengths) >= num_parts:
        assert all(len(part) for part in parts)


def whole_trainer(rows, *, network=None, **options):
    """Train with batches of twenty sentences, which two cores share."""
    return make_trainer(rows, network=network or make_network(rows), batch_size=20, **options)


def on_one_thread(run):
    torch.set_num_threads(1)
    try:
        return run()
    finally:
        torch.set_num_threads(2)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_without_chance_the_parts_train_as_the_whole_batch_does(rows, optimizer):
    def train():
        trainer = whole_trainer(rows, optimizer=optimizer, clip=0.5, ema=0.5)
        history = trainer.run()
        assert trainer.network.embedder.word.weight.grad.is_sparse
        return copy_of(trainer.network), [record.loss for record in history]

    (weights, losses), (expected, expected_losses) = train(), on_one_thread(train)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-5)
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    moved = weights["head.output.weight"] - make_network(rows).head.output.weight
    assert moved.abs().max() > 1e-3


def language_model(**options):
    sizes = {"hidden_size": 6, "embedding_size": 5, "bptt": 9, "batch_size": 16, "epochs": 1, "device": "cpu"}
    return LanguageModel(**sizes | options)


@pytest.mark.parametrize("model", ["classifier", "language"])
def test_classifiers_and_language_models_train_in_parts_as_on_one_thread(model):
    nothing_dropped = dict.fromkeys(("dropout", "embedding_dropout"), 0.0)

    def train():
        if model == "language":  # the state of every stream goes on from step to step
            return language_model(**nothing_dropped).fit(LINES * 2, watchers=())
        nothing = {**nothing_dropped, "lexical_dropout": 0.0, "word_dropout": 0.0}
        classifier = tiny_classifier(batch_size=32, class_weights={"good": 2.0}, **nothing)
        return classifier.fit(TEXTS, LABELS, dev=(TEXTS, LABELS), watchers=())

    parts, whole = train(), on_one_thread(train)
    torch.testing.assert_close(copy_of(parts.network_), copy_of(whole.network_), rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(a, b) for a, b in zip(parts.network_.parameters(), whole.network_.parameters()))
    assert [r.loss for r in parts.history_] == pytest.approx([r.loss for r in whole.history_], rel=1e-5)


def delayed(make_batch, *, main):
    """Keep the thread of the caller, or the other one, waiting before each batch."""

    def make(indices):
        if (threading.current_thread() is threading.main_thread()) == main:
            time.sleep(0.01)
        return make_batch(indices)

    return make


def test_no_timing_shows_in_the_weights(rows):
    runs = []
    for main in (True, False):
        trainer = whole_trainer(rows, network=make_network(rows, dropout=0.3))
        trainer.make_batch = delayed(trainer.make_batch, main=main)
        runs.append((trainer.run(), copy_of(trainer.network)))
    assert_same(runs[0][1], runs[1][1])
    assert [record.loss for record in runs[0][0]] == [record.loss for record in runs[1][0]]


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2, "dropout": 0.4, "merge": "sum"},
        {"encoder": "rnn_relu", "num_layers": 2, "dropout": 0.4},
        {"characters": "lstm", "head": "linear", "optimizer": "sgd", "learning_rate": 0.05},
    ],
    ids=["layers", "packed", "characters"],
)
def test_every_kind_of_chance_follows_the_seed(options):
    def train(seed):
        tagger = tiny_tagger(batch_size=20, **{"seed": seed, **options})
        return copy_of(tagger.fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=()).network_)

    before = torch.get_rng_state()
    first, second, other = train(1), train(1), train(2)
    assert_same(first, second)
    assert not torch.equal(first["head.output.weight"], other["head.output.weight"])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_language_model_drops_by_the_seed():
    chances = {"dropout": 0.3, "embedding_dropout": 0.1, "weight_drop": 0.2, "num_layers": 2}
    words = {"level": "word", "softmax_samples": 3, "min_freq": 1}
    for options in (chances, words):
        first, second = (language_model(**options).fit(LINES * 4, watchers=()) for _ in range(2))
        assert_same(copy_of(first.network_), copy_of(second.network_))


def test_each_part_of_each_step_has_masks_of_its_own(rows, monkeypatch):
    seen, forward = [], LockedDropout.forward

    def look(self, hidden):
        result = forward(self, hidden)
        seen.append((result / hidden)[0, 0].nan_to_num().detach().clone())
        return result

    monkeypatch.setattr(LockedDropout, "forward", look)
    whole_trainer(rows, network=make_network(rows, dropout=0.5), epochs=4).run()
    wide = {tuple((mask > 0).tolist()) for mask in seen if len(mask) == 10}
    assert len(wide) >= 7  # four steps of two parts; two of 8 masks of 10 units may be alike


class Killed(BaseException):
    """What nothing catches, as a kill is not caught."""


def test_a_killed_run_ends_in_the_same_weights(rows, tmp_path):
    def trainer(folder, **watching):
        network = make_network(rows, dropout=0.3)
        place = {"checkpoint": tmp_path / folder, "checkpoint_seconds": 0.0}
        return whole_trainer(rows, network=network, max_tokens=90, ema=0.9, **place, **watching)

    def kill(epoch, step):
        if (epoch, step) == (2, 2):
            raise Killed

    whole = trainer("whole")
    whole.run()
    broken = trainer("killed", watchers=[Watch(step=kill)])
    with pytest.raises(Killed):
        broken.run()
    resumed = trainer("killed")
    resumed.run(resume=True)
    assert_same(copy_of(resumed.network), copy_of(whole.network))


def test_a_killed_language_model_goes_on_with_the_state_of_every_stream(tmp_path):
    def kill(epoch, step):
        if (epoch, step) == (1, 4):
            raise Killed

    whole = language_model(dropout=0.3).fit(LINES * 4, watchers=())
    with pytest.raises(Killed):
        language_model(dropout=0.3).fit(LINES * 4, checkpoint=tmp_path, watchers=[Watch(step=kill)])
    resumed = language_model(dropout=0.3).fit(LINES * 4, checkpoint=tmp_path, resume=True, watchers=())
    assert_same(copy_of(resumed.network_), copy_of(whole.network_))


def test_a_mistake_in_another_thread_comes_out_and_ends_the_threads(rows):
    def fail(indices):
        if threading.current_thread() is not threading.main_thread():
            raise OSError("the disk is gone")
        return rows.batch(indices)

    trainer = whole_trainer(rows)
    trainer.make_batch = fail
    with pytest.raises(OSError, match="the disk is gone"):
        trainer.run()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seqtag-part")]


@pytest.mark.parametrize(
    "options", [{"batch_size": 15}, {"batch_size": 20, "precision": "bf16"}], ids=["small", "bf16"]
)
def test_small_batches_and_mixed_precision_are_computed_as_a_whole(rows, options):
    threads = set()
    trainer = make_trainer(rows, **options)
    make_batch = trainer.make_batch
    trainer.make_batch = lambda indices: threads.add(threading.current_thread().name) or make_batch(indices)
    trainer.run()
    assert threads == {threading.main_thread().name}
