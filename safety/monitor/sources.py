"""Where the live feed's entries come from: the record itself, or Redis where proxies say what they write.

The record is read page by page; between two looks its reader waits a tenth of a second, or, with PostgreSQL,
until the database says that rows came. From Redis come entries of proxies on other machines as well, in
whichever record they wrote them; there, nothing of a record is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, select

from safety.errors import ConfigError, MissingExtra, SafetyError, StoreError
from safety.events.database import open_engine, reported
from safety.events.entry import entry_from_json
from safety.events.fanout import ENTRY, LEFT_OUT, SCHEMES, STREAM
from safety.events.place import is_url
from safety.events.query import EventQuery
from safety.events.schema import events
from safety.events.wake import Wait, waker
from safety.monitor.feed import Item, Source
from safety.monitor.settings import MonitorSettings

POLL = 0.1  # seconds between two looks at a record that cannot say when something comes
PAGE = 500


class RecordSource:
    """The record ``store``, by the number of its rows."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._query: EventQuery | None = None
        self._wait: Wait | None = None
        self._held = ExitStack()
        self._at = 0

    def newest(self, limit: int) -> list[Item]:
        """As ``Source.newest``."""
        rows = self._opened().page(limit=limit, newest=True)[::-1]
        self._at = rows[-1][0] if rows else 0
        return [Item((n,), entry) for n, entry in rows]

    def more(self, seconds: float) -> list[Item]:
        """As ``Source.more``."""
        try:
            rows = self._opened().page(self._at, PAGE)
            if not rows and self._wait is not None:
                self._wait(min(seconds, POLL) if not is_url(self._store) else seconds)
                rows = self._opened().page(self._at, PAGE)
        except SafetyError:
            self.close()
            raise
        if rows:
            self._at = rows[-1][0]
        return [Item((n,), entry) for n, entry in rows]

    def close(self) -> None:
        """As ``Source.close``. Reading on opens the record again."""
        self._held.close()
        self._query = self._wait = None

    def _opened(self) -> EventQuery:
        if self._query is None:
            query = EventQuery(self._store)
            self._held.callback(query.close)
            engine = open_engine(self._store, write=False)
            self._held.callback(engine.dispose)
            self._wait = self._held.enter_context(waker(self._store, engine))
            if not is_url(self._store):
                self._stay(engine)
            highest = query.page(limit=1, newest=True)
            if highest and highest[0][0] < self._at:  # another record stands there now
                self._at = 0
            self._query = query
        return self._query

    def _stay(self, engine: Engine) -> None:
        """Keep a file open: when the last connection closes, SQLite takes its write-ahead log away, and keeps
        whoever comes just then out. A transaction that has ended holds nothing back."""
        with reported(self._store):
            db = self._held.enter_context(engine.connect())
            db.execute(select(events.c.n).limit(1)).all()
            db.rollback()


class RedisSource:
    """The Redis stream ``STREAM`` at ``url``, by the ids of its messages."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._at = "0-0"

    def newest(self, limit: int) -> list[Item]:
        """As ``Source.newest``."""
        rows = self._ask(lambda client: client.xrevrange(STREAM, count=limit))
        return self._items(list(reversed(rows)))

    def more(self, seconds: float) -> list[Item]:
        """As ``Source.more``."""
        block = max(int(seconds * 1000), 1)
        streams = self._ask(lambda client: client.xread({STREAM: self._at}, count=PAGE, block=block))
        return self._items(streams[0][1] if streams else [])

    def close(self) -> None:
        """As ``Source.close``."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, question: Any) -> Any:
        redis = _extra("redis", "redis")
        try:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self._url, protocol=2, decode_responses=True, socket_timeout=5, encoding_errors="replace"
                )
            return question(self._client)
        except (redis.RedisError, OSError) as error:
            self.close()
            raise StoreError(f"the fan-out: {error}") from error

    def _items(self, rows: list[tuple[str, Mapping[str, str]]]) -> list[Item]:
        items: list[Item] = []
        for id, fields in rows:
            self._at = id
            first, _, second = id.partition("-")
            try:
                entry = entry_from_json(fields.get(ENTRY, ""))
            except StoreError:
                continue  # somebody else's message
            left_out = fields.get(LEFT_OUT, "")
            items.append(
                Item((int(first), int(second or 0)), entry, int(left_out) if left_out.isdigit() else 0)
            )
        return items


def source(settings: MonitorSettings) -> Source:
    """The source that the settings name."""
    if settings.fanout is not None:
        if urlsplit(settings.fanout).scheme not in SCHEMES:
            raise ConfigError("fanout: write redis://HOST:PORT/NUMBER")
        return RedisSource(settings.fanout)
    return RecordSource(settings.store)


def _extra(package: str, extra: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        raise MissingExtra(
            f"{package} is not installed: pip install 'content-safety-layer[{extra}]'"
        ) from None
