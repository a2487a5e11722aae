"""*Groundedness*: sentences of answers that their sources do not bear out."""

from __future__ import annotations

from typing import Any

from safety.events.entry import Event, RuleHit
from safety.monitor import shown
from safety.monitor.desk import Desk, Look, Page
from safety.monitor.guarded import ROOT
from safety.monitor.render import address
from safety.types import below

ROOT_CATEGORY = "ungrounded"
LINES = 25
REASONS = {
    "contradiction": "a source says otherwise",
    "not_mentioned": "no source says so",
    "citation": "the source it names does not say so",
}


def page(desk: Desk, look: Look) -> Page:
    """The newest events with such findings: what was said, about which words, why, and the nearest source."""
    before = look.asked("before")
    place = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    where = {"category": [ROOT_CATEGORY], "kind": ["event"]}
    rows = desk.records.search(where, before=place, limit=LINES + 1)
    found = [(entry, _told(entry)) for _, entry in rows[:LINES] if isinstance(entry, Event)]
    older = address(f"{ROOT}/groundedness", before=rows[LINES - 1][0]) if len(rows) > LINES else ""
    values = {"found": found, "older": older, "newest": place is None}
    return Page("groundedness.html", "Groundedness", "groundedness", values)


def _told(event: Event) -> list[dict[str, Any]]:
    return [_finding(hit) for hit in event.hits if below(hit.category, ROOT_CATEGORY)]


def _finding(hit: RuleHit) -> dict[str, Any]:
    kind = hit.category.partition(".")[2]
    return {
        "hit": hit,
        "excerpt": shown.excerpt(hit),
        "reason": REASONS.get(kind, kind or "not borne out"),
        "support": hit.support,
        "place": "" if hit.support_start is None else f"characters {hit.support_start}–{hit.support_end}",
    }
