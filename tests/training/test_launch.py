"""What counts as a launch of several processes; tests/training/test_loop.py really launches two."""

import os

import pytest

from seqtag.training.launch import is_main_process, leftovers_hidden, num_processes

LAUNCH = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}


@pytest.fixture(autouse=True)
def no_launch(monkeypatch: pytest.MonkeyPatch):
    for name in LAUNCH:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("missing", [*LAUNCH, None])
def test_only_all_variables_of_a_launcher_together_are_a_launch(missing, monkeypatch: pytest.MonkeyPatch):
    for name, value in LAUNCH.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    assert (num_processes(), is_main_process()) == ((2, False) if missing is None else (1, True))
    with leftovers_hidden():
        assert {name for name in LAUNCH if name in os.environ} == (set(LAUNCH) if missing is None else set())
    assert {name for name in LAUNCH if name in os.environ} == set(LAUNCH) - {missing}


def test_a_launch_of_one_process_is_none(monkeypatch: pytest.MonkeyPatch):
    for name, value in {**LAUNCH, "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    assert (num_processes(), is_main_process()) == (1, True)
