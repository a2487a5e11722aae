"""The page of ``safety-layer ground --html``: two sides with links between, and nothing that could run."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ground_cases import ALIEN, ANSWER, RIGHT, TOWER, WRONG, Ground, fill, grounding_of, printed, run

from safety.cli.ground_page import ground_page
from safety.cli.main import main

Capture = pytest.CaptureFixture[str]
HOSTILE = "<script>alert('1')</script>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources and a policy that asks no model."""
    return fill(tmp_path)


@pytest.fixture
def ground(folder: Path) -> Ground:
    """The command with both sources and the policy."""
    return partial(run, folder)


class Page(HTMLParser):
    """The tags and attributes of a page, which must be well nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def test_the_page_shows_both_sides(ground: Ground, folder: Path, capsys: Capture) -> None:
    path = folder / "page.html"
    path.write_text("an older page")
    answer = f"{ANSWER} The Eiffel Tower is 360 metres tall."
    assert ground(answer, "--html", str(path), "--correct", "--cite", "--question", "How tall?") == 1
    assert capsys.readouterr().out.startswith("⟦")
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    links = [value for value in page.values("href") if value is not None]
    assert {link[1:] for link in links} <= set(page.values("id"))
    assert {"#evidence-1", "#note-2", "#evidence-3", "#claim-1", "#claim-2", "#claim-3"} == set(links)
    assert len(page.values("id")) == len(set(page.values("id")))
    assert f'href="#evidence-1" aria-describedby="note-1"><u>{WRONG}</u>' in html
    assert '<mark id="evidence-1"><span id="evidence-3"></span>The Eiffel Tower is 330' in html
    assert "3 of 4 claims are not borne out" in html
    for title in ("The question", "The answer", "The sources", "Corrected", "Cited"):
        assert f"<h2>{title}</h2>" in html
    assert not list(folder.glob("*.new"))


def test_a_page_of_what_is_borne_out(ground: Ground, folder: Path) -> None:
    assert ground(RIGHT, "--html", str(folder / "page.html"), "--json") == 0
    html = (folder / "page.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.values("href") == []
    assert {"a", "u", "mark", "ol"}.isdisjoint(page.tags)
    assert "0 of 1 claim" in html


def test_hostile_texts_stay_texts(folder: Path, capsys: Capture) -> None:
    name = folder / "<img src=x onerror=alert(1)>\u202e'\".txt"
    name.write_text(f'{TOWER} {HOSTILE} " onclick="x \x00', encoding="utf-8")
    answer = f"{HOSTILE} The Eiffel Tower is 350 {HOSTILE} metres tall. \"'><b>{ALIEN}"
    args = ["--source", str(name), "--policy", str(folder / "p.yaml"), "--html", str(folder / "page.html")]
    code = main(["ground", "--answer", answer, "--question", HOSTILE, "--correct", "--cite", *args])
    assert code == 1
    assert "\u202e" not in capsys.readouterr().out
    html = (folder / "page.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert {"script", "img", "iframe", "link", "object", "form"}.isdisjoint(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert all(value is not None and value.startswith("#") for value in page.values("href"))
    assert unescape(html).count(HOSTILE) >= 4
    assert r"\u202e" in html
    assert r"\x00" in html


def test_the_content_policy_forbids_scripts_and_knows_the_style() -> None:
    html = ground_page(grounding_of(ANSWER))
    content = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert content is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert content[1] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert " style=" not in html
    assert "url(" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]
    assert "underline wavy" in style[1]


def test_lines_of_the_answer_are_kept() -> None:
    grounding = grounding_of(f"- {WRONG}\r\n- {RIGHT}\n\n{ALIEN}")
    assert printed(grounding).splitlines()[:4] == [
        f"⟦- {WRONG}⟧[^1]",
        f"- {RIGHT}",
        "",
        f"⟦{ALIEN}⟧[^2]",
    ]
    assert f"<sup>1</sup></a>\n- {RIGHT}\n\n<a" in ground_page(grounding)
