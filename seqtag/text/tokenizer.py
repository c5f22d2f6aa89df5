"""Cut text into tokens with character offsets, and into sentences, with spaCy's blank pipelines.

Only spaCy's rules are used, so no spaCy model is needed or downloaded. This module knows no model and no tags.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from seqtag.errors import UsageError
from seqtag.text.length_batches import filled

# A pipeline forgets the words of a loan, and looking words up takes most of the time, so short texts share a loan.
_LOAN_CHARACTERS = 200_000
# spaCy takes time quadratic in what stands between two spaces: for each bracket that it cuts off, it looks at the rest
# once more. So what is longer than this is cut into pieces first; the tokens of everything else are those of spaCy.
_LONGEST_CHUNK, _PIECE = 1000, 250  # characters
_LONG_CHUNK = re.compile(rf"(?<!\S)\S{{{_LONGEST_CHUNK + 1},}}")
_CLOSING = ("Pc", "Pd", "Pe", "Pf", "Po")  # Unicode's punctuation, except for what opens a bracket or a quotation


Cut = TypeVar("Cut")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text: `text` is exactly the text's characters from `start` to `end`, exclusive."""

    text: str
    start: int  # characters from the beginning of the text
    end: int


class Tokenizer:
    """Tokenise texts of one language; `xx` has rules that fit most languages that write spaces.

    White space is in no token, and every other character is in exactly one. More than 1,000 characters without white
    space are cut into pieces of at most 250, after punctuation if possible, before spaCy sees them. Any number of
    threads may share a tokenizer, and it keeps no word of a text, so memory does not grow with new words. spaCy is
    imported here, not before. Raises UsageError if spaCy is not installed, lacks the language, or needs another package
    for it.

    >>> Tokenizer("en").tokens("Ada doesn't  wait.")[1:3]
    [Token(text='does', start=4, end=8), Token(text="n't", start=8, end=11)]
    """

    def __init__(self, language: str = "xx", *, max_tokens: int = 200):
        if max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}; a sentence needs at least 1 token")
        with _lent_pipeline(language):
            pass  # an unknown language is an error now, and not at the first text
        self.language = language
        self.max_tokens = max_tokens

    def tokens(self, text: str) -> list[Token]:
        """Cut one text into tokens, in order."""
        with _lent_pipeline(self.language) as pipeline:
            return _tokens_of(_doc_of(pipeline, text))

    def sentences(self, text: str) -> list[list[Token]]:
        """Cut one text into sentences of at most `max_tokens` tokens; together they are exactly `tokens(text)`.

        Sentences end at closing punctuation and at blank lines. A longer one is cut after punctuation or at wide
        white space in its second half, else at the limit.

        >>> [[token.text for token in sentence] for sentence in Tokenizer().sentences("It rains. Stay in.")]
        [['It', 'rains', '.'], ['Stay', 'in', '.']]
        """
        with _lent_pipeline(self.language) as pipeline:
            return self._sentences_of(pipeline(_doc_of(pipeline, text)))

    def stream(self, texts: Iterable[str]) -> Iterator[list[list[Token]]]:
        """Give `sentences(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_loans(texts, lambda pipeline, text: self._sentences_of(pipeline(_doc_of(pipeline, text))))

    def token_stream(self, texts: Iterable[str]) -> Iterator[list[Token]]:
        """Give `tokens(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_loans(texts, lambda pipeline, text: _tokens_of(_doc_of(pipeline, text)))

    def _in_loans(self, texts: Iterable[str], cut: Callable[[Any, str], Cut]) -> Iterator[Cut]:
        for batch in filled(texts, len, _LOAN_CHARACTERS):
            with _lent_pipeline(self.language) as pipeline:
                done = [cut(pipeline, text) for text in batch]
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


# The pipelines that nobody uses now, by language: building one takes a tenth of a second, longer than most texts.
_IDLE: dict[str, list[Any]] = {}
_MOST_WORDS = 100_000  # that a pipeline has looked up, including forgotten ones: some 8 MB, and seconds of work


@contextmanager
def _lent_pipeline(language: str) -> Iterator[Any]:
    """Lend a pipeline to one caller at a time; at the end it forgets the words of the caller's texts.

    spaCy keeps every word that it has seen, except for the words of a memory zone. A pipeline has one such zone at a
    time, which forgets all of its words when it closes. Therefore threads never share a pipeline, and no lock makes one
    wait for another's texts: there are as many pipelines as were ever in use at once. Whatever came from a document
    must be copied before the end.
    """
    idle = _IDLE.setdefault(language, [])
    # `pop` and `append` are single steps, which no other thread can interrupt.
    try:
        pipeline = idle.pop()
    except IndexError:
        pipeline = _blank_pipeline(language)
    with pipeline.memory_zone():
        yield pipeline
    # After an error a pipeline is not lent again, nor after many words: closed zones leave some 80 bytes per word.
    if len(pipeline.vocab) < _MOST_WORDS:
        idle.append(pipeline)


def _blank_pipeline(language: str) -> Any:
    try:
        import spacy
    except ImportError:
        raise UsageError(
            'raw text needs spaCy, which is not installed; run: pip install "spacy>=3.8", or hand in tokens'
        ) from None
    try:
        pipeline = spacy.blank(language)
    except ImportError as error:
        raise UsageError(
            f"spaCy can't tokenise language {language!r}: {error}; give a code such as 'en', 'de' or 'xx' (any)"
        ) from error
    pipeline.add_pipe("sentencizer")
    # spaCy's limit is meant for parsers, whose memory grows with the text; rules need no limit.
    pipeline.max_length = 2**62
    return pipeline


def _doc_of(pipeline: Any, text: str) -> Any:
    """Cut a text into spaCy's tokens, in time that grows as the text does."""
    pieces = _pieces(text)
    if len(pieces) == 1:
        return pipeline.make_doc(text)
    tokens = [token for piece in pieces for token in pipeline.make_doc(piece)]
    doc_class = type(pipeline.make_doc(""))
    return doc_class(
        pipeline.vocab, [token.text for token in tokens], spaces=[bool(token.whitespace_) for token in tokens]
    )


def _pieces(text: str) -> list[str]:
    """Cut a text where it has too many characters without white space; together the pieces are the text.

    >>> [len(piece) for piece in _pieces("Ada " + "x" * 1100 + " met")]
    [4, 250, 250, 250, 250, 100, 4]
    """
    cuts = [0]
    for chunk in _LONG_CHUNK.finditer(text):
        cuts.append(chunk.start())
        while chunk.end() - cuts[-1] > _PIECE:
            limit = cuts[-1] + _PIECE
            breaks = (at for at in range(limit, limit - _PIECE // 2, -1) if _closes(text[at - 1]))
            cuts.append(next(breaks, limit))
        cuts.append(chunk.end())
    return [text[start:end] for start, end in pairwise([*cuts, len(text)]) if start < end] or [text]


def _closes(letter: str) -> bool:
    return unicodedata.category(letter) in _CLOSING


def _tokens_of(doc: Any) -> list[Token]:
    return [_token_of(token) for token in doc if not token.is_space]


def _token_of(token: Any) -> Token:
    return Token(token.text, token.idx, token.idx + len(token.text))


def _cut_long(sentence: Sequence[Token], limit: int) -> Iterator[list[Token]]:
    start = 0
    while len(sentence) - start > limit:
        breaks = (place for place in range(start + limit, start + limit // 2, -1) if _may_break(sentence, place))
        end = next(breaks, start + limit)
        yield list(sentence[start:end])
        start = end
    yield list(sentence[start:])


def _may_break(tokens: Sequence[Token], position: int) -> bool:
    """Say whether a sentence may be cut before `position`: after punctuation, or at white space wider than a space."""
    before, here = tokens[position - 1], tokens[position]
    return here.start - before.end > 1 or all(map(_closes, before.text))
