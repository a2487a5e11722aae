"""The log over PostgreSQL: what becomes of events while the server goes away, and afterwards."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from event_samples import AT, MAIL, hit_on, verdict
from services import own_postgres
from storage import ask, cut_off, do

from safety.errors import StoreError
from safety.events.chain import verify_chain
from safety.events.event import Gap, make_event
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.events.store import Store
from safety.events.verify import verify

ROOT = Path(__file__).parents[2]


def event(name):
    return make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT)


def entries(store):
    with EventQuery(store) as query:
        return [entry for _, entry in query.page()]


def wait_until(true):
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def test_a_connection_that_is_cut_off_is_a_failure_and_then_a_gap(postgres):
    with EventLog(postgres) as log:
        log.put(event("a")).result(10)
        cut_off(postgres)
        with pytest.raises(StoreError, match=r"^postgresql://root@.*terminat"):
            log.put(event("b")).result(10)
        wait_until(lambda: log.trouble() is None)
        log.put(event("c")).result(10)
    first, gap, last = entries(postgres)
    assert (first.exchange, last.exchange) == ("a", "c")
    assert isinstance(gap, Gap)
    assert gap.lost == 1
    assert "terminat" in gap.why
    with EventQuery(postgres) as query:
        rows = list(query.chain())
    assert gap.after == rows[0].hash
    assert verify(postgres).broken is None


def test_many_cuts_lose_nothing_unsaid(postgres):
    """Every event is there, or failed and counted."""
    with EventLog(postgres) as log:
        futures = []
        for i in range(400):
            futures.append(log.put(event(f"e{i}")))
            if i % 80 == 40:
                cut_off(postgres)
                time.sleep(0.02)
        log.flush(30)
        wait_until(lambda: log.trouble() is None)
        failed = sum(future.exception() is not None for future in futures)
    found = entries(postgres)
    names = {entry.exchange for entry in found if not isinstance(entry, Gap)}
    assert names == {f"e{i}" for i, future in enumerate(futures) if future.exception() is None}
    assert sum(entry.lost for entry in found if isinstance(entry, Gap)) == failed > 0
    assert verify(postgres).broken is None


def test_a_server_that_is_restarted():
    with own_postgres() as server, EventLog(server.url) as log:
        log.put(event("a")).result(10)
        server.stop()
        for name in ("b", "c"):
            with pytest.raises(StoreError):
                log.put(event(name)).result(30)
        assert log.trouble() is not None
        time.sleep(1.0)  # some attempts are made in vain
        assert log.trouble() is not None
        server.start()
        wait_until(lambda: log.trouble() is None)
        log.put(event("d")).result(10)
        first, gap, last = entries(server.url)
        assert (first.exchange, gap.lost, last.exchange) == ("a", 2, "d")
        assert verify(server.url).broken is None


def test_a_server_that_is_not_there_stops_the_start():
    before = threading.active_count()
    with pytest.raises(StoreError, match=r"^postgresql://u:\*\*\*@127.0.0.1:9/none: .*refused"):
        EventLog("postgresql://u:secret@127.0.0.1:9/none")
    assert threading.active_count() == before


def test_another_that_holds_the_lock(postgres):
    with EventLog(postgres, busy=0.05) as log, closing(Store(postgres)) as other:

        def meanwhile(_):
            with pytest.raises(StoreError, match="lock timeout"):
                log.put(event("a")).result(10)
            return None, []

        other.change(meanwhile)
        wait_until(lambda: log.trouble() is None)
    assert [entry.lost for entry in entries(postgres)] == [1]


def test_a_database_that_refuses_rows(postgres):
    with EventLog(postgres) as log:
        do(postgres, "ALTER TABLE events ADD CONSTRAINT stop CHECK (false) NOT VALID")
        with pytest.raises(StoreError, match="violates check constraint"):
            log.put(event("a")).result(10)
        do(postgres, "ALTER TABLE events DROP CONSTRAINT stop")
        wait_until(lambda: log.trouble() is None)
    assert [entry.lost for entry in entries(postgres)] == [1]


WRITER = """
import sys
from datetime import UTC, datetime
sys.path.insert(0, "tests/events")
from event_samples import MAIL, hit_on, verdict
from safety.events.event import make_event
from safety.events.log import EventLog

log, name = EventLog(sys.argv[1]), sys.argv[2]
for i in range(60):
    log.put(make_event(verdict(f"{name}-{i}", hits=[hit_on(MAIL)]), at=datetime.now(UTC)))
    if i % 7 == 0:
        log.flush(60)
log.close()
"""


def test_several_processes_write_one_record_and_a_reader_misses_nothing(postgres):
    """Places are in order of commit: who reads on from a place never passes over a row."""
    Store(postgres).close()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, postgres, name], cwd=ROOT) for name in ("a", "b", "c")
    ]
    expected = {f"{name}-{i}" for name in "abc" for i in range(60)}
    seen, at = [], 0
    with EventQuery(postgres) as query:
        until = time.monotonic() + 60
        while len(seen) < len(expected) and time.monotonic() < until:
            page = query.page(at, limit=7)
            seen += [entry.exchange for _, entry in page]
            at = page[-1][0] if page else at
        rows = list(query.chain())
    assert [process.wait(60) for process in writers] == [0, 0, 0]
    assert sorted(seen) == sorted(expected)
    assert len({row.writer for row in rows}) == 3
    assert verify_chain(rows) is None


def test_notices_of_growth_are_sent_with_the_rows(postgres):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as listener, EventLog(postgres) as log:
        listener.execute("LISTEN safety_events")
        log.put(event("a")).result(10)
        (note,) = listener.notifies(timeout=10, stop_after=1)
    assert ask(postgres, "SELECT max(n) FROM events") == [(int(note.payload),)]
