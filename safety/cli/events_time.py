"""Times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from safety.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,9})([smhdw])")


def parse_ago(flag: str, text: str, now: datetime) -> datetime:
    """``10m``, ``2h``, a date or an ISO 8601 time (UTC unless it says otherwise) as a time."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{flag}: {text!r} is no time: for instance 10m, 2h, 3d, 2026-11-23 or 2026-11-23T10:00:00Z"
        ) from None
