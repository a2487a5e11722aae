"""*Now*: what passes through at this moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from safety.errors import SafetyError
from safety.monitor.desk import Desk, Look, Page
from safety.monitor.feed import Item, written
from safety.monitor.guarded import ROOT
from safety.monitor.render import address
from safety.monitor.stream import ACTIONS, PULSE, figures, wanted

LINES = 60  # of the newest entries, before the browser hears of more
CHOICES = 30  # categories and tenants offered
REFRESH = 5  # seconds, where there is no JavaScript


def page(desk: Desk, look: Look) -> Page:
    """The newest entries that match the filters, and figures; the browser goes on from there by itself."""
    filters = {name: look.all(name) for name in ("category", "tenant", "action")}
    kept = desk.feed.recent
    asked = wanted(look.query)
    shown = [item for item in kept if asked.matches(item.entry)][-LINES:][::-1]
    values: dict[str, Any] = {
        "lines": [item.line for item in shown],
        "filters": filters,
        "filtered": any(filters.values()),
        "stream": address(f"{ROOT}/stream", **filters, after=_mark(kept)),
        "state": figures(desk),
        "paused": look.asked("paused") == "1",
        "pulse": PULSE,
        "most": LINES,
        "refresh": REFRESH,
        "begun": desk.feed.problem != "not started",
        **_choices(desk, look, filters),
    }
    return Page("now.html", "Now", "now", values)


def _mark(kept: Any) -> str:
    items: tuple[Item, ...] = tuple(kept)
    return written(items[-1].mark) if items else "0"


def _choices(desk: Desk, look: Look, filters: dict[str, list[str]]) -> dict[str, list[str]]:
    """What can be filtered by: what was seen on the last day, and what is filtered by now."""

    def seen(of: str, chosen: list[str]) -> list[str]:
        try:
            top = desk.figures.top(of, look.now - timedelta(days=1), look.now, CHOICES)
        except SafetyError:
            top = []
        return sorted({name for name, _ in top if name} | set(chosen))

    return {
        "categories": seen("category", filters["category"]),
        "tenants": seen("tenant", filters["tenant"]),
        "actions": list(ACTIONS),
    }
