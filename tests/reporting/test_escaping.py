"""Text that is cut to the width of a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from seqtag.reporting.escaping import shorten, shorten_front, show_invisible

PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "))


@given(PRINTABLE, st.integers(2, 40))
def test_cut_text_keeps_the_end_that_says_most(text, width):
    for cut, kept in ((shorten(text, width), text.startswith), (shorten_front(text, width), text.endswith)):
        assert cell_len(cut) <= width
        assert cut == text if cell_len(text) <= width else kept(cut.strip("…"))


@given(st.text())
def test_nothing_invisible_is_left_and_what_can_be_printed_stays(text):
    assert show_invisible(text).isprintable()
    assert show_invisible(text) == text or not text.isprintable()
