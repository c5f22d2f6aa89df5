"""What every command needs around it: messages on standard error, exit codes, closed pipes, encodings."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import typer

from seqtag.errors import SeqtagError

INTERRUPTED = 130  # as shells report it for a program that Ctrl-C ended
_PIPE_CLOSED = 141  # as shells report it for a program whose reader went away

P = ParamSpec("P")


def command(function: Callable[P, int | None]) -> Callable[P, None]:
    """Make a function a command: an error that users can mend becomes one message on standard error and an exit code.

    The function may return an exit code itself. Any other error is a bug of seqtag, and shows its traceback.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with _plain_messages():
            _make_output_safe()
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
        if code:
            raise typer.Exit(code)

    return run


def is_main_process() -> bool:
    """Say whether this process prints and saves; under `accelerate launch` one of several processes does."""
    return os.environ.get("RANK", "0") == "0"


class _PlainLines(logging.Handler):
    """Write messages as they are; if a progress bar has taken over standard error, they appear above the bar."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        print(prefix + record.getMessage(), file=sys.stderr, flush=True)


@contextmanager
def _plain_messages() -> Iterator[None]:
    logger = logging.getLogger("seqtag")
    handler, level = _PlainLines(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if is_main_process() else logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _complain(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return code


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
