"""What ``/metrics`` says after real traffic."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from metric_rigs import CHAT, FORBIDDEN, Page, application, ask, eventually, hangs
from prometheus_client.openmetrics import parser as openmetrics
from rigs import POLICY, RigMaker
from upstreams import completion, events, streamed, whole

from safety.detectors.base import Detector, Scope
from safety.events.entry import DetectorRun, Event, Gap, Notice, timestamp
from safety.events.log import EventLog
from safety.events.memory import MemoryLog
from safety.events.query import EventQuery
from safety.server.metrics import OTHER, Metered, Metrics, Routes, publish
from safety.server.run import Background
from safety.types import Action, Exchange, Finding, Ran, Stage
from safety.wire.openai import OpenAICodec


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Callable[..., tuple[str, MemoryLog]]]:
    """A maker of whole applications on loopback: their URL and their record."""
    with ExitStack() as stack:
        yield partial(application, stack, tmp_path)


Make = Callable[..., tuple[str, MemoryLog]]


def test_blocked_redacted_and_clean_requests_are_told_apart(proxy: Make) -> None:
    url, log = proxy(whole(completion("the hidden word")))
    assert [ask(url).status_code, ask(url, FORBIDDEN).status_code] == [200, 400]
    page = Page(url)
    counted = {
        (stage, action): page("safety_requests_total", route=CHAT, stage=stage, action=action)
        for stage in ("input", "output")
        for action in ("allow", "annotate", "redact", "block")
    }
    assert {key: value for key, value in counted.items() if value} == {
        ("input", "allow"): 1,
        ("input", "block"): 1,
        ("output", "redact"): 1,
    }
    assert page.values("safety_requests_total", "route") == {CHAT: len(log.events)}
    assert page.values("safety_rule_hits_total", "rule") == {"stop": 1, "hide": 1}
    categories = {"blocklist.stop": 1, "blocklist.hide": 1}
    assert page.values("safety_category_hits_total", "category") == categories
    assert page("safety_stage_seconds_count", stage="input") == 2
    assert page("safety_stage_seconds_count", stage="output") == 1
    spent = sum(event.seconds for event in log.events)
    assert page("safety_stage_seconds_sum") == pytest.approx(spent)
    assert page("safety_requests_in_flight") == 0
    assert page("safety_workers") == 1


def test_what_was_judged_before_is_counted_as_known(proxy: Make) -> None:
    url, log = proxy(whole(completion("fine")))
    for _ in range(3):
        ask(url)
    page = Page(url)
    assert page("safety_detector_runs_total", detector="blocklist", outcome="ok") == 2
    assert page("safety_detector_runs_total", detector="blocklist", outcome="cached") == 4
    assert page("safety_detector_seconds_count", detector="blocklist") == 2
    spent = sum(run.ms for event in log.events for run in event.ran) / 1000
    assert page("safety_detector_seconds_sum", detector="blocklist") == pytest.approx(spent)
    assert page.values("safety_memo_lookups_total", "result") == {"hit": 4, "miss": 2}


def test_a_stream_is_one_stage(proxy: Make) -> None:
    url, log = proxy(streamed(events(["One. ", "Two hidden. ", "Three forbidden. ", "Four."])))
    assert "content_filter" in ask(url, stream=True).text
    page = Page(url)
    assert page("safety_requests_total", stage="output", action="block") == 1
    assert page("safety_stage_seconds_count", stage="output") == 1
    assert page("safety_detector_runs_total", detector="blocklist", outcome="ok") == 2
    ran = log.events[1].ran[0]
    assert page("safety_detector_seconds_sum", detector="blocklist") >= ran.ms / 1000


class Broken(Detector):
    name, version, scope, categories = "broken", "7", Scope.SEGMENT, ("toy",)

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        raise RuntimeError("it broke")


BROKEN = POLICY + '  - {id: toys, when: {category: "*"}, action: block}\non_error: annotate\n'


def test_a_failed_detector_is_counted_by_how_it_failed(rig: RigMaker) -> None:
    metrics = Metrics(Routes((OpenAICodec(),)))
    one = rig(whole(completion("fine")), BROKEN, [Broken()], Metered(MemoryLog(), metrics))
    assert ask(one.url).status_code == 200
    with Background(publish(FastAPI(), metrics.folder), "127.0.0.1", 0) as served:
        page = Page(served.url)
    assert page("safety_detector_runs_total", detector="broken", outcome="failed") == 2
    assert page("safety_detector_runs_total", detector="broken") == 2
    assert page("safety_incomplete_total", stage="input") == 1
    assert page("safety_requests_total", action="annotate") == 2
    assert page.values("safety_rule_hits_total", "rule") == {"on_error": 2}


def event(**more: Any) -> Event:
    plain = Event("e.input", "e", Stage.INPUT, "", "p", Action.ALLOW, Action.ALLOW, True, 0.25)
    return replace(plain, **{"labels": {"route": CHAT}, **more})


@contextmanager
def counting() -> Iterator[tuple[Metrics, str]]:
    """Metrics, and where they can be read."""
    metrics = Metrics(Routes((OpenAICodec(),), ("GET /v1/models", "GET /v1/*")))
    with Background(publish(FastAPI(), metrics.folder), "127.0.0.1", 0) as served:
        yield metrics, served.url


def test_every_outcome_of_a_run_has_its_count_and_times_fall_into_their_buckets() -> None:
    ran = (
        DetectorRun("a@1", Ran.OK, 250.0),
        DetectorRun("a@2", Ran.OK, 0.05, cached=3),
        DetectorRun("b@1", Ran.OK, 0.0, cached=3),
        DetectorRun("b@1", Ran.FAILED, 1.0),
        DetectorRun("c@1", Ran.LATE, 99_000.0),
        DetectorRun("d@1", Ran.SKIPPED, 0.0),
        DetectorRun("e@1", Ran.OK, 0.0),  # had nothing to judge: no run
    )
    with counting() as (metrics, url):
        metrics.count(event(ran=ran))
        page = Page(url)
    outcomes = {name: page.values("safety_detector_runs_total", name) for name in ("detector", "outcome")}
    assert outcomes["detector"] == {"a": 2, "b": 2, "c": 1, "d": 1}
    assert outcomes["outcome"] == {"ok": 2, "cached": 1, "failed": 1, "late": 1, "skipped": 1}
    bucket = {"detector": "a", "name": "safety_detector_seconds_bucket"}
    assert [page(**bucket, le=le) for le in ("0.0001", "0.1", "0.25", "+Inf")] == [1, 1, 2, 2]
    assert page("safety_detector_seconds_bucket", detector="c", le="10.0") == 0
    assert page("safety_detector_seconds_bucket", detector="c", le="+Inf") == 1
    assert page("safety_stage_seconds_bucket", stage="input", le="0.25") == 1
    assert page("safety_stage_seconds_bucket", stage="input", le="0.1") == 0


def test_monitor_mode_is_counted_by_what_would_have_been_done() -> None:
    with counting() as (metrics, url):
        metrics.count(event(would=Action.BLOCK, rules=("r",), categories=("c",)))
        metrics.count(event(would=Action.REDACT, rules=("r",), categories=("c",)))
        page = Page(url)
    assert page.values("safety_monitored_total", "would") == {"block": 1, "redact": 1}
    assert page.values("safety_requests_total", "action") == {"allow": 2}


@pytest.mark.parametrize(
    ("route", "pattern"),
    [
        (CHAT, CHAT),
        ("POST /v1/chat%2fcompletions", CHAT),
        ("GET /v1/chat/completions", "GET /v1/*"),
        (
            "POST /openai/deployments/phi-4-mini/chat/completions",
            "POST /openai/deployments/{deployment}/chat/completions",
        ),
        ("POST /openai/deployments/a/b/chat/completions", OTHER),
        ("GET /v1/models", "GET /v1/models"),
        ("GET /v1/models/gpt", "GET /v1/*"),
        ("POST /v1/embeddings", OTHER),
        ("", OTHER),
    ],
)
def test_a_route_is_the_pattern_that_it_falls_under(route: str, pattern: str) -> None:
    with counting() as (metrics, url):
        metrics.count(event(labels={"route": route}))
        assert Page(url).values("safety_requests_total", "route") == {pattern: 1}


@pytest.mark.parametrize("tail", ["", "\U0001f600" * 90], ids=["short", "longest"])
def test_labels_are_bounded_and_name_nobody(tail: str) -> None:
    who = {"tenant": "ten-ant", "user": "us-er", "model": "mod-el", "conversation": "conver-sation"}
    with counting() as (metrics, url):
        for n in range(5000):
            labels = {"route": f"POST /somewhere/{n}", **{key: f"{name}-{n}" for key, name in who.items()}}
            hit = {"rules": (f"rule-{n}{tail}",), "categories": (f"category-{n}{tail}",)}
            metrics.count(event(labels=labels, **hit))
        for n in range(5000):  # now that the others have had what room they want
            metrics.count(event(labels={}, ran=(DetectorRun(f"detector-{n}{tail}@1", Ran.OK, 1.0),)))
        page = Page(url)
    for name, label in (("rule_hits", "rule"), ("category_hits", "category"), ("detector_runs", "detector")):
        values = page.values(f"safety_{name}_total", label)
        assert len(values) <= 501
        assert sum(values.values()) == 5000
        assert values[OTHER] > 4000
    assert page.values("safety_requests_total", "route") == {OTHER: 10_000}
    assert page("safety_detector_seconds_bucket", detector=OTHER, le="+Inf") > 4000
    assert not any(name in page.text for name in (*who.values(), "somewhere"))


def test_no_label_spoils_the_page() -> None:
    strange = ("\ud800", 'quoted "x"', "back\\slash", "line\nbreak", "x" * 10_000, "")
    with counting() as (metrics, url):
        for name in strange:
            metrics.count(event(rules=(name,), categories=(name,), ran=(DetectorRun(name, Ran.OK, 1.0),)))
        page = Page(url)
    assert page.values("safety_rule_hits_total", "rule") == {
        **dict.fromkeys(("?", 'quoted "x"', "back\\slash", "line\nbreak", "x" * 100, ""), 1)
    }


def test_every_thread_is_counted() -> None:
    with counting() as (metrics, url):
        one = event(ran=(DetectorRun("a@1", Ran.OK, 1.0),))
        threads = [
            threading.Thread(target=lambda: [metrics.count(one) for _ in range(2000)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        page = Page(url)
    assert page("safety_requests_total") == 16_000
    assert page("safety_detector_seconds_count", detector="a") == 16_000


def test_a_record_that_fails_shows(proxy: Make) -> None:
    url, log = proxy(whole(completion("fine")))
    ask(url)
    before = Page(url)
    assert [before(f"safety_record_{name}") for name in ("trouble", "behind", "waiting", "lost_total")] == [
        0
    ] * 4
    log.refuse("the disk is full")
    assert ask(url).status_code == 400
    page = Page(url)
    assert page("safety_record_trouble") == 1
    assert page("safety_record_lost_total") >= 1
    assert page("safety_record_waiting") == 0
    assert page("safety_detector_runs_total", detector="record", outcome="failed") >= 1
    log.refuse(None)
    assert Page(url)("safety_record_trouble") == 0


def test_what_was_left_out_while_the_record_was_behind_is_counted(tmp_path: Path) -> None:
    store = tmp_path / "events.sqlite"
    with counting() as (metrics, url):
        record = Metered(EventLog(store, max_queue=50, when_behind="sample"), metrics)
        for n in range(3000):
            record.put(event(id=f"{n}.input", exchange=str(n), at=timestamp(datetime.now(UTC))))
        record.close()
        page = Page(url)
    entries = list(EventQuery(store).events())
    left_out = sum(entry.lost for entry in entries if isinstance(entry, Gap))
    assert left_out > 0
    assert page("safety_record_sampled_total") == left_out
    assert page("safety_record_lost_total") == page("safety_record_waiting") == 0
    assert sum(isinstance(entry, Event) for entry in entries) == 3000 - left_out


def test_a_notice_is_no_request() -> None:
    with counting() as (metrics, url):
        Metered(MemoryLog(), metrics).put(Notice("n", timestamp(datetime.now(UTC)), "looked"))
        page = Page(url)
    assert page("safety_requests_total") == page("safety_record_waiting") == 0


def test_the_policy_in_force_is_named_and_one_that_is_not_shows(proxy: Make, tmp_path: Path) -> None:
    url, _ = proxy(whole(completion("fine")))
    first = Page(url)
    (policy,) = first.values("safety_policy_info", "policy")
    assert policy == httpx.get(f"{url}/healthz").json()["policy"]
    assert first("safety_policy_problem") == 0
    (tmp_path / "policy.yaml").write_text("version: 1\nname: test\nrulez: []\n")
    broken = eventually(url, lambda page: page("safety_policy_problem") == 1)
    assert broken.values("safety_policy_info", "policy") == {policy: 1}
    (tmp_path / "policy.yaml").write_text(POLICY.replace("name: test", "name: changed"))
    changed = eventually(url, lambda page: page("safety_policy_problem") == 0)
    (now,) = changed.values("safety_policy_info", "policy")
    assert now.startswith("changed@")
    assert policy not in changed.text


def test_counters_of_the_policy_are_there_before_anything_happens(proxy: Make) -> None:
    url, _ = proxy(whole(completion("fine")))
    text = Page(url).text
    assert 'safety_rule_hits_total{rule="stop"} 0.0' in text
    assert 'safety_detector_runs_total{detector="blocklist",outcome="failed"} 0.0' in text
    assert f'safety_requests_total{{action="block",route="{CHAT}",stage="input"}} 0.0' in text


def test_openmetrics_is_spoken_to_who_asks_for_it(proxy: Make) -> None:
    url, _ = proxy(whole(completion("fine")))
    ask(url)
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    answer = httpx.get(f"{url}/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in openmetrics.text_string_to_metric_families(answer.text)}
    assert {"safety_requests", "safety_stage_seconds", "safety_workers"} <= families


def test_requests_are_counted_while_they_are_in_flight(proxy: Make) -> None:
    release = threading.Event()
    url, _ = proxy(hangs(release))
    threads = [threading.Thread(target=ask, args=(url, f"Question {n}?")) for n in range(3)]
    for thread in threads:
        thread.start()
    eventually(url, lambda page: page("safety_requests_in_flight") == 3)
    release.set()
    for thread in threads:
        thread.join(30)
    eventually(url, lambda page: page("safety_requests_in_flight") == 0)


def test_a_proxy_without_metrics_has_no_page_and_counts_nothing(proxy: Make) -> None:
    url, log = proxy(whole(completion("fine")), metrics=False)
    assert httpx.get(f"{url}/metrics").status_code == 404
    assert log.events[0].hits[0].category == "proxy.path_not_guarded"
