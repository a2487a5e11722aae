"""The guard with detectors that behave and that don't: what it runs, remembers, and says did not run."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from words import RULES, Words, answered, exchange, ran

from safety.detectors.base import Detector, Scope
from safety.errors import StoreError
from safety.events.event import Event
from safety.events.log import EventLog
from safety.events.memory import MemoryLog
from safety.events.query import EventQuery
from safety.guard import Guard
from safety.memo import Memo, to_relative
from safety.policy.model import (
    DetectorConfig,
    Mode,
    Policy,
    Rule,
    StreamMode,
    StreamPolicy,
    When,
)
from safety.runner import Check, Lane, Step
from safety.types import Action, Delta, Exchange, Finding, Origin, Ran, Segment, Stage, Verdict


class Odd(Detector):
    """Does what the test says."""

    name = "odd"
    categories = ("odd",)
    scope = Scope.EXCHANGE

    def __init__(self, act: Callable[[Sequence[Exchange]], Any]) -> None:
        super().__init__()
        self.act = act

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        result: Sequence[Sequence[Finding]] = self.act(batch)
        return result


ODD_RULES = (*RULES, Rule("odd", When(("odd",)), Action.BLOCK))


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def hanging(release: threading.Event) -> Odd:
    return Odd(lambda batch: [[] for _ in batch] if release.wait(60) else None)


def test_a_clean_and_a_blocked_text() -> None:
    with Guard(Policy("p", rules=RULES), [Words()]) as guard:
        assert guard.check(exchange("good")).action is Action.ALLOW
        verdict = guard.check(exchange("so bad"))
    assert verdict.blocked
    assert verdict.message == "no"
    assert [hit.rule for hit in verdict.deciding] == ["bad"]


def test_no_rule_needs_no_detector() -> None:
    words = Words()
    with Guard(Policy("p"), [words]) as guard:
        verdict = guard.check(exchange("bad"))
    assert verdict.action is Action.ALLOW
    assert verdict.outcomes == ()
    assert words.shown == []


def test_a_rule_for_one_origin_shows_only_that_origin() -> None:
    words = Words()
    rules = (Rule("bad", When(("bad",), origins=frozenset({Origin.DOCUMENT})), Action.BLOCK),)
    both = Exchange(
        "x", Stage.INPUT, (Segment("/a", Origin.USER, "bad"), Segment("/b", Origin.DOCUMENT, "ok"))
    )
    with Guard(Policy("p", rules=rules), [words]) as guard:
        assert guard.check(both).action is Action.ALLOW
    assert words.shown == ["ok"]


def test_a_conversation_costs_its_newest_turn() -> None:
    words = Words()
    turns = [f"turn {i}" for i in range(50)]
    turns[7] = "bad turn"
    policy = Policy("p", mode=Mode.MONITOR, rules=RULES)
    with Guard(policy, [words]) as guard:
        for n in range(1, 51):
            verdict = guard.check(exchange(*turns[:n]))
    assert words.shown == turns
    (hit,) = verdict.hits
    assert hit.finding.span is not None
    assert hit.finding.span.path == "/messages/7/content"
    assert verdict.outcomes[0].cached == 49


def test_the_memo_keeps_roles_apart() -> None:
    words = Words()
    with Guard(Policy("p", rules=RULES), [words]) as guard:
        guard.check(exchange("same"))
        guard.check(exchange("same", origin=Origin.DOCUMENT))
        guard.check(exchange("same"))
    assert words.shown == ["same", "same"]


def test_a_remembered_finding_moves_with_its_segment() -> None:
    with Guard(Policy("p", rules=RULES), [Words()]) as guard:
        guard.check(exchange("so bad"))
        moved = Exchange("y", Stage.INPUT, (Segment("/elsewhere", Origin.USER, "so bad", start=10),))
        (hit,) = guard.check(moved).hits
    assert hit.finding.span is not None
    assert (hit.finding.span.path, hit.finding.span.start, hit.finding.span.end) == ("/elsewhere", 13, 16)


def raising(_: Sequence[Exchange]) -> Any:
    raise ZeroDivisionError("boom")


NONSENSE = [
    lambda batch: None,
    lambda batch: [],
    lambda batch: [["text"] for _ in batch],
    lambda batch: [[Finding("odd", "odd", score=float("nan"))] for _ in batch],
    lambda batch: [[Finding("odd", "odd", score=2.0)] for _ in batch],
    lambda batch: [[Finding("odd", "other")] for _ in batch],
    lambda batch: [[Finding("odd", "odd", severity=9)] for _ in batch],
    lambda batch: [[Finding("odd", "odd", span=e.segments[0].span(0, 999))] for e in batch],
    lambda batch: [[Finding("odd", "odd", span=e.segments[0].span(3, 3))] for e in batch],
]


@pytest.mark.parametrize("act", [raising, *NONSENSE])
@pytest.mark.parametrize(
    ("on_error", "expected"), [(Action.BLOCK, Action.BLOCK), (Action.ANNOTATE, Action.ANNOTATE)]
)
def test_a_detector_that_fails_is_never_clean(act: Any, on_error: Action, expected: Action) -> None:
    with Guard(Policy("p", rules=ODD_RULES, on_error=on_error), [Words(), Odd(act)]) as guard:
        verdict = guard.check(exchange("text"))
    assert verdict.action is expected
    assert not verdict.complete
    assert ran(verdict) == {"words@1": Ran.OK, "odd@1": Ran.FAILED}
    assert [hit.rule for hit in verdict.hits] == ["on_error"]


def test_what_failed_is_not_remembered() -> None:
    fail = [True]

    class Flaky(Words):
        name = "flaky"

        def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
            if fail.pop():
                raise RuntimeError
            return super().detect(batch)

    with Guard(Policy("p", rules=RULES), [Flaky()]) as guard:
        assert guard.check(exchange("fine")).blocked
        fail.append(False)
        assert guard.check(exchange("fine")).action is Action.ALLOW


def test_a_hanging_detector_is_late_and_the_others_still_run(release: threading.Event) -> None:
    config = {"odd": DetectorConfig("odd", timeout=0.1)}
    policy = Policy("p", rules=ODD_RULES, deadline=30, detectors=config)
    with Guard(policy, [hanging(release), Words()]) as guard:
        verdict = guard.check(exchange("bad"))
    assert ran(verdict) == {"words@1": Ran.OK, "odd@1": Ran.LATE}
    assert {hit.rule for hit in verdict.hits} == {"on_error", "bad"}


def test_past_the_deadline_nothing_is_clean(release: threading.Event) -> None:
    with Guard(Policy("p", rules=ODD_RULES, deadline=0.1), [hanging(release), Words()]) as guard:
        verdict = guard.check(exchange("fine"))
    assert verdict.blocked
    assert ran(verdict)["odd@1"] is Ran.LATE


def test_a_detector_that_keeps_hanging_is_no_longer_called(release: threading.Event) -> None:
    config = {"odd": DetectorConfig("odd", timeout=0.05)}
    policy = Policy("p", rules=ODD_RULES, deadline=30, detectors=config)
    with Guard(policy, [hanging(release), Words()]) as guard:
        seen = [ran(guard.check(exchange(f"text {i}")))["odd@1"] for i in range(4)]
    assert seen == [Ran.LATE, Ran.LATE, Ran.SKIPPED, Ran.SKIPPED]


def test_one_bad_exchange_does_not_fail_its_neighbours() -> None:
    def act(batch: Sequence[Exchange]) -> Any:
        if any("poison" in e.segments[0].text for e in batch):
            raise ValueError("poison")
        return [[] for _ in batch]

    with Guard(Policy("p", rules=ODD_RULES), [Odd(act)]) as guard:
        verdicts = guard.check_batch([exchange("a"), exchange("poison"), exchange("c")])
    assert [v.blocked for v in verdicts] == [False, True, False]


def test_check_and_acheck_and_batch_agree() -> None:
    texts = ["good", "bad", "not bad at all", "", "é bad ✓"]
    with Guard(Policy("p", rules=RULES), [Words()]) as guard:
        alone = [guard.check(exchange(t)) for t in texts]
        batch = guard.check_batch([exchange(t) for t in texts])

        async def all_of_them() -> list[Verdict]:
            return list(await asyncio.gather(*(guard.acheck(exchange(t)) for t in texts)))

        awaited = asyncio.run(all_of_them())
    assert [v.action for v in alone] == [v.action for v in batch] == [v.action for v in awaited]
    assert [v.hits for v in alone] == [v.hits for v in batch] == [v.hits for v in awaited]


def test_one_event_per_check_and_one_per_stream() -> None:
    log = MemoryLog()
    with Guard(Policy("p", rules=RULES), [Words()], recorder=log) as guard:
        guard.check(exchange("good"))
        stream = guard.stream(exchange("question"))
        for text in ("All is well. ", "It is bad. ", "More."):
            if stream.over:
                break
            stream.push(text, [Delta("/answer", Origin.ASSISTANT, text)])
        stream.finish()
    events = log.events
    assert [(e.stage, e.action) for e in events] == [
        (Stage.INPUT, Action.ALLOW),
        (Stage.OUTPUT, Action.BLOCK),
    ]
    assert stream.verdict is not None
    assert stream.verdict.exchange.segments[0].text == "All is well. It is bad. More."


class Full:
    """A record that cannot be written."""

    def put(self, event: Event) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(StoreError("the disk is full"))
        return future

    def trouble(self) -> str | None:
        return "the disk is full"

    def behind(self) -> bool:
        return False

    def close(self) -> None:
        return


@pytest.mark.parametrize("on_error", [Action.BLOCK, Action.ALLOW])
def test_a_record_that_cannot_be_kept_is_a_check_that_did_not_run(on_error: Action) -> None:
    policy = Policy("p", rules=RULES, on_error=on_error)
    with Guard(policy, [Words()], recorder=Full()) as guard:
        clean, bad = guard.check(exchange("good")), guard.check(exchange("bad"))
    assert clean.action is on_error
    assert not clean.complete
    assert ran(clean)["record@1"] is Ran.FAILED
    assert bad.blocked


@pytest.mark.parametrize("hangs", [False, True])
def test_a_detector_that_cannot_say_what_is_open_has_not_run(hangs: bool, release: threading.Event) -> None:
    class Unsure(Words):
        name = "unsure"

        def pending(self, text: str) -> int | None:
            if hangs:
                release.wait(60)
            raise ValueError("no idea")

    with Guard(Policy("p", rules=RULES, deadline=0.2), [Unsure()]) as guard:
        out, verdict = answered(guard, "One. ", "Two. ", "Three.")
    assert out == ""
    assert verdict.blocked
    assert ran(verdict) == {"unsure@1": Ran.LATE if hangs else Ran.FAILED}


def test_guards_of_different_policies_share_a_memo_but_not_judgements() -> None:
    memo, one, two = Memo(), Words(), Words()
    with (
        Guard(Policy("p", digest="1", rules=RULES), [one], memo=memo) as first,
        Guard(Policy("p", digest="2", rules=RULES), [two], memo=memo) as second,
    ):
        first.check(exchange("text"))
        second.check(exchange("text"))
    assert (one.shown, two.shown) == (["text"], ["text"])


def test_the_memo_keeps_no_words() -> None:
    found = Finding("d", "bad", detail="they said bad things")
    (kept,) = to_relative([found], Segment("/a", Origin.USER, "bad things"))
    assert kept.detail == ""


def test_a_step_that_ended_in_time_is_not_left_behind() -> None:
    """The worker may finish between the look at the clock and the decision to leave it behind."""
    words = Check(Words(), timeout=0.01)
    lane = Lane([Step(words, [exchange("a")]), Step(words, [exchange("b")])], lambda: None)
    lane.steps[0].started = 0.0  # long ago
    late = lane.limit()
    lane.at = 1  # it has come back meanwhile, and the next has not begun
    assert late is not None
    assert lane.leave(late + 1) is None
    assert words.stuck == 0


def test_what_a_door_does_itself_is_recorded_even_if_the_record_fails() -> None:
    with Guard(Policy("p", rules=RULES), [Words()], recorder=Full()) as guard:
        verdict = asyncio.run(
            guard.anote(Exchange("x", Stage.INPUT, ()), Action.ALLOW, "proxy.passed_through", "GET /")
        )
    assert verdict.blocked
    assert [hit.rule for hit in verdict.hits] == ["proxy", "on_error"]
    assert [o.detector for o in verdict.outcomes] == ["record@1"]


def test_when_events_come_too_fast_traffic_slows_down_and_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    with (
        EventLog(path, max_queue=50) as log,
        Guard(Policy("p", rules=RULES), [Words()], recorder=log) as guard,
        ThreadPoolExecutor(20) as clients,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")  # somebody else is writing: ours must wait
        threading.Timer(0.5, other.execute, ("ROLLBACK",)).start()
        verdicts = list(clients.map(lambda i: guard.check(exchange(f"text {i}")), range(500)))
    assert {v.action for v in verdicts} == {Action.ALLOW}
    assert sum(1 for _ in EventQuery(path).events()) == 500


def test_what_is_observed_is_judged_alongside_and_never_held() -> None:
    words, log = Words(), MemoryLog()
    policy = Policy("p", rules=RULES, stream=StreamPolicy(StreamMode.OBSERVE))

    async def observe() -> tuple[list[int], list[str], Verdict | None]:
        with Guard(policy, [words], recorder=log) as guard:
            stream = guard.astream(exchange("question"))
            out = [
                len(await stream.push(text, [Delta("/answer", Origin.ASSISTANT, text)]))
                for text in ("One is bad. ", "Two. ", "Three.")
            ]
            while len(words.shown) < 2:  # noqa: ASYNC110 - the detector has no event for it
                await asyncio.sleep(0.01)
            before_the_end = list(words.shown)
            await stream.finish()
            return out, before_the_end, stream.verdict

    out, before_the_end, verdict = asyncio.run(asyncio.wait_for(observe(), 20))
    assert out == [1, 1, 1]
    assert before_the_end[0] == "One is bad. "
    assert verdict is not None
    assert (verdict.action, verdict.would) == (Action.ALLOW, Action.BLOCK)
    assert [(str(e.stage), str(e.would)) for e in log.events] == [("output", "block")]
