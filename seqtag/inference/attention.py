"""What each token of a text weighs in a classifier's view of it, with the place where the token stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.text.tokenizer import Token, Tokenizer


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """A token of a text and its share of the attention."""

    text: str
    start: int  # characters from the beginning of the text; tokens where the text came as tokens
    end: int
    weight: float  # between 0 and 1; the weights of a text sum to 1


def placed_tokens(given: Sequence[Any], rows: Sequence[Any], *, language: str) -> list[list[Token]]:
    """Say where the tokens of each text stand: in its characters, or by number where the row came as tokens or steps.

    `given` are the rows as they came, `rows` are what the network reads.

    >>> placed_tokens([["Ada", "met"]], [["Ada", "met"]], language="xx")
    [[Token(text='Ada', start=0, end=1), Token(text='met', start=1, end=2)]]
    """
    texts = [text for text in given if isinstance(text, str)]
    cut = Tokenizer(language).token_stream(texts) if texts else iter(())  # the tokeniser imports spaCy
    return [
        next(cut)
        if isinstance(came, str)
        else [Token(part if isinstance(part, str) else "", i, i + 1) for i, part in enumerate(row)]
        for came, row in zip(given, rows)
    ]


def weigh_tokens(cut: Sequence[Sequence[Token]], weights: Sequence[np.ndarray]) -> list[list[TokenWeight]]:
    """Bring the tokens of each text and their weights together."""
    return [
        [TokenWeight(token.text, token.start, token.end, float(weight)) for token, weight in zip(tokens, weights_T)]
        for tokens, weights_T in zip(cut, weights)
    ]
