"""Guards for the tests of the Python doors: the shipped blocklist under small policies."""

from __future__ import annotations

from safety.detectors.registry import built_in
from safety.events.memory import MemoryLog
from safety.guard import Guard
from safety.policy.detectors import build
from safety.policy.file import policy_from_text

POLICY = """
version: 1
name: test
stream: {mode: MODE}
detectors:
  blocklist:
    lists:
      stop: {terms: [forbidden, "two words"]}
      hide: {terms: [hidden]}
rules:
  - {id: stop, when: {category: blocklist.stop}, action: block, message: not that}
  - {id: hide, when: {category: blocklist.hide}, action: redact, replacement: "[GONE]"}
"""


def guard_of(log: MemoryLog | None = None, *, mode: str = "windowed", policy: str = POLICY) -> Guard:
    """A guard that blocks ``forbidden`` and ``two words`` and takes out ``hidden``."""
    registry = built_in()
    parsed = policy_from_text(policy.replace("MODE", mode), registry=registry).policy
    return Guard(parsed, build(parsed, registry), recorder=log)


def stages(log: MemoryLog) -> list[tuple[str, str]]:
    """Stage and action of every event."""
    return [(str(event.stage), str(event.action)) for event in log.events]
