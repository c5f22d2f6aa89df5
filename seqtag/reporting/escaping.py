"""Make any text safe to print: control characters written out, lines cut to the width of a terminal."""

from rich.cells import cell_len, set_cell_size


def printable(text: str) -> str:
    r"""Write control and invisible characters out, so that a terminal shows them and obeys none.

    >>> print(printable("a\u200bb\x1b[0m"))
    a\u200bb\x1b[0m
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def clip(text: str, width: int) -> str:
    """Cut a text to a width in terminal cells, and say so by three dots.

    >>> clip("Ada Lovelace", 8)
    'Ada L...'
    """
    return text if cell_len(text) <= width else set_cell_size(text, width - 3).rstrip() + "..."
