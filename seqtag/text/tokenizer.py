"""Cut text into tokens with character offsets, and into sentences, with spaCy's blank pipelines.

Rules only: no spaCy model is needed or downloaded. What the tokens mean is for the model to say.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from seqtag.errors import UsageError
from seqtag.text.length_batches import filled

# The words of a loan are forgotten, and looking a word up anew is most of the work: of short texts a loan has many.
_LOAN_CHARACTERS = 200_000
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

    White space is never a token, every other character is in exactly one. Any number of threads may share one, and no
    word of a text is kept: memory stays flat for as long as new words come. spaCy is imported here and not before.
    Raises UsageError where it is not installed, or for a language that it has not or that needs a package of its own.

    >>> Tokenizer("en").tokens("Ada doesn't  wait.")[1:3]
    [Token(text='does', start=4, end=8), Token(text="n't", start=8, end=11)]
    """

    def __init__(self, language: str = "xx", *, max_tokens: int = 200):
        if max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}; a sentence needs at least 1 token")
        with _lent_pipeline(language):
            pass  # says now, and not at the first text, that there is no such language
        self.language = language
        self.max_tokens = max_tokens

    def tokens(self, text: str) -> list[Token]:
        """Cut one text into tokens, in order."""
        with _lent_pipeline(self.language) as pipeline:
            return _tokens_of(pipeline.make_doc(text))

    def sentences(self, text: str) -> list[list[Token]]:
        """Cut one text into sentences of at most `max_tokens` tokens; together they are exactly `tokens(text)`.

        Sentences end at closing punctuation and at blank lines. A longer one is cut after punctuation or at wide
        white space in its second half, else at the limit.

        >>> [[token.text for token in sentence] for sentence in Tokenizer().sentences("It rains. Stay in.")]
        [['It', 'rains', '.'], ['Stay', 'in', '.']]
        """
        with _lent_pipeline(self.language) as pipeline:
            return self._sentences_of(pipeline(text))

    def stream(self, texts: Iterable[str]) -> Iterator[list[list[Token]]]:
        """Give `sentences(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_loans(texts, lambda pipeline, text: self._sentences_of(pipeline(text)))

    def token_stream(self, texts: Iterable[str]) -> Iterator[list[Token]]:
        """Give `tokens(text)` of each text, in order, in memory that does not grow with their number."""
        return self._in_loans(texts, lambda pipeline, text: _tokens_of(pipeline.make_doc(text)))

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


# By language, the pipelines that nobody uses now: building one takes a tenth of a second, more than most texts.
_IDLE: dict[str, list[Any]] = {}
_MOST_WORDS = 100_000  # that a pipeline has looked up, those that it forgot too: some 8 MB, and seconds of work


@contextmanager
def _lent_pipeline(language: str) -> Iterator[Any]:
    """Lend a pipeline to one caller at a time, for texts whose words it forgets at the end.

    spaCy keeps every word that it ever saw, but for those of a memory zone; of these a pipeline has one at a time, and
    it closes for all of its words. So threads never share a pipeline, nor does a lock make one wait for another's
    texts: there are as many as were ever in use at once. What came from a document must be copied before the end.
    """
    idle = _IDLE.setdefault(language, [])
    # `pop` and `append` are single steps that no other thread can come between.
    try:
        pipeline = idle.pop()
    except IndexError:
        pipeline = _blank_pipeline(language)
    with pipeline.memory_zone():
        yield pipeline
    # One that was left by an error is not lent again, nor one that is worn: closed zones leave some 80 bytes a word.
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
