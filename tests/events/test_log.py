import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from event_samples import AT, MAIL, hit_on, verdict

from safety.errors import StoreError
from safety.events.chain import verify_chain
from safety.events.event import Gap, make_event, timestamp
from safety.events.file import MIN_BYTES
from safety.events.log import EventLog
from safety.events.query import EventQuery

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


def event(name="e"):
    return make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT)


def entries(path):
    return list(EventQuery(path).events())


def wait_until(true):
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def fill(log):
    """Puts events until one fails; how many were recorded."""
    written = 0
    while log.put(event(f"e{written}")).exception(10) is None:
        written += 1
    return written


def test_a_full_store_fails_events_at_once_and_later_says_how_many(path):
    with EventLog(path, max_bytes=MIN_BYTES) as log:
        written = fill(log)
        assert written > 0
        assert "full" in log.trouble()
        later = replace(event("later"), at="2026-11-23T11:00:00.000000Z")
        with pytest.raises(StoreError, match="full"):
            log.put(later).result(10)
        assert len(entries(path)) == written
        with closing(sqlite3.connect(path)) as other:  # somebody makes room
            other.execute("DELETE FROM marks")
            other.execute("DELETE FROM excerpts")
            other.execute("DELETE FROM events")
            other.commit()
        wait_until(lambda: log.trouble() is None)
        log.put(event("after")).result(10)
        gap, after = entries(path)
    assert isinstance(gap, Gap)
    assert gap.lost == 2
    assert (gap.since, gap.until) == (timestamp(AT), later.at)
    assert "full" in gap.why
    assert len(gap.after) == 64
    assert after == event("after")


def test_the_chain_goes_on_from_a_gap(path):
    with EventLog(path) as log:
        log.put(event("a")).result(10)
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TRIGGER stop BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'stopped'); END")
            with pytest.raises(StoreError, match="stopped"):
                log.put(event("b")).result(10)
            db.execute("DROP TRIGGER stop")
        wait_until(lambda: log.trouble() is None)
    first, gap = list(EventQuery(path).chain())
    assert verify_chain([first, gap]) is None
    assert first.writer != gap.writer
    assert entries(path)[1].after == first.hash


def test_a_removed_file_is_a_failure_and_a_new_one_begins_with_a_gap(path):
    with EventLog(path) as log:
        log.put(event("a")).result(10)
        for file in path.parent.iterdir():
            file.unlink()
        with pytest.raises(StoreError, match="removed or replaced"):
            log.put(event("b")).result(10)
        wait_until(lambda: log.trouble() is None)
        log.put(event("c")).result(10)
    gap, after = entries(path)
    assert gap.lost == 1
    assert after.exchange == "c"


def test_a_folder_in_the_files_place_is_trouble_until_it_goes(path):
    with EventLog(path) as log:
        for file in path.parent.iterdir():
            file.unlink()
        path.mkdir()
        assert log.put(event("a")).exception(10) is not None
        assert log.put(event("b")).exception(10) is not None
        assert str(path) in log.trouble()
        path.rmdir()
        wait_until(lambda: log.trouble() is None)
    assert [entry.lost for entry in entries(path)] == [2]


def test_a_store_locked_by_another_process(path):
    with EventLog(path, busy=0.05) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            log.put(event()).result(10)
        other.execute("ROLLBACK")
        wait_until(lambda: log.trouble() is None)
    assert [entry.lost for entry in entries(path)] == [1]


def test_a_full_queue_refuses_and_the_record_says_so(path):
    futures = []

    def refused():
        futures.append(log.put(event(f"e{len(futures)}")))
        return sum(future.done() for future in futures) == 10

    with (
        EventLog(path, max_queue=5, max_batch=1) as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")  # the writer waits with one event in hand, the queue grows
        wait_until(refused)
        assert log.trouble() == "5 events wait to be written, as many as may"
        with pytest.raises(StoreError, match="5 events wait to be written, as many as may"):
            futures[-1].result(0)
        assert not futures[0].done()
        other.execute("ROLLBACK")
        kept = sum(future.exception(10) is None for future in futures)
        log.flush()
        assert log.trouble() is None
    found = entries(path)
    assert kept == 6
    assert sum(not isinstance(entry, Gap) for entry in found) == kept
    assert sum(entry.lost for entry in found if isinstance(entry, Gap)) == 10


def test_an_event_that_is_no_json_fails_alone(path):
    with EventLog(path) as log:
        futures = [
            log.put(event("a")),
            log.put(replace(event("b"), seconds=float("nan"))),
            log.put(event("c")),
        ]
        assert futures[0].exception(10) is None
        assert futures[2].exception(10) is None
        with pytest.raises(StoreError, match="cannot be written"):
            futures[1].result(10)
        assert log.trouble() is None
    found = entries(path)
    assert {entry.exchange for entry in found if not isinstance(entry, Gap)} == {"a", "c"}
    assert sum(entry.lost for entry in found if isinstance(entry, Gap)) == 1


def test_losses_are_written_on_closing(path):
    log = EventLog(path)
    log.put(replace(event(), seconds=float("nan")))
    log.close()
    assert [entry.lost for entry in entries(path)] == [1]


def test_closing_while_the_store_fails_leaves_nobody_waiting(path):
    log = EventLog(path, busy=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [log.put(event(f"e{i}")) for i in range(600)]
        log.close()
        assert all(isinstance(future.exception(0), StoreError) for future in futures)


def test_flush_waits_for_a_failing_store_too(path):
    with EventLog(path, busy=0.05) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        future = log.put(event())
        log.flush(10)
        assert future.done()


def test_a_broken_store_stops_the_start(tmp_path):
    (tmp_path / "folder").mkdir()
    before = threading.active_count()
    for path in (tmp_path / "folder", tmp_path / "none" / "events.sqlite"):
        with pytest.raises(StoreError, match="unable to open"):
            EventLog(path)
    assert threading.active_count() == before


def test_a_folder_that_may_not_be_written(tmp_path):
    """Not even by root, who may write where permissions forbid it."""
    with pytest.raises(StoreError, match="unable to open"):
        EventLog("/proc/safety-events.sqlite")


WRITER = """
import sys
from datetime import UTC, datetime
sys.path.insert(0, "tests/events")
from event_samples import MAIL, hit_on, verdict
from safety.events.event import make_event
from safety.events.log import EventLog

log, name = EventLog(sys.argv[1]), sys.argv[2]
count = int(sys.argv[3])
for i in range(count):
    event = make_event(verdict(f"{name}-{i}", hits=[hit_on(MAIL)]), at=datetime.now(UTC))
    log.put(event).result(60)
    print(event.id, flush=True)
log.close()
"""


def writer(path, name, count=1_000_000):
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_killed_at_any_moment_every_event_it_answered_for_is_there(path):
    with writer(path, "w") as process:
        said = [process.stdout.readline().strip() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    whole = [name for name in said if name.endswith(".input")]
    assert len(whole) >= 50
    assert set(whole) <= {entry.id for entry in entries(path)}
    assert verify_chain(EventQuery(path).chain()) is None


def test_several_processes_write_one_record(path):
    writers = [writer(path, name, 40) for name in ("a", "b", "c")]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert {e.exchange for e in entries(path)} == {f"{name}-{i}" for name in "abc" for i in range(40)}
    rows = list(EventQuery(path).chain())
    assert len({row.writer for row in rows}) == 3
    assert verify_chain(rows) is None


def test_an_altered_row_in_the_file_is_found(path):
    with EventLog(path) as log:
        for i in range(5):
            log.put(event(f"e{i}"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = replace(body, 'block', 'allow') WHERE n = 3")
        db.commit()
    found = verify_chain(EventQuery(path).chain())
    assert found is not None
    assert found.row.seq == 3
