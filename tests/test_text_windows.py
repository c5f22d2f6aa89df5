"""Windows of a text: in order, side by side, and every symbol a target."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqtag.batching import TextWindows


@given(num_targets=st.integers(1, 60), num_streams=st.integers(1, 7), window_size=st.integers(1, 9))
def test_streams_are_stretches_of_the_text_and_cover_it(num_targets, num_streams, window_size):
    windows = TextWindows(np.arange(num_targets + 1, dtype=np.uint16), num_streams=num_streams, window_size=window_size)
    batches = [windows.batch(rows) for rows in windows.batches(1)]
    assert [bool(batch.fresh_B.any()) for batch in batches] == [True] + [False] * (len(batches) - 1)
    streams = np.concatenate([batch.targets_BT.numpy() for batch in batches], 1)
    assert (np.concatenate([batch.inputs_BT.numpy() for batch in batches], 1) + 1 == streams).all()
    assert (np.diff(streams, axis=1) == 1).all()
    assert set(streams.ravel().tolist()) == set(range(1, num_targets + 1))
    assert streams.size - num_targets < num_streams  # read twice are fewer symbols than there are streams
    sizes = [len(batch.inputs_BT[0]) for batch in batches]
    assert sizes[:-1] == [window_size] * (len(sizes) - 1)
    assert windows.lengths.reshape(-1, num_streams)[:, 0].tolist() == sizes
    assert all((batch.lengths_B == size).all() for batch, size in zip(batches, sizes))


@given(st.data())
def test_some_rows_of_a_batch_are_those_rows_of_it(data):
    windows = TextWindows(np.arange(50)[::-1], num_streams=4, window_size=5)
    rows = data.draw(st.sampled_from(windows.batches(1)))
    chosen = data.draw(st.lists(st.integers(0, 3), min_size=1, unique=True))
    whole, part = windows.batch(rows), windows.batch(rows[chosen])
    assert (part.inputs_BT == whole.inputs_BT[chosen]).all()
    assert (part.targets_BT == whole.targets_BT[chosen]).all()
