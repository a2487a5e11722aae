"""Which detectors a policy needs, on which texts: worked out once per policy.

Pure. A detector runs only where some rule could fire on what it finds, so a policy without rules costs
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from safety.detectors.base import Detector, Scope
from safety.policy.model import Policy, Rule
from safety.types import Exchange, Origin, Segment, Stage

ALL_ORIGINS = frozenset(Origin)


@dataclass(frozen=True, slots=True)
class Task:
    """A detector that runs at a stage, and the origins of the segments it is shown."""

    detector: Detector
    origins: frozenset[Origin]

    def wants(self, segment: Segment) -> bool:
        """Whether the detector is shown ``segment``."""
        return segment.origin in self.origins


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What runs at one stage. ``suite`` names the remembered part (detectors, versions, options, origins):
    judgements of equal suites may stand for one another."""

    by_segment: tuple[Task, ...]
    by_exchange: tuple[Task, ...]
    suite: str

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All of them, those that judge segments one by one first."""
        return self.by_segment + self.by_exchange


def plan(policy: Policy, detectors: Sequence[Detector]) -> dict[Stage, StagePlan]:
    """The plan of each stage."""
    return {stage: _stage_plan(policy, detectors, stage) for stage in Stage}


def _stage_plan(policy: Policy, detectors: Sequence[Detector], stage: Stage) -> StagePlan:
    tasks = [
        Task(detector, origins)
        for detector in detectors
        if (origins := _origins(policy.rules, detector, stage))
    ]
    by_segment = tuple(task for task in tasks if task.detector.scope is Scope.SEGMENT)
    by_exchange = tuple(task for task in tasks if task.detector.scope is Scope.EXCHANGE)
    return StagePlan(by_segment, by_exchange, _suite(policy, by_segment, stage))


def _origins(rules: Iterable[Rule], detector: Detector, stage: Stage) -> frozenset[Origin]:
    origins: frozenset[Origin] = frozenset()
    for rule in rules:
        when = rule.when
        if when.stages and stage not in when.stages:
            continue
        if any(when.concerns(category) for category in detector.categories):
            origins |= when.origins or ALL_ORIGINS
    return origins


def _suite(policy: Policy, tasks: Sequence[Task], stage: Stage) -> str:
    # The digest stands for what options only point to: the contents of a list of terms, say.
    parts = [f"{task.detector.label} {task.detector.options!r} {sorted(task.origins)}" for task in tasks]
    return sha256("\n".join((policy.digest, stage, *parts)).encode("utf-8", "surrogatepass")).hexdigest()


def shown(task: Task, exchange: Exchange, segments: Sequence[Segment]) -> Exchange | None:
    """The exchange with only those of ``segments`` that the task's detector is to judge, or ``None`` when
    there are none."""
    wanted = tuple(segment for segment in segments if task.wants(segment))
    if not wanted:
        return None
    if len(wanted) == len(exchange.segments):
        return exchange
    return Exchange(exchange.id, exchange.stage, wanted, exchange.context, exchange.labels)
