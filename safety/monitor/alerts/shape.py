"""What a file of alerts may hold, key by key: the pydantic models behind reading it.

Private to this room: ``file`` turns them into the frozen values of ``rules``, and checks what hangs together
(which keys a measure or a type of destination takes). Secrets never stand here, only the names of environment
variables.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from safety.monitor.alerts.rules import Severity
from safety.monitor.alerts.words import span

ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
MAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$"  # what needs no SMTPUTF8
HOST = r"^([A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})$"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MeasureName = Literal[
    "count",
    "rate",
    "share",
    "latency",
    "not_run",
    "first_hit",
    "user_score",
    "lost",
    "absence",
    "behind",
]

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_URL = re.compile(r"https?://[^\s/?#@<>|]+(?:[/?][^\s#<>|]*)?")


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is no duration: write '30s', '10m', '2h' or '7d', or seconds")
        return float(match[1]) * _SECONDS[match[2]]
    return value


def _between(least: float, most: float) -> AfterValidator:
    def checked(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"{span(value)} is not allowed: write {span(least)} to {span(most)}")
        return value

    return AfterValidator(checked)


def usable_url(value: str) -> bool:
    """Whether ``value`` is an http or https URL without a user, a password or a fragment."""
    try:
        return _URL.fullmatch(value) is not None and urlsplit(value).port != 0 and value.isascii()
    except ValueError:  # a port that is no number or too large, an IPv6 address that is none
        return False


def _url(value: str) -> str:
    if not usable_url(value):
        raise ValueError(
            "no URL that can be used: write one such as https://ops.example.org/alerts, without a user or a"
            " password (token_env and url_env name environment variables)"
        )
    return value


def _whole_minutes(value: float) -> float:
    if value % MINUTE:
        raise ValueError(f"{value:g} seconds: write whole minutes, such as 1m or 90m: counts are per minute")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
Url = Annotated[str, AfterValidator(_url)]
Variable = Annotated[str, Field(pattern=VARIABLE)]
Ids = Annotated[
    list[Annotated[str, Field(pattern=ID)]], Field(min_length=1, max_length=50), BeforeValidator(_listed)
]
Mails = Annotated[
    list[Annotated[str, Field(pattern=MAIL)]], Field(min_length=1, max_length=50), BeforeValidator(_listed)
]
Line = Annotated[str, Field(max_length=500)]


class Shape(BaseModel):
    """Unknown keys are refused and nothing is converted: a number is not a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WhenShape(Shape):
    """What must be so. Which keys go with which measure is said by ``file.KEYS_OF_MEASURE``."""

    measure: MeasureName
    of: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    each: bool = False
    over: Annotated[Seconds, _between(MINUTE, 30 * DAY), AfterValidator(_whole_minutes)] | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    least: Annotated[int, Field(ge=0)] | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None


class AlertShape(Shape):
    """An alert: when, for how long, how often, to whom."""

    id: Annotated[str, Field(pattern=ID)]
    when: WhenShape
    hold: Annotated[Seconds, _between(0, 7 * DAY)] = Field(default=0.0, alias="for")
    cooldown: Annotated[Seconds, _between(0, 30 * DAY)] = 30 * MINUTE
    severity: Severity = "warning"
    note: Line = ""
    to: Ids | None = None


class DestinationShape(Shape):
    """Where alerts go. Which keys go with which type is said by ``file.KEYS_OF_TYPE``."""

    id: Annotated[str, Field(pattern=ID)]
    type: Literal["webhook", "slack", "email", "log"]
    url: Url | None = None
    url_env: Variable | None = None
    secret_env: Variable | None = None
    token_env: Variable | None = None
    proxy: Url | None = None
    ca_file: str | None = None
    timeout: Annotated[Seconds, _between(0.1, 60)] = 10.0
    host: Annotated[str, Field(pattern=HOST)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[str, Field(pattern=MAIL)] | None = Field(default=None, alias="from")
    to: Mails | None = None
    user: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    password_env: Variable | None = None


class FileShape(Shape):
    """A whole file."""

    version: Literal[1]
    every: Annotated[Seconds, _between(1, HOUR)] = 15.0
    state: Annotated[str, Field(min_length=1)] | None = None
    link: Url | None = None
    destinations: Annotated[list[DestinationShape], Field(min_length=1, max_length=50)]
    alerts: Annotated[list[AlertShape], Field(min_length=1, max_length=200)]
