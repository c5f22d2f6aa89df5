"""Answers in the shape of the pipelines of transformers: plain dictionaries, for a text or for each of several texts.

Knows the shapes alone; the models predict.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seqtag.errors import UsageError, near_miss
from seqtag.text.tokenizer import Token

# The strategies of transformers say how the tags of word pieces become those of words. Words are whole here, so that
# all of them but "none" give the same spans.
STRATEGIES = ("none", "simple", "first", "average", "max")
THE_BEST = "the best"  # what `top_k` is where it is not given, which changes the shape of an answer


def check_strategy(strategy: object) -> None:
    """Raise UsageError for what is no strategy of transformers."""
    if strategy not in STRATEGIES:
        raise UsageError(f"aggregation_strategy={strategy!r}: {near_miss(str(strategy), STRATEGIES)}")


def token_records(
    tokens: Sequence[Token],
    tags: Sequence[str],
    probabilities_TD: np.ndarray,
    *,
    columns: Mapping[str, int],
    outside: str | None,
) -> list[dict[str, Any]]:
    """Give a dictionary for each token of a text whose tag is not `outside`; `columns` are those of the tags.

    >>> tokens, proba_TD = [Token("Hi", 0, 2), Token("Bo", 3, 5)], np.array([[1, 0], [0.25, 0.75]])
    >>> token_records(tokens, ["O", "PER"], proba_TD, columns={"O": 0, "PER": 1}, outside="O")
    [{'entity': 'PER', 'score': 0.75, 'index': 2, 'word': 'Bo', 'start': 3, 'end': 5}]
    """
    return [
        {
            "entity": tag,
            "score": float(probability_D[columns[tag]]),
            "index": index,
            "word": token.text,
            "start": int(token.start),
            "end": int(token.end),
        }
        for index, (token, tag, probability_D) in enumerate(zip(tokens, tags, probabilities_TD), 1)
        if tag != outside
    ]


def class_records(
    probability_NL: np.ndarray, names: Sequence[str], *, top_k: int | str | None
) -> list[list[dict[str, Any]]]:
    """Give the classes of each text with their probabilities, the likeliest first; `top_k` of them, or all with None.

    >>> class_records(np.array([[0.25, 0.75]]), ("bad", "good"), top_k=1)
    [[{'label': 'good', 'score': 0.75}]]
    """
    if top_k == THE_BEST:
        top_k = 1
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, (int, np.integer)) or top_k < 1):
        raise UsageError(f"top_k={top_k!r}: ask for a whole number of classes, at least 1, or None for all")
    return [
        [
            {"label": names[number], "score": float(probability_L[number])}
            for number in np.argsort(-probability_L, kind="stable")[:top_k]
        ]
        for probability_L in probability_NL
    ]


def listed(inputs: str | Iterable[Any]) -> Iterable[Any]:
    """Put a single text into a list."""
    return [inputs] if isinstance(inputs, str) else inputs
