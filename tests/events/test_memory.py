import pytest
from event_samples import AT, MAIL, hit_on, verdict

from safety.errors import StoreError
from safety.events.chain import verify_chain
from safety.events.event import make_event, make_notice, timestamp
from safety.events.losses import SAMPLED
from safety.events.memory import MemoryLog


def event(name):
    return make_event(verdict(name), at=AT)


def test_the_newest_are_kept():
    log = MemoryLog(keep=3)
    for i in range(5):
        log.put(event(f"e{i}")).result()
    assert [entry.exchange for entry in log.events] == ["e2", "e3", "e4"]


def test_told_to_refuse_it_fails_events_and_says_so_afterwards():
    log = MemoryLog()
    log.put(event("a")).result()
    log.refuse("disk full")
    assert log.trouble() == "disk full"
    for name in ("b", "c"):
        with pytest.raises(StoreError, match=r"^memory: disk full$"):
            log.put(event(name)).result()
    log.refuse(None)
    assert log.trouble() is None
    log.put(event("d")).result()
    (gap,) = log.gaps
    assert (gap.lost, gap.why, gap.since, gap.until) == (2, "disk full", timestamp(AT), timestamp(AT))
    assert [entry.kind for entry in log.entries] == ["event", "gap", "event"]
    assert gap.after == log.chain()[0].hash


def test_told_to_be_behind_it_leaves_out_clean_events_and_says_how_many():
    log = MemoryLog(when_behind="sample")
    log.fall_behind()
    assert log.behind()
    hit = make_event(verdict("hit", hits=[hit_on(MAIL)]), at=AT)
    for one in (event("a"), hit, event("b"), make_notice("looked", at=AT)):
        log.put(one).result()
    assert [entry.kind for entry in log.entries] == ["event", "notice"]
    log.fall_behind(False)
    log.put(event("c")).result()
    (gap,) = log.gaps
    assert (gap.lost, gap.why) == (2, SAMPLED)
    assert [one.exchange for one in log.events] == ["hit", "c"]
    assert verify_chain(log.chain()) is None


def test_told_to_be_behind_without_sampling_it_keeps_everything():
    log = MemoryLog()
    log.fall_behind()
    log.put(event("a")).result()
    log.when_behind("sample")
    log.put(event("b")).result()
    log.when_behind("slow")
    log.put(event("c")).result()
    assert [one.exchange for one in log.events] == ["a", "c"]


def test_it_keeps_no_values():
    log = MemoryLog()
    log.put(make_event(verdict(hits=[hit_on(MAIL)]), at=AT)).result()
    assert log.events[0].values == ()


def test_its_chain_holds():
    with MemoryLog() as log:
        for i in range(5):
            log.put(event(f"e{i}"))
    assert len(log.chain()) == 5
    assert verify_chain(log.chain()) is None
