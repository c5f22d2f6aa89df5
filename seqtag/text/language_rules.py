"""The rules with which spaCy cuts the text of a language, as data, and the cutting itself without spaCy.

spaCy keeps these rules as regular expressions and a table of exceptions. Read once, they cut as spaCy does without
spaCy's objects, several times as fast, and on a machine that has no spaCy. How spaCy works through them is described at
https://spacy.io/usage/linguistic-features#how-tokenizer-works; what this page leaves open follows its source.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

# Some of the rules take time quadratic in what stands between two blanks. So what is longer than this is cut into
# pieces first; the tokens of everything else are those of spaCy.
LONGEST_CHUNK, _PIECE = 1000, 250  # characters
# A suffix is looked for in so many characters at the end, as spaCy's are shorter. The exceptions are runs of dots,
# which are then found where the search begins, and in some languages long words and numbers.
_LONGEST_SUFFIX = 40
_LONG_WORD = re.compile(r"(?:[^\W_]|[.-])+")
_ESCAPE_OR_SET = re.compile(r"\\\.\\\.\+|\\.|\[(?:\\.|[^\]\\])*\]")
_REPETITION = re.compile(r"[+*]|\{\d+,\}")
_WIDE_SPACE = re.compile(r"^\s|[^\S ]|\s\s")
_CLOSING = ("Pc", "Pd", "Pe", "Pf", "Po")  # Unicode's punctuation, except for what opens a bracket or a quotation
# The chunks that are kept with their tokens, which takes some 20 MB at most. Long ones seldom come again.
_MOST_KNOWN, _LONGEST_KNOWN = 40_000, 60
_EXPRESSIONS = ("prefix", "suffix", "infix", "token_match", "url_match")

Expression = re.Pattern[str]


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """The rules of one language, as spaCy's `Tokenizer` and `Sentencizer` apply them.

    `prefix`, `suffix` and `infix` are what is cut off the ends of a chunk and out of its middle, `token_match` and
    `url_match` what stays whole. `exceptions` are the tokens of strings that no expression decides on.
    """

    prefix: Expression | None
    suffix: Expression | None
    infix: Expression | None
    token_match: Expression | None
    url_match: Expression | None
    exceptions: Mapping[str, tuple[str, ...]]
    sentence_ends: frozenset[str]  # the tokens that end a sentence

    def __post_init__(self) -> None:
        for chunk, words in self.exceptions.items():
            if "".join(words) != chunk or not all(words):
                raise ValueError(f"the tokens of the exception {chunk!r} are not its characters")
            if not chunk.isspace() and _WIDE_SPACE.search(chunk):
                raise ValueError(f"the exception {chunk!r} has white space other than single blanks between words")

    def to_dict(self) -> dict[str, Any]:
        """Give the rules as JSON values."""
        expressions: dict[str, Expression | None] = {name: getattr(self, name) for name in _EXPRESSIONS}
        return {
            **{name: found and [found.pattern, found.flags] for name, found in expressions.items()},
            "exceptions": {chunk: list(words) for chunk, words in self.exceptions.items()},
            "sentence_ends": sorted(self.sentence_ends),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "LanguageRules":
        """Take the rules from `to_dict`; ValueError, TypeError or KeyError where they are none."""
        expressions = {name: None if stored[name] is None else _expression(*stored[name]) for name in _EXPRESSIONS}
        exceptions = {chunk: tuple(words) for chunk, words in stored["exceptions"].items()}
        return cls(**expressions, exceptions=exceptions, sentence_ends=frozenset(map(str, stored["sentence_ends"])))


def _expression(pattern: Any, flags: Any) -> Expression:
    if not isinstance(pattern, str) or not isinstance(flags, int):
        raise TypeError(f"an expression is {pattern!r}, {flags!r}")
    try:
        return re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"an expression can't be read: {error}") from None


@dataclass(slots=True, eq=False)
class Cut:
    """How a chunk, which is what stands between two blanks, is cut into tokens."""

    words: tuple[str, ...]
    width: int  # characters of the chunk and the blank after it
    plain: bool  # no token ends a sentence
    first: str  # its first token before exceptions over several tokens were looked up
    after: frozenset[str]  # the first tokens of a next chunk that may make one exception with this chunk's last


class Cutter:
    """Cuts chunks by the rules of a language. Any number of threads may share one."""

    def __init__(self, rules: LanguageRules) -> None:
        self.sentence_ends = rules.sentence_ends
        self._exceptions = dict(rules.exceptions)
        self._prefix = _method(rules.prefix, "search")
        self._suffix = _method(rules.suffix, "search")
        suffixes = "" if rules.suffix is None else _ESCAPE_OR_SET.sub("", rules.suffix.pattern)
        self._has_long_suffixes = _REPETITION.search(suffixes) is not None
        self._infixes = _method(rules.infix, "finditer")
        self._stays_whole = [_method(rules.token_match, "match"), _method(rules.url_match, "match")]
        self._token_match = self._stays_whole[0]
        # spaCy looks these exceptions up a second time, as sequences of tokens, whatever stands between the tokens.
        self._sequences = frozenset(map(self._sequence, filter(self._is_cut, self._exceptions)))
        self._lengths = _lengths_by_first(self._sequences)
        self._after = _followers(self._sequences)
        # Two generations: what was not met while one filled is forgotten with it. Each step on them is a single one,
        # which no other thread can interrupt; the worst that threads do to each other is to cut a chunk twice.
        self._known: dict[str, Cut] = {}
        self._known_before: dict[str, Cut] = {}

    def cuts(self, chunks: Sequence[str]) -> list[Cut]:
        """Cut neighbouring chunks; those that have to be cut together give one cut for all.

        A chunk is what stands between two blanks, or a run of white space that is more than a blank.
        """
        known = self._known
        try:
            cuts = [known[chunk] for chunk in chunks]
        except KeyError:
            cuts = [self._look_up(chunk, self._chunk) for chunk in chunks]
        if any(cut.after for cut in cuts) and any(right.first in left.after for left, right in pairwise(cuts)):
            return list(self._joined(chunks, cuts))
        return cuts

    def _look_up(self, chunk: str, cut_new: Callable[[str], Cut]) -> Cut:
        cut = self._known.get(chunk)
        if cut is None:
            cut = self._known_before.get(chunk) or cut_new(chunk)
            if len(chunk) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known_before, self._known = self._known, {}
                self._known[chunk] = cut
        return cut

    def _joined(self, chunks: Sequence[str], cuts: Sequence[Cut]) -> Iterator[Cut]:
        start = 0
        for end, (cut, following) in enumerate(zip_longest(cuts, cuts[1:]), 1):
            if following is None or following.first not in cut.after:
                yield cut if start == end - 1 else self._look_up(" ".join(chunks[start:end]), self._chunks)
                start = end

    def _chunk(self, chunk: str) -> Cut:
        if len(chunk) > LONGEST_CHUNK:
            words = [word for piece in pieces(chunk) for word in self._with_sequences(piece, self._by_affixes(piece))]
            return self._cut(chunk, words, first="", last="")
        found = self._by_affixes(chunk)
        return self._cut(chunk, self._with_sequences(chunk, found), first=found[0], last=found[-1])

    def _chunks(self, text: str) -> Cut:
        found = [word for chunk in text.split(" ") for word in self._by_affixes(chunk)]
        return self._cut(text, self._with_sequences(text, found), first=found[0], last=found[-1])

    def _cut(self, text: str, words: list[str], *, first: str, last: str) -> Cut:
        plain = self.sentence_ends.isdisjoint(words)
        return Cut(tuple(words), len(text) + 1, plain, first, self._after.get(last, frozenset()))

    def _is_cut(self, chunk: str) -> bool:
        """Say whether a blank or an expression cuts an exception; others are never looked up as sequences."""
        if " " in chunk or next(self._infixes(chunk), None) is not None:
            return True
        return bool(_width(self._prefix(chunk)) or _width(self._suffix(chunk)))

    def _sequence(self, chunk: str) -> tuple[str, ...]:
        """Give the tokens of an exception if there were no exceptions."""
        parts = [chunk] if chunk.isspace() else chunk.split()
        return tuple(word for part in parts for word in self._by_affixes(part, {}))

    def _by_affixes(self, chunk: str, exceptions: Mapping[str, tuple[str, ...]] | None = None) -> list[str]:
        """Cut prefixes and suffixes off until an exception or nothing more is found, then what is left at infixes."""
        if exceptions is None:
            exceptions = self._exceptions
        if chunk in exceptions:
            return list(exceptions[chunk])
        before: list[str] = []
        behind: list[str] = []
        rest, length = chunk, -1
        while rest and len(rest) != length and not self._token_match(rest) and rest not in exceptions:
            length = len(rest)
            prefix = _width(self._prefix(rest))
            if rest[prefix:] in exceptions:
                before.append(rest[:prefix])
                rest = rest[prefix:]
                break
            suffix = self._suffix_width(rest[prefix:])
            if suffix and rest[:-suffix] in exceptions:
                behind.append(rest[-suffix:])
                rest = rest[:-suffix]
                break
            if prefix:
                before.append(rest[:prefix])
            if suffix and prefix + suffix <= length:
                behind.append(rest[-suffix:])
                rest = rest[prefix:-suffix]
            else:
                rest = rest[prefix:]
        return [*before, *self._at_infixes(rest, exceptions), *reversed(behind)]

    def _suffix_width(self, text: str) -> int:
        """Give the length of the suffix of a text, in time that hardly ever grows with the text."""
        start = max(len(text) - _LONGEST_SUFFIX, 0)
        if start and self._has_long_suffixes and _LONG_WORD.fullmatch(text, start, len(text) - 3):
            start = 0
        found = self._suffix(text, start)
        if start and found is not None and found.start() == start:
            found = self._suffix(text)
        return _width(found)

    def _at_infixes(self, text: str, exceptions: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        if text in exceptions:
            yield from exceptions[text]
            return
        start = 0
        if not any(whole(text) for whole in self._stays_whole):
            for infix in self._infixes(text):
                if infix.start():  # an infix is no prefix
                    yield from filter(None, (text[start : infix.start()], infix.group()))
                    start = infix.end()
        if text[start:]:
            yield text[start:]

    def _with_sequences(self, text: str, words: list[str]) -> list[str]:
        """Put the tokens of an exception in the place of each sequence of tokens that spells it.

        Of sequences that overlap the longest counts, then the first. As in spaCy, what a sequence covers is left as it
        is by shorter ones, also where the text has a blank that the exception has not.
        """
        found = [
            (start - end, start, end)
            for start, word in enumerate(words)
            for end in (start + length for length in self._lengths.get(word, ()))
            if end <= len(words) and tuple(words[start:end]) in self._sequences
        ]
        if not found:
            return words
        starts = list(places(text, words))
        covered: set[int] = set()
        taken: dict[int, tuple[int, tuple[str, ...]]] = {}  # by the first word: the word after the last, and the tokens
        for _, start, end in sorted(found):
            if covered.isdisjoint((start, end - 1)):
                spelled = text[starts[start] : starts[end - 1] + len(words[end - 1])]
                taken[start] = end, self._exceptions.get(spelled, tuple(words[start:end]))
            covered.update(range(start, end))
        result: list[str] = []
        place = 0
        while place < len(words):
            place, tokens = taken.get(place, (place + 1, (words[place],)))
            result += tokens
        return result


def is_punctuation(word: str) -> bool:
    """Say whether all characters are punctuation for Unicode.

    >>> is_punctuation("),"), is_punctuation("$")
    (True, False)
    """
    return all(unicodedata.category(letter)[0] == "P" for letter in word)


def closes(word: str) -> bool:
    """Say whether all characters are punctuation after which a line may be broken."""
    return all(unicodedata.category(letter) in _CLOSING for letter in word)


def pieces(chunk: str) -> list[str]:
    """Cut a chunk that has too many characters, after punctuation if possible; together the pieces are the chunk.

    >>> [len(piece) for piece in pieces("x" * 1100)]
    [250, 250, 250, 250, 100]
    """
    cuts = [0]
    while len(chunk) > LONGEST_CHUNK and len(chunk) - cuts[-1] > _PIECE:
        limit = cuts[-1] + _PIECE
        cuts.append(next((at for at in range(limit, limit - _PIECE // 2, -1) if closes(chunk[at - 1])), limit))
    return [chunk[start:end] for start, end in pairwise([*cuts, len(chunk)])]


def places(text: str, words: Sequence[str], start: int = 0) -> Iterator[int]:
    """Give where each word starts in a text that has only white space between the words, and before the first."""
    for word in words:
        start = text.find(word, start)
        yield start
        start += len(word)


def _width(match: re.Match[str] | None) -> int:
    return 0 if match is None else match.end() - match.start()


def _method(expression: Expression | None, name: str) -> Callable[..., Any]:
    """Give a method of an expression; without an expression, one that finds nothing."""
    if expression is None:
        return lambda text, *start: iter(()) if name == "finditer" else None
    method: Callable[..., Any] = getattr(expression, name)
    return method


def _lengths_by_first(sequences: Iterable[tuple[str, ...]]) -> dict[str, frozenset[int]]:
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for sequence in sequences:
        lengths[sequence[0]].add(len(sequence))
    return {word: frozenset(found) for word, found in lengths.items()}


def _followers(sequences: Iterable[tuple[str, ...]]) -> dict[str, frozenset[str]]:
    followers: defaultdict[str, set[str]] = defaultdict(set)
    for sequence in sequences:
        for word, following in pairwise(sequence):
            followers[word].add(following)
    return {word: frozenset(found) for word, found in followers.items()}
