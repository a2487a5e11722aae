"""The record's writer: events are handed over from any thread and written by one, in batches.

One writer thread takes what is queued, writes it in one transaction and only then answers. So one ``fsync``
serves all events that arrived during the one before. When the store fails, waiting events fail at once (the
caller decides what that means), the writer tries again with growing pauses, and the first thing it writes
then is a gap that says how many events were lost. Under ``when_behind="sample"`` clean events are left out
while too many wait, and a gap says how many. Reading is ``query``'s work.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from safety.errors import ConfigError, StoreError
from safety.events.database import BUSY, describe
from safety.events.entry import Event, Notice, timestamp
from safety.events.losses import SAMPLED, Loss, added
from safety.events.place import is_url
from safety.events.recorder import WhenBehind
from safety.events.seal import Sealed, seal
from safety.events.store import Store

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts on a store that fails; doubled each time
SAID_EVERY = 5.0  # seconds after which it is said how many were left out, though there is no end to it yet
CLOSED = "the record is closed"


class _Item(NamedTuple):
    """An entry, or (none) a mark that resolves when everything before it has been dealt with."""

    entry: Event | Notice | None
    future: Future[None]
    last: bool = False


class EventLog:
    """A ``Recorder`` that writes to the record at ``store``. Open it after forking, not before.

    Args:
        store: a path (the file is made when it is not there; its folder must be), or ``postgresql://...``.
        max_queue: events that may wait; more are refused, and counted as lost.
        max_batch: events per transaction.
        max_bytes: the size an SQLite file may grow to (its write-ahead log not counted); ``None`` for no
            bound. When it is reached nothing more is recorded, and ``trouble`` says so.
        busy: seconds to wait for another process that writes the same record.
        when_behind: what to do while events come faster than they are written: ``slow`` has callers wait
            (see ``Recorder.behind``); ``sample`` leaves out events of clean requests, of which only their
            number is kept.

    ``StoreError`` when the store cannot be opened: a broken record stops the start, not the first request.
    ``ConfigError`` for a store or a setting that makes no sense.
    """

    def __init__(
        self,
        store: str | Path,
        *,
        max_queue: int = 10_000,
        max_batch: int = 256,
        max_bytes: int | None = None,
        busy: float = BUSY,
        when_behind: WhenBehind = "slow",
    ) -> None:
        if when_behind not in ("slow", "sample"):
            raise ConfigError(f"when_behind: {when_behind!r}: slow or sample")
        self.store = store if is_url(store) else Path(store).absolute()
        self.name = describe(self.store)
        self._samples = when_behind == "sample"
        self._max_queue, self._max_batch = max_queue, max_batch
        self._max_bytes, self._busy = max_bytes, busy
        self._open_store: Store | None = self._open()
        self._key = self._open_store.key
        self._chain_end = ""  # the hash of the last durable row
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _closed (with the queue's order), _loss and _left_out
        self._closed = False
        self._loss: Loss | None = None
        self._left_out: Loss | None = None  # by sampling
        self._said_at = time.monotonic()
        self._failure: str | None = None
        self._pause = FIRST_PAUSE
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
        self._thread.start()

    # --- for the callers: any thread, never waiting ---

    def put(self, entry: Event | Notice) -> Future[None]:
        """As ``Recorder.put``. The future fails at once when too many events wait or the log is closed."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # from here on it cannot be cancelled
        with self._lock:
            why = self._refusal()
            if why is None and not self._sampled(entry):
                self._queue.put(_Item(entry, future))
                return future
            if why is not None:
                self._loss = added(self._loss, Loss.of(entry, why))
        if why is None:
            future.set_result(None)
        else:
            future.set_exception(StoreError(f"{self.name}: {why}"))
        return future

    def _sampled(self, entry: Event | Notice) -> bool:
        """Whether ``entry`` is left out. Something waits then, so the writer will come to say so."""
        left_out = self._samples and isinstance(entry, Event) and entry.clean and self.behind()
        if left_out:
            self._left_out = added(self._left_out, Loss.of(entry, SAMPLED))
        return left_out

    def when_behind(self, what: WhenBehind) -> None:
        """What to do from now on while events come faster than they are written."""
        self._samples = what == "sample"

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
        losses = self._take_losses()
        try:
            self._append(losses, entries)
        except StoreError as error:
            with self._lock:
                self._loss, self._left_out = (
                    added(before, since)
                    for before, since in zip(losses, (self._loss, self._left_out), strict=True)
                )
            self._pause_after(str(error))
            self._fail(written, str(error))
            return
        self._failure, self._pause = None, FIRST_PAUSE
        for item in written:
            item.future.set_result(None)

    def _take_losses(self) -> tuple[Loss | None, Loss | None]:
        """What was lost, and what was left out; the latter in few gaps rather than one per transaction."""
        with self._lock:
            loss, self._loss = self._loss, None
            if self.behind() and time.monotonic() < self._said_at + SAID_EVERY:
                return loss, None
            left_out, self._left_out = self._left_out, None
        self._said_at = time.monotonic()
        return loss, left_out

    def _encode(self, items: Sequence[_Item]) -> tuple[list[_Item], list[Sealed]]:
        """The items to answer, and what to write for them. An entry that is no JSON fails alone."""
        good: list[_Item] = []
        entries: list[Sealed] = []
        for item in items:
            try:
                if item.entry is not None:
                    entries.append(seal(item.entry, self._key))
            except (TypeError, ValueError) as error:
                self._fail([item], f"{self.name}: an event that cannot be written: {error}")
            else:
                good.append(item)
        return good, entries

    def _append(self, losses: Sequence[Loss | None], entries: Sequence[Sealed]) -> None:
        real = [loss for loss in losses if loss is not None]
        if not real and not entries:
            return
        store = self._open_store = self._open_store or self._open()
        self._key = store.key
        store.append([*(self._gap(loss, store) for loss in real), *entries])
        self._chain_end = store.last_hash

    def _gap(self, loss: Loss, store: Store) -> Sealed:
        now = datetime.now(UTC)
        kind = "sampled" if loss.why == SAMPLED else "gap"
        id = f"{kind}.{store.writer}.{now.timestamp():.6f}"
        return seal(loss.gap(id=id, at=timestamp(now), after=self._chain_end), self._key)

    def _open(self) -> Store:
        return Store(self.store, max_bytes=self._max_bytes, busy=self._busy)

    def _pause_after(self, failure: str) -> None:
        self._failure = failure
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._let_go()  # the next attempt starts from what the disk then says

    def _let_go(self) -> None:
        if self._open_store is not None:
            self._open_store.close()
            self._open_store = None

    def _fail(self, items: Sequence[_Item], why: str) -> None:
        for item in items:
            if item.entry is None:
                item.future.set_result(None)
                continue
            with self._lock:
                self._loss = added(self._loss, Loss.of(item.entry, why))
            item.future.set_exception(StoreError(why))

    def _drain(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            self._fail([item], f"{self.name}: {CLOSED}")

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
