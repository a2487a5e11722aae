"""What the guard needs of a record: somewhere to put an event, and whether that can be relied upon."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Literal, Protocol

from safety.events.entry import Event, Notice

WhenBehind = Literal["slow", "sample"]


class Recorder(Protocol):
    """A place for events. Callable from any thread and from an event loop; only ``close`` waits."""

    def put(self, entry: Event | Notice) -> Future[None]:
        """Hand ``entry`` over. The future resolves once it is durable and fails with ``StoreError`` when it
        could not be written. It cannot be cancelled: a client that hangs up does not unmake a decision."""
        ...

    def trouble(self) -> str | None:
        """Why events cannot be recorded right now, in one line; ``None`` when they can."""
        ...

    def behind(self) -> bool:
        """Whether events come faster than they are written. Callers then wait for theirs, so that traffic
        slows down before anything has to be refused."""
        ...

    def close(self) -> None:
        """Write what was handed over, then refuse more. May be called twice."""
        ...


class InFront:
    """A ``Recorder`` in front of another, which is asked about everything: a base for what only wants to see
    what is put."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def put(self, entry: Event | Notice) -> Future[None]:
        """As ``Recorder.put``."""
        return self._recorder.put(entry)

    def trouble(self) -> str | None:
        """As ``Recorder.trouble``."""
        return self._recorder.trouble()

    def behind(self) -> bool:
        """As ``Recorder.behind``."""
        return self._recorder.behind()

    def close(self) -> None:
        """As ``Recorder.close``."""
        self._recorder.close()
