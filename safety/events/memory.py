"""A record in memory: for tests, and for Python programs that want verdicts without a file.

The newest ``keep`` entries are kept. It can be told to refuse, so that a caller's conduct without a working
record can be seen without breaking a disk; it then counts what it lost and says so in a gap, as the file
does. Nothing survives the process.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime
from types import TracebackType

from safety.errors import StoreError
from safety.events.chain import ChainRow, follow_on, genesis
from safety.events.event import Entry, Event, Gap, timestamp
from safety.events.losses import Loss, added

_WRITER = "memory"


class MemoryLog:
    """A ``Recorder`` that holds the newest ``keep`` entries in memory."""

    def __init__(self, keep: int = 10_000) -> None:
        self._kept: deque[tuple[ChainRow, Entry]] = deque(maxlen=keep)
        self._last = genesis(_WRITER)
        self._lock = threading.Lock()
        self._why: str | None = None
        self._loss: Loss | None = None
        self._closed = False

    def put(self, event: Event) -> Future[None]:
        """As ``Recorder.put``; the future is done when this returns."""
        future: Future[None] = Future()
        with self._lock:
            why = "the record is closed" if self._closed else self._why
            if why is None:
                self._write_gap()
                self._append(event)
            else:
                self._loss = added(self._loss, Loss.of(event, why))
        if why is None:
            future.set_result(None)
        else:
            future.set_exception(StoreError(f"memory: {why}"))
        return future

    def refuse(self, why: str | None) -> None:
        """From now on fail every event with ``why``; ``None`` makes the record work again."""
        with self._lock:
            self._why = why
            if why is None:
                self._write_gap()

    def behind(self) -> bool:
        """Never: nothing waits."""
        return False

    def trouble(self) -> str | None:
        """As ``Recorder.trouble``."""
        return "the record is closed" if self._closed else self._why

    def flush(self) -> None:
        """Nothing is ever waiting here."""

    def close(self) -> None:
        """As ``Recorder.close``; what was recorded can still be read."""
        self._closed = True

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Events and gaps, oldest first."""
        with self._lock:
            return tuple(entry for _, entry in self._kept)

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, oldest first."""
        return tuple(entry for entry in self.entries if isinstance(entry, Event))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The gaps, oldest first."""
        return tuple(entry for entry in self.entries if isinstance(entry, Gap))

    def chain(self) -> tuple[ChainRow, ...]:
        """The rows as ``verify_chain`` takes them; complete while nothing was pushed out."""
        with self._lock:
            return tuple(row for row, _ in self._kept)

    def _append(self, entry: Entry) -> None:
        self._last = follow_on(self._last, entry.to_json())
        self._kept.append((self._last, entry))

    def _write_gap(self) -> None:
        if self._loss is None:
            return
        at = timestamp(datetime.now(UTC))
        self._append(self._loss.gap(id=f"gap.{_WRITER}.{self._last.seq + 1}", at=at, after=self._last.hash))
        self._loss = None

    def __enter__(self) -> MemoryLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
