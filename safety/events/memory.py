"""A record in memory: for tests, and for Python programs that want verdicts without a file.

The newest ``keep`` entries are kept. It can be told to refuse, so that a caller's conduct without a working
record can be seen without breaking a disk, and to be behind, so that sampling can; it then counts what it
lost or left out and says so in a gap, as the file does. Nothing survives the process.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType

from safety.errors import StoreError
from safety.events.chain import ChainRow, follow_on, genesis
from safety.events.entry import Entry, Event, Gap, Notice, timestamp
from safety.events.losses import SAMPLED, Loss, added
from safety.events.recorder import WhenBehind

_WRITER = "memory"


class MemoryLog:
    """A ``Recorder`` that holds the newest ``keep`` entries in memory. ``when_behind``: as ``EventLog``."""

    def __init__(self, keep: int = 10_000, *, when_behind: WhenBehind = "slow") -> None:
        self._samples = when_behind == "sample"
        self._behind = False
        self._left_out: Loss | None = None
        self._kept: deque[tuple[ChainRow, Entry]] = deque(maxlen=keep)
        self._last = genesis(_WRITER)
        self._lock = threading.Lock()
        self._why: str | None = None
        self._loss: Loss | None = None
        self._closed = False

    def put(self, entry: Event | Notice) -> Future[None]:
        """As ``Recorder.put``; the future is done when this returns."""
        future: Future[None] = Future()
        with self._lock:
            why = "the record is closed" if self._closed else self._why
            if why is not None:
                self._loss = added(self._loss, Loss.of(entry, why))
            elif self._samples and self._behind and isinstance(entry, Event) and entry.clean:
                self._left_out = added(self._left_out, Loss.of(entry, SAMPLED))
            else:
                self._write_gaps()
                self._append(_without_values(entry))
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
                self._write_gaps()

    def fall_behind(self, behind: bool = True) -> None:
        """From now on say that events come too fast, or no longer."""
        with self._lock:
            self._behind = behind
            if self._why is None:
                self._write_gaps()

    def when_behind(self, what: WhenBehind) -> None:
        """As ``EventLog.when_behind``."""
        self._samples = what == "sample"

    def behind(self) -> bool:
        """As it was told to ``fall_behind``: nothing waits."""
        return self._behind

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
        """Events, gaps and notices, oldest first."""
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

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notices, oldest first."""
        return tuple(entry for entry in self.entries if isinstance(entry, Notice))

    def chain(self) -> tuple[ChainRow, ...]:
        """The rows as ``verify_chain`` takes them; complete while nothing was pushed out."""
        with self._lock:
            return tuple(row for row, _ in self._kept)

    def _append(self, entry: Entry) -> None:
        self._last = follow_on(self._last, entry.to_json(), self._last.seq + 1)
        self._kept.append((self._last, entry))

    def _write_gaps(self) -> None:
        loss, self._loss = self._loss, None
        left_out = None if self._behind else self._left_out
        if left_out is not None:
            self._left_out = None
        for one in (loss, left_out):
            if one is not None:
                at = timestamp(datetime.now(UTC))
                own = f"gap.{_WRITER}.{self._last.seq + 1}"
                self._append(one.gap(id=own, at=at, after=self._last.hash))

    def __enter__(self) -> MemoryLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _without_values(entry: Event | Notice) -> Event | Notice:
    return replace(entry, values=()) if isinstance(entry, Event) and entry.values else entry
