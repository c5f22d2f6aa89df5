"""A corpus small enough to be learnt in a second, and how the tests of the commands call them."""

from collections.abc import Callable

from typer.testing import Result

PEOPLE = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Zoë Baird", "Emmy Noether", "Kurt Gödel"]
PLACES = ["Turin", "New York", "Łódź", "Oslo", "San Marino", "Quito"]
FRAMES = ["{} lives in {} .", "Last year {} left {} for good .", "{} wrote from {} .", "We saw {} near {} ."]

Run = Callable[..., Result]


def tagged(frame: str, person: str, place: str) -> list[tuple[str, str]]:
    """Write one sentence as tokens with IOB2 tags."""
    names = iter([("PER", person), ("LOC", place)])
    rows = []
    for word in frame.split():
        if word == "{}":
            label, name = next(names)
            rows += [(token, f"{'BI'[i > 0]}-{label}") for i, token in enumerate(name.split())]
        else:
            rows.append((word, "O"))
    return rows


SENTENCES = [tagged(frame, person, place) for frame in FRAMES for person in PEOPLE for place in PLACES]


def conll(sentences: list[list[tuple[str, str]]]) -> str:
    return "".join("".join(f"{token}\t{tag}\n" for token, tag in rows) + "\n" for rows in sentences)


# What a training in a test is given, so that it takes a second.
SMALL = [
    "--set",
    "hidden_size=16",
    "--set",
    "characters=none",
    "--set",
    "batch_size=16",
    "--epochs",
    "3",
    "--device",
    "cpu",
]
