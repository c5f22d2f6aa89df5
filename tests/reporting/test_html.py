"""The HTML page of a report, read back with Python's own parser: all of it is there, and none of it is markup."""

import re
import subprocess
import sys
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import PLOT, Node, cells, only, read_page, sections_with, skeleton, strings

from seqtag.reporting.escaping import shorten
from seqtag.reporting.html import NUM_HUES, render_html
from seqtag.reporting.sections import Curve, Example, Examples, Mark, Paragraph, Plot, Section, Table

MARKUP = [
    "<script>alert(1)</script>",
    "</script>",
    "</style><style>*{display:none}",
    "</title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "<!--",
    "]]>",
    "&lt;b&gt; &amp; &#60;",
    "{{ 7 * 7 }}{% raw %}",
    "--></mark></p></li></ol>",
    "a\u2028b\u2029c",
    "nul\x00nul",
    "half \ud83d a pair \udc00",
    "\u202edesrever\u202c",
    "<svg/onload=alert(1)>",
    "\x1b[31mred",
    "&\ud800;",
]
# Python calls some letters printable that nobody can see: joiners that don't join, fillers of Korean and Khmer
HIDDEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
UNSEEN = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\ufeff\ud800-\udfff{HIDDEN}]")
texts = st.one_of(
    st.sampled_from(MARKUP),
    st.text(st.characters(), min_size=1),
    st.text(st.sampled_from("<>&'\"/=-{}%\\\x00\r\u200b\ufeff\udfffa ا中"), min_size=1),
)


def page_of(*blocks, title: str = "report") -> Node:
    return read_page(render_html(title, [Section("part", blocks)]))


@cache
def plain() -> Node:
    """A page whose every text is x."""
    return read_page(render_html("x", sections_with("x")))


@given(texts)
def test_no_text_becomes_markup_wherever_it_stands(word):
    page = render_html(word, sections_with(word))
    read = read_page(page)
    assert skeleton(read) == skeleton(plain())
    assert page.encode("utf-8").decode("utf-8") == page
    assert not UNSEEN.search(page)
    if word.isprintable() and not UNSEEN.search(word):
        # names beside bars and squares are cut to their room, and stand in a title in full
        cut = shorten(word, 16), shorten(word, 14)
        assert sum(text == word or text in cut for text in strings(read)) >= list(strings(plain())).count("x") > 30


@given(
    st.text(
        st.characters(exclude_categories=["C", "Z"], exclude_characters=HIDDEN) | st.sampled_from(" \n\t"), min_size=1
    )
)
def test_the_text_of_an_example_reads_back_blanks_and_all(text):
    marks = tuple(Mark(place, place + 1, "X<y>", "missed") for place in range(0, len(text), 2))
    shown = Example("sentence 1", ("missed",), text, (("gold", marks), ("predicted", ())))
    gold, predicted = page_of(Examples("", (), (shown,))).all("p", "line")
    assert gold.text(without="tag") == predicted.text() == text
    assert [mark.text(without="tag") for mark in gold.all("mark")] == [text[m.start : m.end] for m in marks]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", "aU+200Bb"),
        ("\ufeffa", "U+FEFFa"),
        ("a\x00\x1b", "aU+0000U+001B"),
        ("\ud83d", "U+D83D"),
        ("a\u202eb", "aU+202Eb"),
        ("soft\xadhyphen", "softU+00ADhyphen"),
        ("line\r\n", "lineU+000D\n"),
        ("\U000e0041", "U+E0041"),
        # what words are spelled with stays: joiners, selectors, signs, tabs
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬 ❤\ufe0f", "👩\u200d🔬 ❤\ufe0f"),
        ("\u0600 a\tb", "\u0600 a\tb"),
    ],
)
def test_what_can_not_be_seen_is_written_as_its_code_point(text, shown):
    page = page_of(Examples("", (), (Example("sentence 1", (), text),)), title=text)
    line = only(page.all("p", "line"))
    assert line.text() == shown
    assert len(line.all("span", "unseen")) == shown.count("U+")
    assert only(page.all("title")).text().replace("[", "").replace("]", "") == shown


TABLE = Table(
    ("label", "kind", "strict\nP", "F1", "conlleval\nP", "F1", "\nsupport"),
    (
        ("PER", "name", "91.20", "88.00", "92.00", "89.00", "1,234"),
        ("LOC", "name", "-", "0.91 to 0.95", "3", "4", "5"),
        ("micro", "", "1", "2", "3", "4", "6"),
        ("macro", "", "1", "2", "3", "4", "7"),
    ),
    caption="Scores",
    text_columns=2,
    num_totals=2,
    most=1,
)


def test_every_cell_is_there_with_totals_in_the_foot():
    table = only(page_of(TABLE).all("table"))
    assert only(table.all("caption")).text() == "Scores"
    assert [tuple(cells(row)) for row in only(table.all("tbody")).all("tr")] == list(TABLE.rows[:2])
    assert [tuple(cells(row)) for row in only(table.all("tfoot")).all("tr")] == list(TABLE.rows[2:])
    assert [th.text() for th in table.all("th") if th.attributes["scope"] == "row"] == ["PER", "LOC", "micro", "macro"]
    assert [td.text() for td in only(table.all("tbody")).all("td", "words")] == ["name", "name"]


def test_the_groups_of_a_header_span_their_columns():
    groups, columns = only(page_of(TABLE).all("thead")).all("tr")
    assert cells(columns) == ["label", "kind", "P", "F1", "P", "F1", "support"]
    assert [(cell.text(), cell.attributes["colspan"]) for cell in groups.children if isinstance(cell, Node)] == [
        ("", "2"),
        ("strict", "2"),
        ("conlleval", "2"),
        ("", "1"),
    ]


@pytest.mark.parametrize(
    ("num_rows", "scrolls", "folded"), [(1, False, False), (15, False, False), (16, False, True), (2000, True, True)]
)
def test_a_long_table_is_folded_and_shows_all_rows_in_a_box_that_scrolls(num_rows, scrolls, folded):
    rows = tuple((f"row {number}", str(number)) for number in range(num_rows))
    page = page_of(Table(("row", "F1"), rows, "Scores", most=10))
    assert [tuple(cells(row)) for row in only(page.all("tbody")).all("tr")] == list(rows)
    assert bool(page.all("div", "long")) is scrolls
    assert only(page.all("caption")).text() == "Scores"
    assert [found.text().strip() for found in page.all("summary")] == [f"Scores {num_rows:,} rows"] * folded
    assert len(page.all("details")) == folded


def test_a_table_of_totals_only_and_one_without_rows():
    totals, empty = page_of(Table(("a", "b"), (("all", "1"),), num_totals=1), Table(("a", "b"), ())).all("table")
    assert (len(totals.all("tbody")), cells(only(totals.all("tfoot")).all("tr")[0])) == (0, ["all", "1"])
    assert (empty.all("tbody"), empty.all("tfoot")) == ([], [])


def value(x: float, y: float) -> tuple[float, float]:
    """Read a point of the picture off its ticks, as a reader does."""
    svg = page_of(PLOT).all("svg")[0]
    tick_x = {t.text(): float(t.attributes["x"] or 0) for t in svg.all("text", "tick") if "mid" in t.classes}
    tick_y = {t.text(): float(t.attributes["y"] or 0) for t in svg.all("text", "tick") if "end" in t.classes}
    assert list(tick_x) == list(tick_y) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    return (
        (x - tick_x["0.0"]) / (tick_x["1.0"] - tick_x["0.0"]),
        (y - tick_y["0.0"]) / (tick_y["1.0"] - tick_y["0.0"]),
    )


def test_curves_and_bars_lie_where_the_ticks_say():
    svg = page_of(PLOT).all("svg")[0]
    for line, curve in zip(svg.all("polyline"), PLOT.curves, strict=True):
        placed = [value(*map(float, point.split(","))) for point in (line.attributes["points"] or "").split()]
        assert [x for x, _ in placed] == pytest.approx([x for x, _ in curve.points], abs=1e-3)
        assert [y for _, y in placed] == pytest.approx([y for _, y in curve.points], abs=1e-3)
    for path, bar in zip(svg.all("path", "bar"), PLOT.bars, strict=True):
        left, bottom, top, right, foot = map(float, re.findall(r"[\d.]+", path.attributes["d"] or ""))
        assert bottom == foot
        assert (*value(left, bottom), *value(right, top)) == pytest.approx((bar.low, 0, bar.high, bar.height), abs=1e-3)
    corners = list(map(float, re.findall(r"[\d.]+", only(svg.all("path", "diagonal")).attributes["d"] or "")))
    assert (*value(*corners[:2]), *value(*corners[2:])) == (0, 0, 1, 1)


def test_a_plot_tells_in_words_what_it_draws():
    figure = only(page_of(PLOT).all("figure"))
    svg = figure.all("svg")[0]
    assert svg.attributes["role"] == "img"
    named = (svg.attributes["aria-labelledby"] or "").split()
    texts = {node.attributes["id"]: node.text() for node in svg.below() if "id" in node.attributes}
    assert [texts[name] for name in named] == [
        "Reliability",
        "share right from 0.0 to 1.0 against probability from 0.0 to 1.0"
        "; a curve: all; a curve: PER; 12 of 24; a diagonal",
    ]
    assert [item.text().strip() for item in only(figure.all("ul", "legend")).all("li")] == ["all", "PER"]
    assert [text.text() for text in svg.all("text", "axis")] == ["probability", "share right"]
    assert only(svg.all("path", "bar")[0].all("title")).text() == "12 of 24"


def test_up_to_28_curves_differ_in_colour_or_dashes():
    curves = tuple(Curve(str(number), ((0, 0), (1, 1))) for number in range(28))
    lines = page_of(Plot("", "", "", curves)).all("polyline")
    assert len({tuple(line.classes) for line in lines}) == 28


EXAMPLES = Examples(
    "2 of 9 sentences",
    (("missed", 1234), ("wrong type", 5)),
    (
        Example(
            "sentence 3",
            ("wrong type", "missed"),
            "Ada  met Bo in Turin",
            (
                ("gold", (Mark(0, 3, "PER", "wrong type"), Mark(9, 11, "PER", "missed"), Mark(15, 20, "LOC"))),
                ("predicted", (Mark(0, 3, "ORG", "wrong type", 0.876), Mark(15, 20, "LOC", "right", 1.0))),
            ),
            "a note",
        ),
        Example("text 4", ("not listed",), "nothing marked", note="gold good, predicted bad"),
    ),
)


def test_an_example_shows_place_kinds_sides_labels_and_probabilities():
    first, second = page_of(EXAMPLES).all("li", "example")
    assert first.all("span", "place")[0].text() == "sentence 3"
    assert [kind.text() for kind in only(first.all("p", "head")).all("span", "kind")] == ["wrong type", "missed"]
    assert [side.text() for side in first.all("span", "name")] == ["gold", "predicted"]
    marks = [
        (mark.text(without="tag"), *(part.text() for part in only(mark.all("span", "tag")).below()))
        for mark in first.all("mark")
    ]
    assert marks == [
        ("Ada", "PER", "wrong type"),
        ("Bo", "PER", "missed"),
        ("Turin", "LOC"),
        ("Ada", "ORG", "wrong type", "0.88"),
        ("Turin", "LOC", "1.00"),
    ]
    assert ["wrong" in mark.classes for mark in first.all("mark")] == [True, True, False, True, False]
    assert only(first.all("p", "note")).text() == "a note"
    assert [line.text() for line in second.all("p", "line")] == ["nothing marked"]
    assert only(second.all("p", "note")).text() == "gold good, predicted bad"
    assert all(line.attributes["dir"] == "auto" for line in first.all("p", "line"))


def test_the_kinds_above_the_examples_have_their_counts_and_the_examples_point_at_them():
    page = page_of(EXAMPLES)
    assert [kind.text() for kind in only(page.all("ul", "kinds")).all("li")] == ["missed 1,234", "wrong type 5"]
    assert [item.attributes["data-kinds"] for item in page.all("li", "example")] == ["0 1", ""]


def test_marks_may_touch_but_not_overlap():
    text = Example("sentence 1", (), "abcd", (("gold", (Mark(0, 2, "X"), Mark(2, 4, "Y"))),))
    assert [m.text(without="tag") for m in page_of(Examples("", (), (text,))).all("mark")] == ["ab", "cd"]
    for marks in [(Mark(0, 3, "X"), Mark(2, 4, "Y")), (Mark(2, 5, "X"),), (Mark(2, 2, "X"),)]:
        with pytest.raises(AssertionError, match="sentence 1: Mark"):
            page_of(Examples("", (), (Example("sentence 1", (), "abcd", (("gold", marks),)),)))


def test_a_label_has_one_colour_in_all_examples_whatever_their_order():
    labels = [f"label {number}" for number in range(NUM_HUES)]
    items = tuple(Example("", (), "a", (("gold", (Mark(0, 1, label),)),)) for label in labels * 2)
    for order in (items, items[::-1]):
        marks = page_of(Examples("", (), order)).all("mark")
        assert len({(mark.text(), *mark.classes) for mark in marks}) == NUM_HUES
        assert len({mark.classes[0] for mark in marks}) == NUM_HUES
    style = files("seqtag.reporting").joinpath("page/style.css").read_text(encoding="utf-8")
    assert set(re.findall(r"\.(hue\d+) ", style)) == {f"hue{number}" for number in range(NUM_HUES)}


def test_sections_stand_in_order_details_last_and_the_links_lead_to_them():
    lines = [Paragraph((name, "second line")) for name in ("one", "two", "three")]
    page = read_page(render_html("R", [Section("A", (lines[0],), (lines[2],)), Section("B", (lines[1],))]))
    links = {link.text(): (link.attributes["href"] or "").removeprefix("#") for link in page.all("a")}
    parts = {part.attributes["id"]: part for part in page.all("section")}
    assert [parts[place].all("h2")[0].text() for place in links.values()] == list(links) == ["A", "B"]
    assert [p.text().split() for p in page.all("main")[0].all("p")] == [
        [name, "second", "line"] for name in ("one", "three", "two")
    ]
    identifiers = [node.attributes["id"] for node in page.below() if "id" in node.attributes]
    assert len(identifiers) == len(set(identifiers))


def test_a_report_of_nothing_is_a_page():
    page = read_page(render_html("R", []))
    assert (only(page.all("h1")).text(), only(page.all("title")).text(), page.all("nav")) == ("R", "R", [])


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else():
    page = read_page(render_html("x", sections_with("x")))
    rules = [node.attributes["content"] for node in page.all("meta") if "http-equiv" in node.attributes]
    policy = dict(rule.strip().split(" ", 1) for rule in (only(rules) or "").split(";"))
    assert policy.pop("default-src") == "'none'"
    for name in ("style", "script"):
        content = only(page.all(name)).text().encode("utf-8")
        assert policy.pop(f"{name}-src") == f"'sha256-{b64encode(sha256(content).digest()).decode()}'"
    assert policy == {"base-uri": "'none'", "form-action": "'none'"}


def test_the_page_loads_nothing():
    text = render_html("x", sections_with("x"))
    assert re.findall(r"https?:|//[a-z]|url\(|@import|\bfetch\b|XMLHttp|WebSocket", text) == []
    for node in read_page(text).below():
        assert not {"src", "srcset", "style", "action", "data"} & set(node.attributes)
        assert not any(name.startswith("on") for name in node.attributes)
        assert (node.attributes.get("href") or "#").startswith("#")
        assert node.name not in {"link", "img", "iframe", "object", "embed", "base", "form", "use", "image"}


@pytest.mark.parametrize("name", ["style.css", "script.js"])
def test_style_and_script_can_stand_in_a_page_as_they_are(name):
    content = files("seqtag.reporting").joinpath("page").joinpath(name).read_text(encoding="utf-8")
    assert re.findall(r"</|<!--|\r", content) == []


def test_the_same_sections_give_the_same_page():
    assert render_html("x", [Section("A", (TABLE, PLOT, EXAMPLES))]) == render_html(
        "x", [Section("A", (TABLE, PLOT, EXAMPLES))]
    )


def test_jinja_is_imported_only_when_a_page_is_made():
    script = "import sys, seqtag.reporting.html as html; before = 'jinja2' in sys.modules; "
    script += "html.render_html('', []); print(before, 'jinja2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
