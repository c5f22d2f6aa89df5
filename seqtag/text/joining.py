"""Join the tokens of a sentence into a text to be read, with the place of each token in it. Knows no corpus."""

import re
from collections.abc import Sequence

import numpy as np

# N tokens, K characters of all of them, R ranges

# Letters that are written without blanks between words: Han, Kana, Bopomofo. Korean has blanks, so Hangul is not here.
_LETTERS = (
    "\u2e80-\u2fdf\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
# Their punctuation and full-width forms hold their own space, so no blank stands on any side of them.
_MARKS = "\u3000-\u303f\ufe30-\ufe4f\uff00-\uff65\uffe0-\uffe6"
_JOINED = re.compile(f"[{_LETTERS}][{_LETTERS}]|[{_MARKS}].|.[{_MARKS}]", re.DOTALL)
# The same ranges for many characters together: where each begins and where it is over, in ascending order.
_LETTERS_2R, _MARKS_2R = (
    np.array([ord(end) + i % 2 for i, end in enumerate("".join(ranges.split("-")))]) for ranges in (_LETTERS, _MARKS)
)


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Give the text of a sentence and the offsets of each token in it, in characters, `end` exclusive.

    A blank stands between two tokens, unless both have Han or Kana where they touch, or one has punctuation of these
    scripts there. The text is meant for reading: it is not known how a corpus was written, and Thai, for example, gets
    blanks too. An empty token has a place between two blanks.

    >>> join_tokens(["Ada", "spoke", "."])
    ('Ada spoke .', [(0, 3), (4, 9), (10, 11)])
    >>> join_tokens(["他", "来自", "NBA", "。"])[0]
    '他来自 NBA。'
    """
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    end = 0
    for number, token in enumerate(tokens):
        # the two characters that would touch; fewer where a token is empty
        if number and not _JOINED.fullmatch(tokens[number - 1][-1:] + token[:1]):
            pieces.append(" ")
            end += 1
        offsets.append((end, end + len(token)))
        pieces.append(token)
        end += len(token)
    return "".join(pieces), offsets


def blanks_before(points_K: np.ndarray, lengths_N: np.ndarray) -> np.ndarray:
    """Say before which tokens of one sentence a blank stands, by the rule of `join_tokens`: (N,) of truth values.

    `points_K` are the characters of all tokens as numbers; `lengths_N` tells the tokens apart. All tokens
    are looked at together, for texts that machines read.

    >>> blanks_before(np.array([0x4ED6, 0x6765, 0x81EA, 65]), np.array([1, 2, 1])).tolist()
    [False, False, True]
    """
    blank_N = np.ones(len(lengths_N), bool)
    blank_N[:1] = False
    if len(points_K) == 0 or points_K.max() < _LETTERS_2R[0]:  # nearly all text
        return blank_N
    end_N = np.cumsum(lengths_N)
    # Next to an empty token nothing touches.
    touch_N = np.flatnonzero(blank_N & (lengths_N > 0) & (np.roll(lengths_N, 1) > 0))
    right_K = end_N[touch_N] - lengths_N[touch_N]
    left, right = points_K[right_K - 1], points_K[right_K]

    def inside(points: np.ndarray, ends_2R: np.ndarray) -> np.ndarray:
        is_inside: np.ndarray = ends_2R.searchsorted(points, "right") % 2 == 1
        return is_inside

    joined = inside(left, _LETTERS_2R) & inside(right, _LETTERS_2R)
    blank_N[touch_N] = ~(joined | inside(left, _MARKS_2R) | inside(right, _MARKS_2R))
    return blank_N
