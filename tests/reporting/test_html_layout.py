"""How the page of a report looks in headless Chromium: directions of writing, contrasts, narrow screens."""

from itertools import pairwise

import pytest
from browsing import press, texts
from pages import PLOT, REPORT, sections_with

from seqtag.reporting.html import render_html
from seqtag.reporting.sections import BarRow, Bars, Example, Examples, HeatMap, Mark, Paragraph, Section, Table

PAGE = render_html("news/test.conll", REPORT)


def rectangles(browser, line: int, pieces: list[str]) -> list[dict[str, float]]:
    """Measure where words of the n-th line of all examples lie on the screen."""
    script = """
      const [number, pieces] = arguments, line = document.querySelectorAll(".line")[number];
      line.scrollIntoView();
      return pieces.map((piece) => {
        const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode());) {
          const start = node.data.indexOf(piece);
          if (start < 0) continue;
          const range = document.createRange();
          range.setStart(node, start);
          range.setEnd(node, start + piece.length);
          return range.getBoundingClientRect().toJSON();
        }
      });"""
    return browser.execute_script(script, line, pieces)


def test_an_arabic_line_is_laid_out_from_right_to_left(show):
    browser = show(PAGE)
    first, name, city, last = rectangles(browser, 4, ["وصل", "أحمد", "القاهرة", "اليوم"])
    assert first["left"] >= name["right"] > name["left"] >= city["right"] > city["left"] >= last["right"]
    # the line starts at the right edge, and the label follows its words: to their left
    paragraph = browser.execute_script("return document.querySelectorAll('.line')[4].getBoundingClientRect().toJSON()")
    assert paragraph["right"] - first["right"] < 2
    name, label, kind, score = rectangles(browser, 5, ["بيروت", "LOC", "spurious", "0.41"])
    assert name["left"] >= score["right"]
    assert label["right"] <= kind["left"] < kind["right"] <= score["left"], "within a label, from left to right"


def test_chinese_and_english_lines_are_laid_out_from_left_to_right(show):
    browser = show(PAGE)
    for line, pieces in [(2, ["台大", "LOC", "是一栋", "两层", "建筑"]), (0, ["Ada", "PER", "met", "Bo", "Turin"])]:
        placed = rectangles(browser, line, pieces)
        assert all(left["right"] <= right["left"] for left, right in pairwise(placed))
        assert all(place["width"] > 8 * len(piece) / 2 and place["height"] > 8 for place, piece in zip(placed, pieces))
    assert texts(browser, ".line")[2].replace("LOC", "").startswith("台大医学人文博物馆")
    two, one = rectangles(browser, 0, ["  met", " in"])
    met, within = rectangles(browser, 0, ["met", "in"])
    assert two["width"] - met["width"] == pytest.approx(2 * (one["width"] - within["width"]), abs=0.1), "both blanks"


CONTRASTS = """
  const parse = (text) => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return found.length < 4 ? [...found, 1] : found;
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim();
    if (!words || ["SCRIPT", "title", "desc"].includes(element.tagName)) continue;
    const svg = element.namespaceURI.endsWith("svg");
    const front = parse(svg ? getComputedStyle(element).fill : getComputedStyle(element).color);
    let ground = [0, 0, 0, 0];
    for (let up = element; up && ground[3] < 1; up = up.parentElement) {
      ground = parse(getComputedStyle(up).backgroundColor);
    }
    if (ground[3] < 1) throw new Error(`no ground under ${words}`);
    const [dark, bright] = [light(front), light(ground)].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push([element.tagName, element.className, words, ratio]);
  }
  return faint;"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(show, scheme):
    """A contrast of 4.5 is what WCAG 2.2 asks of text at level AA."""
    labels = [f"label {number}" for number in range(10)]  # a label of each colour
    sides = [(label, (Mark(0, 3, label, "right", 0.5), Mark(4, 6, label, "missed", 0.5))) for label in labels]
    colours = Examples(
        "all colours", (("missed", 1),), (Example("text 1", ("missed",), "one\u200b two", tuple(sides)),)
    )
    page = render_html("x", [Section("Colours", (colours,)), *sections_with("x")])
    browser = show(page, scheme=scheme)
    press(browser, ".kinds button", "missed 1")
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[scheme]
    assert browser.execute_script(CONTRASTS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_of_pictures_stay_in_their_picture_and_can_be_read_at_400_pixels(show, scheme):
    rows = (
        ("an-entity-type-with-a-long-name", 0.123, "12.3"),
        ("PER", 1.0, "100.0"),
        ("地名地名地名地名地名", 0.0, "0.0"),
    )
    bars = Bars("F1", tuple(BarRow(name, value, text, 0.0, 1.0, "(12,345)") for name, value, text in rows))
    names = tuple(f"long-label-{number}" for number in range(10))
    grid = HeatMap("What is taken for what", "gold", "predicted", names, names, ((12_345,) * 10,) * 10)
    browser = show(render_html("x", [Section("Pictures", (bars, grid, PLOT))]), width=400, scheme=scheme)
    script = """
      return [...document.querySelectorAll("svg text")].map((text) => {
        const box = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
        const scale = frame.width / text.ownerSVGElement.viewBox.baseVal.width;
        const out = Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top);
        return [text.textContent, parseFloat(getComputedStyle(text).fontSize) * scale, out];
      });"""
    placed = browser.execute_script(script)
    assert len(placed) > 130
    assert [text for text, size, _ in placed if size < 9] == []
    assert [(text, out) for text, _, out in placed if out > 2] == []


def test_a_wide_table_shows_that_it_scrolls(show):
    table = Table(("label", *["F1"] * 20), (("PER", *["100.00"] * 20),), "Scores")
    browser = show(render_html("x", [Section("Scores", (table,))]), width=400)
    box = "document.querySelector('.table')"
    width, inside, image = browser.execute_script(
        f"return [{box}.clientWidth, {box}.scrollWidth, getComputedStyle({box}).backgroundImage]"
    )
    assert inside > width
    assert image.count("gradient") == 2
    bar = browser.execute_script(f"return {box}.offsetHeight - {box}.clientHeight")
    assert bar > 0, "a bar takes its place below the table"


@pytest.mark.parametrize("width", [320, 400, 1600])
def test_the_page_never_scrolls_sideways(show, width):
    long = "a-label-that-nobody-would-choose-" * 6
    example = Example(long, ("missed",), long * 3, (("gold", (Mark(0, len(long), long, "missed", 0.1),)),), long)
    table = Table(("label", *["F1"] * 20), ((long, *["100.00"] * 20),), long)
    parts = [Section(long, (Paragraph((long,)), table, PLOT, Examples(long, ((long, 1),), (example,))))] * 2
    browser = show(render_html(long, parts), width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
