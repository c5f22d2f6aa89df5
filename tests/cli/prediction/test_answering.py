"""`seqtag predict --workers N`: the bytes of one process, in bounded memory, and nobody is left behind."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from odd_writers import WaitingWriter
from small_corpus import Run

from seqtag.cli.prediction.answering import MOST_TOGETHER, Answering, AnsweringInProcesses
from seqtag.cli.prediction.requests import Request
from seqtag.errors import SeqtagError

REPOSITORY = Path(__file__).resolve().parents[3]
BLOCKS = 9


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More texts than two processes take at once, some of them blank."""
    file = tmp_path_factory.mktemp("texts") / "texts.txt"
    lines = [f"Ada met Tim in Paris {i} times." * (i % 3) for i in range(3 * MOST_TOGETHER + 100)]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("form", ["jsonl", "conll"])
def test_a_tagger_writes_the_same_bytes(form: str, run: Run, exported_tagger: Path, texts: Path):
    words = ("predict", exported_tagger, texts, "--text", "--format", form, "--device", "cpu")
    alone, together = run(*words), run(*words, "--workers", "2")
    assert together.exit_code == 0, together.stderr
    assert len(alone.stdout) > 10_000
    assert (together.stdout, together.stderr) == (alone.stdout, alone.stderr)


def test_a_classifier_writes_the_same_bytes_and_one_word_on_blank_texts(
    run: Run, exported_classifier: Path, texts: Path
):
    words = ("predict", exported_classifier, texts, "--format", "csv", "--device", "cpu")
    alone, together = run(*words), run(*words, "--workers", "2")
    assert together.stdout == alone.stdout
    assert together.stderr == alone.stderr
    assert together.stderr.count("texts are blank and get the shares of the classes in training") == 1


def test_an_error_comes_after_the_answers_before_it(run: Run, exported_tagger: Path, tmp_path: Path):
    tokens = [["Ada"], ["Bo"], ["two\twords"], ["Turin"]]
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"tokens": each}) + "\n" for each in tokens), encoding="utf-8")
    words = ("predict", exported_tagger, file, "--format", "conll", "--device", "cpu")
    alone, together = run(*words), run(*words, "--workers", "2")
    assert (together.exit_code, together.stdout, together.stderr) == (1, alone.stdout, alone.stderr)
    assert "can't stand in a column file" in together.stderr
    assert "Bo\t" in together.stdout


def feed(answering: Answering, texts: list[str]) -> None:
    for text in texts:
        answering.add(Request(text=text))
    answering.finish()


def test_no_more_is_read_than_few_blocks_ahead_of_the_answers(tmp_path: Path):
    gate, target = tmp_path / "gate", io.StringIO()
    opened = partial(WaitingWriter, gate)
    texts = [f"text {i}" for i in range(BLOCKS * MOST_TOGETHER)]
    texts[0] = "wait"
    with AnsweringInProcesses(opened(), target, 2, opened) as answering:
        feeding = threading.Thread(target=feed, args=(answering, texts))
        feeding.start()
        for _ in range(1000):
            if answering.num_blocks > 2 and len(answering.done) == 2:
                break
            time.sleep(0.01)
        time.sleep(0.1)
        assert answering.num_blocks == 3, "the first block, and two that the other process has answered meanwhile"
        assert target.getvalue() == ""
        gate.touch()
        feeding.join()
    assert target.getvalue() == "".join(f"{text}\n" for text in texts)


def test_a_process_that_dies_is_a_message(tmp_path: Path):
    opened = partial(WaitingWriter, tmp_path / "gate")
    with (
        pytest.raises(SeqtagError, match=r"one of 2 worker processes ended by signal 9 before .* --workers"),
        AnsweringInProcesses(opened(), io.StringIO(), 2, opened) as answering,
    ):
        feed(answering, ["die"])


def session_of(process: int) -> list[str]:
    """The programs of a session that still run, by the system's own list."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(stat[3]) == process and stat[0] != "Z":
                found.append((folder / "cmdline").read_text())
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see who is left")
@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGINT, 130, "error: interrupted; nothing was saved\n"),
        (signal.SIGTERM, 143, "error: interrupted; nothing was saved\n"),
        (signal.SIGKILL, -9, ""),
    ],
    ids=["Ctrl-C", "kill", "kill -9"],
)
def test_nobody_is_left_when_it_is_ended(
    number: signal.Signals, code: int, message: str, exported_tagger: Path, tmp_path: Path
):
    main = "from seqtag.cli import main; main()"
    words = ["predict", exported_tagger, "--text", "--workers", "2", "--device", "cpu"]
    with subprocess.Popen(
        [sys.executable, "-c", main, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"Ada lives in Turin.\n")
        process.stdin.flush()
        assert b"Ada" in process.stdout.readline()  # standard input is open: it is answered as it comes
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        complaints = process.stderr.read().decode()
    assert (process.returncode, complaints) == (code, message)
    for _ in range(200):
        if not session_of(process.pid):
            break
        time.sleep(0.02)
    assert session_of(process.pid) == []
