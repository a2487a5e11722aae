"""The policies that the dashboard shows, and a guard for each to try texts on.

Guards are made when first needed, made anew when their files have changed, and record nothing: what is tried
is no event. One text at a time: trying must not take the machine from the proxies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from safety.detectors.registry import Registry, load_registry
from safety.errors import SafetyError
from safety.guard import Guard
from safety.policy.cases import Case, CaseResult, run_cases
from safety.policy.detectors import build
from safety.policy.explain import Explanation, explain
from safety.policy.file import LoadedPolicy, load_policy
from safety.policy.layers import SHIPPED, locate
from safety.types import DocumentMarks, Exchange

PATIENCE = 5.0  # seconds to wait for somebody else's text
BUSY = "another text is being tried: try again in a moment"


@dataclass(frozen=True, slots=True)
class Shown:
    """A policy's file as it is now. ``loaded`` is missing where it cannot be used; ``problem`` says why."""

    name: str
    path: Path
    text: str
    loaded: LoadedPolicy | None = None
    problem: str = ""

    @property
    def shipped(self) -> bool:
        """Whether it belongs to the package and is not to be changed."""
        return self.name in SHIPPED

    @property
    def id(self) -> str:
        """``name@digest``, or nothing."""
        return "" if self.loaded is None else self.loaded.policy.id


@dataclass(slots=True)
class _Place:
    """A guard and what it was made from."""

    guard: Guard
    id: str


@dataclass(slots=True)
class Bench:
    """The policies ``names`` (files, or names of shipped ones). Any thread."""

    names: Sequence[str]
    _places: dict[str, _Place] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _registry: Registry | None = None

    def shown(self) -> list[Shown]:
        """All of them, read now."""
        return [self.read(name) for name in self.names]

    def read(self, name: str) -> Shown:
        """One of them, read now."""
        path = locate(name)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            return Shown(name, path, "", None, f"{name}: cannot be read: {error}")
        try:
            return Shown(name, path, text, load_policy(name, self.registry))
        except SafetyError as error:
            return Shown(name, path, text, None, str(error))

    @property
    def registry(self) -> Registry:
        """The detectors there are."""
        if self._registry is None:
            self._registry = load_registry()
        return self._registry

    def try_text(self, shown: Shown, exchange: Callable[[DocumentMarks], Exchange]) -> Explanation:
        """What the policy makes of an exchange, given how its documents are told apart. ``SafetyError`` when
        it cannot."""
        with self._guard(shown) as (guard, loaded):
            asked = exchange(loaded.policy.documents)
            whys = {detector.name: detector.why for detector in guard.detectors}
            return explain(loaded.policy, asked, guard.check(asked), whys)

    def test(self, changed: LoadedPolicy, cases: Sequence[Case]) -> list[CaseResult]:
        """How ``cases`` end under a policy that stands in no file yet."""
        with self._one_at_a_time(), Guard(changed.policy, build(changed.policy, self.registry)) as guard:
            return run_cases(guard.check, cases)

    def close(self) -> None:
        """Let go of the guards."""
        for place in self._places.values():
            place.guard.close()
        self._places.clear()

    @contextmanager
    def _guard(self, shown: Shown) -> Iterator[tuple[Guard, LoadedPolicy]]:
        if shown.loaded is None:
            raise SafetyError(shown.problem)
        with self._one_at_a_time():
            place = self._places.get(shown.name)
            if place is None or place.id != shown.id:
                if place is not None:
                    place.guard.close()
                policy = shown.loaded.policy
                place = _Place(Guard(policy, build(policy, self.registry)), shown.id)
                self._places[shown.name] = place
            yield place.guard, shown.loaded

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=PATIENCE):
            raise SafetyError(BUSY)
        try:
            yield
        finally:
            self._lock.release()
