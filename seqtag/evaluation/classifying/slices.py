"""Score texts apart: by their length, and by how many of their words training did not know.

This module knows lengths and shares; it knows no text and no label.
"""

from collections import Counter
from collections.abc import Container, Sequence

from seqtag.errors import DataError
from seqtag.evaluation.slices import Cut, Slice, count_slices, quartile_names

_Case = tuple[int, float | None]  # the length of a text, and its share of unknown words
_NO_WORD = "no word at all"
# The largest share of unknown words in each slice.
_SHARES = {"none": 0.0, "up to 10%": 0.1, "10% to 25%": 0.25, "over 25%": 1.0}


def score_slices(
    lengths: Sequence[int],
    unknown_shares: Sequence[float | None] | None,
    right: Sequence[bool],
    *,
    unit: str = "tokens",
) -> tuple[Slice, ...]:
    """Count right texts by quartile of length and, where it is given, by the share of unknown words.

    `lengths` are in `unit`; equal ones stay together, so there may be fewer than four slices. The share of a text
    without a word is None. Where a text has several labels, the caller decides what is right. The slices of a group
    share no text, and together they hold all texts. Raises DataError for unequal numbers of texts and for impossible
    shares.

    >>> slices = score_slices([3, 9], [0.0, 0.5], [True, False])
    >>> [(slice.name, slice.f1) for slice in slices]
    [('3', 1.0), ('9', 0.0), ('none', 1.0), ('up to 10%', None), ('10% to 25%', None), ('over 25%', 0.0)]
    """
    if len(lengths) != len(right) or (unknown_shares is not None and len(unknown_shares) != len(right)):
        shares = "" if unknown_shares is None else f", {len(unknown_shares)} shares of unknown words"
        raise DataError(
            f"{len(lengths)} lengths{shares} and {len(right)} texts, right or wrong; give one of each for each text"
        )
    for number, share in enumerate(unknown_shares or (), 1):
        if share is not None and not 0 <= share <= 1:
            raise DataError(f"text {number}: {share} is no share of unknown words; it lies between 0 and 1")
    quartiles = quartile_names(lengths)
    ranges = [*dict.fromkeys(quartiles.values())]
    cuts: list[Cut[_Case]] = [Cut(f"{unit} of the text", ranges, lambda case: quartiles[case[0]])]
    if unknown_shares is not None:
        names = [*_SHARES, *([_NO_WORD] if None in unknown_shares else [])]
        cuts.append(Cut("unknown words", names, lambda case: _share_name(case[1])))
    cases = list(zip(lengths, unknown_shares or [None] * len(lengths)))
    texts = Counter(cases)
    return count_slices(cuts, texts, texts, Counter(case for case, is_right in zip(cases, right) if is_right))


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


def _share_name(share: float | None) -> str:
    return _NO_WORD if share is None else next(name for name, most in _SHARES.items() if share <= most)
