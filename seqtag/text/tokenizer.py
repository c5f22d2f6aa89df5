"""Cut text into tokens with character offsets, and into sentences, exactly as spaCy's rules for the language do.

spaCy cuts what stands between blanks, so each such chunk is cut once and then looked up. This module knows no model and
no tags.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from typing import Any, TypeVar, overload

from seqtag.errors import UsageError
from seqtag.text.language_rules import LONGEST_CHUNK, Cutter, closes, is_punctuation, pieces, places
from seqtag.text.length_batches import filled
from seqtag.text.spacy_pipelines import lent_pipeline, spacy_rules

# A pipeline forgets the words of a loan, and looking words up takes most of the time, so short texts share a loan.
_LOAN_CHARACTERS = 200_000
# White space that is more than the one blank between two words: spaCy makes a token of it, less a blank at its front.
_WIDE_SPACE = re.compile(r"\s{2,}|[^\S ]")
_LONG_CHUNK = re.compile(rf"(?<!\S)\S{{{LONGEST_CHUNK + 1},}}")

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text: `text` is exactly the text's characters from `start` to `end`, exclusive."""

    text: str
    start: int  # characters from the beginning of the text
    end: int


class TokenRun(Sequence[Token]):
    """Neighbouring tokens of a text. Many uses need no more than their `words`, so their places are found on demand.

    >>> TokenRun("Ada  met Grace", ["met", "Grace"], 3)[0]
    Token(text='met', start=5, end=8)
    """

    __slots__ = ("_begin", "_starts", "text", "words")

    def __init__(self, text: str, words: list[str], begin: int = 0) -> None:
        self.text = text
        self.words = words
        self._begin = begin  # from here on, nothing but white space comes before the first word
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """Where the tokens start, in characters from the beginning of the text."""
        if self._starts is None:
            self._starts = list(places(self.text, self.words, self._begin))
        return self._starts

    def part(self, start: int, end: int) -> "TokenRun":
        """Give the tokens from number `start` to `end`, exclusive."""
        return TokenRun(self.text, self.words[start:end], self.starts[start])

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> Token: ...

    @overload
    def __getitem__(self, index: slice) -> list[Token]: ...

    def __getitem__(self, index: int | slice) -> Token | list[Token]:
        if isinstance(index, slice):
            return list(self)[index]
        word, start = self.words[index], self.starts[index]
        return Token(word, start, start + len(word))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))


class Tokenizer:
    """Tokenise texts of one language; `xx` has rules that fit most languages that write spaces.

    White space is in no token, and every other character is in exactly one. More than 1,000 characters without white
    space are cut into pieces of at most 250, after punctuation if possible, before the rules see them. Any number of
    threads may share a tokenizer. It knows the last chunks that it cut, some ten thousand, so memory does not grow with
    new words. The rules are those of the spaCy that is installed, or of `cutter`, which needs none. Languages whose
    tokeniser is a program, such as zh, ja, ko, th and vi, are cut by spaCy itself. Raises UsageError if spaCy is not
    installed, lacks the language, or needs another package for it.

    >>> Tokenizer("en").tokens("Ada doesn't  wait.")[1:3]
    [Token(text='does', start=4, end=8), Token(text="n't", start=8, end=11)]
    """

    def __init__(self, language: str = "xx", *, max_tokens: int = 200, cutter: Cutter | None = None):
        if max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}; a sentence needs at least 1 token")
        self.language = language
        self.max_tokens = max_tokens
        self._cutter = _shared_cutter(language) if cutter is None else cutter

    def tokens(self, text: str) -> TokenRun:
        """Cut one text into tokens, in order."""
        (tokens,) = self.token_stream([text])
        return tokens

    def sentences(self, text: str) -> list[TokenRun]:
        """Cut one text into sentences of at most `max_tokens` tokens; together they are exactly `tokens(text)`.

        Sentences end at closing punctuation and at blank lines. A longer one is cut after punctuation or at wide
        white space in its second half, else at the limit.

        >>> [sentence.words for sentence in Tokenizer().sentences("It rains. Stay in.")]
        [['It', 'rains', '.'], ['Stay', 'in', '.']]
        """
        (sentences,) = self.stream([text])
        return sentences

    def stream(self, texts: Iterable[str]) -> Iterator[list[TokenRun]]:
        """Give `sentences(text)` of each text, in order, in memory that does not grow with their number."""
        for _, sentences in self._cut(texts):
            yield [part for sentence in sentences for part in cut_long(sentence, self.max_tokens)]

    def token_stream(self, texts: Iterable[str]) -> Iterator[TokenRun]:
        """Give `tokens(text)` of each text, in order, in memory that does not grow with their number."""
        if self._cutter is not None:
            yield from (TokenRun(text, _words_by_rules(self._cutter, text)) for text in texts)
            return
        for text, sentences in self._cut(texts):
            yield TokenRun(text, list(chain.from_iterable(sentence.words for sentence in sentences)))

    def _cut(self, texts: Iterable[str]) -> Iterator[tuple[str, list[TokenRun]]]:
        if self._cutter is not None:
            yield from ((text, _sentences_by_rules(self._cutter, text)) for text in texts)
            return
        for batch in filled(texts, len, _LOAN_CHARACTERS):
            with lent_pipeline(self.language) as pipeline:
                cut = [_sentences_by_spacy(pipeline, text) for text in batch]
            yield from zip(batch, cut)


@cache
def _shared_cutter(language: str) -> Cutter | None:
    rules = spacy_rules(language)
    return None if rules is None else Cutter(rules)


def _words_by_rules(cutter: Cutter, text: str) -> list[str]:
    """Give the words of all sentences that `_sentences_by_rules` cuts a text into, which is quicker without borders."""
    text = text.strip()
    parts = _WIDE_SPACE.split(text) if text else []
    return [word for part in parts for cut in cutter.cuts(part.split(" ")) for word in cut.words]


def _sentences_by_rules(cutter: Cutter, text: str) -> list[TokenRun]:
    """Cut a text as spaCy's tokeniser and its sentencizer do."""
    sentences: list[TokenRun] = []
    words: list[str] = []
    ended = False  # a token that ends a sentence has come, and since then nothing but punctuation
    at, end = len(text) - len(text.lstrip()), len(text.rstrip())
    begin = at
    while at < end:
        space = _WIDE_SPACE.search(text, at, end)
        chunks = text[at : end if space is None else space.start()].split(" ")
        for cut in cutter.cuts(chunks):
            if cut.plain and not ended:
                words += cut.words
            else:
                for word, place in zip(cut.words, places(text, cut.words, at)):
                    if word in cutter.sentence_ends:
                        ended = True
                    elif ended and not is_punctuation(word):
                        sentences.append(TokenRun(text, words, begin))
                        words, begin, ended = [], place, False
                    words.append(word)
            at += cut.width
        if space is not None:
            at = space.end()
            if ended or _is_blank_line(cutter, space.group()):
                sentences.append(TokenRun(text, words, begin))
                words, begin, ended = [], at, False
    return [*sentences, TokenRun(text, words, begin)] if words else sentences


def _is_blank_line(cutter: Cutter, space: str) -> bool:
    """Say whether one of the tokens that spaCy makes of white space has two ends of lines."""
    return space.count("\n") > 1 and any(
        word.count("\n") > 1 for cut in cutter.cuts([space.removeprefix(" ")]) for word in cut.words
    )


def _sentences_by_spacy(pipeline: Any, text: str) -> list[TokenRun]:
    sentences: list[tuple[int, list[str]]] = [(0, [])]
    for token in pipeline(_doc_of(pipeline, text)):
        blank = token.is_space
        if token.is_sent_start or (blank and token.text.count("\n") > 1):
            sentences.append((token.idx, []))
        if not blank:
            sentences[-1][1].append(token.text)
    return [TokenRun(text, words, begin) for begin, words in sentences if words]


def _doc_of(pipeline: Any, text: str) -> Any:
    """Cut a text into spaCy's tokens, in time that grows as the text does."""
    cuts = [place for chunk in _LONG_CHUNK.finditer(text) for place in chunk.span()]
    if not cuts:
        return pipeline.make_doc(text)
    tokens = [
        token
        for start, end in pairwise([0, *cuts, len(text)])
        for piece in (pieces(text[start:end]) if start in cuts[::2] else [text[start:end]])
        for token in pipeline.make_doc(piece)
    ]
    doc_class = type(pipeline.make_doc(""))
    return doc_class(
        pipeline.vocab, [token.text for token in tokens], spaces=[bool(token.whitespace_) for token in tokens]
    )


def cut_long(sentence: TokenRun, limit: int) -> Iterator[TokenRun]:
    """Cut a run of more than `limit` tokens after punctuation or at wide white space in its second half.

    Where there is neither, it is cut at the limit.

    >>> [part.words for part in cut_long(TokenRun("so , so far", ["so", ",", "so", "far"]), 3)]
    [['so', ','], ['so', 'far']]
    """
    start = 0
    while len(sentence) - start > limit:
        breaks = (place for place in range(start + limit, start + limit // 2, -1) if _may_break(sentence, place))
        end = next(breaks, start + limit)
        yield sentence.part(start, end)
        start = end
    yield sentence.part(start, len(sentence)) if start else sentence


def _may_break(tokens: TokenRun, position: int) -> bool:
    """Say whether a sentence may be cut before `position`: after punctuation, or at white space wider than a space."""
    before, here = tokens[position - 1], tokens[position]
    return here.start - before.end > 1 or closes(before.text)
