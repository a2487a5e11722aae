"""The record as the pages ask for it: opened when first needed, so that the dashboard can start before the
first proxy has written anything.

Only reads. Searching is ``EventQuery``'s work; here is what it does not say: an entry's receipt, how large
the record is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, text

from safety.errors import StoreError
from safety.events.database import describe, open_engine, reported
from safety.events.entry import Entry, Event
from safety.events.keyed import record_key, user_key
from safety.events.place import is_url
from safety.events.query import EventQuery
from safety.events.schema import events
from safety.monitor.dimensions import UserKey, as_it_is

Where = Mapping[str, Sequence[str]]
Row = tuple[int, Entry]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What proves an entry: row ``seq`` of ``writer``'s chain, and its hash."""

    writer: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: rows of each kind, number of the newest row, bytes on the disk."""

    events: int
    gaps: int
    notices: int
    newest: int
    bytes: int


def _hashed(label: str, key: bytes) -> str:
    return user_key(label, key)


class Records:
    """The record ``store``. Every method may raise ``StoreError``. Any thread."""

    def __init__(self, store: str) -> None:
        self.store = store
        self._query: EventQuery | None = None
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        """What to call it, without a password."""
        return describe(self.store)

    @property
    def query(self) -> EventQuery:
        """The record, to be read."""
        if self._query is None:
            self._query = EventQuery(self.store)
        return self._query

    def search(
        self,
        where: Where,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """What matches, newest first, with its row's number; ``before`` a row: for paging back."""
        asked = {key: list(values) for key, values in where.items()} or None
        return self.query.page(0, limit, True, asked, before=before, since=since, until=until)

    def one(self, id: str) -> Row | None:
        """The entry with this id, excerpts and all."""
        return self.query.one(id)

    def exchange(self, event: Event) -> list[Event]:
        """All events of the same exchange, oldest first."""
        return [
            one for one in self.query.events(where={"exchange": event.exchange}) if isinstance(one, Event)
        ]

    def receipt(self, n: int) -> Receipt:
        """What proves row ``n``."""
        rows = self._ask(select(events.c.writer, events.c.seq, events.c.hash).where(events.c.n == n))
        if not rows:
            raise StoreError(f"{self.name}: row {n} is gone")
        return Receipt(str(rows[0][0]), int(rows[0][1]), str(rows[0][2]))

    def size(self) -> Size:
        """How much there is."""
        # Rows that are no events have an index of their own; counting these from it is quick.
        others = select(events.c.kind, func.count()).where(events.c.kind != "event").group_by(events.c.kind)
        kinds = {str(kind): int(count) for kind, count in self._ask(others)}
        ((rows, newest),) = self._ask(select(func.count(), func.coalesce(func.max(events.c.n), 0)))
        gaps, notices = kinds.get("gap", 0), kinds.get("notice", 0)
        return Size(rows - gaps - notices, gaps, notices, newest, self._bytes())

    @cached_property
    def user_key(self) -> UserKey:
        """How users are named in counts: by a keyed hash where there is a key, else by their label."""
        key = record_key(self.store, make=True)
        return as_it_is if key is None else partial(_hashed, key=key)

    @property
    def keyed(self) -> bool:
        """Whether users are named by a keyed hash."""
        return self.user_key is not as_it_is

    def user_labels(self, key: str) -> list[str]:
        """The labels of the users that are counted under ``key``."""
        labels = self._ask(select(events.c.user).where(events.c.user.is_not(None)).distinct())
        return [str(label) for (label,) in labels if self.user_key(str(label)) == key]

    def close(self) -> None:
        """Let go of connections."""
        if self._engine is not None:
            self._engine.dispose()
        if self._query is not None:
            self._query.close()

    def _bytes(self) -> int:
        if is_url(self.store):
            return int(self._ask(text("SELECT pg_database_size(current_database())"))[0][0])
        files = (Path(f"{self.store}{end}") for end in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())

    def _ask(self, question: Any) -> list[Any]:
        if self._engine is None:
            self._engine = open_engine(self.store, write=False)
        with reported(self.store), self._engine.connect() as db:
            return list(db.execute(question))
