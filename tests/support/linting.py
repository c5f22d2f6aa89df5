"""What the tests of the linter ask of its findings, and the files and texts that they give it."""

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from seqtag.linter.findings import Findings


def write(path: Path, text: str) -> Path:
    """Write a file, in a folder that may not be there yet, and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def texts(rows: Sequence[str], labels: Sequence[str] | None = None) -> Dataset:
    """Make a dataset of texts, all with one label where none are given."""
    return Dataset.from_dict({"text": rows, "label": labels or ["a"] * len(rows)})


def kinds(findings: Findings) -> list[str]:
    """Return the kinds that were found, in their order."""
    return [finding.kind for finding in findings.findings]


def counts_of(findings: Findings, kind: str) -> dict[str, int]:
    """Return how often a kind was found in what."""
    finding = findings.of_kind(kind)
    return dict(finding.counts) if finding else {}


def examples(findings: Findings, kind: str) -> list[tuple[str, str]]:
    """Return the places and texts of a kind's examples."""
    return [(example.place, example.text) for example in findings.of_kind(kind).examples]
