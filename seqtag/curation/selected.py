"""Which texts to label next, as a document: how much they hold beside what is left, and each with the model's answer.

selection.py chooses them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from seqtag.reporting.document import Document
from seqtag.reporting.figures import printable
from seqtag.reporting.sections import Example, Examples, Mark, Paragraph, Section, Table

_MOST_IN_BRIEF = 20  # texts that a terminal shows
_NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Size:
    """What some texts hold, and what they cost."""

    num_texts: int
    num_tokens: int
    errors: float  # that the model expects in its own answers
    minutes: float  # of annotation, estimated

    @property
    def errors_per_minute(self) -> float:
        """How many expected errors a minute of annotation corrects."""
        return self.errors / self.minutes if self.minutes else 0.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text that was chosen."""

    row: int  # its number among those given, from 0
    place: str  # where it stands, for people
    text: str
    labels: tuple[str, ...]  # that the model gives: of the spans in their order, or the classes
    marks: tuple[Mark, ...]  # the spans of a tagger in the text
    num_tokens: int
    errors: float  # expected
    entropy: float  # in nats
    seconds: float  # estimated
    gain: float  # per minute of annotation, of what the choice was made by


@dataclass(frozen=True, slots=True)
class Selection(Document):
    """The texts to label next, the one with the most to gain first; `print` shows them, `save` writes a page."""

    page_title = "What to label next"

    by: str  # errors, entropy or margin
    seconds: Mapping[str, float]  # that the estimate counts for a text, a token and a correction
    pool: Size  # of all texts
    taken: Size
    num_copies: int  # texts that were left out as near copies
    chosen: tuple[Chosen, ...]
    source: str = ""
    model: str = ""

    @property
    def heading(self) -> str:
        """The name of the data."""
        return self.source

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; keys stay as they are from release to release.

        `source`, `model`, `by`, `seconds` (`text`, `token`, `correction`), `pool` and `taken` (`num_texts`,
        `num_tokens`, `errors`, `minutes`), `num_copies` and `chosen`: a list, the most to gain first, of `row` (from
        0), `place`, `text`, `labels`, `spans` (`start`, `end`, `label`, `score`), `num_tokens`, `errors`, `entropy`,
        `seconds`, `gain`.
        """
        chosen = []
        for each in self.chosen:
            record = asdict(each)
            marks = record.pop("marks")
            keys = ("start", "end", "label", "score")
            chosen.append(
                record | {"labels": list(each.labels), "spans": [{k: mark[k] for k in keys} for mark in marks]}
            )
        return {
            "source": self.source,
            "model": self.model,
            "by": self.by,
            "seconds": dict(self.seconds),
            "pool": asdict(self.pool),
            "taken": asdict(self.taken),
            "num_copies": self.num_copies,
            "chosen": chosen,
        }

    def summary(self) -> str:
        """Say in a sentence what was chosen.

        >>> Selection("errors", {}, Size(9, 90, 4.5, 3.0), Size(2, 20, 3.0, 1.0), 0, ()).summary()
        '2 of 9 texts, with 20 tokens, take about 1 minute; 3.0 errors to correct there, 1.0 in any 2'
        """
        taken, pool = self.taken, self.pool
        at_random = pool.errors * taken.num_texts / max(pool.num_texts, 1)
        minutes = f"{taken.minutes:.0f} minute{'s' * (round(taken.minutes) != 1)}"
        return (
            f"{taken.num_texts:,} of {pool.num_texts:,} texts, with {taken.num_tokens:,} tokens, take about {minutes}; "
            f"{taken.errors:,.1f} errors to correct there, {at_random:,.1f} in any {taken.num_texts:,}"
        )

    def sections(self) -> tuple[Section, ...]:
        """Give what the chosen texts hold beside all of them, then each of them."""
        seconds = ", ".join(f"{value:g} per {name}" for name, value in self.seconds.items())
        lines = [
            f"chosen by {self.by} per minute of annotation; seconds: {seconds}",
            *([f"near copies left out: {self.num_copies:,}"] if self.num_copies else []),
        ]
        rows = tuple(
            (
                name,
                f"{size.num_texts:,}",
                f"{size.num_tokens:,}",
                f"{size.errors:,.1f}",
                f"{size.minutes:,.1f}",
                f"{size.errors_per_minute:.2f}",
            )
            for name, size in (("all texts", self.pool), ("to label next", self.taken))
        )
        header = ("", "texts", "tokens", "expected errors", "minutes", "per minute")
        holds = Section("What to label next", (Paragraph(tuple(lines)), Table(header, rows)))
        return (holds, self._texts()) if self.chosen else (holds,)

    def _texts(self) -> Section:
        rows = tuple(
            (each.place, each.text, f"{each.gain:.2f}", f"{each.errors:.2f}", f"{each.entropy:.2f}")
            for each in self.chosen
        )
        header = ("place", "text", "gain", "errors", "entropy")
        table = Table(header, rows, caption="The most to gain first", text_columns=2, most=_MOST_IN_BRIEF)
        counts: Counter[str] = Counter()
        items = []
        for each in self.chosen:
            found = tuple(dict.fromkeys(map(printable, each.labels))) or (_NOTHING,)
            counts.update(found)
            note = f"{each.errors:.2f} errors expected; {each.seconds:.0f} seconds"
            items.append(
                Example(each.place, found, each.text, (("predicted", each.marks),) if each.marks else (), note)
            )
        examples = Examples("Each text with what the model finds there", tuple(counts.most_common()), tuple(items))
        return Section("The texts", (table,), (examples,))
