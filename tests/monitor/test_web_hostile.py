"""What strangers write: labels, rules, categories, excerpts, ids and addresses never become markup."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from watching import Listener, recorded, verdict

from safety.events.event import make_event
from safety.monitor.charts import Line, lines_chart
from safety.monitor.guarded import CONTENT_POLICY
from safety.monitor.shown import excerpt, has_raw, is_masked, line
from safety.types import Action, Ran

MARK = "hostile"
CORPUS = (
    f'<script>{MARK}("1")</script>',
    f'"><img src=x onerror={MARK}(2)>',
    f"' onmouseover='{MARK}(3)",
    f"</title></textarea></template><svg onload={MARK}(4)>",
    f"{{{{ {MARK}.__class__ }}}}{{% for x in y %}}",
    f"javascript:{MARK}(5)",
    f"<!--<a href=//evil.example/{MARK}>",
    f"\u202e{MARK}\u2066 \u200b\x00\x1b[31m\r\nset-cookie: a=b",
    f"\ud800{MARK}\udfff",
    f"a/../../{MARK}?x#y%2f%00",
    f"{MARK}&lt;b&gt;&amp;",
    f"data: {MARK}\n\nevent: now\ndata: {{}}",
)


def hostile(number, text):
    """An event that holds ``text`` wherever a client, a policy or a detector could put it."""
    return verdict(
        f"id-{text}-{number}",
        words="previous",
        text=f"{text} previous {text}",
        rule=f"rule {text}",
        category=f"ungrounded.{text}",
        policy=f"{text}@{text}",
        labels=dict.fromkeys(("tenant", "model", "user", "route", "conversation", text), text),
        evidence=text,
        detail=text,
        ran=Ran.FAILED,
        error=f"ValueError: {text}",
        action=Action.BLOCK,
    )


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    events = [hostile(number, text) for number, text in enumerate(CORPUS)]
    with recorded(tmp_path_factory.mktemp("hostile"), events, raw=True) as one:
        yield one


class Tags(HTMLParser):
    """All that a browser would take for tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []
        self.inside = ""

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.inside != "textarea":  # what somebody wrote, for them to write on
            self.texts.append(data)


ALLOWED = set(
    "html head meta title link script noscript body a svg path circle line polyline polygon rect text g"
    " header nav ul ol li form input fieldset legend button div span main h1 h2 h3 p dl dt dd table caption"
    " thead tbody tr th td time bdi label select option section template dialog kbd code strong mark details"
    " summary textarea br pre".split()
)


def harmless(answer):
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    text = answer.text
    found = Tags()
    found.feed(text)
    assert found.tags <= ALLOWED | {"title"}
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name, value)
        assert name not in ("style", "srcdoc"), (tag, name)
        if name in ("href", "src", "action", "formaction"):
            assert value.startswith(("/monitor", "#")), (tag, name, value)
    for tag, name, value in found.attributes:
        assert MARK not in name, (tag, name, value)
    seen = [*found.texts, *(value for _, name, value in found.attributes if name != "value")]
    for forbidden in ("\x00", "\x1b", "\u202e", "\u2066", "\u200b"):
        assert not [text for text in seen if forbidden in text]
    assert "set-cookie" not in {
        name for name in answer.headers if name == "set-cookie" and MARK in answer.headers[name]
    }
    return text


def test_pages_over_hostile_events(watch):
    for path in (
        "/monitor",
        "/monitor/events",
        "/monitor/users",
        "/monitor/groundedness",
        "/monitor/policies",
        "/monitor/health",
        *(
            f"/monitor/trends?by={by}"
            for by in ("category", "rule", "tenant", "model", "route", "policy", "failed")
        ),
    ):
        answer = watch.get(path)
        assert answer.status_code == 200
        assert MARK in harmless(answer) or path in ("/monitor/users", "/monitor/trends?by=failed")


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_every_hostile_event_has_a_page_that_its_links_lead_to(watch, number):
    text = watch.get("/monitor/events").text
    links = [
        link.replace("&amp;", "&") for link in re.findall(r'href="(/monitor/event/id-[^"]+)" data-item', text)
    ]
    assert len(links) == len(CORPUS)
    link = links[len(CORPUS) - 1 - number]
    answer = watch.get(link)
    assert answer.status_code == 200, link
    assert MARK in harmless(answer)
    unmasked = watch.form(link, {})
    assert unmasked.status_code == 200
    harmless(unmasked)
    wrong = watch.get(link.replace("/event/", "/wrong/"))
    assert wrong.status_code == 200
    harmless(wrong)
    for other in re.findall(r'href="(/monitor/events\?[^"]+)"', answer.text):
        found = watch.get(other.replace("&amp;", "&"))
        assert found.status_code == 200, other
        assert "data-item" in harmless(found), other


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_addresses(watch, text):
    asked = quote(text.encode("utf-8", "replace"), safe="")
    for path in (
        f"/monitor/{asked}",
        f"/monitor/event/{asked}",
        f"/monitor/user/{asked}",
        f"/monitor/events?category={asked}&tenant={asked}&rule={asked}&where={asked}&since={asked}",
        f"/monitor/events?{asked}={asked}",
        f"/monitor?category={asked}&tenant={asked}&action={asked}",
        f"/monitor/trends?by={asked}",
        f"/monitor/trends?range={asked}",
        f"/monitor/groundedness?before={asked}",
        f"/monitor/login?to={asked}",
    ):
        harmless(watch.get(path))


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_forms(watch, text):
    sent = text.encode("utf-8", "replace").decode()
    harmless(watch.form("/monitor/policies/0", {"text": sent, "kind": sent, "beside": sent}))
    answer = watch.form("/monitor/theme", {"theme": sent, "back": sent})
    assert answer.headers["location"] == "/monitor"
    (link,) = re.findall(r'href="(/monitor/event/id-[^"]+)" data-item', watch.get("/monitor/events").text)[
        -1:
    ]
    fields = {"hit": "0", "text": sent, "reason": sent, "kind": "sha256", "expires": sent}
    harmless(watch.form(link.replace("/event/", "/wrong/"), fields))


def test_the_stream_holds_one_message_per_entry(watch):
    with watch.client.stream("GET", "/monitor/stream?after=0") as answer:
        feed = Listener(answer)
        said = [feed.next("entry")[1] for _ in CORPUS]
    for number, one in enumerate(said):
        assert one["kind"] == "event"
        assert MARK in one["tenant"]
        assert one["id"].endswith(f"-{number}.input")
        assert json.dumps(one).isascii()


def test_the_script_only_writes_text(watch):
    for name in ("now.js", "keys.js"):
        answer = watch.get(f"/monitor/static/{name}")
        assert answer.status_code == 200
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
        ):
            assert forbidden not in answer.text


def test_charts_escape_names():
    at = [datetime(2026, 11, 23, tzinfo=UTC)]
    for text in CORPUS:
        drawn = lines_chart(text, at, 60, [Line(text, [3])], lambda name, _: f"/monitor?x={name}")
        found = Tags()
        found.feed(drawn)
        assert found.tags <= {"svg", "a", "g", "title", "text", "line", "polyline", "circle"}
        assert not [name for _, name, _ in found.attributes if name.startswith("on") or name == "style"]


# --- words that must not be shown


def one(category="prompt_attack.x", raw=True, words="all previous instructions", **fields):
    made = make_event(
        verdict(category=category, words=words, **fields), at=datetime.now(UTC), raw_excerpts=raw
    )
    return made, made.hits[0]


def test_raw_excerpts_are_masked_unless_asked_for():
    event, hit = one()
    assert has_raw(event)
    assert not is_masked(hit)
    masked = excerpt(hit)
    assert masked.masked
    assert "previous" not in str(masked)
    assert "Please" not in str(masked)
    shown = excerpt(hit, raw=True)
    assert not shown.masked
    assert shown.found == (("all previous instructions", True),)
    _, hit = one("pii.EMAIL_ADDRESS", words="anna.schmidt@example.org")
    assert excerpt(hit).found == (("EMAIL_ADDRESS ****", True),)


@pytest.mark.parametrize("category", ["prompt_attack.x", "pii.EMAIL_ADDRESS", "secret.aws", "canary"])
def test_masked_excerpts_are_known_as_such(category):
    event, hit = one(category, raw=False)
    assert is_masked(hit)
    assert not has_raw(event)
    assert excerpt(hit).masked
    assert "previous" not in str(excerpt(hit))


def test_lines_hold_no_excerpt():
    event, _ = one()
    assert "previous" not in json.dumps(line(event))
