"""How much of what a user sent lately was against the policy, as one number from 0 to 1. Pure.

``score`` is the share of a user's events that some rule acted on, or would have if nothing were in monitor
mode: each such event counts by how severe the rule's action is, recent events count more than old ones, and
five clean events are taken to have gone before, so that one bad event of one is no 1. It orders people to
look at; it proves nothing about them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SEVERITY = {"annotate": 0.25, "redact": 0.5, "block": 1.0}
PRIOR = 5.0  # clean events that every user is taken to have sent before
SLICES = 8  # parts of the period, oldest first
HALF = 2  # slices after which an event counts half


@dataclass(slots=True)
class Conduct:
    """One user's events, and those acted on by action, per slice of the period (oldest first)."""

    events: list[int] = field(default_factory=lambda: [0] * SLICES)
    acted: dict[str, list[int]] = field(default_factory=dict)

    def violations(self) -> int:
        """How many events were acted on."""
        return sum(map(sum, self.acted.values()))


@dataclass(frozen=True, slots=True)
class UserRow:
    """``violations`` of ``events`` were acted on, or would have been. ``score`` is 0 to 1 (see the module);
    ``trend`` is the score of the newer half of the period less that of the older: -1 to 1, above 0 when it
    gets worse."""

    key: str
    events: int
    violations: int
    score: float
    trend: float


def row(key: str, conduct: Conduct) -> UserRow:
    """The user ``key`` as the users' page shows it."""
    middle = SLICES // 2
    aged = [0.5 ** ((SLICES - 1 - at) / HALF) for at in range(SLICES)]
    older, newer = (
        [float(at < middle) for at in range(SLICES)],
        [float(at >= middle) for at in range(SLICES)],
    )
    return UserRow(
        key,
        sum(conduct.events),
        conduct.violations(),
        score(conduct, aged),
        score(conduct, newer) - score(conduct, older),
    )


def score(conduct: Conduct, weights: Sequence[float]) -> float:
    """The weighted share of ``conduct`` that was acted on: 0 to below 1. ``weights``: one per slice."""
    bad = sum(SEVERITY[action] * _weighed(counts, weights) for action, counts in conduct.acted.items())
    return bad / (max(_weighed(conduct.events, weights), bad) + PRIOR)


def _weighed(counts: Sequence[int], weights: Sequence[float]) -> float:
    return sum(count * weight for count, weight in zip(counts, weights, strict=True))


def ranked(users: Mapping[str, Conduct], limit: int) -> list[UserRow]:
    """The ``limit`` users to look at first: by score, then by how much they sent."""
    rows = [row(key, conduct) for key, conduct in users.items()]
    return sorted(rows, key=lambda one: (-one.score, -one.events, one.key))[:limit]
