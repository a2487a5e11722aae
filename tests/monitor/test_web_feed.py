"""The live feed: one reader, many watchers, nothing silently lost."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest
from services import OwnRedis
from watching import Listener, record, recorded, ungrounded, verdict, wait_for, watching

from safety.errors import ConfigError, StoreError
from safety.events.entry import Gap, Notice
from safety.events.event import make_event
from safety.events.fanout import Fanout
from safety.events.log import EventLog
from safety.monitor.feed import Feed, Item, Wanted, Watcher, message, read_mark, written
from safety.monitor.settings import MonitorSettings
from safety.monitor.sources import RecordSource, RedisSource, source
from safety.types import Action

BOTH = ("entry", "missed")


def event(exchange="e", **fields):
    return make_event(verdict(exchange, **fields), at=datetime.now(UTC))


class Scripted:
    """A source that gives what it is told."""

    def __init__(self, before=()):
        self.before, self.coming = list(before), []
        self.broken: str | None = None
        self.closed = False

    def newest(self, limit):
        return self.more(0) or self.before[-limit:]

    def more(self, seconds):
        if self.broken is not None:
            raise StoreError(self.broken)
        taken, self.coming = self.coming, []
        time.sleep(0 if taken else 0.005)
        return taken

    def close(self):
        self.closed = True


def items(first, last, **fields):
    return [Item((n,), event(f"e{n}", **fields)) for n in range(first, last + 1)]


def ids(taken):
    return [item.entry.exchange for item in taken]


# --- by itself


def test_a_watcher_that_is_slow_misses_the_oldest_and_is_told_how_many():
    watcher = Watcher(Wanted(), most=3)
    assert sum(watcher.give(item) for item in items(1, 8)) == 5
    missed, exact, taken = watcher.take()
    assert (missed, exact, ids(taken)) == (5, True, ["e6", "e7", "e8"])
    assert watcher.take() == (0, True, [])


def test_only_what_is_wanted_waits_and_is_missed():
    watcher = Watcher(Wanted(tenants=("globex",)), most=2)
    for item in items(1, 50):
        assert watcher.give(item) == 0
    for item in items(51, 53, labels={"tenant": "globex"}):
        watcher.give(item)
    missed, exact, taken = watcher.take()
    assert (missed, exact, ids(taken)) == (1, True, ["e52", "e53"])


def test_what_never_came_is_at_most_missed():
    watcher = Watcher(Wanted(tenants=("nobody",)))
    assert watcher.give(Item((7,), event(), left_out=12)) == 12
    assert watcher.take() == (12, False, [])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), True),
        (Wanted(categories=("prompt_attack",)), True),
        (Wanted(categories=("prompt_attack.role_play", "pii")), True),
        (Wanted(categories=("prompt",)), False),
        (Wanted(tenants=("acme",)), True),
        (Wanted(tenants=("globex",)), False),
        (Wanted(actions=("block",)), True),
        (Wanted(actions=("allow", "redact")), False),
        (Wanted(("prompt_attack",), ("acme",), ("allow",)), False),
    ],
)
def test_filters(wanted, found):
    assert wanted.matches(event()) is found


def test_gaps_always_come_and_notices_only_to_who_wants_everything():
    at = "2026-11-23T10:00:00.000000Z"
    gap, notice = Gap("g", at, 3, at, at, "the disk is full"), Notice("n", at, "looked")
    for wanted in (Wanted(categories=("pii",)), Wanted(tenants=("a",)), Wanted(actions=("block",))):
        assert wanted.matches(gap)
        assert not wanted.matches(notice)
    assert Wanted().matches(notice)
    assert "3 events missing from 2026-11-23 10:00:00.000" in Item((1,), gap).line["text"]


def test_a_feed_goes_on_after_its_source_failed():
    async def run():
        script = Scripted(items(1, 2))
        feed = Feed(script)
        feed.start()
        watcher = feed.watch(Wanted())
        await until(lambda: len(feed.recent) == 2)
        script.broken = "the disk is gone"
        await until(lambda: feed.problem == "the disk is gone")
        script.broken, script.coming = None, items(3, 4)
        await until(lambda: len(feed.recent) == 4)
        assert feed.problem is None
        assert ids(watcher.take()[2])[-2:] == ["e3", "e4"]
        feed.close()
        assert watcher.ended
        assert script.closed

    asyncio.run(run())


def test_coming_back_gives_what_was_missed_as_far_as_it_is_kept():
    async def run():
        script = Scripted(items(1, 30))
        feed = Feed(script, keep=10, most=100)
        feed.start()
        await until(lambda: len(feed.recent) == 10)
        expected = {
            25: (0, ["e26", "e27", "e28", "e29", "e30"]),
            20: (0, [f"e{n}" for n in range(21, 31)]),
            5: (15, [f"e{n}" for n in range(21, 31)]),
            30: (0, []),
            99: (0, []),
        }
        for after, (missed, kept) in expected.items():
            watcher = feed.watch(Wanted(), (after,))
            told, exact, taken = watcher.take()
            assert (told, ids(taken)) == (missed, kept)
            assert exact is (missed == 0)
        feed.close()

    asyncio.run(run())


async def until(what):
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


def test_marks_and_messages_can_be_read_back():
    for mark in ((7,), (1700000000000, 3)):
        assert read_mark(written(mark)) == mark
    for text in ("", "x", "-1", "1-2-3", "1-", "٣", "9" * 30):
        assert read_mark(text) is None
    assert message("entry", {"a": "\n\ud800<"}, "7") == 'id: 7\nevent: entry\ndata: {"a":"\\n\\ud800<"}\n\n'


# --- over a real server


@contextmanager
def listening(watch, query="", **headers):
    with watch.client.stream("GET", f"/monitor/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Listener(answer)


@pytest.fixture
def live(tmp_path):
    """A dashboard, and a log that goes on writing its record."""
    with EventLog(tmp_path / "events.sqlite") as log:
        record(log, [verdict("before")])
        with watching(tmp_path / "events.sqlite") as watch:
            watch.counted()
            yield watch, log


def test_new_events_come_by_themselves(live):
    watch, log = live
    with listening(watch) as feed:
        assert feed.next("now")[1]["now"]["events"] == 1
        record(log, [verdict("one"), ungrounded("two")])
        _, said, mark = feed.next("entry")
        assert (said["id"], said["action"], said["tenant"]) == ("one.input", "block", "acme")
        assert said["rules"] == ["no_attacks"]
        assert mark == "2"
        assert feed.ids(1) == ["two.output"]


def test_filters_hold_for_what_comes(live):
    watch, log = live
    with listening(watch, "?category=ungrounded&action=annotate&tenant=acme") as feed:
        feed.next("now")
        record(log, [verdict("one"), ungrounded("two", labels={"tenant": "globex"}), ungrounded("three")])
        assert feed.ids(1) == ["three.output"]


def test_coming_back_goes_on_where_it_was(live):
    watch, log = live
    record(log, [verdict(f"e{n}") for n in range(5)])
    wait_for(lambda: watch.monitor.desk.feed.seen == 6)
    with listening(watch, **{"last-event-id": "3"}) as feed:
        assert feed.ids(3) == ["e2.input", "e3.input", "e4.input"]
    with listening(watch, "?after=5") as feed:
        assert feed.ids(1) == ["e4.input"]
    with listening(watch, "?after=1", **{"last-event-id": "5"}) as feed:  # the browser knows better
        assert feed.ids(1) == ["e4.input"]
    with listening(watch, **{"last-event-id": "nonsense"}) as feed:
        assert feed.next("now")


def test_what_is_no_longer_kept_is_said_to_be_missing(tmp_path):
    many = [verdict(f"e{n}") for n in range(2100)]
    with recorded(tmp_path, many) as watch, listening(watch, "?after=40") as feed:
        told, said, _ = feed.next(*BOTH)
        assert (told, said) == ("missed", {"missed": 60 + 1500, "exact": False})
        assert feed.next("entry")[2] == "1601"  # a queue's length from the end


def test_a_watcher_that_does_not_read_is_told_what_it_missed(live):
    watch, log = live
    with listening(watch) as feed:
        feed.next("now")
        # More than sockets' buffers and the queue hold, while nobody reads.
        for batch in range(20):
            record(log, [verdict(f"b{batch}.{n}", labels={"tenant": "x" * 250}) for n in range(1000)])
        wait_for(lambda: watch.monitor.desk.feed.seen == 20_001)
        wait_for(lambda: watch.monitor.desk.feed.missed > 0)
        seen = missed = 0
        while seen + missed < 20_000:
            kind, said, _ = feed.next(*BOTH)
            seen, missed = seen + (kind == "entry"), missed + said.get("missed", 0)
        assert missed > 0
        assert seen + missed == 20_000
        assert watch.monitor.desk.feed.missed == missed


def test_many_watchers_see_the_same(live):
    watch, log = live
    with ExitStack() as stack:
        feeds = [stack.enter_context(listening(watch)) for _ in range(20)]
        for feed in feeds:
            feed.next("now")
        assert watch.monitor.desk.feed.watching == 20
        record(log, [verdict(f"e{n}") for n in range(30)])
        for feed in feeds:
            assert feed.ids(30) == [f"e{n}.input" for n in range(30)]
    wait_for(lambda: watch.monitor.desk.feed.watching == 0)


def test_stopping_lets_go_of_those_who_watch(live):
    watch, _ = live
    with listening(watch) as feed:
        feed.next("now")
        ended = threading.Timer(0.2, watch.monitor.close_streams)
        ended.start()
        with pytest.raises(AssertionError, match="the stream ended"):
            feed.next("never")


def test_a_record_that_is_replaced_is_followed_anew(tmp_path):
    store = tmp_path / "events.sqlite"
    with EventLog(store) as log:
        record(log, [verdict(f"old{n}") for n in range(5)])
    follow = RecordSource(str(store))
    assert len(follow.newest(10)) == 5
    for file in tmp_path.glob("events.sqlite*"):
        file.unlink()
    with EventLog(store) as log:
        record(log, [verdict("new")])
    with pytest.raises(StoreError):
        follow.more(0.1)
    assert ids(follow.more(0.1)) == ["new"]
    follow.close()


# --- PostgreSQL and Redis


def postgres():
    psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    url = "postgresql://root@127.0.0.1:5432/test"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as db:
            db.execute("DROP SCHEMA IF EXISTS web CASCADE")
            db.execute("CREATE SCHEMA web")
    except psycopg.Error as error:
        pytest.skip(f"no PostgreSQL at 127.0.0.1:5432: {error}")
    return f"{url}?options=-csearch_path%3Dweb"


def test_a_record_in_postgresql_is_shown_and_followed():
    store = postgres()
    with EventLog(store) as log:
        record(log, [verdict("before"), ungrounded("warranty")])
        with watching(store) as watch:
            watch.counted()
            for path in ("", "/trends", "/events", "/users", "/groundedness", "/policies", "/health"):
                assert watch.get(f"/monitor{path}").status_code == 200
            assert "before.input" in watch.get("/monitor/events?category=prompt_attack").text
            assert watch.get("/monitor/event/before.input").status_code == 200
            with listening(watch) as feed:
                feed.next("now")
                record(log, [verdict("one")])
                assert feed.ids(1) == ["one.input"]


def test_what_proxies_say_over_redis_is_shown(tmp_path):
    with OwnRedis() as redis, ExitStack() as stack:
        here = stack.enter_context(EventLog(tmp_path / "here.sqlite"))
        there = stack.enter_context(EventLog(tmp_path / "there.sqlite"))
        first, second = Fanout(here, redis.url), Fanout(there, redis.url)
        stack.callback(first.close)
        stack.callback(second.close)
        first.put(event("before")).result(10)
        watch = stack.enter_context(watching(tmp_path / "here.sqlite", fanout=redis.url))
        wait_for(lambda: len(watch.monitor.desk.feed.recent) == 1)
        with listening(watch, "?after=0-0") as feed:
            assert feed.ids(1) == ["before.input"]
            second.put(event("elsewhere")).result(10)
            _, said, mark = feed.next("entry")
            assert said["id"] == "elsewhere.input"
            assert read_mark(mark) is not None
        assert "record of another machine" in watch.get("/monitor/event/elsewhere.input").text


def test_redis_that_goes_and_comes_back(tmp_path):
    with OwnRedis() as redis:
        follow = RedisSource(redis.url)
        assert follow.newest(10) == []
        redis.stop()
        with pytest.raises(StoreError, match="the fan-out: "):
            follow.more(0.1)
        redis.start()
        assert follow.more(0.1) == []
        follow.close()


def test_a_fanout_that_is_none_is_a_mistake():
    with pytest.raises(ConfigError, match="redis://HOST"):
        source(MonitorSettings("events.sqlite", fanout="http://127.0.0.1"))


def test_actions_are_words():
    assert Item((1,), event(action=Action.REDACT)).line["action"] == "redact"
