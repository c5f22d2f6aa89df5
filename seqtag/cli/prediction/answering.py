"""Have requests answered in order, a block at a time: in this process, or in several with a model each.

What has been read is answered and written before much more is read, so memory does not grow with the input. What the
answers say is the business of the writers.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import IO, Any, TypeAlias

from seqtag.cli.prediction.answer_writer import AnswerWriter
from seqtag.cli.prediction.forms import make_writer
from seqtag.cli.prediction.requests import Input, Request
from seqtag.errors import SeqtagError

# The most requests that are answered together: enough for full batches, few enough that memory does not grow.
MOST_TOGETHER = 512

Block: TypeAlias = list[Request]
Answers: TypeAlias = tuple[list[Any], SeqtagError | None]  # the lines of a block, up to the request that has an error


def open_writer(
    folder: str,
    task: str,
    form: str,
    given: Input,
    *,
    attention: bool,
    device: str,
    engine: str | None,
    changes: Mapping[str, str],
    known: Mapping[str, Any],
) -> AnswerWriter:
    """Load a model, and make what answers with it; `known` is what a tagger is told with each question."""
    from seqtag.cli.prediction.known import KnowingTagger
    from seqtag.models.predictor import load_predictor

    model: Any = load_predictor(folder, device=device, engine=engine)
    if known:
        model = KnowingTagger(model, known)
    return make_writer(model, task, form, given, attention=attention, changes=changes)


class Answering:
    """Answers requests in this process, as a context in which they come."""

    def __init__(self, writer: AnswerWriter, target: IO[Any]) -> None:
        self.writer, self.target = writer, target
        self.waiting: Block = []

    def __enter__(self) -> "Answering":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def add(self, request: Request) -> None:
        """Take a request; its answer is written once there are enough of them."""
        self.waiting.append(request)
        if len(self.waiting) == MOST_TOGETHER:
            self.hand_over()

    def before_wait(self) -> None:
        """Answer what there is before the next request is waited for."""
        self.hand_over()

    def finish(self) -> None:
        """Answer what is left."""
        self.hand_over()

    def hand_over(self) -> None:
        """Have the requests answered that came since the last time."""
        block, self.waiting = self.waiting, []
        if block:
            self.writer.observe(block)
            self.answer(block)

    def answer(self, block: Block) -> None:
        """Answer a block of requests."""
        self.target.writelines(map(self.writer.add, self.writer.lines(block)))
        self.target.flush()


class AnsweringInProcesses(Answering):
    """Answers requests in several processes, which start as blocks come.

    Each has one block at a time; the answers are written in the order of the requests. A process ends when this one
    does, whichever way. Raises the error of a request after the answers of those before it, and SeqtagError for a
    process that has died.
    """

    def __init__(
        self, writer: AnswerWriter, target: IO[Any], number: int, open_in_process: Callable[[], AnswerWriter]
    ) -> None:
        super().__init__(writer, target)
        self.number, self.open_in_process = number, open_in_process
        self.processes: dict[Connection, BaseProcess] = {}
        self.busy: dict[Connection, int] = {}  # the numbers of the blocks that are being answered
        self.done: dict[int, Answers] = {}  # answers that wait for those of an earlier block
        self.num_blocks = self.num_written = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe, process in self.processes.items():
            pipe.close()
            if pipe in self.busy:
                process.kill()
        for process in self.processes.values():
            process.join()

    def before_wait(self) -> None:
        """Answer what there is, unless the next requests are there already; stop as soon as they are."""
        if not _has_input():
            self.hand_over()
            while self.busy and not _has_input():
                self._receive(also=[sys.stdin.fileno()])

    def finish(self) -> None:
        """Answer what is left."""
        super().finish()
        while self.busy:
            self._receive()

    def answer(self, block: Block) -> None:
        """Give a block to a process; wait for a free one, and until few answers wait for those of an earlier block."""
        while len(self.busy) == self.number or len(self.done) >= self.number:
            self._receive()
        pipe = next((pipe for pipe in self.processes if pipe not in self.busy), None) or self._start()
        self.busy[pipe] = self.num_blocks
        self.num_blocks += 1
        try:
            pipe.send(block)
        except OSError:
            raise self._death(pipe) from None

    def _start(self) -> Connection:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_answer_blocks, args=(theirs, self.open_in_process), daemon=True)
        with _signals_held_back():
            process.start()
        theirs.close()
        self.processes[ours] = process
        return ours

    def _receive(self, also: list[int] | None = None) -> None:
        """Wait until answers come, or something is to be read elsewhere; write those whose turn it is."""
        for pipe in connection.wait([*self.busy, *(also or [])]):
            if isinstance(pipe, Connection):
                try:
                    answers = pipe.recv()
                except (EOFError, OSError):
                    raise self._death(pipe) from None
                self.done[self.busy.pop(pipe)] = answers
        while self.num_written in self.done:
            lines, error = self.done.pop(self.num_written)
            self.target.writelines(map(self.writer.add, lines))
            self.target.flush()
            if error:
                raise error
            self.num_written += 1

    def _death(self, pipe: Connection) -> SeqtagError:
        process = self.processes[pipe]
        process.join(timeout=5)
        code = process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        return SeqtagError(
            f"one of {self.number} worker processes ended {how} before its texts were answered; if memory ran out, "
            "fewer processes need less: --workers"
        )


def _answer_blocks(pipe: Connection, open_in_process: Callable[[], AnswerWriter]) -> None:
    """Answer blocks until no more can come."""
    os.environ["OMP_NUM_THREADS"] = "1"  # there are as many processes as cores; torch and onnxruntime read this
    logging.getLogger("seqtag").setLevel(logging.ERROR)  # what loading warns of, the first process has said
    writer: AnswerWriter | None = None
    while True:
        lines: list[Any] = []
        error: SeqtagError | None = None
        try:
            block = pipe.recv()
            try:
                writer = writer or open_in_process()
                for line in writer.lines(block):
                    lines.append(line)
            except SeqtagError as found:
                error = found
            pipe.send((lines, error))
        except (EOFError, OSError):
            return


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let processes that start meanwhile never see the signals that end this one, which ends them itself.

    A key pressed in a terminal reaches all of them, also while they start, and each would show where it was.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # or the first process starts it, which lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _has_input() -> bool:
    """Say whether reading standard input would not wait; True where that can't be known."""
    try:
        return bool(connection.wait([sys.stdin.fileno()], timeout=0))
    except (OSError, ValueError):  # no file of the system, or a system that can't wait for it
        return True
