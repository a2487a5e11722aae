"""What people do at the dashboard, written into the record as notices.

The record is opened for writing when there is something to write, not before: a dashboard that is only looked
at needs no right to write events.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime

from safety.errors import StoreError
from safety.events.entry import Notice
from safety.events.event import make_notice
from safety.events.log import EventLog

PATIENCE = 10.0  # seconds to wait until a notice is durable


class Notes:
    """Writes notices into the record ``store``. Any thread."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._log: EventLog | None = None
        self._lock = threading.Lock()

    def put(self, notice: Notice) -> Future[None]:
        """Hand a notice over; the future is done once it is durable. ``StoreError`` when the record cannot be
        opened."""
        with self._lock:
            if self._log is None:
                self._log = EventLog(self._store)
            return self._log.put(notice)

    def write(self, what: str, *, by: str, about: str, detail: str = "") -> None:
        """Returns once the notice is durable; ``StoreError`` when it cannot be."""
        notice = make_notice(what, at=datetime.now(UTC), by=by, about=about, detail=detail)
        try:
            self.put(notice).result(PATIENCE)
        except TimeoutError as error:
            raise StoreError(f"the record did not take a notice within {PATIENCE:g} seconds") from error

    def close(self) -> None:
        """Let go of the record."""
        with self._lock:
            if self._log is not None:
                self._log.close()
