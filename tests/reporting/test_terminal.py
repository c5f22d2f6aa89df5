"""A report in a terminal: 80 columns whatever the data hold, figures whole, no colour codes but in a terminal."""

from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqtag.reporting.figures import printable
from seqtag.reporting.sections import Example, Examples, Mark, Paragraph, Plot, Section, Table
from seqtag.reporting.terminal import render, render_text, table_fits, window

PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "))


def lines_of(*blocks) -> list[str]:
    return render_text([Section("Scores", blocks)]).split("\n")[1:]


@given(st.lists(st.tuples(st.text(), st.integers(0, 10**9)), min_size=1, max_size=30))
@example([("地名" * 50, 3), ("👩‍💻" * 40, 12345678)])
@example([("[red]markup[/red]", 1), ("[/]", 2), (":smile:", 3)])
def test_a_table_keeps_its_width_and_its_figures(pairs):
    rows = tuple((printable(text), str(count)) for text, count in pairs)
    lines = lines_of(Table(("", "support"), rows))
    assert len({cell_len(line) for line in lines}) == 1
    assert cell_len(lines[0]) <= 80
    assert [line.split()[-1] for line in lines[1:]] == [count for _, count in rows]
    for (text, _), line in zip(rows, lines[1:]):
        if cell_len(text) < 50:
            assert line.startswith(text)


def test_groups_of_columns_stand_in_a_line_of_their_own():
    assert lines_of(Table(("", "strict\nP", "R", "conlleval\nP"), (("PER", "1.00", "2.00", "3.00"),))) == [
        "             strict        conlleval",
        "                  P      R         P",
        "PER            1.00   2.00      3.00",
    ]


def test_of_many_rows_the_first_are_shown_with_the_totals_and_the_rest_is_counted():
    rows = (*((str(n), "1") for n in range(40)), ("all", "40"))
    lines = lines_of(Table(("", "n"), rows, num_totals=1, most=3))
    assert [line.split()[0] for line in lines[1:]] == ["0", "1", "2", "all", "the"]
    assert lines[-1] == "the first 3 of 40 rows; the other forms of the report have all"


def test_a_table_fits_as_long_as_words_have_12_cells():
    figures = [*"abcdefgh"]
    assert table_fits(Table(("", *figures), (("name", *["1" * 7] * 8),)))  # 13 + 8 * 8
    assert not table_fits(Table(("", *figures), (("name", *["1" * 8] * 7, "1" * 12),)))


def test_two_columns_of_words_share_the_room():
    lines = lines_of(Table(("gold", "predicted", "texts"), (("g" * 60, "p" * 60, "7"),), text_columns=2))
    assert cell_len(lines[1]) <= 80
    assert lines[1].split()[2] == "7"
    assert lines[1].count("…") == 2


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1)))
def test_wrapping_loses_no_word(words):
    lines = lines_of(Paragraph((" ".join(words),)))
    assert max(map(cell_len, lines), default=0) <= 80
    assert "".join("".join(lines).split()) == "".join(words)


def test_plots_are_left_to_the_page():
    assert render_text(
        [Section("Confidence", (Plot("Reliability", "probability", "right"), Paragraph(("ECE 1.2",))))]
    ) == ("Confidence\nECE 1.2")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_colours_and_bold_are_for_terminals_only(is_terminal):
    console = Console(
        file=StringIO(), force_terminal=is_terminal, width=80, color_system="standard" if is_terminal else None
    )
    console.print(render([Section("Scores", (Paragraph(("all [bold]well[/bold]",)),))], heading="x"))
    text = console.file.getvalue()
    assert ("\x1b[" in text) == is_terminal
    assert "all [bold]well[/bold]" in text


def examples_of(text: str, *sides, kinds=("missed",), note="") -> Examples:
    return Examples(
        "1 sentence", tuple((kind, 1) for kind in kinds), (Example("sentence 3", kinds, text, sides, note),)
    )


def test_an_example_shows_both_sides():
    gold, predicted = (Mark(7, 10, "PER", "missed"),), (Mark(14, 20, "LOC", "spurious", 0.512),)
    block = examples_of("We met Ada in London.", ("gold", gold), ("predicted", predicted))
    assert lines_of(block) == [
        "1 sentence",
        "missed (sentence 3)",
        "  gold       We met [Ada](PER) in London.",
        "  predicted  We met Ada in [London](LOC 0.51).",
    ]


def test_of_each_kind_one_example_that_has_little_else():
    items = [
        Example(f"text {n}", kinds, "so so") for n, kinds in enumerate((("a", "b"), ("b", "a"), ("a",), ("b", "c")))
    ]
    lines = lines_of(Examples("mistakes", (("a", 3), ("b", 3), ("c", 1), ("d", 0)), tuple(items)))
    assert lines[1::2] == ["a (text 2)", "b (text 0)", "c (text 3)"]


def test_a_kind_without_an_example_is_passed_over_and_notes_are_shown():
    block = Examples(
        "mistakes", (("a -> b", 3), ("b -> a", 0)), (Example("text 1", ("a -> b",), "so\nso", note="gold a"),)
    )
    assert lines_of(block) == ["mistakes", "a -> b (text 1)", "  so\\nso", "  gold a"]


@given(PRINTABLE, PRINTABLE, PRINTABLE, st.integers(20, 80))
@example("地" * 300, "名", "x" * 300, 67)
def test_a_window_holds_the_mark_it_is_about(before, word, after, width):
    word = word or "x"
    text = window(before + word + after, [Mark(len(before), len(before) + len(word), "L")], len(before), width)
    assert cell_len(text) <= width
    assert text.startswith("…") or text.endswith("…") or text == f"{before}[{word}](L){after}"


def test_a_long_text_is_cut_around_its_focus():
    text = "a " * 200 + "Ada" + " b" * 200
    assert "[Ada](PER)" in window(text, [Mark(400, 403, "PER")], 400, 67)
    assert "Ada" in window(text, [], 400, 67)
    assert "Ada b" in window(text, [Mark(0, 1, "X")], 400, 67)


def test_control_characters_reach_no_terminal():
    text = render_text(
        [Section("Scores", (examples_of("a\x1b[31mb\u200b", ("gold", (Mark(0, 3, "P\x07"),))),))], heading="\x1b[2J"
    )
    assert text.isprintable() or not any(ord(c) < 32 and c != "\n" for c in text)
    assert "\\x1b" in text
