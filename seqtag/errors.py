"""The errors that users see. Each message says what, where (file:line), what was found and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST_CAUSE = 300
_LONGEST_NAME = 100  # characters


class SeqtagError(Exception):
    """Anything that a user can mend; the command line prints the message and leaves with `exit_code`."""

    exit_code = 1


class DataError(SeqtagError, ValueError):
    """The data falls short: a malformed row, an empty file, tags and tokens of unequal length."""


class ModelError(SeqtagError):
    """A model folder is incomplete, damaged or from a newer release, or training can't go on."""


class UsageError(SeqtagError, ValueError):
    """The call is wrong: an unknown option, a file that is not there, a string where a list is meant."""

    exit_code = 2


def one_line(error: BaseException) -> str:
    r"""Write the message of another library's error, which may quote what is in a file: in one line, printable, cut.

    >>> print(one_line(ValueError("bad name 'a\x1b[2J'\n at line 1")))
    bad name 'a\x1b[2J' at line 1
    """
    text = " ".join(str(error).split())[:_LONGEST_CAUSE]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def listed(names: Iterable[str], most: int = 50) -> str:
    """Write names behind each other for a message, which stays readable however many and however long they are.

    >>> listed(["a", "b", "c"], most=2), listed([])
    ('a, b and 1 more', 'none')
    """
    names = list(names)
    shown = (
        ", ".join(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names[:most])
        or "none"
    )
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def near_miss(name: str, choices: Iterable[str]) -> str:
    """Name the choices and the nearest one, to end an error message with.

    >>> near_miss("ltsm", ["gru", "lstm"])
    "choose from gru, lstm; did you mean 'lstm'?"
    """
    choices = sorted(choices)
    by_lower = {choice.lower(): choice for choice in choices}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"choose from {listed(choices)}" + (f"; did you mean {by_lower[close[0]]!r}?" if close else "")
