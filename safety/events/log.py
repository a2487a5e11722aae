"""The record on disk: events are handed over from any thread and written by one, in batches.

One writer thread takes what is queued, writes it in one transaction and only then answers. So one ``fsync``
serves all events that arrived during the one before. When the store fails, waiting events fail at once (the
caller decides what that means), the writer tries again with growing pauses, and the first thing it writes
then is a gap that says how many events were lost. Reading is ``query``'s work.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from safety.errors import StoreError
from safety.events.event import Entry, Event, timestamp
from safety.events.losses import Loss, added
from safety.events.store import Store

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts on a store that fails; doubled each time
CLOSED = "the record is closed"


@dataclass(frozen=True, slots=True)
class _Item:
    """An event, or (none) a mark that resolves when everything before it has been dealt with."""

    event: Event | None
    future: Future[None]
    last: bool = False


class EventLog:
    """A ``Recorder`` that writes to the SQLite file at ``path``. Open it after forking, not before.

    Args:
        path: the file; made when it is not there. Its folder must be.
        max_queue: events that may wait; more are refused, and counted as lost.
        max_batch: events per transaction.
        max_bytes: the size the file may grow to (its write-ahead log not counted); ``None`` for no bound.
            When it is reached nothing more is recorded, and ``trouble`` says so.
        busy: seconds to wait for another process that writes the same file.

    ``StoreError`` when the store cannot be opened: a broken record stops the start, not the first request.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_queue: int = 10_000,
        max_batch: int = 256,
        max_bytes: int | None = None,
        busy: float = 2.0,
    ) -> None:
        self.path = Path(path).absolute()
        self._max_queue, self._max_batch = max_queue, max_batch
        self._max_bytes, self._busy = max_bytes, busy
        self._store: Store | None = self._open()
        self._chain_end = ""  # the hash of the last durable row
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _closed (with the queue's order) and _loss
        self._closed = False
        self._loss: Loss | None = None
        self._failure: str | None = None
        self._pause = FIRST_PAUSE
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
        self._thread.start()

    # --- for the callers: any thread, never waiting ---

    def put(self, event: Event) -> Future[None]:
        """As ``Recorder.put``. The future fails at once when too many events wait or the log is closed."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # from here on it cannot be cancelled
        with self._lock:
            why = self._refusal()
            if why is None:
                self._queue.put(_Item(event, future))
                return future
            self._loss = added(self._loss, Loss.of(event, why))
        future.set_exception(StoreError(f"{self.path}: {why}"))
        return future

    def trouble(self) -> str | None:
        """As ``Recorder.trouble``: the last write failed and none has succeeded since, too many events wait,
        or the log is closed."""
        return self._failure or self._refusal()

    def behind(self) -> bool:
        """As ``Recorder.behind``: a tenth of the events that may wait do."""
        return self._queue.qsize() > self._max_queue // 10

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every event put so far is durable or has failed. ``TimeoutError`` after ``timeout``
        seconds."""
        mark = self._mark(last=False)
        if mark is not None:
            mark.result(timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Write what is queued and stop. After ``timeout`` seconds what still waits fails instead."""
        self._mark(last=True)
        self._thread.join(timeout)
        self._drain()

    def _refusal(self) -> str | None:
        if self._closed:
            return CLOSED
        if not self._thread.is_alive():
            return "the writer has stopped"
        if self._queue.qsize() >= self._max_queue:
            return f"{self._max_queue} events wait to be written, as many as may"
        return None

    def _mark(self, *, last: bool) -> Future[None] | None:
        future: Future[None] = Future()
        with self._lock:
            if self._closed:
                return None
            self._closed = last
            self._queue.put(_Item(None, future, last))
        return future

    # --- the writer thread ---

    def _run(self) -> None:
        try:
            while self._step():
                continue
        finally:
            # Whatever ended the loop: nobody may wait for an answer that will not come.
            with self._lock:
                self._closed = True
            self._let_go()
            self._drain()

    def _step(self) -> bool:
        items = self._take()
        ending = any(item.last for item in items)
        try:
            if self._failure is None or ending or time.monotonic() >= self._retry_at:
                self._write(items)
            else:
                self._fail(items, self._failure)
        except BaseException:  # nothing known: but whoever waits for these must hear of it
            self._fail([item for item in items if not item.future.done()], "the writer has stopped")
            raise
        return not ending

    def _take(self) -> list[_Item]:
        """What is queued. Waits for the first item, or until a failing store is due for another attempt."""
        wait = None if self._failure is None else max(self._retry_at - time.monotonic(), 0.0)
        items: list[_Item] = []
        try:
            items.append(self._queue.get(timeout=wait))
            while len(items) < self._max_batch and not items[-1].last:
                items.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return items

    def _write(self, items: Sequence[_Item]) -> None:
        written, entries = self._encode(items)
        with self._lock:
            loss, self._loss = self._loss, None
        try:
            self._append(loss, entries)
        except StoreError as error:
            with self._lock:
                self._loss = added(loss, self._loss)
            self._pause_after(str(error))
            self._fail(written, str(error))
            return
        self._failure, self._pause = None, FIRST_PAUSE
        for item in written:
            item.future.set_result(None)

    def _encode(self, items: Sequence[_Item]) -> tuple[list[_Item], list[tuple[Entry, str]]]:
        """The items to answer, and what to write for them. An event that is no JSON fails alone."""
        good: list[_Item] = []
        entries: list[tuple[Entry, str]] = []
        for item in items:
            try:
                if item.event is not None:
                    entries.append((item.event, item.event.to_json()))
            except (TypeError, ValueError) as error:
                self._fail([item], f"{self.path}: an event that cannot be written: {error}")
            else:
                good.append(item)
        return good, entries

    def _append(self, loss: Loss | None, entries: Sequence[tuple[Entry, str]]) -> None:
        if loss is None and not entries:
            return
        store = self._store = self._store or self._open()
        lead: list[tuple[Entry, str]] = []
        if loss is not None:
            now = datetime.now(UTC)
            gap_id = f"gap.{store.writer}.{now.timestamp():.6f}"
            gap = loss.gap(id=gap_id, at=timestamp(now), after=self._chain_end)
            lead.append((gap, gap.to_json()))
        store.append([*lead, *entries])
        self._chain_end = store.last_hash

    def _open(self) -> Store:
        return Store(self.path, max_bytes=self._max_bytes, busy=self._busy)

    def _pause_after(self, failure: str) -> None:
        self._failure = failure
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._let_go()  # the next attempt starts from what the disk then says

    def _let_go(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _fail(self, items: Sequence[_Item], why: str) -> None:
        for item in items:
            if item.event is None:
                item.future.set_result(None)
                continue
            with self._lock:
                self._loss = added(self._loss, Loss.of(item.event, why))
            item.future.set_exception(StoreError(why))

    def _drain(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            self._fail([item], f"{self.path}: {CLOSED}")

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
