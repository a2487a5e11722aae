"""Alerts as each destination has them: JSON, a chat message, a mail, a line of a log. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from safety.monitor.alerts.rules import Alert, Email
from safety.monitor.alerts.words import chat, clean, title

SIGNATURE = "Safety-Layer-Signature"
_SIGNS = {"firing": ":rotating_light:", "resolved": ":white_check_mark:"}


def webhook(alert: Alert, link: str | None) -> bytes:
    """A JSON object. ``id`` is the same for the firing and its end, and for every attempt: what has come with
    the same ``id`` and ``status`` before can be dropped. Names are as they came: escape them where they are
    shown."""
    data: dict[str, Any] = {
        "version": 1,
        "id": alert.id,
        "status": alert.status,
        "test": alert.test,
        "alert": alert.rule,
        "severity": alert.severity,
        "subject": alert.subject,
        "value": alert.value,
        "said": alert.said,
        "note": alert.note,
        "since": moment(alert.since),
        "at": moment(alert.at),
        "link": link,
    }
    return json.dumps(data, sort_keys=True).encode("ascii")  # half a surrogate pair has no UTF-8


def slack(alert: Alert, link: str | None) -> bytes:
    """A message of Slack's incoming webhooks: one text, so that what imitates Slack reads it too. What may
    come from strangers stands in code."""
    test = "*TEST* " if alert.test else ""
    lines = [f"{_SIGNS[alert.status]} {test}*{alert.status.upper()}* {alert.severity} {chat(alert.rule)}"]
    if alert.subject:
        lines.append(f"about {chat(alert.subject)}")
    lines.append(chat(alert.said))
    if alert.note:
        lines.append(f"note {chat(alert.note)}")
    lines.append(f"since {moment(alert.since)}, alert {alert.id}")
    if link is not None:
        lines.append(f"<{link}>")  # the operator's own; it is checked to be a URL and holds no sign of ours
    data = {
        "text": "\n".join(lines),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return json.dumps(data).encode("ascii")


def mail(alert: Alert, to: Email, link: str | None, now: datetime) -> EmailMessage:
    """A mail. A firing and its end are one thread, and every attempt has the same ``Message-ID``."""
    message = EmailMessage()
    domain = to.sender.rpartition("@")[2]
    message["From"] = to.sender
    message["To"] = ", ".join(to.to)
    message["Subject"] = clean(title(alert), 200)
    message["Date"] = now
    message["Message-ID"] = f"<{alert.id}.{alert.status}@{domain}>"
    if alert.status == "resolved":
        message["In-Reply-To"] = message["References"] = f"<{alert.id}.firing@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["X-Safety-Layer-Alert"] = alert.id
    message.set_content("\n".join(_lines(alert, link)) + "\n")
    return message


def log_line(alert: Alert, link: str | None) -> str:
    """One line."""
    return "; ".join(_lines(alert, link))


def _lines(alert: Alert, link: str | None) -> list[str]:
    lines = [title(alert), clean(alert.said)]
    if alert.note:
        lines.append(f"note: {clean(alert.note, 500)}")
    lines.append(f"since {moment(alert.since)}, alert {alert.id}")
    return lines if link is None else [*lines, link]


def signature(secret: str, body: bytes, at: int) -> str:
    """``t=SECONDS,v1=HEX``: HMAC-SHA256 with the secret over ``SECONDS.BODY``. A receiver makes the same of
    what it got, compares in constant time, and drops what is older than some minutes."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def moment(at: float) -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
