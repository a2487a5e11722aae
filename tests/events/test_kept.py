"""What is sealed apart, erased, removed and proved; on SQLite, and on a PostgreSQL of the test's own."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from event_samples import AT, MAIL, TEXT, hit_on, verdict, verdicts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from safety.errors import ConfigError
from safety.events.database import open_engine
from safety.events.entry import Event, Notice, dumped, plain
from safety.events.event import make_event, make_notice
from safety.events.keyed import key_file
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.events.retention import erase, prune
from safety.events.schema import events, excerpts, marks
from safety.events.seal import seal, unseal
from safety.events.store import Store
from safety.events.verify import verify
from safety.events.written import event_json

KEY = b"k" * 32


def filled(store: str, *made: Event | Notice) -> None:
    with EventLog(store) as log:
        for one in made:
            log.put(one)
        log.flush(20)


def about(user: str, *, raw: bool = True, days: int = 0) -> Event:
    found = verdict(f"of-{user}-{days}", hits=[hit_on(MAIL)], user=user)
    return make_event(found, at=AT - timedelta(days=days), raw_excerpts=raw)


def read(store: str) -> list[Event | Notice]:
    with EventQuery(store) as query:
        return list(query.events())  # type: ignore[arg-type]


@given(verdicts())
def test_the_json_written_by_hand_is_that_of_the_library(one) -> None:
    event = make_event(one, at=AT)
    assert event_json(event, dumped(list(event.hits))) == dumped({"kind": "event"} | plain(event))


@given(verdicts(), st.booleans())
def test_what_was_sealed_comes_back(one, raw) -> None:
    event = make_event(one, at=AT, raw_excerpts=raw)
    sealed = seal(event, KEY)
    assert unseal(sealed.body, sealed.texts) == event
    bare = unseal(sealed.body, None)
    assert isinstance(bare, Event)
    assert all(not hit.excerpt and not hit.detail for hit in bare.hits) or sealed.texts is None


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFETY_LAYER_RECORD_KEY", "a key for the tests alone")


def test_values_are_found_by_their_hash_however_they_are_written(store: str) -> None:
    filled(store, about("anna"), make_event(verdict("clean"), at=AT))
    with EventQuery(store) as query:
        for asked in (MAIL, MAIL.upper(), f" {MAIL}"):
            assert [entry.id for entry in query.events(where={"value": asked, "kind": "event"})] == [
                "of-anna-0.input"
            ]
        assert list(query.events(where={"value": "bob@example.org", "kind": "event"})) == []
    engine = open_engine(store, write=False)
    with engine.connect() as db:
        stored = str(db.execute(select(marks)).all()) + str(db.execute(select(events)).all())
    engine.dispose()
    assert MAIL not in stored


def test_the_key_of_a_file_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAFETY_LAYER_RECORD_KEY")
    path = tmp_path / "events.sqlite"
    filled(str(path), about("anna"))
    assert stat.S_IMODE(os.stat(key_file(path)).st_mode) == 0o600


def test_erasing_one_user_leaves_the_chain_and_everybody_else(store: str) -> None:
    filled(store, about("anna"), about("bob"))
    assert MAIL in str(read(store)[0])
    assert erase(store, "anna", reason="asked for it", by="carol") == 1
    anna, bob, notice = read(store)
    assert isinstance(anna, Event)
    assert anna.erased
    assert MAIL not in str(anna)
    assert bob == replace(about("bob"), values=())
    assert isinstance(notice, Notice)
    assert (notice.what, notice.by) == ("erased", "carol")
    assert "anna" not in notice.about + notice.detail
    found = verify(store)
    assert (found.broken, found.erased) == (None, 1)
    assert erase(store, "anna", reason="again") == 0


def test_erased_words_are_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    filled(str(path), about("anna"))
    erase(str(path), "anna", reason="asked for it")
    left = b"".join(one.read_bytes() for one in tmp_path.iterdir() if one.name.startswith("events.sqlite"))
    assert b"ignore all previous" not in left
    assert b"ignore all previous" in TEXT.encode()


def test_retention_by_age_leaves_what_can_be_proved(store: str) -> None:
    filled(store, *(about("anna", days=days) for days in (40, 35, 3, 1)))
    filled(store, about("bob", days=0))
    assert prune(store, AT - timedelta(days=30), by="carol") == 2
    left = read(store)
    assert [type(entry).__name__ for entry in left] == ["Event", "Event", "Event", "Notice"]
    found = verify(store)
    assert (found.broken, found.removed) == (None, 2)
    filled(store, about("dora"))
    assert verify(store).broken is None


def test_retention_by_size(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    filled(str(path), *(about(f"u{n}", raw=False) for n in range(1500)))
    before = path.stat().st_size
    assert prune(path, max_bytes=before // 2) > 300
    assert path.stat().st_size < before * 0.6
    assert verify(path).broken is None


def test_who_wants_nothing_removed_is_told_so(store: str) -> None:
    filled(store, about("anna"))
    with pytest.raises(ConfigError, match="prune"):
        prune(store)
    with pytest.raises(ConfigError, match="erase"):
        erase(store, "anna", reason="")


COLUMNS = [column.name for column in events.columns if column.name not in ("n", "complete", "seconds", "seq")]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_is_found(store: str, column: str) -> None:
    filled(store, about("anna"), about("bob"))
    changed(store, update(events).where(events.c.n == first(store)).values({column: "other"}))
    assert verify(store).broken is not None


def test_changed_added_and_unannounced_parts_are_found(store: str) -> None:
    for act in (
        lambda n: update(excerpts).where(excerpts.c.n == n).values(texts='[[["x",""]],[]]'),
        lambda n: update(excerpts).where(excerpts.c.n == n).values(salt="0"),
        lambda n: excerpts.delete().where(excerpts.c.n == n),
        lambda n: marks.delete().where(marks.c.n == n),
        lambda n: insert(marks).values(n=n, of="category", name="hate"),
        lambda n: events.delete().where(events.c.n == n),
    ):
        filled(store, about("anna"), about("bob"))
        assert verify(store).broken is None
        changed(store, act(first(store)))
        assert verify(store).broken is not None
        for table in (excerpts, marks, events):
            changed(store, table.delete())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_erasures_and_removals_leave_a_chain_that_holds(tmp_path_factory, data) -> None:
    path = tmp_path_factory.mktemp("any") / "events.sqlite"
    with closing(Store(path)) as work:
        for number in range(data.draw(st.integers(1, 12))):
            user = data.draw(st.sampled_from(["anna", "bob", "\ud800"]))
            work.append([seal(about(user, days=number % 4), work.key)])
    for _ in range(data.draw(st.integers(0, 4))):
        if data.draw(st.booleans()):
            erase(path, data.draw(st.sampled_from(["anna", "bob", "\ud800"])), reason="r")
        else:
            prune(path, AT - timedelta(days=data.draw(st.integers(-1, 5))))
        with closing(Store(path)) as work:
            work.append([seal(make_notice("looked", at=AT), work.key)])
        assert verify(path).broken is None


def test_two_writers_on_one_record(store: str) -> None:
    with EventLog(store) as one, EventLog(store) as two:
        for number in range(50):
            (one if number % 2 else two).put(about(f"u{number}"))
        one.flush(20)
        two.flush(20)
    found = verify(store)
    assert found.broken is None
    assert sorted(row.seq for row in found.last) == [25, 25]


def first(store: str) -> int:
    with EventQuery(store) as query:
        return query.page(limit=1)[0][0]


def changed(store: str, statement: object) -> None:
    engine = open_engine(store, write=True)
    with engine.begin() as db:
        if db.dialect.name == "sqlite":
            for (name,) in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                db.execute(text(f"DROP TRIGGER {name}"))
        db.execute(statement)  # type: ignore[call-overload]
    engine.dispose()
