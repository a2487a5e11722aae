"""One judging on its way: what the memo knows, what must run, and the outcomes put together.

It neither waits nor runs anything: the guard hands ``steps`` to a ``Run`` and reads ``outcomes`` after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from safety.memo import CLEAN, Judged, Key, Memo, to_absolute, to_relative
from safety.plan import StagePlan, Task, shown
from safety.runner import Check, Step
from safety.types import Exchange, Finding, Outcome, Ran, Segment, Stage


@dataclass(slots=True)
class _Part:
    """One exchange of the batch: its segments with their memo keys, and where its outcomes will come from."""

    exchange: Exchange
    plan: StagePlan
    keyed: Sequence[tuple[Segment, Key]] = ()
    known: Sequence[Judged | None] = ()
    places: dict[str, tuple[Step, int]] = field(default_factory=dict)

    def fresh(self) -> Sequence[Segment]:
        """The segments that the memo does not know."""
        return [
            segment for (segment, _), judged in zip(self.keyed, self.known, strict=True) if judged is None
        ]

    def remembered(self) -> tuple[dict[str, tuple[Finding, ...]], int]:
        """What the memo knows: findings by detector, and for how many segments."""
        found: dict[str, tuple[Finding, ...]] = {}
        for (segment, _), judged in zip(self.keyed, self.known, strict=True):
            if judged:  # most of a conversation is known to be clean
                for label, findings in judged.items():
                    found[label] = found.get(label, ()) + to_absolute(findings, segment)
        return found, sum(judged is not None for judged in self.known)


class Evaluation:
    """A batch of exchanges under one plan. Detectors that judge segments see only what the memo does not
    know; the others see every exchange."""

    def __init__(
        self,
        plans: Mapping[Stage, StagePlan],
        checks: Mapping[str, Check],
        exchanges: Sequence[Exchange],
        memo: Memo | None,
        *,
        growing: bool = False,
    ) -> None:
        self._memo = memo
        self._growing = growing
        self._steps: dict[str, tuple[Check, list[Exchange], Step]] = {}
        self._parts = [_Part(exchange, plans[exchange.stage]) for exchange in exchanges]
        for part in self._parts:
            self._place(part, checks)

    @property
    def exchanges(self) -> list[Exchange]:
        """The batch."""
        return [part.exchange for part in self._parts]

    @property
    def steps(self) -> list[Step]:
        """What must run: one call per detector."""
        return [step for _, _, step in self._steps.values()]

    def _place(self, part: _Part, checks: Mapping[str, Check]) -> None:
        segments: Sequence[Segment] = part.exchange.segments
        if part.plan.by_segment and self._memo is not None:
            part.keyed = [(segment, Memo.key(part.plan.suite, segment)) for segment in segments]
            part.known = self._memo.look_up([key for _, key in part.keyed])
            segments = part.fresh()
        for tasks, judged in (
            (part.plan.by_segment, segments),
            (part.plan.by_exchange, part.exchange.segments),
        ):
            for task in tasks:
                view = shown(task, part.exchange, judged)
                if view is not None:
                    self._add(part, task, checks[task.detector.name], view)

    def _add(self, part: _Part, task: Task, check: Check, view: Exchange) -> None:
        name = task.detector.name
        if name not in self._steps:
            batch: list[Exchange] = []
            self._steps[name] = check, batch, Step(check, batch, self._growing)
        _, batch, step = self._steps[name]
        part.places[name] = step, len(batch)
        batch.append(view)

    def outcomes(self) -> list[list[Outcome]]:
        """One list of outcomes per exchange, once all steps are filled; remembers what was judged."""
        results = [self._of(part) for part in self._parts]
        if self._memo is not None:
            self._memo.store(
                entry
                for part, outcomes in zip(self._parts, results, strict=True)
                for entry in _entries(part, outcomes)
            )
        return results

    def _of(self, part: _Part) -> list[Outcome]:
        found, cached = part.remembered()
        by_segment = len(part.plan.by_segment)
        outcomes = []
        for place, task in enumerate(part.plan.tasks):
            outcome = Outcome(task.detector.label)
            if task.detector.name in part.places:
                step, at = part.places[task.detector.name]
                outcome = step.outcomes[at]
            if cached and place < by_segment:
                findings = found.get(outcome.detector, ()) + outcome.findings
                outcome = replace(outcome, findings=findings, cached=cached)
            outcomes.append(outcome)
        return outcomes


def _entries(part: _Part, outcomes: Sequence[Outcome]) -> list[tuple[Key, Judged]]:
    """What may be remembered: segments that every detector of the suite has judged."""
    own = outcomes[: len(part.plan.by_segment)]
    if not part.keyed or any(outcome.ran is not Ran.OK for outcome in own):
        return []
    found: dict[str, list[tuple[str, Finding]]] = {}
    for outcome in own:
        for finding in outcome.findings:
            if finding.span is not None:
                found.setdefault(finding.span.path, []).append((outcome.detector, finding))
    entries: list[tuple[Key, Judged]] = []
    for (segment, key), judged in zip(part.keyed, part.known, strict=True):
        if judged is None:
            here = found.get(segment.path)
            entries.append((key, _within(segment, here) if here else CLEAN))
    return entries


def _within(segment: Segment, found: Sequence[tuple[str, Finding]]) -> Judged:
    judged: dict[str, tuple[Finding, ...]] = {}
    for label, finding in found:
        if finding.span is not None and segment.holds(finding.span):
            judged[label] = judged.get(label, ()) + to_relative((finding,), segment)
    return judged
