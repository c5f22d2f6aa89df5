"""How far a long piece of work has come, on a terminal and elsewhere, by a clock of the test's own."""

import itertools
import logging
import sys
import types

import pytest

from seqtag.reporting.progress import watched


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock finds two seconds gone."""
    ticks = itertools.count(0, 2)
    monkeypatch.setattr("seqtag.reporting.progress.time", types.SimpleNamespace(perf_counter=lambda: next(ticks)))


@pytest.mark.usefixtures("clock")
def test_a_line_comes_every_five_seconds_where_there_is_no_terminal(caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        assert list(watched(["ab", "cd", "ef", "gh"], "reading", total=4_000, size=lambda item: 500 * len(item))) == [
            "ab",
            "cd",
            "ef",
            "gh",
        ]
    assert caplog.messages == ["reading: 3,000 of 4,000"]


def test_what_is_soon_done_says_nothing(caplog, capsys):
    with caplog.at_level(logging.INFO, "seqtag"):
        assert list(watched(range(100), "reading", total=100)) == list(range(100))
    assert not caplog.messages
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("clock")
def test_a_terminal_gets_a_bar_and_no_line(monkeypatch, capsys, caplog):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with caplog.at_level(logging.INFO, "seqtag"):
        assert list(watched(range(9), "cutting texts", total=9)) == list(range(9))
    out, err = capsys.readouterr()
    assert not out
    assert "cutting texts" in err
    assert not caplog.messages
