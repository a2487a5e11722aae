"""Looking every few seconds, and sending what there is to send.

One thread: it reads the counts, steps the engine, remembers, sends, and remembers what became of each. An
alert is remembered before it is sent, and its delivery at once afterwards; so a restart neither loses nor
repeats one. Only a process that is killed between a destination's answer and the next write of a few
milliseconds sends that alert again, with the same id, by which the receiver can tell.

Every alert, delivery and failure is handed to ``put`` as a notice. When the record does not take them, that
is logged, and alerts go out all the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from safety.errors import StoreError
from safety.events.entry import Notice
from safety.events.event import make_notice
from safety.monitor.alerts.conditions import Numbers, blind, read
from safety.monitor.alerts.deliver import Answer, Courier
from safety.monitor.alerts.engine import step
from safety.monitor.alerts.outbox import Item, due, next_due, queued, settled, without
from safety.monitor.alerts.rules import Alert, AlertFile
from safety.monitor.alerts.state import StateFile
from safety.monitor.alerts.words import clean, span

BY = "alerts"  # who did it, in notices
MOST_PER_ROUND = 20  # items per destination, so that the next look is not long in coming
Put = Callable[[Notice], object]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """How things stand: what fires, how many messages wait to be delivered, when the counts were last read
    (seconds since 1970), and what is wrong, if anything."""

    firing: tuple[Alert, ...] = ()
    waiting: int = 0
    looked: float | None = None
    trouble: str | None = None


class AlertRunner:
    """Watches ``alerts`` and sends them.

    Args:
        alerts: what to watch, and where to send.
        numbers: opens the counts (``figures.Figures``); asked at every look, so that there need not be a
            record yet, and may raise ``StoreError``.
        put: where notices go (``EventLog.put``); what it returns may be a future.
        state: the file to remember in (``state.state_file``).
        environ: where the secrets are.
        clock: seconds since 1970.

    ``ConfigError`` when a secret is missing, or the state cannot be used. ``start`` makes a thread; without
    it, ``once`` does what is due. Close it, or use it in a ``with`` block.
    """

    def __init__(
        self,
        alerts: AlertFile,
        numbers: Callable[[], Numbers],
        put: Put,
        *,
        state: Path,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._alerts, self._numbers, self._put, self._clock = alerts, numbers, put, clock
        self._courier = Courier(alerts.destinations, environ, alerts.link)
        self._file = StateFile(state)
        try:
            self._state, self._items = self._file.read()
        except BaseException:
            self._file.close()
            raise
        self._look_at = self._seen = clock()
        self._trouble: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.status = AlertStatus(self._state.firing, len(self._items))

    # --- for the owner ---

    def start(self) -> None:
        """Watch from a thread of its own until ``close``."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="alerts", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop watching, after what is being sent now. What still waits is sent after the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._file.close()

    def once(self) -> float:
        """Look if it is time to, and send what is due. Seconds until there is something to do again. Not to
        be called from within an event loop, nor beside ``start``."""
        now = self._clock()
        if now >= self._look_at or self._look_at - now > self._alerts.every:  # or the clock was set back
            self._look(now)
            self._look_at = now + self._alerts.every
        asyncio.run(self._send(now))
        looked = self._seen if self._state.at is not None else None
        told = "; ".join(self._trouble.values()) or None
        self.status = AlertStatus(self._state.firing, len(self._items), looked, told)
        now, soon = self._clock(), next_due(self._items)
        return max(min(self._look_at, self._look_at if soon is None else soon) - now, 0.0)

    # --- looking ---

    def _look(self, now: float) -> None:
        rules = self._alerts.rules
        try:
            at = datetime.fromtimestamp(now, UTC)
            readings = read(rules, self._numbers(), at, self._state.looked)
            self._seen = now
            self._trouble.pop("look", None)
        except (StoreError, SQLAlchemyError) as error:
            self._say("look", f"the counts cannot be read: {error}")
            readings = blind(rules, now, min(self._seen, now))
        state, alerts = step(rules, self._state, readings, now)
        items, dropped = queued(self._items, alerts, now)
        self._state, self._items = state, items
        self._remember()
        for alert in alerts:
            detail = f"{alert.status} {alert.id} {alert.severity}: {_about(alert)}{alert.said}"
            self._note("alert", alert, detail)
        for item in dropped:
            self._note("delivery", item.alert, f"given up: {_item(item)}: too many wait to be delivered")

    # --- sending ---

    async def _send(self, now: float) -> None:
        """Destinations at once, and one after the other what each gets."""
        await asyncio.gather(*(self._to_one(items) for items in due(self._items, now).values()))

    async def _to_one(self, items: list[Item]) -> None:
        for item in items[:MOST_PER_ROUND]:
            if self._stop.is_set():
                return
            if not self._courier.knows(item.to):
                self._items = without(self._items, item)
                self._note("delivery", item.alert, f"given up: {_item(item)}: no such destination any more")
                continue
            answer = await self._courier.send(item.alert, item.to)
            if self._after(item, answer):
                return

    def _after(self, item: Item, answer: Answer) -> bool:
        """Whether the destination is to be left alone for a while."""
        self._items, ended, pause = settled(self._items, item, answer, self._clock())
        self._remember()
        told = {"delivered": "delivered", "given up": "given up", "again": f"failed, again in {span(pause)}"}
        said = f"{told[ended]}: {_item(item)}: {answer.said}"
        if not answer.ok:
            log.warning("alert %s", clean(said))
        self._note("delivery", item.alert, said)
        return ended == "again"

    # --- remembering and telling ---

    def _remember(self) -> None:
        try:
            self._file.write(self._state, self._items)
            self._trouble.pop("state", None)
        except StoreError as error:  # a full disk must not silence the alert about it
            self._say("state", f"alerts may be sent again after a restart: {error}")

    def _note(self, what: str, alert: Alert, detail: str) -> None:
        at = datetime.fromtimestamp(self._clock(), UTC)
        notice = make_notice(what, at=at, by=BY, about=alert.rule, detail=clean(detail))
        try:
            written = self._put(notice)
        except StoreError as error:
            self._say("record", f"notices are not recorded: {error}")
            return
        if isinstance(written, Future):
            written.add_done_callback(self._noted)
        else:
            self._trouble.pop("record", None)

    def _noted(self, written: Future[Any]) -> None:
        error = written.exception()
        if error is None:
            self._trouble.pop("record", None)
        else:
            self._say("record", f"notices are not recorded: {error}")

    def _say(self, about: str, what: str) -> None:
        if self._trouble.get(about) != what:
            log.error("%s", clean(what))
        self._trouble[about] = what

    def _watch(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = self.once()
                self._trouble.pop("thread", None)
            except Exception as error:  # this thread's main: it goes on, and says what was wrong
                self._say("thread", f"internal error: {type(error).__name__}: {error}")
                self.status = AlertStatus(self._state.firing, len(self._items), None, self._trouble["thread"])
                wait = self._alerts.every

    def __enter__(self) -> AlertRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _about(alert: Alert) -> str:
    return f"{alert.subject}: " if alert.subject else ""


def _item(item: Item) -> str:
    return f"{item.alert.status} {item.alert.id} to {item.to}"
