"""Make any text safe to print: control characters are written out, and texts are cut to a width in terminal cells."""

from rich.cells import cell_len, set_cell_size


def show_invisible(text: str) -> str:
    r"""Write control and invisible characters out, so that a terminal shows them and obeys none.

    >>> print(show_invisible("a\u200bb\x1b[0m"))
    a\u200bb\x1b[0m
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shorten(text: str, width: int, *, mark: str = "…") -> str:
    """Cut the end of a text that takes more than `width` terminal cells; `mark` shows that it was cut.

    >>> shorten("sentiment", 5), shorten("地名", 3), shorten("Ada Lovelace", 8, mark="...")
    ('sent…', '地…', 'Ada L...')
    """
    return text if cell_len(text) <= width else set_cell_size(text, width - len(mark)).rstrip() + mark


def shorten_front(text: str, width: int) -> str:
    """Cut the front of a text that takes more than `width` terminal cells: of a long path the end says most.

    >>> shorten_front("corpora/news/test.conll", 11)
    '…test.conll'
    """
    if cell_len(text) <= width:
        return text
    text = text[-(width - 1) :]
    while cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text
