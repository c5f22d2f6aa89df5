"""How reports write names and figures for people, and records for JSON. Knows no metric."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

# A list of bare numbers as json.dumps lays it out. No JSON string holds a line break, so this is never inside one.
_NUMBERS = re.compile(r"\[\n[-+.\deE\s,]+\]")


def printable(name: object) -> str:
    """Write a name on one line: unchanged, or as Python's repr where it is blank or holds a line break or the like.

    >>> printable("sports"), printable(True), printable("two" + chr(10) + "lines"), printable("")
    ('sports', 'True', "'two\\\\nlines'", "''")
    """
    text = str(name)
    return text if text.isprintable() and text == text.strip() != "" else repr(text)


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """List the first names and count the rest.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e", "f", "g"])
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def percent(figure: float | None) -> str:
    """Show a share in percent, and None as a dash.

    >>> percent(0.5), percent(None)
    ('50.00', '-')
    """
    return "-" if figure is None else f"{100 * figure:.2f}"


def between(low: float, high: float) -> str:
    """Show an interval in percent.

    >>> between(0.6312, 0.7)
    '63.1-70.0'
    """
    return f"{100 * low:.1f}-{100 * high:.1f}"


def nice_ticks(low: float, high: float) -> list[float]:
    """Give four to eight round numbers with equal steps, from `low` or less to `high` or more.

    >>> nice_ticks(0, 7.3), nice_ticks(0, 0), nice_ticks(-0.03, 0.04)
    ([0.0, 2.0, 4.0, 6.0, 8.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-0.04, -0.02, 0.0, 0.02, 0.04])
    """
    if high <= low:
        high = low + 1
    rough = (high - low) / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{step * number:.10g}") for number in range(first, last + 1)]


def plain(value: Any) -> Any:
    """Give records and mappings as JSON's objects, tuples and lists as its lists.

    >>> plain({"interval": (0.5, 1.0)})
    {'interval': [0.5, 1.0]}
    """
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def write_json(value: Any) -> str:
    """Write JSON for people to read: laid out in lines, but a list of bare numbers on a single line.

    >>> print(write_json({"name": "a", "counts": [1, 2.5]}))
    {
      "name": "a",
      "counts": [1, 2.5]
    }
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _NUMBERS.sub(lambda found: "[" + " ".join(found[0][1:-1].split()) + "]", text)
