"""Running detectors: in workers, under time limits, every failure turned into an outcome.

Cheap detectors of one call share a worker and run one after another, because a thread hop costs more than
most of them; a dear one gets a worker of its own. When a detector passes its limit it is left behind (a
thread cannot be killed) and another worker goes on with the rest. It does not decide, record or remember.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from safety.detectors.base import Detector, Scope
from safety.pool import Pool
from safety.types import Exchange, Finding, Outcome, Ran, Segment, Span, below

STUCK_LIMIT = 2  # calls of one detector that may hang before it is skipped instead of called


@dataclass(slots=True)
class Check:
    """A detector, how long it may take (seconds), and how many of its calls have not come back."""

    detector: Detector
    timeout: float
    stuck: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hang(self, by: int) -> None:
        """Count a call that was left behind (1), or one that has come back after all (-1)."""
        with self._lock:
            self.stuck += by


@dataclass(slots=True)
class Step:
    """One call of one detector on a batch, and what came of it: one outcome per exchange."""

    check: Check
    batch: Sequence[Exchange]
    growing: bool = False
    started: float | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def fill(self, ran: Ran, error: str, seconds: float = 0.0) -> None:
        """The same failure for every exchange of the batch."""
        label = self.check.detector.label
        self.outcomes = [Outcome(label, ran=ran, error=error, seconds=seconds) for _ in self.batch]


class Lane:
    """Steps that share a worker. ``turn`` tells a worker that was left behind that it is."""

    def __init__(self, steps: list[Step], done: Callable[[], None]) -> None:
        self.steps = steps
        self.at = 0
        self.turn = 0
        self._done = done
        self._lock = threading.Lock()

    def work(self, turn: int) -> None:
        """Run the steps that are left; returns early when left behind."""
        while True:
            with self._lock:
                if turn != self.turn or self.at >= len(self.steps):
                    return
                step = self.steps[self.at]
                step.started = time.monotonic()
            outcomes = _call(step)
            with self._lock:
                if turn != self.turn:
                    step.check.hang(-1)
                    return
                step.outcomes = outcomes
                self.at += 1
                finished = self.at >= len(self.steps)
            if finished:
                self._done()
                return

    def limit(self) -> float | None:
        """When the running step is late (monotonic seconds), ``inf`` before a worker took it, ``None`` when
        the lane is finished."""
        with self._lock:
            return self._limit()

    def _limit(self) -> float | None:
        if self.at >= len(self.steps):
            return None
        step = self.steps[self.at]
        if step.started is None:
            return math.inf
        return step.started + step.check.timeout * len(step.batch)

    def leave(self, now: float) -> int | None:
        """Give up the running step if it is late; the next turn's number if steps are left then."""
        with self._lock:
            limit = self._limit()  # asked again: the step may have ended since, and another have begun
            if limit is None or now < limit:
                return None
            self._abandon(self.steps[self.at], now)
            return self.turn if self.at < len(self.steps) else None

    def give_up(self, now: float, why: str) -> None:
        """Give up the running step and all that follow."""
        with self._lock:
            if self.at >= len(self.steps):
                return
            if self.steps[self.at].started is not None:
                self._abandon(self.steps[self.at], now)
            for step in self.steps[self.at :]:
                step.fill(Ran.SKIPPED, why)
            self.at = len(self.steps)
            self.turn += 1

    def _abandon(self, step: Step, now: float) -> None:
        seconds = now - (step.started or now)
        step.fill(Ran.LATE, f"no answer within {seconds:.3g} s", seconds)
        step.check.hang(1)
        self.at += 1
        self.turn += 1


class Run:
    """Some steps on their way. ``wake`` is called from a worker whenever a lane has finished."""

    def __init__(self, pool: Pool, steps: Sequence[Step], seconds: float, wake: Callable[[], None]):
        self._pool = pool
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        ready = [step for step in steps if not _skipped(step)]
        cheap = [step for step in ready if not step.check.detector.dear]
        dear = [[step] for step in ready if step.check.detector.dear]
        self._lanes = [Lane(lane, wake) for lane in (*dear, cheap) if lane]
        for lane in self._lanes:
            self._start(lane, 0)

    def _start(self, lane: Lane, turn: int) -> None:
        if not self._pool.submit(lambda: lane.work(turn)):
            lane.give_up(time.monotonic(), "no worker was free")

    def remaining(self) -> float | None:
        """Seconds to wait before ``expire`` has something to do; ``None`` when all is finished."""
        limits = [limit for lane in self._lanes if (limit := lane.limit()) is not None]
        if not limits:
            return None
        return max(0.0, min(self._deadline, *limits) - time.monotonic())

    def expire(self) -> None:
        """Leave behind what is late; past the deadline, give up what is left."""
        now = time.monotonic()
        for lane in self._lanes:
            limit = lane.limit()
            if limit is None:
                continue
            if now >= self._deadline:
                lane.give_up(now, f"the deadline of {self._seconds:g} s passed before it began")
            elif (turn := lane.leave(now)) is not None:
                self._start(lane, turn)


def _skipped(step: Step) -> bool:
    if step.check.stuck < STUCK_LIMIT:
        return False
    step.fill(Ran.SKIPPED, f"{step.check.stuck} earlier calls have not come back")
    return True


def _call(step: Step) -> list[Outcome]:
    detector = step.check.detector
    outcomes = _attempt(detector, step.batch, step.growing)
    if len(step.batch) > 1 and outcomes[0].ran is Ran.FAILED:
        # One bad exchange must not fail its neighbours: a batch is judged as its parts would be.
        outcomes = [_attempt(detector, (exchange,), step.growing)[0] for exchange in step.batch]
    return outcomes


def _attempt(detector: Detector, batch: Sequence[Exchange], growing: bool) -> list[Outcome]:
    began = time.perf_counter()
    places: list[tuple[Span, ...]] = [()] * len(batch)
    try:
        found = detector.detect(batch)
        problem = nonsense(detector, batch, found)
        if growing:
            places = [_open(detector, exchange) for exchange in batch]
    except Exception as error:  # a detector's failure is an outcome, whatever it raised
        problem = f"{type(error).__name__}: {error}"[:300]
    seconds = (time.perf_counter() - began) / len(batch)
    if problem is not None:
        return [Outcome(detector.label, (), Ran.FAILED, problem, seconds) for _ in batch]
    return [
        Outcome(detector.label, tuple(findings), seconds=seconds, open=ends)
        for findings, ends in zip(found, places, strict=True)
    ]


def _open(detector: Detector, window: Exchange) -> tuple[Span, ...]:
    """The ends of the window's texts in which a finding may have begun."""
    ends = ((segment, detector.pending(segment.text)) for segment in window.segments)
    return tuple(
        segment.span(max(at, 0), len(segment.text))
        for segment, at in ends
        if at is not None and at < len(segment.text)
    )


def nonsense(detector: Detector, batch: Sequence[Exchange], found: Sequence[Sequence[Finding]]) -> str | None:
    """What is wrong with a detector's answer, or ``None``: findings that point nowhere are not findings."""
    if not isinstance(found, Sequence) or len(found) != len(batch):
        return f"returned nonsense: {len(batch)} lists of findings were due"
    for exchange, findings in zip(batch, found, strict=True):
        for finding in findings:
            if problem := _unsound(detector, exchange, finding):
                return f"returned nonsense: {problem}"
    return None


def _unsound(detector: Detector, exchange: Exchange, finding: Finding) -> str | None:
    if not isinstance(finding, Finding):
        return f"{type(finding).__name__} where a Finding was due"
    if not 0.0 <= finding.score <= 1.0:
        return f"score {finding.score} outside 0 to 1"
    if finding.severity is not None and not 0 <= finding.severity <= 7:
        return f"severity {finding.severity} outside 0 to 7"
    if not any(below(finding.category, root) for root in detector.categories):
        return f"category {finding.category!r} is none of its own"
    if finding.span is None:
        return "a finding without a place" if detector.scope is Scope.SEGMENT else None
    segment = exchange.segment_at(finding.span)
    return None if segment is not None and _fits(segment, finding.span) else "a span outside the text"


def _fits(segment: Segment, span: Span) -> bool:
    return segment.start <= span.start < span.end <= segment.start + len(segment.text)
