"""What is still to be delivered: one item per alert, status and destination, until it is taken or given up.

Pure: items, an answer and the time, in; the items that are left, out. Pauses between attempts grow, and both
their number and the time they may take are bounded, so that a destination that is gone costs little. An alert
is queued once per destination, and the end of an alert waits until its beginning has been dealt with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from safety.monitor.alerts.deliver import Answer
from safety.monitor.alerts.rules import Alert

FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 10.0, 3.0, 900.0  # seconds
MOST_TRIES = 8
MOST_AGE = 3600.0  # seconds from the first moment an item could be sent
MOST_ITEMS = 2000

Ended = Literal["delivered", "again", "given up"]


@dataclass(frozen=True, slots=True)
class Item:
    """``alert`` for the destination ``to``; ``tries`` were made. ``due``: when the next may be; ``first``:
    when it was queued. Seconds since 1970."""

    alert: Alert
    to: str
    first: float
    due: float
    tries: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What is delivered once."""
        return self.alert.id, self.alert.status, self.to


Items = tuple[Item, ...]


def queued(items: Items, alerts: Iterable[Alert], now: float) -> tuple[Items, Items]:
    """The items with those for ``alerts``, and those that found no room."""
    there = {item.key for item in items}
    new: dict[tuple[str, str, str], Item] = {}
    for alert in alerts:
        for to in alert.to:
            item = Item(alert, to, now, now)
            if item.key not in there:
                new.setdefault(item.key, item)
    fresh, room = tuple(new.values()), max(MOST_ITEMS - len(items), 0)
    return items + fresh[:room], fresh[room:]


def due(items: Items, now: float) -> dict[str, list[Item]]:
    """Per destination what may be sent now, oldest first. A clock that was set back makes nothing wait longer
    than the longest pause."""
    found: dict[str, list[Item]] = {}
    begun: set[tuple[str, str]] = set()
    for item in items:
        thread = (item.alert.id, item.to)
        if thread not in begun and not now < item.due <= now + LONGEST_PAUSE:
            found.setdefault(item.to, []).append(item)
        begun.add(thread)
    return found


def settled(items: Items, item: Item, answer: Answer, now: float) -> tuple[Items, Ended, float]:
    """The items after ``item`` was answered, what became of it, and seconds until it is tried again. After
    one that is to be tried again, whatever else is due for that destination waits as long."""
    if answer.ok or not answer.again:
        return without(items, item), "delivered" if answer.ok else "given up", 0.0
    tries = item.tries + 1
    pause = min(max(FIRST_PAUSE * GROWTH ** (tries - 1), answer.after), LONGEST_PAUSE)
    if tries >= MOST_TRIES or now + pause - item.first > MOST_AGE:
        return without(items, item), "given up", 0.0
    left = tuple(
        replace(one, tries=tries, due=now + pause)
        if one.key == item.key
        else replace(one, due=max(one.due, now + pause))
        if one.to == item.to
        else one
        for one in items
    )
    return left, "again", pause


def without(items: Items, item: Item) -> Items:
    """All but ``item``."""
    return tuple(one for one in items if one.key != item.key)


def next_due(items: Sequence[Item]) -> float | None:
    """When something is to be sent next."""
    return min((item.due for item in items), default=None)
