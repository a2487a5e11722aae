"""Taking away: old rows by age or size, and what can be told of one user.

Whole rows go only from the old end. What was removed last of each writer stays as an anchor, so that the
chain of what is left can still be checked. Erasing takes excerpts, details and keyed hashes of the events of
a user and leaves their bodies (who, when, which rules, labels included) until they are too old. Each
transaction that takes something away leaves a notice. Copies of the database elsewhere are out of reach.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from safety.errors import ConfigError
from safety.events import file
from safety.events.entry import Notice, timestamp
from safety.events.event import make_notice
from safety.events.keyed import user_key
from safety.events.place import is_url
from safety.events.schema import VALUE, anchors, events, excerpts, marks
from safety.events.seal import storable
from safety.events.store import Store
from safety.events.verify import ERASED, PRUNED, anchors_hash, who_hash

ROWS = 10_000  # per transaction: others write in between
EVENTS = 5_000
_AT_ONCE = 500  # rows named in one statement
_ROUNDS = 20  # of measuring and removing again; sizes of rows differ


def prune(
    store: str | Path,
    older_than: datetime | None = None,
    max_bytes: int | None = None,
    *,
    by: str = "",
    at_once: int = ROWS,
) -> int:
    """Remove the rows that were recorded before every row from ``older_than`` on, then the oldest until what
    is left takes no more than ``max_bytes``. How many went.

    In an SQLite file all pages in use count; in PostgreSQL the rows without indexes and free space. ``by``
    says who asked; ``at_once`` rows go in one transaction. ``ConfigError`` without either bound, or for one
    that nothing could keep.
    """
    if older_than is None and max_bytes is None:
        raise ConfigError("prune: neither an age nor a size: say which rows are to go")
    if not is_url(store):
        file.check_bound(max_bytes)
    removed = 0

    def remove(upto: int, why: str) -> None:
        nonlocal removed
        while count := work.change(lambda db: _remove_some(db, upto, at_once, why, by)):
            removed += count

    with closing(Store(store)) as work:
        if older_than is not None:
            remove(work.read(lambda db: _before(db, older_than)), f"older than {timestamp(older_than)}")
        for _ in range(_ROUNDS if max_bytes is not None else 0):
            upto = work.read(lambda db: _surplus(db, max_bytes or 0))
            if not upto:
                break
            remove(upto, f"over {max_bytes} bytes")
        work.tidy()
    return removed


def erase(store: str | Path, user: str, *, reason: str, by: str = "", at_once: int = EVENTS) -> int:
    """Erase excerpts, details and keyed hashes of all events with the label ``user``; of how many. The notice
    says ``reason`` and ``by`` whom, and not who the user was. ``ConfigError`` without a reason."""
    if not user or not reason:
        raise ConfigError("erase: say whose excerpts are to go, and why")
    erased = 0
    with closing(Store(store)) as work:
        about = "" if work.key is None else user_key(user, work.key)

        def notice(count: int) -> Notice:
            salt = secrets.token_hex(8)
            detail = f"{count} events; who {salt}:{who_hash(salt, storable(user))}; {reason}"
            return make_notice(ERASED, at=datetime.now(UTC), by=by, about=about, detail=detail)

        while count := work.change(lambda db: _erase_some(db, storable(user), at_once, notice)):
            erased += count
        work.tidy()
    return erased


# --- removing rows ----------------------------------------------------------------------------------------


def _before(db: Connection, at: datetime) -> int:
    first = db.scalar(select(func.min(events.c.n)).where(events.c.at >= timestamp(at)))
    return int(first) - 1 if first is not None else int(db.scalar(select(func.max(events.c.n))) or 0)


def _surplus(db: Connection, max_bytes: int) -> int:
    """The row up to which rows must go for the rest to fit, taking all for equally large; 0 for none."""
    size = _size(db)
    count = int(db.scalar(select(func.count()).select_from(events)) or 0)
    if size <= max_bytes or count < 2:
        return 0
    surplus = min(max(math.ceil(count * (1 - max_bytes / size)), 1), count - 1)
    return int(db.scalar(select(events.c.n).order_by(events.c.n).offset(surplus - 1).limit(1)) or 0)


def _size(db: Connection) -> int:
    if db.dialect.name == "sqlite":
        asked = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(db.exec_driver_sql(f"PRAGMA {name}").scalar() or 0) for name in asked)
        return (pages - free) * size
    return sum(
        int(db.exec_driver_sql(f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {name} t").scalar() or 0)  # noqa: S608
        for name in (events.name, marks.name, excerpts.name)
    )


def _remove_some(db: Connection, upto: int, most: int, why: str, by: str) -> tuple[int, list[Notice]]:
    some = select(events.c.n).where(events.c.n <= upto).order_by(events.c.n).limit(most).subquery()
    last, count = db.execute(select(func.max(some.c.n), func.count())).one()
    if not count:
        return 0, []
    _anchor(db, last)
    for table in (marks, excerpts, events):
        db.execute(delete(table).where(table.c.n <= last))
    detail = f"{count} rows {why}, up to row {last}; anchors {anchors_hash(db)}"
    return count, [make_notice(PRUNED, at=datetime.now(UTC), by=by, detail=detail)]


def _anchor(db: Connection, upto: int) -> None:
    """Keep the place of the last row up to ``upto`` of each writer."""
    going = select(events.c.writer, func.max(events.c.seq).label("seq")).where(events.c.n <= upto)
    last = going.group_by(events.c.writer).subquery()
    same = (events.c.writer == last.c.writer) & (events.c.seq == last.c.seq)
    rows = db.execute(select(events.c.writer, events.c.seq, events.c.hash).join(last, same)).all()
    db.execute(delete(anchors).where(anchors.c.writer.in_([row.writer for row in rows])))
    db.execute(insert(anchors), [row._asdict() for row in rows])


# --- erasing ----------------------------------------------------------------------------------------------


def _erase_some(
    db: Connection, user: str, most: int, notice: Callable[[int], Notice]
) -> tuple[int, list[Notice]]:
    theirs = select(excerpts.c.n).join(events, events.c.n == excerpts.c.n).where(events.c.user == user)
    some = db.scalars(theirs.order_by(excerpts.c.n).limit(most)).all()
    for first in range(0, len(some), _AT_ONCE):
        part = some[first : first + _AT_ONCE]
        db.execute(delete(excerpts).where(excerpts.c.n.in_(part)))
        db.execute(delete(marks).where(marks.c.n.in_(part), marks.c.of == VALUE))
    return len(some), [notice(len(some))] if some else []
