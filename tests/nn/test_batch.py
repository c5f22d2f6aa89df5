"""The records of a batch: they move with all that they hold, and count their rows."""

import pytest
import torch

from seqtag.nn.batch import Batch, SeriesBatch


def text_batch(**more):
    ids = torch.zeros(2, 3, dtype=torch.int64)
    return Batch(slots_BT=ids, features_UF=ids, characters_UC=ids, lengths_B=torch.tensor([3, 1]), **more)


@pytest.mark.parametrize(
    "batch",
    [
        text_batch(),
        text_batch(tags_BT=torch.ones(2, 3), weights_B=torch.ones(2)),
        text_batch(states_BTS=torch.ones(2, 3, 4)),
        SeriesBatch(torch.ones(2, 3, 1), torch.tensor([3, 2])),
    ],
    ids=["ids", "tags", "states", "series"],
)
def test_a_batch_moves_with_every_tensor_that_it_holds_and_leaves_the_others_out(batch):
    moved = batch.to(torch.device("meta"))
    assert type(moved) is type(batch)
    assert len(batch) == 2
    for name in batch.__dataclass_fields__:
        before, after = getattr(batch, name), getattr(moved, name)
        assert (before is None) == (after is None)
        assert before is None or (after.device.type, after.shape, after.dtype) == ("meta", before.shape, before.dtype)
