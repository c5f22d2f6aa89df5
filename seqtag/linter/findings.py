"""What the data linter found: records, their order and how they read in a terminal. Finds nothing itself."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, zip_longest
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, set_cell_size

from seqtag.reporting.escaping import clip, printable

# How bad each kind is; findings come in this order. check.py says what each kind means.
SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(("unreadable", "wrong_column", "missing_label", "odd_tag", "mixed_letters"), "error"),
    **dict.fromkeys(("illegal_tag", "misaligned_span", "label_not_in_train", "shared_with_train"), "error"),
    **dict.fromkeys(("unnamed_splits", "few_shared_with_train", "shared_held_out", "near_copy"), "warning"),
    **dict.fromkeys(("two_labels", "similar_labels", "unused_label", "blank_row", "blank_token"), "warning"),
    **dict.fromkeys(("space_in_token", "invisible_character", "replacement_character"), "warning"),
    **dict.fromkeys(("long_row", "imbalance"), "warning"),
    **dict.fromkeys(("short_shared", "repeated_row", "ambiguous_surface", "rare_label", "no_begin_tags"), "note"),
    **dict.fromkeys(("filled_separator", "hash_token", "double_blank", "line_break"), "note"),
}
_ORDER = tuple(SEVERITIES)
_WIDTH = 80  # terminal cells
_KEPT, _SHOWN = 10, 5  # examples: kept a split, shown of a finding
_WHOLE = ("unreadable", "misaligned_span")  # kinds whose examples say what to do, to their end
_MOST_LABELS = 20  # rows of the table of labels


@dataclass(frozen=True, slots=True)
class Example:
    """One place where something was found."""

    split: str
    place: str  # file:line where lines are known, else split and row; empty where the finding has no place
    text: str  # what stands there


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that is wrong, or worth a look, with its first places."""

    kind: str  # a key of SEVERITIES
    count: int
    message: str  # what it is, and what to do
    counts: Mapping[str, int]  # by split, or by pair of splits; empty where a finding is about all of them together
    examples: tuple[Example, ...]  # the first ten of each split

    @property
    def severity(self) -> str:
        """How bad it is: error, warning or note."""
        return SEVERITIES[self.kind]


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """The size of one split."""

    name: str
    origin: str  # the file, or the split of a dataset
    num_rows: int  # sentences or texts
    num_tokens: int
    labels: Mapping[str, int]  # entities of each label; plain tags by token; labels of texts


class Tally:
    """Counts one kind of finding over the splits, and keeps the first examples of each."""

    def __init__(self, kind: str):
        self.kind = kind
        self.counts: Counter[str] = Counter()
        self._examples: dict[str, list[Example]] = {}

    def add(self, split: str, count: int = 1, examples: Iterable[tuple[str, str]] = ()) -> None:
        """Count `count` more in a split; of the examples, places with what stands there, only the first are drawn."""
        if not count:
            return
        self.counts[split] += count
        kept = self._examples.setdefault(split, [])
        if room := _KEPT - len(kept):
            kept += [Example(split, place, text) for place, text in islice(examples, room)]

    def finding(self, message: str) -> Iterator[Finding]:
        """Give the finding, if there is one."""
        if count := sum(self.counts.values()):
            examples = tuple(example for kept in self._examples.values() for example in kept)
            counts = {name: own for name, own in self.counts.items() if name}
            yield Finding(self.kind, count, message[0].upper() + message[1:], counts, examples)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the linter found in a corpus; errors first, `print` shows it for 80 columns."""

    source: str
    task: str
    scheme: str | None  # of the tags; None for labelled texts, and where nothing could be read
    splits: tuple[SplitCounts, ...]  # those that could be read
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether something is there that would make a model or a score wrong."""
        return any(finding.severity == "error" for finding in self.findings)

    def of_kind(self, kind: str) -> Finding | None:
        """Give the finding of a kind, None where there is none."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; keys stay as they are from release to release.

        `source`, `task`, `scheme` (null for texts), `num_errors`, `num_warnings`, `num_notes` (kinds, not places),
        `splits` (a list of `name`, `origin`, `num_rows`, `num_tokens`, `labels`: label -> count) and `findings` (a list
        of `kind`, `severity`, `count`, `counts`: split -> count, `message`, `examples`: a list of `split`,
        `place`, `text`).
        """
        severities = Counter(finding.severity for finding in self.findings)
        return {
            "source": self.source,
            "task": self.task,
            "scheme": self.scheme,
            **{f"num_{severity}s": severities[severity] for severity in ("error", "warning", "note")},
            "splits": [asdict(split) for split in self.splits],
            "findings": [
                {
                    "kind": finding.kind,
                    "severity": finding.severity,
                    "count": finding.count,
                    "counts": dict(finding.counts),
                    "message": finding.message,
                    "examples": [asdict(example) for example in finding.examples],
                }
                for finding in self.findings
            ],
        }

    def __str__(self) -> str:
        """Show sizes, labels and findings, with up to five examples each; `to_dict` has more."""
        scheme = f", scheme {self.scheme}" if self.scheme else ""
        kind = "labelled texts" if self.task == "classify" else f"tags{scheme}"
        blocks = [wrap(f"{printable(self.source)}: {kind}", _WIDTH), self._sizes(), self._labels(), [self._summary()]]
        blocks += [self._block(finding) for finding in self.findings]
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def _sizes(self) -> list[str]:
        rows = [[split.name, f"{split.num_rows:,}", f"{split.num_tokens:,}"] for split in self.splits]
        return _table(["split", "sentences" if self.task == "tag" else "texts", "tokens"], rows) if rows else []

    def _labels(self) -> list[str]:
        total: Counter[str] = Counter()
        for split in self.splits:
            total.update(split.labels)
        rows = [
            [label, *(f"{split.labels.get(label, 0):,}" for split in self.splits)]
            for label, _ in total.most_common(_MOST_LABELS)
        ]
        left = len(total) - len(rows)
        more = [f"and {left} more label{'s' * (left != 1)}, which the JSON form has"] if left else []
        return [*_table(["label", *(split.name for split in self.splits)], rows), *more] if rows else []

    def _summary(self) -> str:
        counts = Counter(finding.severity for finding in self.findings)
        listed = [f"{counts[name]} {name}{'s' * (counts[name] != 1)}" for name in ("error", "warning", "note")]
        return ", ".join(listed) if self.findings else "Nothing was found."

    def _block(self, finding: Finding) -> list[str]:
        parts = ", ".join(f"{printable(split)} {count:,}" for split, count in finding.counts.items())
        one = [split.name for split in self.splits] == list(finding.counts) and len(finding.counts) == 1
        head = f"{finding.severity}: {finding.kind}, {finding.count:,}" + (f" ({parts})" if parts and not one else "")
        lines = wrap(head, _WIDTH, subsequent_indent="  ")
        lines += wrap(printable(finding.message), _WIDTH, initial_indent="  ", subsequent_indent="  ")
        for example in _chosen(finding.examples):
            place, text = self._short(example.place), printable(self._short(example.text))
            lines += _example_lines(printable(place), text, whole=finding.kind in _WHOLE)
        return lines

    def _short(self, text: str) -> str:
        """Leave the folder of the source out of a place, and of another one that a text refers to."""
        for folder in filter(None, (self.source, os.path.dirname(self.source), _shared_folder(self.splits))):
            inside = re.escape(os.path.join(folder, ""))
            text, found = re.subn(f"^((?:(?:.* )?(?:as|at) )?){inside}", r"\1", text, count=1)
            if found:
                break
        return text


def _shared_folder(splits: Iterable[SplitCounts]) -> str:
    """Give the folder that the files of all splits lie in; empty where there is none, or the root."""
    folders = [os.path.dirname(split.origin) for split in splits]
    if len({os.path.isabs(folder) for folder in folders}) != 1:
        return ""
    common = os.path.commonpath(folders)
    return "" if os.path.dirname(common) == common else common


def _chosen(examples: Sequence[Example]) -> list[Example]:
    """Choose the examples to show, from all splits in turn."""
    by_split: dict[str, list[Example]] = {}
    for example in examples:
        by_split.setdefault(example.split, []).append(example)
    turns = [example for turn in zip_longest(*by_split.values()) for example in turn if example is not None]
    shown = Counter(example.split for example in turns[:_SHOWN])
    return [example for split, own in by_split.items() for example in own[: shown[split]]]


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put findings in order: errors, warnings, notes, and within them by kind.

    >>> [each.kind for each in ordered([Finding("rare_label", 1, "", {}, ()), Finding("unreadable", 1, "", {}, ())])]
    ['unreadable', 'rare_label']
    """
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.kind)))


def _example_lines(place: str, text: str, *, whole: bool) -> list[str]:
    indent = "    "
    if whole:
        return wrap(
            f"{place}  {text}" if place else text,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + "  ",
            break_on_hyphens=False,
            break_long_words=False,  # a path
        )
    if not place:
        return [indent + clip(text, _WIDTH - len(indent))]
    if cell_len(place) + cell_len(text) + 6 <= _WIDTH:
        return [f"{indent}{place}  {text}"]
    # a place stays whole, so that it can be copied
    return [indent + place, indent + "  " + clip(text, _WIDTH - len(indent) - 2)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay a table of a name and figures in 80 columns; columns that find no room are counted under it."""
    rows = [[clip(printable(row[0]), 40), *(clip(printable(cell), 16) for cell in row[1:])] for row in (header, *rows)]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(header))]
    fitting = max(n for n in range(1, len(widths) + 1) if n == 1 or sum(widths[:n]) + 2 * (n - 1) <= _WIDTH)
    lines = []
    for row in rows:
        first = set_cell_size(row[0], widths[0])
        figures = [_right(cell, width) for cell, width in zip(row[1:fitting], widths[1:])]
        lines.append("  ".join([first, *figures]).rstrip())
    left = len(widths) - fitting
    return lines + ([f"and {left} more column{'s' * (left != 1)}, which the JSON form has"] if left else [])


def _right(cell: str, width: int) -> str:
    return " " * (width - cell_len(cell)) + cell
