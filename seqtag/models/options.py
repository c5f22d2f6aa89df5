"""Check constructor arguments, all at once: every bad value is named with what would do."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqtag.errors import UsageError, near_miss

Check = Callable[[Any], str | None]

# What can run a trained tagger or classifier; see models/engine.py.
ENGINES = ("auto", "torch", "onnx", "onnx-int8")


def one_of(*choices: str | None) -> Check:
    """Accept one of some names."""
    names = sorted(str(c) for c in choices)

    def check(value: Any) -> str | None:
        if value in choices and isinstance(value, (str, type(None))):
            return None
        return f"unknown; {near_miss(str(value), names)}"

    return check


def whole(least: int) -> Check:
    """Accept a whole number from `least` on."""

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= least
        return None if good else f"must be a whole number, at least {least}"

    return check


def number(least: float, most: float = math.inf, *, open_end: bool = False) -> Check:
    """Accept a number of a range; `open_end` leaves its upper border out."""

    def check(value: Any) -> str | None:
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
        if good and not (open_end and value == most):
            return None
        upper = "" if most == math.inf else f" and {'less than' if open_end else 'at most'} {most:g}"
        return f"must be a number, at least {least:g}{upper}"

    return check


def share(value: Any) -> str | None:
    """Accept a number above 0, at most 1."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1
    return None if good else "must be a number above 0, at most 1"


def truth(value: Any) -> str | None:
    """Accept True or False."""
    return None if isinstance(value, bool) else "must be True or False"


def text(value: Any) -> str | None:
    """Accept a string."""
    return None if isinstance(value, str) and value else "must be a string"


def optional(check: Check) -> Check:
    """Accept None as well."""
    return lambda value: None if value is None else check(value)


def weights(value: Any) -> str | None:
    """Accept positive numbers by label."""
    good = isinstance(value, Mapping) and all(isinstance(w, (int, float)) and w > 0 for w in value.values())
    return None if good else "must be a mapping of labels to positive numbers"


def check_options(name: str, values: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    """Raise one UsageError that names every bad value.

    >>> check_options("Tagger", {"head": "crff"}, {"head": one_of("crf", "linear")})
    Traceback (most recent call last):
    ...
    seqtag.errors.UsageError: Tagger: head='crff': unknown; choose from crf, linear; did you mean 'crf'?
    """
    found = {key: problem for key, check in checks.items() if (problem := check(values[key]))}
    if found:
        raise UsageError(f"{name}: " + "\n".join(f"{key}={values[key]!r}: {problem}" for key, problem in found.items()))


def check_names(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Raise a UsageError for a constructor argument that does not exist."""
    for key in given:
        if key not in known:
            raise UsageError(f"{name} has no option {key!r}; {near_miss(key, known)}")
