"""What tests of alerts share: counts by hand, rules in short, a mail server, certificates."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import pytest
from aiosmtpd.smtp import SMTP

from safety.errors import StoreError
from safety.monitor.alerts.rules import Alert, AlertRule, Bound, Condition, Measure

NOW = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)


@dataclass
class User:
    key: str
    score: float


@dataclass
class Now:
    behind_seconds: float


@dataclass
class Counts:
    """``conditions.Numbers`` from rows (minutes before ``NOW``, dimension, name, count)."""

    rows: list[tuple[float, str, str, int]] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    ms: float | None = None
    behind: float = 0.0
    broken: str = ""
    asked: list[tuple[str, datetime]] = field(default_factory=list)

    def now(self, at: datetime) -> Now:
        self._check()
        return Now(self.behind)

    def top(self, of: str, since: datetime, until: datetime, limit: int = 20) -> list[tuple[str, int]]:
        self._check()
        self.asked.append((of, since))
        found: Counter[str] = Counter()
        for ago, dimension, name, count in self.rows:
            if dimension == of and since.timestamp() <= NOW.timestamp() - ago * 60 <= until.timestamp():
                found[name] += count
        return found.most_common(limit)

    def percentiles(
        self, of: str, since: datetime, until: datetime, name: str | None = None, qs: Sequence[float] = ()
    ) -> list[float | None]:
        self._check()
        return [self.ms for _ in qs]

    def users(self, since: datetime, until: datetime, limit: int = 50) -> list[User]:
        self._check()
        return self.people[:limit]

    def _check(self) -> None:
        if self.broken:
            raise StoreError(self.broken)


def rule(
    id: str = "r",
    measure: Measure = Measure.COUNT,
    above: float = 10.0,
    to: Sequence[str] = ("ops",),
    over: float = 300.0,
    hold: float = 0.0,
    cooldown: float = 600.0,
    **when: Any,
) -> AlertRule:
    """A rule that says only what a test is about."""
    bound = when.pop("bound", Bound("above", above))
    return AlertRule(id, Condition(measure, bound, over, **when), tuple(to), hold, cooldown)


def alert(**fields: Any) -> Alert:
    given: dict[str, Any] = {
        "id": "a1b2",
        "rule": "r",
        "status": "firing",
        "subject": "",
        "value": 11.0,
        "said": "count of events over 5 min is 11 (above 10)",
        "severity": "warning",
        "since": NOW.timestamp(),
        "at": NOW.timestamp(),
        "to": ("ops",),
    }
    return Alert(**{**given, **fields})


class Mailbox:
    """A real SMTP server in a thread. ``replies`` are what it says to DATA, in order; then 250."""

    def __init__(
        self,
        replies: Sequence[str] = (),
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        refuse: str = "",
        mute: bool = False,
    ) -> None:
        self.replies = list(replies)
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[tuple[str, str]] = []
        self._starttls, self._tls, self._login = starttls, tls, login
        self._refuse, self._mute = refuse, mute
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    # aiosmtpd's hooks
    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self._refuse and self._refuse in address:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = self.replies.pop(0) if self.replies else "250 taken"
        if reply.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return reply

    def _make(self) -> asyncio.BaseProtocol:
        if self._mute:
            return _Trickle()
        options: dict[str, Any] = {}
        if self._login is not None:
            options = {"authenticator": self._authenticate, "auth_require_tls": False}
        return SMTP(self, hostname="test", loop=self._loop, tls_context=self._starttls, **options)

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == self._login, handled=False)

    def __enter__(self) -> Self:
        self._thread.start()
        start = self._loop.create_server(self._make, "127.0.0.1", 0, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class _Trickle(asyncio.Protocol):
    """Sends a greeting that never ends, one byte at a time."""

    def connection_made(self, transport: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(self._send(transport))

    async def _send(self, transport: Any) -> None:
        while not transport.is_closing():
            transport.write(b"2")
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Certificates:
    """A certificate for 127.0.0.1 that signed itself."""

    file: Path
    context: ssl.SSLContext


def made_certificates(folder: Path) -> Certificates:
    """Skips the test where openssl is not installed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return Certificates(certificate, context)


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    import time

    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, f"{what} did not come within 30 s"
        time.sleep(0.01)
