import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from event_samples import AT, MAIL, hit_on, verdict

from safety.errors import ConfigError, StoreError
from safety.events.event import Gap, make_event
from safety.events.log import EventLog
from safety.events.query import KEYS, PAGE, EventQuery
from safety.types import Action, Outcome, Ran, Stage

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ATTACK = "prompt_attack.changed_rules"

EVENTS = [
    make_event(verdict("a", route="chat", model="phi-4"), at=AT),
    make_event(verdict("b", hits=[hit_on(MAIL)], user="u1", tenant="t1"), at=AT + HOUR),
    make_event(verdict("b", stage=Stage.OUTPUT, end="client_closed"), at=AT + HOUR + MINUTE),
    make_event(verdict("b.c", hits=[hit_on("ignore", ATTACK, Action.REDACT)]), at=AT + 2 * HOUR),
    make_event(verdict("d", outcomes=[Outcome("secrets@2", ran=Ran.LATE)]), at=AT + 3 * HOUR),
    make_event(verdict("f", hits=[hit_on("ignore", "piiish")], conversation="c1"), at=AT + 4 * HOUR),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


@pytest.fixture
def query(path):
    with EventLog(path) as log:
        for event in EVENTS:
            log.put(event)
    return EventQuery(path)


def ids(entries):
    return [entry.id for entry in entries]


def test_all_of_it_in_order_of_recording(query):
    assert list(query.events()) == EVENTS


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"category": "pii"}, ["b.input"]),
        ({"category": "pii.EMAIL_ADDRESS"}, ["b.input"]),
        ({"category": "pii.EMAIL"}, []),
        ({"category": "prompt_attack"}, ["b.c.input"]),
        ({"category": ["pii", "prompt_attack"]}, ["b.input", "b.c.input"]),
        ({"action": "block"}, ["b.input", "f.input"]),
        ({"action": "redact"}, ["b.c.input"]),
        ({"action": "block", "category": "pii"}, ["b.input"]),
        ({"stage": "output"}, ["b.output"]),
        ({"rule": "no_pii"}, ["b.input"]),
        ({"policy": "default"}, [event.id for event in EVENTS]),
        ({"policy": "default@0123456789ab"}, [event.id for event in EVENTS]),
        ({"policy": "default@01"}, []),
        ({"policy": "def"}, []),
        ({"route": "chat"}, ["a.input"]),
        ({"model": "phi-4"}, ["a.input"]),
        ({"tenant": "t1"}, ["b.input"]),
        ({"user": "u1"}, ["b.input"]),
        ({"conversation": "c1"}, ["f.input"]),
        ({"end": "client_closed"}, ["b.output"]),
        ({"exchange": "b"}, ["b.input", "b.output"]),
        ({"exchange": "b.c"}, ["b.c.input"]),
        ({"id": "b.output"}, ["b.output"]),
        ({"detector": "secrets"}, ["d.input"]),
        ({"detector": "secrets@2"}, ["d.input"]),
        ({"detector": "secret"}, []),
        ({"complete": "false"}, ["d.input"]),
        ({"complete": "true", "stage": "input"}, ["a.input", "b.input", "b.c.input", "f.input"]),
        ({"user": "' OR 1=1 --"}, []),
    ],
)
def test_where(query, where, found):
    assert ids(query.events(where=where)) == found


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"colour": "red"}, "where: unknown key 'colour': one of action, category, complete"),
        ({"action": "bloc"}, "where: action='bloc': one of allow, annotate, redact, block"),
        ({"user": []}, "where: user: no value"),
        ({"stage": "middle"}, "where: stage='middle': one of input, output"),
        ({"complete": "yes"}, "where: complete='yes': one of true, false"),
    ],
)
def test_what_cannot_be_asked_for(query, where, message):
    for ask in (query.events, query.follow):
        with pytest.raises(ConfigError, match=message):
            ask(where=where)


def test_every_key_the_record_promises_can_be_asked_for():
    labels = {"route", "model", "tenant", "user", "conversation"}
    assert labels | {"category", "action", "stage", "rule", "policy", "exchange", "id", "detector"} <= set(
        KEYS
    )


def test_time(query):
    assert ids(query.events(since=AT + HOUR, until=AT + 2 * HOUR)) == ["b.input", "b.output"]
    assert ids(query.events(until=AT)) == []
    assert ids(query.events(since=AT + 5 * HOUR)) == []


def test_limit_keeps_the_newest(query):
    assert list(query.events(limit=2)) == EVENTS[-2:]
    assert ids(query.events(limit=1, where={"action": "block"})) == ["f.input"]
    assert list(query.events(limit=100)) == EVENTS
    assert list(query.events(limit=0)) == []


def test_paging_on_from_an_entry(query):
    assert list(query.events(after="b.input", limit=2)) == EVENTS[2:4]
    assert list(query.events(after=EVENTS[-1].id)) == []
    with pytest.raises(ConfigError, match="after: no entry 'nobody'"):
        list(query.events(after="nobody"))


def test_more_than_one_page(path):
    event = EVENTS[0]
    with EventLog(path) as log:
        for i in range(2 * PAGE + 1):
            log.put(replace(event, id=f"{i}.input"))
    found = ids(EventQuery(path).events())
    assert found == [f"{i}.input" for i in range(2 * PAGE + 1)]


def test_gaps_come_along_unless_one_thing_is_asked_for(path):
    with EventLog(path) as log:
        log.put(replace(EVENTS[1], seconds=float("nan")))
        log.flush()
        log.put(EVENTS[0]).result(10)
    query = EventQuery(path)
    assert [entry.kind for entry in query.events()] == ["gap", "event"]
    assert [entry.kind for entry in query.events(where={"action": "block"})] == ["gap"]
    assert list(query.events(where={"exchange": "b"})) == []
    now = datetime.now(UTC)
    assert list(query.events(where={"action": "block"}, until=now - HOUR)) == []
    assert all(isinstance(entry, Gap) for entry in query.events(since=now - HOUR, where={"user": "x"}))


def test_following_sees_what_is_recorded_meanwhile(path):
    with EventLog(path) as log:
        log.put(EVENTS[0]).result(10)
        log.put(EVENTS[1]).result(10)
        seen = []
        everything = threading.Event()
        follow = EventQuery(path).follow(limit=1, poll=0.01, stop=everything.is_set)

        def read():
            for entry in follow:
                seen.append(entry)
                if entry == EVENTS[-1]:
                    everything.set()

        reader = threading.Thread(target=read)
        reader.start()
        for event in EVENTS[2:]:
            log.put(event).result(10)
        reader.join(20)
    assert not reader.is_alive()
    assert seen == EVENTS[1:]


def test_following_takes_conditions(query):
    found = query.follow(where={"category": "pii"}, stop=lambda: True)
    assert ids(found) == ["b.input"]
    assert list(query.follow(limit=0, stop=lambda: True)) == []


def test_following_a_store_that_goes_away(query, path):
    follow = query.follow(poll=0.01)
    assert [next(follow) for _ in EVENTS] == EVENTS
    path.rename(path.with_suffix(".old"))
    with pytest.raises(StoreError, match="removed or replaced"):
        next(follow)


def test_nothing_to_read(tmp_path):
    with pytest.raises(StoreError, match="no event store there"):
        EventQuery(tmp_path / "none.sqlite")


def test_a_row_that_is_no_event(query, path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = '{}' WHERE n = 2")
        db.commit()
    with pytest.raises(StoreError, match="not an event"):
        list(query.events())


def test_a_reader_does_not_stand_in_the_writers_way(path):
    with EventLog(path, busy=0.0) as log:
        log.put(EVENTS[0]).result(10)
        reading = EventQuery(path).events()
        next(reading)
        log.put(EVENTS[1]).result(10)
        assert list(reading) == []  # as of when it began
