"""Join the tokens of a sentence into a text to be read, with the place of each token in it. Knows no corpus."""

import re
from collections.abc import Sequence

# Letters that are written without blanks between words: Han, Kana, Bopomofo. Korean has blanks, so Hangul is not here.
_LETTERS = (
    "\u2e80-\u2fdf\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
# Their punctuation and full-width forms bring a space of their own and want no blank on any side.
_MARKS = "\u3000-\u303f\ufe30-\ufe4f\uff00-\uff65\uffe0-\uffe6"
_JOINED = re.compile(f"[{_LETTERS}][{_LETTERS}]|[{_MARKS}].|.[{_MARKS}]", re.DOTALL)


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Give the text of a sentence and the offsets of each token in it, in characters, `end` exclusive.

    A blank stands between tokens, but none between two that touch with Han or Kana, and none beside the punctuation of
    these scripts. That is for reading: how a corpus was written is not known, and Thai, say, gets blanks too. An empty
    token has a place of its own, with a blank on each side.

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
