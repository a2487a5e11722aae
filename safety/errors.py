"""Errors a caller may catch. Each message is one line: place, what was wrong, what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safety.types import Verdict


class SafetyError(Exception):
    """The base of everything this package raises on purpose."""


class PolicyError(SafetyError):
    """A policy that cannot be used. ``problems`` holds one line per mistake."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ConfigError(SafetyError):
    """A setting outside the policy that cannot be used."""


class MissingExtra(SafetyError):
    """An optional package is needed and absent; the message names the extra to install."""


class WireError(SafetyError):
    """A body that the codec cannot read. ``code`` is stable; ``path`` is a JSON pointer or empty."""

    def __init__(self, code: str, message: str, path: str = "", status: int = 400) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code = code
        self.path = path
        self.status = status


class StoreError(SafetyError):
    """The event store cannot be opened, read or written."""


class Blocked(SafetyError):
    """A guarded call whose prompt or answer was blocked; carries the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        rules = ", ".join(dict.fromkeys(hit.rule for hit in verdict.deciding)) or "on_error"
        super().__init__(verdict.message or f"blocked at {verdict.exchange.stage} by {rules} ({verdict.id})")
        self.verdict = verdict
