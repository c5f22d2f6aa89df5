"""Bars and heat maps in the SVG of a page: numbers, lengths and words are those that were given."""

from pages import only, read_page

from seqtag.reporting.html import render_html
from seqtag.reporting.sections import BarRow, Bars, HeatMap, Section

BARS = Bars(
    "F1",
    (
        BarRow("PER", 0.5, "50.0", 0.25, 0.75, "(20)"),
        BarRow("LOC", 1.0, "100.0", note="(3)"),
        BarRow("ORG", None, "-"),
    ),
)
CHANGES = Bars("b - a", (BarRow("up", 1.0, "+1"), BarRow("down", -2.0, "-2", -3.0, -1.0)), -4.0, 4.0, ((0.0, "0"),))
GRID = HeatMap("confusions", "gold", "predicted", ("a", "b"), ("a", "b", "(nothing)"), ((3, 1, 0), (0, 0, 12_345)))
LEFT, RIGHT = 128, 284  # where bars stand


def figure(block):
    return only(read_page(render_html("x", [Section("part", (block,))])).all("figure"))


def numbers(node, *names: str) -> list[float]:
    return [float(node.attributes[name]) for name in names]


def test_bars_are_as_long_as_their_figures_and_have_their_intervals():
    svg = only(figure(BARS).all("svg"))
    lengths = [numbers(bar, "x", "width") for bar in svg.all("rect", "bar")]
    assert lengths == [[LEFT, (RIGHT - LEFT) / 2], [LEFT, RIGHT - LEFT], [LEFT, 0]]
    (whisker,) = svg.all("path", "whisker")
    assert whisker.attributes["d"].startswith(f"M{LEFT + 39} 11.0H{RIGHT - 39}")
    assert [text.text() for text in svg.all("text", "axis")] == ["PER", "LOC", "ORG"]
    assert [text.text() for text in svg.all("text", "figure")] == ["50.0(20)", "100.0(3)", "-"]


def test_bars_go_from_zero_to_both_sides():
    svg = only(figure(CHANGES).all("svg"))
    middle, unit = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 8
    assert [numbers(bar, "x", "width") for bar in svg.all("rect", "bar")] == [
        [middle, unit],
        [middle - 2 * unit, 2 * unit],
    ]
    (whisker,) = svg.all("path", "whisker")
    assert whisker.attributes["d"].startswith(f"M{middle - 3 * unit:g} 33.0H{middle - unit:g}")


def test_long_names_stand_above_their_bars_in_full():
    name = "an entity type with a long name"
    svg = only(figure(Bars("F1", (BarRow(name, 1.0, "100.0"), BarRow("PER", 0.5, "50.0")))).all("svg"))
    assert [text.text() for text in svg.all("text", "axis")] == [name, "PER"]
    assert [numbers(bar, "x", "width") for bar in svg.all("rect", "bar")] == [[10, RIGHT - 10], [10, (RIGHT - 10) / 2]]
    names, bars = svg.all("text", "axis"), svg.all("rect", "bar")
    assert all(numbers(words, "y") < numbers(bar, "y") for words, bar in zip(names, bars))


def test_a_heat_map_has_every_count_and_is_darker_the_larger_the_share():
    svg = only(figure(GRID).all("svg"))
    cells = svg.all("rect", "cell")
    assert [cell.attributes["fill-opacity"] for cell in cells] == ["0.38", "0.12", "0", "0", "0", "0.50"]
    assert [text.text() for text in svg.all("text", "count")] == ["3", "1", "12k"]
    assert ["right" in cell.classes for cell in cells] == [True, False, False, False, True, False]
    titles = [group.all("title")[0].text() for group in svg.all("g")]
    assert titles[:2] == ["gold a, predicted a: 3", "gold a, predicted b: 1"]
    assert "gold b, predicted (nothing): 12,345" in titles


def test_each_picture_is_an_image_that_says_in_words_what_it_draws():
    for block, words in ((BARS, "PER: 50.0, (20); LOC: 100.0, (3); ORG: -"), (GRID, "gold a, predicted b: 1")):
        svg = only(figure(block).all("svg"))
        assert svg.attributes["role"] == "img"
        named = svg.attributes["aria-labelledby"].split()
        texts = {node.attributes["id"]: node.text() for node in svg.below() if "id" in node.attributes}
        assert texts[named[0]] == block.caption
        assert words in texts[named[1]]
