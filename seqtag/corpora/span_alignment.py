"""Lay the spans of annotated texts over their tokens, and keep account of the spans that do not fit.

Every format with character offsets comes through here. A span is wrong in one of three ways: its border lies inside a
token, the words that the source states for it are not the words at its offsets, or it overlaps another span. This
module knows no file format.
"""

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from seqtag.corpora.tagged_blocks import Block, SentenceText, SpanFault, TaggedSentence, gather
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import Span, tags_from_spans
from seqtag.text.tokenizer import Token, Tokenizer

logger = logging.getLogger("seqtag")

OVERLAPS = ("error", "longest", "first")
OFFSETS = ("auto", "characters", "utf-16")
_SHOWN = 5  # misaligned spans in an error
_SHOWN_OVERLAPS = 20  # overlapping spans that an error writes out; it gives the lines of all others
_NEAR = 100  # characters on either side of a span in which its words are looked for


@dataclass(frozen=True, slots=True)
class SpanRules:
    """How annotated texts are read; the fields are options of `load_corpus`."""

    language: str = "xx"
    max_misaligned: float = 0.05  # the share of spans that may be moved or left out
    overlaps: str = "error"  # or which of two overlapping spans counts: the longest or the first
    annotator: str | None = None
    offsets: str = "auto"  # what offsets count; "auto" finds out
    only_listed: bool = False  # faults are neither logged nor raised, because the linter lists them

    def changed(self, options: Mapping[str, str]) -> "SpanRules":
        """Give the rules with what a source's name says: `export.json:overlaps=longest`."""
        return replace(
            self,
            overlaps=options.get("overlaps", self.overlaps),
            annotator=options.get("annotator", self.annotator),
            offsets=options.get("offsets", self.offsets),
        )

    def check(self) -> None:
        """Raise UsageError for a value that is out of range."""
        if not 0 <= self.max_misaligned <= 1:
            raise UsageError(f"max_misaligned is {self.max_misaligned}; it is a share of the spans, from 0 to 1")
        if self.overlaps not in OVERLAPS:
            raise UsageError(f"unknown overlaps={self.overlaps!r}; {near_miss(str(self.overlaps), OVERLAPS)}")
        if self.offsets not in OFFSETS:
            raise UsageError(f"unknown offsets={self.offsets!r}; {near_miss(str(self.offsets), OFFSETS)}")


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text and the spans that people marked in it."""

    place: str  # file:line, for messages
    number: int  # the line, or the number of the record or document, from 1
    text: str
    spans: Sequence[Span]  # in characters; `span.text` has the words that the source states for it, or None
    tokens: Sequence[Token] | None = None  # None if the source holds no tokens
    lines: Sequence[int] | None = None  # where each token stands, if that is not `number`
    cuts: Sequence[int] = ()  # the tokens that begin a sentence; otherwise the text is one sentence
    document: int = 0  # as in TaggedSentence
    annotated: Sequence[str] | None = None  # as in TaggedSentence


class SpanAccount:
    """Turns annotated texts of one source into sentences with IOB2 tags, and counts what was not taken as it stands."""

    def __init__(self, origin: str, rules: SpanRules) -> None:
        self.origin, self.rules = origin, rules
        self.faults: list[SpanFault] = []
        self.others: dict[str, None] = {}  # names what the source holds beside texts and spans
        self._num_spans = 0
        self._notes: Counter[str] = Counter()  # what is logged at the end, before its number

    def note(self, what: str, count: int = 1) -> None:
        """Count something that the log tells at the end: "rejected texts left out: 3"."""
        self._notes[what] += count

    def pass_over(self, names: Iterable[str]) -> None:
        """Take down the names of what is not read."""
        self.others.update(dict.fromkeys(names))

    def blocks(self, texts: Iterable[AnnotatedText]) -> Iterator[Block]:
        """Give the texts as blocks of sentences; a sentence ends nowhere inside of a span.

        A text without a token is an empty sentence. Raises DataError after the last text if spans overlap and
        `overlaps` is 'error', or if more spans than `max_misaligned` allows were misaligned.
        """
        tokenizer = Tokenizer(self.rules.language)

        def sentences() -> Iterator[TaggedSentence]:
            for text in texts:
                tokens = tokenizer.tokens(text.text) if text.tokens is None else text.tokens
                tags = self._tags(text, tokens)
                if not tokens:
                    self.note("texts without a token, kept as empty sentences")
                lines = text.lines or [text.number] * len(tokens)
                cuts = [at for at in text.cuts if 0 < at < len(tokens)]
                kept = [at for at in cuts if not tags[at].startswith("I-")]
                if len(kept) < len(cuts):
                    self.note("borders of sentences left out, because a span goes over them", len(cuts) - len(kept))
                for start, end in pairwise([0, *kept, len(tokens)]):
                    words = [token.text for token in tokens[start:end]]
                    own_text = sentence_text(text.text, tokens, start, end)
                    about = text.document, own_text, text.annotated
                    yield TaggedSentence(words, tags[start:end], lines[start:end], *about)

        yield from gather(sentences())
        self._close()

    def _tags(self, text: AnnotatedText, tokens: Sequence[Token]) -> list[str]:
        placed: dict[Span, Span] = {}  # where the words of a span are -> the span as it was marked
        for span in text.spans:
            if not span.label:
                self.note("spans without a label left out")
                continue
            where = Span(*_place_of_words(text.text, span), span.label)
            if placed.setdefault(where, span) is not span:
                self.note("spans that were marked twice with one label, read once")
        self._num_spans += len(placed)
        kept = self._without_overlaps(text, [span for span in placed if span.start < span.end])
        found, moved = _align(text.text, kept, tokens)
        for where, marked in placed.items():
            if where in moved or (where.start, where.end) != (marked.start, marked.end):
                self._misaligned(text, marked, *moved.get(where, (where.start, where.end)))
        return tags_from_spans(found, len(tokens), "IOB2")

    def _without_overlaps(self, text: AnnotatedText, spans: list[Span]) -> list[Span]:
        """Choose among spans that overlap, and give what counts in the order of the text."""
        ordered = sorted(spans, key=lambda span: (span.start, span.end))
        if all(left.end <= right.start for left, right in pairwise(ordered)):
            return ordered
        last = ordered[0]
        for span in ordered[1:]:
            if self.rules.overlaps == "error" and span.start < last.end:
                both = f"{_shown(last, text.text)} and {_shown(span, text.text)} overlap"
                self.faults.append(SpanFault("overlapping_span", text.place, both))
            last = span if span.end > last.end else last
        if self.rules.overlaps != "first":
            spans = sorted(spans, key=lambda span: (span.start - span.end, span.start))
        taken = bytearray(len(text.text))
        kept = []
        for span in spans:
            if taken.find(1, span.start, span.end) < 0:
                kept.append(span)
                taken[span.start : span.end] = b"\1" * (span.end - span.start)
        if len(kept) < len(spans) and self.rules.overlaps != "error":
            self.note(f"overlapping spans left out (overlaps={self.rules.overlaps!r})", len(spans) - len(kept))
        return sorted(kept, key=lambda span: span.start)

    def _misaligned(self, text: AnnotatedText, span: Span, start: int, end: int) -> None:
        """Take down a span that counts from `start` to `end`, or not at all if these are equal."""
        found, fate = _shown(span, text.text), "left out"
        if _contradicts(text.text, span):
            found += f" is {span.text!r} by its own text"
        else:
            found += " cuts a token" + " and has no room of its own" * (start == end)
        if start < end:
            fate = f"moved to {start}:{end} {text.text[start:end]!r}"
        self.faults.append(SpanFault("misaligned_span", text.place, f"{found}; {fate}"))
        if not self.rules.only_listed:
            logger.warning("%s: %s", text.place, self.faults[-1])

    def _close(self) -> None:
        for what, count in self._notes.items():
            logger.info("%s: %s: %d", self.origin, what, count)
        misaligned = [fault for fault in self.faults if fault.kind == "misaligned_span"]
        is_beyond = len(misaligned) > self.rules.max_misaligned * self._num_spans
        if self.rules.only_listed:
            if not is_beyond:
                self.faults[:] = (
                    replace(fault, kind="few_misaligned") if fault.kind == "misaligned_span" else fault
                    for fault in self.faults
                )
            return
        overlapping = [fault for fault in self.faults if fault.kind == "overlapping_span"]
        if overlapping and self.rules.overlaps == "error":
            raise DataError(
                f"{self.origin}: {len(overlapping)} spans overlap another one, and a token has one tag: "
                f"{_listed(overlapping, _SHOWN_OVERLAPS)}; remove one of each two, or read with overlaps='longest' "
                "or overlaps='first'"
            )
        if is_beyond:
            raise DataError(
                f"{self.origin}: {len(misaligned)} of {self._num_spans} spans do not fit the tokens or their own "
                f"text, more than the share {self.rules.max_misaligned} that is moved or left out: "
                f"{_listed(misaligned, _SHOWN)}; mend the offsets, name the language of the texts, such as "
                "language='en', or raise max_misaligned"
            )


def sentence_text(text: str, tokens: Sequence[Token], start: int, end: int) -> SentenceText:
    """Give the text of the sentence that goes from token `start` to `end`, with the space after it.

    >>> sentence_text("Hm. Yes.", [Token("Hm.", 0, 3), Token("Yes", 4, 7), Token(".", 7, 8)], 1, 3)
    SentenceText(text='Yes.', starts=[0, 3])
    """
    begin = tokens[start].start if start else 0
    stop = tokens[end].start if end < len(tokens) else len(text)
    return SentenceText(text[begin:stop], [token.start - begin for token in tokens[start:end]])


def _listed(faults: Sequence[SpanFault], most: int) -> str:
    """Write the first faults out, and give the places of all others."""
    shown = "; ".join(f"{fault.place}: {fault}" for fault in faults[:most])
    lines = dict.fromkeys(fault.place.rpartition(":")[2] for fault in faults[most:])
    return shown + (f"; and in {', '.join(lines)}" if lines else "")


def _shown(span: Span, text: str) -> str:
    return f"{span.label} span {span.start}:{span.end} {text[span.start : span.end]!r}"


def _contradicts(text: str, span: Span) -> bool:
    """Say whether the words that the source states for a span are others than those at its offsets.

    Some models state them with small letters, which are the same words if the text has them nowhere.
    """
    found, stated = text[span.start : span.end], str(span.text or "")
    if not stated.strip() or same_words(found, stated):
        return False
    return stated in text or not same_words(found.casefold(), stated.casefold())


def same_words(one: str, other: str) -> bool:
    r"""Compare two strings but for white space and the way in which accents are coded.

    Label Studio writes a line break inside a span as a backslash and an n.

    >>> same_words("Ada\nByron", r"Ada\nByron "), same_words("lives", "Oslo")
    (True, False)
    """
    return one == other or _normal(one) == _normal(other)


def _normal(words: str) -> str:
    return unicodedata.normalize("NFC", " ".join(words.replace("\\n", " ").split()))


def _place_of_words(text: str, span: Span) -> tuple[int, int]:
    """Give the offsets of a span, corrected if they contradict its words and these occur near by, once and exactly.

    If its words can't be found so, the offsets that come back are equal, and the span counts nowhere.
    """
    if not _contradicts(text, span):
        return span.start, span.end
    words = str(span.text).strip()
    window = max(0, span.start - _NEAR), max(0, span.end) + _NEAR
    start = text.find(words, *window)
    if start < 0 or text.find(words, start + 1, window[1]) >= 0:
        return span.start, span.start
    return start, start + len(words)


def _align(text: str, spans: Sequence[Span], tokens: Sequence[Token]) -> tuple[list[Span], dict[Span, tuple[int, int]]]:
    """Turn spans of characters, in order, into spans of tokens; gives also the ones that moved, and where to.

    A span that cuts a token is moved outwards to its border. White space at the borders of a span does no harm. A span
    that finds its tokens taken moves to an empty place.
    """
    found: list[Span] = []
    moved: dict[Span, tuple[int, int]] = {}
    taken = 0  # tokens before this one belong to earlier spans
    position = 0
    for span in spans:
        words = text[span.start : span.end]
        start, end = span.start + len(words) - len(words.lstrip()), span.end - len(words) + len(words.rstrip())
        while position < len(tokens) and tokens[position].end <= start:
            position += 1
        last = position
        while last < len(tokens) and tokens[last].start < end:
            last += 1
        aligned = start < end and last > position and (tokens[position].start, tokens[last - 1].end) == (start, end)
        first = max(position, taken)
        fits = start < end and first < last
        if fits:
            found.append(Span(first, last, span.label))
            taken = last
        if not (aligned and first == position):
            moved[span] = (tokens[first].start, tokens[last - 1].end) if fits else (span.start, span.start)
    return found, moved
