"""Every page in a real Chromium, with a real proxy and real traffic behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import Browser, browser
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from upstreams import ScriptedUpstream, completion, whole
from watching import Watch, watching

from safety.server.app import create_app
from safety.server.config import EndpointShape, ServeShape, configure
from safety.server.run import Background

POLICY = """\
version: 1
name: shop
record: {raw_excerpts: true}
detectors:
  blocklist: {lists: {stop: {terms: [forbidden]}, hide: {terms: [hidden]}}}
rules:
  - {id: stop, when: {category: blocklist.stop}, action: block}
  - {id: hide, when: {category: blocklist.hide}, action: redact, replacement: "[HIDDEN]"}
"""
ATTACK = "Tell me the forbidden thing."
PAGES = ("", "/trends", "/events", "/users", "/groundedness", "/policies", "/policies/0", "/health")
PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    "\"'><body onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "{{ 7*7 }}${7*7}<%= 7*7 %>",
    "</textarea></template></style></title><script>window.pwned=1</script>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<style>@import 'http://evil.example/x.css';</style><link rel=stylesheet href=//evil.example/x>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "\u202eabc\u2066<b>bold</b>\u0007\x1b[31m",
    "data:text/html,<script>window.pwned=1</script>",
)


@dataclass
class Scene:
    """The proxy, the dashboard over its record, and a browser before it."""

    proxy: str
    watch: Watch
    browser: Browser

    def ask(self, text: str, **more: Any) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        return httpx.post(f"{self.proxy}/v1/chat/completions", json=body, timeout=60)

    def open(self, path: str = "") -> None:
        self.browser.open(f"{self.watch.url}/monitor{path}")

    def live(self) -> None:
        """The feed of the page is connected."""
        self.browser.wait(lambda: self.browser.all("#live[data-state=on], #live[data-state=live]"), 20)

    def rows(self) -> list[str]:
        return [str(row.text) for row in self.browser.all("#feed tbody tr")]


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    (folder / "shop.yaml").write_text(POLICY)
    store = folder / "events.sqlite"
    with ExitStack() as stack:
        window = stack.enter_context(browser())
        upstream = stack.enter_context(ScriptedUpstream(whole(completion("a hidden answer"))))
        shape = ServeShape(
            endpoints=[EndpointShape(name="test", url=upstream.url)],
            policy=str(folder / "shop.yaml"),
            store=str(store),
            monitor=False,
        )
        proxy = stack.enter_context(Background(create_app(configure(shape, os.environ)), "127.0.0.1", 0))
        watch = stack.enter_context(watching(store, policies=(str(folder / "shop.yaml"),)))
        yield Scene(proxy.url, watch, window)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture
def at(seen: Scene) -> Iterator[Scene]:
    """The scene; afterwards nothing may have gone wrong in any page, and nobody else been asked."""
    seen.browser.complaints()
    seen.browser.requested()
    yield seen
    assert seen.browser.complaints() == []
    assert seen.browser.requested() <= {seen.watch.url}


def test_an_attack_sent_through_the_proxy_is_on_screen(at: Scene) -> None:
    at.open()
    at.live()
    assert at.ask(ATTACK, user="mallory").status_code == 400
    took = at.browser.wait(lambda: any("block" in row and "blocklist.stop" in row for row in at.rows()))
    print(f"on screen after {took:.2f} s")


def test_filters_hold_for_what_is_there_and_for_what_comes(at: Scene) -> None:
    at.ask("How are you?")
    at.open()
    at.browser.wait(lambda: any("redact" in row for row in at.rows()))
    at.browser.choose("select[name=action]", "block")
    at.browser.click("form.filters button.primary")
    at.browser.wait(lambda: "action=block" in at.browser.driver.current_url)
    at.live()
    before = len(at.rows())
    at.ask("How are you now?")
    at.ask(ATTACK)
    at.browser.wait(lambda: len(at.rows()) == before + 1)
    assert all("block" in row for row in at.rows())


def test_pausing(at: Scene) -> None:
    at.open()
    at.live()
    before = len(at.rows())
    at.browser.driver.find_element(By.TAG_NAME, "body").send_keys("p")
    at.browser.wait(lambda: at.browser.all("#live[data-state=paused]"))
    at.ask(ATTACK)
    assert len(at.rows()) == before
    at.browser.click("#pause")
    at.browser.wait(lambda: len(at.rows()) > before)


def test_an_event_and_this_was_wrong(at: Scene) -> None:
    at.ask(ATTACK)
    at.open("/events?action=block")
    at.browser.click("tbody tr a")
    at.browser.wait(lambda: "Decided by stop" in at.browser.text())
    assert "blocklist@" in at.browser.text()
    at.browser.click("a.button[href*='/wrong/']")
    at.browser.wait(lambda: at.browser.all("textarea[name=text]"))
    at.browser.write("textarea[name=text]", ATTACK)
    at.browser.write("input[name=reason]", "a question about the museum")
    at.browser.click("main form.stacked button.primary")
    at.browser.wait(lambda: at.browser.all("pre.diff"))
    diff = at.browser.text("pre.diff")
    assert "+exceptions:" in diff
    assert "a question about the museum" in diff
    assert "+tests:" in diff


def test_words_are_shown_only_on_request_which_is_on_record(at: Scene) -> None:
    at.ask(ATTACK)
    at.open("/events?action=block")
    at.browser.click("tbody tr a")
    at.browser.wait(lambda: "Decided by stop" in at.browser.text())
    assert "forbidden thing" not in at.browser.text()
    at.browser.click(".deeds form button")
    at.browser.wait(lambda: "forbidden" in at.browser.text(".hits"))
    at.open("/events")
    assert "looked" in at.browser.text("main")


def test_a_point_of_a_trend_leads_to_its_events(at: Scene) -> None:
    at.ask(ATTACK)
    at.watch.counted()
    at.open("/trends?span=1h")
    at.browser.wait(lambda: at.browser.all("svg a"))
    link = at.browser.all("main table a")[0].get_attribute("href")
    at.browser.open(str(link))
    at.browser.wait(lambda: at.browser.all("tbody tr"))


def test_a_text_is_tried_on_a_policy(at: Scene) -> None:
    at.open("/policies/0")
    at.browser.write("textarea[name=text]", "a forbidden thing")
    at.browser.click("main form.stacked button.primary")
    at.browser.wait(lambda: at.browser.all("#tried"), 60)
    assert "stop" in at.browser.text("#tried li.fired")


def test_every_page_by_keyboard_in_both_lights_and_on_a_phone(at: Scene) -> None:
    for width in (1280, 390):
        at.browser.driver.set_window_size(width, 900)
        for theme in ("Dark", "Light"):
            at.open()
            at.browser.driver.find_element(By.XPATH, f"//form[@class='theme']//button[.='{theme}']").click()
            for path in PAGES:
                at.open(path)
                assert at.browser.text("h1")
                wide = at.browser.driver.execute_script(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, f"{path} at {width} px is {wide} px too wide"
    at.browser.driver.set_window_size(1280, 900)
    body = at.browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys("?")
    at.browser.wait(lambda: at.browser.all("dialog[open]"))
    at.browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    at.browser.wait(lambda: not at.browser.all("dialog[open]"))
    at.browser.driver.find_element(By.TAG_NAME, "body").send_keys("g", "t")
    at.browser.wait(lambda: "Trends" in at.browser.text("h1"))


def test_hostile_texts_do_nothing_anywhere(at: Scene) -> None:
    at.open()
    at.live()
    for payload in PAYLOADS:
        at.ask(f"forbidden {payload}", model=payload, user=payload)
    at.browser.wait(lambda: len(at.rows()) >= len(PAYLOADS), 30)
    assert at.browser.driver.execute_script("return window.pwned") is None
    at.watch.counted()
    at.open("/events?action=block")
    links = [str(link.get_attribute("href")) for link in at.browser.all("tbody tr a")][: len(PAYLOADS)]
    for url in (*(f"{at.watch.url}/monitor{path}" for path in PAGES), *links):
        at.browser.open(url)
        assert at.browser.driver.execute_script("return window.pwned") is None, url
        assert at.browser.driver.current_url.startswith(at.watch.url)
        assert at.browser.text("h1")
    for button in at.browser.all(".deeds form button"):
        button.click()
        break
    assert at.browser.driver.execute_script("return window.pwned") is None
