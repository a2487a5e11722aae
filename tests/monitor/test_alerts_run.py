"""Watching and sending, over real connections and restarts; and on a real record."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections import Counter
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alerts_rig import NOW, Counts, rule, until
from hypothesis import given, settings
from hypothesis import strategies as st
from upstreams import ScriptedUpstream, whole

from safety.errors import ConfigError, StoreError
from safety.events.entry import Event, Gap, Notice, timestamp
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.events.store import write_once
from safety.monitor.alerts.file import alerts_from_text
from safety.monitor.alerts.rules import Address, AlertFile, Bound, LogLine, Measure, Webhook
from safety.monitor.alerts.run import AlertRunner
from safety.monitor.alerts.state import StateFile, state_file
from safety.monitor.figures import Figures
from safety.monitor.tallies import Tallies
from safety.types import Action, Stage

LOUD = [(1, "events", "", 100)]
QUIET = [(1, "events", "", 1)]
SILENCE = rule("silence", measure=Measure.ABSENCE, bound=Bound("at_most", 0))


class Receiver(ScriptedUpstream):
    """Takes alerts while it is ``up``, and keeps what it took."""

    def __init__(self):
        super().__init__(self._take)
        self.up, self.taken = True, []

    async def _take(self, request, writer):
        if self.up:
            self.taken.append((request.json["id"], request.json["status"]))
        await whole(b"", "200 OK" if self.up else "500 Internal Server Error")(request, writer)


class Bench:
    """A runner with a clock and counts by hand, that can be stopped and started again."""

    def __init__(self, folder, destinations, rules=None, put=None):
        self.counts, self.now, self.notices = Counts(list(QUIET)), NOW.timestamp(), []
        self.file = AlertFile(
            tuple(rules or [rule(to=[one.id for one in destinations])]), tuple(destinations)
        )
        self._state, self._put = Path(folder) / "state.json", put or self.notices.append
        self.runner = self._made()

    def _made(self):
        return AlertRunner(
            self.file, lambda: self.counts, self._put, state=self._state, environ={}, clock=lambda: self.now
        )

    def restart(self):
        self.runner.close()
        self.runner = self._made()

    def look(self, rows=None, seconds=15):
        """Let the time pass, and do what is due."""
        self.now += seconds
        if rows is not None:
            # The counts' rows are told relative to NOW; they move along with the clock.
            shift = (self.now - NOW.timestamp()) / 60
            self.counts.rows = [(ago - shift, of, name, n) for ago, of, name, n in rows]
        return self.runner.once()

    def told(self, what):
        return [notice.detail for notice in self.notices if notice.what == what]


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def bench(tmp_path, receiver):
    one = Bench(tmp_path, [Webhook("ops", Address(receiver.url), timeout=5.0)])
    yield one
    one.runner.close()


def test_an_alert_is_sent_and_so_is_its_end(bench, receiver):
    bench.look(QUIET)
    assert not receiver.taken
    bench.look(LOUD)
    assert [alert.rule for alert in bench.runner.status.firing] == ["r"]
    bench.look(LOUD)
    bench.look(QUIET)
    (id, _), _ = receiver.taken
    assert receiver.taken == [(id, "firing"), (id, "resolved")]
    assert bench.runner.status.firing == ()
    assert bench.told("alert") == [
        f"firing {id} warning: count of events over 5 min is 100 (above 10)",
        f"resolved {id} warning: count of events over 5 min is 1 (above 10)",
    ]
    assert bench.told("delivery") == [
        f"delivered: firing {id} to ops: 200 OK",
        f"delivered: resolved {id} to ops: 200 OK",
    ]
    assert {(notice.by, notice.about) for notice in bench.notices} == {("alerts", "r")}


def test_what_fails_is_tried_again_later(bench, receiver):
    receiver.up = False
    wait = bench.look(LOUD)
    assert wait == 10
    assert bench.runner.status.waiting == 1
    bench.look(seconds=9)
    assert len(receiver.requests) == 1
    receiver.up = True
    bench.look(seconds=1)
    assert [status for _, status in receiver.taken] == ["firing"]
    failed, delivered = bench.told("delivery")
    assert failed.startswith("failed, again in 10 s: firing ")
    assert failed.endswith(" to ops: 500 Internal Server Error")
    assert delivered.startswith("delivered: ")
    bodies = {request.headers["idempotency-key"] for request in receiver.requests}
    assert len(bodies) == 1


def test_what_goes_on_failing_is_given_up(bench, receiver):
    receiver.up = False
    bench.look(LOUD)
    for _ in range(300):
        bench.look(LOUD, seconds=15)
    assert len(receiver.requests) == 8
    assert bench.told("delivery")[-1].startswith("given up: ")
    assert bench.runner.status.waiting == 0


def test_one_destination_does_not_hold_up_another(tmp_path, receiver, caplog):
    async def hang(_, writer):
        await asyncio.sleep(60)

    with ScriptedUpstream(hang) as slow, caplog.at_level(logging.INFO):
        hooks = [Webhook("slow", Address(slow.url), timeout=0.5), Webhook("ops", Address(receiver.url))]
        bench = Bench(tmp_path, [*hooks, LogLine("log")])
        bench.look(LOUD)
        bench.runner.close()
    assert len(receiver.taken) == 1
    assert any(record.getMessage().startswith("[FIRING]") for record in caplog.records)
    outcomes = Counter(detail.partition(":")[0] for detail in bench.told("delivery"))
    assert outcomes == {"delivered": 2, "failed, again in 10 s": 1}


def test_a_restart_repeats_nothing_and_forgets_nothing(bench, receiver):
    bench.look(LOUD)
    bench.restart()
    bench.look(LOUD)
    assert len(receiver.taken) == 1
    assert [alert.rule for alert in bench.runner.status.firing] == ["r"]
    receiver.up = False
    bench.look(QUIET)
    bench.restart()
    receiver.up = True
    bench.look(QUIET)
    assert [status for _, status in receiver.taken] == ["firing", "resolved"]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["loud", "quiet", "broken", "restart", "down", "up"]), st.integers(1, 400)),
    max_size=25,
)


@settings(max_examples=20)
@given(ACTIONS)
def test_any_order_of_restarts_and_failures_delivers_once(actions):
    folder = tempfile.mkdtemp()
    try:
        with Receiver() as receiver:
            bench = Bench(folder, [Webhook("ops", Address(receiver.url))], [rule(cooldown=60)])
            for action, seconds in actions:
                if action == "restart":
                    bench.restart()
                elif action in ("up", "down"):
                    receiver.up = action == "up"
                else:
                    bench.counts.broken = "the disk is gone" if action == "broken" else ""
                    bench.look(LOUD if action == "loud" else QUIET, seconds)
            receiver.up = True
            bench.counts.broken = ""
            while bench.runner.status.waiting:
                bench.look(QUIET, 900)
            bench.runner.close()
    finally:
        shutil.rmtree(folder)
    fired = [tuple(detail.split()[1::-1]) for detail in bench.told("alert")]
    given_up = [tuple(d.split()[3:1:-1]) for d in bench.told("delivery") if d.startswith("given up")]
    assert len(set(receiver.taken)) == len(receiver.taken)
    assert sorted(receiver.taken) == sorted(set(fired) - set(given_up))


def test_killed_after_remembering_and_before_the_answer(tmp_path, receiver):
    """The disk as it is when the first message arrives: what starts from that sends it, and no other."""
    copy = tmp_path / "copy"

    async def arrives(request, writer):
        if not copy.exists():
            copy.mkdir()
            shutil.copy(tmp_path / "state.json", copy)
        await whole(b"")(request, writer)

    with ScriptedUpstream(arrives) as first:
        bench = Bench(tmp_path, [Webhook("ops", Address(first.url))])
        bench.look(LOUD)
        bench.runner.close()
    again = Bench(copy, [Webhook("ops", Address(receiver.url))])
    again.now = bench.now
    again.look(LOUD)
    again.look(LOUD)
    again.runner.close()
    assert receiver.taken == [(first.requests[0].json["id"], "firing")]


def test_a_record_that_cannot_be_read_is_absent_and_nothing_else(tmp_path, receiver):
    hook = Webhook("ops", Address(receiver.url))
    bench = Bench(tmp_path, [hook], [SILENCE, rule(hold=60)])
    bench.look(LOUD)
    bench.counts.broken = "the disk is gone"
    bench.look(LOUD)
    assert "the counts cannot be read: the disk is gone" in (bench.runner.status.trouble or "")
    assert not receiver.taken
    bench.look(seconds=300)
    assert [alert.rule for alert in bench.runner.status.firing] == ["silence"]
    bench.counts.broken = ""
    bench.look(LOUD)
    bench.runner.close()
    assert [status for _, status in receiver.taken] == ["firing", "resolved"]
    assert bench.runner.status.trouble is None


def test_there_need_not_be_a_record_yet(tmp_path):
    def no_record():
        raise StoreError("events.sqlite: no event store there")

    file = AlertFile((rule(to=["log"]),), (LogLine("log"),))
    with AlertRunner(file, no_record, lambda _: None, state=tmp_path / "s.json") as runner:
        runner.once()
        assert "no event store there" in (runner.status.trouble or "")


def failing_future(_):
    future = Future()
    future.set_exception(StoreError("the disk is full"))
    return future


def raising(_):
    raise StoreError("the disk is full")


@pytest.mark.parametrize("put", [failing_future, raising])
def test_alerts_go_out_without_a_record(tmp_path, receiver, put):
    bench = Bench(tmp_path, [Webhook("ops", Address(receiver.url))], put=put)
    bench.look(LOUD)
    assert len(receiver.taken) == 1
    assert bench.runner.status.trouble == "notices are not recorded: the disk is full"
    bench.runner.close()


def test_alerts_go_out_when_nothing_can_be_remembered(bench, receiver, tmp_path):
    (tmp_path / "state.json.new").mkdir()
    bench.look(LOUD)
    bench.look(LOUD)
    assert len(receiver.taken) == 1
    assert "alerts may be sent again after a restart" in (bench.runner.status.trouble or "")
    (tmp_path / "state.json.new").rmdir()
    bench.look(QUIET)
    assert bench.runner.status.trouble is None


def test_what_a_destination_that_is_no_more_should_have_got_is_given_up(bench, receiver):
    receiver.up = False
    bench.look(LOUD)
    bench.file = AlertFile((rule(to=["log"]),), (LogLine("log"),))
    bench.restart()
    bench.look(LOUD)
    assert bench.told("delivery")[-1].endswith("to ops: no such destination any more")
    assert bench.runner.status.waiting == 0


def test_a_second_runner_is_refused(bench, tmp_path):
    with pytest.raises(ConfigError, match="another process sends alerts with this state"):
        Bench(tmp_path, list(bench.file.destinations))


def test_a_missing_secret_is_said_before_anything_is_watched(tmp_path):
    file = AlertFile((rule(),), (Webhook("ops", Address(url_env="URL")),))
    with pytest.raises(ConfigError, match="URL is not set"):
        AlertRunner(file, Counts, lambda _: None, state=tmp_path / "s.json", environ={})
    assert os.listdir(tmp_path) == []


def test_a_clock_that_was_set_back_stops_no_looks(bench, receiver):
    bench.look(QUIET)
    bench.now -= 86_400
    assert bench.look(QUIET, 1) == 15
    bench.look(LOUD)
    assert len(receiver.taken) == 1


def test_names_of_first_hits_are_remembered(tmp_path, receiver):
    new = rule(measure=Measure.FIRST_HIT, of="rule", bound=Bound("at_least", 1), cooldown=0)
    bench = Bench(tmp_path, [Webhook("ops", Address(receiver.url))], [new])
    bench.look([(1, "rule", "a", 1), (9000, "rule", "a", 1)])
    bench.look([(1, "rule", "a", 1), (1, "rule", "b", 1)])
    bench.restart()
    bench.look([(1, "rule", "a", 1), (1, "rule", "b", 1)])
    bench.runner.close()
    assert [request.json["subject"] for request in receiver.requests] == ["b"]
    assert bench.runner.status.firing == ()


# --- the thread, and a real record --------------------------------------------------------------------------


class Faulty(Counts):
    """Counts with a mistake in them."""

    def top(self, of, since, until, limit=20):
        raise ValueError("a mistake")


def test_the_thread_survives_a_mistake_and_says_it(tmp_path):
    file = AlertFile((rule(to=["log"]),), (LogLine("log"),), every=0.01)
    with AlertRunner(file, Faulty, lambda _: None, state=tmp_path / "s.json") as runner:
        runner.start()
        until(lambda: runner.status.trouble is not None, "trouble")
        assert runner.status.trouble == "internal error: ValueError: a mistake"
        counts = Counts(list(LOUD))
        runner._numbers = lambda: counts  # the mistake is repaired
        until(lambda: runner.status.trouble is None, "the end of trouble")


FILE = """
version: 1
every: 1s
destinations: [{id: ops, type: webhook, url: "URL"}]
alerts:
  - {id: lost, when: {measure: lost}}
  - {id: blocked, when: {measure: count, of: action, name: block, at_least: 3}}
  - {id: silence, when: {measure: absence}}
"""


def event(n):
    now = timestamp(datetime.now(UTC))
    return Event(
        f"e{n}.input", f"e{n}", Stage.INPUT, now, "default@1", Action.BLOCK, Action.BLOCK, True, 0.01
    )


def test_on_a_real_record(tmp_path, receiver):
    store = str(tmp_path / "events.sqlite")
    alerts = alerts_from_text(FILE.replace("URL", receiver.url))
    with EventLog(store) as log:
        log.put(event(0)).result(10)
        tallies, figures = Tallies(store), Figures(store)
        state = state_file(alerts.state, store)
        with AlertRunner(alerts, lambda: figures, log.put, state=state) as runner:
            runner.start()
            until(lambda: runner.status.looked is not None, "the first look")
            assert runner.status.firing == ()
            for n in (1, 2, 3):
                log.put(event(n)).result(10)
            now = timestamp(datetime.now(UTC))
            write_once(store, Gap("g1", now, 12, now, now, "the disk was full"))
            while tallies.advance():
                continue
            until(lambda: len(receiver.taken) == 2, "two alerts")
        log.flush(10)
        tallies.close()
        figures.close()
    assert {alert["alert"] for alert in (request.json for request in receiver.requests)} == {
        "lost",
        "blocked",
    }
    notices = [entry for entry in EventQuery(store).events() if isinstance(entry, Notice)]
    assert Counter(notice.what for notice in notices) == {"alert": 2, "delivery": 2}
    with StateFile(tmp_path / "events.sqlite.alerts.json") as file:
        assert len(file.read()[0].firing) == 2
