"""A headless Chromium with a fresh profile; skips the test where it is not installed."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Browser:
    """Chromium, and what went wrong in its pages."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def text(self, selector: str = "body") -> str:
        found: str = self.driver.find_element(By.CSS_SELECTOR, selector).text
        return found

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def write(self, selector: str, text: str) -> None:
        field = self.driver.find_element(By.CSS_SELECTOR, selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, words: str) -> None:
        Select(self.driver.find_element(By.CSS_SELECTOR, selector)).select_by_visible_text(words)

    def wait(self, what: Callable[[], object], seconds: float = 10) -> float:
        """Until it holds; seconds it took."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(NoSuchElementException, StaleElementReferenceException):
                if what():
                    return time.monotonic() - began
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {self.text()[:2000]}"
            time.sleep(0.02)

    def complaints(self) -> list[str]:
        """What the console said since the last call: errors, and violations of the content policy."""
        lines = self.driver.get_log("browser")
        return [str(line["message"]) for line in lines if line["level"] in ("SEVERE", "WARNING")]

    def requested(self) -> set[str]:
        """The origins that were asked for anything since the last call."""
        sent = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
        return {"/".join(url.split("/")[:3]) for url in urls if url.startswith("http")}

    def shot(self, path: Path, width: int = 1280, height: int = 900) -> None:
        self.driver.set_window_size(width, height)
        self.driver.save_screenshot(str(path))


@contextlib.contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """One for the ``with`` block."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            yield Browser(chrome)
        finally:
            chrome.quit()
