"""What reports of taggers and classifiers share: files, the source, and tables that keep their width and their text."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from seqtag.errors import UsageError
from seqtag.evaluation import Report, evaluate_labels, evaluate_tags
from seqtag.evaluation.report import fold, lay_table, markdown_table, printable, shorten, shorten_front, table_fits

REPORTS = {
    "tags": evaluate_tags([["B-PER", "O"]], [["I-PER", "O"]], scheme="IOB2"),
    "labels": evaluate_labels(["a", "b"], ["a", "a"], labels=["a", "b"]),
}


@pytest.fixture(params=REPORTS)
def report(request) -> Report:
    return REPORTS[request.param]


def test_a_report_by_itself_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Report()  # type: ignore[abstract]


def test_the_source_may_be_named_later(report):
    named = replace(report, source="news/tést.conll")
    assert isinstance(named, type(report))
    assert named != report == replace(named, source="")
    assert str(named) == f"news/tést.conll\n{report}"
    assert named.to_markdown() == f"news/tést.conll: {report.to_markdown()}"
    assert named.to_dict() == {**report.to_dict(), "source": "news/tést.conll"}


def test_save_follows_the_ending(report, tmp_path):
    report.save(str(tmp_path / "report.md"))
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == report.to_markdown()
    report.save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report.to_dict()
    with pytest.raises(UsageError, match=r"report\.pdf: a report has no form '\.pdf'; .* \.json or \.md"):
        report.save(tmp_path / "report.pdf")
    with pytest.raises(UsageError, match=r"absent/report\.md: can't be written \(No such file or directory\)"):
        report.save(tmp_path / "absent" / "report.md")


@given(st.lists(st.tuples(st.text(), st.integers(0, 10**9)), min_size=1))
@example([("地名" * 50, 3), ("👩‍💻" * 40, 12345678)])
def test_a_table_keeps_its_width_and_its_figures(pairs):
    rows = [[printable(text), str(count)] for text, count in pairs]
    lines = lay_table(["", "support"], rows)
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert cell_len(lines[0]) <= 80
    assert [line.split()[-1] for line in lines[1:]] == [count for _, count in rows]


def test_a_table_fits_as_long_as_names_have_16_cells():
    assert table_fits(["", *["x"] * 8], [["name", *["1" * 7] * 8]])  # 16 + 8 * 8
    assert not table_fits(["", *["x"] * 8], [["name", *["1" * 7] * 7, "1" * 8]])


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), min_size=1))
@example([["a|b", "\\", "\\|"], ["*x*", "_x_ no_impact __y__", "<b>"], ["&amp;", "`c`", "[l](x) ![i](y) ~~s~~"]])
@example([["a\x00b", "http://x.org", "a@b.org"], ["\n", " ", "---"]])
def test_markdown_shows_every_cell_as_it_stands(cells):
    rows = [[printable(text) for text in row] for row in cells]
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse("\n".join(markdown_table(["a", "b", "c"], rows)))
    inline = [token for token in parsed if token.type == "inline"]
    assert all(child.type in ("text", "text_special") for token in inline for child in token.children or [])
    shown = ["".join(child.content for child in token.children or []) for token in inline]
    assert shown == ["a", "b", "c", *(text for row in rows for text in row)]


@given(st.text())
def test_a_printable_name_is_one_line_that_shows_something(name):
    text = printable(name)
    assert text.isprintable()
    assert text.strip() == text != ""
    assert text == name or eval(text) == name


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(2, 40))
def test_cut_text_keeps_the_end_that_says_most(text, width):
    for cut, kept in ((shorten(text, width), text.startswith), (shorten_front(text, width), text.endswith)):
        assert cell_len(cut) <= width
        assert cut == text if cell_len(text) <= width else kept(cut.strip("…"))


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1)))
def test_folding_loses_no_word(words):
    lines = fold(" ".join(words))
    assert max(map(cell_len, lines)) <= 80
    assert "".join("".join(lines).split()) == "".join(words)
