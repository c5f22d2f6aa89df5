"""Declare constructor options, each in one place: its default, the check of its value and the sentence about it.

`help(Tagger)`, `seqtag options` and the page of the docs are made from these declarations. Imports no torch.
"""

import inspect
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from seqtag.errors import UsageError, near_miss
from seqtag.text.gazetteers import MOST_LISTS

T = TypeVar("T")

_LARGEST = 2**63 - 1

# What an option is about, in the order in which options are listed.
Topic = Literal["task", "encoder", "tokens", "training", "running"]

# What can run a trained tagger or classifier; see models/engine.py.
ENGINES = ("auto", "torch", "onnx", "onnx-int8")


@dataclass(frozen=True, slots=True)
class Check:
    """Which values an option takes, in words, and what is wrong with a value: None where nothing is."""

    allowed: str
    problem: Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Option:
    """One constructor option of an estimator, as it is documented and checked."""

    name: str
    default: Any
    check: Check
    doc: str
    topic: Topic

    @property
    def allowed(self) -> str:
        """Say which values the option takes."""
        return self.check.allowed


def must_be(allowed: str, accepts: Callable[[Any], bool]) -> Check:
    """Accept what a function accepts."""
    return Check(allowed, lambda value: None if accepts(value) else f"must be {allowed}")


def one_of(*choices: str | None) -> Check:
    """Accept one of some names."""
    names = sorted(str(choice) for choice in choices if choice is not None)
    shown = names + ["None"] * (None in choices)

    def problem(value: Any) -> str | None:
        if value in choices and isinstance(value, (str, type(None))):
            return None
        return f"unknown; {near_miss(str(value), shown)}"

    return Check(" or ".join([", ".join(shown[:-1]), shown[-1]]), problem)


def whole(least: int, most: int = _LARGEST) -> Check:
    """Accept a whole number of a range, by default of all numbers from `least` on that 64 bits hold."""
    allowed = f"a whole number, at least {least}" + (f" and at most {most}" if most < _LARGEST else "")

    def problem(value: Any) -> str | None:
        if not _is_number(value, Integral) or value < least or most < value <= _LARGEST:
            return f"must be {allowed}"
        return f"must be {allowed}; it has more than 64 bits" if value > _LARGEST else None

    return Check(allowed, problem)


def size(least: int) -> Check:
    """Accept the width of a vector or a layer; more than it accepts is a slip, and hardly a memory has room for it."""
    return whole(least, 65_536)


def number(least: float, most: float = math.inf, *, open_end: bool = False) -> Check:
    """Accept a number of a range; `open_end` leaves its upper border out."""
    upper = "" if most == math.inf else f" and {'less than' if open_end else 'at most'} {most:g}"
    return must_be(
        f"a number, at least {least:g}{upper}",
        lambda value: _is_number(value) and least <= value <= most and not (open_end and value == most),
    )


def optional(check: Check) -> Check:
    """Accept None as well."""
    return Check(f"{check.allowed}, or None", lambda value: None if value is None else check.problem(value))


# What float32 can hold, with room for arithmetic: a rate or weight beyond it gives no number at all.
rate = number(0, 1e30)
share = must_be("a number above 0, at most 1", lambda value: _is_number(value) and 0 < value <= 1)
fraction = number(0, 1, open_end=True)  # what dropout takes
truth = must_be("True or False", lambda value: isinstance(value, (bool, np.bool_)))
text = must_be("a string", lambda value: isinstance(value, str) and value != "")
weights = must_be(
    "a mapping of labels to positive numbers from 1e-30 to 1e30, or 'balanced'",
    lambda value: (
        value == "balanced"
        if isinstance(value, str)
        else isinstance(value, Mapping)
        and all(_is_number(weight) and 1e-30 <= weight <= 1e30 for weight in value.values())
    ),
)

phrase_files = must_be(
    f"a mapping of at most {MOST_LISTS} names of lists to files",
    lambda value: (
        isinstance(value, Mapping)
        and 0 < len(value) <= MOST_LISTS
        and all(isinstance(part, str) and part for pair in value.items() for part in pair)
    ),
)


def _is_number(value: Any, kind: type = Real) -> bool:
    """Tell a number, Python's or numpy's, from a truth value, which is a number to Python."""
    return isinstance(value, kind) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """Turn a number, truth value or string of numpy's into Python's own, inside a mapping too; others are left alone.

    >>> plain(np.int64(4)), plain({"PER": np.float64(2)}), plain(None)
    (4, {'PER': 2.0}, None)
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping) and any(isinstance(part, np.generic) for pair in value.items() for part in pair):
        return {plain(key): plain(one) for key, one in value.items()}
    return value


def option(default: T, check: Check, doc: str, topic: Topic) -> T:
    """Declare an option in the body of a dataclass; to a type checker it is its default.

    A subclass that writes `name: type = value` changes the default alone.
    """
    return field(default=default, metadata={"check": check, "doc": doc, "topic": topic})


def option_table(estimator: type[Any]) -> list[Option]:
    """List the options of an estimator class by topic, those of its base classes first."""
    options = []
    for declared in fields(estimator):
        versions = [vars(base).get("__dataclass_fields__", {}).get(declared.name) for base in estimator.__mro__]
        described = next(version.metadata for version in versions if version is not None and version.metadata)
        options.append(Option(declared.name, declared.default, **described))
    return sorted(options, key=lambda option: get_args(Topic).index(option.topic))


def checks_of(estimator: type[Any]) -> Mapping[str, Check]:
    """Give the check of each option of an estimator class, by its name."""
    return {option.name: option.check for option in option_table(estimator)}


def documented(estimator: type[T]) -> type[T]:
    """Add a section about the options to the docstring of an estimator, a dataclass, so that `help` shows them."""
    lines = [inspect.cleandoc(estimator.__doc__ or ""), "", "Parameters", "----------"]
    for option in option_table(estimator):
        lines.append(f"{option.name} : {option.allowed}; default {option.default!r}")
        lines.append(textwrap.fill(option.doc, 100, initial_indent="    ", subsequent_indent="    "))
    estimator.__doc__ = "\n".join(lines)
    return estimator


def check_options(name: str, values: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    """Raise one UsageError that names every bad value.

    >>> check_options("Tagger", {"head": "crff"}, {"head": one_of("crf", "linear")})
    Traceback (most recent call last):
    ...
    seqtag.errors.UsageError: Tagger: head='crff': unknown; choose from crf, linear; did you mean 'crf'?
    """
    found = {key: problem for key, check in checks.items() if (problem := check.problem(values[key]))}
    if found:
        raise UsageError(f"{name}: " + "\n".join(f"{key}={values[key]!r}: {problem}" for key, problem in found.items()))


def check_names(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Raise a UsageError for a constructor argument that does not exist."""
    for key in given:
        if key not in known:
            raise UsageError(f"{name} has no option {key!r}; {near_miss(key, known)}")
