"""Trying alerts out: what each reads from a record as it is now, and whether destinations take a message.

Nothing fires, and what a monitor remembers is neither read nor changed. Counts are brought up to date first,
as the monitor does it, so that two at once do no harm.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from safety.errors import StoreError
from safety.events.event import make_notice
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.monitor.alerts.conditions import Reading, read
from safety.monitor.alerts.deliver import Answer, Courier
from safety.monitor.alerts.rules import Alert, AlertFile, AlertRule
from safety.monitor.figures import Figures
from safety.monitor.records import Records
from safety.monitor.tallies import Tallies

PATIENCE = 10.0  # seconds to wait until a notice is durable


@dataclass(frozen=True, slots=True)
class Trial:
    """``readings`` by rule, a rule being left out of which nothing is known now. ``behind``: seconds that the
    counts are behind the record; ``why``: why they could not be brought up to date, if so."""

    readings: Mapping[str, Reading]
    behind: float
    why: str | None = None


def evaluate(rules: Sequence[AlertRule], store: str) -> Trial:
    """What ``rules`` read from the record ``store`` now. ``StoreError`` when it cannot be read."""
    try:
        why = _count_up(store)
        figures = Figures(store)
        try:
            now = datetime.now(UTC)
            return Trial(read(rules, figures, now), figures.now(now).behind_seconds, why)
        finally:
            figures.close()
    except SQLAlchemyError as error:
        raise StoreError(f"the counts cannot be read: {getattr(error, 'orig', None) or error}") from error


def _count_up(store: str) -> str | None:
    """Why the counts are as a monitor left them: the record may only be read."""
    records = Records(store)
    try:
        _ = records.query  # a record that is not there is not made here
        try:
            _advance(Tallies(store, user_key=records.user_key))
        except (StoreError, SQLAlchemyError) as error:
            return str(error)
    finally:
        records.close()
    return None


def _advance(tallies: Tallies) -> None:
    try:
        while tallies.advance():
            continue
    finally:
        tallies.close()


def send_test(alerts: AlertFile, environ: Mapping[str, str]) -> tuple[Alert, dict[str, Answer]]:
    """Send a message that is marked as a test to every destination at once: the message, and what each
    answered. ``ConfigError`` for a secret that is missing."""
    courier = Courier(alerts.destinations, environ, alerts.link)
    at, ids = time.time(), tuple(one.id for one in alerts.destinations)
    alert = Alert(
        id=f"test-{secrets.token_hex(6)}",
        rule="test",
        status="firing",
        subject="",
        value=None,
        said="This is a test. Nothing has happened.",
        severity="info",
        since=at,
        at=at,
        to=ids,
        test=True,
    )

    async def every() -> list[Answer]:
        return await asyncio.gather(*(courier.send(alert, id) for id in ids))

    return alert, dict(zip(ids, asyncio.run(every()), strict=True))


def record_test(store: str, alert: Alert, answers: Mapping[str, Answer]) -> None:
    """Put a notice of each delivery into the record. ``StoreError`` when there is none, or it does not take
    them."""
    EventQuery(store).close()  # a record that is not there is not made here
    with EventLog(store) as log:
        for to, answer in answers.items():
            done = "delivered" if answer.ok else "failed"
            detail = f"{done}: test {alert.id} to {to}: {answer.said}"
            notice = make_notice(
                "delivery", at=datetime.now(UTC), by="alerts test", about=alert.rule, detail=detail
            )
            try:
                log.put(notice).result(PATIENCE)
            except TimeoutError as error:
                raise StoreError(f"not written within {PATIENCE:g} seconds") from error
