"""Where the record is kept: an SQLite file, or a PostgreSQL database by URL; opened as an SQLAlchemy engine.

Opening for writing makes the tables or brings them up to date; opening for reading demands that they are
there. Everything SQLAlchemy, a driver or the file system complains about comes out as a ``StoreError`` of one
line that names the store, never its password. Not for network file systems: SQLite's locks do not hold there
(https://sqlite.org/wal.html, "all processes using a database must be on the same host").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from safety.errors import ConfigError, MissingExtra, StoreError
from safety.events import file
from safety.events.file import BUSY as BUSY
from safety.events.migrations import VERSION_TABLE, VERSIONS, migrate
from safety.events.place import is_url
from safety.events.schema import events

LOCK = file.APPLICATION_ID  # of PostgreSQL's advisory locks, with one of the schema beside it
CHANNEL = "safety_events"  # PostgreSQL notifies of new rows here; the payload is the highest n

_CONNECT = {  # libpq's; a URL may say otherwise
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms: an answer that never comes must not hold the writer for ever
    "client_encoding": "utf8",
    "application_name": "safety-layer",
}


def describe(store: str | Path) -> str:
    """``store`` for messages: a path, or a URL without its password."""
    return _url(str(store)).render_as_string(hide_password=True) if is_url(store) else str(store)


def open_engine(
    store: str | Path, *, write: bool, busy: float = BUSY, max_bytes: int | None = None
) -> Engine:
    """An engine for the record at ``store``; ``dispose`` it after use.

    With ``write`` the store is made when it is not there, and every transaction of an SQLite file takes the
    write lock as it begins. Without, no transaction can change anything. ``busy``: seconds to wait for
    another writer; ``max_bytes``: how large an SQLite file may grow (``StoreError`` "full" from then on).

    ``StoreError`` for a store that is not there, is another program's or cannot be used; ``ConfigError`` for
    a store that cannot be named so; ``MissingExtra`` when the driver is not installed.
    """
    if is_url(store):
        return _postgres(str(store), write, busy)
    engine = _sqlite(Path(store), write, busy, max_bytes)
    if write:
        with reported(store), engine.begin() as connection:
            if _bring_up(connection, store):
                file.mark_ours(connection)
    else:
        with reported(store), engine.connect() as connection:
            _demand(connection, store)
    return engine


@contextmanager
def reported(store: str | Path) -> Iterator[None]:
    """Turns what databases and the file system say into a ``StoreError`` that names the store."""
    try:
        yield
    except DBAPIError as error:
        raise failure(store, error.orig or error) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise failure(store, error) from error


def failure(store: str | Path, error: BaseException) -> StoreError:
    """The ``StoreError`` that says ``error`` of ``store`` in one line."""
    said = str(getattr(error, "strerror", None) or error)
    return StoreError(f"{describe(store)}: {' '.join(said.split()) or type(error).__name__}")


def write_lock(connection: Connection) -> None:
    """Wait until this transaction is the only one that writes entries; held until it ends. So ``n`` is in
    order of commit, and who reads on from an ``n`` misses nothing. An SQLite transaction has its lock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK}, hashtext(current_schema()))")


# --- SQLite -----------------------------------------------------------------------------------------------


def _sqlite(path: Path, write: bool, busy: float, max_bytes: int | None) -> Engine:
    if write:
        with reported(path):
            file.prepare(path, busy)
    else:
        file.check_to_read(path)

    def connect() -> sqlite3.Connection:
        return file.to_write(path, busy, max_bytes) if write else file.to_read(path, busy)

    # A new connection each time: a pooled one would go on reading a file that has been replaced.
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


# --- PostgreSQL -------------------------------------------------------------------------------------------


def _url(store: str) -> URL:
    try:
        url = make_url(store)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "store: a URL that cannot be read: postgresql://USER@HOST/DATABASE is expected"
        ) from None
    return url.set(drivername="postgresql")


def _postgres(store: str, write: bool, busy: float) -> Engine:
    url = _url(store)
    given = {name: value for name, value in _CONNECT.items() if name not in url.query}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=given,
            pool_pre_ping=True,  # the server may have been restarted in between
            isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
        )
    except ModuleNotFoundError as error:
        wanted = "pip install 'content-safety-layer[postgres]'"
        raise MissingExtra(f"store: psycopg is not installed: {wanted}") from error
    settings = [f"SET lock_timeout = {max(int(busy * 1000), 1)}"]
    if not write:
        settings.append("SET default_transaction_read_only = on")
    event.listen(engine, "connect", lambda raw, _: _set(raw, settings))
    try:
        with reported(store), engine.begin() as connection:
            if write:
                write_lock(connection)
                _bring_up(connection, store)
            else:
                _demand(connection, store)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _set(raw: Any, settings: list[str]) -> None:
    with raw.cursor() as cursor:
        for setting in settings:
            cursor.execute(setting)
    raw.commit()


# --- the tables' version ----------------------------------------------------------------------------------


def _bring_up(connection: Connection, store: str | Path) -> bool:
    """Whether anything had to be done."""
    behind = _version(connection, store) != VERSIONS[-1]
    if behind:
        migrate(connection)
    return behind


def _demand(connection: Connection, store: str | Path) -> None:
    version = _version(connection, store)
    if version is None:
        raise StoreError(f"{describe(store)}: no event store there")
    if version != VERSIONS[-1]:
        raise StoreError(
            f"{describe(store)}: written by an earlier version (schema {version}): open it for writing once"
        )


def _version(connection: Connection, store: str | Path) -> str | None:
    """Which step the tables are at; ``None`` when there are none."""
    dialect = connection.dialect
    if not dialect.has_table(connection, VERSION_TABLE):
        if dialect.has_table(connection, events.name):
            raise StoreError(f"{describe(store)}: has a table of events, but is no event store")
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608
    if found is not None and found not in VERSIONS:
        raise StoreError(
            f"{describe(store)}: written by a later version (schema {found}): this one reads up to"
            f" {VERSIONS[-1]}"
        )
    return None if found is None else str(found)
