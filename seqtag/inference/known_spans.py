"""Check what users say is known of their sentences and texts, and turn it into known spans of tokens.

What is known comes as a list of spans for each row, or as patterns that find them. What a known span does to a
prediction is the business of held_batch.py.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from seqtag.errors import UsageError, near_miss
from seqtag.inference.held_batch import KnownError, KnownSpan, ways_of
from seqtag.inference.patterns import Patterns
from seqtag.inference.span_probabilities import span_labels
from seqtag.inference.span_selection import labels_apart
from seqtag.text.schemes import Span
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import TokenRun

# What users give: patterns, or for each row its spans; (start, end, label), or with a strength of its own behind these.
_OfRow: TypeAlias = Iterable[Span | tuple[int, int, str] | tuple[int, int, str, float | None] | KnownSpan]
Known: TypeAlias = Patterns | Iterable[_OfRow]
KnownOfOne: TypeAlias = Patterns | _OfRow  # where there is one row
KnownSpans: TypeAlias = Sequence[Sequence[KnownSpan]]  # of sentences, in their tokens

# Each span over a token adds a state to it, and the work grows with the square of their number.
_MOST_OVER = 50
_EXAMPLE = '[[(0, 2, "PER")], []]'


def check_strength(strength: Any) -> None:
    """Raise UsageError for a strength that is no number above 0."""
    is_number = isinstance(strength, (int, float)) and not isinstance(strength, bool)
    if not is_number or not 0 < strength < math.inf:
        raise UsageError(
            f"strength={strength!r}: give a number above 0, which is added to the log odds of each known span; leave "
            "it out where the spans are certain"
        )


def check_patterns(known: Any, strength: Any) -> None:
    """Raise UsageError for what is known of batches of a table, unless it is patterns: rows have no numbers there."""
    if not isinstance(known, Patterns) and (known is not None or strength is not None):
        raise UsageError(
            f"known={known!r:.60}: batches know patterns, which find the spans of each text: "
            'known=Patterns.load("patterns.jsonl")'
        )
    if strength is not None:
        check_strength(strength)


class KnownRows:
    """What is known of the rows of one call; it is handed out in their order."""

    def __init__(self, known: Known | None, strength: float | None, *, tagset: TagSet, language: str) -> None:
        if strength is not None:
            check_strength(strength)
        if known is None:
            raise UsageError(f"strength={strength!r} is that of known spans, and there are none; give them: known=...")
        self.tagset, self.strength, self.language = tagset, strength, language
        self.labels = span_labels(tagset)
        self.number = 0  # of the rows so far
        self.patterns = known if isinstance(known, Patterns) else None
        if self.patterns is not None:
            self.patterns.check(self.labels, language)
            return
        if isinstance(known, (str, bytes, Mapping)) or not isinstance(known, Iterable):
            found = f"the string {known[:40]!r}" if isinstance(known, str) else type(known).__name__
            raise UsageError(
                f"known takes a list of spans for each sentence or text, known={_EXAMPLE}, or patterns, "
                f'known=Patterns.load("patterns.jsonl"), not {found}'
            )
        self.rows: Iterator[Any] = iter(known)

    def of_sentences(self, sentences: Sequence[Sequence[str]]) -> KnownSpans:
        """Give the known spans of the next rows, which are token lists."""
        return [self._of_tokens(self._next(len(tokens), tokens), f"sentence {self.number}") for tokens in sentences]

    def of_texts(self, texts: Sequence[str], cut: Sequence[list[TokenRun]]) -> tuple[list[list[TokenRun]], KnownSpans]:
        """Give the sentences of the next rows, which are texts, and the known spans of each sentence.

        A span is in one sentence, so those that it reaches into become one.
        """
        joined: list[list[TokenRun]] = []
        of_sentences: list[list[KnownSpan]] = []
        for text, sentences in zip(texts, cut):
            if self.patterns is not None:
                self.number += 1
                where = f"text {self.number}"
                of_sentences += [self._of_tokens(self._matches(run.words), where) for run in sentences]
            else:
                spans = self._next(len(text))
                where = f"text {self.number}"
                sentences = _joined(text, sentences, spans)
                places = _places(text, sentences, spans, where)
                of_sentences += [self._of_tokens(of_sentence, where) for of_sentence in places]
            joined.append(sentences)
        return joined, of_sentences

    def finish(self) -> None:
        """Raise UsageError where spans are left for rows that there are not."""
        if self.patterns is None and next(self.rows, None) is not None:
            raise UsageError(f"known has more lists of spans than there are rows: {self.number}; give one for each")

    def _next(self, length: int, tokens: Sequence[str] = ()) -> list[KnownSpan]:
        """Read what is known of the next row, which has so many tokens or characters."""
        self.number += 1
        if self.patterns is not None:
            return self._matches(tokens)
        try:
            row = next(self.rows)
        except StopIteration:
            raise UsageError(
                f"known has {self.number - 1} lists of spans, and there are more rows; give one for each, an empty one "
                "where nothing is known"
            ) from None
        if isinstance(row, (str, bytes, Mapping)) or not isinstance(row, Iterable):
            raise UsageError(f"known: row {self.number} is {row!r:.60}, not a list of spans; known={_EXAMPLE}")
        return [self._read(value, length) for value in row]

    def _read(self, value: Any, length: int) -> KnownSpan:
        """Check a span of the row."""
        parts: Any = (value.start, value.end, value.label) if isinstance(value, Span) else value
        if not isinstance(parts, (tuple, list)) or len(parts) not in (3, 4):
            raise UsageError(
                f"known: row {self.number} has {_shown(value)}; a known span is (start, end, label), or with a "
                "strength of its own (start, end, label, strength)"
            )
        start, end, label = parts[:3]
        strength = parts[3] if len(parts) == 4 else None
        if not all(isinstance(place, int) and not isinstance(place, bool) for place in (start, end)):
            raise UsageError(f"known: row {self.number} has {_shown(value)}; start and end of a span are whole numbers")
        if strength is not None:
            check_strength(strength)
        if not 0 <= start < end <= length:
            raise KnownError(
                f"known: row {self.number} has {_shown(value)}, which does not lie within the {length} "
                "tokens or characters of the row; start at 0, end exclusive, not empty"
            )
        if label not in self.labels:
            raise KnownError(
                f"known: row {self.number} has {_shown(value)}; its label is none of the model's: "
                f"{near_miss(str(label), self.labels)}"
            )
        return KnownSpan(start, end, label, self.strength if strength is None else strength)

    def _matches(self, tokens: Sequence[str]) -> list[KnownSpan]:
        assert self.patterns is not None
        return [
            KnownSpan(span.start, span.end, span.label, self.strength)
            for span in self.patterns.match(tokens, self.language)
        ]

    def _of_tokens(self, spans: Iterable[KnownSpan], where: str) -> list[KnownSpan]:
        """Check the known spans of a sentence against each other and the model; each comes once, in order."""
        if self.tagset.scheme == "plain":  # where each token has a span of its own
            spans = [each._replace(start=t, end=t + 1) for each in spans for t in range(each.start, each.end)]
        found: dict[tuple[int, int, str], KnownSpan] = {}
        for span in sorted(spans, key=lambda span: span[:3]):
            earlier = found.setdefault(span[:3], span)
            if earlier.strength is not None and span.strength is None:
                found[span[:3]] = span
            elif span.strength not in (None, earlier.strength) and earlier.strength is not None:
                raise KnownError(
                    f"known: {where} has {span} twice, with the strengths {earlier.strength:g} and {span.strength:g}; "
                    "leave one out"
                )
            if not ways_of(self.tagset, span):
                size = span.end - span.start
                raise KnownError(
                    f"known: {where} has {span}, and the model has no tags for a {span.label} of {size} "
                    f"token{'s' * (size > 1)}, since its training data had none; leave it out"
                )
        over: Counter[int] = Counter(t for span in found.values() for t in range(span.start, span.end))
        if over and max(over.values()) > _MOST_OVER:
            token, number = over.most_common(1)[0]
            raise KnownError(
                f"known: {where} has {number} spans over token {token}, and at most {_MOST_OVER} go over one; leave "
                "out those that matter least"
            )
        certain = [span for span in found.values() if span.strength is None]
        for left, right in pairwise(certain):
            if right.start < left.end:
                raise KnownError(
                    f"known: {where} has {left} and {right}, which overlap, and both are certain; leave one out, or "
                    "give a strength"
                )
            if right.start == left.end and left.label == right.label and left.label in labels_apart(self.tagset):
                raise KnownError(
                    f"known: {where} has {left} and {right}, which the scheme of the model, {self.tagset.scheme}, "
                    "can't keep apart; leave one out"
                )
        return list(found.values())


def in_words(span: Span | KnownSpan) -> str:
    """Name a span by its label and places.

    >>> in_words(Span(0, 2, "PER"))
    'PER at 0-2'
    """
    return f"{span.label} at {span.start}-{span.end}"


def _shown(value: Any) -> str:
    """Show what a user gave: a span in words, whatever record it came in, and anything else as it is written."""
    return in_words(value)[:60] if isinstance(value, (Span, KnownSpan)) else f"{value!r:.60}"


def _joined(text: str, sentences: list[TokenRun], spans: Iterable[KnownSpan]) -> list[TokenRun]:
    """Put sentences together that a span reaches into."""
    begins = [run.starts[0] for run in sentences]
    inside = {i for span in spans for i in range(bisect_right(begins, span.start), bisect_left(begins, span.end))}
    joined: list[TokenRun] = []
    for i, run in enumerate(sentences):
        if i in inside and joined:
            before = joined.pop()
            run = TokenRun(text, [*before.words, *run.words], before.starts[0])
        joined.append(run)
    return joined


def _places(text: str, sentences: Sequence[TokenRun], spans: Iterable[KnownSpan], where: str) -> list[list[KnownSpan]]:
    """Give for each sentence the spans in it, in its tokens; KnownError for one that cuts a token or holds none."""
    places: list[list[KnownSpan]] = [[] for _ in sentences]
    begins = [run.starts[0] for run in sentences]
    for span in spans:
        number = max(0, bisect_right(begins, span.start) - 1)
        starts = sentences[number].starts if sentences else []
        ends = [start + len(word) for start, word in zip(starts, sentences[number].words)] if sentences else []
        first, end = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if first >= end:
            raise KnownError(f"known: {where} has {span}, where there is no token, but only white space")
        if (starts[first], ends[end - 1]) != (span.start, span.end):
            fitting = span._replace(start=starts[first], end=ends[end - 1])
            raise KnownError(
                f"known: {where} has {span}, {text[span.start : span.end]!r:.60}, which does not begin and end where "
                f"tokens do; the tokens there are {fitting.start}-{fitting.end}, "
                f"{text[fitting.start : fitting.end]!r:.60}"
            )
        places[number].append(span._replace(start=first, end=end))
    return places
