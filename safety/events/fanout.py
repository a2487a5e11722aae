"""Telling others at once: what is recorded goes into a Redis stream as well, for dashboards anywhere.

The record is what counts; this is a copy that may be lost. So nobody waits for it: one thread sends what is
durable, from a bounded queue; while Redis cannot be reached, or is slower than the traffic, entries are left
out, counted, and the number goes out with the next one that gets through.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from safety.errors import ConfigError, MissingExtra
from safety.events.entry import Event, Notice
from safety.events.recorder import InFront, Recorder

log = logging.getLogger(__name__)

STREAM = "safety_events"
ENTRY, LEFT_OUT = (
    "entry",
    "left_out",
)  # fields of a message: the entry's JSON; how many before it were not sent
KEPT = 10_000  # messages that the stream keeps, about
WAITING = 2_000  # entries that may wait to be sent
BATCH = 100
SCHEMES = ("redis", "rediss", "unix")
_TIMEOUT = 2.0  # seconds for connecting and for an answer
_PAUSE = 1.0  # seconds between attempts while Redis is away


class Fanout(InFront):
    """A ``Recorder`` in front of another: what that one has made durable is sent to the Redis at ``url``.
    ``ConfigError`` for what is no such URL; ``MissingExtra`` without the driver. Redis need not be there: a
    fan-out that is away is no trouble of the record's."""

    def __init__(self, recorder: Recorder, url: str) -> None:
        super().__init__(recorder)
        self._client = _client(url)
        self._queue: queue.Queue[Event | Notice | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._left_out = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fan-out", daemon=True)
        self._thread.start()

    def put(self, entry: Event | Notice) -> Future[None]:
        """As ``Recorder.put``."""
        future = self._recorder.put(entry)
        future.add_done_callback(partial(self._durable, entry))
        return future

    @property
    def left_out(self) -> int:
        """Entries that could not be sent since the last one that could."""
        return self._left_out

    def close(self) -> None:
        """Close the record, and send what is left if Redis takes it."""
        super().close()
        self._stopping.set()
        with suppress(queue.Full):  # then the thread is awake, and looks whether it is to stop
            self._queue.put_nowait(None)
        self._thread.join(2 * _TIMEOUT)

    def _durable(self, entry: Event | Notice, future: Future[None]) -> None:
        if future.exception() is not None:
            return
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self._count(1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._left_out += more

    def _run(self) -> None:
        ended = False
        while not ended:
            entries, ended = self._take()
            if entries and not self._sent(entries):
                self._count(len(entries))
                self._stopping.wait(_PAUSE)
        self._client.close()

    def _take(self) -> tuple[list[Event | Notice], bool]:
        """What waits, and whether it is the last."""
        taken = [self._queue.get()]
        while len(taken) < BATCH:
            try:
                taken.append(self._queue.get_nowait())
            except queue.Empty:
                break
        entries = [entry for entry in taken if entry is not None]
        return entries, self._stopping.is_set() and self._queue.empty()

    def _sent(self, entries: list[Event | Notice]) -> bool:
        redis: Any = import_module("redis")
        with self._lock:
            left_out, self._left_out = self._left_out, 0
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for number, entry in enumerate(entries):
                    fields: dict[str, str | int] = {ENTRY: entry.to_json()}
                    if left_out and not number:
                        fields[LEFT_OUT] = left_out
                    pipeline.xadd(STREAM, fields, maxlen=KEPT, approximate=True)
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            self._count(left_out)
            log.warning("the fan-out: %s", error)
            return False
        return True


def _client(url: str) -> Any:
    if urlsplit(url).scheme not in SCHEMES:
        raise ConfigError("fanout: write redis://HOST:PORT/NUMBER")
    try:
        redis: Any = import_module("redis")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "fanout: redis is not installed: pip install 'content-safety-layer[redis]'"
        ) from error
    try:
        return redis.Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    except ValueError as error:
        raise ConfigError(f"fanout: {error}: write redis://HOST:PORT/NUMBER") from error
