"""What spaCy knows of a language: its rules as data, or a pipeline where its tokeniser is a program, as for Chinese.

Only blank pipelines are used, so no spaCy model is needed or downloaded. spaCy is imported here, not before.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from seqtag.errors import UsageError
from seqtag.text.language_rules import Expression, LanguageRules

# The pipelines that nobody uses now, by language: building one takes a tenth of a second, longer than most texts.
_IDLE: dict[str, list[Any]] = {}
_MOST_WORDS = 100_000  # that a pipeline has looked up, including forgotten ones: some 8 MB, and seconds of work


@cache
def spacy_rules(language: str) -> LanguageRules | None:
    """Give spaCy's rules for a language; None where they are no data that `LanguageRules` can hold.

    Raises UsageError if spaCy is not installed, lacks the language, or needs another package for it.
    """
    with lent_pipeline(language) as pipeline:
        from spacy.lang.lex_attrs import is_punct
        from spacy.symbols import IS_PUNCT, ORTH
        from spacy.tokenizer import Tokenizer

        tokenizer = pipeline.tokenizer
        if type(tokenizer) is not Tokenizer or pipeline.vocab.lex_attr_getters[IS_PUNCT] is not is_punct:
            return None
        exceptions = {chunk: tuple(token[ORTH] for token in tokens) for chunk, tokens in tokenizer.rules.items()}
        try:
            return LanguageRules(
                prefix=_expression(tokenizer.prefix_search, "search"),
                suffix=_expression(tokenizer.suffix_search, "search"),
                infix=_expression(tokenizer.infix_finditer, "finditer"),
                token_match=_expression(tokenizer.token_match, "match"),
                url_match=_expression(tokenizer.url_match, "match"),
                exceptions=exceptions,
                sentence_ends=frozenset(pipeline.get_pipe("sentencizer").punct_chars),
            )
        except ValueError:
            return None


def _expression(method: Any, name: str) -> Expression | None:
    """Give the expression whose method spaCy calls; ValueError if it is a function of another kind."""
    if method is None:
        return None
    pattern = getattr(method, "__self__", None)
    if not isinstance(pattern, re.Pattern) or method.__name__ != name:
        raise ValueError(f"{method!r} is no method {name} of an expression")
    return pattern


@contextmanager
def lent_pipeline(language: str) -> Iterator[Any]:
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
