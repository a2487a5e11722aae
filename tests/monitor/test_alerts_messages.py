"""Alerts as people and machines get them; names from strangers do no harm in any of them."""

import hashlib
import hmac
import json
import re
from dataclasses import replace

import pytest
from alerts_rig import NOW, alert, rule
from hypothesis import given
from hypothesis import strategies as st

from safety.monitor.alerts.messages import log_line, mail, signature, slack, webhook
from safety.monitor.alerts.rules import Bound, Email, Measure
from safety.monitor.alerts.words import chat, clean, reading_text, several, span, title

MAIL = Email("m", "h", 25, "alerts@example.org", ("a@example.org", "b@example.org"))
LINK = "https://safety.example.org/monitor"
HOSTILE = [
    "acme\r\nBcc: everybody@example.org",
    "acme\nX-Injected: 1\n\nbody",
    "<!channel> <@U123> <https://evil.example|click>",
    "@channel @here @everyone @all",
    "`@channel` [x](https://evil.example) ![p](https://evil.example/p.png) *bold*",
    "https://evil.example/",
    "&lt;!channel&gt;",
    "\x1b[2J\u202egnp.exe\x00",
    "\ud800 half",
    "a" * 5000,
    ".\r\n.\r\nMAIL FROM:<x@y>",
]


def mailed(one):
    return mail(one, MAIL, LINK, NOW)


def test_the_json():
    data = json.loads(webhook(alert(subject="acme", note="look"), LINK))
    assert data == {
        "version": 1,
        "id": "a1b2",
        "status": "firing",
        "test": False,
        "alert": "r",
        "severity": "warning",
        "subject": "acme",
        "value": 11.0,
        "said": "count of events over 5 min is 11 (above 10)",
        "note": "look",
        "since": "2026-11-23T10:00:30Z",
        "at": "2026-11-23T10:00:30Z",
        "link": LINK,
    }


def test_the_chat_message():
    data = json.loads(slack(alert(subject="acme", note="look"), LINK))
    assert data["text"].splitlines() == [
        ":rotating_light: *FIRING* warning `r`",
        "about `acme`",
        "`count of events over 5 min is 11 (above 10)`",
        "note `look`",
        "since 2026-11-23T10:00:30Z, alert a1b2",
        f"<{LINK}>",
    ]
    assert json.loads(slack(alert(test=True, status="resolved"), None))["text"].startswith(
        ":white_check_mark: *TEST* *RESOLVED*"
    )


def test_the_mail():
    firing, resolved = mailed(alert(subject="acme")), mailed(alert(subject="acme", status="resolved"))
    assert firing["Subject"] == "[FIRING] warning: r (acme)"
    assert firing["To"] == "a@example.org, b@example.org"
    assert firing["Message-ID"] == "<a1b2.firing@example.org>"
    assert resolved["In-Reply-To"] == firing["Message-ID"]
    assert firing["Auto-Submitted"] == "auto-generated"
    assert firing.get_content().splitlines() == [
        "[FIRING] warning: r (acme)",
        "count of events over 5 min is 11 (above 10)",
        "since 2026-11-23T10:00:30Z, alert a1b2",
        LINK,
    ]


def test_a_test_says_so_everywhere():
    one = alert(test=True)
    assert json.loads(webhook(one, None))["test"] is True
    assert "TEST" in json.loads(slack(one, None))["text"]
    assert mailed(one)["Subject"].startswith("[TEST, ")
    assert "TEST" in mailed(one).get_content()
    assert "TEST" in log_line(one, None)


FIELDS = {
    *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"In-Reply-To", b"References", b"Auto-Submitted"),
    *(b"X-Safety-Layer-Alert", b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version"),
}


def headers(message):
    """The names of the header fields of what goes over the wire."""
    head = message.as_bytes().partition(b"\n\n")[0]
    return [line.partition(b":")[0] for line in head.split(b"\n") if not line.startswith((b" ", b"\t"))]


def harmless(one, name):
    """What must be so of an alert that holds a stranger's ``name``."""
    text = json.loads(slack(one, None))["text"]
    for line in text.splitlines():
        assert line.count("`") % 2 == 0  # every code ends in its line
        outside = re.sub("`[^`]*`", "", line)
        assert not re.search(r"[<>@]|://", outside)
    assert not re.search(r"[<>]|@\w|://", text)
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    assert len(text.splitlines()) == len(json.loads(slack(alert(subject="x"), None))["text"].splitlines())
    names = headers(mailed(one))
    assert len(names) == len(set(names))
    assert set(names) <= FIELDS
    assert mailed(one)["To"] == "a@example.org, b@example.org"
    assert mailed(one).get_content().count("\n") == 4
    assert "\n" not in log_line(one, LINK)
    assert log_line(one, LINK).isprintable()
    assert json.loads(webhook(one, None))["subject"] == name


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name):
    harmless(alert(subject=name, said=f"count of {name}"), name)
    harmless(alert(subject=name, rule=name, note="", status="resolved"), name)


@given(st.text(max_size=60))
def test_any_name(name):
    if name:
        harmless(alert(subject=name, said=f"count of {name}"), name)


@given(st.text())
def test_code_of_a_chat_is_one_piece(text):
    shown = chat(text)
    assert shown[0] == shown[-1] == "`"
    assert "`" not in shown[1:-1]


def test_the_signature_is_what_the_description_says():
    body, secret = webhook(alert(), None), "0123456789abcdef"
    stamp, sign = signature(secret, body, 1_700_000_000).split(",")
    assert stamp == "t=1700000000"
    wanted = hmac.new(secret.encode(), b"1700000000." + body, hashlib.sha256).hexdigest()
    assert sign == f"v1={wanted}"


def test_titles_and_lists():
    assert title(alert(severity="critical")) == "[FIRING] critical: r"
    assert several([f"n{i}" for i in range(12)]).endswith("n9 and 2 more")
    assert clean("a\nb") == "a\\nb"
    assert clean("a" * 500, 10) == "a" * 9 + "…"
    assert [span(s) for s in (30, 60, 90, 600, 7200, 86_400, 90_000)] == [
        "30 s",
        "1 min",
        "90 s",
        "10 min",
        "2 h",
        "1 d",
        "25 h",
    ]


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        (Measure.COUNT, 12.0, "count of action block over 5 min is 12 (above 10)"),
        (Measure.RATE, 2.5, "action block per minute over 5 min is 2.5 (above 10)"),
        (
            Measure.COUNT,
            None,
            "count of action block over 5 min is not known: too little to judge (above 10)",
        ),
        (Measure.NOT_RUN, 3.0, "runs of block that did not succeed over 5 min is 3 (above 10)"),
        (Measure.ABSENCE, 0.0, "no action block in 5 min"),
        (Measure.BEHIND, 95.0, "the counts are 95 s behind the record (above 10 s)"),
        (Measure.LOST, 4.0, "events that could not be recorded over 5 min is 4 (above 10)"),
        (Measure.USER_SCORE, 0.75, "score over 5 min is 0.75 (above 10)"),
    ],
)
def test_readings_in_words(measure, value, text):
    assert reading_text(rule(measure=measure, of="action", name="block").when, "", value) == text


def test_detectors_that_did_not_run_are_named():
    def said(**when):
        return reading_text(rule(measure=Measure.NOT_RUN, of="failed", **when).when, "", 3.0)

    assert said(name="pii").startswith("runs of pii that did not succeed over 5 min is 3")
    assert said().startswith("runs of all detectors that")
    assert said(each=True).startswith("runs of one detector that")


def test_shares_and_latencies_have_units():
    share = rule(
        measure=Measure.SHARE, of="tenant+action", name="block", each=True, bound=Bound("at_least", 0.05)
    )
    assert reading_text(share.when, "acme", 0.123) == (
        "share of tenant+action each block over 5 min is 12.3 % (at least 5 %)"
    )
    late = replace(rule(measure=Measure.LATENCY, above=250).when, of="added_ms", quantile=0.99)
    assert reading_text(late, "", 312.25) == "0.99 quantile of added_ms over 5 min is 312.2 ms (above 250 ms)"
