"""What the data linter found: records, their order, and the sections that show them. Nothing is found here."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, zip_longest
from typing import Any

from seqtag.reporting.document import Document
from seqtag.reporting.escaping import shorten
from seqtag.reporting.sections import Paragraph, Place, Places, Section, Table

# How bad each kind is; findings come in this order. An error is what `seqtag train` refuses with the same options.
# linter.py says what each kind means.
SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(("unreadable", "unnamed_splits", "no_train", "too_little", "missing_label"), "error"),
    **dict.fromkeys(("tag_of_no_scheme", "misaligned_span", "overlapping_span"), "error"),
    **dict.fromkeys(("indicator_labels", "foreign_labels"), "error"),
    **dict.fromkeys(("wrong_column", "doubtful_word", "doubtful_tag", "odd_tag"), "warning"),
    **dict.fromkeys(("mixed_letters", "illegal_tag", "few_misaligned"), "warning"),
    **dict.fromkeys(("label_not_in_train", "shared_with_train", "few_shared_with_train"), "warning"),
    **dict.fromkeys(("shared_held_out", "near_copy"), "warning"),
    **dict.fromkeys(("respelled_tag", "joined_labels", "two_labels", "similar_labels", "unused_label"), "warning"),
    **dict.fromkeys(("missing_word", "blank_row", "blank_token"), "warning"),
    **dict.fromkeys(("space_in_token", "invisible_character", "replacement_character"), "warning"),
    **dict.fromkeys(("long_row", "long_token", "imbalance"), "warning"),
    **dict.fromkeys(("unknown_tag", "short_shared", "repeated_row", "ambiguous_surface", "rare_label"), "note"),
    **dict.fromkeys(("no_begin_tags", "filled_separator", "hash_token", "double_blank", "line_break"), "note"),
}
_ORDER = tuple(SEVERITIES)
_KEPT, _SHOWN = 10, 5  # examples: kept per split, shown per finding in a terminal
# Kinds of which all places are kept, because each one is to be mended.
_LISTED = ("misaligned_span", "few_misaligned", "overlapping_span")
_MOST_LISTED = 500  # places of them that a terminal shows
_WHOLE = ("unreadable", *_LISTED)  # kinds whose examples say what to do, so that none of their text is cut
_MOST_LABELS = 20  # rows of the table of labels in a terminal
_MOST_OF_A_NAME = 16  # terminal cells of the name of a split above a column


@dataclass(frozen=True, slots=True)
class Example:
    """One place where something was found."""

    split: str
    place: str  # file:line where lines are known, else split and row; empty where the finding has no place
    text: str  # what was found there


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
        """Add to the count of a split; the first examples, pairs of a place and a text, are kept."""
        if not count:
            return
        self.counts[split] += count
        kept = self._examples.setdefault(split, [])
        room = None if self.kind in _LISTED else _KEPT - len(kept)
        kept += [Example(split, place, text) for place, text in islice(examples, room)]

    def finding(self, message: str) -> Iterator[Finding]:
        """Give the finding, if there is one."""
        if count := sum(self.counts.values()):
            examples = tuple(example for kept in self._examples.values() for example in kept)
            counts = {name: number for name, number in self.counts.items() if name}
            yield Finding(self.kind, count, message[0].upper() + message[1:], counts, examples)


@dataclass(frozen=True, slots=True)
class Findings(Document):
    """All that the linter found in a corpus, errors first; `print` shows it in 80 columns, `save` writes a page.

    A terminal shows up to five places per finding, the other forms up to ten per split. Spans
    that are misaligned or overlap are all listed.
    """

    page_title = "Corpus"

    source: str
    task: str
    scheme: str | None  # of the tags; None for labelled texts, and where nothing could be read
    splits: tuple[SplitCounts, ...]  # those that could be read
    findings: tuple[Finding, ...]

    @property
    def heading(self) -> str:
        """The name of the corpus."""
        return self.source

    @property
    def has_errors(self) -> bool:
        """Whether anything was found for which `seqtag train` refuses the corpus."""
        return any(finding.severity == "error" for finding in self.findings)

    def of_kind(self, kind: str) -> Finding | None:
        """Give the finding of a kind, or None."""
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

    def sections(self) -> tuple[Section, ...]:
        """Give the sizes and the labels of the splits, then each finding with its message and its places."""
        kind = (
            "labelled texts" if self.task == "classify" else "tags" + (f", scheme {self.scheme}" if self.scheme else "")
        )
        corpus = Section("Corpus", (Paragraph((kind,)), *self._tables(), Paragraph((self._summary(),))))
        return (corpus, *map(self._section, self.findings))

    def _tables(self) -> Iterator[Table]:
        if not self.splits:
            return
        rows = tuple((split.name, f"{split.num_rows:,}", f"{split.num_tokens:,}") for split in self.splits)
        yield Table(("split", "sentences" if self.task == "tag" else "texts", "tokens"), rows)
        total: Counter[str] = Counter()
        for split in self.splits:
            total.update(split.labels)
        labels = [label for label, _ in total.most_common()]
        if labels:
            names = (shorten(split.name, _MOST_OF_A_NAME) for split in self.splits)
            counts = ((label, *(f"{split.labels.get(label, 0):,}" for split in self.splits)) for label in labels)
            yield Table(("label", *names), tuple(counts), most=_MOST_LABELS)

    def _summary(self) -> str:
        counts = Counter(finding.severity for finding in self.findings)
        listed = [f"{counts[name]} {name}{'s' * (counts[name] != 1)}" for name in ("error", "warning", "note")]
        return ", ".join(listed) if self.findings else "Nothing was found."

    def _section(self, finding: Finding) -> Section:
        parts = ", ".join(f"{split} {count:,}" for split, count in finding.counts.items())
        if [split.name for split in self.splits] == list(finding.counts) and len(finding.counts) == 1:
            parts = ""  # the only split has them all
        title = f"{finding.severity}: {finding.kind}, {finding.count:,}" + (f" ({parts})" if parts else "")
        brief = _chosen(finding.examples, _MOST_LISTED if finding.kind in _LISTED else _SHOWN)
        places = tuple(
            Place(self._within_folder(example.place), self._within_folder(example.text), in_brief=number in brief)
            for number, example in enumerate(finding.examples)
        )
        shown = (Places(places, whole_texts=finding.kind in _WHOLE),) if places else ()
        return Section(title, (Paragraph((finding.message,)), *shown))

    def _within_folder(self, text: str) -> str:
        """Leave the folder of the source out of a place, and out of a place that a text refers to."""
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


def _chosen(examples: Sequence[Example], most: int) -> set[int]:
    """Choose the examples that a terminal shows, from all splits in turn, and give their numbers."""
    by_split: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        by_split.setdefault(example.split, []).append(number)
    in_turn = [number for turn in zip_longest(*by_split.values()) for number in turn if number is not None]
    return set(in_turn[:most])


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put findings in order: errors, warnings, notes, and within them by kind.

    >>> [each.kind for each in ordered([Finding("rare_label", 1, "", {}, ()), Finding("unreadable", 1, "", {}, ())])]
    ['unreadable', 'rare_label']
    """
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.kind)))
