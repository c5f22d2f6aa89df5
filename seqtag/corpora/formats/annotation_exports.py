"""Read annotated texts whose labels have character offsets: the exports of Doccano, Label Studio and Prodigy.

Each text is cut into tokens here, and its spans are laid over them. A span whose border lies inside a token is
misaligned: it is moved to token borders and logged, and too many of them are an error. A text of any length is one row.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seqtag.corpora.formats.annotation_records import Annotated, read_record, record_kind
from seqtag.corpora.json_text import json_records
from seqtag.corpora.tagged_drafts import Block, TaggedSentence, gather
from seqtag.errors import DataError
from seqtag.text.schemes import Span, tags_from_spans
from seqtag.text.tokenizer import Token, Tokenizer

logger = logging.getLogger("seqtag")

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Misaligned:
    """A span with a border that is no token border, and the place that it is moved to."""

    line: int  # of the file, or the number of the record in a JSON array, from 1
    start: int  # characters, as annotated
    end: int
    label: str
    text: str
    snap_start: int  # characters, at token borders; equal to snap_end if the span is left out
    snap_end: int
    snap_text: str

    def __str__(self) -> str:
        found = f"{self.label} span {self.start}:{self.end} {self.text!r} cuts a token"
        if self.snap_start == self.snap_end:
            return f"{found} and has no room of its own; left out"
        return f"{found}; moved to {self.snap_start}:{self.snap_end} {self.snap_text!r}"


def annotation_blocks(
    path: str | os.PathLike[str], *, language: str = "xx", max_misaligned: float = 0.05
) -> Iterator[Block]:
    """Read annotated texts as tokens with IOB2 tags; misaligned spans are moved outwards to token borders.

    Each misaligned span is logged; if their share of all spans is above `max_misaligned`, a DataError follows at the
    end. White space at the borders of a span is no misalignment. If the export holds Prodigy's tokens, these are used.
    Texts that were rejected or ignored are left out, which is logged. Overlapping spans are a DataError, because each
    token has one tag.
    """
    misaligned: list[Misaligned] = []
    num_spans = 0

    def sentences() -> Iterator[TaggedSentence]:
        nonlocal num_spans
        for sentence, spans, moved in aligned_records(path, language):
            num_spans += len(spans)
            misaligned.extend(moved)
            for each in moved:
                logger.warning("%s:%d: %s", os.fspath(path), each.line, each)
            yield sentence

    yield from gather(sentences())
    if len(misaligned) > max_misaligned * num_spans:
        listed = "; ".join(f"line {each.line}: {each}" for each in misaligned[:_SHOWN])
        raise DataError(
            f"{os.fspath(path)}: {len(misaligned)} of {num_spans} spans are not at token borders, more than the share "
            f"{max_misaligned} that is moved: {listed}; mend the offsets, name the language of the texts "
            "(language='en'), or raise max_misaligned"
        )


def sniff_annotations(path: str | os.PathLike[str]) -> str | None:
    """Name the tool that exported a JSON or JSONL file, by the first record; None for a table of lists."""
    for _, record in json_records(path):
        return record_kind(record)
    raise DataError(
        f"{os.fspath(path)}: no record in the file; it should hold one record per line, or all records in one array"
    )


def aligned_records(
    path: str | os.PathLike[str], language: str
) -> Iterator[tuple[TaggedSentence, Sequence[Span], list[Misaligned]]]:
    """Give each record as a sentence with IOB2 tags, its spans as people marked them, and those of them that moved."""
    name = os.fspath(path)
    tokenizer = Tokenizer(language)
    num_left_out = 0
    for line, record in json_records(path):
        annotated = read_record(record, line, name)
        if annotated is None:
            num_left_out += 1
            continue
        tokens = annotated.tokens or tokenizer.tokens(annotated.text)
        if not tokens:
            continue
        spans, moved = _align(annotated, tokens, name)
        tags = tags_from_spans(spans, len(tokens), "IOB2")
        yield TaggedSentence([token.text for token in tokens], tags, [line] * len(tokens)), annotated.spans, moved
    if num_left_out:
        logger.info("%s: %d rejected, ignored or unannotated texts left out", name, num_left_out)


def _align(record: Annotated, tokens: Sequence[Token], name: str) -> tuple[list[Span], list[Misaligned]]:
    place = f"{name}:{record.line}"
    ordered = sorted(record.spans, key=lambda span: (span.start, span.end))
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise DataError(f"{place}: {left} and {right} overlap, and a token has one tag; remove one of the two")
    spans: list[Span] = []
    moved: list[Misaligned] = []
    taken = 0  # tokens before this one belong to earlier spans
    position = 0
    for span in ordered:
        surface = record.text[span.start : span.end]
        start, end = span.start + len(surface) - len(surface.lstrip()), span.end - len(surface) + len(surface.rstrip())
        while position < len(tokens) and tokens[position].end <= start:
            position += 1
        last = position
        while last < len(tokens) and tokens[last].start < end:
            last += 1
        aligned = start < end and last > position and (tokens[position].start, tokens[last - 1].end) == (start, end)
        first = max(position, taken)
        fits = start < end and first < last
        if fits:
            spans.append(Span(first, last, span.label))
            taken = last
        if not (aligned and first == position):
            snap_start, snap_end = (tokens[first].start, tokens[last - 1].end) if fits else (span.start, span.start)
            snap_text = record.text[snap_start:snap_end]
            moved.append(
                Misaligned(record.line, span.start, span.end, span.label, surface, snap_start, snap_end, snap_text)
            )
    return spans, moved
