"""``/monitor/stream``: the live feed as server-sent events, for one watcher."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from safety.cli.terminal import printable
from safety.errors import SafetyError
from safety.monitor.alerts.rules import Alert
from safety.monitor.desk import Desk
from safety.monitor.feed import Mark, Wanted, Watcher, message, read_mark

PULSE = 2.0  # seconds between two sets of figures
RECONNECT_MS = 2000
MOST = 500  # who may watch at once
ACTIONS = ("allow", "annotate", "redact", "block")


class Pulse:
    """The newest figures, worked out once for all who watch."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk, self._clock = desk, clock
        self._at = float("-inf")
        self._lock = asyncio.Lock()
        self._said: dict[str, Any] = {}

    async def now(self) -> dict[str, Any]:
        """As JSON can hold them."""
        async with self._lock:
            if self._clock() - self._at >= PULSE * 0.9:
                self._said = await asyncio.to_thread(figures, self._desk)
                self._at = self._clock()
            return self._said


def figures(desk: Desk) -> dict[str, Any]:
    """How things stand, or why that is not known."""
    said: dict[str, Any] = {"problem": desk.feed.problem or desk.counting.problem or "", "now": None}
    said["alerts"] = [] if desk.alerts is None else [_alert(alert) for alert in desk.alerts.status.firing]
    try:
        said["now"] = asdict(desk.figures.now(datetime.now(UTC)))
    except (SafetyError, SQLAlchemyError) as error:
        said["problem"] = str(error)
    return said


def _alert(alert: Alert) -> str:
    about = f" ({alert.subject})" if alert.subject else ""
    return printable(f"{alert.severity}: {alert.rule}{about}: {alert.said}")


def wanted(query: QueryParams) -> Wanted:
    """The filters of an address: each may be given several times, or with commas."""

    def all_of(name: str) -> frozenset[str]:
        values = (part.strip() for value in query.getlist(name) for part in value.split(","))
        return frozenset(value for value in values if value)

    return Wanted(all_of("category"), all_of("tenant"), all_of("action"))


def begin(headers: Headers, query: QueryParams) -> Mark | None:
    """Where a watcher wants to go on. The browser's own word (after a lost connection) comes first."""
    return read_mark(headers.get("last-event-id", "")) or read_mark(query.get("after", ""))


def stream(desk: Desk, pulse: Pulse, headers: Headers, query: QueryParams) -> Response:
    """The answer to one watcher; 503 when as many watch as may."""
    if desk.feed.watching >= MOST:
        return PlainTextResponse("too many watch already", 503, {"retry-after": "10"})
    watcher = desk.feed.watch(wanted(query), begin(headers, query))
    return StreamingResponse(
        _messages(desk, pulse, watcher),
        media_type="text/event-stream; charset=utf-8",
        headers={"x-accel-buffering": "no"},  # nginx would hold messages back
    )


async def _messages(desk: Desk, pulse: Pulse, watcher: Watcher) -> AsyncIterator[str]:
    try:
        yield f"retry: {RECONNECT_MS}\n\n"
        told = float("-inf")
        while not watcher.ended:
            missed, exact, items = watcher.take()
            if missed:
                yield message("missed", {"missed": missed, "exact": exact})
            if items:
                yield "".join(item.message for item in items)
            if time.monotonic() - told >= PULSE:
                told = time.monotonic()
                yield message("now", await pulse.now())
            await watcher.wait(PULSE)
    finally:
        desk.feed.leave(watcher)
