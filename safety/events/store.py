"""Writing entries: one ``Store`` is one connection and one chain of hashes.

It belongs to one thread at a time; waiting, retrying and answering callers is ``log``'s work, reading is
``query``'s. Several processes may write one record: each has a chain of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from safety.errors import StoreError
from safety.events.chain import ChainRow, genesis, link
from safety.events.database import BUSY, CHANNEL, describe, open_engine, reported, write_lock
from safety.events.entry import Entry
from safety.events.file import check_bound, give_back, inode
from safety.events.keyed import record_key
from safety.events.place import is_url
from safety.events.schema import events, excerpts, marks
from safety.events.seal import Sealed, seal

REST = 10.0  # seconds after which a connection is not taken to be there any more
Found = TypeVar("Found")


class Store:
    """An open store, ready for entries. ``max_bytes`` bounds an SQLite file (not counting its write-ahead
    log); ``busy`` is how many seconds to wait for another writer; after ``rest`` seconds without writing,
    PostgreSQL is asked whether it is still there, and connected to anew if not. Raises as ``open_engine``,
    and ``ConfigError`` for a bound that would not hold an empty store."""

    def __init__(
        self, store: str | Path, *, max_bytes: int | None = None, busy: float = BUSY, rest: float = REST
    ) -> None:
        check_bound(max_bytes)
        self.store = store
        self._rest, self._used = rest, time.monotonic()
        self._path = None if is_url(store) else Path(store)
        self._engine = open_engine(store, write=True, busy=busy, max_bytes=max_bytes)
        try:
            self.key = record_key(store, make=True)
            with reported(store):
                self._connection = self._engine.connect()
                self._inode = self._now()
        except BaseException:
            self._engine.dispose()
            raise
        self._insert = {table: _insert(table, self._connection) for table in (events, marks, excerpts)}
        self._last = genesis(secrets.token_hex(8))

    @property
    def writer(self) -> str:
        """The name of this connection's chain."""
        return self._last.writer

    @property
    def last_hash(self) -> str:
        """The hash of the last durable row, or the chain's beginning."""
        return self._last.hash

    def append(self, entries: Sequence[Sealed]) -> None:
        """Write entries in one transaction. When this returns they are on the disk; when it raises
        ``StoreError`` none is to be relied upon, and the store is to be closed and opened anew."""
        with reported(self.store):
            self._rouse()
            with self._connection.begin():
                last = self._write(entries)
            # SQLite goes on writing into a file that has been unlinked: those rows nobody will ever see.
            if self._now() != self._inode:
                raise StoreError(f"{describe(self.store)}: the file was removed or replaced while in use")
        self._last = last

    def read(self, act: Callable[[Connection], Found]) -> Found:
        """What ``act`` finds, in one transaction."""
        with reported(self.store), self._connection.begin():
            return act(self._connection)

    def change(self, act: Callable[[Connection], tuple[Found, Sequence[Entry]]]) -> Found:
        """What ``act`` says it did; the entries that it returns are written in the same transaction, while
        nobody else writes."""
        with reported(self.store), self._connection.begin():
            write_lock(self._connection)
            found, entries = act(self._connection)
            last = self._write([seal(entry, self.key) for entry in entries])
        self._last = last
        return found

    def tidy(self) -> None:
        """Have the database overwrite or give back what was deleted. It would some day: where it cannot now
        (others are reading, the role may not), that is no failure."""
        with suppress(StoreError), reported(self.store):
            if self._path is not None:
                give_back(self._path)
                return
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for table in (events, marks, excerpts):
                    connection.exec_driver_sql(f"VACUUM {table.name}")

    def close(self) -> None:
        """Close the connection; an SQLite file's last one out folds the write-ahead log into it."""
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def _rouse(self) -> None:
        # A connection that rested may have been cut off meanwhile, and nothing is lost yet.
        rested, self._used = time.monotonic() - self._used, time.monotonic()
        if self._path is not None or rested < self._rest:
            return
        try:
            with self._connection.begin():
                self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise  # otherwise the next use connects anew

    def _write(self, entries: Sequence[Sealed]) -> ChainRow:
        write_lock(self._connection)
        rows: list[tuple[object, ...]] = []
        found: list[tuple[str, str, int]] = []
        texts: list[tuple[int, str, str]] = []
        writer, seq, last = self._last.writer, self._last.seq, self._last.hash
        for n, entry in zip(self._places(len(entries)), entries, strict=True):
            seq, last = seq + 1, link(last, n, entry.body)
            rows.append((n, writer, seq, last, entry.body, *entry.columns))
            if entry.marks:
                found += [(of, name, n) for of, name in entry.marks]
            if entry.texts is not None:
                texts.append((n, entry.salt, entry.texts))
        for table, values in ((events, rows), (marks, found), (excerpts, texts)):
            if values:
                self._connection.exec_driver_sql(self._insert[table], values)
        if rows and self._path is None:
            self._connection.exec_driver_sql(f"SELECT pg_notify('{CHANNEL}', '{rows[-1][0]}')")
        return ChainRow(writer, seq, last, "") if rows else self._last

    def _places(self, count: int) -> Sequence[int]:
        """The numbers of the next rows. Never one that was given before, not even when all rows were
        deleted: a reader that is at a number would pass over what comes after."""
        if self._path is None:
            sql = f"SELECT nextval('events_n_seq') FROM generate_series(1, {count})"  # noqa: S608
            return self._connection.exec_driver_sql(sql).scalars().all()
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
        highest = self._connection.exec_driver_sql(sql).scalar() or 0
        return range(highest + 1, highest + 1 + count)

    def _now(self) -> tuple[int, int] | None:
        return None if self._path is None else inode(self._path)


def write_once(store: str | Path, *entries: Entry) -> None:
    """Append a few entries from outside the proxy, notices mostly, and close again. Raises as ``Store``."""
    opened = Store(store)
    try:
        opened.append([seal(entry, opened.key) for entry in entries])
    finally:
        opened.close()


def _insert(table: Table, connection: Connection) -> str:
    """The statement as the driver takes it. Compiled once and given to the driver as it is: a third of the
    cost of having SQLAlchemy prepare each batch."""
    quote = connection.dialect.identifier_preparer.quote
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    names = [column.name for column in table.columns]
    columns, values = ", ".join(map(quote, names)), ", ".join([sign] * len(names))
    return f"INSERT INTO {table.name} ({columns}) VALUES ({values})"  # noqa: S608
