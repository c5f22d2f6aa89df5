"""What a command does with signals, with standard streams that are missing, and with readers that went away."""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from small_corpus import SMALL, Run
from typer.testing import CliRunner, Result

from seqtag.cli.process import collect_garbage_rarely, command

posix = pytest.mark.skipif(os.name != "posix", reason="closes streams and sends signals")


def in_shell(line: str, script: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a script in a Python of its own, as a line of the shell in which `run` stands for it."""
    words = [sys.executable, "-c", script, *map(str, arguments)]
    run = " ".join(f"'{word}'" for word in words)
    return subprocess.run(["sh", "-c", line.replace("run", run)], capture_output=True, text=True, check=False)


def invoke(function: Callable[[], None]) -> Result:
    """Call a command that has no options, in this process."""
    alone = typer.Typer()
    alone.command()(function)
    return CliRunner().invoke(alone, [], catch_exceptions=False)


STREAMS = """
import sys
from seqtag.cli.process import open_missing_streams
open_missing_streams()
with open(sys.argv[1], "w") as file:
    print("a warning", file=sys.stderr, flush=True)
    print("a result", flush=True)
    file.write(sys.stdin.read())
"""


@posix
@pytest.mark.parametrize(
    ("closed", "out", "err", "read"),
    [
        ("2>&-", "a result\n", "", "asked"),
        (">&-", "", "a warning\n", "asked"),
        ("<&-", "a result\n", "a warning\n", ""),
        ("<&- >&- 2>&-", "", "", ""),
    ],
)
def test_a_missing_stream_is_the_null_device(closed: str, out: str, err: str, read: str, tmp_path: Path):
    result = in_shell(f"printf asked | run {closed}", STREAMS, tmp_path / "file")
    assert (result.returncode, result.stdout, result.stderr) == (0, out, err)
    assert (tmp_path / "file").read_text() == read  # no message has landed in a file that took the stream's number


MESSAGES = """
import logging
import typer
from seqtag.cli.process import command, open_missing_streams
open_missing_streams()
@command
def work() -> int:
    for _ in range(3):
        logging.getLogger("seqtag").warning("a warning")
    print("a result")
typer.run(work)
"""


@posix
@pytest.mark.parametrize("stream", ["/dev/full", "&-"])
def test_messages_that_nobody_can_read_cost_no_result(stream: str):
    if stream == "/dev/full" and not Path(stream).exists():
        pytest.skip("needs /dev/full")
    result = in_shell(f"run 2>{stream}", MESSAGES)
    assert (result.returncode, result.stdout) == (0, "a result\n")


@posix
def test_a_full_disk_behind_standard_output_is_an_error():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    result = in_shell("run >/dev/full", MESSAGES)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "error: the output: No space left on device"


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_that_ends_a_process_is_an_interruption(name: str):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    cleaned = []

    @command
    def wait() -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            cleaned.append(True)

    result = invoke(wait)
    assert (result.exit_code, cleaned) == (128 + number, [True])
    assert result.stderr == "error: interrupted; nothing was saved\n"
    assert signal.getsignal(number) is before


@posix
def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        @command
        def survive() -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            print("alive")

        assert invoke(survive).stdout == "alive\n"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_one_variable_of_a_launcher_is_no_launch(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = run("train", corpus, "--out", tmp_path / "ner", *SMALL, "--epochs", "1")
    assert result.exit_code == 0
    assert (tmp_path / "ner" / "config.json").is_file()
    assert "saved in" in result.stderr


def test_garbage_is_collected_rarely():
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)  # as Python begins; a command that ran in this process may have changed it
        collect_garbage_rarely()
        assert gc.get_threshold()[0] > 700
    finally:
        gc.set_threshold(*before)


def test_quiet_leaves_warnings_and_json_gives_objects(run: Run, corpus: Path, tmp_path: Path):
    train = ("train", corpus, *SMALL, "--epochs", "1")
    quiet = run("--quiet", *train, "--out", tmp_path / "a")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    told = run("--log-json", *train, "--out", tmp_path / "b")
    messages = [json.loads(line) for line in told.stderr.splitlines()]
    assert any(message["message"].startswith("epoch 1/1") for message in messages)
    assert {message["level"] for message in messages} == {"info"}
    failed = run("--log-json", "evaluate", tmp_path / "nowhere", corpus)
    assert json.loads(failed.stderr)["level"] == "error"
    assert "epoch 1/1" in run(*train, "--out", tmp_path / "c").stderr
