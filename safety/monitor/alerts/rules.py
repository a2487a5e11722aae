"""The nouns of alerts: what is watched, what is sent, and where to. Frozen; nothing is decided here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

Severity = Literal["info", "warning", "critical"]
Status = Literal["firing", "resolved"]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
BOUNDS = tuple(_COMPARE)


class Measure(StrEnum):
    """What a condition looks at."""

    COUNT = "count"
    RATE = "rate"
    SHARE = "share"
    LATENCY = "latency"
    NOT_RUN = "not_run"
    FIRST_HIT = "first_hit"
    USER_SCORE = "user_score"
    LOST = "lost"
    ABSENCE = "absence"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison: ``how`` is one of ``BOUNDS``."""

    how: str
    value: float

    def holds(self, value: float) -> bool:
        """Whether ``value`` is on the side that alerts."""
        return _COMPARE[self.how](value, self.value)


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so. ``of`` is a dimension of the counts and ``name`` one of its names (``None``: all of
    them together, or with ``each`` every one by itself). ``over``: seconds looked back. ``least``: events
    below which a share or a latency says nothing. ``quantile``: 0 to 1."""

    measure: Measure
    bound: Bound
    over: float
    of: str = "events"
    name: str | None = None
    each: bool = False
    least: int = 0
    quantile: float = 0.0


@dataclass(frozen=True, slots=True)
class AlertRule:
    """``when`` must hold ``hold`` seconds without a break before it fires; it does not fire again within
    ``cooldown`` seconds. ``to`` names destinations."""

    id: str
    when: Condition
    to: tuple[str, ...]
    hold: float = 0.0
    cooldown: float = 1800.0
    severity: Severity = "warning"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an HTTP destination is: a URL, or the environment variable that holds it. ``proxy``: the HTTP
    proxy to go through, if any."""

    url: str | None = None
    url_env: str | None = None
    proxy: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Alerts as JSON. ``secret_env`` and ``token_env`` name environment variables: a secret to sign with, and
    a token to send as ``Authorization: Bearer``."""

    type: ClassVar[str] = "webhook"

    id: str
    address: Address
    secret_env: str | None = None
    token_env: str | None = None
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Slack:
    """Alerts as messages of Slack's incoming webhooks. Mattermost, Rocket.Chat and Discord read them too."""

    type: ClassVar[str] = "slack"

    id: str
    address: Address
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Email:
    """Alerts as mail. ``tls``: ``starttls``, ``tls`` from the first byte, or ``none``."""

    type: ClassVar[str] = "email"

    id: str
    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    tls: str = "starttls"
    user: str | None = None
    password_env: str | None = None
    ca_file: str | None = None
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """Alerts as lines of this process's log."""

    type: ClassVar[str] = "log"

    id: str


Destination = Webhook | Slack | Email | LogLine


@dataclass(frozen=True, slots=True)
class AlertFile:
    """A whole file. ``every``: seconds between two looks. ``state``: where it is kept what has been sent, if
    the file says so (absolute, or relative to the working directory). ``link``: put into every message."""

    rules: tuple[AlertRule, ...]
    destinations: tuple[Destination, ...]
    every: float = 15.0
    state: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One message: ``rule`` began to hold (``firing``) or ceased to (``resolved``; same ``id``). ``subject``
    is whom or what it is about, where that is not everything. ``said`` tells the reading in words. ``since``
    and ``at``: seconds since 1970."""

    id: str
    rule: str
    status: Status
    subject: str
    value: float | None
    said: str
    severity: Severity
    since: float
    at: float
    note: str = ""
    to: tuple[str, ...] = ()
    test: bool = False
