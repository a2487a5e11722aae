"""Whatever was recorded, erased and removed, the record holds; whatever is changed is found."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from event_samples import AT, MAIL, hit_on, verdict, verdicts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage import do

from safety.events.event import Gap, make_event, make_notice
from safety.events.keyed import KEY_VARIABLE
from safety.events.query import EventQuery
from safety.events.retention import erase, prune
from safety.events.seal import seal
from safety.events.store import Store
from safety.events.verify import verify
from safety.types import Action, Outcome, Ran

HOUR = timedelta(hours=1)
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def hit_event(name, user, hour=0, raw=False):
    hits = [hit_on(MAIL), hit_on("ignore", "prompt_attack", Action.REDACT)]
    return make_event(verdict(name, hits=hits, user=user), at=AT + hour * HOUR, raw_excerpts=raw)


def append(store, *entries):
    with closing(Store(store)) as opened:
        opened.append([seal(entry, opened.key) for entry in entries])


def rich(store):
    """A record with some of everything: several writers, all kinds, rows removed, excerpts erased."""
    labels = {"model": "phi-4", "route": "chat", "tenant": "acme", "conversation": "c1"}
    late = Outcome("secrets@2", ran=Ran.LATE, error="too late")
    append(store, hit_event("old", "bert"), make_event(verdict("old2"), at=AT))
    append(
        store,
        hit_event("a", "anna", 5),
        make_event(verdict("b", user="bert", **labels), at=AT + 5 * HOUR),
        Gap("gap.1", "2026-11-23T16:00:00.000000Z", 2, "a", "b", "disk full", "00"),
        make_notice("looked", at=AT + 6 * HOUR, by="carla", about="a.input"),
        make_event(verdict("c", outcomes=[late]), at=AT + 7 * HOUR),
        hit_event("d", "bert", 8, raw=True),
    )
    append(store, hit_event("e", "bert", 9), make_event(verdict("f"), at=AT + 9 * HOUR))
    assert prune(store, AT + HOUR, by="the test") == 2
    assert erase(store, "anna", reason="asked for", by="the test") == 1
    append(store, hit_event("g", "anna", 10))


def test_a_rich_record_holds(store):
    rich(store)
    found = verify(store)
    assert found.broken is None
    assert (found.removed, found.erased) == (2, 1)
    with EventQuery(store) as query:
        rows = list(query.chain())
    assert {row.writer: row.hash for row in found.last} == {row.writer: row.hash for row in rows}


def test_an_empty_record_holds(store):
    Store(store).close()
    found = verify(store)
    assert (found.broken, found.last, found.erased, found.removed) == (None, (), 0, 0)


@pytest.fixture(scope="module", autouse=True)
def key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "a key for both kinds of store")
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "events.sqlite"
    Store(path).close()
    return path


@pytest.fixture(scope="module")
def rich_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("rich") / "events.sqlite"
    rich(path)
    return path


def copied(original, folder):
    """A store like the one at ``original``."""
    return Path(shutil.copy(original, folder / "copy.sqlite"))


USERS = st.sampled_from(["anna", "bert", "\ud800", "ü" * 400])


@st.composite
def entries(draw):
    at = AT + draw(st.integers(0, 9)) * HOUR
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return Gap("gap", at.isoformat(), 1, draw(st.text()), "b", draw(st.text()))
    if kind == 1:
        return make_notice(draw(st.text(max_size=9)), at=at, about=draw(st.text()))
    event = make_event(draw(verdicts()), at=at, raw_excerpts=draw(st.booleans()))
    return replace(event, labels={**event.labels, "user": draw(USERS)})


ACTS = st.one_of(
    st.tuples(st.just("write"), st.lists(entries(), min_size=1, max_size=4)),
    st.tuples(st.just("erase"), USERS),
    st.tuples(st.just("prune"), st.integers(0, 9)),
)


@settings(MANY, max_examples=40)
@given(st.lists(ACTS, min_size=1, max_size=6))
def test_whatever_is_recorded_erased_and_removed_the_record_holds(template, tmp_path, acts):
    path = copied(template, tmp_path)
    for act, what in acts:
        if act == "write":
            append(path, *what)
        elif act == "erase":
            erase(path, what, reason="the test")
            with closing(sqlite3.connect(path)) as db:
                told = (what.encode("utf-8", "replace").decode(),)
                sql = "SELECT count(*) FROM excerpts JOIN events USING (n) WHERE user = ?"
                assert db.execute(sql, told).fetchone() == (0,)
        else:
            prune(path, AT + what * HOUR)
        assert verify(path).broken is None
    for file in tmp_path.iterdir():
        file.unlink()


COLUMNS = {
    "events": (
        *("n", "writer", "seq", "hash", "body", "kind", "id", "at", "action", "would", "stage", "complete"),
        *("policy", "model", "route", "tenant", "user", "conversation", "seconds"),
    ),
    "marks": ("of", "name", "n"),
    "excerpts": ("n", "salt", "texts"),
    "anchors": ("writer", "seq", "hash"),
}
PLACES = st.sampled_from([(table, column) for table, columns in COLUMNS.items() for column in columns])


def changed(value, data):
    """``value`` with one character, or one unit, changed."""
    if value is None:
        return "x"
    if isinstance(value, int | float):
        return value + data.draw(st.sampled_from([1, -1, 1000]))
    at = data.draw(st.integers(0, len(value)))
    new = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    # Put in, put in place of, or (at the end) put after.
    found = value[:at] + new + value[at + data.draw(st.integers(0, 1)) :]
    return found if found != value else value + new


@settings(MANY, max_examples=300)
@given(PLACES, st.data())
def test_any_change_of_one_stored_character_is_found(rich_file, tmp_path, place, data):
    path = copied(rich_file, tmp_path)
    table, column = place
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
        names = [name for name, *_ in db.execute(f"SELECT * FROM {table}").description]
        row = data.draw(st.sampled_from(rows))
        old = row[names.index(column)]
        new = changed(old, data)
        same = " AND ".join(f'"{name}" IS ?' for name in names)
        try:
            done = db.execute(f'UPDATE {table} SET "{column}" = ? WHERE {same}', (new, *row))
        except sqlite3.IntegrityError:
            return  # such a row is there already
        assert done.rowcount == 1
        db.commit()
    broken = verify(path).broken
    assert broken is not None, (table, column, old, new)
    assert broken.why


@pytest.mark.parametrize("table", [*COLUMNS, "events and all beside"])
@settings(MANY, max_examples=30)
@given(data=st.data())
def test_any_row_that_was_taken_out_is_found(rich_file, tmp_path, table, data):
    """But for the last of a writer, which ``chain`` says cannot be."""
    path = copied(rich_file, tmp_path)
    with closing(sqlite3.connect(path)) as db:
        if table == "anchors":
            db.execute("DELETE FROM anchors")
        else:
            last = "SELECT max(seq) FROM events AS e WHERE e.writer = events.writer"
            wanted = f"SELECT n FROM events WHERE seq < ({last})"
            source = {"marks": "SELECT n FROM marks", "excerpts": "SELECT n FROM excerpts"}.get(table, wanted)
            n = data.draw(st.sampled_from([n for (n,) in db.execute(source)]))
            for one in ("events", "marks", "excerpts") if table.startswith("events and") else (table,):
                db.execute(f"DELETE FROM {one} WHERE n = ?", (n,))
        db.commit()
    assert verify(path).broken is not None


CHANGES = {
    "a body": ("UPDATE events SET body = replace(body, 'block', 'allow') WHERE n = 3", "row 1 was altered"),
    "a column": ("UPDATE events SET tenant = 'other' WHERE tenant = 'acme'", "column tenant does not say"),
    "a column emptied": ("UPDATE events SET tenant = NULL", "column tenant does not say"),
    "how it ran": (
        "UPDATE events SET complete = NOT complete WHERE NOT complete",
        "column complete does not",
    ),
    "a mark": ("UPDATE marks SET name = 'pii.PHONE' WHERE name = 'pii.EMAIL_ADDRESS'", "marks do not say"),
    "a keyed hash": ("UPDATE marks SET name = 'ab' WHERE \"of\" = 'value' AND n = 8", "marks do not say"),
    "another mark": ("INSERT INTO marks VALUES ('rule', 'no_pii', 4)", "marks do not say what the body says"),
    "a mark of nothing": ("INSERT INTO marks VALUES ('rule', 'no_pii', 99)", "row 99, which is not there"),
    "an excerpt": (
        "UPDATE excerpts SET texts = replace(texts, 'ignore', 'obey')",
        "not those that were sealed",
    ),
    "a salt": ("UPDATE excerpts SET salt = 'a'", "excerpts are not those that were sealed"),
    "excerpts for none": ("INSERT INTO excerpts VALUES (4, 'a', '[]')", "excerpts are not those that were"),
    "excerpts of nothing": ("INSERT INTO excerpts VALUES (99, 'a', '[]')", "row 99, which is not there"),
    "an erasure": ("DELETE FROM excerpts WHERE n = 8", "marks do not say what the body says"),
    "a whole erasure": (
        "DELETE FROM excerpts WHERE n = 8; DELETE FROM marks WHERE n = 8 AND \"of\" = 'value'",
        "excerpts are missing, and no notice says that they were erased",
    ),
    "an anchor": ("UPDATE anchors SET seq = seq + 1", "anchors do not say what the last notice"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_said_of_a_change(store, what):
    rich(store)
    sql, why = CHANGES[what]
    for statement in sql.split("; "):
        assert do(store, statement) > 0
    broken = verify(store).broken
    assert broken is not None
    assert why in broken.why


def test_old_rows_that_were_taken_out_with_an_anchor_but_without_a_notice(store):
    append(store, *(hit_event(f"e{i}", "anna") for i in range(3)))
    with EventQuery(store) as query:
        first = next(query.chain())
    for table in ("events", "marks", "excerpts"):
        do(store, f"DELETE FROM {table} WHERE n = 1")
    do(store, "INSERT INTO anchors VALUES (:w, 1, :h)", w=first.writer, h=first.hash)
    broken = verify(store).broken
    assert broken is not None
    assert broken.why == "anchors do not say what the last notice of removed rows says"


def test_an_erasure_covers_what_was_there_before_it_only(store):
    append(store, hit_event("a", "anna"))
    assert erase(store, "anna", reason="asked for") == 1
    append(store, hit_event("b", "anna"))
    assert verify(store).broken is None
    do(store, "DELETE FROM marks WHERE \"of\" = 'value'")
    do(store, "DELETE FROM excerpts")
    broken = verify(store).broken
    assert broken is not None
    assert "no notice says that they were erased" in broken.why
