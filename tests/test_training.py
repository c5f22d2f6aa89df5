"""The loop: the same seed gives the same weights, whatever happens on the way; each rule against its own arithmetic."""

import json
import logging
import math
import os
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import run_in_two_processes
import runs_that_are_killed
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file
from tiny import TAGS, TOKENS, fitted_tagger, tiny_tagger

from seqtag import ModelError, Tagger, UsageError
from seqtag.batching import TaggedRows, count_tokens, shuffled_batches
from seqtag.checkpoint import read_checkpoint, write_checkpoint
from seqtag.models.inputs import as_tagged_dataset
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores
from seqtag.nn.network import Network
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.optimizers import schedule_factor
from seqtag.progress import BarWatcher, LineWatcher, TensorBoardWatcher
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary
from seqtag.training import EpochRecord, Trainer, TrainingOptions, pick_device

TESTS = Path(__file__).parent
OPTIONS = TrainingOptions(
    epochs=3,
    batch_size=4,
    max_tokens=1000,
    optimizer="adamw",
    learning_rate=0.01,
    lexical_learning_rate=0.02,
    weight_decay=0.3,
    warmup=0.2,
    schedule="linear",
    clip=5.0,
    patience=0,
    ema=0.0,
    seed=0,
    device="cpu",
    precision="fp32",
)


@pytest.fixture(scope="module")
def rows():
    dataset = as_tagged_dataset(TOKENS, TAGS, "training")
    tagset = TagSet.build(dataset.features["tags"].feature.names, "IOB2")
    return TaggedRows(dataset, Vocabulary.build(count_tokens(dataset)), tagset)


class Watch:
    """Look on, and call what is given at each event."""

    def __init__(self, *, step=None, epoch=None):
        self.on_step, self.on_epoch, self.events = step, epoch, []

    def start(self, **facts):
        self.events.append(("start", facts))

    def step(self, **facts):
        self.events.append(("step", facts))
        if self.on_step:
            self.on_step(facts["epoch"], facts["step"])

    def epoch(self, record):
        self.events.append(("epoch", record))
        if self.on_epoch:
            self.on_epoch(record)

    def close(self):
        self.events.append(("close", None))


def make_network(rows, *, dropout=0.0):
    torch.manual_seed(1)
    sizes = list(rows.vocabulary.feature_sizes.values())
    embedder = Embedder(
        sizes, word_size=6, num_characters=rows.vocabulary.num_characters, character_size=4, dropout=dropout
    )
    encoder = RecurrentEncoder(embedder.output_size, hidden_size=5)
    num_tags = len(rows.tagset.names)
    lexical = LexicalScores(sizes, num_tags, dropout=dropout)
    return Network(embedder, encoder, CRFHead(encoder.output_size, num_tags, lexical=lexical), dropout=dropout)


def make_trainer(rows, *, network=None, evaluate=None, sentences=20, watchers=(), **options):
    ours = {name: options.pop(name) for name in ("checkpoint", "checkpoint_seconds", "fingerprint") if name in options}
    return Trainer(
        make_network(rows) if network is None else network,
        options=replace(OPTIONS, **options),
        lengths=rows.lengths[:sentences],
        make_batch=rows.batch,
        evaluate=evaluate or (lambda network: 0.5),
        watchers=watchers,
        **ours,
    )


def copy_of(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


# -- one seed, one result ---------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    options = {"num_layers": 2, "ema": 0.5}  # with every kind of dropout, which is on by default
    first = fitted_tagger(**options)
    torch.rand(7)
    np.random.rand(7)
    second, other = fitted_tagger(**options), fitted_tagger(**options, seed=1)
    assert_same(copy_of(first.network_), copy_of(second.network_))
    assert [r.loss for r in first.history_] == [r.loss for r in second.history_]
    assert not torch.equal(first.network_.head.output.weight, other.network_.head.output.weight)


@pytest.fixture(scope="module")
def killed_and_whole(tmp_path_factory):
    """Folders of the same runs in two programs, with other hash seeds: killed again and again, and left alone."""
    folders = {mode: tmp_path_factory.mktemp(mode) for mode in ("killed", "whole")}
    programs = {}
    for number, (mode, folder) in enumerate(folders.items()):
        (folder / "tmp").mkdir()  # what a killed process leaves behind stays here
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": str(number),
            "TMPDIR": str(folder / "tmp"),
        }
        command = [sys.executable, str(TESTS / "runs_that_are_killed.py"), str(folder), mode]
        programs[mode] = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for mode, program in programs.items():
        _, errors = program.communicate(timeout=300)
        assert program.returncode == 0, f"{mode}: {errors[-3000:]}"
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


@given(
    schedule=st.sampled_from(["linear", "cosine", "constant"]),
    total=st.integers(1, 200),
    warmup=st.floats(0, 1),
    late=st.integers(0, 20),
)
def test_rates_rise_to_the_top_and_fall_to_zero_at_the_end(schedule, total, warmup, late):
    factors = [schedule_factor(schedule, step=s, total_steps=total, warmup=warmup) for s in range(total + late)]
    assert all(0 <= factor <= 1 for factor in factors)
    rise = math.ceil(warmup * total)
    rising, falling = factors[:rise], factors[rise:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    if rising and rise < total:
        assert rising[0] == pytest.approx(min(1.0, 1 / (warmup * total)))
    if schedule == "constant":
        assert set(falling) <= {1.0}
    if schedule != "constant" and late and total - warmup * total >= 1:
        assert factors[-1] == pytest.approx(0, abs=1e-9)
    if falling and rise == warmup * total:
        assert falling[0] == 1.0


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


def test_biases_and_transitions_do_not_decay(rows):
    groups = make_trainer(rows).optimizers[0].param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    network = make_network(rows)
    names = [name for name, p in network.named_parameters() if "table" not in name and name != "embedder.word.weight"]
    assert sorted(decay.values()) == sorted(
        0.0 if "bias" in name or name.startswith(("head.start", "head.trans", "head.end")) else 0.3 for name in names
    )


# -- machines ---------------------------------------------------------------------------------


def test_bf16_learns_and_does_not_linger():
    options = {"dropout": 0.0, "word_dropout": 0.0, "lexical_dropout": 0.0, "balance": False}
    half = fitted_tagger(precision="bf16", epochs=25, **options)
    assert half.history_[-1].loss < 0.1 * half.history_[0].loss
    assert half.score(TOKENS, TAGS) > 0.9
    assert {p.dtype for p in half.network_.parameters()} == {torch.float32}
    # the setting of one fit does not leak into the next
    whole, half, again = (
        fitted_tagger(epochs=1, precision=precision, **options) for precision in ("fp32", "bf16", "fp32")
    )
    assert whole.history_[0].loss != half.history_[0].loss
    assert whole.history_[0].loss == pytest.approx(half.history_[0].loss, rel=0.02)
    assert_same(copy_of(whole.network_), copy_of(again.network_))


def test_two_processes_reach_the_weights_of_one(tmp_path):
    """Gloo; the last batch of an epoch is a single sentence, so one of the two has nothing of its own to do.

    Started with torch's launcher, which `accelerate launch` starts as well; alone, that one wants MPI for CPUs.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(TESTS / "run_in_two_processes.py"), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
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


@pytest.mark.parametrize(("device", "match"), [("cud", "unknown device 'cud'"), ("cuda:99", "torch sees")])
def test_a_device_that_is_none(device, match):
    with pytest.raises(UsageError, match=match):
        pick_device(device)
    with pytest.raises(UsageError, match=match):
        tiny_tagger(device=device).fit(TOKENS, TAGS)


# -- who looks on -----------------------------------------------------------------------------


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
    monkeypatch.setattr("seqtag.progress.time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    bar = BarWatcher()
    bar.start(epochs=2, steps=4)
    try:
        bar.epoch(EpochRecord(1, 2.0, 0.5, True, 0.1, 1.0, 100.0))
        bar.step(epoch=2, step=1, steps=4, loss=1.23456, tokens=100)
        bar.step(epoch=2, step=2, steps=4, loss=1.2, tokens=3100)
        task = bar.progress.tasks[0]
        assert task.description == "epoch 2/2 loss 1.200"
        assert (task.completed, task.total) == (6, 8)
        assert task.fields["speed"] == "1,500 tokens/s, best dev 50.00"
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

        def close(self):
            points.append(("closed", self.folder))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    history = make_trainer(rows, watchers=[TensorBoardWatcher(tmp_path / "runs")]).run()
    assert points.pop() == ("closed", str(tmp_path / "runs"))
    curves = ("loss", "dev_score", "learning_rate", "tokens_per_second")
    assert points == [(name, getattr(record, name), record.epoch) for record in history for name in curves]
