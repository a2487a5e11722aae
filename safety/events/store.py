"""The file: an SQLite database in WAL mode that holds one row per event, and its schema.

One ``Store`` is one connection and one chain of hashes. It belongs to one thread at a time; waiting, retrying
and answering callers is ``log``'s work, reading is ``query``'s. Several processes may write one file: each
has a chain of its own. Not for network file systems: SQLite's locks do not hold there
(https://sqlite.org/wal.html, "all processes using a database must be on the same host").
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from safety.errors import ConfigError, StoreError
from safety.events.chain import follow_on, genesis
from safety.events.event import Entry, Event

APPLICATION_ID = 0x5AFE_C0DE  # https://sqlite.org/pragma.html#pragma_application_id
MIN_BYTES = 65_536  # an empty store takes about half of this
_WAL_TRIES = 0.01  # seconds between two tries to switch to WAL


def _first_schema(db: sqlite3.Connection) -> None:
    # What is searched by is computed from the body, so that it cannot come to say something else. Categories
    # are many per event and get a table.
    db.execute(
        """
        CREATE TABLE events (
          n        INTEGER PRIMARY KEY AUTOINCREMENT,
          writer   TEXT    NOT NULL,
          seq      INTEGER NOT NULL,
          hash     TEXT    NOT NULL,
          body     TEXT    NOT NULL,
          kind     TEXT GENERATED ALWAYS AS (json_extract(body, '$.kind')) VIRTUAL,
          id       TEXT GENERATED ALWAYS AS (json_extract(body, '$.id')) VIRTUAL,
          at       TEXT GENERATED ALWAYS AS (json_extract(body, '$.at')) VIRTUAL,
          action   TEXT GENERATED ALWAYS AS (json_extract(body, '$.action')) VIRTUAL,
          UNIQUE (writer, seq)
        )
        """
    )
    db.execute("CREATE INDEX events_id ON events (id)")  # exchanges too: the id is theirs and the stage
    db.execute("CREATE INDEX events_at ON events (at)")
    db.execute("CREATE INDEX events_action ON events (action)")
    db.execute("CREATE INDEX events_gap ON events (kind) WHERE kind = 'gap'")
    db.execute(
        "CREATE TABLE event_categories"
        " (category TEXT NOT NULL, n INTEGER NOT NULL REFERENCES events (n), PRIMARY KEY (category, n))"
        " WITHOUT ROWID"
    )


# PRAGMA user_version counts how many of these a file has been through. Only ever add at the end.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first_schema,)


class Store:
    """An open store, ready for rows. ``max_bytes`` bounds the file (not counting its write-ahead log);
    ``busy`` is how many seconds to wait for another writer. ``StoreError`` when it cannot be opened;
    ``ConfigError`` for a bound that would not hold an empty store."""

    def __init__(self, path: Path, *, max_bytes: int | None = None, busy: float = 2.0) -> None:
        if max_bytes is not None and max_bytes < MIN_BYTES:
            raise ConfigError(f"max_bytes: {max_bytes} is too small: at least {MIN_BYTES}")
        self.path = path
        with reported(path):
            self._db = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(max_bytes, busy)
            except BaseException:
                self._db.close()
                raise
            self._inode = inode(path)
        self._last = genesis(secrets.token_hex(8))

    @property
    def writer(self) -> str:
        """The name of this connection's chain."""
        return self._last.writer

    @property
    def last_hash(self) -> str:
        """The hash of the last durable row, or the chain's beginning."""
        return self._last.hash

    def append(self, entries: Sequence[tuple[Entry, str]]) -> None:
        """Write entries, each with its JSON, in one transaction. When this returns they are on the disk; when
        it raises ``StoreError`` none is to be relied upon, and the store is to be closed and opened anew."""
        last, rows, categories = self._last, [], []
        with reported(self.path):
            with self._transaction():
                n = self._highest()
                for entry, body in entries:
                    n, last = n + 1, follow_on(last, body)
                    rows.append((n, last.writer, last.seq, last.hash, body))
                    if isinstance(entry, Event):
                        categories += [(_storable(category), n) for category in entry.categories]
                self._db.executemany(
                    "INSERT INTO events (n, writer, seq, hash, body) VALUES (?, ?, ?, ?, ?)", rows
                )
                self._db.executemany("INSERT INTO event_categories VALUES (?, ?)", categories)
            # SQLite goes on writing into a file that has been unlinked: those rows nobody will ever see.
            if inode(self.path) != self._inode:
                raise StoreError(f"{self.path}: the file was removed or replaced while in use")
        self._last = last

    def close(self) -> None:
        """Close the connection; the last one out folds the write-ahead log into the file."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _prepare(self, max_bytes: int | None, busy: float) -> None:
        check_ours(self._db, self.path)
        _use_wal(self._db, time.monotonic() + busy)
        self._db.execute("PRAGMA synchronous = FULL")  # in WAL mode: one fsync per commit
        if max_bytes is not None:
            (page,) = self._db.execute("PRAGMA page_size").fetchone()
            self._db.execute(f"PRAGMA max_page_count = {max_bytes // page}")
        with self._transaction():
            check_ours(self._db, self.path)  # again, now that nobody else can be half-way through
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            for migrate in MIGRATIONS[version:]:
                migrate(self._db)
            if version < len(MIGRATIONS):
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _highest(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            raise


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system say into a ``StoreError`` that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def check_ours(db: sqlite3.Connection, path: Path) -> None:
    """``StoreError`` when the file is another program's, or was written by a later version of this one."""
    tables, owner, version = _marks(db)
    if tables and owner != APPLICATION_ID:
        raise StoreError(f"{path}: an SQLite database, but not an event store")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a later version (schema {version}): this one reads up to {len(MIGRATIONS)}"
        )


def _marks(db: sqlite3.Connection) -> tuple[int, int, int]:
    """How many tables there are, whose they are, and the schema's version."""
    asked = ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")
    tables, owner, version = (int(db.execute(sql).fetchone()[0]) for sql in asked)
    return tables, owner, version


def open_to_read(path: Path) -> closing[sqlite3.Connection]:
    """A connection that cannot write, to a store that is there. ``StoreError`` otherwise."""
    if not path.is_file():
        raise StoreError(f"{path}: no event store there")
    with reported(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            check_ours(db, path)
            if not _marks(db)[0]:
                raise StoreError(f"{path}: an empty file, not an event store")
        except BaseException:
            db.close()
            raise
        return closing(db)


def _use_wal(db: sqlite3.Connection, until: float) -> None:
    # The busy time-out does not cover this switch when two connections make it at once.
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_WAL_TRIES)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError(f"write-ahead logging cannot be used there ({mode})")
        return


def inode(path: Path) -> tuple[int, int] | None:
    """Which file stands at ``path`` now; ``None`` when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
