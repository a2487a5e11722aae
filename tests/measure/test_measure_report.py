"""The HTML report: hostile texts stay texts, nothing comes from elsewhere, and the curves are where they
belong."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from safety.measure.charts import precision_recall, roc
from safety.measure.report import CUT, report, safe
from safety.measure.rows import Row
from safety.measure.run import Result, Seen, Timing
from safety.measure.summary import Summary, summarise
from safety.types import Action, Origin

HOSTILE = (
    "</td></table><script>alert('1')</script><img src=x onerror=alert(2)> & \"x\" \u202egnirts\x00\ud800"
)
TIMING = Timing((1.0,), 0, 0.0)


def result(label: int, score: float, text: str = "x", name: str = "hate") -> Result:
    row = Row("a:1", text, Origin.USER, {name: label}, (text,), "", text, text, text, text)
    action = Action.BLOCK if score >= 0.5 else Action.ALLOW
    return Result(row, action, {name: Seen(score, action)})


def summary_of(*results: Result, policy: str = "p@1") -> Summary:
    return summarise(policy, ["<a>"], results, TIMING)


class Page(HTMLParser):
    """Every tag, its attributes, and whether the tags close in order."""

    VOID = frozenset(("meta",))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def hostile_page() -> str:
    failed = Result(result(1, 0.1, HOSTILE).row, Action.BLOCK, {}, HOSTILE)
    rows = [result(0, 0.9, HOSTILE), result(1, 0.1, HOSTILE, HOSTILE), result(1, 0.2, HOSTILE), failed]
    return report(summary_of(*rows, policy=HOSTILE), 5)


def test_hostile_texts_stay_texts() -> None:
    html = hostile_page()
    page = Page(html)
    assert page.open == []
    assert {"script", "img", "iframe", "link", "object", "form"}.isdisjoint(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert {value for name, value in page.attributes if name in ("href", "src")} == {
        f"#{value}" for name, value in page.attributes if name == "id"
    }
    assert "<script>alert('1')</script>" in unescape(html)
    assert r"\u202egnirts\x00\ud800" in unescape(html)
    html.encode("utf-8")  # no lone surrogate is left


def test_the_content_policy_forbids_scripts_and_knows_the_style() -> None:
    html = report(summary_of(result(0, 0.9), result(1, 0.1)), 5)
    content = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert content is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert content[1] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    # A style attribute would be refused under this policy, and an address would be asked for.
    assert " style=" not in html
    assert "url(" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_texts_are_cut() -> None:
    long = "y" * (CUT + 50)
    assert safe(long) == "y" * (CUT - 1) + "…"
    assert "y" * CUT not in report(summary_of(result(0, 0.9, long)), 5)


def test_everything_that_is_seen_can_be_heard() -> None:
    page = Page(report(summary_of(result(0, 0.9), result(1, 0.1)), 5))
    counts = {tag: page.tags.count(tag) for tag in ("table", "caption", "svg", "figure", "figcaption")}
    assert counts["table"] == counts["caption"] > 3
    assert counts["svg"] == counts["figure"] == counts["figcaption"] == 6  # hate and harm, three each
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert sum("ROC curve of hate. Area 0.000" in (label or "") for label in labels) == 1
    assert ("lang", "en") in page.attributes


def test_one_class_has_no_curves() -> None:
    html = report(summary_of(result(0, 0.9), result(0, 0.1)), 5)
    assert "there are no curves to draw" in html
    assert "ROC curve" not in html
    assert "Calibration of hate" in html


def test_the_mistakes_are_as_many_as_asked_for() -> None:
    rows = [result(0, 0.9 - n / 100, f"alarm {n}.") for n in range(5)]
    html = report(summary_of(*rows, result(1, 0.1, "miss")), 2)
    shown = re.findall(r"<bdi>(alarm \d)\.</bdi></p>", html)
    assert shown == ["alarm 0", "alarm 1"] * 2  # for hate and for harm
    assert "<bdi>miss</bdi>" in html


def test_what_did_not_run_is_at_the_top() -> None:
    failed = Result(Row("a:7", "x", Origin.USER, {"hate": 1}), Action.BLOCK, {}, "it broke")
    html = report(summary_of(failed, result(0, 0.1, name="sexual")), 5)
    assert "1 rows could not run and are in no figure. The first is a:7: it broke" in html


def points(svg: str) -> list[tuple[float, float]]:
    """The points of the curve as shares of the square."""
    drawn = re.search(r'class="curve" points="([^"]*)"', svg)
    assert drawn is not None
    pairs = [point.split(",") for point in drawn[1].split()]
    return [((float(x) - 44) / 220, 1 - (float(y) - 12) / 220) for x, y in pairs]


def test_the_curves() -> None:
    scores = [(1, 0.9), (0, 0.8), (1, 0.7), (0, 0.1), (0, 0.1), (0, 0.1)]
    card = summary_of(*(result(label, score) for label, score in scores)).cards["hate"]
    assert points(roc("hate", card)) == [(0, 0), (0, 0.5), (0.25, 0.5), (0.25, 1), (1, 1)]
    steps = [(0, 1), (0.5, 1), (0.5, 0.5), (0.5, 2 / 3), (1, 2 / 3), (1, 1 / 3)]
    assert points(precision_recall("hate", card)) == [pytest.approx(step, abs=1e-3) for step in steps]


def test_curves_of_many_rows_stay_small() -> None:
    rows = [result(n % 2, (n * 7919 % 10007) / 10007) for n in range(5000)]
    card = summary_of(*rows).cards["hate"]
    assert len(points(roc("hate", card))) < 900
    assert len(roc("hate", card)) < 20_000
