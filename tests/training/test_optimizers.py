"""Row-wise Adam against torch's own sparse one, step by step; the rates of a schedule; which weights decay."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from trainers import make_network, make_trainer, tiny_rows

from seqtag.training.optimizers import RowAdam, schedule_factor

_ROWS, _WIDTH = 7, 3


def _train(make, batches, *, rate=0.1):
    """Run some steps on a table, each on the rows that a batch names; gives the table and what the optimiser keeps."""
    torch.manual_seed(0)
    table = nn.Embedding(_ROWS, _WIDTH, sparse=True)
    other = nn.Embedding(_ROWS, _WIDTH, sparse=True)  # never used: it has no gradient
    optimizer = make([{"params": [table.weight]}, {"params": [other.weight]}], lr=rate)
    for number, rows in enumerate(batches, 1):
        optimizer.zero_grad()
        (table(torch.tensor(rows)) ** 2 * number).sum().backward()
        optimizer.step()
    return table.weight.detach(), optimizer.state_dict()["state"]


@given(
    batches=st.lists(
        st.lists(st.integers(0, _ROWS - 1), min_size=1, max_size=12),  # a row may stand in a batch more than once
        min_size=1,
        max_size=8,
    )
)
def test_row_adam_takes_the_steps_of_torchs_sparse_adam(batches):
    ours, our_state = _train(RowAdam, batches)
    theirs, their_state = _train(torch.optim.SparseAdam, batches)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert our_state.keys() == their_state.keys() == {0}
    assert our_state[0]["step"] == their_state[0]["step"] == len(batches)
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(our_state[0][name], their_state[0][name], atol=1e-5, rtol=1e-5)


def test_row_adam_goes_on_from_what_torchs_sparse_adam_remembers():
    """Checkpoints of the release before hold the state of torch's."""
    first, then = [[0, 1, 1], [2, 5]], [[1, 5], [0, 0, 3]]
    straight, _ = _train(torch.optim.SparseAdam, first + then)

    torch.manual_seed(0)
    table = nn.Embedding(_ROWS, _WIDTH, sparse=True)
    optimizers = [make([table.weight], lr=0.1) for make in (torch.optim.SparseAdam, RowAdam)]
    for number, rows in enumerate(first + then, 1):
        if number == len(first) + 1:
            optimizers[1].load_state_dict(optimizers[0].state_dict())
        optimizer = optimizers[number > len(first)]
        optimizer.zero_grad()
        (table(torch.tensor(rows)) ** 2 * number).sum().backward()
        optimizer.step()
    torch.testing.assert_close(table.weight.detach(), straight, atol=1e-5, rtol=1e-5)


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


def test_biases_and_transitions_do_not_decay():
    rows = tiny_rows()
    groups = make_trainer(rows).optimizers[0].param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    network = make_network(rows)
    names = [name for name, p in network.named_parameters() if "table" not in name and name != "embedder.word.weight"]
    assert sorted(decay.values()) == sorted(
        0.0 if "bias" in name or name.startswith(("head.start", "head.trans", "head.end")) else 0.3 for name in names
    )
