"""What is probably labelled wrong in a corpus: records, their ranking, and the sections that show them.

Nothing is found here; suspects.py does that.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtag.reporting.document import Document
from seqtag.reporting.figures import listed, plain
from seqtag.reporting.sections import Example, Examples, Mark, Points, Section, Table, Verdict
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import Span

MISSING, EXTRA, TYPE, BORDER = "missing", "extra", "wrong type", "wrong border"
TAG, CLASS = "wrong tag", "wrong class"
KINDS = (MISSING, EXTRA, TYPE, BORDER, TAG, CLASS)
OUTSIDE = "O"  # what a surface is called where it has no label

_LEAST = 1e-4  # a probability below this says no more than this
_MOST_EXAMPLES, _MOST_SURFACES, _MOST_PAIRS = 500, 100, 50  # that a page shows
_MOST_CHARACTERS = 1000  # of a text that is an example


def suspicion(gold: float, proposed: float) -> float:
    """Give the log odds of the counter-proposal against the label that the corpus has.

    It is the logarithm of how many times as likely the proposal is, so that 0 says that both are equally likely.

    >>> round(suspicion(0.01, 0.98), 2), suspicion(0.5, 0.5)
    (4.58, 0.0)
    """
    return math.log(max(proposed, _LEAST)) - math.log(max(gold, _LEAST))


@dataclass(frozen=True, slots=True)
class Copy:
    """A near copy of a row, which is labelled otherwise."""

    split: str
    row: int  # in the split, from 0
    labels: tuple[str, ...]  # that it has at the same words; none where they are outside


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is probably wrong, with what a model that has not seen it would have there.

    Spans count tokens; that of the class of a text covers its characters.
    """

    kind: str  # one of KINDS
    split: str
    row: int  # in the split, from 0
    gold: tuple[Span, ...]  # what the corpus has, with probabilities; none where a span is missing
    proposed: tuple[Span, ...]  # the counter-proposal, with probabilities; none where a span is one too many
    gold_probability: float  # of what the corpus has; where it has nothing, that nothing is there
    proposed_probability: float  # of the first span of the proposal; where it has none, that nothing is there
    tokens: tuple[str, ...]  # of the sentence; of a text that came as a string there are none
    text: str  # the sentence as it is read, or the text
    others: tuple[Span, ...] = ()  # the other spans that the corpus has in the sentence
    copies: tuple[Copy, ...] = ()
    weight: float = 1.0  # of the log odds, less where models find little of such labels; see `Suspects.trust`

    @property
    def score(self) -> float:
        """The log odds of the proposal against what the corpus has, weighed, by which suspects are ranked."""
        return self.weight * suspicion(self.gold_probability, self.proposed_probability)

    @property
    def region(self) -> tuple[int, int]:
        """The first token that it is about, and the token after the last one."""
        spans = (*self.gold, *self.proposed)
        return min(span.start for span in spans), max(span.end for span in spans)

    @property
    def surface(self) -> str:
        """The words of the label that is suspected, or of the span that is missing."""
        return str((*self.gold, *self.proposed)[0].text)

    def change(self) -> dict[str, Any]:
        """Give what a correction needs, as plain JSON values: kind, split, row, gold and proposed spans."""
        sides = {"gold": self.gold, "proposed": self.proposed}
        return {
            "kind": self.kind,
            "split": self.split,
            "row": self.row,
            **{side: [span.to_dict() for span in spans] for side, spans in sides.items()},
        }


@dataclass(frozen=True, slots=True)
class Surface:
    """The labels that some words have in the corpus, and how many suspects are about them."""

    words: str
    labels: tuple[tuple[str, int], ...]  # the most frequent first; OUTSIDE counts where the words have no label
    num_suspects: int

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {label}" for label, count in self.labels)


@dataclass(frozen=True, slots=True)
class Suspects(Document):
    """What is probably labelled wrong, the most suspicious first; `save` writes a page to tick suspects on."""

    page_title = "Suspects"

    source: str
    task: str  # tag or classify
    scheme: str | None  # of the tags
    num_rows: int
    num_labels: int  # spans, plain tags, or labels of texts, but for those that are unknown
    folds: int
    seed: int
    least: float  # the least score of a suspect
    trust: Mapping[str, float]  # by label: the mean probability of what the corpus has; low where models find little
    suspects: tuple[Suspect, ...]
    surfaces: tuple[Surface, ...]  # with two labels or more that suspects are about, those with most suspects first

    @property
    def heading(self) -> str:
        """The name of the corpus."""
        return self.source

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; keys stay as they are from release to release.

        `suspects` is a list of `kind`, `split`, `row`, `gold`, `proposed` (lists of spans with `start`, `end`, `label`,
        `text`, `score`), `gold_probability`, `proposed_probability`, `score`, `text`, and `copies` (`split`, `row`,
        `labels`); `surfaces` of `words`, `labels` (label -> count) and `num_suspects`.
        """
        names = ("source", "task", "scheme", "num_rows", "num_labels", "folds", "seed", "least", "trust")
        return {
            **{name: plain(getattr(self, name)) for name in names},
            "counts": dict(self._counts()),
            "surfaces": [
                {"words": each.words, "labels": dict(each.labels), "num_suspects": each.num_suspects}
                for each in self.surfaces
            ],
            "suspects": [
                {
                    **each.change(),
                    "gold_probability": each.gold_probability,
                    "proposed_probability": each.proposed_probability,
                    "score": each.score,
                    "text": each.text,
                    "copies": plain(each.copies),
                }
                for each in self.suspects
            ],
        }

    def sections(self) -> tuple[Section, ...]:
        """Give how many suspects there are, of what, words with several labels, and the suspects in their rows."""
        parts = (
            Section("In short", tuple(self._glance())),
            Section("What is suspected", tuple(self._tables())),
            Section("Words with several labels", tuple(self._surface_table())),
            Section("Suspects", tuple(self._examples())),
        )
        return tuple(part for part in parts if part.blocks)

    def _counts(self) -> Counter[str]:
        counts = Counter(each.kind for each in self.suspects)
        return Counter({kind: counts[kind] for kind in KINDS if counts[kind]})

    @property
    def _unit(self) -> str:
        return "labels of texts" if self.task == "classify" else "tags" if self.scheme == "plain" else "spans"

    def _glance(self) -> Iterator[Verdict | Points]:
        about = f"out of fold with {self.folds} folds, seed {self.seed}"
        yield Verdict("Suspects", f"{len(self.suspects):,}", "", (f"{self.num_labels:,} {self._unit}", about))
        lines = []
        if self.suspects:
            lines.append(
                "a model that has not seen the row holds something else for likely there; the most suspicious come "
                "first, and not all of them are wrong"
            )
        else:
            lines.append("models that have not seen a row hold what the corpus has for likeliest everywhere")
        if copies := sum(bool(each.copies) for each in self.suspects):
            lines.append(f"{copies:,} have a near copy that is labelled otherwise")
        if self.suspects:
            lines.append(
                "tick on this page what is wrong, save the ticks, then write the corrected corpus: seqtag suspects "
                "DATA --accept ticked.json --output CORRECTED"
            )
        yield Points(tuple(lines))

    def _tables(self) -> Iterator[Table]:
        if not self.suspects:
            return
        counts = self._counts()
        yield Table(("kind", "suspects"), tuple((kind, f"{count:,}") for kind, count in counts.items()))
        labels = Counter(span.label for each in self.suspects for span in each.gold)
        yield Table(
            ("label", "suspects", "mean P"),
            tuple((label, f"{labels[label]:,}", f"{share:.2f}") for label, share in self.trust.items()),
            "P: the probability of what the corpus has, for a model that has not seen it",
            most=20,
        )
        pairs = Counter((_labels(each.gold), _labels(each.proposed)) for each in self.suspects)
        rows = tuple((*pair, f"{count:,}") for pair, count in pairs.most_common(_MOST_PAIRS))
        yield Table(("in the corpus", "proposed", "suspects"), rows, text_columns=2, most=10)

    def _surface_table(self) -> Iterator[Table]:
        rows = tuple((each.words, str(each), f"{each.num_suspects:,}") for each in self.surfaces[:_MOST_SURFACES])
        if rows:
            yield Table(("words", "labels in the corpus", "suspects"), rows, text_columns=2, most=10)

    def _examples(self) -> Iterator[Examples]:
        if not self.suspects:
            return
        shown = self.suspects[:_MOST_EXAMPLES]
        some = f"the first {len(shown):,} of {len(self.suspects):,}" if len(shown) < len(self.suspects) else "all"
        surfaces = {each.words: str(each) for each in self.surfaces}
        items = tuple(_example(each, surfaces.get(each.surface, "")) for each in shown)
        caption = f"{some}, the most suspicious first"
        yield Examples(caption, tuple(self._counts().items()), items, choices="suspects")


def place_of(split: str, row: int, task: str) -> str:
    """Name a row whose number is counted from 0.

    >>> place_of("train", 11, "tag")
    'train, sentence 12'
    """
    return f"{split}, {'text' if task == 'classify' else 'sentence'} {row + 1:,}"


def _labels(spans: Sequence[Span]) -> str:
    return ", ".join(dict.fromkeys(span.label for span in spans)) or "nothing"


def _example(suspect: Suspect, surface: str) -> Example:
    is_text = not suspect.tokens or suspect.kind == CLASS
    task = "classify" if is_text else "tag"
    notes = [
        f"{_labels(suspect.gold)} {suspect.gold_probability:.3f}, "
        f"proposed: {_labels(suspect.proposed)} {suspect.proposed_probability:.3f}"
    ]
    if surface:
        notes.append(f"{suspect.surface}: {surface}")
    if suspect.copies:
        copies = [f"{place_of(c.split, c.row, task)} has {', '.join(c.labels) or 'nothing'}" for c in suspect.copies]
        notes.append(f"near copies: {listed(copies)}")
    text = suspect.text
    if len(text) > _MOST_CHARACTERS and is_text:
        notes.append(f"the first {_MOST_CHARACTERS:,} of {len(text):,} characters")
        text = text[:_MOST_CHARACTERS] + "…"
    sides = (
        ()
        if is_text
        else (
            ("corpus", _marks(suspect, suspect.gold, suspect.kind)),
            ("proposed", _marks(suspect, suspect.proposed, "right")),
        )
    )
    return Example(
        place_of(suspect.split, suspect.row, task),
        (suspect.kind,),
        text,
        sides,
        "; ".join(notes),
        choice=as_choice(suspect.change()),
    )


def as_choice(value: Mapping[str, Any]) -> str:
    """Write JSON of ASCII characters alone, none of which a page writes in another way."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _marks(suspect: Suspect, spans: Sequence[Span], kind: str) -> tuple[Mark, ...]:
    places = join_tokens(suspect.tokens)[1]
    taken = {position for span in spans for position in range(span.start, span.end)}
    around = [span for span in suspect.others if taken.isdisjoint(range(span.start, span.end))]
    marks = [
        Mark(places[span.start][0], places[span.end - 1][1], span.label, kind, span.score)
        for kind, several in ((kind, spans), ("right", around))
        for span in several
    ]
    return tuple(sorted(marks, key=lambda mark: mark.start))
