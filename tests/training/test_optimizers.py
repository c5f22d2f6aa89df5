"""Row-wise Adam against torch's own sparse one, step by step."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seqtag.training.optimizers import RowAdam

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
