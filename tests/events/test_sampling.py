"""``when_behind: sample``: clean events give way, everything else is kept, and their number is said."""

import sqlite3
import time
from contextlib import closing

import pytest
from event_samples import AT, MAIL, hit_on, verdict

from safety.errors import ConfigError
from safety.events.event import Gap, make_event, make_notice, timestamp
from safety.events.log import EventLog
from safety.events.losses import SAMPLED
from safety.events.query import EventQuery
from safety.events.verify import verify
from safety.types import Outcome, Ran


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


def clean(name):
    return make_event(verdict(name), at=AT)


def hit(name):
    return make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT)


def unchecked(name):
    return make_event(verdict(name, outcomes=[Outcome("pii@1", ran=Ran.LATE)]), at=AT)


def behind(log):
    """Puts events that are kept until more wait than is well."""
    futures = []
    while not log.behind():
        futures.append(log.put(hit(f"kept{len(futures)}")))
        time.sleep(0.001)
    return futures


@pytest.mark.parametrize("from_the_start", [True, False])
def test_while_behind_clean_events_are_left_out_and_counted(path, from_the_start):
    with (
        EventLog(path, max_queue=50, max_batch=4, when_behind="sample" if from_the_start else "slow") as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        if not from_the_start:
            log.when_behind("sample")
        other.execute("BEGIN IMMEDIATE")  # the writer has to wait
        waiting = behind(log)
        left_out = [log.put(clean(f"out{i}")) for i in range(30)]
        assert all(future.done() and future.exception() is None for future in left_out)
        kept = [log.put(entry) for entry in (hit("h"), unchecked("u"), make_notice("looked", at=AT))]
        assert not any(future.done() for future in kept)
        other.execute("ROLLBACK")
        for future in [*waiting, *kept]:
            future.result(20)
        log.flush(20)
        assert not log.behind()
        log.put(clean("after")).result(20)
    entries = list(EventQuery(path).events())
    (gap,) = [entry for entry in entries if isinstance(entry, Gap)]
    assert (gap.lost, gap.why) == (30, SAMPLED)
    assert (gap.since, gap.until) == (timestamp(AT), timestamp(AT))
    assert gap.why.startswith("sampled: ")
    names = [getattr(entry, "exchange", entry.kind) for entry in entries if entry is not gap]
    assert names == [f"kept{i}" for i in range(len(waiting))] + ["h", "u", "notice", "after"]
    assert verify(path).broken is None


def test_told_to_slow_down_nothing_is_left_out(path):
    with (
        EventLog(path, max_queue=50) as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        behind(log)
        future = log.put(clean("waits"))
        assert not future.done()
        other.execute("ROLLBACK")
        future.result(20)


def test_what_was_left_out_is_said_on_closing(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        log = EventLog(path, max_queue=50, when_behind="sample")
        other.execute("BEGIN IMMEDIATE")
        behind(log)
        log.put(clean("out"))
        other.execute("ROLLBACK")
        log.close()
    assert [entry.lost for entry in EventQuery(path).events() if isinstance(entry, Gap)] == [1]


def test_what_was_left_out_is_not_forgotten_when_the_store_fails(path):
    with (
        EventLog(path, max_queue=50, busy=0.05, when_behind="sample") as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = behind(log)
        log.put(clean("out")).result(20)
        failed = [future for future in waiting if future.exception(20) is not None]
        other.execute("ROLLBACK")
        until = time.monotonic() + 20
        while log.trouble() is not None and time.monotonic() < until:
            time.sleep(0.01)
    gaps = [entry for entry in EventQuery(path).events() if isinstance(entry, Gap)]
    assert sorted(gap.lost for gap in gaps) == sorted([len(failed), 1])


def test_anything_else_to_do_when_behind_is_refused(path):
    with pytest.raises(ConfigError, match="when_behind: 'drop': slow or sample"):
        EventLog(path, when_behind="drop")
