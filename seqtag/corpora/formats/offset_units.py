"""Tell whether the offsets of annotated texts count characters or UTF-16 units, in which an emoji is two.

Browsers and Java count UTF-16 units, and exports seldom say so. The two readings differ behind such a character only;
the one counts in which more spans begin and end where words do. Knows no file, and no form of a record.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from seqtag.corpora.span_alignment import AnnotatedText, SpanRules
from seqtag.errors import DataError
from seqtag.text.schemes import Span

logger = logging.getLogger("seqtag")

# Gives the texts of a record, with offsets that count UTF-16 units if utf16=True, or else characters.
Reading: TypeAlias = Callable[..., Iterable[AnnotatedText]]


def is_wide(text: str) -> bool:
    """Say whether a text has a character that is two UTF-16 units."""
    return not text.isascii() and max(text) > "\uffff"


def counts_utf16(readings: Iterable[Reading], rules: SpanRules, name: str) -> bool:
    """Say whether the offsets of records with such characters count UTF-16 units; logs what was found out, and how.

    What `rules` say goes before what the records show.
    """
    if rules.offsets != "auto":
        return rules.offsets == "utf-16"
    found: Counter[str] = Counter()
    for read in readings:
        found.update(_fitting(_read(read, utf16=False), _read(read, utf16=True)))
    if not found:
        return False
    units, characters = found["utf-16"], found["characters"]
    is_utf16 = units > characters
    if units == characters:
        logger.warning(
            "%s: whether offsets count characters or UTF-16 units, in which an emoji is two, can't be told by the %d "
            "spans behind such a character; read as characters, which offsets='utf-16' changes (FILE:offsets=utf-16)",
            name,
            found.total(),
        )
    else:
        logger.log(
            logging.WARNING if is_utf16 or units else logging.INFO,
            "%s: offsets count %s, as %d of %d spans behind an emoji, which is two UTF-16 units, fit words only so; "
            "offsets='%s' says otherwise (FILE:offsets=%s)",
            name,
            "UTF-16 units" if is_utf16 else "characters",
            units if is_utf16 else characters,
            found.total(),
            *["characters" if is_utf16 else "utf-16"] * 2,
        )
    return is_utf16


def _read(read: Reading, *, utf16: bool) -> list[AnnotatedText] | None:
    try:
        return list(read(utf16=utf16))
    except DataError:  # a span lies outside of its text, which the other reading may mend
        return None


def _fitting(characters: Sequence[AnnotatedText] | None, units: Sequence[AnnotatedText] | None) -> list[str]:
    """Name for each span that the two readings place differently the one in which it fits words, or "any" or "none"."""
    if characters is None or units is None:
        return [] if characters is units else ["utf-16" if characters is None else "characters"]
    found = []
    for one, other in zip(characters, units):
        for span, moved in zip(one.spans, other.spans):
            if span != moved:
                fits = _fits_words(one.text, span), _fits_words(one.text, moved)
                found.append(
                    {(True, False): "characters", (False, True): "utf-16", (True, True): "any"}.get(fits, "none")
                )
    return found


def _fits_words(text: str, span: Span) -> bool:
    words, before, after = text[span.start : span.end], text[: span.start][-1:], text[span.end : span.end + 1]
    if not words or words != words.strip():
        return False
    return not (before.isalnum() and words[0].isalnum()) and not (after.isalnum() and words[-1].isalnum())
