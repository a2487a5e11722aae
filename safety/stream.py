"""Driving the gate with the guard: one judged stream, for threads and for the event loop.

Items come in by ``push`` and go out of it; ``finish`` ends the stream however it ended, judges the whole,
and records the one event of the output stage. What an item is, is the caller's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from safety.gate import Gate, Outgoing
from safety.policy.model import Policy, StreamMode, StreamPolicy
from safety.types import Delta, Exchange, Finding, Outcome, Ran, Verdict

T = TypeVar("T")


class Judge(Protocol):
    """What a stream needs of the guard."""

    policy: Policy

    @property
    def judges_answers(self) -> bool: ...
    def judge(
        self, exchanges: Sequence[Exchange], *, remember: bool = True, growing: bool = False
    ) -> list[Verdict]: ...
    async def ajudge(
        self, exchanges: Sequence[Exchange], *, remember: bool = True, growing: bool = False
    ) -> list[Verdict]: ...
    def decide(self, exchange: Exchange, outcomes: Sequence[Outcome], *, enforce: bool = True) -> Verdict: ...
    def record(self, verdict: Verdict) -> Verdict: ...
    async def arecord(self, verdict: Verdict) -> Verdict: ...


_WORST = (Ran.OK, Ran.SKIPPED, Ran.LATE, Ran.FAILED)


class _Judged(Generic[T]):
    """What both kinds of stream share: the gate, and the outcomes of all its windows."""

    def __init__(self, guard: Judge, request: Exchange, choices: int) -> None:
        self._guard = guard
        how = _how(guard)
        self._observes = how.mode is StreamMode.OBSERVE
        self._gate: Gate[T] = Gate(request, how, choices)
        self._outcomes: list[Outcome] = []
        self._seconds = 0.0
        self.verdict: Verdict | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more may go out: time to stop reading and call ``finish``."""
        return self._gate.over

    def _settle(self, windows: Sequence[Exchange], verdicts: Sequence[Verdict]) -> None:
        for window, verdict in zip(windows, verdicts, strict=True):
            self._outcomes += verdict.outcomes
            self._seconds += verdict.seconds
            self._gate.settle(window, verdict)

    def _conclude(self, end: str) -> Verdict:
        exchange = self._gate.so_far()
        if end:
            exchange = replace(exchange, labels={**exchange.labels, "end": end})
        enforce = self._guard.policy.stream.mode is not StreamMode.OBSERVE
        verdict = self._guard.decide(exchange, merge(self._outcomes), enforce=enforce)
        return replace(verdict, seconds=self._seconds)


def _how(guard: Judge) -> StreamPolicy:
    """The policy's way of streaming. Buffered if an exception speaks of whole answers, which no window is;
    nothing is held if no detector judges answers."""
    stream = guard.policy.stream
    if not guard.judges_answers:
        return replace(stream, mode=StreamMode.OBSERVE)
    whole = any(exemption.sha256 is not None for exemption in guard.policy.exceptions)
    if whole and stream.mode is StreamMode.WINDOWED:
        return replace(stream, mode=StreamMode.BUFFERED)
    return stream


class Stream(_Judged[T]):
    """A judged stream for plain threads. What is observed is judged at the end: a caller who waits for
    ``push`` must not wait for a judgement."""

    def push(self, item: T, deltas: Iterable[Delta], choices: Iterable[int] = ()) -> list[Outgoing[T]]:
        """An item has arrived; what may go out now."""
        self._gate.feed(item, deltas, choices)
        while not self._observes and (windows := self._gate.due()):
            self._settle(windows, self._guard.judge(windows, remember=False, growing=True))
        return [] if self._gate.over else self._gate.release()

    def finish(self, end: str = "") -> list[Outgoing[T]]:
        """The stream has ended (``end`` says how, if not by itself); what may still go out. ``verdict`` is
        set, and on record, when this returns."""
        self._gate.close()
        while windows := self._gate.due():
            self._settle(windows, self._guard.judge(windows, remember=False))
        self.verdict = self._conclude(end)
        self.verdict = self._guard.record(self.verdict)
        return self._gate.release()


class AsyncStream(_Judged[T]):
    """A judged stream for the event loop. What is observed is judged alongside, in a task of its own."""

    _alongside: asyncio.Task[None] | None = None

    async def push(self, item: T, deltas: Iterable[Delta], choices: Iterable[int] = ()) -> list[Outgoing[T]]:
        """``Stream.push`` without blocking the event loop."""
        self._gate.feed(item, deltas, choices)
        if not self._observes:
            await self._judge_due()
        elif self._guard.judges_answers and (self._alongside is None or self._alongside.done()):
            self._alongside = asyncio.create_task(self._judge_due())
        return [] if self._gate.over else self._gate.release()

    async def _judge_due(self) -> None:
        while windows := self._gate.due():
            self._settle(windows, await self._guard.ajudge(windows, remember=False, growing=True))

    async def finish(self, end: str = "") -> list[Outgoing[T]]:
        """``Stream.finish`` without blocking the event loop."""
        if self._alongside is not None:
            await self._alongside
        self._gate.close()
        while windows := self._gate.due():
            self._settle(windows, await self._guard.ajudge(windows, remember=False))
        self.verdict = self._conclude(end)
        self.verdict = await self._guard.arecord(self.verdict)
        return self._gate.release()


def merge(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """One outcome per detector: every finding once, the worst way it ran, the seconds added up."""
    merged: dict[str, Outcome] = {}
    for outcome in outcomes:
        known = merged.get(outcome.detector)
        merged[outcome.detector] = outcome if known is None else _joined(known, outcome)
    return list(merged.values())


def _joined(first: Outcome, second: Outcome) -> Outcome:
    worse = max(first, second, key=lambda outcome: _WORST.index(outcome.ran))
    return Outcome(
        first.detector,
        _distinct(first.findings + second.findings),
        worse.ran,
        worse.error,
        first.seconds + second.seconds,
        first.cached + second.cached,
    )


def _distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding per category and place: the one with the highest score."""
    best: dict[object, Finding] = {}
    for finding in findings:
        key = (finding.category, finding.span, finding.evidence)
        if key not in best or finding.score > best[key].score:
            best[key] = finding
    return tuple(best.values())
