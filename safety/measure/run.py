"""The guard over labelled rows: what each detector scored, and what the policy would have done.

Nothing is recorded or remembered. Detectors that hold weak findings back (an option ``min_score``) are built
with that floor at 0, so that scores are continuous; a hit on a finding that the policy's own floor holds
back does not count, so what is flagged is what the policy flags. Monitor mode counts as if it were enforced.

A row on which a check failed, was late or was skipped has no scores: it could not run, which is not clean. In
a batch every row may take the time that the policy gives to one; latencies are measured one row at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from safety.detectors.registry import Registry
from safety.guard import Guard
from safety.measure.rows import Row
from safety.plan import plan
from safety.policy.cases import MODEL_ORIGINS
from safety.policy.detectors import build, involved, options_of
from safety.policy.model import DetectorConfig, Policy
from safety.types import (
    Action,
    DocumentMarks,
    Exchange,
    Finding,
    Hit,
    Origin,
    Outcome,
    Ran,
    Stage,
    Verdict,
    below,
)
from safety.wire.plain import (
    ANSWER,
    PROMPT,
    SYSTEM,
    answer_exchange,
    document_path,
    prompt_exchange,
    text_segments,
)

BATCH = 32
LATENCIES = 200  # rows that are judged one by one, at most
FLOOR = "min_score"  # the option that names the weakest score a detector reports

_WARM_UP = "A text to begin with."
_OTHER = "/text"
_PATHS = {
    Origin.SYSTEM: SYSTEM,
    Origin.USER: PROMPT,
    Origin.DOCUMENT: document_path(0),
    Origin.ASSISTANT: ANSWER,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one category in one row: the strongest score, and the strictest action of its hits."""

    score: float = 0.0
    action: Action = Action.ALLOW


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one row. ``seen``: of each category root that a running detector can find at the row's
    stage, and of each labelled category below one. ``action``: the strictest of all hits. With an ``error``
    the row could not run, and nothing was seen."""

    row: Row
    action: Action
    seen: Mapping[str, Seen]
    error: str = ""

    @property
    def flagged(self) -> bool | None:
        """Whether some hit redacts or blocks, or some hit on a labelled category annotates; exceptions
        excuse, monitor mode does not. ``None`` if the row could not run."""
        if self.error:
            return None
        noted = any(self.seen[name].action >= Action.ANNOTATE for name in self.labelled)
        return noted or self.action >= Action.REDACT

    @property
    def labelled(self) -> tuple[str, ...]:
        """The labelled categories that were looked for."""
        return tuple(name for name in self.row.labels if name in self.seen)

    @property
    def scores(self) -> dict[str, float]:
        """The strongest score of each root, 0.0 for nothing."""
        return {name: seen.score for name, seen in self.seen.items() if name == _root(name)}

    def as_json(self) -> dict[str, Any]:
        """The row's line under ``--scores``."""
        line = {"scores": self.scores, "flagged": self.flagged, "action": str(self.action)}
        return {**line, "error": self.error} if self.error else line


@dataclass(frozen=True, slots=True)
class Bench:
    """A guard made for measuring. ``floors``: what each detector holds back under the policy as it is;
    ``finds``: the categories that running detectors can find at each stage. ``stage`` is where texts are
    judged; ``None``: where their origin belongs."""

    guard: Guard
    floors: Mapping[str, float]
    finds: Mapping[Stage, tuple[str, ...]]
    stage: Stage | None = None

    @classmethod
    def of(cls, policy: Policy, registry: Registry, stage: Stage | None = None) -> Self:
        """The bench of a policy. ``PolicyError`` for one whose detectors cannot be built."""
        open_policy, floors = without_floors(policy, registry)
        guard = Guard(open_policy, build(open_policy, registry))
        plans = plan(open_policy, guard.detectors)
        finds = {at: tuple(c for task in plans[at].tasks for c in task.detector.categories) for at in Stage}
        return cls(guard, floors, finds, stage)

    @property
    def roots(self) -> frozenset[str]:
        """The first parts of all categories that are looked for at some stage."""
        return frozenset(_root(category) for found in self.finds.values() for category in found)

    def judge(self, rows: Sequence[Row]) -> list[Result]:
        """The results of one batch, in order."""
        exchanges = [self.exchange(row) for row in rows]
        verdicts = self.guard.judge(exchanges, remember=False)
        return [self._result(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)]

    def exchange(self, row: Row) -> Exchange:
        """The row as the doors would hand it to the guard."""
        marks = self.guard.policy.documents
        if row.documents:
            request = prompt_exchange(row.query, list(row.documents), id=row.place, marks=marks)
            return answer_exchange(row.text, request)
        return _text_exchange(row, self.stage, marks)

    def _result(self, row: Row, verdict: Verdict) -> Result:
        hits = _counted(verdict, self.floors)
        action = max((hit.action for hit in hits), default=Action.ALLOW)
        if not verdict.complete:
            return Result(row, action, {}, _trouble(verdict.outcomes))
        finds = self.finds[verdict.exchange.stage]
        findings = [finding for outcome in verdict.outcomes for finding in outcome.findings]
        names = sorted({_root(c) for c in finds}.union(row.labels))
        seen = {
            name: Seen(_strongest(findings, name), _strictest(hits, name))
            for name in names
            if any(below(found, name) or below(name, found) for found in finds)
        }
        return Result(row, action, seen)


def without_floors(policy: Policy, registry: Registry) -> tuple[Policy, dict[str, float]]:
    """The policy with every detector reporting whatever it scores, and the floors that it took away."""
    configs, floors = dict(policy.detectors), {}
    for name in involved(policy, registry):
        options = options_of(name, policy.detectors, registry)
        if any(option.name == FLOOR for option in fields(options)):
            floors[name] = float(options.min_score)
            config = configs.get(name, DetectorConfig(name))
            configs[name] = replace(config, options=replace(options, min_score=0.0))
    return replace(policy, detectors=configs), floors


@dataclass(frozen=True, slots=True)
class Timing:
    """``milliseconds`` of each row that was judged by itself; ``seconds`` that the ``batched`` rows, all the
    others, took in batches."""

    milliseconds: tuple[float, ...]
    batched: int
    seconds: float


def measure(
    bench: Bench, rows: Sequence[Row], advance: Callable[[int], None] = lambda count: None
) -> tuple[list[Result], Timing]:
    """The results of at least one row, in order, and how long it took; ``advance`` is told of every batch
    that is done."""
    bench.judge([replace(rows[0], text=_WARM_UP)])  # what is loaded at the first call is no row's time
    # Models remember texts of a moment ago whatever the guard does: nothing is timed that was judged before.
    alone = timed_alone(len(rows))
    milliseconds = tuple(_milliseconds(bench, rows[at]) for at in alone)
    results = dict(_judged(bench, rows, alone, advance))
    rest = [at for at in range(len(rows)) if at not in results]
    began = time.perf_counter()
    results.update(_judged(bench, rows, rest, advance))
    seconds = time.perf_counter() - began
    return [results[at] for at in range(len(rows))], Timing(milliseconds, len(rest), seconds)


def timed_alone(count: int) -> range:
    """Which of ``count`` rows are judged one by one: at most ``LATENCIES``, at most every second one, spread
    evenly."""
    return range(0, count, max(2, -(-count // LATENCIES)))


def _judged(
    bench: Bench, rows: Sequence[Row], places: Sequence[int], advance: Callable[[int], None]
) -> Iterator[tuple[int, Result]]:
    for begin in range(0, len(places), BATCH):
        batch = places[begin : begin + BATCH]
        yield from zip(batch, bench.judge([rows[at] for at in batch]), strict=True)
        advance(len(batch))


def _milliseconds(bench: Bench, row: Row) -> float:
    exchange = bench.exchange(row)
    began = time.perf_counter()
    bench.guard.judge((exchange,), remember=False)
    return (time.perf_counter() - began) * 1000


def _text_exchange(row: Row, stage: Stage | None, marks: DocumentMarks) -> Exchange:
    spoken = row.origin in MODEL_ORIGINS
    at = stage or (Stage.OUTPUT if spoken else Stage.INPUT)
    origin = Origin.ASSISTANT if at is Stage.OUTPUT and not spoken else row.origin
    segments = tuple(text_segments(_PATHS.get(origin, _OTHER), origin, row.text, marks))
    return Exchange(row.place, at, segments)


def _counted(verdict: Verdict, floors: Mapping[str, float]) -> list[Hit]:
    """The hits that the policy as it is would have: not excused, and not on what a floor holds back."""
    held = {
        finding
        for outcome in verdict.outcomes
        for finding in outcome.findings
        if finding.score < floors.get(outcome.detector.partition("@")[0], 0.0)
    }
    return [hit for hit in verdict.hits if hit.excused is None and hit.finding not in held]


def _strongest(findings: Iterable[Finding], category: str) -> float:
    return max((f.score for f in findings if below(f.category, category)), default=0.0)


def _strictest(hits: Iterable[Hit], category: str) -> Action:
    found = (hit.action for hit in hits if below(hit.finding.category, category))
    return max(found, default=Action.ALLOW)


def _trouble(outcomes: Iterable[Outcome]) -> str:
    """What did not run, and why, in one line."""
    said = (f"{o.detector} {o.ran}: {o.error or 'no reason given'}" for o in outcomes if o.ran is not Ran.OK)
    return " ".join("; ".join(said).split())


def _root(category: str) -> str:
    return category.partition(".")[0]
