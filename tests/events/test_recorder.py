"""What every record owes its caller, asked of each."""

import asyncio
import threading

import pytest
from event_samples import AT, verdict

from safety.errors import StoreError
from safety.events.event import make_event, make_notice
from safety.events.log import EventLog
from safety.events.memory import MemoryLog
from safety.events.query import EventQuery
from safety.events.recorder import Recorder


@pytest.fixture(params=["memory", "file", "postgres"])
def record(request, tmp_path):
    """A recorder, and a function that reads what it holds."""
    if request.param == "memory":
        memory = MemoryLog()
        yield memory, lambda: list(memory.entries)
        return
    store = tmp_path / "events.sqlite" if request.param == "file" else request.getfixturevalue("postgres")
    with EventLog(store) as log, EventQuery(store) as query:
        yield log, lambda: list(query.events())


def event(name):
    return make_event(verdict(name), at=AT)


def test_what_was_put_is_there_once_the_future_says_so(record):
    recorder: Recorder = record[0]
    recorder.put(event("a")).result(10)
    assert record[1]() == [event("a")]
    assert recorder.trouble() is None


def test_notices_are_put_like_events(record):
    recorder, read = record
    notice = make_notice("looked", at=AT, by="anna", about="a.input")
    for entry in (event("a"), notice):
        recorder.put(entry).result(10)
    assert read() == [event("a"), notice]


def test_order_is_kept(record):
    recorder, read = record
    for future in [recorder.put(event(f"e{i}")) for i in range(1000)]:
        future.result(10)
    assert [entry.exchange for entry in read()] == [f"e{i}" for i in range(1000)]


def test_many_threads(record):
    recorder, read = record

    def work(name):
        for i in range(50):
            recorder.put(event(f"{name}-{i}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.flush()
    assert {entry.exchange for entry in read()} == {f"{name}-{i}" for name in range(4) for i in range(50)}


def test_from_an_event_loop(record):
    recorder, read = record

    async def main():
        await asyncio.gather(*(asyncio.wrap_future(recorder.put(event(f"e{i}"))) for i in range(20)))

    asyncio.run(main())
    assert len(read()) == 20


def test_a_caller_that_gives_up_does_not_unmake_the_event(record):
    recorder, read = record

    async def main():
        waiting = asyncio.wrap_future(recorder.put(event("a")))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(main())
    recorder.put(event("b")).result(10)
    assert [entry.exchange for entry in read()] == ["a", "b"]
    assert not recorder.put(event("c")).cancel()


def test_closing_writes_what_waits_and_refuses_more(record):
    recorder, read = record
    futures = [recorder.put(event(f"e{i}")) for i in range(300)]
    recorder.close()
    recorder.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert len(read()) == 300
    assert recorder.trouble() == "the record is closed"
    with pytest.raises(StoreError, match="the record is closed"):
        recorder.put(event("late")).result(10)
    recorder.flush()
