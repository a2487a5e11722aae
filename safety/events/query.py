"""Reading the record: by time, by label, by what was found; once, or as it grows.

Every reading opens its own read-only connection and reads page by page, so that it neither blocks writers
nor keeps their write-ahead log from being folded in. Entries come in order of recording. It does not check
the hash chain: hand ``EventQuery.chain`` to ``chain.verify_chain`` for that.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from safety.errors import ConfigError, StoreError
from safety.events.chain import ChainRow
from safety.events.event import Entry, entry_from_json, timestamp
from safety.events.store import inode, open_to_read, reported
from safety.types import Action, Stage

PAGE = 500  # rows per read transaction
POLL = 0.25  # seconds between two looks at a record that is being followed

Where = Mapping[str, str | Sequence[str]]

_LABELS = ("route", "model", "tenant", "user", "conversation", "end")

# Conditions with ? for the value. A name with a version (policy, detector) is found with and without it; a
# category covers those below it, as in a rule ("/" follows "." in ASCII).
_CONDITIONS: dict[str, str] = {
    "id": "id = ?",
    "exchange": "id IN (" + ", ".join(f"? || '.{stage}'" for stage in Stage) + ")",
    "action": "action = ?",
    "stage": "json_extract(body, '$.stage') = ?",
    "complete": "json_extract(body, '$.complete') = (? = 'true')",
    "policy": "(json_extract(body, '$.policy') = ? OR"
    " substr(json_extract(body, '$.policy'), 1, length(?) + 1) = ? || '@')",
    "rule": "EXISTS (SELECT 1 FROM json_each(body, '$.rules') AS r WHERE r.value = ?)",
    "detector": "EXISTS (SELECT 1 FROM json_each(body, '$.ran') AS r"
    " WHERE json_extract(r.value, '$.detector') = ?"
    " OR substr(json_extract(r.value, '$.detector'), 1, length(?) + 1) = ? || '@')",
    "category": "n IN (SELECT n FROM event_categories"
    " WHERE category = ? OR (category >= ? || '.' AND category < ? || '/'))",
    **{label: f"json_extract(body, '$.labels.{label}') = ?" for label in _LABELS},
}
KEYS = tuple(_CONDITIONS)
_VALUES: dict[str, tuple[str, ...]] = {
    "action": tuple(str(action) for action in Action),
    "stage": tuple(stage.value for stage in Stage),
    "complete": ("true", "false"),
}
_NO_END = 2**63 - 1
_POINTING = frozenset({"id", "exchange"})  # keys that ask for one thing, not for a sort of thing


@dataclass(frozen=True, slots=True)
class _Filter:
    """A condition of SQL and its values."""

    sql: str = "1"
    values: tuple[str, ...] = ()


class EventQuery:
    """The record at ``path``, to be read. ``StoreError`` when there is none, or it cannot be read.

    ``where`` maps keys (``KEYS``) to the value wanted, or to several of which one must hold; all keys must.
    An unknown key or an impossible value is a ``ConfigError``. Gaps of the period asked for come along,
    because what was lost might have matched; not so when ``where`` names an id or an exchange.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with open_to_read(self.path) as db:
            self._highest(db)

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
        wanted = _filter(since, until, where or {})
        with open_to_read(self.path) as db:
            start, end = self._start(db, wanted, limit, after), self._highest(db)
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
        """As ``events``, and then everything as it is recorded. Between two looks, ``poll`` seconds apart,
        ``stop`` is asked whether to end. ``StoreError`` when the file goes away."""
        wanted = _filter(since, None, where or {})
        with open_to_read(self.path) as db:
            start = self._start(db, wanted, limit, after)
        return self._on(wanted, start, poll, stop)

    def chain(self) -> Iterator[ChainRow]:
        """All rows as ``verify_chain`` takes them."""
        sql = "SELECT n, writer, seq, hash, body FROM events WHERE n > ? ORDER BY n LIMIT ?"
        with open_to_read(self.path) as db:
            at = 0
            while page := self._rows(db, sql, (at, PAGE)):
                at = page[-1][0]
                yield from (ChainRow(*row[1:]) for row in page)

    def _until(self, wanted: _Filter, start: int, end: int, limit: int | None) -> Iterator[Entry]:
        with open_to_read(self.path) as db:
            found = (entry for n, entry in self._pages(db, wanted, start, end))
            yield from islice(found, limit)

    def _on(self, wanted: _Filter, at: int, poll: float, stop: Callable[[], bool]) -> Iterator[Entry]:
        with open_to_read(self.path) as db:
            file = inode(self.path)
            while True:
                for n, entry in self._pages(db, wanted, at):
                    at = n
                    yield entry
                if stop():
                    return
                time.sleep(poll)
                if inode(self.path) != file:
                    raise StoreError(f"{self.path}: the event store was removed or replaced")

    def _pages(
        self, db: sqlite3.Connection, wanted: _Filter, at: int, end: int = _NO_END
    ) -> Iterator[tuple[int, Entry]]:
        """The rows after ``at`` up to ``end``."""
        sql = f"SELECT n, body FROM events WHERE {wanted.sql} AND n > ? AND n <= ? ORDER BY n LIMIT ?"  # noqa: S608
        while page := self._rows(db, sql, (*wanted.values, at, end, PAGE)):
            for at, body in page:
                yield at, entry_from_json(body)

    def _start(self, db: sqlite3.Connection, wanted: _Filter, limit: int | None, after: str | None) -> int:
        """The row after which reading begins."""
        if after is not None:
            found = self._rows(db, "SELECT max(n) FROM events WHERE id = ?", (after,))[0][0]
            if found is None:
                raise ConfigError(f"after: no entry {after!r} in {self.path}")
            return int(found)
        if limit is None:
            return 0
        newest = f"SELECT n FROM events WHERE {wanted.sql} ORDER BY n DESC LIMIT ?"  # noqa: S608
        sql = f"SELECT coalesce(min(n) - 1, (SELECT max(n) FROM events), 0) FROM ({newest})"  # noqa: S608
        return int(self._rows(db, sql, (*wanted.values, limit))[0][0])

    def _highest(self, db: sqlite3.Connection) -> int:
        return int(self._rows(db, "SELECT coalesce(max(n), 0) FROM events", ())[0][0])

    def _rows(self, db: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with reported(self.path):
            return db.execute(sql, values).fetchall()


def _filter(since: datetime | None, until: datetime | None, where: Where) -> _Filter:
    parts: list[_Filter] = []
    if since is not None:
        parts.append(_Filter("at >= ?", (timestamp(since),)))
    if until is not None:
        parts.append(_Filter("at < ?", (timestamp(until),)))
    keys = [_any_of(key, [given] if isinstance(given, str) else given) for key, given in where.items()]
    if keys:
        asked = _joined(keys, " AND ")
        parts.append(asked if _POINTING & where.keys() else _joined([asked, _Filter("kind = 'gap'")], " OR "))
    return _joined(parts, " AND ") if parts else _Filter()


def _any_of(key: str, values: Sequence[str]) -> _Filter:
    if key not in _CONDITIONS:
        raise ConfigError(f"where: unknown key {key!r}: one of {', '.join(sorted(KEYS))}")
    if not values:
        raise ConfigError(f"where: {key}: no value: give at least one")
    allowed = _VALUES.get(key)
    for value in values:
        if allowed is not None and value not in allowed:
            raise ConfigError(f"where: {key}={value!r}: one of {', '.join(allowed)}")
    condition = _CONDITIONS[key]
    times = condition.count("?")
    return _joined([_Filter(condition, (value,) * times) for value in values], " OR ")


def _joined(parts: Sequence[_Filter], word: str) -> _Filter:
    values = tuple(value for part in parts for value in part.values)
    return _Filter("(" + word.join(part.sql for part in parts) + ")", values)
