"""Sending one alert to one destination, once: what was answered, and whether trying again makes sense.

Whatever happens is an ``Answer`` within the destination's time limit; nothing is raised. Redirects are not
followed, so that an alert goes where the operator's file says and nowhere else; that may be a private
address, because only the operator writes the file. Certificates are checked. Secrets come from the
environment and never stand in an answer. When to try again is ``outbox``'s work, and keeping count ``run``'s.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx

from safety.errors import ConfigError
from safety.monitor.alerts.file import variables
from safety.monitor.alerts.messages import SIGNATURE, log_line, mail, signature, slack, webhook
from safety.monitor.alerts.rules import Alert, Destination, Email, Slack, Webhook
from safety.monitor.alerts.shape import usable_url
from safety.monitor.alerts.words import clean

SHORTEST_SECRET = 16  # characters to sign with
MOST_READ = 1000  # bytes of an answer
SHOWN = 120  # code points of it
_LATER = frozenset({408, 425, 429})  # and 5xx: RFC 9110, section 15; RFC 8470; RFC 6585
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """``ok``: it was taken. ``said``: in one line, what came back. ``again``: later it may work. ``after``:
    seconds that the destination asked to wait."""

    ok: bool
    said: str
    again: bool = False
    after: float = 0.0


class Courier:
    """Sends to ``destinations``. ``environ`` holds their secrets: ``ConfigError`` with a line per variable
    that is missing or cannot be used. ``link`` is put into every message."""

    def __init__(
        self, destinations: Sequence[Destination], environ: Mapping[str, str], link: str | None = None
    ) -> None:
        self._destinations = {one.id: one for one in destinations}
        self._secrets = _secrets(destinations, environ)
        self._link = link

    def knows(self, destination: str) -> bool:
        """Whether there is such a destination."""
        return destination in self._destinations

    async def send(self, alert: Alert, destination: str) -> Answer:
        """Send ``alert`` once. Never raises for what the other side does."""
        to = self._destinations[destination]
        if isinstance(to, Email):
            return await self._mail(to, alert)
        if isinstance(to, Webhook | Slack):
            return await self._post(to, alert)
        log.log(_LEVELS[alert.severity], "%s", log_line(alert, self._link))
        return Answer(True, "written")

    def _secret(self, name: str | None) -> str | None:
        return None if name is None else self._secrets[name]

    # --- HTTP ---

    async def _post(self, to: Webhook | Slack, alert: Alert) -> Answer:
        url = self._secret(to.address.url_env) or to.address.url or ""
        body = webhook(alert, self._link) if isinstance(to, Webhook) else slack(alert, self._link)
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if isinstance(to, Webhook):
            headers |= self._proofs(to, alert, body)
        try:
            async with (
                asyncio.timeout(to.timeout),
                _client(to) as client,
                client.stream("POST", url, content=body, headers=headers) as reply,
            ):
                return _answer(reply, await _beginning(reply))
        except TimeoutError:
            return Answer(False, f"no answer in {to.timeout:g} s", again=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(False, _told(error).replace(url, "…"), again=True)

    def _proofs(self, to: Webhook, alert: Alert, body: bytes) -> dict[str, str]:
        headers = {"idempotency-key": f"{alert.id}.{alert.status}"}
        secret, token = self._secret(to.secret_env), self._secret(to.token_env)
        if secret is not None:
            headers[SIGNATURE] = signature(secret, body, int(time.time()))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return headers

    # --- mail ---

    async def _mail(self, to: Email, alert: Alert) -> Answer:
        message = mail(alert, to, self._link, datetime.now(UTC))
        password = self._secret(to.password_env)
        kept: list[smtplib.SMTP] = []
        future: Future[Answer] = Future()

        def work() -> None:
            future.set_result(_submit(to, password, message, kept))

        # A thread of its own: smtplib's time limit is for one read, and a server may send byte by byte.
        threading.Thread(target=work, name="alert-mail", daemon=True).start()
        try:
            return await asyncio.to_thread(future.result, to.timeout)
        except TimeoutError:
            for smtp in kept:
                _cut_off(smtp)
            return Answer(False, f"no answer in {to.timeout:g} s", again=True)


def _secrets(destinations: Sequence[Destination], environ: Mapping[str, str]) -> dict[str, str]:
    secrets, problems = {}, []
    for id, name in variables(tuple(destinations)):
        value = secrets[name] = environ.get(name, "").strip()
        if not value:
            problems.append(f"destination {id}: the environment variable {name} is not set: put it there")
        elif not (value.isascii() and value.isprintable()):
            problems.append(
                f"destination {id}: {name} holds what cannot be sent: printable ASCII characters can"
            )
    for one in destinations:
        problems += _unusable(one, secrets)
    if problems:
        raise ConfigError("\n".join(problems))
    return secrets


def _unusable(one: Destination, secrets: Mapping[str, str]) -> list[str]:
    problems = []
    ca_file = _ca_file(one)
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.strerror or "no certificates"
        problems.append(
            f"destination {one.id}: ca_file: {ca_file}: {why}: name a file of certificates in PEM"
        )
    if isinstance(one, Webhook | Slack):
        name = one.address.url_env
        if name is not None and secrets[name] and not usable_url(secrets[name]):
            problems.append(
                f"destination {one.id}: {name} holds no URL: http:// and https:// URLs are allowed"
            )
    if isinstance(one, Webhook) and one.secret_env is not None:
        length = len(secrets[one.secret_env])
        if 0 < length < SHORTEST_SECRET:
            problems.append(
                f"destination {one.id}: {one.secret_env}: {length} characters can be guessed: use"
                f" {SHORTEST_SECRET} or more, for instance from 'openssl rand -hex 32'"
            )
    return problems


def _ca_file(one: Destination) -> str | None:
    if isinstance(one, Webhook | Slack):
        return one.address.ca_file
    return one.ca_file if isinstance(one, Email) else None


def _client(to: Webhook | Slack) -> httpx.AsyncClient:
    context: Any = (
        True if to.address.ca_file is None else ssl.create_default_context(cafile=to.address.ca_file)
    )
    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=None,  # noqa: S113 - every attempt has a limit for all of it
        trust_env=False,  # where alerts go is said in the file alone
        proxy=to.address.proxy,
        verify=context,
    )


async def _beginning(reply: httpx.Response) -> str:
    data = b""
    async for piece in reply.aiter_raw():
        data += piece
        if len(data) >= MOST_READ:
            break
    return clean(data[:MOST_READ].decode("utf-8", "replace").strip(), SHOWN)


def _answer(reply: httpx.Response, text: str) -> Answer:
    status = reply.status_code
    said = f"{status} {clean(reply.reason_phrase, SHOWN)}".strip()
    if reply.is_success:
        return Answer(True, f"{said}: {text}" if text else said)
    if 300 <= status < 400:
        return Answer(False, f"{said}: redirects are not followed: write the address it leads to")
    again = status >= 500 or status in _LATER
    after = reply.headers.get("retry-after", "").strip()
    wait = float(after) if after.isascii() and after.isdigit() and len(after) < 7 else 0.0
    return Answer(False, f"{said}: {text}" if text else said, again, wait if again else 0.0)


def _told(error: BaseException) -> str:
    what = clean(" ".join(str(error).split()), SHOWN)
    return f"{type(error).__name__}: {what}" if what else type(error).__name__


# --- SMTP ---------------------------------------------------------------------------------------------------


class _Smtp(smtplib.SMTP):
    """Known to the one who waits from before it connects."""

    def __init__(self, kept: list[smtplib.SMTP], *args: Any, **options: Any) -> None:
        kept.append(self)
        super().__init__(*args, **options)


class _SmtpTls(smtplib.SMTP_SSL):
    def __init__(self, kept: list[smtplib.SMTP], *args: Any, **options: Any) -> None:
        kept.append(self)
        super().__init__(*args, **options)


def _submit(to: Email, password: str | None, message: EmailMessage, kept: list[smtplib.SMTP]) -> Answer:
    try:
        with _connected(to, kept) as smtp:
            if to.user is not None and password is not None:
                smtp.login(to.user, password)
            refused = smtp.send_message(message, to.sender, to.to)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Answer(False, f"every recipient was refused ({codes[0]})", again=all(map(_for_now, codes)))
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
        return Answer(
            False, f"{error.smtp_code} {clean(text, SHOWN)}".strip(), again=_for_now(error.smtp_code)
        )
    except smtplib.SMTPNotSupportedError as error:
        return Answer(False, f"{_told(error)}: see 'tls' and 'user' of the destination")
    except (smtplib.SMTPException, OSError) as error:
        return Answer(False, _told(error), again=True)
    except Exception as error:  # the thread's end: whatever it was is an answer, so that nobody waits for it
        return Answer(False, _told(error))
    taken = len(to.to) - len(refused)
    return Answer(True, f"taken for {taken} of {len(to.to)} recipients" if refused else "taken")


def _connected(to: Email, kept: list[smtplib.SMTP]) -> smtplib.SMTP:
    own = socket.gethostname()  # else smtplib asks the name server for it
    if to.tls == "none":
        return _Smtp(kept, to.host, to.port, local_hostname=own, timeout=to.timeout)
    context = ssl.create_default_context(cafile=to.ca_file)
    if to.tls == "tls":
        return _SmtpTls(kept, to.host, to.port, local_hostname=own, timeout=to.timeout, context=context)
    smtp = _Smtp(kept, to.host, to.port, local_hostname=own, timeout=to.timeout)
    try:
        smtp.starttls(context=context)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _for_now(code: int) -> bool:
    """RFC 5321, section 4.2.1: 4yz is a transient refusal."""
    return 400 <= code < 500


def _cut_off(smtp: smtplib.SMTP) -> None:
    """Wakes whoever reads from the server."""
    sock = getattr(smtp, "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
