"""Find and name the characters of a word or text that nobody can see, and refuse half characters."""

import unicodedata

from seqtag.errors import DataError

DAMAGED = "\ufffd"  # stands where a character was lost in decoding

# The Unicode database has no names for control characters; these turn up.
_CONTROLS = {"\u0085": "NEXT LINE", "\x7f": "DELETE", "\x1b": "ESCAPE", "\x0b": "LINE TABULATION", "\x0c": "FORM FEED"}
_NO_INK = "\u115f\u1160\u3164\uffa0\u2800\u034f"  # letters and marks by category, and blank in every font
# Joiners are spelling in these scripts, the second one in emoji too.
_JOINERS = ("\u200c", "\u200d")
_JOINED = (
    *("ARABIC", "SYRIAC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA"),
    *("MALAYALAM", "SINHALA", "MYANMAR", "KHMER", "MONGOLIAN"),
)


def shortened(word: str, most: int) -> str:
    """Leave the middle out of a word of more than `most` characters, so that no look-up of it costs more.

    >>> shortened("Turin", 6), shortened("Constantinople", 6)
    ('Turin', 'Conple')
    """
    half = most // 2
    return word if len(word) <= most else word[:half] + word[-half:]


def unseen_in(text: str) -> list[str]:
    r"""List the characters of a text that leave no trace on a page, each once.

    The white space that writers use does not count; the line ends that only Unicode knows do. Joiners count only in
    scripts that have no use for them.

    >>> unseen_in("a b\n"), unseen_in("was\u200b\ufeff\x85"), unseen_in("می\u200cخواهم")
    ([], ['\u200b', '\ufeff', '\x85'], [])
    """
    if text.isprintable():  # an unseen character is not printable, unless it is a letter without ink
        return [character for character in _NO_INK if character in text]
    found = [character for character in dict.fromkeys(text) if character not in "\n\r\t" and _is_unseen(character)]
    if any(joiner in found for joiner in _JOINERS):
        joined = any(unicodedata.name(character, "").startswith(_JOINED) for character in text)
        emoji = any(unicodedata.category(character) == "So" for character in text)
        spelled = _JOINERS if joined else _JOINERS[1:] if emoji else ()
        found = [character for character in found if character not in spelled]
    return found


def has_ink(text: str) -> bool:
    r"""Say whether there is something to see in a text.

    >>> has_ink("."), has_ink(" \u200b"), has_ink("")
    (True, False, False)
    """
    return any(not character.isspace() and not _is_unseen(character) for character in text)


def character_name(character: str) -> str:
    r"""Name a character by its number and its name.

    >>> character_name("\u200b"), character_name("\x96")
    ('U+200B ZERO WIDTH SPACE', "U+0096, which is '–' in Windows-1252")
    """
    number = f"U+{ord(character):04X}"
    named = f"{number} {name}" if (name := unicodedata.name(character, _CONTROLS.get(character, ""))) else number
    if "\x80" <= character <= "\x9f":
        # a file in Windows-1252 that was read as Latin-1 has them
        meant = character.encode("latin-1").decode("cp1252", errors="replace")
        return named if meant == DAMAGED else f"{named}, which is {meant!r} in Windows-1252"
    return named if name else f"{named}, a control character"


def check_characters(text: str, where: str) -> None:
    """Refuse half characters, which can't be written or looked up."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where} holds {text[error.start]!a}, a surrogate, which is half a character; read the text as what it is "
            "encoded in, or drop it with text.encode(errors='ignore').decode()"
        ) from None


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") or character in _NO_INK
