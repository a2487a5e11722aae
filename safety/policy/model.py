"""The policy as a value, and the one function that decides.

Pure: no clock, no I/O. ``decide`` turns what detectors saw into a verdict; no other place does. It does
not run detectors (``guard``), read YAML (``policy.file``) or apply edits (``redact``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Protocol

from safety.redact import merge_edits
from safety.types import (
    Action,
    DocumentMarks,
    Edit,
    Exchange,
    Finding,
    Hit,
    Origin,
    Outcome,
    Ran,
    Segment,
    Span,
    Stage,
    Verdict,
    below,
)

NOT_RUN = "not_run"  # category root of the findings that stand for detectors that did not run
ON_ERROR = "on_error"  # rule id of what they bring about


class Mode(StrEnum):
    """``ENFORCE`` acts; ``MONITOR`` records what it would have done."""

    ENFORCE = "enforce"
    MONITOR = "monitor"


class StreamMode(StrEnum):
    """``BUFFERED`` holds all until the end; ``WINDOWED`` holds back to the last judged sentence;
    ``OBSERVE`` judges alongside, for the record, and never holds."""

    BUFFERED = "buffered"
    WINDOWED = "windowed"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class When:
    """What a rule applies to. An empty set means any."""

    categories: tuple[str, ...]
    origins: frozenset[Origin] = frozenset()
    stages: frozenset[Stage] = frozenset()
    min_score: float = 0.5
    min_severity: int = 0

    def covers(self, category: str) -> bool:
        """Whether ``category`` is one of the rule's or lies below one (``pii`` covers ``pii.IBAN_CODE``)."""
        return any(root == "*" or below(category, root) for root in self.categories)

    def concerns(self, root: str) -> bool:
        """Whether the rule could fire on anything under ``root`` (what a detector says it can find)."""
        return self.covers(root) or any(below(named, root) for named in self.categories)

    def matches(self, finding: Finding, stage: Stage, origin: Origin | None) -> bool:
        """Whether the rule fires on ``finding``. A finding without a place has no origin: rules that ask
        for one do not fire on it."""
        return (
            (not self.stages or stage in self.stages)
            and (not self.origins or origin in self.origins)
            and finding.score >= self.min_score
            and (self.min_severity == 0 or (finding.severity or 0) >= self.min_severity)
            and self.covers(finding.category)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """``when`` this is found, do ``action``. ``replacement`` is what a redaction puts in place; with
    ``correct`` that is the finding's own correction, if it has one."""

    id: str
    when: When
    action: Action
    message: str = ""
    mode: Mode | None = None
    replacement: str | None = None
    correct: bool = False


class Pattern(Protocol):
    """A compiled expression of a linear-time engine."""

    def search(self, text: str, /) -> Any: ...
    def finditer(self, text: str, /) -> Iterable[Any]: ...


@dataclass(frozen=True, slots=True)
class Exemption:
    """An entry under ``exceptions:``: a text that is let pass, why, and until when.

    Exactly one of ``text`` (an occurrence must cover the finding), ``pattern`` (a match must cover it) and
    ``sha256`` (hex digest of the whole segment in UTF-8) is set. ``categories`` and ``rules``
    narrow it; empty means any.
    """

    reason: str
    expires: date
    text: str | None = None
    pattern: Pattern | None = None
    sha256: str | None = None
    categories: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def excuses(self, rule: str, finding: Finding, segment: Segment | None, today: date) -> bool:
        """Whether ``finding`` may pass. Valid through the day of ``expires``. Without a place nothing is."""
        if today > self.expires or segment is None or finding.span is None:
            return False
        if self.rules and rule not in self.rules:
            return False
        if self.categories and not When(self.categories).covers(finding.category):
            return False
        return self._covers(finding.span, segment)

    def _covers(self, span: Span, segment: Segment) -> bool:
        if self.sha256 is not None:
            return self.sha256 == content_digest(segment.text)
        start, end = span.start - segment.start, span.end - segment.start
        if self.text is not None:
            first = max(0, end - len(self.text))
            return segment.text.find(self.text, first, start + len(self.text)) >= 0
        if self.pattern is None:
            return False
        return any(m.start() <= start and end <= m.end() for m in self.pattern.finditer(segment.text))


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """A detector as the policy wants it: its options (an instance of its ``Options``), its own time limit
    in seconds, and what its failure means; ``None`` takes the policy's. One that is not ``enabled`` does not
    run, and rules on what it alone finds never fire. ``place`` is where it is written, for messages."""

    name: str
    options: Any = None
    timeout: float | None = None
    on_error: Action | None = None
    enabled: bool = True
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """How answers are released while they stream. ``max_hold`` and ``overlap`` are in code points: the most
    that is held without a sentence end, and how much judged text is judged again with the next window."""

    mode: StreamMode = StreamMode.WINDOWED
    max_hold: int = 1200
    overlap: int = 400


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: a value, equal for equal YAML. ``digest`` identifies it in events."""

    name: str
    digest: str = ""
    mode: Mode = Mode.ENFORCE
    on_error: Action = Action.BLOCK
    deadline: float = 2.0
    rules: tuple[Rule, ...] = ()
    detectors: Mapping[str, DetectorConfig] = field(default_factory=dict)
    stream: StreamPolicy = StreamPolicy()
    exceptions: tuple[Exemption, ...] = ()
    documents: DocumentMarks = DocumentMarks()
    raw_excerpts: bool = False
    when_behind: Literal["slow", "sample"] = "slow"

    @property
    def id(self) -> str:
        """``name@digest``, as verdicts and events carry it."""
        return f"{self.name}@{self.digest[:12]}"

    def failure_action(self, detector: str) -> Action:
        """What it means that ``detector`` did not run."""
        config = self.detectors.get(detector)
        return self.on_error if config is None or config.on_error is None else config.on_error


def content_digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, hex: what ``exceptions: - sha256:`` holds."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def decide(
    policy: Policy,
    exchange: Exchange,
    outcomes: Sequence[Outcome],
    *,
    today: date,
    enforce: bool = True,
    facts: Sequence[Hit] = (),
) -> Verdict:
    """The verdict on ``exchange``, given what the detectors saw.

    ``today`` is for exceptions that expire. ``enforce`` is false where nothing can be held back (an observed
    stream), as if all were monitored. ``facts`` are hits that a door brings itself (a body that cannot be
    read): they count like those of rules.
    """
    hits: list[Hit] = list(facts)
    edits: list[Edit] = []
    for outcome in outcomes:
        if outcome.ran is not Ran.OK:
            hits.append(_not_run(policy, outcome))
        for finding in outcome.findings:
            for hit, edit in _hits(policy, exchange, finding, today):
                hits.append(hit)
                if edit is not None and hit.enforced and enforce:
                    edits.append(edit)
    if not enforce:
        hits = [replace(hit, enforced=False) for hit in hits]
    counted = [hit for hit in hits if hit.excused is None]
    return Verdict(
        exchange=exchange,
        policy=policy.id,
        action=max((hit.action for hit in counted if hit.enforced), default=Action.ALLOW),
        would=max((hit.action for hit in counted), default=Action.ALLOW),
        hits=tuple(hits),
        outcomes=tuple(outcomes),
        edits=merge_edits(edits),
    )


def _not_run(policy: Policy, outcome: Outcome) -> Hit:
    name = outcome.detector.partition("@")[0]
    finding = Finding(name, f"{NOT_RUN}.{outcome.ran}", evidence=outcome.error or "")
    return Hit(
        ON_ERROR,
        policy.failure_action(name),
        finding,
        enforced=policy.mode is Mode.ENFORCE,
        message=f"the {name} check could not run",
    )


def _hits(
    policy: Policy, exchange: Exchange, finding: Finding, today: date
) -> Iterable[tuple[Hit, Edit | None]]:
    segment = None if finding.span is None else exchange.segment_at(finding.span)
    origin = None if segment is None else segment.origin
    for rule in policy.rules:
        if not rule.when.matches(finding, exchange.stage, origin):
            continue
        excused = next(
            (e.reason for e in policy.exceptions if e.excuses(rule.id, finding, segment, today)), None
        )
        edit = None
        action = rule.action
        if action is Action.REDACT and excused is None:
            if finding.span is None:
                action = Action.BLOCK  # what has no place cannot be taken out
            else:
                edit = _edit(finding.span, _replacement(rule, finding), segment)
        mode = rule.mode or policy.mode
        yield Hit(rule.id, action, finding, mode is Mode.ENFORCE, excused, rule.message), edit


def _edit(span: Span, replacement: str, segment: Segment | None) -> Edit:
    """The edit of ``span``. Where nothing comes in its place, a blank after it goes too."""
    if not replacement and segment is not None:
        end = span.end - segment.start
        if segment.text[end : end + 1] == " ":
            span = replace(span, end=span.end + 1)
    return Edit(span, replacement)


def _replacement(rule: Rule, finding: Finding) -> str:
    if rule.correct and finding.correction is not None:
        return finding.correction
    if rule.replacement is not None:
        return rule.replacement
    return f"[{finding.category.rpartition('.')[2].upper()}]"
