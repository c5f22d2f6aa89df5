"""The page of a report in headless Chromium, opened from disk: nothing of the data runs, and a reader can use it."""

import json
import time

import pytest
from browsing import press, texts
from pages import REPORT, SCORES, large_report, sections_with

from seqtag.reporting.html import render_html
from seqtag.reporting.sections import Example, Examples, Section

PAGE = render_html("news/test.conll", REPORT)
ATTACKS = (
    "<img src=x onerror='window.ran=1'>",
    "<script>window.ran=1</script>",
    "</script><script>window.ran=1</script>",
    "</style></title><svg onload='window.ran=1'>",
    '"><b onfocus="window.ran=1" autofocus tabindex=1>',
    "javascript:window.ran=1//",
    "<iframe src='data:text/html,<script>parent.ran=1</script>'>",
)


def requests_of(browser) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def test_the_page_opens_from_disk_without_a_complaint_and_asks_for_nothing_else(show):
    browser = show(PAGE)
    assert browser.get_log("browser") == []
    assert requests_of(browser) == [browser.current_url]
    assert browser.title == "news/test.conll"
    assert texts(browser, "h2") == ["Summary", "Scores", "Errors in context"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_and_scripts_of_the_data_are_shown_and_never_run(show, attack):
    browser = show(render_html(attack, sections_with(attack)))
    elements = "document.querySelectorAll('img, iframe, [onload], [onfocus]').length"
    state = browser.execute_script(f"return [window.ran ?? 0, document.scripts.length, {elements}]")
    assert state == [0, 1, 0]
    assert browser.get_log("browser") == []
    assert requests_of(browser) == [browser.current_url]
    assert browser.title == attack
    places = "h1 h2 caption th[scope=row] .place mark .label .line .note"
    for place in places.split():
        assert attack in texts(browser, place)[0], place


def test_the_policy_holds_even_if_markup_got_in(show):
    holes = (
        "<script>window.ran=1</script><img src='data:,' onerror='window.ran=1'><p id=hole style='color:red'>hole</p>"
    )
    browser = show(PAGE.replace("</main>", f"{holes}</main>"))
    colour = "getComputedStyle(document.getElementById('hole')).color"
    assert browser.execute_script(f"return [window.ran ?? 0, {colour}]") == [0, "rgb(27, 30, 36)"]
    assert len([entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]) >= 3


def test_without_scripts_all_is_there_to_read_and_no_control_that_does_nothing(show):
    places = ("h1", "h2", "p", "caption", "th", "td", "figcaption", ".kinds li", ".legend li", "mark")
    with_scripts = {place: texts(show(PAGE), place) for place in places}
    browser = show(PAGE, scripts=False)
    assert {place: texts(browser, place) for place in places} == with_scripts
    assert texts(browser, "button, input, output") == []
    assert with_scripts[".kinds li"] == ["missed 7", "wrong type 1", "spurious 4"]


@pytest.mark.parametrize(
    ("column", "orders"),
    [
        # words as in a dictionary, 9 before 10; figures by their first number, what has none last both ways
        ("label", [["group-9", "group-10", "LOC", "PER"], ["PER", "LOC", "group-10", "group-9"]]),
        ("F1", [["group-9", "LOC", "PER", "group-10"], ["PER", "LOC", "group-9", "group-10"]]),
        ("95% interval", [["PER", "group-9", "LOC", "group-10"], ["LOC", "group-9", "PER", "group-10"]]),
        ("difference", [["LOC", "group-10", "PER", "group-9"], ["group-9", "PER", "group-10", "LOC"]]),
        ("support", [["group-9", "PER", "LOC", "group-10"], ["group-10", "LOC", "PER", "group-9"]]),
    ],
)
def test_a_table_sorts_by_figures_and_words_and_its_totals_stay_last(show, column, orders):
    browser = show(PAGE)
    given = ["PER", "LOC", "group-10", "group-9"]
    turns = ["ascending", "descending"] if column == "label" else ["descending", "ascending"]
    for order, turn in zip([*orders, given], [*turns, None], strict=True):
        press(browser, "thead button", column)
        assert texts(browser, "tbody th") == order
        assert texts(browser, "table tr th[scope=row]")[-1] == "micro average"
        states = [th.get_attribute("aria-sort") for th in browser.find_elements("css selector", ".columns th")]
        assert [state for state in states if state] == ([turn] if turn else [])
        assert texts(browser, "[aria-sort]") == ([column] if turn else [])


def test_percent_sorts_as_numbers_and_another_column_takes_over(show):
    browser = show(PAGE)
    press(browser, "thead button", "support")
    second = browser.execute_script("return document.querySelectorAll('thead button')[4]")
    second.click()
    assert texts(browser, "tbody th") == ["LOC", "PER", "group-9", "group-10"]
    assert texts(browser, "tbody tr:first-child > *") == list(SCORES.rows[1]), "whole rows move"
    assert texts(browser, "[aria-sort]") == ["F1"]


def test_kinds_and_words_filter_the_examples(show):
    browser = show(PAGE)
    assert texts(browser, "output") == ["3 shown"]
    press(browser, ".kinds button", "missed 7")
    assert (texts(browser, ".place"), texts(browser, "output")) == (["sentence 3", "sentence 4"], ["2 of 3 shown"])
    press(browser, ".kinds button", "spurious 4")
    assert texts(browser, ".place") == ["sentence 3", "sentence 4", "sentence 7"]
    assert texts(browser, "[aria-pressed=true]") == ["missed 7", "spurious 4"]
    press(browser, ".kinds button", "missed 7")
    assert (texts(browser, ".place"), texts(browser, "output")) == (["sentence 7"], ["1 of 3 shown"])
    press(browser, ".kinds button", "spurious 4")
    (box,) = browser.find_elements("css selector", "input")
    # a text with a mark inside is found as it stands in the data, and so is a label
    for wanted, places in [
        ("ada  MET bo in", ["sentence 3"]),
        ("人文博物馆是一栋两层", ["sentence 4"]),
        ("من القاهرة إلى", ["sentence 7"]),
        ("quantity", ["sentence 4"]),
        ("no such words", []),
    ]:
        box.clear()
        box.send_keys(wanted)
        assert texts(browser, ".place") == places
        assert texts(browser, "output") == [f"{len(places)} of 3 shown"]
    box.clear()
    box.send_keys(" ")
    assert texts(browser, "output") == ["3 shown"]


def test_a_report_of_20000_sentences_is_below_5_megabytes_and_can_be_used(show):
    page = render_html("20,000 sentences", large_report())
    assert len(page.encode("utf-8")) < 5_000_000
    browser = show(page)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.querySelectorAll('.example').length") == 800
    press(browser, ".kinds button", "spurious 2,000")
    shown = texts(browser, "output")
    assert shown == ["the first 50 of 160 shown"]
    for number, button in ((100, "show 50 more"), (150, "show 50 more"), (160, "show 10 more")):
        press(browser, ".more", button)
        assert len(texts(browser, ".example")) == number
    assert (texts(browser, "output"), texts(browser, ".more")) == (["160 of 800 shown"], [])
    press(browser, ".kinds button", "spurious 2,000")
    assert texts(browser, "output") == ["the first 50 of 800 shown"]
    browser.execute_script("document.querySelectorAll('details').forEach((found) => { found.open = true; })")
    press(browser, "thead button", "F1")
    column = [float(cell) for cell in texts(browser, "tbody td:nth-child(2)")[:60]]
    assert column == sorted(column, reverse=True)


def test_ticked_examples_are_saved_as_a_file_of_their_choices(show, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    items = tuple(
        Example(f"sentence {number}", ("missing",), "Ada spoke", choice=f'{{"row": {number}, "text": "\\u200b\\"<b>"}}')
        for number in range(3)
    )
    examples = Examples(
        "3 suspects", (("missing", 3),), (*items, Example("sentence 9", (), "none")), choices="suspects"
    )
    browser = show(render_html("news", [Section("Suspects", (examples,))]))
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    boxes = browser.find_elements("css selector", ".example input")
    assert len(boxes) == 3
    assert texts(browser, ".save") == ["save 0 ticked"]
    boxes[0].click()
    boxes[2].send_keys(" ")
    assert texts(browser, ".save") == ["save 2 ticked"]
    browser.find_element("css selector", ".save").click()
    for _ in range(100):
        if (folder / "ticked.json").is_file():
            break
        time.sleep(0.05)
    saved = json.loads((folder / "ticked.json").read_text(encoding="utf-8"))
    assert saved == {"suspects": [{"row": 0, "text": '\u200b"<b>'}, {"row": 2, "text": '\u200b"<b>'}]}
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []
