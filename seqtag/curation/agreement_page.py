"""Say what was measured of annotators' agreement: the answer first, tables, what differs, and a merged corpus.

agreement.py measures; reporting/ lays it out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from seqtag.curation.agreement import Measured, mean_with_others
from seqtag.curation.disagreements import MOST_EXAMPLES
from seqtag.curation.voting import Merged
from seqtag.evaluation.errors import plain_example
from seqtag.evaluation.pictures import LabelFigure, kind_bars, label_bars
from seqtag.evaluation.statistics.resampling import Interval
from seqtag.evaluation.wording import out_of, quoted
from seqtag.reporting.document import Document
from seqtag.reporting.figures import between, listed, percent, plain, printable
from seqtag.reporting.sections import (
    Block,
    Examples,
    HeatMap,
    Paragraph,
    Picture,
    Points,
    Section,
    Table,
    Verdict,
)
from seqtag.version import __version__

_GOOD, _TENTATIVE = 0.8, 0.667  # Krippendorff, Content Analysis (2004), section 11.4.2
_MOST_NAMES = 10  # of a heat map
_GLOSSARY = {
    "other label": "the same borders, and labels that differ",
    "other borders": "the same label, and borders that differ",
    "other label and borders": "spans overlap, and neither their labels nor their borders are all the same",
    "marked by some": "at least one annotator has no span there",
    "marked tokens": "tokens that one of the annotators compared has put into a span",
    "labels of spans": "the labels of spans that were marked with the same borders",
    "units": "Krippendorff's alpha of unitising: whether the same stretches of the text are marked",
}


@dataclass(frozen=True, slots=True)
class Agreement(Document):
    """How far annotators agree, and, where they were merged, how the vote went."""

    page_title = "Agreement of annotators"
    glossary = _GLOSSARY

    measured: Measured
    merged: Merged | None = None
    output: str = ""  # the file that the merged corpus was written to
    notes: tuple[str, ...] = ()  # what the format of that file can't hold, and how to read it

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; keys stay as they are from release to release.

        - `task` (spans, tags or labels), `annotators`, `num_rows`, `num_items`, `num_unknown` (of each annotator),
          `unit`, `num_units`, `resamples`, `seed`
        - `f1`, the mean of all pairs: `value`, `low`, `high`, as are all figures below; null for one without ground
        - `levels`: a list of `name`, `num_items`, `observed`, `cohen` (means of all pairs), `fleiss`, `alpha`
        - `alpha_units`: of spans
        - `pairs`: a list of `first`, `second`, `f1`, `kappa`, `num_first`, `num_second`, `num_equal`
        - `labels`: a list of `label`, `counts` (of each annotator), `f1`, `alpha`, `alpha_units`
        - `disagreements`: `num_agreed`, `num_rows`, `counts` (kind -> number), `confusions` (lists of label, label or
          null, number), `examples` (a list of `place`, `kinds`, `text`, `note`, `sides`)
        - `merged` (or null): `output`, `num_rows`, `num_decided`, `num_split`, `num_left_out`, `counts`
        """
        found = self.measured.disagreements
        values: dict[str, Any] = {
            name: plain(getattr(self.measured, name)) for name in Measured.__slots__ if name != "disagreements"
        }
        values["disagreements"] = {
            "num_agreed": found.num_agreed,
            "num_rows": found.num_rows,
            "counts": found.counts,
            "confusions": plain(found.confusions),
            "examples": [
                {**plain_example(each), "sides": {side: plain(marks) for side, marks in each.sides}}
                for each in found.examples
            ],
        }
        names = ("num_decided", "num_split", "num_left_out", "counts")
        values["merged"] = self.merged and {
            "output": self.output,
            "num_rows": len(self.merged.rows),
            **{name: getattr(self.merged, name) for name in names},
        }
        return values

    def sections(self) -> tuple[Section, ...]:
        """Give the answer, pictures, coefficients, pairs, labels, what differs, and the merged corpus."""
        measured, found = self.measured, self.measured.disagreements
        parts = [
            self._glance(),
            Section("Pictures", tuple(self._pictures())),
            Section("Beyond chance", tuple(self._coefficients())),
            Section("Pairs of annotators", (self._pair_table(),)) if len(measured.annotators) > 2 else None,
            Section("By label", tuple(self._label_table())),
            Section("What differs", tuple(self._differences())),
            Section("Merged by vote", tuple(self._vote())) if self.merged else None,
        ]
        if found.examples:
            caption = f"{len(found.examples):,} {self._rows} with disagreements"
            if len(found.examples) < found.num_rows:
                caption += f" of {found.num_rows:,}, up to {MOST_EXAMPLES} of each kind"
            parts.append(Section("Disagreements in their places", (Examples(caption, found.kinds, found.examples),)))
        return tuple(part for part in parts if part and part.blocks)

    # -- names --------------------------------------------------------------------------------

    @property
    def _rows(self) -> str:
        return "texts" if self.measured.task == "labels" else "sentences"

    @property
    def _items(self) -> str:
        return "texts" if self.measured.task == "labels" else "tokens"

    @property
    def _nouns(self) -> str:
        return {"spans": "spans", "tags": "tags", "labels": "labels"}[self.measured.task]

    @property
    def _headline(self) -> str:
        noun = "span F1" if self.measured.task == "spans" else f"equal {self._nouns}"
        return noun if len(self.measured.annotators) == 2 else f"{noun}, mean of {len(self.measured.pairs)} pairs"

    # -- the answer ---------------------------------------------------------------------------

    def _glance(self) -> Section:
        measured = self.measured
        f1 = measured.f1
        interval = "" if f1 is None else f"95% interval {between(f1.low, f1.high)}"
        about = (listed([printable(name) for name in measured.annotators], most=6), _made())
        figure = "-" if f1 is None else percent(f1.value)
        blocks: list[Block] = [Verdict(self._headline, figure, interval, about)]
        blocks.append(Points(tuple(self._sentences())))
        if steps := tuple(self._steps()):
            blocks.append(Points(steps, "next steps"))
        return Section("In short", tuple(blocks))

    def _sentences(self) -> Iterator[str]:
        measured, found = self.measured, self.measured.disagreements
        alpha = measured.levels[0].alpha
        if alpha is None:
            yield f"Nothing can be said beyond chance: all {self._items} that two annotators know have one label."
        else:
            yield f"Krippendorff's alpha over {self._items} is {_figure(alpha)} ({_bounds(alpha)}): {_reading(alpha)}."
        whole = found.total + found.num_agreed
        places = {"spans": "places with a span", "tags": "tokens", "labels": "texts"}[measured.task]
        if whole:
            yield f"Of {whole:,} {places}, all annotators see {out_of(found.num_agreed, whole)} in the same way."
        if found.total and len(found.kinds) > 1:
            kind, number = max(found.kinds, key=lambda item: item[1])
            yield f"The most frequent kind of the {found.total:,} disagreements is “{printable(kind)}” ({number:,})."
        lowest = min((each for each in measured.labels if each.f1), key=lambda each: each.f1.value, default=None)  # type: ignore[union-attr]
        if lowest and lowest.f1 and lowest.f1.value < 1 and len(measured.labels) > 1:
            yield f"The label with the lowest F1, {percent(lowest.f1.value)}, is {quoted([lowest.label])}."
        means = list(mean_with_others(measured).items())
        if means and means[0][1] < means[-1][1]:
            yield (
                f"With the others, {means[0][0]} agrees least (F1 {percent(means[0][1])} on average), "
                f"{means[-1][0]} most ({percent(means[-1][1])})."
            )

    def _steps(self) -> Iterator[str]:
        found, alpha = self.measured.disagreements, self.measured.levels[0].alpha
        if alpha and alpha.value < _GOOD and found.confusions:
            differing = [pair for pair in found.confusions if pair[0] != pair[1]]
            if differing:
                a, b, number = differing[0]
                what = (
                    f"when a span is {quoted([a])} and when none"
                    if b is None
                    else f"what tells {quoted([a])} from {quoted([b])}"
                )
                yield f"Write into the guidelines {what}: annotators differ on it {number:,} times."
        if found.total and self.merged is None:
            split = (
                "texts with a split vote are left out"
                if self.measured.task == "labels"
                else ("where the vote is split, tags are unknown")
            )
            yield f"Merge by vote with --output FILE: {split}."

    def _pictures(self) -> Iterator[Picture]:
        measured, found = self.measured, self.measured.disagreements
        rows = [
            LabelFigure(each.label, each.f1.value, each.f1, max(1, round(sum(each.counts) / len(each.counts))))
            for each in measured.labels
            if each.f1
        ]
        if rows:
            yield label_bars(rows, "F1 by label, mean of pairs, with 95% intervals (and mean number per annotator)")
        if found.total:
            yield kind_bars(found.kinds, f"Kinds of the {found.total:,} disagreements")
        if grid := _heat_map(found.confusions):
            yield grid

    # -- figures ------------------------------------------------------------------------------

    def _coefficients(self) -> Iterator[Block]:
        measured = self.measured
        unknown = [
            f"{number:,} {self._items} are unknown to {name}"
            for name, number in zip(measured.annotators, measured.num_unknown)
            if number
        ]
        documents = f" of {measured.num_units:,} documents" if measured.unit == "documents" else ""
        items = "" if measured.task == "labels" else f", {measured.num_items:,} tokens"
        yield Paragraph((f"{measured.num_rows:,} {self._rows}{documents}{items}", *unknown))
        rows = [
            (
                level.name,
                f"{level.num_items:,}",
                *_cells(level.alpha),
                *_cells(level.cohen),
                *_cells(level.fleiss),
                "-" if level.observed is None else percent(level.observed.value),
            )
            for level in measured.levels
        ]
        if measured.alpha_units is not None:
            rows.append(("units", "", *_cells(measured.alpha_units), "-", "-", "-", "-", "-"))
        header = ("", "number", "Krippendorff\nalpha", "95%", "Cohen\nkappa", "95%", "Fleiss\nkappa", "95%", "\nequal")
        yield Table(header, tuple(rows), explained=1)
        lines = ["Cohen's kappa is the mean of all pairs"] if len(measured.annotators) > 2 else []
        lines.append(
            f"intervals: bootstrap over {measured.num_units:,} {measured.unit}, {measured.resamples:,} resamples, "
            f"seed {measured.seed}"
        )
        yield Paragraph(tuple(lines))

    def _pair_table(self) -> Table:
        rows = [
            (
                printable(pair.first),
                printable(pair.second),
                *_percents(pair.f1),
                *_cells(pair.kappa),
                f"{pair.num_equal:,}",
                f"{pair.num_first:,}",
                f"{pair.num_second:,}",
            )
            for pair in self.measured.pairs
        ]
        header = ("", "", "F1", "95%", "kappa", "95%", "equal", "first", "second")
        return Table(header, tuple(rows), caption=f"{self._nouns} that both know", text_columns=2)

    def _label_table(self) -> Iterator[Block]:
        measured = self.measured
        if not measured.labels:
            return
        of_spans = measured.task == "spans"
        rows = [
            (
                printable(each.label),
                *_percents(each.f1),
                *_cells(each.alpha),
                *([_figure(each.alpha_units)] if of_spans else []),
                *(f"{number:,}" for number in each.counts),
            )
            for each in measured.labels
        ]
        header = ("", "F1", "95%", "alpha", "95%", *(["units"] if of_spans else []), *measured.annotators)
        names = "their number by annotator"
        caption = f"each label against all others: F1 of {self._nouns}, alpha over {self._items}, {names}"
        yield Table(header, tuple(rows), caption=caption)

    def _differences(self) -> Iterator[Block]:
        found = self.measured.disagreements
        if not found.total:
            yield Paragraph(("nothing: wherever two annotators know a place, they agree",))
            return
        yield Table(
            ("kind of disagreement", "number", "%"),
            tuple((printable(kind), f"{n:,}", percent(n / found.total)) for kind, n in found.kinds),
            caption=f"{found.total:,} disagreements in {found.num_rows:,} {self._rows}; {found.num_agreed:,} agreed",
            explained=1 if self.measured.task == "spans" else 0,
        )
        rows = [(printable(a or "-"), printable(b or "-"), f"{n:,}") for a, b, n in found.confusions if a != b]
        if rows:
            caption = "labels that two annotators gave to one place, over all pairs; a dash for no span"
            yield Table(("one", "the other", "number"), tuple(rows), caption=caption, text_columns=2, most=10)

    def _vote(self) -> Iterator[Block]:
        merged = self.merged
        assert merged is not None
        whole = merged.num_decided + merged.num_split
        lines = [f"A majority decided on {out_of(merged.num_decided, whole)} {self._items}."] if whole else []
        if merged.num_left_out:
            lines.append(f"{merged.num_left_out:,} texts with a split vote are left out.")
        elif merged.num_split:
            lines.append(f"{merged.num_split:,} tokens have the unknown tag “?”: votes were split, or nobody knew.")
        if self.output:
            lines.append(f"written to {self.output}")
        lines += self.notes
        yield Paragraph(tuple(lines))
        rows = tuple((printable(label), f"{number:,}") for label, number in merged.counts.items())
        if rows:
            yield Table(("label", self._nouns if self.measured.task != "labels" else "texts"), rows)


def _heat_map(confusions: tuple[tuple[str | None, str | None, int], ...]) -> HeatMap | None:
    """Draw which labels meet each other, for the ten labels that differ most; the order of annotators says nothing."""
    differing: dict[str, int] = {}
    for a, b, count in confusions:
        for label in {a, b} - {None}:
            differing[str(label)] = differing.get(str(label), 0) + (count if a != b and b is not None else 0)
    if len(differing) < 2:
        return None
    names = sorted(sorted(differing, key=lambda label: (-differing[label], label))[:_MOST_NAMES])
    caption = "Which labels meet in one place, over all pairs"
    if len(names) < len(differing):
        caption += f"; the {len(names)} most confused of {len(differing):,} labels"
    cells: dict[tuple[str, str], int] = {}
    for a, b, count in confusions:
        left, right = (_nothing if label is None else label for label in (a, b))
        cells[left, right] = cells[right, left] = count
    columns = [*names, *([_nothing] if any(b is None for _, b, _ in confusions) else [])]
    counts = tuple(tuple(cells.get((a, b), 0) for b in columns) for a in names)
    return HeatMap(caption, "one", "the other", tuple(map(printable, names)), tuple(map(printable, columns)), counts)


_nothing = "(nothing)"


def _made() -> str:
    return f"{date.today().isoformat()}, seqtag {__version__}"


def _reading(alpha: Interval) -> str:
    """Say what an alpha is good for, by the customary limits."""
    if alpha.value >= _GOOD:
        return "high enough to rely on the labels (0.8 is customary)"
    if alpha.value >= _TENTATIVE:
        return "enough for tentative conclusions; from 0.8 on labels are relied on"
    return "too low to rely on the labels; 0.667 is the least for tentative conclusions, 0.8 is customary"


def _figure(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.value:.3f}"


def _bounds(interval: Interval) -> str:
    return f"95% {interval.low:.3f} to {interval.high:.3f}"


def _cells(interval: Interval | None) -> tuple[str, str]:
    if interval is None:
        return "-", "-"
    return f"{interval.value:.3f}", f"{interval.low:.2f}-{interval.high:.2f}"


def _percents(interval: Interval | None) -> tuple[str, str]:
    return ("-", "-") if interval is None else (percent(interval.value), between(interval.low, interval.high))
