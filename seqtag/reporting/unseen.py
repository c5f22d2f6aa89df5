"""The characters that a page shows by their code points, because nobody would see them."""

import re

# Characters that show nothing, move their neighbours or can't be written as UTF-8: controls but tab and line feed,
# fillers, zero widths, marks of direction, line and paragraph separators, half a pair of UTF-16, tags. The joiners
# U+200C and U+200D and variation selectors are shown: Persian, Hindi, emoji and Han names are spelled with them.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def code_point(character: str) -> str:
    r"""Name a character that nobody can see.

    >>> code_point("\u200b")
    'U+200B'
    """
    return f"U+{ord(character):04X}"
