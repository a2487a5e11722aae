"""The Redis stream beside the record: a copy that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis
from event_samples import AT, MAIL, hit_on, verdict
from services import OwnRedis, free_port

from safety.errors import ConfigError
from safety.events.entry import entry_from_json
from safety.events.event import make_event
from safety.events.fanout import ENTRY, LEFT_OUT, STREAM, WAITING, Fanout
from safety.events.memory import MemoryLog


def some(name):
    return make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT)


def wait(what: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_recorded_is_sent_in_order():
    with OwnRedis() as own, redis.Redis.from_url(own.url) as client:
        fanout = Fanout(MemoryLog(), own.url)
        events = [some(f"e{n}") for n in range(250)]
        for event in events:
            fanout.put(event).result(5)
        fanout.close()
        sent = [entry_from_json(fields[ENTRY.encode()].decode()) for _, fields in client.xrange(STREAM)]
        assert sent == events


def test_what_could_not_be_recorded_is_not_sent():
    with OwnRedis() as own, redis.Redis.from_url(own.url) as client:
        log = MemoryLog()
        fanout = Fanout(log, own.url)
        log.refuse("full")
        assert fanout.put(some("lost")).exception(5) is not None
        assert fanout.trouble() == "full"
        fanout.close()
        assert client.xlen(STREAM) == 0


def test_redis_may_go_and_come_back_and_what_was_left_out_is_said():
    with OwnRedis() as own:
        log = MemoryLog()
        fanout = Fanout(log, own.url)
        fanout.put(some("before")).result(5)
        with redis.Redis.from_url(own.url) as client:
            wait(lambda: client.xlen(STREAM) == 1)
        own.stop()
        fanout.put(some("meanwhile")).result(5)
        assert fanout.trouble() is None
        wait(lambda: fanout.left_out == 1)
        own.start()
        fanout.put(some("after")).result(5)
        fanout.close()
        with redis.Redis.from_url(own.url) as client:
            ((_, fields),) = client.xrange(STREAM)  # this one keeps nothing over a restart
        assert fields[LEFT_OUT.encode()] == b"1"
        assert len(log.events) == 3


def test_a_redis_that_was_never_there_costs_nobody_anything():
    log = MemoryLog(keep=WAITING * 2)
    fanout = Fanout(log, f"redis://127.0.0.1:{free_port()}/0")
    for n in range(WAITING + 500):
        fanout.put(some(str(n))).result(5)
    fanout.close()
    assert len(log.events) == WAITING + 500
    assert fanout.left_out >= 500


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://127.0.0.1:port", ""])
def test_other_urls_are_refused(url):
    with pytest.raises(ConfigError, match="fanout"):
        Fanout(MemoryLog(), url)
