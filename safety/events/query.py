"""Reading the record: by time, by label, by what was found; once, page by page, or as it grows.

Readings take the rows page by page, so that they neither block writers nor keep an SQLite file's write-ahead
log from being folded in. Entries come in order of recording, with their excerpts put back in. The hash chain
is not checked: that is ``verify``'s work.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Select, func, select, true

from safety.errors import ConfigError
from safety.events.chain import ChainRow
from safety.events.database import describe, open_engine, reported
from safety.events.entry import Entry
from safety.events.keyed import record_key
from safety.events.schema import anchors, events, excerpts
from safety.events.seal import storable, unseal
from safety.events.wake import POLL, waker
from safety.events.where import KEYS as KEYS
from safety.events.where import Asked, Condition, condition
from safety.events.where import Where as Where

PAGE = 500  # rows per read transaction
_NO_END = 2**63 - 1


class EventQuery:
    """The record at ``store``, to be read; from any thread. ``StoreError`` when there is none, or it cannot
    be read. Connections go when it is closed or dropped.

    ``where`` maps keys (``KEYS``) to the value wanted, or to several of which one must hold; all keys must.
    An unknown key or an impossible value is a ``ConfigError``. Gaps of the period asked for come along,
    because what was lost might have matched; not so when ``where`` names an id, an exchange or a kind.
    ``value`` takes a piece of personal data or a secret itself, and finds it by its keyed hash.
    """

    def __init__(self, store: str | Path) -> None:
        self.store = store
        self._engine = open_engine(store, write=False)
        self._done = weakref.finalize(self, self._engine.dispose)

    def events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        where: Where | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[Entry]:
        """What was recorded from ``since`` up to but not including ``until``, oldest first.

        ``after`` is an entry's id: only what was recorded later. ``limit`` keeps the newest so many, with
        ``after`` the first so many (for paging on from there). What is recorded after this call is not seen.
        """
        wanted = self._condition(since, until, where)
        with reported(self.store), self._engine.connect() as db:
            start, end = self._start(db, wanted, limit, after), _highest(db)
        return self._until(wanted, start, end, limit)

    def follow(
        self,
        *,
        since: datetime | None = None,
        where: Where | None = None,
        limit: int | None = None,
        after: str | None = None,
        poll: float = POLL,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Entry]:
        """As ``events``, and then everything as it is recorded. At least every ``poll`` seconds ``stop`` is
        asked whether to end; PostgreSQL says of itself when there is something new. ``StoreError`` when the
        store goes away."""
        wanted = self._condition(since, None, where)
        with reported(self.store), self._engine.connect() as db:
            start = self._start(db, wanted, limit, after)
        return self._on(wanted, start, poll, stop)

    def page(
        self,
        after: int = 0,
        limit: int = PAGE,
        newest: bool = False,
        where: Where | None = None,
        *,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[tuple[int, Entry]]:
        """At most ``limit`` entries with their place ``n``, ``after`` < ``n`` < ``before``: the first ones in
        order of recording, or the ``newest`` ones, newest first. Read on with the last one's place as
        ``after``, or as ``before`` when going back."""
        wanted = self._condition(since, until, where) & (events.c.n > after)
        if before is not None:
            wanted &= events.c.n < before
        order = events.c.n.desc() if newest else events.c.n
        return self._entries(_rows(wanted).order_by(order).limit(limit))

    def one(self, id: str) -> tuple[int, Entry] | None:
        """The entry of this id and its place; the newest, should there be several; ``None`` without any."""
        newest = _rows(events.c.id == storable(id)).order_by(events.c.n.desc()).limit(1)
        return next(iter(self._entries(newest)), None)

    def chain(self) -> Iterator[ChainRow]:
        """All rows as ``verify_chain`` takes them."""
        asked = select(*(events.c[name] for name in ("writer", "seq", "hash", "body", "n")))
        at = 0
        while page := self._read(asked.where(events.c.n > at).order_by(events.c.n).limit(PAGE)):
            at = page[-1].n
            yield from (ChainRow(*row) for row in page)

    def anchors(self) -> dict[str, ChainRow]:
        """Where the rows of each writer begin whose older ones were removed."""
        return {
            row.writer: ChainRow(row.writer, row.seq, row.hash, "") for row in self._read(select(anchors))
        }

    def close(self) -> None:
        """Let go of connections. Reading again opens new ones."""
        self._engine.dispose()

    def __enter__(self) -> EventQuery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _condition(self, since: datetime | None, until: datetime | None, where: Where | None) -> Condition:
        key = record_key(self.store) if where and "value" in where else None
        asked = Asked(self._engine.dialect.name, key)
        return condition(asked, since=since, until=until, where=where)

    def _until(self, wanted: Condition, start: int, end: int, limit: int | None) -> Iterator[Entry]:
        yield from islice((entry for _, entry in self._pages(wanted, start, end)), limit)

    def _on(self, wanted: Condition, at: int, poll: float, stop: Callable[[], bool]) -> Iterator[Entry]:
        with waker(self.store, self._engine) as wait:
            while True:
                for n, entry in self._pages(wanted, at, check=wait.check):
                    at = n
                    yield entry
                if stop():
                    return
                wait(poll)

    def _pages(
        self, wanted: Condition, at: int, end: int = _NO_END, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[int, Entry]]:
        """The rows after ``at`` up to ``end``. ``check`` is asked before and after each look."""
        asked = _rows(wanted & (events.c.n <= end)).order_by(events.c.n).limit(PAGE)
        while True:
            check()
            page = self._entries(asked.where(events.c.n > at))
            check()
            if not page:
                return
            at = page[-1][0]
            yield from page

    def _entries(self, asked: Select[Any]) -> list[tuple[int, Entry]]:
        return [(row.n, unseal(row.body, row.texts)) for row in self._read(asked)]

    def _read(self, asked: Select[Any]) -> list[Any]:
        with reported(self.store), self._engine.connect() as db:
            return list(db.execute(asked))

    def _start(self, db: Connection, wanted: Condition, limit: int | None, after: str | None) -> int:
        """The row after which reading begins."""
        if after is not None:
            found = db.scalar(select(func.max(events.c.n)).where(events.c.id == storable(after)))
            if found is None:
                raise ConfigError(f"after: no entry {after!r} in {describe(self.store)}")
            return int(found)
        if limit is None:
            return 0
        newest = select(events.c.n).where(wanted).order_by(events.c.n.desc()).limit(limit).subquery()
        first = db.scalar(select(func.min(newest.c.n)))
        return _highest(db) if first is None else int(first) - 1


def _rows(wanted: Condition) -> Select[Any]:
    apart = events.outerjoin(excerpts, excerpts.c.n == events.c.n)
    return select(events.c.n, events.c.body, excerpts.c.texts).select_from(apart).where(true() & wanted)


def _highest(db: Connection) -> int:
    return int(db.scalar(select(func.max(events.c.n))) or 0)
