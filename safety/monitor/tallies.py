"""The counts that the monitor's pages and alerts are answered from, kept beside the record itself.

The monitor process reads the record row by row and adds up what each entry counts as (``dimensions``) per
minute, hour and day (``steps``). Rows are read and counted without a lock; what they add up to is written in
one transaction that begins by moving the cursor on from where it was read. So whatever stops the process,
and however many keep the counts of one record, every row is counted once.

Names come from clients, so that there may be any number of them: per step and dimension the ``KEEP`` largest
are kept and the rest is one name (``folding``). It answers nothing (``figures``) and never writes to events.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from safety.errors import StoreError
from safety.events.database import open_engine, reported
from safety.events.schema import cursors, events, tallies
from safety.events.seal import unseal
from safety.monitor.dimensions import UserKey, as_it_is, minute_of, tally
from safety.monitor.folding import FOLD_AT, OPEN, family, folded
from safety.monitor.steps import STEPS, Step, first_kept, floor

CURSOR = "tallies"  # the last row that was counted
UNREADABLE = "unreadable"
AT_ONCE = 1000  # rows in one transaction: on SQLite no proxy can write while it lasts
FORGET_AT_ONCE = 120  # steps that one transaction may remove; full hours and days

Key = tuple[int, str, str]  # minute, dimension with the step's prefix, name
Counts = Counter[Key]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that is not counted yet."""

    n: int
    at: str
    body: str


class Tallies:
    """Keeps the counts of the record ``store``. ``user_key`` turns user labels into the names they are
    counted under. ``StoreError`` when the record cannot be opened. For one thread; several, and several
    processes, may each have one."""

    def __init__(self, store: str | Path, *, user_key: UserKey = as_it_is) -> None:
        self._store = store
        self._user_key = user_key
        self._writer = open_engine(store, write=True)
        self._reader = open_engine(store, write=False)  # its transactions lock nothing
        with self._writing() as db:
            _set_cursor(db, CURSOR, 0, over=False)

    def advance(self, limit: int = 5000) -> int:
        """Count the next rows, at most ``limit``. How many were taken: 0 when there are no more. What was
        taken before a ``StoreError`` (the record is busy, or away) stays counted: go on by calling again."""
        taken = 0
        while taken < limit:
            at, rows, newest = self._next(min(limit - taken, AT_ONCE))
            if not rows:
                break
            if self._write(at, rows[-1].n, rolled_up(added_up(rows, self._user_key)), newest):
                taken += len(rows)
        return taken

    def close(self) -> None:
        """Let go of the database."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with reported(self._store), self._writer.begin() as db:
            yield db

    def _next(self, limit: int) -> tuple[int, list[Waiting], int]:
        """The cursor, the rows after it, and the minute of the newest row of all."""
        with reported(self._store), self._reader.connect() as db:
            at = _cursors(db)[CURSOR]
            found = db.execute(_ROWS.where(events.c.n > at).order_by(events.c.n).limit(limit))
            rows = [Waiting(int(n), *told) for n, *told in found]
            last = db.execute(select(events.c.at).order_by(events.c.n.desc()).limit(1)).scalar()
        return at, rows, _newest(last)

    def _write(self, at: int, to: int, counts: Mapping[Step, Counts], newest: int) -> bool:
        """Whether ``counts`` were written; not so when another has moved the cursor from ``at``."""
        move = update(cursors).where(cursors.c.name == CURSOR, cursors.c.n == at).values(n=to)
        with self._writing() as db:
            if db.execute(move).rowcount != 1:
                return False
            first = _forget(db, newest)
            kept = {key: n for step in STEPS for key, n in counts[step].items() if key[0] >= first[step]}
            _add(db, kept)
            for minute, of in _overfull(db, kept):
                _fold(db, minute, of)
        return True


_ROWS = select(events.c.n, events.c.at, events.c.body)


def _newest(at: str | None) -> int:
    """The minute of ``at``, but not one to come: a clock that is wrong must not remove what is new."""
    try:
        return min(minute_of(at or ""), int(time.time() // 60))
    except ValueError:
        return 0


def added_up(rows: Iterable[Waiting], user_key: UserKey = as_it_is) -> Counts:
    """What ``rows`` count as, per minute. One that cannot be read (somebody altered it) counts as lost."""
    counts: Counts = Counter()
    minute = 0
    for row in rows:
        try:
            minute = minute_of(row.at)
            found = list(tally(unseal(row.body, None), user_key))
        except (StoreError, ValueError, TypeError, AttributeError):
            found = [("lost", UNREADABLE, 1)]
        for of, name, count in found:
            counts[minute, of, name] += count
    return counts


def rolled_up(counts: Counts) -> dict[Step, Counts]:
    """``counts`` per minute once more under every step, the step's prefix before the dimension."""
    found: dict[Step, Counts] = {}
    for step in STEPS:
        length, coarser = step.minutes, Counter[Key]()
        for (minute, of, name), count in counts.items():
            coarser[minute - minute % length, of, name] += count
        counts = coarser
        found[step] = Counter(
            {(minute, step.prefix + of, name): n for (minute, of, name), n in counts.items()}
        )
    return found


# --- the tables ---------------------------------------------------------------------------------------------


def kept(db: Connection) -> dict[str, int]:
    """Per step the first minute whose counts are still there."""
    found = _cursors(db)
    return {step.name: found.get(f"{CURSOR}.{step.name}", 0) for step in STEPS}


def _cursors(db: Connection) -> dict[str, int]:
    ours = or_(cursors.c.name == CURSOR, cursors.c.name.startswith(f"{CURSOR}."))
    return {name: int(n) for name, n in db.execute(select(cursors.c.name, cursors.c.n).where(ours))}


def _set_cursor(db: Connection, name: str, n: int, *, over: bool) -> None:
    put = _insert(db, cursors).values(name=name, n=n)
    db.execute(
        put.on_conflict_do_update(index_elements=["name"], set_={"n": n})
        if over
        else put.on_conflict_do_nothing()
    )


def _insert(db: Connection, table: Any) -> Any:
    return (postgresql if db.dialect.name == "postgresql" else sqlite).insert(table)


def _add(db: Connection, counts: Mapping[Key, int]) -> None:
    """Add ``counts`` to what is there."""
    if not counts:
        return
    if db.dialect.name == "postgresql":  # one statement: row by row each would be a message of its own
        columns = zip(*((*key, count) for key, count in counts.items()), strict=True)
        db.execute(_ADD_ARRAYS, dict(zip(("minute", "of", "name", "count"), map(list, columns), strict=True)))
        return
    db.exec_driver_sql(_ADD_ROW, [(*key, count) for key, count in counts.items()])


_ADD = "INSERT INTO tallies (minute, of, name, count)"
_OVER = "ON CONFLICT (minute, of, name) DO UPDATE SET count = tallies.count + excluded.count"
_ADD_ROW = f"{_ADD} VALUES (?, ?, ?, ?) {_OVER}"
_ADD_ARRAYS = text(
    f"{_ADD} SELECT * FROM unnest(CAST(:minute AS bigint[]), CAST(:of AS text[]), CAST(:name AS text[]),"  # noqa: S608
    f" CAST(:count AS bigint[])) {_OVER}"
)


def _forget(db: Connection, newest: int) -> dict[Step, int]:
    """Remove some of what is too old. Per step the first minute that is kept from now on."""
    before = _cursors(db)
    found = {}
    for step in STEPS:
        name, due = f"{CURSOR}.{step.name}", first_kept(step, newest)
        first = before.get(name)
        if first is None:  # nothing is there yet
            _set_cursor(db, name, due, over=True)
            first = due
        elif first < due:
            span = FORGET_AT_ONCE * step.minutes
            oldest = db.execute(select(func.min(tallies.c.minute)).where(_between(step, first, due))).scalar()
            until = due if oldest is None else min(due, floor(int(oldest), span) + span)
            db.execute(delete(tallies).where(_between(step, first, until)))
            _set_cursor(db, name, until, over=True)
            first = until
        found[step] = first
    return found


def _between(step: Step, start: int, end: int) -> Any:
    others = [tallies.c.of.startswith(other.prefix) for other in STEPS if other.prefix]
    ours = tallies.c.of.startswith(step.prefix) if step.prefix else ~or_(*others)
    return (tallies.c.minute >= start) & (tallies.c.minute < end) & ours


def _overfull(db: Connection, counts: Iterable[Key]) -> list[tuple[int, str]]:
    """Minute and dimension of which too many names are there, among those that ``counts`` touch."""
    touched: defaultdict[str, set[int]] = defaultdict(set)
    for minute, of, _ in counts:
        touched[of].add(minute)
    found: list[tuple[int, str]] = []
    for of in (step.prefix + head for step in STEPS for head in OPEN):
        if of in touched:
            found += [
                (minute, of)
                for (minute,) in db.execute(_TOO_MANY, {"of": of, "minutes": sorted(touched[of])})
            ]
    return found


_TOO_MANY = (
    select(tallies.c.minute)
    .where(
        tallies.c.of == bindparam("of"),
        tallies.c.minute.in_(bindparam("minutes", expanding=True, literal_execute=True)),
    )
    .group_by(tallies.c.minute)
    .having(func.count() > FOLD_AT)
)


def _fold(db: Connection, minute: int, of: str) -> None:
    here = (tallies.c.minute == minute) & tallies.c.of.in_(family(of))
    rows = {
        (of, name): int(n)
        for of, name, n in db.execute(select(tallies.c.of, tallies.c.name, tallies.c.count).where(here))
    }
    gone, rest = folded(of, rows)
    one = (tallies.c.minute == minute) & (tallies.c.of == bindparam("o")) & (tallies.c.name == bindparam("n"))
    db.execute(delete(tallies).where(one), [{"o": of, "n": name} for of, name in gone])
    _add(db, Counter({(minute, of, name): n for (of, name), n in rest.items()}))
