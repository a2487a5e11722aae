"""What tests of counts share: events by hand, any entries at all, records in both databases."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from sqlalchemy import create_engine

from safety.events.database import open_engine
from safety.events.entry import DetectorRun, Entry, Event, Gap, Notice, RuleHit, timestamp
from safety.events.log import EventLog
from safety.events.schema import tallies
from safety.types import Action, Ran, Stage

SERVER = "root@127.0.0.1:5432/test"
AT = datetime(2026, 3, 2, 10, 0, 30, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)


def event(at=AT, action=Action.ALLOW, would=None, *, hits=(), ran=(), stage=Stage.INPUT, ms=2.0, **labels):
    would = max(action, would or action)
    return Event(
        f"e.{stage.value}",
        "e",
        stage,
        timestamp(at),
        "default@0123",
        action,
        would,
        all(run.ran is Ran.OK for run in ran),
        ms / 1000,
        labels,
        tuple(ran),
        tuple(hits),
        rules=tuple(dict.fromkeys(hit.rule for hit in hits)),
        categories=tuple(sorted({hit.category for hit in hits})),
    )


def hit(category="pii.EMAIL", action=Action.BLOCK, *, enforced=True, excused=None, severity=None):
    rule = "no_" + category.partition(".")[0]
    return RuleHit(rule, action, enforced, excused, "pii@1", category, 0.9, severity, "what matched")


def gap(lost, why="the disk is full", at=AT):
    return Gap("gap.1", timestamp(at), lost, timestamp(at), timestamp(at), why)


def run(detector="pii@1", ms=1.0, ran=Ran.OK):
    return DetectorRun(detector, ran, ms)


def write(store, entries: Sequence[Entry]) -> None:
    """Put ``entries`` into the record at ``store``. A gap is only ever written by the log: it goes to the
    file in an event's place."""
    with EventLog(store) as log:
        for entry in entries:
            log.put(entry)
        log.flush(60)


def stored(store) -> dict[tuple[int, str, str], int]:
    """All that was counted."""
    engine = open_engine(store, write=False)
    with engine.connect() as db:
        found = {(minute, of, name): n for minute, of, name, n in db.execute(tallies.select())}
    engine.dispose()
    return found


@contextlib.contextmanager
def empty_store(kind: str, folder) -> Iterator[str]:
    """A place for a record: a path, or a schema of its own in PostgreSQL (skips where there is none)."""
    if kind == "sqlite":
        yield str(folder / "events.sqlite")
        return
    try:
        socket.create_connection(("127.0.0.1", 5432), timeout=1).close()
    except OSError:
        pytest.skip("no PostgreSQL at 127.0.0.1:5432")
    name = f"test_{secrets.token_hex(6)}"
    admin = create_engine(f"postgresql+psycopg://{SERVER}")
    with admin.begin() as db:
        db.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        yield f"postgresql://{SERVER}?options=-csearch_path%3D{name}"
    finally:
        with admin.begin() as db:
            db.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
        admin.dispose()


# --- any entries --------------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c|d", "…", "ä\0", "x" * 400])
_times = st.integers(0, 3 * 24 * 60 * 60).map(lambda seconds: AT + timedelta(seconds=seconds))
_actions = st.sampled_from(Action)
_hits = st.builds(
    hit,
    st.sampled_from(["pii.EMAIL", "pii.IBAN", "harm.hate"]),
    _actions,
    enforced=st.booleans(),
    excused=st.sampled_from([None, "known"]),
    severity=st.none() | st.integers(0, 7),
)
_runs = st.builds(run, st.sampled_from(["pii@1", "harm@2"]), st.floats(0, 1e6), st.sampled_from(Ran))
events = st.builds(
    event,
    _times,
    _actions,
    _actions,
    hits=st.lists(_hits, max_size=3),
    ran=st.lists(_runs, max_size=2),
    stage=st.sampled_from(Stage),
    ms=st.floats(0, 1e6),
    user=_names,
    tenant=_names,
)
notices = st.builds(lambda at, what: Notice("n", timestamp(at), what), _times, _names)
gaps = st.builds(gap, st.integers(1, 50), st.sampled_from(["the disk is full", "sampled: behind"]), _times)
entries = st.lists(events | notices | gaps, max_size=30)
