"""Cut text into tokens with character offsets, and into sentences, with spaCy's blank pipelines.

Rules only: no spaCy model is needed or downloaded. What the tokens mean is for the model to say.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from threading import get_ident
from typing import Any, TypeVar

from seqtag.errors import UsageError

# A zone forgets its words when it closes, and looking a word up anew is most of the work: of short texts it holds many.
_ZONE_CHARACTERS = 200_000
_CLOSING = ("Pc", "Pd", "Pe", "Pf", "Po")  # Unicode's punctuation but for what opens a bracket or a quotation


Cut = TypeVar("Cut")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text: `text` is exactly the text's characters from `start` to `end`, exclusive."""

    text: str
    start: int  # characters from the beginning of the text
    end: int


class Tokenizer:
    """Tokenise texts of one language; `xx` has rules that fit most languages that write spaces.

    White space is never a token, every other character is in exactly one. spaCy is imported here and not before.
    Raises UsageError for a language that spaCy has not or that needs a package of its own.

    >>> Tokenizer("en").tokens("Ada doesn't  wait.")[1:3]
    [Token(text='does', start=4, end=8), Token(text="n't", start=8, end=11)]
    """

    def __init__(self, language: str = "xx", *, max_tokens: int = 200):
        if max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}; a sentence needs at least 1 token")
        self._pipeline = _blank_pipeline(language, get_ident())
        self.language = language
        self.max_tokens = max_tokens

    def tokens(self, text: str) -> list[Token]:
        """Cut one text into tokens, in order."""
        return _tokens_of(self._pipeline.make_doc(text))

    def sentences(self, text: str) -> list[list[Token]]:
        """Cut one text into sentences of at most `max_tokens` tokens; together they are exactly `tokens(text)`.

        Sentences end at closing punctuation and at blank lines. A longer one is cut after punctuation or at wide
        white space in its second half, else at the limit.

        >>> [[token.text for token in sentence] for sentence in Tokenizer().sentences("It rains. Stay in.")]
        [['It', 'rains', '.'], ['Stay', 'in', '.']]
        """
        return self._sentences_of(self._pipeline(text))

    def stream(self, texts: Iterable[str]) -> Iterator[list[list[Token]]]:
        """Give `sentences(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_zones(texts, self.sentences)

    def token_stream(self, texts: Iterable[str]) -> Iterator[list[Token]]:
        """Give `tokens(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_zones(texts, self.tokens)

    def _in_zones(self, texts: Iterable[str], cut: Callable[[str], Cut]) -> Iterator[Cut]:
        source = iter(texts)
        # without a zone, spaCy (>= 3.8 has them) keeps every word it ever saw
        zone = getattr(self._pipeline, "memory_zone", nullcontext)
        while batch := list(_first_characters(source, _ZONE_CHARACTERS)):
            with zone():
                done = [cut(text) for text in batch]
            yield from done

    def _sentences_of(self, doc: Any) -> list[list[Token]]:
        sentences: list[list[Token]] = [[]]
        for token in doc:
            blank = token.is_space
            if token.is_sent_start or (blank and token.text.count("\n") > 1):
                sentences.append([])
            if not blank:
                sentences[-1].append(_token_of(token))
        return [part for sentence in sentences if sentence for part in _cut_long(sentence, self.max_tokens)]


def _first_characters(texts: Iterator[str], number: int) -> Iterator[str]:
    """Take texts off an iterator until they hold so many characters."""
    for text in texts:
        yield text
        number -= len(text)
        if number <= 0:
            return


# Building one takes a tenth of a second, more than most texts: who tags as text comes in must not pay it each time.
# Each thread has its own, since a memory zone is open for one text at a time.
@lru_cache(maxsize=16)
def _blank_pipeline(language: str, thread: int) -> Any:
    import spacy

    try:
        pipeline = spacy.blank(language)
    except ImportError as error:
        raise UsageError(
            f"spaCy can't tokenise language {language!r}: {error}; give a code such as 'en', 'de' or 'xx' (any)"
        ) from error
    pipeline.add_pipe("sentencizer")
    # spaCy's limit is for parsers, whose memory grows with the text; rules need no limit
    pipeline.max_length = 2**62
    return pipeline


def _tokens_of(doc: Any) -> list[Token]:
    return [_token_of(token) for token in doc if not token.is_space]


def _token_of(token: Any) -> Token:
    return Token(token.text, token.idx, token.idx + len(token.text))


def _cut_long(sentence: Sequence[Token], limit: int) -> Iterator[list[Token]]:
    rest = list(sentence)
    while len(rest) > limit:
        breaks = (position for position in range(limit, limit // 2, -1) if _may_break(rest, position))
        cut = next(breaks, limit)
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _may_break(tokens: Sequence[Token], position: int) -> bool:
    """Say whether a sentence may be cut before `position`: after punctuation, or at white space wider than a space."""
    before, here = tokens[position - 1], tokens[position]
    return here.start - before.end > 1 or all(unicodedata.category(letter) in _CLOSING for letter in before.text)
