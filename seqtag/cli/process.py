"""What every command needs around it: messages on standard error, exit codes, signals, closed pipes, encodings."""

import errno
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import wraps
from types import FrameType
from typing import ParamSpec

import typer

from seqtag.corpora.workspace import sweep_workspaces
from seqtag.errors import SeqtagError
from seqtag.reporting.progress import bars_allowed
from seqtag.training.launch import is_main_process

INTERRUPTED = 130  # as shells report it for a program that Ctrl-C ended
_PIPE_CLOSED = 141  # as shells report it for a program whose reader went away
# What ends a process from outside, as `kill`, a container's stop or a closed terminal do; treated like Ctrl-C.
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")

P = ParamSpec("P")


def command(function: Callable[P, int | None]) -> Callable[P, None]:
    """Make a function a command: an error that users can mend becomes one message on standard error and an exit code.

    The function may return an exit code itself. Any other error is a bug of seqtag, and shows its traceback.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with _plain_messages(), _signals_as_interrupts() as received:
            _make_output_safe()
            sweep_workspaces()
            try:
                code = function(*args, **kwargs) or 0
                sys.stdout.flush()
            except SeqtagError as error:
                code = _complain(str(error), error.exit_code)
            except BrokenPipeError:
                _drop_output()
                code = _PIPE_CLOSED
            except KeyboardInterrupt:
                code = _complain("interrupted; nothing was saved", INTERRUPTED)
            except OSError as error:
                if error.filename is None and error.errno != errno.ENOSPC:
                    raise
                place = "the output" if error.filename is None else error.filename
                code = _complain(f"{place}: {error.strerror}", SeqtagError.exit_code)
            if code == INTERRUPTED and received:
                code = 128 + received[0]
        if code:
            raise typer.Exit(code)

    return run


def collect_garbage_rarely() -> None:
    """Look less often for objects that keep each other alive, of which seqtag makes hardly any.

    Python's default has all objects of torch and datasets looked through again and again while a corpus is read, which
    takes a third of that time.
    """
    gc.set_threshold(50_000, 20, 100)


def open_missing_streams() -> None:
    """Put the null device in the place of each standard stream that the process was started without.

    Otherwise the next file that is opened takes its number, and what is printed for one stream goes to another.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


@contextmanager
def _signals_as_interrupts() -> Iterator[list[int]]:
    """Turn signals that end a process into KeyboardInterrupt, so that it cleans up; gives those that were received.

    A signal that the process was started to ignore, as by nohup, is left alone, and so is every one outside of the main
    thread, which alone can handle signals.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = {}
    for name in _ENDING_SIGNALS:
        number = getattr(signal, name, None)  # not each system has each of them
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            with suppress(ValueError):  # not the main thread
                before[number] = signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Messages:
    """How the command line speaks on standard error; `seqtag --quiet` and `--log-json` set it."""

    quiet: bool = False
    as_json: bool = False


MESSAGES = Messages()


class _PlainLines(logging.Handler):
    """Write messages as they are; if a progress bar has taken over standard error, they appear above the bar."""

    def emit(self, record: logging.LogRecord) -> None:
        if MESSAGES.as_json:
            _print_json(record.levelname.lower(), record.getMessage())
            return
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        _print_message(prefix + record.getMessage())


@contextmanager
def _plain_messages() -> Iterator[None]:
    logger = logging.getLogger("seqtag")
    handler, level = _PlainLines(), logger.level
    least = logging.WARNING if MESSAGES.quiet else logging.INFO
    logger.addHandler(handler)
    logger.setLevel(least if is_main_process() else logging.ERROR)
    try:
        with bars_allowed(not (MESSAGES.quiet or MESSAGES.as_json)):
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _complain(message: str, code: int) -> int:
    if MESSAGES.as_json:
        _print_json("error", message)
    else:
        _print_message(f"error: {message}")
    return code


def _print_json(level: str, message: str) -> None:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    _print_message(json.dumps({"time": now, "level": level, "message": message}, ensure_ascii=False))


def _print_message(message: str) -> None:
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:  # nobody reads it any more, or a disk is full; that must not cost the work
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _make_output_safe() -> None:
    """Write UTF-8 to files and pipes, and escapes for characters that a terminal can't show."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is None:  # a notebook or a test put another object there
        return
    if sys.stdout.isatty():
        reconfigure(errors="backslashreplace")
    else:
        reconfigure(encoding="utf-8", errors="backslashreplace")


def _drop_output() -> None:
    """Discard the output that is still buffered; otherwise Python complains about the closed pipe when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
