"""Patterns that find spans without a model: the phrases and token patterns of spaCy's EntityRuler.

Phrases are found here, with no other package; token patterns are found by spaCy's own Matcher. What is found becomes
known to a tagger, see known_spans.py.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

from seqtag.errors import DataError, UsageError, near_miss, one_line
from seqtag.text.schemes import Span

# What a word has by itself, and how often a token may come; as in https://spacy.io/api/matcher.
_OF_WORDS = (
    *("ORTH", "TEXT", "NORM", "LOWER", "SHAPE", "PREFIX", "SUFFIX", "LENGTH", "IS_ALPHA", "IS_ASCII", "IS_DIGIT"),
    *("IS_LOWER", "IS_UPPER", "IS_TITLE", "IS_PUNCT", "IS_SPACE", "IS_STOP", "IS_BRACKET", "IS_QUOTE", "IS_LEFT_PUNCT"),
    *("IS_RIGHT_PUNCT", "IS_CURRENCY", "LIKE_NUM", "LIKE_URL", "LIKE_EMAIL", "OP"),
)
# What a trained pipeline says of a token, or a text and not its tokens.
_OF_PIPELINES = (
    *("POS", "TAG", "DEP", "LEMMA", "MORPH", "ENT_TYPE", "ENT_IOB", "ENT_ID", "ENT_KB_ID", "IS_SENT_START"),
    *("SENT_START", "SPACY", "_"),
)
_MOST_BEGUN = 12  # characters of a token by which phrases are looked for that may begin with it


@dataclass(frozen=True, slots=True)
class Pattern:
    """A label, and a phrase or the tokens that it is for."""

    label: str
    place: str  # where it stands, for messages
    phrase: str | None = None
    tokens: tuple[Mapping[str, Any], ...] = ()


class Patterns:
    """Patterns in the form of spaCy's EntityRuler: {"label": "LOC", "pattern": "New York"}, or with a token pattern.

    A phrase is found where tokens, put together, are the phrase: its white space must be between two tokens, and case
    counts unless `ignore_case`. A token pattern is a list with an object per token, {"LOWER": "new"}; it needs spaCy,
    and may ask for what a word has by itself, not for what a trained pipeline says of it. Of matches that overlap the
    longest one counts, of these the first one, then the first pattern. An `id` changes nothing.

    >>> patterns = Patterns([{"label": "LOC", "pattern": "New York"}, {"label": "ORG", "pattern": "New York Times"}])
    >>> patterns.match(["The", "New", "York", "Times", "in", "New", "York"])
    [Span(start=1, end=4, label='ORG'), Span(start=5, end=7, label='LOC')]
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]], *, ignore_case: bool = False) -> None:
        self._take([_read(entry, f"pattern {number}") for number, entry in enumerate(entries, 1)], ignore_case)

    @classmethod
    def load(cls, path: str | Path, *, ignore_case: bool = False) -> "Patterns":
        """Read a file of JSON lines, a pattern per line; DataError, by file and line, for one that can't be read."""
        patterns = cls((), ignore_case=ignore_case)
        patterns._take(_read_file(Path(path)), ignore_case)
        return patterns

    def _take(self, patterns: Sequence[Pattern], ignore_case: bool) -> None:
        self.patterns, self.ignore_case = patterns, ignore_case
        # By the phrase without white space: the places where that stood, and the number of the pattern.
        self._phrases: dict[str, list[tuple[frozenset[int], int]]] = {}
        self._longest: dict[str, int] = {}  # of the phrases that may begin with a token that begins so
        for number, pattern in enumerate(patterns):
            if pattern.phrase is not None:
                words = self._cased(pattern.phrase).split()
                phrase, ends = "".join(words), list(accumulate(map(len, words)))
                self._phrases.setdefault(phrase, []).append((frozenset(ends[:-1]), number))
                for size in range(1, min(_MOST_BEGUN, len(words[0])) + 1):
                    begun = phrase[:size]
                    self._longest[begun] = max(self._longest.get(begun, 0), len(phrase))
        self._has_tokens = any(pattern.tokens for pattern in patterns)
        self._matchers: dict[str, _TokenMatcher] = {}  # by language

    def __reduce__(self) -> tuple[Any, ...]:  # what is built from the patterns is built again
        return _unpickled, (self.patterns, self.ignore_case)

    def __len__(self) -> int:
        return len(self.patterns)

    def __repr__(self) -> str:
        return f"<Patterns: {len(self)} for {', '.join(self.labels)}>"

    @property
    def labels(self) -> list[str]:
        """The labels of the patterns, sorted."""
        return sorted({pattern.label for pattern in self.patterns})

    def check(self, labels: Sequence[str], language: str) -> None:
        """Raise DataError for a label that is none of a model's, or a token pattern that spaCy can't read.

        UsageError for token patterns where spaCy is not installed.
        """
        known = set(labels)
        for pattern in self.patterns:
            if pattern.label not in known:
                raise DataError(
                    f"{pattern.place}: the label {pattern.label!r} is none of the model's; "
                    f"{near_miss(pattern.label, labels)}; rename it, or leave the pattern out"
                )
        if self._has_tokens:
            self._matcher(language)

    def match(self, tokens: Sequence[str], language: str = "xx") -> list[Span]:
        """Find the spans of a sentence, in order, without overlap; `language` is that of token patterns."""
        found = self._phrase_matches(tokens)
        if self._has_tokens and tokens:
            found += self._matcher(language).match(tokens)
        free = [True] * len(tokens)
        chosen = []
        for start, end, number in sorted(found, key=lambda match: (match[0] - match[1], match[0], match[2])):
            if all(free[start:end]):
                free[start:end] = [False] * (end - start)
                chosen.append(Span(start, end, self.patterns[number].label))
        return sorted(chosen)

    def _cased(self, text: str) -> str:
        return text.lower() if self.ignore_case else text

    def _phrase_matches(self, tokens: Sequence[str]) -> list[tuple[int, int, int]]:
        """Give start, end and number of each phrase that is there."""
        found: list[tuple[int, int, int]] = []
        if not self._phrases:
            return found
        words = [self._cased(token) for token in tokens]
        text, ends = "".join(words), list(accumulate(map(len, words)))
        for first, (word, end) in enumerate(zip(words, ends)):
            longest = self._longest.get(word[:_MOST_BEGUN])
            if longest is None:
                continue
            start = end - len(word)
            for last in range(first, len(words)):
                if ends[last] - start > longest:
                    break
                for borders, number in self._phrases.get(text[start : ends[last]], ()):
                    if borders.issubset(place - start for place in ends[first:last]):
                        found.append((first, last + 1, number))
        return found

    def _matcher(self, language: str) -> "_TokenMatcher":
        if language not in self._matchers:
            self._matchers[language] = _TokenMatcher(self.patterns, language)
        return self._matchers[language]


def _unpickled(patterns: Sequence[Pattern], ignore_case: bool) -> Patterns:
    made = Patterns((), ignore_case=ignore_case)
    made._take(patterns, ignore_case)
    return made


class _TokenMatcher:
    """spaCy's Matcher for the token patterns among some patterns; any number of threads may share it."""

    def __init__(self, patterns: Sequence[Pattern], language: str) -> None:
        try:
            from spacy.errors import MatchPatternError
            from spacy.matcher import Matcher
            from spacy.util import get_lang_class
            from spacy.vocab import create_vocab
        except ImportError:
            place = next(pattern.place for pattern in patterns if pattern.tokens)
            raise UsageError(
                f'{place}: token patterns need spaCy, which is not installed; run: pip install "spacy>=3.8", or write '
                "phrases"
            ) from None
        self._lock = Lock()
        self._vocab = create_vocab(language, get_lang_class(language).Defaults)
        self._matcher = Matcher(self._vocab)
        for number, pattern in enumerate(patterns):
            if pattern.tokens:
                try:
                    self._matcher.add(str(number), [[dict(token) for token in pattern.tokens]])
                except (MatchPatternError, ValueError, TypeError, re.error) as error:
                    raise DataError(f"{pattern.place}: spaCy can't read the token pattern: {one_line(error)}") from None

    def match(self, tokens: Sequence[str]) -> list[tuple[int, int, int]]:
        """Give start, end and number of each pattern that is there."""
        from spacy.tokens import Doc

        # Outside of a memory zone spaCy would keep every word for ever; there may be one zone at a time.
        with self._lock, self._vocab.memory_zone():
            found = self._matcher(Doc(self._vocab, words=[token or " " for token in tokens]))
            return [(start, end, int(self._vocab.strings[key])) for key, start, end in found if start < end]


def _read_file(path: Path) -> list[Pattern]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}; name a file of JSON lines") from None
    patterns = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{path}:{number}"
            try:
                entry = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{place}: no JSON ({one_line(error)}); each line must be an object such as "
                    '{"label": "LOC", "pattern": "New York"}'
                ) from None
            patterns.append(_read(entry, place))
    if not patterns:
        raise DataError(
            f'{path}: has no patterns; each line must be an object such as {{"label": ..., "pattern": ...}}'
        )
    return patterns


def _read(entry: Any, place: str) -> Pattern:
    """Check a pattern; DataError, by its place, for what no EntityRuler reads or no tagger can ask for."""
    label, pattern = (entry.get("label"), entry.get("pattern")) if isinstance(entry, Mapping) else (None, None)
    if not isinstance(label, str) or not label or not isinstance(pattern, (str, list)):
        raise DataError(
            f"{place}: {entry!r:.80} is no pattern; give an object with a label and a pattern, which is a phrase or a "
            'list of tokens: {"label": "LOC", "pattern": "New York"}'
        )
    if isinstance(pattern, str):
        if not pattern.strip():
            raise DataError(f"{place}: the phrase is blank; leave the pattern out")
        return Pattern(label, place, phrase=pattern)
    if not pattern or not all(isinstance(token, Mapping) for token in pattern):
        raise DataError(f'{place}: a token pattern is a list of objects, one per token: [{{"LOWER": "new"}}, ...]')
    for key in (str(key) for token in pattern for key in token):
        if key.upper() in _OF_PIPELINES:
            raise DataError(
                f"{place}: {key} is what a trained pipeline says of a token in its text, and here are words alone; ask "
                "for what a word has by itself, such as LOWER, SHAPE or IS_TITLE"
            )
        if key.upper() not in _OF_WORDS:
            raise DataError(f"{place}: unknown attribute of a token {key!r}; {near_miss(key, _OF_WORDS)}")
    return Pattern(label, place, tokens=tuple(pattern))
