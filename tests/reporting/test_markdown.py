"""A report as Markdown: read back by a Markdown parser, every cell shows as it stands."""

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seqtag.reporting.figures import printable
from seqtag.reporting.markdown import render_markdown
from seqtag.reporting.sections import Example, Examples, Mark, Paragraph, Section, Table


def parsed(text: str):
    return MarkdownIt("gfm-like", {"linkify": False}).parse(text)


def shown(text: str) -> list[str]:
    """What a reader sees, paragraph by paragraph and cell by cell."""
    inline = [token for token in parsed(text) if token.type == "inline"]
    return ["".join(child.content for child in token.children or []) for token in inline]


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), min_size=1))
@example([["a|b", "\\", "\\|"], ["*x*", "_x_ no_impact __y__", "<b>"], ["&amp;", "`c`", "[l](x) ![i](y) ~~s~~"]])
@example([["a\x00b", "http://x.org", "a@b.org"], ["\n", " ", "---"], ["# a", "#", "1. b"]])
def test_every_cell_shows_as_it_stands(cells):
    rows = tuple(tuple(printable(text) for text in row) for row in cells)
    text = render_markdown([Section("Scores", (Table(("a", "b", "c"), rows),))])
    inline = [token for token in parsed(text) if token.type == "inline"]
    assert all(child.type in ("text", "text_special") for token in inline for child in token.children or [])
    assert shown(text) == ["Scores", "a", "b", "c", *(cell for row in rows for cell in row)]


def test_groups_stand_before_the_columns_that_they_open():
    text = render_markdown(
        [Section("Scores", (Table(("", "strict\nP", "R", "conlleval\nP"), (("x", "1", "2", "3"),)),))]
    )
    assert text.split("\n")[2:5] == [
        "|  | strict P | strict R | conlleval P |",
        "| --- | ---: | ---: | ---: |",
        "| x | 1 | 2 | 3 |",
    ]


def test_headings_and_paragraphs():
    text = render_markdown([Section("Scores", (Paragraph(("one",)), Paragraph(("two", "three"))))], heading="a*b*")
    assert text == "# a\\*b\\*\n\n## Scores\n\none\n\n- two\n- three\n"


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
@example("<script>", "**", "](x)")
def test_whatever_an_example_holds_it_stays_one_line_of_text(before, word, label):
    marks = (Mark(len(before), len(before) + len(word), label, "missed", 0.5),)
    block = Examples(
        "errors", (("missed", 1),), (Example("sentence 1", ("missed",), before + word, (("gold", marks),)),)
    )
    kinds = {token.type for token in parsed(render_markdown([Section("What goes wrong", (block,))]))}
    assert kinds <= {
        *("heading_open", "inline", "heading_close", "paragraph_open", "paragraph_close"),
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    }


def test_of_each_kind_three_examples():
    items = tuple(Example(f"text {n}", ("a -> b",), "so so", note="gold a") for n in range(5))
    text = render_markdown(
        [Section("What goes wrong", (Examples("5 mistakes", (("a -> b", 5), ("c -> d", 0)), items),))]
    )
    assert text.count("- text") == 3
    assert "- text 0: gold a\n  - so so\n" in text
    assert "c -" not in text
