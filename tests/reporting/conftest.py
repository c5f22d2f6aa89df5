"""Fixtures of the tests in a browser: headless Chromium, one for a module, and a function that opens a page in it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import find_browser

FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start one browser for a module; skip without one, but fail in CI, where it must be."""
    found = find_browser()
    if found is None:
        in_ci = os.environ.get("CI") == "true"  # apart: a failed assert shows its parts, and this is the environment
        assert not in_ci, "CI must have chromium, chromium-driver and selenium: see .ci/run"
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver) and selenium")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        # the driver answers on this machine: a proxy is not for it
        patch.setenv("NO_PROXY", "localhost,127.0.0.1")
        patch.setenv("no_proxy", "localhost,127.0.0.1")
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def show(browser, tmp_path: Path):
    """Give a function that opens a page from disk in a window of 1200 by 900, and forgets what was logged before."""

    def open_page(page: str, *, width: int = 1200, scheme: str = "light", scripts: bool = True) -> Any:
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get("about:blank")
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(path.as_uri())
        return browser

    return open_page
