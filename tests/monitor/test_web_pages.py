"""Every page over a real server: with a record, with an empty one, and with none."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from watching import record, recorded, some, ungrounded, verdict, watching

from safety.events.event import make_notice
from safety.events.log import EventLog
from safety.types import Action

PAGES = (
    "/monitor",
    "/monitor/trends",
    "/monitor/events",
    "/monitor/users",
    "/monitor/groundedness",
    "/monitor/policies",
    "/monitor/policies/0",
    "/monitor/health",
)


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    with recorded(tmp_path_factory.mktemp("record")) as one:
        yield one


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows(watch, path):
    answer = watch.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.count("<h1>") == 1
    assert 'aria-current="page"' in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_over_an_empty_record(tmp_path, path):
    EventLog(tmp_path / "events.sqlite").close()
    with watching(tmp_path / "events.sqlite") as empty:
        assert empty.get(path).status_code == 200


def test_without_a_record_pages_say_so_and_nothing_is_made(tmp_path):
    with watching(tmp_path / "none.sqlite") as one:
        for path in ("/monitor", "/monitor/policies", "/monitor/health"):
            answer = one.get(path)
            assert answer.status_code == 200
            assert "no event store there" in answer.text
        for path in ("/monitor/trends", "/monitor/events", "/monitor/users", "/monitor/groundedness"):
            answer = one.get(path)
            assert answer.status_code == 503
            assert "no event store there" in answer.text
            assert "Try again" in answer.text
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_comes_later_is_shown(tmp_path):
    with watching(tmp_path / "events.sqlite") as one:
        assert one.get("/monitor/events").status_code == 503
        with EventLog(tmp_path / "events.sqlite") as log:
            record(log, some())
        assert "attack.input" in one.get("/monitor/events").text


def test_unknown_addresses_have_a_page(watch):
    for path in (
        "/monitor/nothing",
        "/monitor/event/nobody.input",
        "/monitor/policies/7",
        "/monitor/user/nobody",
    ):
        answer = watch.get(path)
        assert answer.status_code == 404
        assert "To the first page" in answer.text
    assert watch.client.put("/monitor/health").status_code == 405
    assert watch.get("/").headers["location"] == "/monitor"


# --- now


def test_now_shows_the_newest_first_with_actions_in_words(watch):
    text = watch.get("/monitor").text
    ids = re.findall(r'/monitor/event/([\w.-]+)" data-item', text)
    assert ids == [
        "warranty.output",
        "late.input",
        "watched.input",
        "mail.input",
        "attack.input",
        "clean.input",
    ]
    assert "not run: <bdi>pii</bdi>" in text
    assert "would block" in text
    for action in ("allow", "block", "redact", "annotate"):
        assert f"<span>{action}</span>" in text


def test_now_filters_by_category_tenant_and_action(watch):
    def ids(query):
        return re.findall(r'/monitor/event/(\w+)\.\w+" data-item', watch.get(f"/monitor?{query}").text)

    assert ids("category=pii") == ["mail"]
    assert ids("category=pii&category=ungrounded") == ["warranty", "mail"]
    assert ids("category=pii,ungrounded") == ["warranty", "mail"]
    assert ids("tenant=globex") == ["watched"]
    assert ids("action=block") == ["attack"]
    assert ids("action=block&tenant=globex") == []
    assert "Nothing that matches yet" in watch.get("/monitor?action=block&tenant=globex").text


def test_now_works_without_javascript_and_can_be_paused(watch):
    text = watch.get("/monitor?tenant=acme").text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text
    assert "/monitor?paused=1&amp;tenant=acme" in text
    paused = watch.get("/monitor?paused=1").text
    assert "http-equiv" not in paused
    assert "Resume" in paused


def test_now_says_how_things_stand(watch):
    text = watch.get("/monitor").text
    assert "of 6 judged in 5 minutes" in text
    assert re.search(r'id="tile-block">.*?data-value>17 %<', text)
    assert re.search(r'id="tile-failed">.*?data-value>1<.*?pii', text)
    assert re.search(r'id="tile-p50">.*?data-value>1[0-5] ms<', text)


# --- event


def test_event_shows_everything_about_it(watch):
    text = watch.get("/monitor/event/attack.input").text
    assert "<mark>i••••e a•l p••••••s i••••••••••s</mark>" in text
    assert "ignore all" not in text
    for said in (
        "no_attacks",
        "prompt_attack.role_play",
        "0.91",
        "shield@1",
        "10 ms",
        "acme",
        "m-1",
        "0123456789ab",
    ):
        assert said in text
    n, _ = watch.monitor.desk.records.one("attack.input")
    receipt = watch.monitor.desk.records.receipt(n)
    assert receipt.hash in text
    assert receipt.writer in text
    assert f"{receipt.seq} in that writer" in text
    assert len(receipt.hash) == 64


def test_event_says_what_did_not_run(watch):
    text = watch.get("/monitor/event/late.input").text
    assert "Not every detector ran" in text
    assert "took longer than 500 ms" in text
    assert ">late</span>" in text


def test_event_says_what_monitor_mode_let_pass(watch):
    text = watch.get("/monitor/event/watched.input").text
    assert "monitor mode only records" in text
    assert "would block" in text


def test_event_marks_the_words_that_a_finding_is_about(watch):
    text = watch.get("/monitor/event/warranty.output").text
    assert "<mark>f••e y•••s</mark>" in text


def test_gaps_and_notices_have_a_page(tmp_path):
    with EventLog(tmp_path / "events.sqlite") as log:
        record(log, [verdict()])
        notice = make_notice(
            "alert", at=datetime.now(UTC), by="rule 7", about="many blocks", detail="12 in 5 min"
        )
        log.put(notice)
        log.flush(10)
    with watching(tmp_path / "events.sqlite") as one:
        text = one.get(f"/monitor/event/{notice.id}").text
        assert "12 in 5 min" in text
        assert "rule 7" in text
        assert "alert by rule 7 (many blocks): 12 in 5 min" in one.get("/monitor/events").text


# --- events


def shown(watch, query=""):
    return re.findall(r'/monitor/event/(\w+)\.\w+" data-item', watch.get(f"/monitor/events{query}").text)


def test_events_are_searched_by_the_keys_of_the_command_line(watch):
    assert shown(watch) == ["warranty", "late", "watched", "mail", "attack", "clean"]
    assert shown(watch, "?category=pii") == ["mail"]
    assert shown(watch, "?action=allow") == ["late", "watched", "clean"]
    assert shown(watch, "?rule=no_attacks&tenant=globex") == ["watched"]
    assert shown(watch, "?where=stage=output") == ["warranty"]
    assert shown(watch, "?where=tenant=globex+action=allow") == ["watched"]
    assert shown(watch, "?complete=false") == ["late"]
    assert shown(watch, "?since=2000-01-01&until=2001-01-01T10:00") == []
    assert "Nothing matches" in watch.get("/monitor/events?tenant=nobody").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?shoe=7", "unknown key &#39;shoe&#39;"),
        ("?action=maybe", "one of allow, annotate, redact, block"),
        ("?since=noon", "no time"),
        ("?before=x", "a row&#39;s number"),
        ("?where=nothing", "unknown key"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_the_form(watch, query, said):
    answer = watch.get(f"/monitor/events{query}")
    assert answer.status_code == 400
    assert said in answer.text
    assert 'id="search"' in answer.text


def test_events_page_back_without_repeating_or_leaving_out(tmp_path):
    with recorded(tmp_path, [verdict(f"e{number:03d}") for number in range(120)]) as one:
        path, seen = "/monitor/events?tenant=acme", []
        for _ in range(3):
            text = one.get(path).text
            seen += re.findall(r'/monitor/event/(e\d+)\.input" data-item', text)
            older = re.search(r'rel="next" href="([^"]+)"', text)
            path = older[1].replace("&amp;", "&") if older else ""
            assert "tenant=acme" in path or not path
        assert path == ""
        assert seen == [f"e{number:03d}" for number in reversed(range(120))]


# --- trends


def test_trends_draw_lines_whose_points_lead_to_their_events(watch):
    text = watch.get("/monitor/trends?by=category&range=1h").text
    assert 'class="curve s0"' in text
    assert 'stroke-dasharray="9 4"' in text
    assert "<polygon" in text
    links = [
        link.replace("&amp;", "&")
        for link in re.findall(r'<a href="(/monitor/events[^"]+)" aria-label', text)
    ]
    assert len(links) == 3
    for link in links:
        assert "category=" in link
        assert len(re.findall("data-item", watch.get(link).text)) >= 1


def test_trends_count_only_events_with_an_action(watch):
    text = watch.get("/monitor/trends?by=tenant&action=block&range=15m").text
    assert "Events with action block by tenant" in text
    assert re.search(r"<bdi>acme</bdi></a></td>.*?<td class=\"num\">1</td>", text)
    assert "<bdi>globex</bdi>" not in text


@pytest.mark.parametrize(
    "by", ["action", "category", "severity", "rule", "tenant", "model", "route", "policy", "failed"]
)
@pytest.mark.parametrize("period", ["15m", "30d"])
def test_trends_show_every_property_and_period(watch, by, period):
    assert watch.get(f"/monitor/trends?by={by}&range={period}").status_code == 200


def test_trends_refuse_what_they_do_not_know(watch):
    for query in ("by=shoe", "range=2y", "by=tenant&action=perhaps"):
        answer = watch.get(f"/monitor/trends?{query}")
        assert answer.status_code == 400
        assert "one of" in answer.text


# --- users, groundedness, health


def test_users_are_named_by_keys_that_lead_to_their_events(watch):
    text = watch.get("/monitor/users").text
    assert ">anna<" not in text
    (link,) = re.findall(r'<a href="(/monitor/user/[^"]+)"', text)
    answer = watch.get(link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/monitor/events?user=anna"
    assert shown(watch, "?user=anna") == ["warranty", "late", "mail", "attack", "clean"]


def test_groundedness_shows_excerpt_words_reason_and_support(watch):
    text = watch.get("/monitor/groundedness").text
    assert "<mark>f••e y•••s</mark>" in text
    assert "a source says otherwise" in text
    assert "23–33" in text
    assert "characters 120–188" in text
    assert "attack.input" not in text


def test_groundedness_pages_back(tmp_path):
    with recorded(tmp_path, [ungrounded(f"g{number:02d}") for number in range(30)]) as one:
        first = one.get("/monitor/groundedness").text
        older = re.search(r'rel="next" href="([^"]+)"', first)[1]
        second = one.get(older).text
        ids = [re.findall(r"/monitor/event/(g\d+)\.output", text) for text in (first, second)]
        assert [*dict.fromkeys(ids[0]), *dict.fromkeys(ids[1])] == [
            f"g{number:02d}" for number in reversed(range(30))
        ]


def test_health_says_how_large_the_record_is_and_what_failed(watch):
    text = watch.get("/monitor/health").text
    assert re.search(r"<dt>Events</dt><dd>6</dd>", text)
    assert re.search(r"<dt>Newest row</dt><dd>6</dd>", text)
    assert "follows the record" in text
    assert re.search(r"<bdi>pii</bdi></a></td><td>late</td>", text)


def test_health_asks_proxies(tmp_path):
    with recorded(tmp_path, [verdict("one", action=Action.BLOCK)]) as other:
        EventLog(tmp_path / "second.sqlite").close()
        with watching(tmp_path / "second.sqlite", proxies=(other.url, "http://127.0.0.1:9")) as one:
            text = one.get("/monitor/health").text
    assert "unreachable" in text
    assert "status 404" in text  # another dashboard is no proxy
