import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from event_samples import AT, MAIL, hit_on, verdict
from storage import ask, cut_off, do

from safety.errors import ConfigError, StoreError
from safety.events.database import open_engine
from safety.events.event import make_event, make_notice
from safety.events.file import LAYOUT, MIN_BYTES
from safety.events.query import EventQuery
from safety.events.seal import seal
from safety.events.store import Store, write_once
from safety.events.verify import verify


def write(store, *names):
    events = [make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT) for name in names]
    store.append([seal(event, store.key) for event in events])


def bodies(store):
    return [body for (body,) in ask(store, "SELECT body FROM events ORDER BY n")]


def to_read(path):
    open_engine(path, write=False).dispose()


def test_what_is_written_is_there_for_the_next_to_open_it(store):
    for name in ("a", "b"):
        with closing(Store(store)) as opened:
            write(opened, name)
    assert len(bodies(store)) == 2


def test_it_is_write_ahead_logged_and_marked_as_ours(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("at >= '2026'", "events_at"),
        ("action = 'block' AND action <> 'allow'", "events_action"),
        ("id = 'a.input'", "events_id"),
        ("kind = 'gap' AND kind <> 'event'", "events_kind"),
        ("NOT complete", "events_incomplete"),
        ("tenant = 'acme'", "events_tenant"),
        ("\"user\" = 'anna'", "events_user"),
        ("conversation = 'c1'", "events_conversation"),
    ],
)
def test_searches_use_an_index(tmp_path, where, index):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    assert index in str(ask(path, f"EXPLAIN QUERY PLAN SELECT body FROM events WHERE {where}"))


def test_places_are_never_given_twice(store):
    """Not even when all rows were deleted, or a batch failed: readers go on from a place."""
    with closing(Store(store)) as opened:
        write(opened, "a", "b")
        do(store, "DELETE FROM events")
        write(opened, "c")
    assert [n for (n,) in ask(store, "SELECT n FROM events")] == [3]


def test_a_lone_surrogate_or_a_nul_does_not_stop_the_record(store):
    odd = make_event(verdict("a\ud800\x00", hits=[hit_on(MAIL, "pii.\udfff")], user="\ud800"), at=AT)
    with closing(Store(store)) as opened:
        opened.append([seal(odd, opened.key)])
    assert [entry for _, entry in EventQuery(store).page()] == [odd]
    assert verify(store).broken is None


def test_names_of_any_length_do_not_stop_the_record(store):
    """PostgreSQL indexes nothing over a third of a page."""
    long = make_event(verdict("ü" * 9999, hits=[hit_on(MAIL, "pii." + "x" * 9999)], user="é" * 9999), at=AT)
    with closing(Store(store)) as opened:
        opened.append([seal(long, opened.key)])
    query = EventQuery(store)
    assert [entry for _, entry in query.page(where={"category": "pii"})] == [long]
    assert query.one(long.id)[1] == long


def test_the_key_beside_the_file_is_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("SAFETY_LAYER_RECORD_KEY", raising=False)
    path = tmp_path / "events.sqlite"
    keys = set()
    for _ in range(2):
        with closing(Store(path)) as opened:
            keys.add(opened.key)
    assert len(keys) == 1
    file = tmp_path / "events.sqlite.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["events.sqlite", "events.sqlite.key"]


def test_a_key_that_is_none_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.delenv("SAFETY_LAYER_RECORD_KEY", raising=False)
    (tmp_path / "events.sqlite.key").write_text("abc")
    with pytest.raises(StoreError, match=r"events.sqlite.key: not a key: 32 bytes"):
        Store(tmp_path / "events.sqlite")
    monkeypatch.setenv("SAFETY_LAYER_RECORD_KEY", "short")
    with pytest.raises(ConfigError, match="SAFETY_LAYER_RECORD_KEY: 5 characters: at least 16"):
        Store(tmp_path / "other.sqlite")


def test_a_few_entries_from_outside(store):
    notice = make_notice("looked", at=AT, by="anna", about="e1.input", detail="x" * 999)
    write_once(store, notice, notice)
    assert [entry for _, entry in EventQuery(store).page()] == [notice, notice]
    assert len(notice.detail) == 300


NOT_OPENED = {
    "a folder": lambda path: path.mkdir(),
    "no folder to be in": lambda path: path.parent.rmdir(),
    "a file where its folder should be": lambda path: (path.parent.rmdir(), path.parent.write_text("")),
    "no database": lambda path: path.write_text("not a database, but long enough to be looked at" * 99),
}


@pytest.mark.parametrize("case", NOT_OPENED)
def test_what_cannot_be_opened(tmp_path, case):
    path = tmp_path / "sub" / "events.sqlite"
    path.parent.mkdir()
    NOT_OPENED[case](path)
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_torn_file(tmp_path):
    path = tmp_path / "events.sqlite"
    with closing(Store(path)) as store:
        write(store, *(f"e{i}" for i in range(100)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for opening in (Store, to_read):
        with pytest.raises(StoreError, match="malformed"):
            opening(path)


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE events (theirs)")
    before = path.read_bytes()
    for opening in (Store, to_read):
        with pytest.raises(StoreError, match="an SQLite database, but not an event store"):
            opening(path)
    assert path.read_bytes() == before


def test_a_store_of_an_unreleased_version_is_to_be_moved_away(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    for opening in (Store, to_read):
        with pytest.raises(StoreError, match=r"an event store of an unreleased version .* move it away"):
            opening(path)


def test_a_later_layout_is_left_alone(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    for opening in (Store, to_read):
        with pytest.raises(StoreError, match="written by a later version"):
            opening(path)


def test_a_later_versions_tables_are_left_alone(store):
    Store(store).close()
    do(store, "UPDATE record_version SET version_num = '9999'")
    for opening in (Store, to_read):
        with pytest.raises(
            StoreError, match=r"written by a later version .schema 9999.: this one reads up to"
        ):
            opening(store)


def test_nothing_there_to_read(tmp_path, postgres):
    with pytest.raises(StoreError, match="no event store there"):
        to_read(tmp_path / "none.sqlite")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(StoreError, match="an empty file"):
        to_read(tmp_path / "empty.sqlite")
    with pytest.raises(StoreError, match="no event store there"):
        to_read(postgres)
    do(postgres, "CREATE TABLE events (theirs int)")
    for opening in (Store, to_read):
        with pytest.raises(StoreError, match="has a table of events, but is no event store"):
            opening(postgres)


def test_readers_cannot_write(store):
    Store(store).close()
    engine = open_engine(store, write=False)
    with engine.connect() as db, pytest.raises(Exception, match=r"readonly|read-only"):
        db.exec_driver_sql("DELETE FROM events")
    engine.dispose()


def test_a_full_store_keeps_what_it_has_and_says_so(tmp_path):
    path = tmp_path / "events.sqlite"
    store = Store(path, max_bytes=MIN_BYTES)
    names = [f"e{i}" for i in range(1000)]
    with pytest.raises(StoreError, match="full"):
        write(store, *names)  # all or nothing
    assert bodies(path) == []
    written = 0
    with suppress(StoreError):
        for name in names:
            write(store, name)
            written += 1
    store.close()
    assert 0 < written < len(names)
    assert len(bodies(path)) == written
    assert path.stat().st_size <= MIN_BYTES


def test_a_bound_too_small_for_anything(tmp_path):
    with pytest.raises(ConfigError, match=f"max_bytes: 10 is too small: at least {MIN_BYTES}"):
        Store(tmp_path / "events.sqlite", max_bytes=10)


def test_a_failed_batch_leaves_nothing_behind(store):
    event = make_event(verdict("a", hits=[hit_on(MAIL)]), at=AT)
    with closing(Store(store)) as opened:
        good = seal(event, opened.key)
        bad = good._replace(columns=(None, *good.columns[1:]))
        with pytest.raises(StoreError):
            opened.append([good, bad])
    assert bodies(store) == ask(store, "SELECT * FROM marks") == ask(store, "SELECT * FROM excerpts") == []


def test_a_file_that_was_removed_is_noticed(tmp_path):
    path = tmp_path / "events.sqlite"
    store = Store(path)
    write(store, "a")
    path.unlink()
    with pytest.raises(StoreError, match="removed or replaced"):
        write(store, "b")
    store.close()


def test_a_lock_that_is_not_given_up(tmp_path):
    path = tmp_path / "events.sqlite"
    store = Store(path, busy=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            write(store, "a")
    store.close()


def test_a_lock_that_is_not_given_up_in_postgresql(postgres):
    with closing(Store(postgres, busy=0.05)) as opened, closing(Store(postgres)) as other:

        def meanwhile(_):
            with pytest.raises(StoreError, match="lock timeout"):
                write(opened, "a")
            return None, []

        other.change(meanwhile)
    assert bodies(postgres) == []


def test_a_connection_that_was_cut_off_while_it_rested(postgres):
    """Nothing is lost by it, and the chain goes on."""
    with closing(Store(postgres, rest=0.0)) as opened:
        write(opened, "a")
        cut_off(postgres)
        write(opened, "b")
        cut_off(postgres)
        write(opened, "c")
    found = verify(postgres)
    assert found.broken is None
    assert [row.seq for row in found.last] == [3]


def test_a_connection_that_was_cut_off_in_use(postgres):
    with closing(Store(postgres)) as opened:
        write(opened, "a")
        cut_off(postgres)
        with pytest.raises(StoreError, match=r"^postgresql://root@[^ ]+: .*terminat"):
            write(opened, "b")
    assert len(bodies(postgres)) == 1


OPENER = """
import sys
from safety.events.store import Store
sys.stdin.readline()
Store(sys.argv[1]).close()
"""


def test_many_processes_make_the_same_store_at_once(store):
    command = [sys.executable, "-c", OPENER, store]
    root = Path(__file__).parents[2]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root) for _ in range(4)
    ]
    for opener in openers:
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    assert [opener.communicate()[1] for opener in openers] == [b""] * 4
    assert [opener.returncode for opener in openers] == [0] * 4
