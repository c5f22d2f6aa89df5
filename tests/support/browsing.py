"""What tests in a browser share: where it is, and how to read and press what it shows."""

import shutil
from importlib.util import find_spec


def find_browser() -> tuple[str, str] | None:
    """Return where Chromium and its driver lie, or None where they or selenium, which talks to them, are missing."""
    browsers = [path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))]
    driver = shutil.which("chromedriver")
    return (browsers[0], driver) if browsers and driver and find_spec("selenium") else None


def texts(browser, selector: str) -> list[str]:
    """Read the elements that a selector finds and a reader sees."""
    # textContent: innerText leaves out what is off the screen where content-visibility is auto
    found = "[...document.querySelectorAll(arguments[0])].filter((found) => found.checkVisibility())"
    return browser.execute_script(f"return {found}.map((found) => found.textContent.trim())", selector)


def press(browser, selector: str, words: str) -> None:
    """Press the button with these words as a keyboard does."""
    script = "return [...document.querySelectorAll(arguments[0])].find((e) => e.textContent === arguments[1])"
    button = browser.execute_script(script, selector, words)
    assert button is not None, texts(browser, selector)
    button.send_keys("\ue007")  # the Enter key
