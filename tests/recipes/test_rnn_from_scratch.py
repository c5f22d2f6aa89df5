"""The walk from the gate equations runs as its docstring says, and its printed differences are those it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("sentences", [[], ["Ada lives in Turin .", "Rain", "The river rose again on Monday night ."]])
def test_cells_equal_torch_when_packed_and_only_then(sentences):
    command = [sys.executable, "recipes/rnn_from_scratch.py", *sentences]
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    lengths, _, *rows, _ = done.stdout.splitlines()
    if sentences:
        assert lengths == "sentence lengths: 5 1 8"
    table = {tuple(row.split()[:2]): [float(figure) for figure in row.split()[2:]] for row in rows}
    assert set(table) == {(cell, way) for cell in ("LSTM", "GRU") for way in ("forward", "backward")}
    for (_, way), (packed, not_packed) in table.items():
        assert packed < 1e-5
        assert (not_packed < 1e-5) == (way == "forward")
