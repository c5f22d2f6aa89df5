"""The page of the service in headless Chromium: typing, hiding, correcting, keeping, and nothing that leaves it."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import find_browser, press, texts

from seqtag import load_corpus
from seqtag.runtime import load
from seqtag.serving.served_models import ServedModel
from seqtag.serving.settings import Settings

if find_browser() is None and not os.environ.get("CI"):
    pytest.skip("needs Chromium, its driver and selenium", allow_module_level=True)

TEXT = "😀 Marie met Ada in Oslo <img src=x onerror=alert(1)>."


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "kept.jsonl"


@pytest.fixture(scope="module")
def address(served: dict[str, ServedModel], goes_on: dict[str, ServedModel], kept: Path) -> Iterator[str]:
    from uvicorn import Config, Server

    from seqtag.serving.app import make_app
    from seqtag.serving.server import listen

    opened = listen("127.0.0.1", 0)
    models = {**served, **goes_on}
    app = make_app(Settings(dict.fromkeys(models, ""), collect=str(kept)), models=models)
    server = Server(Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    opened.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from selenium import webdriver

    found = find_browser()
    assert found is not None, "with CI=true the browser must be there"
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--window-size=1000,1200",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    yield driver
    driver.quit()


def wait(condition: Callable[[], object]) -> object:
    for _ in range(200):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("the page did not come so far")


def type_text(browser, address: str, text: str) -> None:
    browser.get(address)
    wait(lambda: texts(browser, "#about")[0])
    browser.execute_script(
        "const box = document.getElementById('text'); box.value = arguments[0]; box.dispatchEvent(new Event('input'))",
        text,
    )
    wait(lambda: texts(browser, "#marked") or texts(browser, "#bars"))
    wait(lambda: browser.execute_script("return document.getElementById('marked').textContent") == text)


def press_key(browser, selector: str, key: str) -> None:
    browser.execute_script("return document.querySelector(arguments[0])", selector).send_keys(key)


def test_spans_are_marked_where_the_model_finds_them(browser, address: str, served: dict[str, ServedModel]):
    type_text(browser, address, TEXT)
    spans = served["ner"].answer([TEXT])[0].spans
    assert spans
    assert texts(browser, "#marked mark") == [span.text for span in spans]
    assert [row.split("\n") for row in texts(browser, "#rows td:nth-child(3)")] == [[str(s.start)] for s in spans]
    assert not browser.execute_script("return document.querySelector('#marked img')")


def test_the_slider_and_the_labels_hide_spans(browser, address: str):
    type_text(browser, address, TEXT)
    assert texts(browser, "#marked mark")
    move = "const s = document.getElementById('threshold'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    browser.execute_script(move, "1")
    assert texts(browser, "#marked mark") == []
    browser.execute_script(move, "0")
    browser.execute_script("document.querySelectorAll('#labels input').forEach((box) => box.click())")
    assert texts(browser, "#marked mark") == []
    assert texts(browser, "#marked") == [TEXT]


def test_what_is_corrected_and_kept_can_be_read(browser, address: str, kept: Path, served: dict[str, ServedModel]):
    from selenium.webdriver.common.keys import Keys

    type_text(browser, address, TEXT)
    marks = texts(browser, "#marked mark")
    for _ in marks[1:]:
        press_key(browser, "#marked mark", Keys.DELETE)
    assert len(texts(browser, "#marked mark")) == 1
    press_key(browser, "#marked mark", Keys.ENTER)
    assert texts(browser, "#menu button") == [*served["ner"].labels, "Why?", "Remove"]
    press_key(browser, "#menu button:last-child", Keys.ENTER)
    # Marie, by selecting the word: places of a browser count the emoji as two
    browser.execute_script(
        "const node = document.getElementById('marked').firstChild; const range = document.createRange();"
        "range.setStart(node, 3); range.setEnd(node, 9);"
        "getSelection().removeAllRanges(); getSelection().addRange(range);"
        "document.getElementById('marked').dispatchEvent(new MouseEvent('mouseup'))"
    )
    wait(lambda: texts(browser, "#menu button"))
    press_key(browser, "#menu button", Keys.ENTER)
    assert texts(browser, "#marked mark") == ["Marie"]
    browser.execute_script("document.getElementById('keep').click()")
    wait(lambda: "Kept; 1 text so far." in texts(browser, "#kept"))
    row = load_corpus(str(kept), split="train")[0]
    names = load_corpus(str(kept), split="train").features["tags"].feature.names
    assert [token for token, tag in zip(row["tokens"], row["tags"]) if names[tag] != "O"] == ["Marie"]


def test_the_rest_is_found_beside_what_a_person_marked(browser, address: str, exported_tagger: Path):
    text = "Marie met Ada in Oslo."
    type_text(browser, address, text)
    browser.execute_script(
        "const range = document.createRange(), marked = document.getElementById('marked');"
        "const walk = document.createTreeWalker(marked, NodeFilter.SHOW_TEXT); let node = walk.nextNode();"
        "while (!node.data.includes('met')) node = walk.nextNode();"
        "const at = node.data.indexOf('met'); range.setStart(node, at); range.setEnd(node, at + 3);"
        "getSelection().removeAllRanges(); getSelection().addRange(range);"
        "marked.dispatchEvent(new MouseEvent('mouseup'))"
    )
    wait(lambda: texts(browser, "#menu button"))
    press(browser, "#menu button", "ORG")
    expected = load(exported_tagger).predict_spans([text], known=[[(6, 9, "ORG")]])[0]
    press(browser, "#rest", "Find the rest beside your marks")
    wait(lambda: texts(browser, "#rows td:nth-child(2)") == [span.text for span in expected])
    shown = ["yours" if span.text == "met" else f"{span.score:.4f}" for span in expected]
    wait(lambda: texts(browser, "#rows td:nth-child(5)") == shown)
    press(browser, "#back", "Undo the corrections")
    assert "met" not in texts(browser, "#rows td:nth-child(2)")


def test_a_classifier_shows_its_classes(browser, address: str, served: dict[str, ServedModel]):
    type_text(browser, address, "a fine day")
    choose_model(browser, "mood")
    wait(lambda: texts(browser, "#bars .name"))
    assert set(texts(browser, "#bars .name")) == set(served["mood"].labels)


def test_a_span_shows_why_it_was_found(browser, address: str, served: dict[str, ServedModel]):
    from selenium.webdriver.common.keys import Keys

    type_text(browser, address, TEXT)
    span = served["ner"].answer([TEXT])[0].spans[0]
    [expected] = served["ner"].explain(TEXT, replace(span, text=None, score=None))
    press_key(browser, "#marked mark", "?")
    wait(lambda: texts(browser, "#why-summary p"))
    assert texts(browser, "#why-summary p") == expected["summary"]
    assert texts(browser, "#why-title") == [f"Why {span.label} “{span.text}”"]
    assert browser.execute_script("return document.activeElement.id") == "why-title"
    assert not browser.execute_script("return document.querySelector('#why img')")
    words = {token["text"] for token in expected["tokens"]}
    assert set(texts(browser, "#why-rows td:first-child")) <= words
    assert texts(browser, "#why-words span") == [token["text"] for token in expected["tokens"]]
    press_key(browser, "#why-close", Keys.ENTER)
    assert texts(browser, "#why-title") == []
    # and by the menu that a click opens
    browser.execute_script("document.querySelector('#marked mark').click()")
    wait(lambda: texts(browser, "#menu button"))
    press(browser, "#menu button", "Why?")
    wait(lambda: texts(browser, "#why-summary p"))
    assert texts(browser, "#menu button") == []


def test_a_classifier_shows_why(browser, address: str, served: dict[str, ServedModel]):
    type_text(browser, address, "a fine day")
    choose = "const m = document.getElementById('model'); m.value = 'mood'; m.dispatchEvent(new Event('change'))"
    browser.execute_script(choose)
    wait(lambda: texts(browser, "#bars .name"))
    browser.execute_script("document.getElementById('why-class').click()")
    wait(lambda: texts(browser, "#why-summary p"))
    assert texts(browser, "#why-summary p") == served["mood"].explain("a fine day")[0]["summary"]


def choose_model(browser, name: str) -> None:
    script = "const m = document.getElementById('model'); m.value = arguments[0]; m.dispatchEvent(new Event('change'))"
    browser.execute_script(script, name)


def test_a_language_model_shows_what_may_follow(browser, address: str, goes_on: dict[str, ServedModel]):
    type_text(browser, address, "to b")
    choose_model(browser, "lm")
    wait(lambda: texts(browser, "#next .name"))
    symbols = goes_on["lm"].answer(["to b"])[0].symbols[:10]
    shown = [symbol.replace(" ", "␣").replace("\n", "↵") for symbol, _ in symbols]
    assert texts(browser, "#next .name") == shown
    assert texts(browser, "#next .value") == [f"{probability:.3f}" for _, probability in symbols]
    assert texts(browser, "#marked") == texts(browser, "#bars .name") == []  # nothing of the other kinds is in sight
    assert "language model of characters" in texts(browser, "#about")[0]


def test_a_part_of_a_word_is_kept_as_the_whole_word_and_said(browser, address: str, kept: Path):
    type_text(browser, address, "zzz Bob.")
    browser.execute_script(
        "const node = document.getElementById('marked').firstChild; const range = document.createRange();"
        "range.setStart(node, 4); range.setEnd(node, 6);"
        "getSelection().removeAllRanges(); getSelection().addRange(range);"
        "document.getElementById('marked').dispatchEvent(new MouseEvent('mouseup'))"
    )
    wait(lambda: texts(browser, "#menu button"))
    browser.execute_script("document.querySelector('#menu button').click()")
    browser.execute_script("document.getElementById('keep').click()")
    wait(lambda: "cuts a token; moved to 4:7 'Bob'." in texts(browser, "#kept")[0])
    assert json.loads(kept.read_text(encoding="utf-8").splitlines()[-1])["spans"][-1]["end"] == 7


@pytest.mark.parametrize("text", ["زار محمد مدينة Oslo", "王小明在北京工作。"])
def test_other_scripts_keep_their_order(browser, address: str, text: str):
    type_text(browser, address, text)
    direction = browser.execute_script(
        "const e = document.getElementById('marked'); return [getComputedStyle(e).direction, e.textContent]"
    )
    assert direction == ["rtl" if text.startswith("ز") else "ltr", text]


def test_it_fits_a_narrow_screen(browser, address: str):
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    type_text(browser, address, TEXT * 3)
    press_key(browser, "#marked mark", "?")
    wait(lambda: texts(browser, "#why-summary p"))
    width = browser.execute_script("return document.documentElement.scrollWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 400


def test_nothing_left_the_machine_and_nothing_went_wrong(browser, address: str):
    type_text(browser, address, TEXT)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if url.startswith("http") and not url.startswith(address)] == []
    assert browser.get_log("browser") == []
