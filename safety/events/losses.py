"""Counting events that could not be recorded, until a gap can be written that says so.

Pure values and one small counter; its owner guards it with a lock.
"""

from __future__ import annotations

from dataclasses import dataclass

from safety.events.entry import Event, Gap, Notice

SAMPLED = "sampled: events came faster than they could be written; clean ones were left out"


@dataclass(frozen=True, slots=True)
class Loss:
    """``count`` events from between ``since`` and ``until`` were not recorded. ``why``: the first reason."""

    count: int
    since: str
    until: str
    why: str

    @staticmethod
    def of(event: Event | Notice, why: str) -> Loss:
        """The loss of one event or notice."""
        return Loss(1, event.at, event.at, why)

    def __add__(self, other: Loss) -> Loss:
        return Loss(
            self.count + other.count,
            min(self.since, other.since),
            max(self.until, other.until),
            self.why,
        )

    def gap(self, *, id: str, at: str, after: str) -> Gap:
        """The gap that stands for this loss in the record."""
        return Gap(id, at, self.count, self.since, self.until, self.why, after)


def added(loss: Loss | None, more: Loss | None) -> Loss | None:
    """Both losses as one."""
    if loss is None or more is None:
        return loss or more
    return loss + more
