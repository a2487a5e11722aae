import pytest
from event_samples import AT, verdict

from safety.errors import StoreError
from safety.events.chain import verify_chain
from safety.events.event import make_event, timestamp
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


def test_its_chain_holds():
    with MemoryLog() as log:
        for i in range(5):
            log.put(event(f"e{i}"))
    assert len(log.chain()) == 5
    assert verify_chain(log.chain()) is None
