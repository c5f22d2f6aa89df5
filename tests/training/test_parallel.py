"""Work on several cores: a tagger learns what it learns on one, and no timing shows in a language model's weights."""

import threading
import time

import pytest
import torch
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger
from trainers import Watch, assert_same, copy_of, make_network, make_trainer

from seqtag import LanguageModel
from seqtag.batching import TextWindows
from seqtag.nn import chance
from seqtag.nn.recurrent import RecurrentEncoder

LINES = ["the rain in spain falls on the plain, and then it stays.\n" * 8]


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "a run gives torch its threads back"
    torch.set_num_threads(before)


def on_one_thread(run):
    torch.set_num_threads(1)
    try:
        return run()
    finally:
        torch.set_num_threads(2)


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2, "dropout": 0.4, "merge": "sum"},
        {"encoder": "rnn_relu", "num_layers": 2, "dropout": 0.4},
        {"characters": "lstm", "head": "linear", "optimizer": "sgd", "learning_rate": 0.05},
    ],
    ids=["layers", "packed", "characters"],
)
def test_a_tagger_learns_the_same_weights_on_two_cores_as_on_one(options):
    def train():
        tagger = tiny_tagger(clip=0.5, ema=0.5, **options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())
        return copy_of(tagger.network_), [record.loss for record in tagger.history_]

    (weights, losses), (expected, expected_losses) = train(), on_one_thread(train)
    assert_same(weights, expected)
    assert losses == expected_losses


def test_a_classifier_learns_the_same_weights_on_two_cores_as_on_one():
    def train():
        return tiny_classifier(class_weights={"good": 2.0}).fit(TEXTS, LABELS, dev=(TEXTS, LABELS), watchers=())

    assert_same(copy_of(train().network_), copy_of(on_one_thread(train).network_))


def language_model(**options):
    sizes = {"hidden_size": 6, "embedding_size": 5, "bptt": 9, "batch_size": 16, "epochs": 1, "device": "cpu"}
    return LanguageModel(**sizes | options)


def test_without_chance_the_parts_of_a_batch_of_windows_train_as_the_whole_does():
    """The state of every stream goes on from step to step."""

    def train():
        return language_model(dropout=0.0, clip=0.5).fit(LINES * 2, watchers=())

    parts, whole = train(), on_one_thread(train)
    torch.testing.assert_close(copy_of(parts.network_), copy_of(whole.network_), rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(a, b) for a, b in zip(parts.network_.parameters(), whole.network_.parameters()))
    assert [r.loss for r in parts.history_] == pytest.approx([r.loss for r in whole.history_], rel=1e-5)


CHANCES = {"dropout": 0.3, "embedding_dropout": 0.1, "weight_drop": 0.2, "num_layers": 2}
WORDS = {"level": "word", "softmax_samples": 3, "min_freq": 1}


@pytest.mark.parametrize("options", [CHANCES, WORDS], ids=["characters", "words"])
def test_no_timing_shows_in_the_weights(monkeypatch, options):
    make_batch, threads = TextWindows.batch, set()

    def train(slow, seed=0):
        def make(self, indices):
            is_main = threading.current_thread() is threading.main_thread()
            threads.add(is_main)
            if slow is is_main:
                time.sleep(0.005)
            return make_batch(self, indices)

        monkeypatch.setattr(TextWindows, "batch", make)
        before = torch.get_rng_state()
        model = language_model(seed=seed, **options).fit(LINES * 4, watchers=())
        assert torch.equal(torch.get_rng_state(), before)
        return copy_of(model.network_)

    first, second, other = train(slow=True), train(slow=False), train(slow=None, seed=1)
    assert threads == {True, False}
    assert_same(first, second)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])


def test_each_part_of_each_step_drops_by_a_seed_of_its_own(monkeypatch):
    seen, dropout = [], chance.dropout

    def look(values, probability):
        dropped = dropout(values, probability)
        seen.append(tuple((dropped == 0).flatten().tolist()))
        return dropped

    monkeypatch.setattr("seqtag.nn.recurrent.chance.dropout", look)
    language_model(weight_drop=0.5).fit(LINES * 4, watchers=())
    assert len(seen) >= 8
    assert len(set(seen)) == len(seen)


class Killed(BaseException):
    """What nothing catches, as a kill is not caught."""


def test_a_killed_language_model_goes_on_with_the_state_of_every_stream(tmp_path):
    def kill(epoch, step):
        if (epoch, step) == (1, 4):
            raise Killed

    whole = language_model(dropout=0.3).fit(LINES * 4, watchers=())
    with pytest.raises(Killed):
        language_model(dropout=0.3).fit(LINES * 4, checkpoint=tmp_path, watchers=[Watch(step=kill)])
    resumed = language_model(dropout=0.3).fit(LINES * 4, checkpoint=tmp_path, resume=True, watchers=())
    assert_same(copy_of(resumed.network_), copy_of(whole.network_))


def cores(rows, **options):
    return make_trainer(rows, **options).cores


def test_a_mistake_in_another_thread_comes_out_and_the_threads_end(rows):
    shared = cores(rows)

    def fail():
        raise OSError("the disk is gone")

    assert shared.side_by_side([threading.active_count, threading.active_count])
    with pytest.raises(OSError, match="the disk is gone"):
        shared.side_by_side([threading.active_count, fail])
    shared.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seqtag-core")]


def test_a_network_with_nothing_to_share_and_mixed_precision_are_left_to_torch(rows):
    assert cores(rows).has_pairs
    assert not cores(rows, precision="bf16").has_pairs
    assert not on_one_thread(lambda: cores(rows).has_pairs)
    for options in ({"hidden_size": 10, "bidirectional": False}, {"hidden_size": 5, "encoder": "rnn_relu"}):
        network = make_network(rows)
        network.encoder = RecurrentEncoder(network.embedder.output_size, **options)
        trainer = make_trainer(rows, network=network, epochs=1)
        trainer.run()
        assert (trainer.cores.has_pairs, trainer.cores.num_parts(32)) == (False, 1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seqtag-core")]
