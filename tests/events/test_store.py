import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from event_samples import AT, MAIL, hit_on, verdict

from safety.errors import ConfigError, StoreError
from safety.events.event import make_event
from safety.events.store import MIGRATIONS, MIN_BYTES, Store, open_to_read


def write(store, *names):
    events = [make_event(verdict(name, hits=[hit_on(MAIL)]), at=AT) for name in names]
    store.append([(event, event.to_json()) for event in events])


def bodies(path):
    with open_to_read(path) as db:
        return [body for (body,) in db.execute("SELECT body FROM events ORDER BY n")]


def test_what_is_written_is_there_for_the_next_to_open_it(tmp_path):
    path = tmp_path / "events.sqlite"
    for name in ("a", "b"):
        store = Store(path)
        write(store, name)
        store.close()
    assert len(bodies(path)) == 2


def test_it_is_write_ahead_logged_and_marked_as_ours(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        ("at >= ?", ("2026",), "events_at"),
        ("action = ?", ("block",), "events_action"),
        ("id = ?", ("a.input",), "events_id"),
        ("kind = 'gap'", (), "events_gap"),
    ],
)
def test_searches_use_an_index(tmp_path, sql, values, index):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with open_to_read(path) as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN SELECT body FROM events WHERE {sql}", values).fetchall()
    assert index in str(plan)


def test_a_lone_surrogate_or_a_nul_does_not_stop_the_record(tmp_path):
    path = tmp_path / "events.sqlite"
    store = Store(path)
    odd = make_event(verdict("a\ud800\x00", hits=[hit_on(MAIL, "pii.\udfff")], user="\ud800"), at=AT)
    store.append([(odd, odd.to_json())])
    store.close()
    assert bodies(path) == [odd.to_json()]


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
    store = Store(path)
    write(store, *(f"e{i}" for i in range(100)))
    store.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for opening in (Store, open_to_read):
        with pytest.raises(StoreError, match="malformed"):
            opening(path)


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE events (theirs)")
    before = path.read_bytes()
    for opening in (Store, open_to_read):
        with pytest.raises(StoreError, match="an SQLite database, but not an event store"):
            opening(path)
    assert path.read_bytes() == before


def test_a_later_versions_store_is_left_alone(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    for opening in (Store, open_to_read):
        with pytest.raises(StoreError, match="written by a later version"):
            opening(path)


def test_nothing_there_to_read(tmp_path):
    with pytest.raises(StoreError, match="no event store there"):
        open_to_read(tmp_path / "none.sqlite")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(StoreError, match="an empty file"):
        open_to_read(tmp_path / "empty.sqlite")


def test_readers_cannot_write(tmp_path):
    path = tmp_path / "events.sqlite"
    Store(path).close()
    with open_to_read(path) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM events")


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


def test_a_failed_batch_leaves_nothing_behind(tmp_path):
    path = tmp_path / "events.sqlite"
    store = Store(path)
    event = make_event(verdict("a"), at=AT)
    with pytest.raises(StoreError):
        store.append([(event, event.to_json()), (event, "no JSON")])
    store.close()
    assert bodies(path) == []


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


OPENER = """
import sys
from pathlib import Path
from safety.events.store import Store
sys.stdin.readline()
Store(Path(sys.argv[1])).close()
"""


def test_many_processes_make_the_same_store_at_once(tmp_path):
    command = [sys.executable, "-c", OPENER, str(tmp_path / "events.sqlite")]
    root = Path(__file__).parents[2]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root) for _ in range(4)
    ]
    for opener in openers:
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    assert [opener.communicate()[1] for opener in openers] == [b""] * 4
    assert [opener.returncode for opener in openers] == [0] * 4
