import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from counted import AT, MINUTE, empty_store, entries, event, events, gap, hit, run, stored, write
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from safety.errors import StoreError
from safety.events.database import open_engine
from safety.events.entry import Notice, timestamp
from safety.events.schema import cursors, tallies
from safety.monitor.dimensions import minute_of, tally
from safety.monitor.folding import FOLD_AT, KEEP, REST, folded
from safety.monitor.steps import STEPS
from safety.monitor.tallies import AT_ONCE, Tallies, Waiting, added_up
from safety.types import Action, Ran, Stage

MINUTE_OF_AT = int(AT.timestamp() // 60)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    with empty_store(request.param, tmp_path) as found:
        yield found


def count(store, limit=5000):
    """Bring the counts up to date; how many rows each step took."""
    mine = Tallies(store)
    try:
        return list(iter(lambda: mine.advance(limit), 0))
    finally:
        mine.close()


def per(step, counts):
    """Of ``counts`` those of ``step``, with dimension and name only, added up."""
    found = Counter()
    prefixes = tuple(other.prefix for other in STEPS if other.prefix)
    for (_, of, name), n in counts.items():
        if of.startswith(step.prefix) and (step.prefix or not of.startswith(prefixes)):
            found[of.removeprefix(step.prefix), name] += n
    return found


# --- what one entry counts as -------------------------------------------------------------------------------


def test_a_clean_event():
    one = event(ran=[run(ms=1.1)], ms=2.5, user="u", tenant="acme", model="phi", route="POST /v1")
    assert sorted(tally(one)) == [
        ("action", "allow", 1),
        ("added_ms", "2.7", 1),
        ("detector_ms", "pii|2.2", 1),
        ("events", "", 1),
        ("model", "phi", 1),
        ("policy", "default@0123", 1),
        ("route", "POST /v1", 1),
        ("stage", "input", 1),
        ("tenant", "acme", 1),
        ("user", "u", 1),
    ]


def test_an_event_that_was_blocked():
    hits = [
        hit(severity=2),
        hit(severity=5),
        hit("harm.hate", Action.REDACT),
        hit("canary.x", enforced=False),
        hit("egress.x", excused="known"),
    ]
    found = set(tally(event(action=Action.BLOCK, hits=hits, tenant="acme")))
    assert {
        ("action", "block", 1),
        ("would", "block", 1),
        ("tenant+action", "acme|block", 1),
        ("policy+action", "default@0123|block", 1),
        ("category", "pii.EMAIL", 1),
        ("category+action", "harm.hate|block", 1),
        ("rule", "no_harm", 1),
        ("rule+action", "no_canary|block", 1),
        ("root", "pii", 1),
        ("severity", "pii.EMAIL.5", 1),
    } < found
    assert {one for one in found if one[0] == "blocked_by"} == {("blocked_by", "no_pii", 1)}


def test_what_monitor_mode_let_pass_counts_under_would():
    found = list(tally(event(would=Action.REDACT, hits=[hit(action=Action.REDACT)], user="u")))
    assert ("would", "redact", 1) in found
    assert ("user+would", "u|redact", 1) in found
    assert not [one for one in found if one[0].endswith("+action") or one[0] == "blocked_by"]


def test_detectors_that_did_not_run():
    found = list(tally(event(ran=[run("pii@3", ran=Ran.LATE), run("harm@1", ran=Ran.FAILED), run()])))
    assert {one for one in found if one[0].startswith(("failed", "detector"))} == {
        ("failed", "pii", 1),
        ("failed+ran", "pii|late", 1),
        ("failed", "harm", 1),
        ("failed+ran", "harm|failed", 1),
        ("detector_ms", "pii|1", 1),
    }


def test_gaps_and_notices():
    assert list(tally(gap(7))) == [("lost", "lost", 7)]
    assert list(tally(gap(9, "sampled: events came too fast"))) == [("lost", "sampled", 9)]
    assert list(tally(Notice("n", timestamp(AT), "looked"))) == [("notice", "looked", 1)]


def test_users_count_under_the_name_that_the_key_gives():
    found = list(tally(event(user="berta"), lambda user: user[::-1]))
    assert ("user", "berta", 1) not in found
    assert ("user", "berta"[::-1], 1) in found
    assert [one for one in tally(event(user="")) if one[0] == "user"] == []


@given(events)
def test_names_can_be_stored_and_are_short(one):
    for of, name, n in tally(one):
        assert n > 0
        assert "\0" not in name + of
        assert len(name.encode()) < 2700, "PostgreSQL's index holds no more"


def waiting(some):
    return [Waiting(n, one.at, one.to_json()) for n, one in enumerate(some)]


@given(entries, st.lists(st.integers(0, 30), max_size=4))
def test_batches_add_up_to_the_whole(some, cuts):
    edges = [0, *sorted(cuts), len(some)]
    rows = waiting(some)
    parts = [added_up(rows[a:b]) for a, b in pairwise(edges)]
    assert sum(parts, Counter()) == added_up(rows)


# --- in the record ------------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=8)
def test_the_counts_do_not_depend_on_how_the_rows_were_taken(tmp_path_factory, data):
    store = tmp_path_factory.mktemp("any") / "events.sqlite"
    some = [one for one in data.draw(entries) if one.kind != "gap"]
    write(store, some)
    assert count(store) == ([len(some)] if some else [])
    whole = stored(store)
    flat = Counter()
    for one in some:
        for of, name, n in tally(one):
            flat[of, name] += n
    assert [per(step, whole) for step in STEPS] == [flat] * 3
    start_again(store)
    mine = Tallies(store)
    while mine.advance(data.draw(st.integers(1, 10))):
        pass
    mine.close()
    assert stored(store) == whole


def start_again(store):
    engine = open_engine(store, write=True)
    with engine.begin() as db:
        db.execute(delete(tallies))
        db.execute(delete(cursors))
    engine.dispose()


def test_counts_stand_under_the_minute_the_hour_and_the_day(store):
    write(store, [event(), event(AT + 5 * MINUTE), event(AT + 60 * MINUTE), event(AT + timedelta(days=1))])
    count(store)
    found = {key: n for key, n in stored(store).items() if key[1].endswith("events")}
    hour, day = MINUTE_OF_AT, MINUTE_OF_AT - 600
    assert found == {
        (hour, "events", ""): 1,
        (hour + 5, "events", ""): 1,
        (hour + 60, "events", ""): 1,
        (hour + 1440, "events", ""): 1,
        (hour, "h:events", ""): 2,
        (hour + 60, "h:events", ""): 1,
        (hour + 1440, "h:events", ""): 1,
        (day, "d:events", ""): 3,
        (day + 1440, "d:events", ""): 1,
    }


def test_it_goes_on_where_it_stopped(store):
    write(store, [event()] * 5)
    assert count(store, 2) == [2, 2, 1]
    assert count(store) == []
    write(store, [event(), gap(3)])
    assert count(store) == [2]
    found = stored(store)
    assert found[MINUTE_OF_AT, "events", ""] == 6
    assert found[MINUTE_OF_AT, "lost", "lost"] == 3


def test_more_than_one_transaction_holds(tmp_path):
    store = tmp_path / "events.sqlite"
    write(store, [event()] * (AT_ONCE + 200))
    assert count(store, AT_ONCE + 100) == [AT_ONCE + 100, 100]
    assert stored(store)[MINUTE_OF_AT, "events", ""] == AT_ONCE + 200


def test_two_at_once_count_every_entry_once(store):
    write(store, [event(user=f"u{n % 7}") for n in range(400)])
    taken, start = [], threading.Barrier(2)

    def work():
        mine = Tallies(store)
        start.wait(20)
        taken.extend(patiently(mine, 9))
        mine.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sum(taken) == 400
    found = stored(store)
    assert found[MINUTE_OF_AT, "events", ""] == 400
    assert sum(n for (_, of, _), n in found.items() if of == "d:user") == 400


def patiently(mine, limit):
    """As the monitor does it: when the record is busy, again."""
    end = time.monotonic() + 80
    while time.monotonic() < end:
        try:
            took = mine.advance(limit)
        except StoreError:
            continue
        if not took:
            return
        yield took


def test_what_is_written_fails_as_a_whole(store):
    write(store, [event()] * 3)
    mine = Tallies(store)
    engine = open_engine(store, write=True)
    with engine.begin() as db:
        db.execute(text("ALTER TABLE tallies RENAME TO elsewhere"))
    with pytest.raises(StoreError):
        mine.advance()
    with engine.begin() as db:
        db.execute(text("ALTER TABLE elsewhere RENAME TO tallies"))
    engine.dispose()
    assert mine.advance() == 3
    mine.close()
    assert stored(store)[MINUTE_OF_AT, "events", ""] == 3


def test_a_row_that_was_altered_counts_as_lost_and_the_rest_is_counted(tmp_path):
    store = tmp_path / "events.sqlite"
    write(store, [event(), event(), event()])
    with closing(sqlite3.connect(store)) as db, db:
        db.execute('UPDATE events SET body = \'{"kind":"event"}\' WHERE n = 2')
    assert count(store) == [3]
    found = stored(store)
    assert found[MINUTE_OF_AT, "events", ""] == 2
    assert found[MINUTE_OF_AT, "lost", "unreadable"] == 1


def test_without_a_folder_there_is_nothing_to_open(tmp_path):
    with pytest.raises(StoreError):
        Tallies(tmp_path / "none" / "events.sqlite")


# --- very many names, and old counts ------------------------------------------------------------------------

FEW = {"large-0": 9, "large-1": 8}


def test_very_many_names_are_bounded(store):
    crowd = [event(user=f"u{n}", route=f"GET /{n}") for n in range(2 * FOLD_AT)]
    few = [event(user=name) for name, times in FEW.items() for _ in range(times)]
    attacks = [event(action=Action.BLOCK, user="attacker")] * 2
    write(store, [*crowd, *attacks, *few])
    count(store, 250)
    whole = stored(store)
    for step in STEPS:
        found = per(step, whole)
        users = {name: n for (of, name), n in found.items() if of == "user"}
        assert sum(users.values()) == len(crowd) + 2 + sum(FEW.values())
        assert len(users) <= FOLD_AT + 1
        assert len([of for of, _ in found if of == "route"]) <= FOLD_AT + 1
        assert users["attacker"] == found["user+action", "attacker|block"] == 2
        assert {name: users[name] for name in FEW} == FEW


_rows = st.dictionaries(
    st.tuples(
        st.sampled_from(["h:user", "h:user+action", "h:user+would"]),
        st.integers(0, 2 * KEEP).map(lambda n: f"u|{n}"),
    ),
    st.integers(1, 100),
)


@given(_rows)
@settings(max_examples=30)
def test_folding_keeps_the_sums_and_all_of_a_name_or_nothing(some):
    rows = {}
    for (of, name), n in some.items():
        rows[of, name if of == "h:user" else f"{name}|block"] = n
        rows.setdefault(("h:user", name), n)
    gone, rest = folded("h:user", rows)
    left = Counter({key: n for key, n in rows.items() if key not in gone}) + rest
    assert sums(left) == sums(rows)
    names = {name.removesuffix("|block") for _, name in left} - {REST}
    assert len(names) <= KEEP
    assert not {name.removesuffix("|block") for _, name in gone} & names
    sizes = {name: n for (of, name), n in rows.items() if of == "h:user"}
    if len(sizes) <= KEEP:
        assert not gone


def sums(rows):
    found = Counter()
    for (of, _), n in rows.items():
        found[of] += n
    return found


def test_old_minutes_and_hours_are_removed_in_steps(store):
    seen = []
    for day in (0, 2, 20, 0, 20):
        write(store, [event(AT + timedelta(days=day))])
        count(store)
        found = {key[:2]: n for key, n in stored(store).items() if key[1].endswith("events")}
        seen.append(sorted((minute - MINUTE_OF_AT) // 1440 for minute, of in found if of == "events"))
    # Not all at once (it would keep the proxies waiting), and what comes late is not put back.
    assert seen == [[0], [0, 2], [2, 20], [2, 20], [20]]
    assert found[MINUTE_OF_AT, "h:events"] == 2
    assert found[MINUTE_OF_AT - 600, "d:events"] == 2


def test_what_is_old_by_the_time_it_is_counted_has_no_minutes(store):
    write(store, [event(AT + timedelta(days=day)) for day in (0, 20, 200)])
    assert count(store, 1) == [1, 1, 1]
    days = {of: minute - MINUTE_OF_AT for minute, of, _ in stored(store) if of in ("events", "h:events")}
    assert days == {"events": 200 * 1440, "h:events": 200 * 1440}
    assert per(STEPS[2], stored(store))["events", ""] == 3


def test_a_clock_that_is_wrong_removes_nothing(tmp_path):
    store = tmp_path / "events.sqlite"
    now = datetime.now(UTC)
    for at in (now, now + timedelta(days=9000), now):
        write(store, [event(at)])
        count(store)
    found = stored(store)
    assert found[minute_of(timestamp(now)), "events", ""] == 2


def test_outputs_and_inputs_are_told_apart():
    found = added_up(waiting([event(), event(stage=Stage.OUTPUT)]))
    assert found[MINUTE_OF_AT, "stage", "input"] == found[MINUTE_OF_AT, "stage", "output"] == 1
