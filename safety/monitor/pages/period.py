"""The periods that pages can show, and how they stand in addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from safety.errors import ConfigError
from safety.monitor.desk import Look

RANGES = {  # key in the address: minutes, words
    "15m": (15, "15 minutes"),
    "1h": (60, "hour"),
    "6h": (360, "6 hours"),
    "24h": (1440, "24 hours"),
    "7d": (7 * 1440, "7 days"),
    "30d": (30 * 1440, "30 days"),
}


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` up to ``until``; ``key`` is its name in addresses, ``words`` end "the last …"."""

    key: str
    since: datetime
    until: datetime
    words: str


def period(look: Look, default: str) -> Period:
    """What the address asks for. ``ConfigError`` for a period there is not."""
    key = look.asked("range", default)
    if key not in RANGES:
        raise ConfigError(f"range={key!r}: one of {', '.join(RANGES)}")
    minutes, words = RANGES[key]
    return Period(key, look.now - timedelta(minutes=minutes), look.now, words)


def time_asked(look: Look, name: str) -> datetime | None:
    """A time in the address, UTC unless it says otherwise; nothing where there is none. ``ConfigError`` for
    what is no time."""
    text = look.asked(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}={text!r}: no time: write 2026-11-23 or 2026-11-23T10:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
