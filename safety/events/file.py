"""The SQLite file under the record: whose it is, how it is opened, and how it is kept safe.

WAL, so that readers do not stand in the writers' way; ``synchronous = FULL``, so that what was committed is
on the disk. Another program's database is left as it is, and so is a file of a version before the first
release, whose layout is not read any more.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from safety.errors import ConfigError, StoreError

APPLICATION_ID = 0x5AFE_C0DE  # https://sqlite.org/pragma.html#pragma_application_id
LAYOUT = 2  # PRAGMA user_version: 1 had its tables made without alembic; steps since are alembic's
MIN_BYTES = 163_840  # an empty store takes about two thirds of this
BUSY = 2.0  # seconds to wait for another writer
_WAL_TRIES = 0.01  # seconds between two tries to switch to WAL


def prepare(path: Path, busy: float) -> None:
    """See that the file is ours or empty, and switch it to write-ahead logging. Raises ``StoreError``, or
    what SQLite says."""
    with closing(sqlite3.connect(path, timeout=busy, isolation_level=None)) as db:
        check_ours(db, path)
        if not _tables(db):
            # Before anything is in it, or it has no effect: what retention frees can be given back.
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(db, time.monotonic() + busy)


def mark_ours(connection: Connection) -> None:
    """Say in the file's header whose it is, in the transaction that made its tables."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")


def to_write(path: Path, busy: float, max_bytes: int | None) -> sqlite3.Connection:
    """A connection to a prepared file; ``max_bytes`` bounds it (its write-ahead log not counted)."""
    db = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = FULL")  # in WAL mode: one fsync per commit
        db.execute("PRAGMA secure_delete = ON")  # what was erased must not lie about in free pages
        if max_bytes is not None:
            (page,) = db.execute("PRAGMA page_size").fetchone()
            db.execute(f"PRAGMA max_page_count = {max_bytes // page}")
    except BaseException:
        db.close()
        raise
    return db


def to_read(path: Path, busy: float) -> sqlite3.Connection:
    """A connection that cannot write."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=busy, isolation_level=None, check_same_thread=False)


def give_back(path: Path) -> None:
    """Make the file smaller by the pages that are free, and empty the write-ahead log, in which deleted rows
    may still stand. While somebody reads, the latter waits for another time."""
    with closing(sqlite3.connect(path, timeout=BUSY, isolation_level=None)) as db:
        db.executescript("PRAGMA incremental_vacuum")  # execute would free one page: it returns no rows
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def check_to_read(path: Path) -> None:
    """``StoreError`` when there is no store at ``path`` or it is not ours."""
    if not path.is_file():
        raise StoreError(f"{path}: no event store there")
    try:
        with closing(to_read(path, BUSY)) as db:
            check_ours(db, path)
            if not _tables(db):
                raise StoreError(f"{path}: an empty file, not an event store")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def check_bound(max_bytes: int | None) -> None:
    """``ConfigError`` for a bound that would not hold an empty store."""
    if max_bytes is not None and max_bytes < MIN_BYTES:
        raise ConfigError(f"max_bytes: {max_bytes} is too small: at least {MIN_BYTES}")


def check_ours(db: sqlite3.Connection, path: Path) -> None:
    """``StoreError`` when the file is another program's, or has a layout that is not read here."""
    asked = ("PRAGMA application_id", "PRAGMA user_version")
    owner, layout = (int(db.execute(sql).fetchone()[0]) for sql in asked)
    if not _tables(db):
        return
    if owner != APPLICATION_ID:
        raise StoreError(f"{path}: an SQLite database, but not an event store")
    if layout < LAYOUT:
        raise StoreError(
            f"{path}: an event store of an unreleased version (layout {layout}), which is not read any more:"
            " move it away, and a new one is made"
        )
    if layout > LAYOUT:
        raise StoreError(
            f"{path}: written by a later version (layout {layout}): this one reads layout {LAYOUT}"
        )


def _tables(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


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
