"""Waiting until a record has grown: PostgreSQL says so, a file has to be looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from safety.errors import StoreError
from safety.events.database import CHANNEL, failure, reported
from safety.events.file import inode
from safety.events.place import is_url

POLL = 0.25  # seconds between two looks at a record that is being followed


@dataclass(frozen=True, slots=True)
class Wait:
    """Called, it waits until there may be something new or so many seconds have passed. ``check`` asks
    whether the store is still the one that it was. Both raise ``StoreError`` when it went away."""

    wait: Callable[[float], None]
    check: Callable[[], None] = lambda: None

    def __call__(self, seconds: float) -> None:
        self.wait(seconds)
        self.check()


def waker(store: str | Path, engine: Engine) -> AbstractContextManager[Wait]:
    """How to wait for more of ``store``. What is written once the block has begun is not missed."""
    return _listening(store, engine) if is_url(store) else _looking(Path(store))


@contextmanager
def _looking(path: Path) -> Iterator[Wait]:
    file = inode(path)

    def check() -> None:
        if inode(path) != file:
            raise StoreError(f"{path}: the event store was removed or replaced")

    yield Wait(time.sleep, check)


@contextmanager
def _listening(store: str | Path, engine: Engine) -> Iterator[Wait]:
    with reported(store):
        # Taken out of the pool: a connection that listens is of no use to anybody else.
        own: Any = engine.raw_connection()
        raw = own.driver_connection
        own.detach()
        raw.autocommit = True
    try:
        _said(raw, store, lambda: raw.execute(f"LISTEN {CHANNEL}"))
        yield Wait(
            lambda seconds: _said(raw, store, lambda: list(raw.notifies(timeout=seconds, stop_after=1)))
        )
    finally:
        raw.close()


def _said(raw: Any, store: str | Path, act: Callable[[], object]) -> None:
    import psycopg

    try:
        act()
    except psycopg.Error as error:  # the driver's own: SQLAlchemy knows nothing of notifications
        raise failure(store, error) from error
