"""The loop: the same seed gives the same weights; it ends as it should; each rule against its own arithmetic."""

import logging
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import run_in_two_processes
import torch
from safetensors.torch import load_file
from tiny import TAGS, TOKENS, fitted_tagger, tiny_tagger
from trainers import Watch, assert_same, copy_of, make_network, make_trainer

from seqtag import ModelError, Tagger
from seqtag.batching import shuffled_batches
from seqtag.training.optimizers import schedule_factor

TESTS = Path(__file__).resolve().parents[1]


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    options = {"num_layers": 2, "ema": 0.5}  # with every kind of dropout, which is on by default
    first = fitted_tagger(**options)
    torch.rand(7)
    np.random.rand(7)
    second, other = fitted_tagger(**options), fitted_tagger(**options, seed=1)
    assert_same(copy_of(first.network_), copy_of(second.network_))
    assert [r.loss for r in first.history_] == [r.loss for r in second.history_]
    assert not torch.equal(first.network_.head.output.weight, other.network_.head.output.weight)


# -- ends -------------------------------------------------------------------------------------


def interrupt_at(epoch, step):
    def raises(now_epoch, now_step):
        if (now_epoch, now_step) == (epoch, step):
            raise KeyboardInterrupt

    return Watch(step=raises)


def test_ctrl_c_keeps_the_best_model_so_far_and_says_so(rows, caplog):
    scores, best = iter([0.25, 0.75, 0.5]), []

    def evaluate(network):
        best.append(copy_of(network))
        return next(scores)

    watch = interrupt_at(4, 2)
    trainer = make_trainer(rows, evaluate=evaluate, watchers=[watch], epochs=9)
    with caplog.at_level(logging.WARNING, "seqtag"):
        history = trainer.run()
    assert "interrupted in epoch 4: the model of epoch 2 is kept (dev score 0.7500)" in caplog.text
    assert [record.best for record in history] == [True, True, False]
    assert trainer.interrupted
    assert watch.events[-1] == ("close", None)
    assert_same(copy_of(trainer.network), best[1])
    assert not trainer.network.training


def test_ctrl_c_before_the_first_epoch_is_done_leaves_nothing_to_keep(rows):
    watch = interrupt_at(1, 2)
    with pytest.raises(KeyboardInterrupt):
        make_trainer(rows, watchers=[watch]).run()
    assert watch.events[-1] == ("close", None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_weights_that_are_not_finite_after_the_last_step_are_refused_by_name(rows, value, ema):
    trainer = make_trainer(rows, epochs=1, batch_size=100, ema=ema)  # one step: no later loss tells of its weights
    bias = trainer.network.head.output.bias.data
    trainer.optimizers[0].register_step_post_hook(lambda *_: bias[1].fill_(value))
    with pytest.raises(ModelError, match=r"the weights head\.output\.bias are no longer finite after epoch 1"):
        trainer.run()


def test_ctrl_c_ends_all_seeds():
    counts = []

    def raises(epoch, step):
        counts.append((epoch, step))
        if counts.count((1, 1)) == 2:
            raise KeyboardInterrupt

    tagger = tiny_tagger(seeds=5).fit(TOKENS, TAGS, watchers=[Watch(step=raises)])
    assert len(tagger.seed_scores_) == 1
    assert tagger.interrupted_
    one = tiny_tagger().fit(TOKENS, TAGS)
    assert not one.interrupted_
    assert_same(copy_of(tagger.network_), copy_of(one.network_))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_the_batch(rows, value):
    network = make_network(rows)

    def poison(epoch, step):
        if (epoch, step) == (2, 1):
            with torch.no_grad():
                network.head.output.bias.fill_(value)

    with pytest.raises(ModelError) as caught:
        make_trainer(rows, network=network, watchers=[Watch(step=poison)]).run()
    batch = shuffled_batches(rows.lengths, batch_size=4, max_tokens=1000, seed=0, epoch=2)[1]
    numbers = ", ".join(str(i + 1) for i in sorted(batch))
    assert f"in epoch 2, step 2, on the sentences number {numbers} of the training data" in str(caught.value)
    assert "lower learning_rate (now 0.01)" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [(math.nan, "head.output.bias are not finite"), (3e38, "head.output.bias are as large as 3e+38")],
)
def test_a_loss_that_is_not_finite_before_any_step_is_no_matter_of_the_rate(rows, value, found):
    network = make_network(rows)
    with torch.no_grad():
        network.head.output.bias[0], network.head.output.bias[1:] = -value, value
    with pytest.raises(ModelError, match="no step was taken yet, so the learning rate is not to blame") as caught:
        make_trainer(rows, network=network).run()
    assert f"the weights {found}; they come from outside, as word vectors" in str(caught.value)
    assert "lower learning_rate" not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_after_the_last_step_are_not_kept(rows, value):
    network, scored = make_network(rows), []

    def poison(epoch, step):
        if (epoch, step) == (3, 5):
            with torch.no_grad():
                network.head.output.bias[0] = value

    trainer = make_trainer(
        rows, network=network, watchers=[Watch(step=poison)], evaluate=lambda _: scored.append(1) or 0.5
    )
    with pytest.raises(ModelError, match=r"head\.output\.bias are no longer finite after epoch 3.*learning_rate"):
        trainer.run()
    assert len(scored) == 2


@pytest.mark.parametrize(
    ("patience", "scores", "epochs"),
    [
        (2, [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], 4),  # an equal score is no better one
        (3, [0.1, 0.5, 0.4, 0.4, 0.6, 0.1], 6),
        (0, [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], 6),
        (1, [0.0, 0.0, 0.9, 0.9, 0.9, 0.9], 2),
    ],
)
def test_training_stops_early_and_the_best_weights_come_back(rows, patience, scores, epochs):
    seen = []

    def evaluate(network):
        seen.append(copy_of(network))
        return scores[len(seen) - 1]

    trainer = make_trainer(rows, evaluate=evaluate, patience=patience, epochs=6)
    history = trainer.run()
    assert [record.dev_score for record in history] == scores[:epochs]
    best = int(np.argmax(scores[:epochs]))
    assert_same(copy_of(trainer.network), seen[best])
    so_far = [max([-1.0, *scores[:i]]) for i in range(epochs)]
    assert [record.best for record in history] == [s > b for s, b in zip(scores, so_far, strict=False)]
    assert all(not torch.equal(seen[0]["head.output.weight"], s["head.output.weight"]) for s in seen[1:])


# -- steps ------------------------------------------------------------------------------------


def test_records_add_up(rows):
    losses = []
    watch = Watch(epoch=lambda record: losses.append(record.loss))
    history = make_trainer(rows, watchers=[watch]).run()
    steps = [facts for kind, facts in watch.events if kind == "step"]
    assert watch.events[0] == ("start", {"epochs": 3, "steps": 5})
    for record in history:
        last = [facts for facts in steps if facts["epoch"] == record.epoch][-1]
        assert last["tokens"] == rows.lengths.sum()
        assert (last["step"], last["steps"]) == (5, 5)
        assert last["loss"] == record.loss
    # with a rate of 0 nothing moves, and the loss is that of the whole corpus at the start
    network = make_network(rows)
    still = make_trainer(rows, network=network, learning_rate=0.0, lexical_learning_rate=0.0, epochs=1)
    before = copy_of(network)
    expected = network(rows.batch(np.arange(len(TOKENS)))).item()
    assert still.run()[0].loss == pytest.approx(expected, rel=1e-5)
    assert_same(copy_of(network), before)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_leaves_the_rows_of_other_words_alone(rows, optimizer):
    """No dense update, no decay and no momentum reaches them: a step costs what its batch costs."""
    network, used = make_network(rows), []
    tables = {"word": network.embedder.word.weight, "lexical": network.head.lexical.table.weight}
    before = {name: table.detach().clone() for name, table in tables.items()}

    def make_batch(indices):
        batch = rows.batch(indices)
        offsets = network.head.lexical.offsets_F
        used.append({"word": batch.features_UF[:, 0], "lexical": (batch.features_UF + offsets).flatten()})
        return batch

    def look(epoch, step):
        for name, table in tables.items():
            assert table.grad.is_sparse
            touched = torch.zeros(len(table), dtype=torch.bool)
            touched[used[-1][name]] = True
            changed = (table != before[name]).any(-1)
            assert not (changed & ~touched).any()
            assert changed.any()
            assert not touched.all()
            before[name] = table.detach().clone()

    trainer = make_trainer(rows, network=network, watchers=[Watch(step=look)], optimizer=optimizer)
    trainer.make_batch = make_batch
    trainer.run()
    assert len(used) == 15


def test_the_moving_average_is_what_is_scored_and_kept(rows):
    network = make_network(rows)
    average = [p.detach().clone().double() for p in network.parameters()]
    scored, steps = [], []

    def follow(epoch, step):
        decay = min(0.7, (1 + len(steps)) / (10 + len(steps)))
        steps.append(step)
        for mean, p in zip(average, network.parameters(), strict=True):
            mean.mul_(decay).add_(p.detach().double(), alpha=1 - decay)

    def evaluate(network):
        scored.append([p.detach().clone() for p in network.parameters()])
        for mean, p in zip(average, network.parameters(), strict=True):
            torch.testing.assert_close(p.double(), mean, rtol=1e-4, atol=1e-6)
        return float(len(scored))

    make_trainer(rows, network=network, evaluate=evaluate, watchers=[Watch(step=follow)], ema=0.7).run()
    assert len(steps) == 15
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), scored[-1], strict=True))


def test_the_average_does_not_disturb_the_training(rows):
    plain, averaged = [], []
    for seen, ema in ((plain, 0.0), (averaged, 0.9)):
        network = make_network(rows)
        watch = Watch(
            step=lambda *_, network=network, seen=seen: seen.append(network.head.output.weight.detach().clone())
        )
        make_trainer(rows, network=network, watchers=[watch], ema=ema).run()
    assert all(torch.equal(a, b) for a, b in zip(plain, averaged, strict=True))


def test_every_group_of_weights_follows_the_schedule_at_its_own_rate(rows):
    rates = []
    trainer = make_trainer(rows, max_tokens=30, schedule="cosine")  # the budget makes epochs of unequal length
    trainer.watchers = [
        Watch(step=lambda *_: rates.append([g["lr"] for o in trainer.optimizers for g in o.param_groups]))
    ]
    trainer.run()
    lengths = [
        len(shuffled_batches(rows.lengths, batch_size=4, max_tokens=30, seed=0, epoch=epoch)) for epoch in (1, 2, 3)
    ]
    assert len(rates) == sum(lengths)
    totals = [3 * length for length in lengths for _ in range(length)]
    for step, (got, total) in enumerate(zip(rates, totals, strict=True)):
        factor = schedule_factor("cosine", step=step, total_steps=total, warmup=0.2)
        assert got == pytest.approx([0.01 * factor, 0.01 * factor, 0.01 * factor, 0.02 * factor])


def test_the_dense_gradient_is_clipped(rows):
    norms, trainer = [], make_trainer(rows, clip=0.01)
    trainer.watchers = [
        Watch(step=lambda *_: norms.append(torch.stack([p.grad.norm() for p in trainer.dense]).norm().item()))
    ]
    trainer.run()
    assert max(norms) <= 0.01 * (1 + 1e-4)
    assert min(norms) > 0.0099


# -- machines ---------------------------------------------------------------------------------


def test_two_processes_reach_the_weights_of_one(commands, tmp_path):
    """Gloo; the last batch of an epoch is a single sentence, so one of the two has nothing of its own to do.

    Started with torch's launcher, which `accelerate launch` starts as well; alone, that one wants MPI for CPUs.
    """
    python = str(commands / "forked-python")
    command = [python, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--no-python"]
    command += [python, str(TESTS / "support" / "run_in_two_processes.py"), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}  # the launcher leaves its folder
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in run_in_two_processes.RUNS:
        alone = run_in_two_processes.train(name)
        together = Tagger.load(tmp_path / name, device="cpu")
        assert (tmp_path / name / "processes").read_text() == "2"
        for a, b in zip(together.history_, alone.history_, strict=True):
            assert a.loss == pytest.approx(b.loss, rel=1e-4)
        weights, expected = load_file(tmp_path / name / "model.safetensors"), alone.network_.state_dict()
        moved = max((expected[key] - start).abs().max() for key, start in initial_weights(name).items())
        assert moved > 0.01
        for key in expected:
            torch.testing.assert_close(weights[key], expected[key], rtol=1e-4, atol=1e-5)


def initial_weights(name):
    tagger = tiny_tagger(batch_size=3, **run_in_two_processes.WITHOUT_CHANCE, **run_in_two_processes.RUNS[name])
    tagger.set_params(learning_rate=0.0, lexical_learning_rate=0.0, epochs=1)
    return copy_of(tagger.fit(*run_in_two_processes.TRAIN, dev=(TOKENS, TAGS), watchers=[]).network_)
