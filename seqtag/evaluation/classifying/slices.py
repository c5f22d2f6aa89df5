"""Score texts apart: by their length, and by how many of their words training did not know.

Knows lengths and shares; no text, no label. Slices of spans are in slices.py.
"""

from collections.abc import Container, Sequence

import numpy as np

from seqtag.errors import DataError
from seqtag.evaluation.slices import Slice, quartile_names

_UNKNOWN = "unknown words"
_NO_WORD = "no word at all"
# The largest share of unknown words in each slice.
_SHARES = {"none": 0.0, "up to 10%": 0.1, "10% to 25%": 0.25, "over 25%": 1.0}


def score_class_slices(
    lengths: Sequence[int],
    unknown_shares: Sequence[float | None] | None,
    right: Sequence[bool],
    *,
    unit: str = "tokens",
) -> tuple[Slice, ...]:
    """Count right texts by quartile of length and, where it is given, by the share of unknown words.

    `lengths` are in `unit`; equal ones stay together, so there may be fewer than four slices. A share of None is that
    of a text without a word. Where a text has several labels, right is whatever the caller takes it for. The slices of
    a group share no text and hold all. Raises DataError for unequal numbers of texts and for impossible shares.

    >>> slices = score_class_slices([3, 9], [0.0, 0.5], [True, False])
    >>> [(slice.name, slice.f1) for slice in slices]
    [('3', 1.0), ('9', 0.0), ('none', 1.0), ('up to 10%', None), ('10% to 25%', None), ('over 25%', 0.0)]
    """
    if len(lengths) != len(right) or (unknown_shares is not None and len(unknown_shares) != len(right)):
        shares = "" if unknown_shares is None else f", {len(unknown_shares)} shares of unknown words"
        raise DataError(
            f"{len(lengths)} lengths{shares} and {len(right)} texts, right or wrong; give one of each a text"
        )
    quartiles = quartile_names(lengths)
    names = list(dict.fromkeys(quartiles.values()))
    slices = _slices(f"{unit} of the text", names, [quartiles[length] for length in lengths], right)
    if unknown_shares is None:
        return tuple(slices)
    named = [_share_name(share, number) for number, share in enumerate(unknown_shares, 1)]
    names = [*_SHARES, *([_NO_WORD] if _NO_WORD in named else [])]
    return (*slices, *_slices(_UNKNOWN, names, named, right))


def unknown_shares(texts: Sequence[Sequence[str]], words: Container[str]) -> list[float | None]:
    """Give the share of the tokens of each text that training did not know; None where a text has no token.

    >>> unknown_shares([["a", "lovely", "day", "lovely"], []], {"a", "day"})
    [0.5, None]
    """
    known: dict[str, bool] = {}
    for word in (word for text in texts for word in text):
        if word not in known:
            known[word] = word in words
    return [sum(not known[word] for word in text) / len(text) if len(text) else None for text in texts]


def _slices(group: str, names: Sequence[str], name_of: Sequence[str], right: Sequence[bool]) -> list[Slice]:
    number = {name: position for position, name in enumerate(names)}
    ids_N = np.array([number[name] for name in name_of], np.int64)
    right_N = np.asarray(right, bool)
    all_S = np.bincount(ids_N, minlength=len(names)).tolist()
    right_S = np.bincount(ids_N[right_N], minlength=len(names)).tolist()
    return [Slice(group, name, count, count, found) for name, count, found in zip(names, all_S, right_S)]


def _share_name(share: float | None, number: int) -> str:
    if share is None:
        return _NO_WORD
    if not 0 <= share <= 1:
        raise DataError(f"text {number}: {share} is no share of unknown words; it lies between 0 and 1")
    return next(name for name, most in _SHARES.items() if share <= most)
