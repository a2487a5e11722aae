import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from event_samples import AT, MAIL, hit_on, verdict
from storage import ask, cut_off, do

from safety.errors import ConfigError, StoreError
from safety.events.event import Gap, Notice, make_event, timestamp
from safety.events.keyed import KEY_VARIABLE
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
    Notice("notice.1", timestamp(AT + 4 * HOUR), "looked", "anna", "b.input"),
]


def recorded(store):
    with EventLog(store) as log:
        for event in EVENTS:
            log.put(event)
    return EventQuery(store)


@pytest.fixture
def query(store):
    with recorded(store) as query:
        yield query


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
        ({"policy": "default"}, [event.id for event in EVENTS[:-1]]),
        ({"policy": "default@0123456789ab"}, [event.id for event in EVENTS[:-1]]),
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
        ({"user": "u1\x00"}, []),
        ({"kind": "event", "action": "block"}, ["b.input", "f.input"]),
        ({"kind": ["gap", "notice"]}, ["notice.1"]),
        ({"what": "looked"}, ["notice.1"]),
        ({"about": "b.input"}, ["notice.1"]),
        ({"failed": "secrets"}, ["d.input"]),
        ({"failed": "secrets@2"}, ["d.input"]),
        ({"failed": "secrets@3"}, []),
    ],
)
def test_where(query, where, found):
    assert ids(query.events(where=where)) == found


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"colour": "red"}, "where: unknown key 'colour': one of about, action, category, complete"),
        ({"action": "bloc"}, "where: action='bloc': one of allow, annotate, redact, block"),
        ({"user": []}, "where: user: no value"),
        ({"kind": "odd"}, "where: kind='odd': one of event, gap, notice"),
        ({"stage": "middle"}, "where: stage='middle': one of input, output"),
        ({"complete": "yes"}, "where: complete='yes': one of true, false"),
    ],
)
def test_what_cannot_be_asked_for(query, where, message):
    for reading in (query.events, query.follow):
        with pytest.raises(ConfigError, match=message):
            reading(where=where)


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


def test_more_than_one_page(store):
    event = EVENTS[0]
    with EventLog(store) as log:
        for i in range(2 * PAGE + 1):
            log.put(replace(event, id=f"{i}.input"))
    found = ids(EventQuery(store).events())
    assert found == [f"{i}.input" for i in range(2 * PAGE + 1)]


def test_gaps_come_along_unless_one_thing_is_asked_for(store):
    with EventLog(store) as log:
        log.put(replace(EVENTS[1], seconds=float("nan")))
        log.flush()
        log.put(EVENTS[0]).result(10)
    query = EventQuery(store)
    assert [entry.kind for entry in query.events()] == ["gap", "event"]
    assert [entry.kind for entry in query.events(where={"action": "block"})] == ["gap"]
    assert list(query.events(where={"exchange": "b"})) == []
    now = datetime.now(UTC)
    assert list(query.events(where={"action": "block"}, until=now - HOUR)) == []
    assert all(isinstance(entry, Gap) for entry in query.events(since=now - HOUR, where={"user": "x"}))


def test_following_sees_what_is_recorded_meanwhile(store):
    with EventLog(store) as log:
        log.put(EVENTS[0]).result(10)
        log.put(EVENTS[1]).result(10)
        seen = []
        everything = threading.Event()
        follow = EventQuery(store).follow(limit=1, poll=0.01, stop=everything.is_set)

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


def test_following_a_file_that_goes_away(tmp_path):
    path = tmp_path / "events.sqlite"
    follow = recorded(path).follow(poll=0.01)
    assert [next(follow) for _ in EVENTS] == EVENTS
    path.rename(path.with_suffix(".old"))
    with pytest.raises(StoreError, match="removed or replaced"):
        next(follow)


def test_nothing_to_read(tmp_path):
    with pytest.raises(StoreError, match="no event store there"):
        EventQuery(tmp_path / "none.sqlite")


def test_following_a_database_that_goes_away(postgres):
    with recorded(postgres) as query:
        follow = query.follow(poll=30)
        assert [next(follow) for _ in EVENTS] == EVENTS
        threading.Timer(0.3, cut_off, (postgres,)).start()
        with pytest.raises(StoreError, match=r"^postgresql://"):
            next(follow)


def test_postgresql_wakes_who_follows(postgres):
    """Long before the next poll is due."""
    with EventLog(postgres) as log, EventQuery(postgres) as query:
        follow = query.follow(poll=60)
        threading.Timer(0.3, log.put, (EVENTS[0],)).start()
        assert next(follow) == EVENTS[0]
        follow.close()


def test_a_row_that_is_no_event(query, store):
    do(store, "UPDATE events SET body = '{}' WHERE n = 2")
    with pytest.raises(StoreError, match="not an event"):
        list(query.events())


def test_pages_with_places_both_ways(query):
    places = [n for n, _ in query.page()]
    assert [entry for _, entry in query.page()] == EVENTS
    assert places == sorted(places)
    first = query.page(limit=3)
    assert first + query.page(first[-1][0]) == query.page()
    last = query.page(limit=3, newest=True)
    assert last + query.page(newest=True, before=last[-1][0]) == query.page()[::-1]
    assert query.page(places[1], newest=True) == query.page()[2:][::-1]
    assert query.page(places[-1]) == []
    assert query.page(limit=0) == []


def test_pages_take_conditions(query):
    assert ids(entry for _, entry in query.page(where={"action": "block"})) == ["b.input", "f.input"]
    newest = query.page(where={"action": "block"}, newest=True, limit=1)
    assert ids(entry for _, entry in newest) == ["f.input"]
    assert ids(entry for _, entry in query.page(since=AT + HOUR, until=AT + 2 * HOUR)) == [
        "b.input",
        "b.output",
    ]


def test_one_entry(query):
    assert query.one("b.input") == query.page()[1]
    assert query.one("notice.1") == query.page()[-1]
    assert query.one("nobody") is None


def test_the_newest_of_one_name(store):
    with EventLog(store) as log:
        for seconds in (1.0, 2.0):
            log.put(replace(EVENTS[0], seconds=seconds))
    with EventQuery(store) as query:
        assert query.one("a.input")[1].seconds == 2.0


def test_values_are_found_however_they_are_written(store, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key that nobody guesses")
    with recorded(store) as query:
        for value in (MAIL, MAIL.upper(), f" {MAIL} "):
            assert ids(query.events(where={"value": value, "kind": "event"})) == ["b.input"]
        assert ids(query.events(where={"value": "someone@example.org"})) == []
        monkeypatch.setenv(KEY_VARIABLE, "another key that nobody guesses")
        assert ids(query.events(where={"value": MAIL})) == []


def test_without_a_key_nothing_can_be_looked_for(postgres, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with recorded(postgres) as query:
        with pytest.raises(ConfigError, match=f"no key for hashes: set {KEY_VARIABLE}"):
            query.events(where={"value": MAIL})
        assert ask(postgres, "SELECT * FROM marks WHERE \"of\" = 'value'") == []


def test_labels_that_no_database_likes(store):
    odd = ["\ud800", "a\x00b", "ü" * 400, "'; DROP TABLE events; --", "%s ? :a"]
    with EventLog(store) as log:
        for number, label in enumerate(odd):
            log.put(make_event(verdict(f"o{number}", user=label), at=AT))
    with EventQuery(store) as query:
        for number, label in enumerate(odd):
            assert f"o{number}.input" in ids(query.events(where={"user": label}))


def test_a_reader_does_not_stand_in_the_writers_way(store):
    with EventLog(store, busy=0.05) as log:
        log.put(EVENTS[0]).result(10)
        reading = EventQuery(store).events()
        next(reading)
        log.put(EVENTS[1]).result(10)
        assert list(reading) == []  # as of when it began
