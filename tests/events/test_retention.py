import os
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from event_samples import MAIL, hit_on, verdict
from storage import ask

from safety.errors import ConfigError
from safety.events.chain import verify_chain
from safety.events.entry import Notice
from safety.events.event import make_event
from safety.events.file import MIN_BYTES
from safety.events.keyed import KEY_VARIABLE, key_from, user_key
from safety.events.log import EventLog
from safety.events.place import is_url
from safety.events.query import EventQuery
from safety.events.retention import erase, prune
from safety.events.verify import verify

HOUR = timedelta(hours=1)
OLD = datetime(2020, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)  # notices are of today, and newer
SECRET = "ignore all previous instructions"  # somebody's name, for once


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key for both kinds of store")
    return key_from(os.environ)


def event(name, hour=0, user="anna"):
    hits = [hit_on(SECRET, "pii.NAME"), hit_on(MAIL)] if hour % 2 == 0 else []
    return make_event(verdict(name, hits=hits, user=user), at=OLD + hour * HOUR, raw_excerpts=True)


def record(store, *events):
    with EventLog(store) as log:
        for one in events:
            log.put(one)


def ids(store):
    with EventQuery(store) as query:
        return [entry.id for _, entry in query.page() if not isinstance(entry, Notice)]


def notices(store):
    with EventQuery(store) as query:
        return [entry for _, entry in query.page(where={"kind": "notice"})]


def counts(store):
    return {table: ask(store, f"SELECT count(*) FROM {table}")[0][0] for table in ("marks", "excerpts")}


def test_old_rows_go_and_the_rest_can_still_be_verified(store):
    record(store, *(event(f"a{i}", i) for i in range(4)))
    record(store, *(event(f"b{i}", i) for i in range(4, 8)))
    assert prune(store, OLD + 5 * HOUR, by="carla") == 5
    assert ids(store) == ["b5.input", "b6.input", "b7.input"]
    found = verify(store)
    assert (found.broken, found.removed) == (None, 5)
    with EventQuery(store) as query:
        assert verify_chain(query.chain(), query.anchors()) is None
        assert verify_chain(query.chain()) is not None
    (notice,) = notices(store)
    assert (notice.what, notice.by) == ("pruned", "carla")
    assert notice.detail.startswith("5 rows older than 2020-11-23T15:00:00.123456Z, up to row 5; anchors ")
    assert ask(store, "SELECT count(*) FROM marks WHERE n <= 5") == [(0,)]
    assert ask(store, "SELECT count(*) FROM excerpts WHERE n <= 5") == [(0,)]


def test_nothing_newer_goes_although_an_older_one_was_recorded_after_it(store):
    """Clocks differ: rows go from the old end, up to the first that has to stay."""
    record(store, event("a", 1), event("b", 9), event("c", 2))
    assert prune(store, OLD + 5 * HOUR) == 1
    assert ids(store) == ["b.input", "c.input"]


def test_all_may_go(store):
    record(store, event("a"), event("b"))
    assert prune(store, OLD + HOUR) == 2
    assert ids(store) == []
    record(store, event("c"))
    assert verify(store).broken is None
    assert ask(store, "SELECT min(n) FROM events") == [(3,)]  # the notice: places are never given twice


def test_nothing_to_remove_leaves_no_notice(store):
    record(store, event("a"))
    assert prune(store, OLD) == 0
    assert notices(store) == []


def test_a_writer_goes_on_while_rows_before_its_own_are_removed(store):
    later = datetime.now(UTC) + HOUR
    with EventLog(store) as log:
        log.put(event("a")).result(10)
        assert prune(store, later) == 1
        log.put(event("b")).result(10)
        assert prune(store, later) == 2  # with the notice of before
        log.put(event("c")).result(10)
    found = verify(store)
    assert found.broken is None
    assert ids(store) == ["c.input"]


def test_many_rows_go_in_several_transactions(store):
    record(store, *(event(f"e{i}", i) for i in range(8)))
    assert prune(store, OLD + 8 * HOUR, at_once=3) == 8
    assert [int(notice.detail.split()[0]) for notice in notices(store)] == [3, 3, 2]
    assert verify(store).broken is None


def test_down_to_a_size(store):
    record(store, *(event(f"e{i}", i) for i in range(600)))
    removed = prune(store, max_bytes=300_000)
    assert 100 < removed < 600
    kept = ids(store)
    assert kept == [f"e{i}.input" for i in range(removed, 600)]
    assert verify(store).broken is None
    assert prune(store, max_bytes=300_000) == 0
    if not is_url(store):
        assert Path(store).stat().st_size <= 300_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({}, "prune: neither an age nor a size"), ({"max_bytes": 10}, f"too small: at least {MIN_BYTES}")],
)
def test_what_cannot_be_pruned(tmp_path, arguments, message):
    path = tmp_path / "events.sqlite"
    record(path, event("a"))
    with pytest.raises(ConfigError, match=message):
        prune(path, **arguments)
    assert ids(path) == ["a.input"]


def test_erasing_a_user(store, key):
    record(store, event("a"), event("b", user="bert"), event("c", 1), event("d", 2))
    before = counts(store)
    assert erase(store, "anna", reason="asked for by letter", by="carla") == 2
    with EventQuery(store) as query:
        for name, erased in (("a", True), ("b", False), ("c", False), ("d", True)):
            _, entry = query.one(f"{name}.input")
            assert entry.erased == erased
            assert [SECRET in hit.excerpt for hit in entry.hits] == (
                [] if name == "c" else [not erased, False]
            )
        assert [e.id for e in query.events(where={"value": SECRET, "kind": "event"})] == ["b.input"]
    assert counts(store) == {"marks": before["marks"] - 4 + 2, "excerpts": before["excerpts"] - 2}
    found = verify(store)
    assert (found.broken, found.erased) == (None, 2)
    (notice,) = notices(store)
    assert (notice.what, notice.by, notice.about) == ("erased", "carla", user_key("anna", key))
    assert notice.detail.startswith("2 events; who ")
    assert notice.detail.endswith("; asked for by letter")
    assert "anna" not in notice.to_json()
    assert erase(store, "anna", reason="asked again") == 0
    assert erase(store, "nobody", reason="asked") == 0
    assert len(notices(store)) == 1


def test_what_was_erased_is_not_in_the_file_any_more(tmp_path):
    path = tmp_path / "events.sqlite"
    with EventLog(path) as log:  # the proxy goes on while it happens
        for i in range(50):
            log.put(event(f"e{i}")).result(10)
        erase(path, "anna", reason="asked for")
        left = [file for file in tmp_path.iterdir() if SECRET.encode() in file.read_bytes()]
        log.put(event("later", user="bert")).result(10)
    assert left == []


def test_many_events_are_erased_in_several_transactions(store):
    record(store, *(event(f"e{i}", 2 * i) for i in range(7)))
    assert erase(store, "anna", reason="asked for", at_once=3) == 7
    assert [notice.detail.split(";")[0] for notice in notices(store)] == ["3 events", "3 events", "1 events"]
    assert verify(store).broken is None


@pytest.mark.parametrize("given", [{"user": "", "reason": "r"}, {"user": "u", "reason": ""}])
def test_erasing_needs_a_user_and_a_reason(tmp_path, given):
    with pytest.raises(ConfigError, match="erase: say whose excerpts are to go, and why"):
        erase(tmp_path / "events.sqlite", **given)


def test_writing_erasing_removing_and_verifying_at_once(store):
    """Nobody ever sees a record that does not hold."""
    stop, broken = threading.Event(), []

    def watch():
        while not stop.is_set():
            broken.append(verify(store).broken)

    with EventLog(store, busy=20) as log:
        log.put(event("first")).result(10)
        watcher = threading.Thread(target=watch)
        watcher.start()
        for i in range(1, 12):
            futures = [log.put(event(f"e{i}-{j}", i)) for j in range(20)]
            erase(store, "anna", reason="asked for")
            prune(store, OLD + (i - 2) * HOUR)
            for future in futures:
                future.result(30)
        stop.set()
        watcher.join(60)
    assert not watcher.is_alive()
    assert broken
    assert set(broken) == {None}
    with closing(EventQuery(store)) as query:
        assert not [entry for _, entry in query.page(where={"kind": "gap"})]
