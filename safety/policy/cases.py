"""The ``tests:`` of a policy: texts in, the expected action and rules out.

Pure apart from the check it is given. A test that *failed* is kept apart from one that *could not run*: a
detector that was late says nothing about the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from safety.errors import PolicyError, SafetyError
from safety.types import Action, Exchange, Origin, Ran, Segment, Stage, Verdict

MODEL_ORIGINS = frozenset({Origin.ASSISTANT, Origin.REASONING, Origin.TOOL_CALL})


class Ended(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could not run"


@dataclass(frozen=True, slots=True)
class Case:
    """One test. ``place`` is ``file:line`` of where it is written and no part of what the test is;
    ``would`` is checked when given."""

    name: str
    place: str = field(compare=False)
    stage: Stage
    segments: tuple[Segment, ...]
    expect: Action
    would: Action | None = None
    rules: tuple[str, ...] = ()
    not_rules: tuple[str, ...] = ()

    def exchange(self) -> Exchange:
        """What is judged. At ``output`` the model's texts are judged and the rest is context."""
        if self.stage is Stage.INPUT:
            return Exchange(f"test {self.name}", self.stage, self.segments)
        judged = tuple(s for s in self.segments if s.origin in MODEL_ORIGINS)
        context = tuple(s for s in self.segments if s.origin not in MODEL_ORIGINS)
        return Exchange(f"test {self.name}", self.stage, judged, context)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a test ended, and in one line each why it did not pass."""

    case: Case
    ended: Ended
    why: tuple[str, ...] = ()
    verdict: Verdict | None = None


def run_cases(check: Callable[[Exchange], Verdict], cases: Iterable[Case]) -> list[CaseResult]:
    """One result per test, in order. ``check`` is usually ``Guard.check`` without a recorder."""
    return [_run(check, case) for case in cases]


def _run(check: Callable[[Exchange], Verdict], case: Case) -> CaseResult:
    try:
        verdict = check(case.exchange())
    except SafetyError as error:
        return CaseResult(case, Ended.COULD_NOT_RUN, (str(error),))
    missing = tuple(f"{o.detector} {o.ran}: {o.error}" for o in verdict.outcomes if o.ran is not Ran.OK)
    if missing:
        return CaseResult(case, Ended.COULD_NOT_RUN, missing, verdict)
    why = tuple(_differences(case, verdict))
    return CaseResult(case, Ended.FAILED if why else Ended.PASSED, why, verdict)


def _differences(case: Case, verdict: Verdict) -> Iterable[str]:
    if verdict.action is not case.expect:
        yield f"expected {case.expect}, got {verdict.action} ({_by(verdict)})"
    if case.would is not None and verdict.would is not case.would:
        yield f"expected that it would {case.would}, it would {verdict.would}"
    hit = {hit.rule for hit in verdict.hits if hit.excused is None}
    for rule in case.rules:
        if rule not in hit:
            yield f"rule {rule} did not hit"
    for rule in case.not_rules:
        if rule in hit:
            yield f"rule {rule} hit"


def _by(verdict: Verdict) -> str:
    hits = dict.fromkeys(
        f"{hit.rule} on {hit.finding.category} {hit.finding.score:.2f}" for hit in verdict.hits
    )
    return ", ".join(hits) or "no rule hit"


def require(results: Sequence[CaseResult]) -> None:
    """``PolicyError`` with one line per test that did not pass."""
    problems = tuple(
        f"{r.case.place}: test {r.case.name!r} {r.ended}: {'; '.join(r.why)}"
        for r in results
        if r.ended is not Ended.PASSED
    )
    if problems:
        raise PolicyError(problems)
