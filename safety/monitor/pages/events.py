"""*Events*: the record searched, newest first."""

from __future__ import annotations

from typing import Any

from safety.errors import ConfigError
from safety.events.query import KEYS
from safety.monitor import shown
from safety.monitor.desk import Desk, Look, Page
from safety.monitor.guarded import ROOT
from safety.monitor.pages.period import time_asked
from safety.monitor.render import address

LINES = 50
FIELDS = ("category", "action", "tenant", "rule")  # keys with a field of their own
PAGING = ("since", "until", "before", "where")


def page(desk: Desk, look: Look) -> Page:
    """What matches. What cannot be asked is said beside the form, not in its place."""
    values: dict[str, Any] = {"keys": KEYS, "fields": FIELDS, "lines": [], "older": "", "problem": ""}
    values |= {name: look.asked(name) for name in ("since", "until")} | {"before": look.asked("before")}
    values |= {"where": _where(look), "actions": ("allow", "annotate", "redact", "block")}
    values["others"] = [
        f"{key}={value}" for key, given in values["where"].items() if key not in FIELDS for value in given
    ]
    try:
        values |= _found(desk, look, values["where"])
    except ConfigError as error:
        values["problem"] = str(error)
    return Page("events.html", "Events", "events", values, 400 if values["problem"] else 200)


def _found(desk: Desk, look: Look, where: dict[str, list[str]]) -> dict[str, Any]:
    since, until = time_asked(look, "since"), time_asked(look, "until")
    before = look.asked("before")
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise ConfigError(f"before={before!r}: a row's number")
    rows = desk.records.search(where, since, until, int(before) if before else None, LINES + 1)
    older = ""
    if len(rows) > LINES:
        asked = {"since": look.asked("since"), "until": look.asked("until"), **where}
        older = address(f"{ROOT}/events", **asked, before=rows[LINES - 1][0])
    return {"lines": [shown.line(entry) for _, entry in rows[:LINES]], "older": older}


def _where(look: Look) -> dict[str, list[str]]:
    """Every key with its values: each key by itself, or ``where=key=value`` as on the command line."""
    where: dict[str, list[str]] = {}
    for key in look.query:
        if key not in PAGING:
            values = [value.strip() for value in look.query.getlist(key) if value.strip()]
            if values:
                where.setdefault(key, []).extend(values)
    for pair in (part for text in look.query.getlist("where") for part in text.split()):
        key, _, value = pair.partition("=")
        where.setdefault(key, []).append(value)
    return {key: list(dict.fromkeys(values)) for key, values in where.items()}
