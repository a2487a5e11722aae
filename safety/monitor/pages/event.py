"""*Event*: one entry of the record with all that is known about it, and what proves it."""

from __future__ import annotations

from typing import Any

from safety.events.entry import Entry, Event
from safety.monitor import shown
from safety.monitor.desk import Desk, Look, NotThere, Page, editor_only


def page(desk: Desk, look: Look) -> Page:
    """The entry, its words masked."""
    n, entry = found(desk, look)
    return _page(desk, n, entry, raw=False)


def unmasked(desk: Desk, look: Look) -> Page:
    """The entry with its words as they were written. Says so in the record first."""
    editor_only(look)
    n, entry = found(desk, look)
    desk.notes.write("looked", by=look.visitor.name, about=entry.id, detail="unmasked excerpts")
    return _page(desk, n, entry, raw=True)


def found(desk: Desk, look: Look) -> tuple[int, Entry]:
    """The entry that the address names. ``NotThere`` where there is none."""
    row = desk.records.one(look.path["id"])
    if row is None:
        raise NotThere(
            f"No entry {look.path['id']!r} in this record. It may have been removed by retention, or stand in"
            " the record of another machine."
        )
    return row


def _page(desk: Desk, n: int, entry: Entry, *, raw: bool) -> Page:
    values: dict[str, Any] = {"entry": entry, "n": n, "receipt": desk.records.receipt(n), "raw": raw}
    if not isinstance(entry, Event):
        values |= {"line": shown.line(entry)}
        return Page("entry.html", entry.kind.capitalize(), "events", values)
    has_raw = shown.has_raw(entry)
    values |= {
        "event": entry if raw else shown.without_raw(entry),
        "line": shown.line(entry),
        "hits": [(hit, shown.excerpt(hit, raw=raw)) for hit in entry.hits],
        "decided": list(dict.fromkeys(hit.rule for hit in shown.decided(entry))),
        "has_raw": has_raw,
        "slowest": max((run.ms for run in entry.ran), default=0.0) or 1.0,
        "others": [one for one in desk.records.exchange(entry) if one.id != entry.id],
    }
    return Page("event.html", "Event", "events", values)
