"""A corpus small enough to be learnt in a second, and how the tests of the commands call them."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

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
GOLD = [[tag for _, tag in rows] for rows in SENTENCES]


def conll(sentences: list[list[tuple[str, str]]]) -> str:
    return "".join("".join(f"{token}\t{tag}\n" for token, tag in rows) + "\n" for rows in sentences)


def write_tags(path: Path, tags: Sequence[Sequence[str]], *, separator: str = "\t") -> Path:
    """Write the tokens of SENTENCES with other tags as a column file."""
    rows = [
        "".join(f"{w}{separator}{t}\n" for (w, _), t in zip(sentence, names))
        for sentence, names in zip(SENTENCES, tags)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


# Texts with a label; some with what makes a table hard to read.
MOODS = {
    "good": ["lovely", "superb", "a joy", 'warm, and "fresh"'],
    "bad": ["awful", "rude", "a mess", "cold,\nand stale"],
    "plain": ["closed on Monday", "near the station", "two floors up", "made of\u2028brick"],
}
LABELLED = [
    (f"{subject} {verb} {words}{end}", label)
    for label, sentences in MOODS.items()
    for words in sentences
    for subject in ("The room", "Our guide", "My order")
    for verb in ("was", "is")
    for end in (".", " again!")
]
# JSON lines whose texts have any number of labels.
SEVERAL = "".join(
    json.dumps({"text": text, "labels": labels}) + "\n"
    for place in ("here", "there", "in Oslo", "on Monday")
    for end in (".", "!", "...")
    for text, labels in (
        (f"They were late {place}{end}", ["late"]),
        (f"They were rude {place}{end}", ["rude"]),
        (f"They were rude and late {place}{end}", ["late", "rude"]),
        (f"They were {place}{end}", []),
    )
)


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label"), delimiter: str = ",") -> str:
    """Write rows as CSV, header and all."""
    lines = io.StringIO(newline="")
    csv.writer(lines, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return lines.getvalue()


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
# For models that have to know their texts in the end.
LEARN = [*SMALL, "--set", "learning_rate=0.01", "--set", "dropout=0.1", "--set", "word_dropout=0"]

# Running text, and what the training of a language model on it is given, so that it takes a second.
LINES = [
    f"the {animal} {verb} the {other} .\n"
    for animal in ("cat", "dog", "fox")
    for verb in ("saw", "met")
    for other in ("owl", "hen", "cow", "rat")
]
TEXT = "".join(LINES * 6)
TINY = [
    *("--task", "lm", "--device", "cpu", "--epochs", "2", "--set", "hidden_size=24", "--set", "embedding_size=16"),
    *("--set", "batch_size=4", "--set", "bptt=20", "--set", "learning_rate=0.02"),
]
